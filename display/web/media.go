package web

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/ice/v4"
)

// media is the UDP socket that all viewers' media goes through. What does not bear the credentials of a viewer's session is dropped there.
//
// Where the page is for this machine alone there is a second one, at one of the machine's own addresses: Firefox does not connect from its
// network addresses to a loopback address.
type media struct {
	mux     ice.UDPMux
	sockets []net.PacketConn
	outer   netip.Addr // an address of ours that is listened at and no loopback address; not valid: there is none
}

// openMedia opens the socket at the page's address, and the second one where it is needed and possible.
func openMedia(at netip.AddrPort) (*media, error) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	m := &media{sockets: []net.PacketConn{socket}}
	own := ownAddresses()
	switch {
	case at.Addr().IsUnspecified() && len(own) > 0:
		m.outer = own[0]
	case at.Addr().IsLoopback():
		for _, address := range own {
			outer, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, at.Port())))
			if err == nil {
				m.sockets, m.outer = append(m.sockets, outer), address
				break
			}
		}
	}
	var all []ice.UDPMux
	for _, socket := range m.sockets {
		all = append(all, ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket, Logger: quiet{}}))
	}
	m.mux = ice.NewMultiUDPMuxDefault(all...)
	return m, nil
}

// ownAddresses are the machine's addresses in a network, IPv4 first.
func ownAddresses() []netip.Addr {
	var v4, v6 []netip.Addr
	addresses, _ := net.InterfaceAddrs() // without, there is no second socket
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		switch {
		case err != nil || !prefix.Addr().IsGlobalUnicast():
		case prefix.Addr().Is4():
			v4 = append(v4, prefix.Addr())
		default:
			v6 = append(v6, prefix.Addr())
		}
	}
	return append(v4, v6...)
}

// of returns the way to a viewer who reached the page at an address: media comes from the same one, which is as good a place as any, on this
// machine also from the outer one.
func (m *media) of(page netip.Addr) ice.UDPMux { return &candidates{m.mux, m, page.WithZone("")} }

// candidates are the addresses that one viewer is told, of those that are listened at.
type candidates struct {
	ice.UDPMux
	media *media
	page  netip.Addr
}

// GetListenAddresses is what pion asks for them. Its filter of addresses does not look at those of a mux.
func (c *candidates) GetListenAddresses() []net.Addr {
	return slices.DeleteFunc(c.UDPMux.GetListenAddresses(), func(a net.Addr) bool {
		udp, ok := a.(*net.UDPAddr)
		if !ok {
			return true
		}
		ours := udp.AddrPort().Addr().Unmap().WithZone("")
		return ours != c.page && (ours != c.media.outer || !c.page.IsLoopback())
	})
}

func (m *media) close() error {
	err := m.mux.Close()
	for _, socket := range m.sockets {
		if closed := socket.Close(); !errors.Is(closed, net.ErrClosed) { // the mux may have
			err = errors.Join(err, closed)
		}
	}
	return err
}
