package ledger_test

import (
	"encoding/binary"
	"testing"
	"time"

	"salsify/transport/ledger"
	"salsify/transport/wire"
)

// state stands for a codec's state: the frame that led to it. It counts how often it was released.
type state struct {
	frame    uint64
	released int
}

func (s *state) Release() { s.released++ }

var (
	start     = time.Unix(1_000_000, 0)
	firstName = wire.StateName{'f', 'i', 'r', 's', 't'}
)

// nameOf gives each frame's state a name, of which the first 4 bytes differ as well.
func nameOf(frame uint64) (name wire.StateName) {
	binary.BigEndian.PutUint64(name[:], frame*0x9E3779B97F4A7C15)
	return name
}

const stateBytes = 1000

func newSent() *ledger.Sent[*state] { return ledger.NewSent(&state{}, firstName) }

// add notes frames as sent, each built on the one before, the first on source.
func add(l *ledger.Sent[*state], source uint64, frames ...uint64) {
	for _, n := range frames {
		l.Add(n, source, nameOf(n), &state{frame: n}, stateBytes)
		source = n
	}
}

// report tells that a frame was decided on and which states are held, the newest first.
func report(decided uint64, held ...uint64) *wire.Report {
	r := &wire.Report{Decided: uint16(decided)}
	for i, n := range held {
		if i == 0 {
			name := nameOf(n)
			r.Name = [4]byte(name[:4])
		}
		r.Held |= 1 << (decided - n)
	}
	return r
}

// wantSource fails unless the next frame starts from the state of that frame.
func wantSource(t *testing.T, l *ledger.Sent[*state], now time.Time, certain bool, frame uint64, held bool) {
	t.Helper()
	s := l.Source(now, certain)
	name := firstName
	if frame != 0 {
		name = nameOf(frame)
	}
	if s.Frame != frame || s.Held != held || s.Name != name || s.State == nil || s.State.frame != frame || s.State.released > 0 {
		t.Errorf("the source is %+v with state %+v, not frame %d (held: %v)", s, s.State, frame, held)
	}
}

func wantTaken(t *testing.T, l *ledger.Sent[*state], now time.Time, r *wire.Report) {
	t.Helper()
	if !l.Held(now, r) {
		t.Errorf("a report of frame %d is refused", r.Decided)
	}
}

func TestInQuietTimesTheNewestFrameIsTheSource(t *testing.T) {
	l := newSent()
	wantSource(t, l, start, false, 0, true)
	wantTaken(t, l, start, &wire.Report{})
	for n := uint64(1); n <= 20; n++ {
		add(l, n-1, n)
		wantSource(t, l, start, false, n, false)
		wantSource(t, l, start, true, 0, true)
	}
	wantTaken(t, l, start, report(12, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1))
	wantSource(t, l, start, false, 20, false)
	wantSource(t, l, start, true, 12, true)
	if l.Oldest() != 12 || l.Len() > 9+1 {
		t.Errorf("the oldest frame is %d of %d", l.Oldest(), l.Len())
	}
	for n := uint64(0); n <= 20; n++ {
		if want := n == 0 || n >= 12; l.Hopeful(n) != want {
			t.Errorf("frame %d: hopeful is %v", n, !want)
		}
	}
	if l.Hopeful(21) {
		t.Error("a frame that was never sent is hopeful")
	}
}

func TestAfterALossTheNextSourceIsHeld(t *testing.T) {
	l := newSent()
	add(l, 0, 1, 2)
	wantTaken(t, l, start, report(2, 2, 1))
	add(l, 2, 3)
	l.Lost(start, 3)
	if l.Hopeful(3) {
		t.Error("a lost frame is hopeful")
	}
	wantSource(t, l, start, false, 2, true)
	wantSource(t, l, start, false, 2, true) // that one was dropped
	add(l, 2, 4)
	wantSource(t, l, start, false, 4, false)
	add(l, 4, 5)
	wantTaken(t, l, start, report(4, 4, 2))
	if l.Cautious() {
		t.Error("cautious after one loss")
	}
	wantSource(t, l, start, false, 5, false)
	if l.Lost(start, 99); l.Cautious() {
		t.Error("the loss of a frame that was never sent counts")
	}
}

// A frame that builds on a lost one is as useless.
func TestFramesBuiltOnALostOneAreNotHopeful(t *testing.T) {
	l := newSent()
	add(l, 0, 1)
	wantTaken(t, l, start, report(1, 1))
	add(l, 1, 2, 3, 4)
	add(l, 1, 5, 6)
	l.Lost(start, 3)
	for n, want := range map[uint64]bool{1: true, 2: true, 3: false, 4: false, 5: true, 6: true} {
		if l.Hopeful(n) != want {
			t.Errorf("frame %d: hopeful is %v", n, !want)
		}
	}
	// The report says what Lost said, by silence on it.
	wantTaken(t, l, start, report(6, 6, 5, 2))
	wantSource(t, l, start, true, 6, true)
}

// A report alone shows a loss: the receiver has decided on a frame, and does not hold its state.
func TestReportShowsALoss(t *testing.T) {
	l := newSent()
	add(l, 0, 1, 2)
	wantTaken(t, l, start, report(2, 1))
	if l.Hopeful(2) {
		t.Error("a frame that the receiver gave up is hopeful")
	}
	wantSource(t, l, start, false, 1, true)
}

// What was taken for lost may come after all.
func TestLateFrame(t *testing.T) {
	l := newSent()
	add(l, 0, 1, 2, 3)
	l.Lost(start, 2)
	wantSource(t, l, start, false, 0, true)
	wantTaken(t, l, start, report(3, 3, 2, 1))
	wantSource(t, l, start, false, 3, true)
	if !l.Hopeful(3) {
		t.Error("a frame that is held is not hopeful")
	}
	if l.Lost(start, 3); !l.Hopeful(3) {
		t.Error("a frame that is held was taken for lost")
	}
}

func TestAfterLossesInSuccessionOnlyHeldStatesAreUsed(t *testing.T) {
	l := newSent()
	now := start
	add(l, 0, 1)
	wantTaken(t, l, now, report(1, 1))
	add(l, 1, 2)
	l.Lost(now, 2)
	add(l, 1, 3)
	now = now.Add(100 * time.Millisecond)
	l.Lost(now, 3)
	if !l.Cautious() {
		t.Error("not cautious after two losses within 0.1 s")
	}
	for n := uint64(4); n < 8; n++ {
		add(l, 1, n)
		now = now.Add(30 * time.Millisecond)
		wantSource(t, l, now, false, 1, true)
	}
	wantTaken(t, l, now, report(6, 6, 5, 4, 1))
	wantSource(t, l, now, false, 6, true)
	add(l, 6, 8)
	now = now.Add(time.Minute)
	wantSource(t, l, now, false, 8, false)
	if l.Cautious() {
		t.Error("cautious after a minute of quiet")
	}
	// Two losses a minute apart are not in succession.
	l.Lost(now, 8)
	add(l, 6, 9)
	l.Lost(now.Add(time.Minute), 9)
	if l.Cautious() {
		t.Error("cautious after two losses, a minute apart")
	}
}

// Once the receiver has lost its memory everything starts from the first state, as at the beginning.
func TestReceiverThatForgetsEverything(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *wire.Report
	}{
		{"before it saw anything", &wire.Report{}},
		{"after it gave up a frame", report(5)},
		{"after it gave up all", report(6)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newSent()
			add(l, 0, 1, 2, 3, 4)
			wantTaken(t, l, start, report(3, 3, 2))
			add(l, 4, 5, 6)
			wantTaken(t, l, start, c.r)
			wantSource(t, l, start, false, 0, true)
			wantSource(t, l, start, true, 0, true)
			for n := uint64(1); n <= 6; n++ {
				if l.Hopeful(n) {
					t.Errorf("frame %d is hopeful", n)
				}
			}
			if l.Oldest() != 0 {
				t.Errorf("the oldest frame is %d, though no state is held", l.Oldest())
			}
			add(l, 0, 7)
			wantTaken(t, l, start, report(7, 7))
			wantSource(t, l, start, false, 7, true)
		})
	}
}

func TestReportOfAFrameThatWasNeverSent(t *testing.T) {
	l := newSent()
	if l.Held(start, report(1, 1)) {
		t.Error("a report of frame 1 is taken before it was sent")
	}
	add(l, 0, 1, 2, 3)
	wantTaken(t, l, start, report(2, 2, 1))
	for _, decided := range []uint64{4, 100, 30_000, 65_535} {
		if l.Held(start, report(decided, decided)) {
			t.Errorf("a report of frame %d is taken", decided)
		}
	}
	wantSource(t, l, start, true, 2, true)
	wantSource(t, l, start, false, 3, false)
}

// A receiver that holds something else under that number does not hold the state.
func TestNameThatDoesNotFit(t *testing.T) {
	l := newSent()
	add(l, 0, 1, 2, 3)
	r := report(3, 3)
	r.Name[0]++
	wantTaken(t, l, start, r)
	wantSource(t, l, start, true, 0, true)
	if l.Hopeful(3) {
		t.Error("a state of another name is hopeful")
	}
}

// Frame numbers wrap at 16 bits, where 0 is left out.
func TestFrameNumbersWrap(t *testing.T) {
	l := newSent()
	source := uint64(0)
	for n := uint64(65_500); n < 65_600; n++ {
		if n == 65_536 {
			continue
		}
		add(l, source, n)
		source = n
		if n%3 == 0 {
			wantTaken(t, l, start, report(n-1, n-1, n-2, n-3, n-4))
			wantSource(t, l, start, true, n-1, true)
			wantSource(t, l, start, false, n, false)
		}
	}
}

func TestSentIsBounded(t *testing.T) {
	for _, bytes := range []int{1, 100 << 20, 1 << 40} {
		l := newSent()
		var states []*state
		for n := uint64(1); n <= 1000; n++ {
			s := &state{frame: n}
			states = append(states, s)
			l.Add(n, n-1, nameOf(n), s, bytes)
			if n == 3 {
				wantTaken(t, l, start, report(3, 3))
			}
			if l.Len() > 100 || l.Len() > 1 && l.Bytes() > 1<<30 || l.Bytes() != l.Len()*bytes {
				t.Fatalf("%d states of %d bytes, which take %d", l.Len(), bytes, l.Bytes())
			}
			if n >= 3 {
				wantSource(t, l, start, true, 3, true) // the last to go
			}
		}
		alive := 0
		for _, s := range states {
			if s.released > 1 {
				t.Fatalf("state %d was released %d times", s.frame, s.released)
			}
			alive += 1 - s.released
		}
		if alive != l.Len() {
			t.Errorf("%d states of %d in the ledger are not released", alive, l.Len())
		}
		l.Clear()
		for _, s := range states {
			if s.released != 1 {
				t.Fatalf("after Clear state %d was released %d times", s.frame, s.released)
			}
		}
		if l.Len() != 0 || l.Bytes() != 0 {
			t.Errorf("after Clear there are %d states of %d bytes", l.Len(), l.Bytes())
		}
	}
}

func TestFirstStateIsTheCallers(t *testing.T) {
	first := &state{}
	l := ledger.NewSent(first, firstName)
	add(l, 0, 1, 2)
	l.Held(start, report(2, 2))
	l.Clear()
	if first.released != 0 {
		t.Error("the ledger released the first state")
	}
	wantSource(t, l, start, false, 0, true)
}

func TestHeld(t *testing.T) {
	var l ledger.Held[*state]
	if _, _, ok := l.Newest(); ok {
		t.Error("an empty ledger has a newest state")
	}
	var r wire.Report
	if l.Fill(&r); r.Decided != 0 || r.Held != 0 {
		t.Errorf("an empty ledger reports %+v", r)
	}
	states := map[uint64]*state{}
	for _, n := range []uint64{5, 7, 6, 12, 9} {
		states[n] = &state{frame: n}
		l.Add(n, nameOf(n), states[n], stateBytes)
	}
	if n, s, ok := l.Newest(); !ok || n != 12 || s != states[12] {
		t.Errorf("the newest state is of frame %d", n)
	}
	for n := range uint64(15) {
		s, ok := l.Get(nameOf(n))
		if want := states[n]; s != want || ok != (want != nil) {
			t.Errorf("state %d: %v", n, ok)
		}
	}
	l.Decide(14)
	l.Decide(3) // that is long known
	want := report(14, 12, 9, 7, 6, 5)
	if l.Fill(&r); r.Decided != want.Decided || r.Name != want.Name || r.Held != want.Held {
		t.Errorf("the report is %+v, not %+v", r, want)
	}
	l.Forget(9)
	want = report(14, 12, 9)
	if l.Fill(&r); r.Held != want.Held || l.Len() != 2 || l.Bytes() != 2*stateBytes {
		t.Errorf("%d states of %d bytes are held, reported as %b", l.Len(), l.Bytes(), r.Held)
	}
	l.Forget(1000)
	if n, _, _ := l.Newest(); n != 12 || l.Len() != 1 {
		t.Errorf("%d states are held, up to frame %d: the newest must stay", l.Len(), n)
	}
	l.Clear()
	for n, s := range states {
		if s.released != 1 {
			t.Errorf("state %d was released %d times", n, s.released)
		}
	}
}

// A state beyond the mask is held, but cannot be told of.
func TestHeldBeyondTheMask(t *testing.T) {
	var l ledger.Held[*state]
	l.Add(1, nameOf(1), &state{frame: 1}, stateBytes)
	l.Decide(wire.HeldFrames)
	var r wire.Report
	if l.Fill(&r); r.Held != 1<<(wire.HeldFrames-1) {
		t.Errorf("the mask is %b", r.Held)
	}
	l.Decide(wire.HeldFrames + 1)
	if l.Fill(&r); r.Held != 0 {
		t.Errorf("the mask is %b", r.Held)
	}
}

func TestHeldIsBounded(t *testing.T) {
	for _, bytes := range []int{1, 100 << 20, 1 << 40} {
		var l ledger.Held[*state]
		for n := uint64(1); n <= 1000; n++ {
			l.Add(n, nameOf(n), &state{frame: n}, bytes)
			if l.Len() > 100 || l.Len() > 1 && l.Bytes() > 1<<30 || l.Bytes() != l.Len()*bytes {
				t.Fatalf("%d states of %d bytes, which take %d", l.Len(), bytes, l.Bytes())
			}
			if newest, s, ok := l.Newest(); !ok || newest != n || s.released > 0 {
				t.Fatalf("the newest state is of frame %d, not %d", newest, n)
			}
		}
	}
}
