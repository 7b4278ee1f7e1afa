package rtc

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// forwarder stands between a sender and a receiver, like a NAT: it passes TCP and UDP on, each way after a delay.
type forwarder struct {
	to    string
	delay time.Duration
	tcp   net.Listener
	udp   *net.UDPConn // the sender's side

	mu      sync.Mutex
	out     *net.UDPConn // the receiver's side; rebind changes it
	olds    []*net.UDPConn
	conns   []net.Conn
	sender  *net.UDPAddr
	toRecv  func([]byte) // see observe
	blocked atomic.Bool  // UDP is lost
}

func forward(t testing.TB, to string, delay time.Duration) *forwarder {
	t.Helper()
	f := &forwarder{to: to, delay: delay}
	for {
		var err error
		if f.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if f.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(f.tcp.Addr().(*net.TCPAddr).AddrPort())); err == nil {
			break
		}
		_ = f.tcp.Close()
	}
	f.rebind(t)
	go f.passTCP()
	go f.passUDP()
	t.Cleanup(f.kill)
	return f
}

// observe calls see with each datagram before it goes to the receiver.
func (f *forwarder) observe(see func([]byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.toRecv = see
}

// write sends a datagram to the receiver as if it were the sender's.
func (f *forwarder) write(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.out.Write(b)
}

func (f *forwarder) addr() string { return f.tcp.Addr().String() }

// rebind makes datagrams come from a new port, as when a sender changes its network.
func (f *forwarder) rebind(t testing.TB) (from string) {
	t.Helper()
	out, err := net.DialUDP("udp", nil, resolve(t, f.to))
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	if f.out != nil {
		f.olds = append(f.olds, f.out)
	}
	f.out = out
	f.mu.Unlock()
	send := delayed(f.delay, func(b []byte) {
		f.mu.Lock()
		sender, current := f.sender, f.out == out
		f.mu.Unlock()
		if sender != nil && current && !f.blocked.Load() { // what goes to an old address is lost
			_, _ = f.udp.WriteToUDP(b, sender)
		}
	})
	go func() {
		defer close(send)
		for b := make([]byte, 2000); ; {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			send <- later(f.delay, b[:n])
		}
	}()
	return out.LocalAddr().String()
}

func resolve(t testing.TB, address string) *net.UDPAddr {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type parcel struct {
	due  time.Time
	data []byte
}

func later(delay time.Duration, b []byte) parcel {
	return parcel{time.Now().Add(delay), append([]byte(nil), b...)}
}

// delayed calls send for each parcel when it is due.
func delayed(delay time.Duration, send func([]byte)) chan parcel {
	c := make(chan parcel, 10000)
	go func() {
		for p := range c {
			if delay > 0 {
				time.Sleep(time.Until(p.due))
			}
			send(p.data)
		}
	}()
	return c
}

func (f *forwarder) passUDP() {
	send := delayed(f.delay, func(b []byte) {
		f.mu.Lock()
		out, see := f.out, f.toRecv
		f.mu.Unlock()
		if f.blocked.Load() {
			return
		}
		if see != nil {
			see(b)
		}
		_, _ = out.Write(b)
	})
	defer close(send)
	for b := make([]byte, 2000); ; {
		n, from, err := f.udp.ReadFromUDP(b)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.sender = from
		f.mu.Unlock()
		send <- later(f.delay, b[:n])
	}
}

func (f *forwarder) passTCP() {
	for {
		in, err := f.tcp.Accept()
		if err != nil {
			return
		}
		time.Sleep(f.delay) // half of a handshake's round trip
		out, err := net.Dial("tcp", f.to)
		if err != nil {
			_ = in.(*net.TCPConn).SetLinger(0)
			_ = in.Close()
			continue
		}
		f.mu.Lock()
		f.conns = append(f.conns, in, out)
		f.mu.Unlock()
		go f.pass(in, out)
		go f.pass(out, in)
	}
}

func (f *forwarder) pass(from, to net.Conn) {
	send := delayed(f.delay, func(b []byte) { _, _ = to.Write(b) })
	defer func() {
		close(send)
		_ = from.Close()
		_ = to.Close()
	}()
	for b := make([]byte, 32<<10); ; {
		n, err := from.Read(b)
		if n > 0 {
			send <- later(f.delay, b[:n])
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			time.Sleep(f.delay)
			return
		}
	}
}

// cutTCP breaks the connections off.
func (f *forwarder) cutTCP() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

// kill takes the sender away without a word, as when its process is killed.
func (f *forwarder) kill() {
	_ = f.tcp.Close()
	_ = f.udp.Close()
	f.cutTCP()
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.out.Close()
	for _, c := range f.olds {
		_ = c.Close()
	}
}
