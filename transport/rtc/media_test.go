package rtc

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"salsify/transport/rtc/key"
	"salsify/transport/wire"
)

// both returns the two ends of a session that carries video and sound both ways.
func both(t testing.TB) (*Outgoing, *Incoming) {
	t.Helper()
	k := key.New()
	l := listen(t, ListenConfig{Key: k, Answer: true})
	return dial(t, l, l.Addr().String(), DialConfig{Key: k})
}

// within ends the session's reads after a second, so that a test which waits in vain fails.
func within(t testing.TB, m *media) {
	t.Helper()
	stop := time.AfterFunc(time.Second, func() { m.finish(errors.New("nothing for a second")) })
	t.Cleanup(func() { stop.Stop() })
}

func TestBothWays(t *testing.T) {
	o, s := both(t)
	ends := []*media{&o.media, &s.media}
	buffer := make([]byte, MaxReport)
	for i, from := range ends {
		to := ends[1-i]
		within(t, to)
		if !from.Sends() {
			t.Fatalf("end %d does not send", i)
		}
		for n := range uint16(20) {
			video := packet(n+65530, 40*int(n)+1)
			sound := &wire.Sound{Sequence: n + 65530, Timestamp: uint32(n) * 960, Marker: n == 0, Payload: bytes.Repeat([]byte{byte(n)}, 1+int(n))}
			sent := time.Now()
			if err := errors.Join(from.Send(video), from.SendSound(sound)); err != nil {
				t.Fatal(err)
			}
			var gotVideo wire.Packet
			arrival, err := to.Read(&gotVideo)
			if err != nil || gotVideo.Sequence != video.Sequence || gotVideo.Fragment != video.Fragment || !bytes.Equal(gotVideo.Payload, video.Payload) {
				t.Fatalf("sent %v, got %v, %v", video, gotVideo, err)
			}
			var gotSound wire.Sound
			heard, err := to.ReadSound(&gotSound)
			if err != nil || gotSound.Sequence != sound.Sequence || gotSound.Timestamp != sound.Timestamp || gotSound.Marker != sound.Marker ||
				!bytes.Equal(gotSound.Payload, sound.Payload) {
				t.Fatalf("sent %v, got %v, %v", sound, gotSound, err)
			}
			for _, at := range []time.Time{arrival, heard} {
				if at.Before(sent.Add(-time.Millisecond)) || at.After(time.Now()) {
					t.Fatalf("sent at %v, arrived %v later", sent, at.Sub(sent))
				}
			}
			if err := to.SendReport([]byte{1, 2, byte(n)}); err != nil {
				t.Fatal(err)
			}
			if size, _, err := from.ReadReport(buffer); err != nil || !bytes.Equal(buffer[:size], []byte{1, 2, byte(n)}) {
				t.Fatalf("a report came as % x, %v", buffer[:size], err)
			}
		}
	}
	if st := s.Stats(); st != (IncomingStats{Packets: 20}) {
		t.Errorf("%+v", st)
	}
}

func TestTooLongSound(t *testing.T) {
	o, s := both(t)
	within(t, &s.media)
	if err := o.SendSound(&wire.Sound{Payload: make([]byte, wire.MaxSound+1)}); err == nil {
		t.Error("too long a payload is sent")
	}
	if err := o.SendSound(&wire.Sound{Payload: make([]byte, wire.MaxSound)}); err != nil {
		t.Fatal(err)
	}
	var p wire.Sound
	if _, err := s.ReadSound(&p); err != nil || len(p.Payload) != wire.MaxSound {
		t.Errorf("%d bytes, %v", len(p.Payload), err)
	}
}

func TestNoAnswer(t *testing.T) {
	_, o, s := pair(t)
	if s.Sends() || !o.Sends() {
		t.Errorf("the receiver sends: %v, the sender: %v", s.Sends(), o.Sends())
	}
	within(t, &s.media)
	if err := o.SendSound(&wire.Sound{Sequence: 7, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	var p wire.Sound
	if _, err := s.ReadSound(&p); err != nil || p.Sequence != 7 {
		t.Errorf("sound came as %v, %v", p, err)
	}
}

func TestClocks(t *testing.T) {
	o, s := both(t)
	ends := []*media{&o.media, &s.media}
	for i, from := range ends {
		to := ends[1-i]
		if video, sound := to.Clocks(); video != (Clock{}) || sound != (Clock{}) {
			t.Fatalf("clocks %v and %v before any were sent", video, sound)
		}
		now := time.Now()
		wantVideo, wantSound := Clock{At: now, Timestamp: 1<<32 - 5}, Clock{At: now.Add(-3 * time.Second), Timestamp: 77}
		if err := from.SendClocks(wantVideo, wantSound); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Second)
		for {
			video, sound := to.Clocks()
			if near(video, wantVideo) && near(sound, wantSound) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("clocks %v and %v, want %v and %v", video, sound, wantVideo, wantSound)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestStatus(t *testing.T) {
	o, s := both(t)
	for i, from := range []*media{&o.media, &s.media} {
		to := []*media{&s.media, &o.media}[i]
		if _, ok := to.Status(); ok {
			t.Fatal("a status before any was sent")
		}
		want := wire.Status{Effort: uint8(i + 3), Budget: 7000, RTT: 40 * time.Millisecond}
		if err := from.SendStatus(want); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Second)
		for got, ok := to.Status(); got != want; got, ok = to.Status() {
			if time.Now().After(deadline) {
				t.Fatalf("status %+v, %v, want %+v", got, ok, want)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// Where one side is silent, no sound is sent, and all else goes on.
func TestSilent(t *testing.T) {
	for _, c := range []struct{ there, here bool }{{true, false}, {false, true}, {true, true}} {
		k := key.New()
		l := listen(t, ListenConfig{Key: k, Answer: true, Silent: c.there})
		o, s := dial(t, l, l.Addr().String(), DialConfig{Key: k, Silent: c.here})
		if o.Sounds() || s.Sounds() {
			t.Errorf("%+v: sound at the sender: %v, at the receiver: %v", c, o.Sounds(), s.Sounds())
		}
		for i, from := range []*media{&o.media, &s.media} {
			to := []*media{&s.media, &o.media}[i]
			within(t, to)
			if err := from.SendSound(&wire.Sound{Payload: []byte{1}}); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
			if err := from.Send(packet(7, 100)); err != nil {
				t.Fatal(err)
			}
			var p wire.Packet
			if _, err := to.Read(&p); err != nil || p.Sequence != 7 {
				t.Errorf("%+v: video came as %v, %v", c, p, err)
			}
			if n := to.sound.packets.Load(); n > 0 {
				t.Errorf("%+v: %d packets of sound came", c, n)
			}
		}
		o.Close()
	}
	if o, s := both(t); !o.Sounds() || !s.Sounds() {
		t.Error("there is no sound where both want it")
	}
}

func near(got, want Clock) bool {
	return got.Timestamp == want.Timestamp && got.At.Sub(want.At).Abs() < time.Microsecond
}

func TestSoundMovesTheSession(t *testing.T) {
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	o, s := dial(t, l, f.addr(), DialConfig{Key: k})
	within(t, &s.media)
	var p wire.Sound
	send := func(n uint16) {
		if err := o.SendSound(&wire.Sound{Sequence: n, Payload: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ReadSound(&p); err != nil {
			t.Fatal(err)
		}
	}
	send(65535)
	to := f.rebind(t)
	send(0)
	if s.Remote() != to {
		t.Errorf("the session is at %s, not %s", s.Remote(), to)
	}
}

func TestSendingAllocatesLittle(t *testing.T) {
	o, s := both(t)
	go func() {
		var p wire.Sound
		for {
			if _, err := s.ReadSound(&p); err != nil {
				return
			}
		}
	}()
	p := &wire.Sound{Payload: make([]byte, 80)}
	if n := testing.AllocsPerRun(100, func() { p.Sequence++; _ = o.SendSound(p) }); n > 12 { // pion's and the reader's
		t.Errorf("%v allocations a packet", n)
	}
}

// A sender without sound is as good as one with it.
func TestOfferWithoutSound(t *testing.T) {
	text := offer(t)
	video, _, found := strings.Cut(text, "m=audio")
	if !found {
		t.Fatalf("no sound in\n%s", text)
	}
	l := listen(t, ListenConfig{Open: true, Answer: true})
	video = strings.Replace(video, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0", 1)
	agreed, err := readOffer(video)
	if err != nil || agreed.ssrc == 0 || agreed.soundSSRC != 0 {
		t.Fatalf("%+v, %v", agreed, err)
	}
	s, answer, err := l.answer(video, agreed, netip.MustParseAddrPort("192.0.2.7:9000"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.end(ErrClosed)
	if got, err := readAnswer(answer); err != nil || got.ssrc == 0 || got.soundSSRC != 0 {
		t.Errorf("%+v, %v of\n%s", got, err, answer)
	}
	if err := s.SendSound(&wire.Sound{Payload: []byte{1}}); err != nil {
		t.Errorf("sound that nobody asked for: %v", err)
	}
}
