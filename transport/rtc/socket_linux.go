package rtc

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// oobSize has room for a time stamp and an address, as control messages.
const oobSize = 256

// systemSocket is what of a socket only Linux has.
type systemSocket struct{ ipv6 bool }

// configure asks for time stamps, and for the address that each datagram was sent to. What the kernel refuses is not there:
// then the clock is read instead, and the kernel chooses the address that we send from.
func (s *socket) configure() {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		if domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && domain == unix.AF_INET6 {
			s.system.ipv6 = true
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
		// With the right to it, this passes the system's limit.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)
	})
}

func (s *socket) receive(b []byte) (n int, stamp time.Time, r route, err error) {
	n, oobn, _, remote, err := s.conn.ReadMsgUDPAddrPort(b, s.oob)
	if err != nil {
		return 0, time.Time{}, route{}, err
	}
	r.remote = remote
	for oob := s.oob[:oobn]; len(oob) >= unix.SizeofCmsghdr; {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		oob = rest
		switch {
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SO_TIMESTAMPNS:
			stamp = timespec(data)
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			r.local = netip.AddrFrom4([4]byte(data[4:8])) // struct in_pktinfo: ipi_spec_dst follows the interface
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			r.local = netip.AddrFrom16([16]byte(data[:16])) // struct in6_pktinfo begins with it
		}
	}
	return n, stamp, r, nil
}

// timespec reads a struct timespec, whose fields are as long as a word.
func timespec(b []byte) time.Time {
	switch len(b) {
	case 16:
		return time.Unix(int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:])))
	case 8:
		return time.Unix(int64(int32(binary.NativeEndian.Uint32(b))), int64(int32(binary.NativeEndian.Uint32(b[4:]))))
	}
	return time.Time{}
}

// write sends b at once, from the address that r names. It may be called by several goroutines.
func (s *socket) write(b []byte, r route) error {
	if !r.local.IsValid() || r.local.IsMulticast() {
		_, err := s.conn.WriteToUDPAddrPort(b, r.remote)
		return err
	}
	var buffer [64]byte
	_, _, err := s.conn.WriteMsgUDPAddrPort(b, s.source(buffer[:0], r.local), r.remote)
	return err
}

// source appends the control message that names the address to send from (ip(7), IP_PKTINFO; ipv6(7), IPV6_PKTINFO). The
// network card is left to the routing table.
func (s *socket) source(b []byte, local netip.Addr) []byte {
	level, kind, size := unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo
	if s.system.ipv6 {
		level, kind, size = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo
	}
	length := unix.CmsgLen(size)
	if unix.SizeofPtr == 8 {
		b = binary.NativeEndian.AppendUint64(b, uint64(length))
	} else {
		b = binary.NativeEndian.AppendUint32(b, uint32(length))
	}
	b = binary.NativeEndian.AppendUint32(b, uint32(level))
	b = binary.NativeEndian.AppendUint32(b, uint32(kind))
	if s.system.ipv6 {
		a := local.As16()
		b = append(b, a[:]...)
		b = append(b, 0, 0, 0, 0)
	} else {
		a := local.Unmap().As4()
		b = append(b, 0, 0, 0, 0)
		b = append(b, a[:]...) // ipi_spec_dst
		b = append(b, 0, 0, 0, 0)
	}
	for len(b) < unix.CmsgSpace(size) {
		b = append(b, 0)
	}
	return b
}
