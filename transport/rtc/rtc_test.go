package rtc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"salsify/transport/rtc/key"
	"salsify/transport/wire"
)

// listen starts a receiver on loopback that closes with the test.
func listen(t testing.TB, config ListenConfig) *Listener {
	t.Helper()
	l, err := Listen("127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial connects to hostport, and returns both ends of the session.
func dial(t testing.TB, l *Listener, hostport string, config DialConfig) (*Outgoing, *Incoming) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	o, err := Dial(ctx, hostport, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	s, err := l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return o, s
}

func pair(t testing.TB) (*Listener, *Outgoing, *Incoming) {
	t.Helper()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	o, s := dial(t, l, l.Addr().String(), DialConfig{Key: k})
	return l, o, s
}

// packet is a packet like those of video.
func packet(sequence uint16, size int) *wire.Packet {
	return &wire.Packet{
		Sequence: sequence, Timestamp: uint32(sequence) * 3000, Marker: sequence%3 == 0,
		Fragment: wire.Fragment{
			Frame: sequence / 3, Source: wire.StateName{1, 2, 3, 4, 5, 6, 7, byte(sequence)}, Oldest: 7,
			Index: sequence % 3, Count: 3, Grace: 120 * time.Microsecond,
		},
		Payload: bytes.Repeat([]byte{byte(sequence)}, size),
	}
}

// next reads a packet within a second.
func next(t testing.TB, s *Incoming) (p wire.Packet, arrival time.Time) {
	t.Helper()
	stop := time.AfterFunc(time.Second, func() { s.end(errors.New("no packet for a second")) })
	defer stop.Stop()
	arrival, err := s.Read(&p)
	if err != nil {
		t.Fatal(err)
	}
	return p, arrival
}

// ends waits for a session's end, and checks why and how soon.
func ends(t testing.TB, what string, done <-chan struct{}, err func() error, want error, within time.Duration) {
	t.Helper()
	began := time.Now()
	select {
	case <-done:
	case <-time.After(within + time.Second):
		t.Fatalf("%s goes on", what)
	}
	if took := time.Since(began); took > within {
		t.Errorf("%s ended after %v, not within %v", what, took, within)
	}
	if !errors.Is(err(), want) {
		t.Errorf("%s ended because of %q, not %q", what, err(), want)
	}
}

func TestPacketsAndReportsPass(t *testing.T) {
	_, o, s := pair(t)
	for i := range uint16(300) {
		want := packet(i+65400, int(i)*4%wire.MaxPayload+1)
		sent := time.Now()
		if err := o.Send(want); err != nil {
			t.Fatal(err)
		}
		got, arrival := next(t, s)
		if got.Sequence != want.Sequence || got.Timestamp != want.Timestamp || got.Marker != want.Marker ||
			got.Fragment != want.Fragment || !bytes.Equal(got.Payload, want.Payload) {
			t.Fatalf("sent %v, got %v", want, got)
		}
		if arrival.Before(sent.Add(-time.Millisecond)) || arrival.After(time.Now()) {
			t.Fatalf("sent at %v, arrived %v later", sent, arrival.Sub(sent))
		}
	}
	if err := o.Send(packet(0, wire.MaxPayload+1)); err == nil {
		t.Error("too long a payload is sent")
	}
	buffer := make([]byte, MaxReport)
	for size := range MaxReport + 1 {
		if size > 40 && size < MaxReport-10 && size%97 != 0 {
			continue
		}
		want := bytes.Repeat([]byte{byte(size)}, size)
		if err := s.SendReport(want); err != nil {
			t.Fatal(err)
		}
		n, _, err := o.ReadReport(buffer)
		if err != nil || !bytes.Equal(buffer[:n], want) {
			t.Fatalf("a report of %d bytes came as %d: %v", size, n, err)
		}
	}
	if err := s.SendReport(make([]byte, MaxReport+1)); err == nil {
		t.Error("too long a report is sent")
	}
	if st := s.Stats(); st != (IncomingStats{Packets: 300}) {
		t.Errorf("%+v", st)
	}
}

func TestWhoMaySend(t *testing.T) {
	right, wrong := key.New(), key.New()
	var turnedAway atomic.Int32
	l := listen(t, ListenConfig{Key: right, Refused: func(string, string) { turnedAway.Add(1) }})
	open := listen(t, ListenConfig{Open: true})
	public := right
	certificate, err := wrong.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	other := listen(t, ListenConfig{Key: public, Certificate: &certificate}) // someone in the middle has just any certificate

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := http.Server{Handler: http.NotFoundHandler()}
	go web.Serve(plain) //nolint:errcheck // a plain web server
	t.Cleanup(func() { _ = web.Close() })

	closed := listen(t, ListenConfig{Open: true})
	nobody := closed.Addr().String()
	_ = closed.Close()

	for _, c := range []struct {
		name   string
		to     string
		config DialConfig
		want   error
	}{
		{"no key", l.Addr().String(), DialConfig{}, ErrNeedsKey},
		{"wrong key", l.Addr().String(), DialConfig{Key: wrong}, ErrCertificate},
		{"someone in the middle", other.Addr().String(), DialConfig{Key: public}, ErrCertificate},
		{"not a public certificate", l.Addr().String(), DialConfig{Key: right, PublicCertificate: true}, ErrCertificate},
		{"a web server", plain.Addr().String(), DialConfig{Key: right}, ErrNotSalsify},
		{"nobody", nobody, DialConfig{Key: right}, ErrUnreachable},
		{"no port", "127.0.0.1", DialConfig{}, ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Dial(t.Context(), c.to, c.config)
			if err == nil {
				_ = o.Close()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, not %v", err, c.want)
			}
		})
	}
	if turnedAway.Load() != 1 {
		t.Errorf("%d senders turned away, not 1", turnedAway.Load())
	}
	_, s := dial(t, open, open.Addr().String(), DialConfig{})
	if s.Remote() == "" {
		t.Error("an open receiver does not know its sender's address")
	}
	// The bearer token counts, not the certificate alone.
	o := newOutgoing(DialConfig{}, "127.0.0.1")
	o.token = wrong.Token()
	defer o.https.CloseIdleConnections()
	if _, _, err := o.post(t.Context(), whipURL(l), "v=0"); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another token: %v", err)
	}
}

func TestGoodbyes(t *testing.T) {
	t.Run("sender", func(t *testing.T) {
		_, o, s := pair(t)
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		ends(t, "the session", s.Done(), s.Err, ErrGoodbye, 100*time.Millisecond)
		if !errors.Is(o.Err(), ErrClosed) || !errors.Is(o.Send(packet(1, 1)), ErrClosed) {
			t.Error(o.Err())
		}
	})
	t.Run("receiver's session", func(t *testing.T) {
		_, o, s := pair(t)
		_ = s.Close()
		ends(t, "the session", o.Done(), o.Err, ErrGoodbye, 100*time.Millisecond)
		if _, err := s.Read(new(wire.Packet)); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, _, err := o.ReadReport(make([]byte, MaxReport)); !errors.Is(err, ErrGoodbye) {
			t.Error(err)
		}
	})
	t.Run("receiver", func(t *testing.T) {
		l, o, _ := pair(t)
		closed := make(chan struct{})
		go func() {
			_ = l.Close()
			close(closed)
		}()
		ends(t, "the session", o.Done(), o.Err, ErrGoodbye, 100*time.Millisecond)
		<-closed
		if _, err := l.Accept(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// A receiver on all addresses answers from the one that the sender speaks to: the sender takes nothing from another.
func TestAddresses(t *testing.T) {
	k := key.New()
	l, err := Listen(":0", ListenConfig{Key: k})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "::1", "localhost"} {
		t.Run(host, func(t *testing.T) {
			address := net.JoinHostPort(host, strconv.Itoa(l.Addr().Port))
			if c, err := net.Dial("tcp", address); err != nil {
				t.Skipf("this machine has no %s: %v", host, err)
			} else {
				_ = c.Close()
			}
			o, s := dial(t, l, address, DialConfig{Key: k})
			_ = o.Send(packet(1, 10))
			next(t, s)
			if err := s.SendReport([]byte("here")); err != nil {
				t.Fatal(err)
			}
			if n, _, err := o.ReadReport(make([]byte, MaxReport)); n != 4 {
				t.Error(err)
			}
			_ = o.Close()
			<-s.Done()
		})
	}
}

func TestListen(t *testing.T) {
	if l, err := Listen("127.0.0.1:0", ListenConfig{}); err == nil {
		_ = l.Close()
		t.Error("it listens without a key, and not open")
	}
	l := listen(t, ListenConfig{Open: true})
	if again, err := Listen(l.Addr().String(), ListenConfig{Open: true}); err == nil {
		_ = again.Close()
		t.Error("two listen on one port")
	}
	if tcp, udp := l.Addr().Port, l.socket.conn.LocalAddr().(*net.UDPAddr).Port; tcp != udp {
		t.Errorf("TCP port %d, UDP port %d", tcp, udp)
	}
}
