package rtc

import (
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
)

// Towards pion a session always runs between the same two addresses, one here and one there, whatever addresses the datagrams
// really have: so pion has nothing to gather, and the session survives when the other side's address changes, which ICE could
// only follow by negotiating anew. The addresses are from the block for documentation (RFC 5737), and no datagram bears them.
var (
	receiverEnd = netip.MustParseAddrPort("192.0.2.1:9")
	senderEnd   = netip.MustParseAddrPort("192.0.2.2:9")
)

// path is the network that pion sees: one address here, one there. It is at once pion's UDP mux (ice.UDPMux) and the one
// connection in it.
type path struct {
	here, there netip.AddrPort
	receive     func(b []byte) (int, error) // waits for the next datagram that is for pion
	send        func(b []byte) error        // sends what pion wants sent
	close       func() error                // makes receive return
}

var (
	_ ice.UDPMux               = (*path)(nil)
	_ ice.AddrPortReaderWriter = (*path)(nil)
)

func (p *path) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, err := p.receive(b)
	return n, p.there, err
}

// WriteToAddrPort sends to the other side. Whatever else a session description made pion write to goes nowhere.
func (p *path) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if to != p.there {
		return len(b), nil
	}
	return len(b), p.send(b)
}

// The rest of net.PacketConn, in the older form.

func (p *path) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (p *path) WriteTo(b []byte, to net.Addr) (int, error) {
	if a, ok := to.(*net.UDPAddr); ok {
		return p.WriteToAddrPort(b, a.AddrPort())
	}
	return len(b), nil
}

func (p *path) Close() error                     { return p.close() }
func (p *path) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(p.here) }
func (p *path) SetDeadline(time.Time) error      { return nil }
func (p *path) SetReadDeadline(time.Time) error  { return nil }
func (p *path) SetWriteDeadline(time.Time) error { return nil }

// The rest of ice.UDPMux.

func (p *path) GetConn(string, net.Addr) (net.PacketConn, error) { return p, nil }
func (p *path) RemoveConnByUfrag(string)                         {}
func (p *path) GetListenAddresses() []net.Addr                   { return []net.Addr{p.LocalAddr()} }
