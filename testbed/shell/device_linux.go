package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"salsify/testbed/emulator"
	"salsify/thread"
)

const (
	// mtu is what mahimahi's devices have, and Ethernet.
	mtu = 1500
	// deviceQueuePackets is how many packets wait in a device until they are read. That is to be never: what is dropped there
	// does not show in any log. It takes 15 MB at most, and only if they come faster than they can be read.
	deviceQueuePackets = 10_000
	// ipv4Mask and ipv4Version find the version in the first byte of a packet (RFC 791, section 3.1).
	ipv4Mask, ipv4Version = 0xf0, 0x40
)

// device is a TUN device: a network interface at whose other end we read and write IP packets.
type device struct {
	name string
	fd   int // not blocking
}

// openDevice makes a device in the calling thread's namespace. It exists until it is closed. The error is EBUSY if there is one of
// that name.
func openDevice(name string) (*device, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("shell: /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("shell: the device %s cannot be made: %w", name, err)
	}
	return &device{name, fd}, nil
}

func (d *device) close() { _ = unix.Close(d.fd) }

// configure gives the device its address, tells that the other place's and all others of their block (of so many bits) are behind
// it, all there are if it is the only way, and raises it. In the calling thread's namespace.
func (d *device) configure(own, other netip.Addr, bits int, onlyWay bool) error {
	fail := func(err error) error { return fmt.Errorf("shell: the device %s cannot be set up: %w", d.name, err) }
	link, err := netlink.LinkByName(d.name)
	if err != nil {
		return fail(err)
	}
	// Nothing but IPv4, or the kernel would send its own packets through the links. It may have no IPv6 at all.
	if err := setInterface("ipv6", d.name, "disable_ipv6", "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	address := &netlink.Addr{
		IPNet: &net.IPNet{IP: own.AsSlice(), Mask: net.CIDRMask(bits, 32)},
		Peer:  &net.IPNet{IP: other.AsSlice(), Mask: net.CIDRMask(bits, 32)},
	}
	for _, step := range []func() error{
		func() error { return netlink.LinkSetMTU(link, mtu) },
		func() error { return netlink.LinkSetTxQLen(link, deviceQueuePackets) },
		func() error { return netlink.AddrAdd(link, address) },
		func() error { return netlink.LinkSetUp(link) },
	} {
		if err := step(); err != nil {
			return fail(err)
		}
	}
	if !onlyWay {
		return nil
	}
	everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: everywhere, Scope: netlink.SCOPE_LINK}); err != nil {
		return fail(err)
	}
	return nil
}

// read puts what the programs at a place send into the link of that way, until the shell is closed. It has a thread of its own.
func (s *Shell) read(from *Place, way emulator.Way) {
	runtime.LockOSThread()
	thread.Hurry()
	fd := from.device.fd
	buffer := make([]byte, 64<<10)
	waited := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(s.stop), Events: unix.POLLIN}}
	for {
		n, err := unix.Read(fd, buffer)
		now := time.Now()
		if err == nil {
			if n > 0 && buffer[0]&ipv4Mask == ipv4Version {
				s.emulator.Send(way, now, n, buffer[:n], nil)
			}
			continue
		}
		// Nothing is there, or the device is down for a moment: wait for a packet or for the end.
		if err != unix.EAGAIN && err != unix.EINTR {
			time.Sleep(errorPause)
		}
		_, _ = unix.Poll(waited, -1)
		if waited[1].Revents != 0 {
			return
		}
	}
}

// errorPause keeps a device that does nothing but fail from taking all of the processor.
const errorPause = time.Millisecond

// write gives a packet that has crossed its link to the other place.
func (s *Shell) write(way emulator.Way, packet []byte, _ any) error {
	to := s.outside
	if way == emulator.Down {
		to = s.inside
	}
	_, err := unix.Write(to.device.fd, packet)
	return err
}
