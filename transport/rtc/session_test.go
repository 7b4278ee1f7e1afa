package rtc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"salsify/transport/rtc/key"
	"salsify/transport/wire"
)

// stream sends a packet each millisecond until stop is called.
func stream(o *Outgoing, first uint16) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := first; ; i++ {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
				_ = o.Send(packet(i, 200))
			}
		}
	}()
	return sync.OnceFunc(func() { close(quit); <-done })
}

func TestSecondSenderIsRefusedWhileTheFirstIsAtWork(t *testing.T) {
	t.Parallel()
	k := key.New()
	var mu sync.Mutex
	var why []string
	l := listen(t, ListenConfig{Key: k, Refused: func(_, reason string) {
		mu.Lock()
		defer mu.Unlock()
		why = append(why, reason)
	}})
	o, s := dial(t, l, l.Addr().String(), DialConfig{Key: k})
	defer stream(o, 0)()
	second, err := Dial(t.Context(), l.Addr().String(), DialConfig{Key: k})
	if err == nil {
		_ = second.Close()
	}
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "another sender") {
		t.Errorf("%v", err)
	}
	mu.Lock()
	if len(why) != 1 || !strings.Contains(why[0], "busy") {
		t.Errorf("refused: %q", why)
	}
	mu.Unlock()
	if s.Err() != nil {
		t.Error(s.Err())
	}
	next(t, s)
}

func TestSilentSessionIsReplaced(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	o, s := dial(t, l, l.Addr().String(), DialConfig{Key: k})
	time.Sleep(300 * time.Millisecond) // until pion's first keepalive is over
	began := time.Now()
	o2, s2 := dial(t, l, l.Addr().String(), DialConfig{Key: k})
	if took := time.Since(began); took > time.Second {
		t.Errorf("the second sender had to wait %v", took)
	}
	ends(t, "the first session", s.Done(), s.Err, ErrReplaced, 10*time.Millisecond)
	ends(t, "the first sender", o.Done(), o.Err, ErrReplaced, 100*time.Millisecond)
	_ = o2.Send(packet(1, 1))
	next(t, s2)
}

func TestKilledSenderIsFollowedByANewOne(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	defer stream(o, 0)()
	next(t, s)
	killed := time.Now()
	f.kill()
	_, s2 := dial(t, l, l.Addr().String(), DialConfig{Key: k})
	t.Logf("the new one was there after %v", time.Since(killed))
	if took := time.Since(killed); took > time.Second {
		t.Errorf("the new one had to wait %v", took)
	}
	if !errors.Is(s.Err(), ErrGone) && !errors.Is(s.Err(), ErrReplaced) {
		t.Errorf("the killed one: %v", s.Err())
	}
	if s2.Err() != nil {
		t.Error(s2.Err())
	}
}

func TestKilledSenderIsNoticed(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	defer stream(o, 0)()
	next(t, s)
	awaitWatch(t, s)
	f.kill()
	ends(t, "the session", s.Done(), s.Err, ErrGone, goneAfter+200*time.Millisecond)
}

// TestBrokenConnectionOnASilentNetwork: where the network has been silent for a while before, as long a silence after the connection by HTTPS
// broke off does not yet mean that the sender is gone.
func TestBrokenConnectionOnASilentNetwork(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	defer stream(o, 0)()
	next(t, s)
	awaitWatch(t, s)
	const silence = 500 * time.Millisecond
	f.blocked.Store(true)
	time.Sleep(silence)
	f.blocked.Store(false)
	for before := s.video.packets.Load(); s.video.packets.Load() < before+10; {
		next(t, s)
	}
	f.kill()
	select {
	case <-s.Done():
		t.Fatalf("it ended within %v: %v", 2*silence, s.Err())
	case <-time.After(2 * silence):
	}
	ends(t, "the session", s.Done(), s.Err, ErrGone, goneRatio*silence)
}

// awaitWatch waits until the sender's GET is there.
func awaitWatch(t *testing.T, s *Incoming) {
	t.Helper()
	for range 1000 {
		if s.watches.Load() > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no GET")
}

// crash takes a receiver away without a word, as when its process is killed.
func crash(l *Listener) {
	_ = l.server.Close()
	_ = l.socket.conn.Close()
}

func TestReceiverIsRestarted(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		k := key.New()
		l := listen(t, ListenConfig{Key: k})
		o, s := dial(t, l, l.Addr().String(), DialConfig{Key: k})
		stop := stream(o, 0)
		awaitWatch(t, s)
		crash(l)
		if again {
			l2, err := Listen(l.Addr().String(), ListenConfig{Key: k})
			if err != nil {
				t.Fatal(err)
			}
			defer l2.Close()
		}
		ends(t, "the sender", o.Done(), o.Err, ErrGone, 500*time.Millisecond)
		t.Log(o.Err())
		stop()
		s.end(ErrClosed)
	}
}

func TestDeadNetworkDoesNotEndASession(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	defer stream(o, 0)()
	awaitWatch(t, s)
	f.blocked.Store(true)
	time.Sleep(800 * time.Millisecond)
	f.blocked.Store(false)
	drain(s)
	next(t, s)
	// The HTTPS connection may break as long as datagrams come.
	watches := s.watches.Load()
	f.cutTCP()
	for range 600 {
		drain(s)
		time.Sleep(time.Millisecond)
	}
	next(t, s)
	if s.Err() != nil || o.Err() != nil {
		t.Error(s.Err(), o.Err())
	}
	if s.watches.Load() == watches {
		t.Error("the sender did not ask again")
	}
}

func drain(s *Incoming) {
	for len(s.video.queue.full) > 0 {
		s.video.queue.recycle(<-s.video.queue.full)
	}
}

func TestRoaming(t *testing.T) {
	k := key.New()
	roams := make(chan [2]string, 16)
	l := listen(t, ListenConfig{Key: k, Roamed: func(from, to string) { roams <- [2]string{from, to} }})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	stop := stream(o, 65000)
	defer stop()
	buffer := make([]byte, MaxReport)
	for range 3 {
		next(t, s)
		before := s.Remote()
		to := f.rebind(t)
		rebound := time.Now()
		for s.Remote() != to {
			next(t, s)
			if time.Since(rebound) > time.Second {
				t.Fatalf("the session stays at %s, the sender is at %s", s.Remote(), to)
			}
		}
		if got := <-roams; got != [2]string{before, to} {
			t.Errorf("moved %v, not from %s to %s", got, before, to)
		}
		if err := s.SendReport([]byte("here")); err != nil {
			t.Fatal(err)
		}
		if n, _, err := o.ReadReport(buffer); err != nil || string(buffer[:n]) != "here" {
			t.Fatal(n, err)
		}
		if took := time.Since(rebound); took > 100*time.Millisecond {
			t.Errorf("it took %v until a report came to the new address", took)
		}
	}
	stop()
	_ = o.Close()
	ends(t, "the session", s.Done(), s.Err, ErrGoodbye, 100*time.Millisecond)
}

// What somebody else sends who saw all datagrams of a session does not move it, nor does it disturb the time stamps.
func TestReplaysAndForgeriesDoNotMoveASession(t *testing.T) {
	k := key.New()
	l := listen(t, ListenConfig{Key: k, Roamed: func(from, to string) { t.Errorf("moved from %s to %s", from, to) }})
	f := forward(t, l.Addr().String(), 0)
	attacker, err := net.DialUDP("udp", nil, resolve(t, l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer attacker.Close()
	f.observe(func(b []byte) {
		if classify(b).kind == kindSRTP {
			forged := slices.Clone(b)
			forged[len(forged)-1] ^= 1
			_, _ = attacker.Write(forged) // before the packet itself
			forged[3] += 10               // of a packet to come
			_, _ = attacker.Write(forged)
		}
		b = slices.Clone(b)
		time.AfterFunc(time.Millisecond, func() { _, _ = attacker.Write(b) }) // and once more after it
	})
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	defer stream(o, 0)()
	remote := s.Remote()
	for range 200 {
		next(t, s)
	}
	if s.Remote() != remote || s.Err() != nil {
		t.Errorf("at %s, not %s: %v", s.Remote(), remote, s.Err())
	}
	if st := s.Stats(); st.Rejected < 100 || st.Malformed != 0 {
		t.Errorf("%+v", st)
	}
}

// Garbage of all kinds, also from the sender's own address and as close to real datagrams as can be made without the secrets.
func TestGarbage(t *testing.T) {
	datagrams := 100_000
	if raceEnabled {
		datagrams /= 10
	}
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	stranger, err := net.DialUDP("udp", nil, resolve(t, l.Addr().String())) // a socket that the receiver knows nothing of
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	f := forward(t, l.Addr().String(), 0)
	var mu sync.Mutex
	var seen [][]byte
	f.observe(func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < 200 {
			seen = append(seen, slices.Clone(b))
		}
	})
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	defer stream(o, 0)()
	for range 200 {
		next(t, s)
	}
	stop := make(chan struct{})
	go func() {
		var p wire.Packet
		for {
			if _, err := s.Read(&p); err != nil {
				close(stop)
				return
			}
		}
	}()
	mu.Lock()
	samples := seen
	mu.Unlock()
	remote := s.Remote()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range datagrams {
		b := slices.Clone(samples[random.IntN(len(samples))])
		switch random.IntN(4) {
		case 0:
			b = b[:random.IntN(len(b)+1)]
		case 1:
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
		case 2:
			b = make([]byte, random.IntN(1600))
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			if len(b) > 0 {
				b[0] = []byte{0, 20, 21, 22, 23, 25, 26, 64, 128, 144, 255}[random.IntN(11)]
			}
		case 3: // plain DTLS records, in form or not
			kind, epoch, sequence := byte(20+random.IntN(5)), byte(random.IntN(3)), byte(random.Uint32())
			b = []byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence, 0, 2, 1, byte(random.IntN(2) * 20)}
		}
		if i%2 == 0 {
			f.write(b)
		} else {
			_, _ = stranger.Write(b)
		}
	}
	before := s.Stats().Packets
	time.Sleep(50 * time.Millisecond)
	if after := s.Stats(); after.Packets == before || s.Err() != nil || o.Err() != nil {
		t.Errorf("after the garbage no packets pass: %+v, %v, %v", after, s.Err(), o.Err())
	}
	if s.Remote() != remote {
		t.Errorf("the session moved to %s", s.Remote())
	}
	if err := s.SendReport([]byte("still there")); err != nil {
		t.Error(err)
	}
	if n, _, err := o.ReadReport(make([]byte, MaxReport)); err != nil || n != 11 {
		t.Error(n, err)
	}
	t.Logf("%+v", s.Stats())
	_ = o.Close()
	<-stop
}

// One forged datagram with a plain DTLS alert must not end either side's session.
func TestForgedAlert(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	for sequence := range byte(200) {
		alert := []byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence, 0, 2, 1, 0} // close_notify
		f.write(alert)
		f.mu.Lock()
		_, _ = f.udp.WriteToUDP(alert, f.sender)
		f.mu.Unlock()
	}
	time.Sleep(50 * time.Millisecond)
	if s.Err() != nil || o.Err() != nil {
		t.Error(s.Err(), o.Err())
	}
}

func TestArrivals(t *testing.T) {
	_, o, s := pair(t)
	var last time.Time
	var ages []time.Duration
	for i := range uint16(300) {
		sent := time.Now()
		_ = o.Send(packet(i, 1000))
		time.Sleep(500 * time.Microsecond) // so that the arrival must be older than the reading
		_, arrival := next(t, s)
		if arrival.Before(last) || arrival.After(time.Now()) {
			t.Fatalf("packet %d arrived %v after the one before it", i, arrival.Sub(last))
		}
		last = arrival
		ages = append(ages, arrival.Sub(sent))
	}
	slices.Sort(ages)
	t.Logf("arrival after sending: median %v, most %v", ages[150], ages[299])
	if ages[0] < -50*time.Microsecond || ages[270] > time.Millisecond {
		t.Errorf("arrivals lie %v to %v after the sending", ages[0], ages[270])
	}
}

// Setting up takes few round trips: TCP, TLS, the offer, two of ICE, and DTLS.
func TestSetupTime(t *testing.T) {
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		k := key.New()
		l := listen(t, ListenConfig{Key: k})
		f := forward(t, l.Addr().String(), delay)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		o, err := Dial(ctx, f.addr(), DialConfig{Key: k})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("%v each way: set up after %v", delay, took)
		if limit := 8*2*delay + 300*time.Millisecond; took > limit {
			t.Errorf("%v each way: set up after %v, not within %v", delay, took, limit)
		}
		_ = o.Close()
	}
}
