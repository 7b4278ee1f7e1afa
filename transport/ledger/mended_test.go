package ledger_test

import (
	"testing"
	"time"

	"salsify/transport/ledger"
)

// What was built on a lost frame is not lost again.
func TestOneLossIsOne(t *testing.T) {
	l := newSent()
	add(l, 0, 1, 2)
	wantTaken(t, l, start, report(2, 2, 1))
	add(l, 2, 3, 4, 5)
	l.Lost(start, 3)
	add(l, 2, 6)
	wantTaken(t, l, start.Add(100*time.Millisecond), report(6, 6, 2)) // 4 and 5 came whole, and were of no use
	if l.Cautious() {
		t.Error("cautious after one loss")
	}
}

// A report that comes while a frame is being encoded does not take its source away.
func TestSourceStaysWhileItIsEncodedFrom(t *testing.T) {
	l := newSent()
	add(l, 0, 1)
	wantTaken(t, l, start, report(1, 1))
	add(l, 1, 2)
	s := l.Source(start, true)
	if s.Frame != 1 {
		t.Fatal(s)
	}
	wantTaken(t, l, start, report(2, 2, 1))
	if !l.Hopeful(1) || s.State.released > 0 {
		t.Errorf("the source that was just given out: hopeful %v, released %d times", l.Hopeful(1), s.State.released)
	}
}

// Where only reports are lost, frames go on being sent from the newest state that is known to be held.
func TestReceiverKeepsTheSourceInALongSilence(t *testing.T) {
	l := newSent()
	var h ledger.Held[*state]
	for n := uint64(1); n <= 200; n++ {
		s := l.Source(start, n > 1)
		if _, ok := h.Get(s.Name); !ok && s.Frame != 0 {
			t.Fatalf("for frame %d the source is frame %d, which the receiver has let go", n, s.Frame)
		}
		l.Add(n, s.Frame, nameOf(n), &state{frame: n}, stateBytes)
		h.Add(n, nameOf(n), &state{frame: n}, stateBytes)
		h.Forget(l.Oldest())
		if n == 1 {
			wantTaken(t, l, start, report(1, 1))
		}
	}
}

// A receiver that decided on frame 5 before, and now on none after 3, has lost its memory.
func TestReceiverThatForgetsAndIsBehind(t *testing.T) {
	l := newSent()
	add(l, 0, 1)
	add(l, 0, 2)
	wantTaken(t, l, start, report(2, 2))
	wantTaken(t, l, start, report(1, 1))
	wantSource(t, l, start, true, 0, true) // not 2; frame 1 was not held when that was reported
}

// A silence so long that states were let go of: the report names one of those, and an older one that is still here is held all
// the same.
func TestReportNamesAStateThatWasLetGo(t *testing.T) {
	l := newSent()
	add(l, 0, 1)
	wantTaken(t, l, start, report(1, 1))
	add(l, 1, 2) // it arrives, but the report of it does not
	for n := uint64(3); n <= 70; n++ {
		add(l, 1, n)
	}
	wantTaken(t, l, start, report(2, 2, 1))
	if s := l.Source(start, true); s.Frame != 1 {
		t.Errorf("the next frame starts from %d, though 1 is held", s.Frame)
	}
}
