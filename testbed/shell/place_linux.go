package shell

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"salsify/thread"
)

// Place is one end of the emulated network: a network namespace. It satisfies system.Place.
type Place struct {
	address   netip.Addr
	namespace netns.NsHandle
	device    *device // nil until it is made

	mu     sync.Mutex
	calls  chan func() // for the thread that lives in the namespace
	closed bool
}

var errClosed = errors.New("shell: it is closed")

// newPlace makes a place in a new network namespace, with its loopback interface up, or in the one of the process.
func newPlace(private bool) (*Place, error) {
	p := &Place{calls: make(chan func()), namespace: netns.None()}
	ready := make(chan error)
	onOwnThread(func() {
		err := p.settle(private)
		ready <- err
		if err != nil {
			return
		}
		for call := range p.calls {
			call()
		}
	})
	if err := <-ready; err != nil {
		p.namespace.Close()
		return nil, err
	}
	return p, nil
}

// settle takes the calling thread to where it stays.
func (p *Place) settle(private bool) (err error) {
	thread.CalmDown() // what is started from here is not part of the emulation
	if private {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("shell: no new network namespace: %w", err)
		}
	}
	if p.namespace, err = netns.Get(); err != nil {
		return fmt.Errorf("shell: the network namespace of a thread cannot be found, is /proc there? %w", err)
	}
	if !private {
		return nil
	}
	if err := raiseLoopback(); err != nil {
		return err
	}
	// So that shells can be opened within shells: what a program in the innermost one sends has to be passed on here.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return fmt.Errorf("shell: the network namespace cannot be set up: %w", err)
	}
	return nil
}

func raiseLoopback() error {
	loopback, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(loopback)
	}
	if err != nil {
		return fmt.Errorf("shell: the loopback interface cannot be set up: %w", err)
	}
	return nil
}

// onOwnThread runs f in a goroutine with a thread of its own that ends with it, so that f may change it. It is never the main
// thread: that would outlive f, and it is the one that /proc/self shows.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runtime.LockOSThread()
			f()
		}()
		<-ended
		runtime.UnlockOSThread()
	}()
}

// do runs f on the thread that lives in the namespace.
func (p *Place) do(f func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	result := make(chan error)
	p.calls <- func() { result <- f() }
	return <-result
}

// Address is where the other place finds what listens here.
func (p *Place) Address() netip.Addr { return p.address }

// Start starts a command in this place's network; all else (files, users, processes) is as everywhere. cmd.Wait has to be called.
func (p *Place) Start(cmd *exec.Cmd) error { return p.do(cmd.Start) }

// Listen listens in this place's network, as net.ListenConfig does.
func (p *Place) Listen(ctx context.Context, network, address string) (l net.Listener, err error) {
	err = p.do(func() error {
		l, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	return l, err
}

// ListenPacket does what Listen does for UDP.
func (p *Place) ListenPacket(ctx context.Context, network, address string) (c net.PacketConn, err error) {
	err = p.do(func() error {
		c, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	return c, err
}

// Dial connects from this place's network, as net.Dialer does. Names other than those in /etc/hosts are not found.
func (p *Place) Dial(ctx context.Context, network, address string) (connection net.Conn, err error) {
	namespace, err := p.namespaceCopy()
	if err != nil {
		return nil, err
	}
	// It may take long, so it has a thread of its own.
	done := make(chan struct{})
	onOwnThread(func() {
		defer close(done)
		defer unix.Close(namespace)
		if err = unix.Setns(namespace, unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("shell: no way into the network namespace: %w", err)
			return
		}
		// Without the fallback from IPv6 to IPv4, which would dial from other threads.
		connection, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
	})
	<-done
	return connection, err
}

// namespaceCopy returns a file descriptor of the namespace that stays when the place is closed.
func (p *Place) namespaceCopy() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return -1, errClosed
	}
	return unix.FcntlInt(uintptr(p.namespace), unix.F_DUPFD_CLOEXEC, 0)
}

// close removes the device, and ends the thread.
func (p *Place) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	close(p.calls)
	if p.device != nil {
		p.device.close()
	}
	_ = p.namespace.Close()
}

// setInterface writes a setting of an interface below /proc/sys/net; it is the calling thread's namespace that counts.
func setInterface(family, name, setting, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys/net", family, "conf", name, setting), []byte(value), 0)
}
