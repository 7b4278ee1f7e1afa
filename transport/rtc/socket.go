package rtc

import (
	"net"
	"net/netip"
	"time"
)

const (
	// maxDatagram is the longest datagram taken in; longer ones are cut by the kernel and then fail to decrypt. What WebRTC
	// sends passes an Ethernet.
	maxDatagram = 1500
	// socketBuffer is asked of the kernel in each direction, so that a burst survives a pause of this process: 4 MB are a
	// third of a second at 100 Mbit/s. The kernel may give less.
	socketBuffer = 4 << 20
)

// route is a way between us and the other side.
type route struct {
	remote netip.AddrPort // its address
	local  netip.Addr     // ours, where it sent to, so that the answer comes from there; not valid where the system does not say
}

// socket is a UDP socket that knows of every datagram when the kernel took it in and which of our addresses it was sent to.
type socket struct {
	conn   *net.UDPConn
	oob    []byte    // for the reader
	newest time.Time // latest arrival that was returned
	system systemSocket
}

func listenUDP(address string) (*socket, error) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", a)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, oob: make([]byte, oobSize)}
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	s.configure()
	return s, nil
}

// read waits for a datagram. Its arrival is the kernel's time stamp where there is one, on the monotonic clock; arrivals never
// lie in the future nor go backwards. It is for one goroutine.
func (s *socket) read(b []byte) (n int, r route, arrival time.Time, err error) {
	n, stamp, r, err := s.receive(b)
	if err != nil {
		return 0, route{}, time.Time{}, err
	}
	// The kernel stamps by the wall clock, which may be set at any moment. What counts is how old the stamp is now; that is
	// taken off the monotonic clock.
	now := time.Now()
	arrival = now
	if !stamp.IsZero() {
		if age := now.Round(0).Sub(stamp); age > 0 {
			arrival = now.Add(-age)
		}
	}
	if arrival.Before(s.newest) { // the wall clock was set forward, or two network cards disagree
		arrival = s.newest
	}
	s.newest = arrival
	r.remote = netip.AddrPortFrom(r.remote.Addr().Unmap(), r.remote.Port())
	return n, r, arrival, nil
}
