package ledger_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/ledger"
	"salsify/transport/wire"
)

// world is both sides of the ledger, and a network that loses and reorders what is between them.
type world struct {
	now      time.Time
	sent     *ledger.Sent[*state]
	held     ledger.Held[*state]
	frames   []flight // on their way
	reports  []*wire.Report
	newest   uint64          // frame that was sent
	sentNow  int             // frames since the last report came
	states   map[*state]bool // all of them; true: the receiver's
	amnesiac bool            // the receiver has lost its memory, and the sender has not heard of it
	lost     []uint64        // frames that were lost, of which the sender has not heard
}

type flight struct {
	number uint64
	source wire.StateName
	oldest uint64
}

func newWorld() *world {
	return &world{now: start, sent: newSent(), states: map[*state]bool{}}
}

// send lets a frame leave.
func (w *world) send(certain bool) {
	s := w.sent.Source(w.now, certain)
	w.newest++
	own := &state{frame: w.newest}
	w.states[own] = false
	w.sent.Add(w.newest, s.Frame, nameOf(w.newest), own, stateBytes)
	w.frames = append(w.frames, flight{number: w.newest, source: s.Name, oldest: w.sent.Oldest()})
	w.sentNow++
}

// arrive lets the receiver decode a frame, or give it up.
func (w *world) arrive(i int) {
	f := w.frames[i]
	w.frames = slices.Delete(w.frames, i, i+1)
	if _, ok := w.held.Get(f.source); !ok && f.source != firstName {
		w.held.Decide(f.number)
		return
	}
	own := &state{frame: f.number}
	w.states[own] = true
	w.held.Add(f.number, nameOf(f.number), own, stateBytes)
	w.held.Forget(f.oldest)
}

func (w *world) report() {
	r := &wire.Report{}
	w.held.Fill(r)
	w.reports = append(w.reports, r)
}

// hear lets the sender take in the oldest report.
func (w *world) hear(t *rapid.T) {
	r := w.reports[0]
	w.reports = w.reports[1:]
	if !w.sent.Held(w.now, r) {
		t.Fatalf("an honest report of frame %d is refused", r.Decided)
	}
	w.amnesiac, w.sentNow = false, 0
}

func (w *world) check(t *rapid.T) {
	alive := map[bool]int{}
	for s, receivers := range w.states {
		if s.released > 1 {
			t.Fatalf("the state of frame %d was released %d times", s.frame, s.released)
		}
		if s.released == 0 {
			alive[receivers]++
		}
	}
	if alive[false] != w.sent.Len() || alive[true] != w.held.Len() || w.sent.Len() > 100 || w.held.Len() > 100 {
		t.Fatalf("%d of the sender's states live, %d are in its ledger; %d and %d of the receiver's", alive[false], w.sent.Len(),
			alive[true], w.held.Len())
	}
	if w.sent.Bytes() != stateBytes*w.sent.Len() || w.held.Bytes() != stateBytes*w.held.Len() {
		t.Fatalf("states of %d bytes: %d are said to take %d, %d to take %d", stateBytes, w.sent.Len(), w.sent.Bytes(), w.held.Len(),
			w.held.Bytes())
	}
	for _, certain := range []bool{false, true} {
		s := w.sent.Source(w.now, certain)
		if s.State.released > 0 || s.State.frame != s.Frame {
			t.Fatalf("the source is frame %d, with the state of frame %d, released %d times", s.Frame, s.State.frame, s.State.released)
		}
		if !w.sent.Hopeful(s.Frame) {
			t.Fatalf("the source is frame %d, for which there is no hope", s.Frame)
		}
		if certain && !s.Held || w.sent.Cautious() && !s.Held {
			t.Fatalf("the source is frame %d, which is not held, though certain is %v and the ledger cautious: %v", s.Frame, certain,
				w.sent.Cautious())
		}
		if _, ok := w.held.Get(s.Name); !ok && s.Held && s.Frame != 0 && !w.amnesiac {
			t.Fatalf("the source is frame %d, said to be held, but it is not", s.Frame)
		}
	}
}

func TestBothSides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				if w.sentNow > 40 {
					t.Skip("more than both sides keep, without any report")
				}
				w.send(rapid.Bool().Draw(t, "certain"))
			},
			"arrive": func(t *rapid.T) {
				if len(w.frames) == 0 {
					t.Skip("none on its way")
				}
				w.arrive(rapid.IntRange(0, min(2, len(w.frames)-1)).Draw(t, "which"))
			},
			"lose": func(t *rapid.T) {
				if len(w.frames) == 0 {
					t.Skip("none on its way")
				}
				w.lost = append(w.lost, w.frames[0].number)
				w.frames = w.frames[1:]
			},
			"hearOfLoss": func(t *rapid.T) {
				if len(w.lost) == 0 {
					t.Skip("none lost")
				}
				w.sent.Lost(w.now, w.lost[0])
				w.lost = w.lost[1:]
				if s := w.sent.Source(w.now, false); !s.Held && w.sent.Cautious() {
					t.Fatalf("after a loss the source is frame %d, which is not held", s.Frame)
				}
			},
			"wrongLoss": func(t *rapid.T) { // it is only reordered
				if len(w.frames) > 0 {
					w.sent.Lost(w.now, w.frames[0].number)
				}
			},
			"report": func(*rapid.T) { w.report() },
			"hear": func(t *rapid.T) {
				if len(w.reports) == 0 {
					t.Skip("none on its way")
				}
				w.hear(t)
			},
			"loseReport": func(t *rapid.T) {
				if len(w.reports) == 0 {
					t.Skip("none on its way")
				}
				w.reports = w.reports[1:]
			},
			"wait": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.Int64Range(0, 3e9).Draw(t, "ns")))
			},
			"forgetEverything": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "how likely") > 0 {
					t.Skip("rare")
				}
				w.held.Clear()
				w.held, w.reports, w.amnesiac = ledger.Held[*state]{}, nil, true
				for _, f := range w.frames {
					w.lost = append(w.lost, f.number)
				}
				w.frames = nil
			},
			"": w.check,
		})

		// Now it is quiet: nothing is lost any more, and the sender hears of what was.
		for _, n := range w.lost {
			w.sent.Lost(w.now, n)
		}
		w.now = w.now.Add(time.Minute)
		for range 5 {
			for len(w.frames) > 0 {
				w.arrive(0)
			}
			w.report()
			for len(w.reports) > 0 {
				w.hear(t)
			}
			w.check(t)
			w.send(false)
			w.now = w.now.Add(time.Minute)
		}
		for len(w.frames) > 0 {
			w.arrive(0)
		}
		w.report()
		w.hear(t)
		w.check(t)
		s := w.sent.Source(w.now, true)
		newest, theirs, ok := w.held.Newest()
		if s.Frame != w.newest || !ok || newest != w.newest || theirs.frame != w.newest {
			t.Fatalf("after all has been quiet the source is frame %d and the receiver's newest state of frame %d, not %d", s.Frame, newest,
				w.newest)
		}
		if w.sent.Len() > 3 || w.held.Len() > 3 {
			t.Fatalf("after all has been quiet the sender keeps %d states, the receiver %d", w.sent.Len(), w.held.Len())
		}
		w.sent.Clear()
		w.held.Clear()
		for s := range w.states {
			if s.released != 1 {
				t.Fatalf("the state of frame %d was released %d times", s.frame, s.released)
			}
		}
	})
}

// FuzzHeldReports feeds what the network may bring.
func FuzzHeldReports(f *testing.F) {
	f.Add(uint16(3), uint32(5), uint32(0), uint16(7), uint32(0xffffffff), uint32(1))
	f.Add(uint16(0), uint32(0), uint32(0), uint16(65_535), uint32(1), uint32(9))
	f.Fuzz(func(t *testing.T, decided uint16, held, name uint32, decided2 uint16, held2, name2 uint32) {
		l := newSent()
		add(l, 0, 1, 2, 3, 4, 5)
		for i, r := range []*wire.Report{
			{Decided: decided, Held: held, Name: [4]byte{byte(name), byte(name >> 8), byte(name >> 16), byte(name >> 24)}},
			{Decided: decided2, Held: held2, Name: [4]byte{byte(name2), byte(name2 >> 8), byte(name2 >> 16), byte(name2 >> 24)}},
			report(5, 5),
		} {
			if l.Held(start, r) && r.Decided > 8 {
				t.Fatalf("a report of frame %d is taken", r.Decided)
			}
			for _, certain := range []bool{false, true} {
				s := l.Source(start, certain)
				if s.State.released > 0 || certain && !s.Held {
					t.Fatalf("the source is %+v", s)
				}
			}
			add(l, l.Source(start, false).Frame, uint64(6+i))
		}
		if l.Len() > 8 {
			t.Fatalf("%d states", l.Len())
		}
	})
}
