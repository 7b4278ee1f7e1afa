// Package ledger knows which states the other side holds. A state is whatever the codec calls one; here it is only something
// that has a name, takes memory, and can be let go.
package ledger

import (
	"math/bits"
	"slices"
	"time"

	"salsify/transport/wire"
)

// How the sender chooses the state that a frame starts from (Sent.Source):
//
//  1. In quiet times: from the state of the newest frame sent, assuming that it will arrive, and those it builds on.
//  2. After a loss, once: from the newest state that the receiver has reported to hold. Frames that build on the lost one are
//     useless; those built on this one are assumed to arrive again.
//  3. After losses in close succession: always from a reported state, until it has been quiet for a while. Then each loss costs
//     one frame, not all that follow within a round trip.
//  4. Where no reported state is left: from the first state, which everybody has, with a key frame.

const (
	// quiet is how long no loss must have been seen before a frame is assumed to arrive again, and within which two losses are
	// in close succession.
	quiet = 2 * time.Second
	// maxSent and maxSentBytes bound the states that the sender keeps. A round trip of a second at 60 frames a second fits.
	maxSent      = 64
	maxSentBytes = 512 << 20
)

// State is what both sides keep. Release gives its memory back.
type State interface{ Release() }

// Sent is the sender's side of the ledger: the frames that were sent, each with the state it leads to.
type Sent[S State] struct {
	first     S // the state before all frames; the caller's own
	firstName wire.StateName
	frames    []sentFrame[S] // in order of numbers
	bytes     int

	lastLoss time.Time // when a loss was last seen
	cautious bool      // losses came in close succession
	recover  bool      // the next frame is the first after a loss
	asked    uint64    // the frame that Source named last
}

type sentFrame[S State] struct {
	number, source uint64 // source 0: the first state
	name           wire.StateName
	state          S
	bytes          int
	held, lost     bool
	certain        bool // its source was held when the ledger forgot it
}

// Source is where a frame may start from.
type Source[S State] struct {
	Frame uint64 // the frame that led to the state, 0 for the first state
	Name  wire.StateName
	State S
	Held  bool // the receiver is known to hold it
}

// NewSent begins a ledger with the first state. The ledger never releases that one.
func NewSent[S State](first S, name wire.StateName) *Sent[S] {
	return &Sent[S]{first: first, firstName: name}
}

// Add notes a frame that is being sent. Numbers grow. The ledger owns the state from now on; bytes is what it costs in memory.
func (l *Sent[S]) Add(number, source uint64, name wire.StateName, state S, bytes int) {
	l.frames = append(l.frames, sentFrame[S]{number: number, source: source, name: name, state: state, bytes: bytes})
	l.bytes += bytes
	l.recover, l.asked = false, 0
	for len(l.frames) > 1 && (len(l.frames) > maxSent || l.bytes > maxSentBytes) {
		victim := 0
		if l.frames[0].number == l.newestHeld() { // of all states this is the last to go
			victim = 1
		}
		l.remove(victim)
	}
}

// Source tells where the next frame starts from. If certain is set, it is a state that the receiver is known to hold.
func (l *Sent[S]) Source(now time.Time, certain bool) Source[S] {
	if l.cautious && now.Sub(l.lastLoss) >= quiet {
		l.cautious = false
	}
	for i := len(l.frames) - 1; i >= 0; i-- {
		f := &l.frames[i]
		if f.held || !certain && !l.cautious && !l.recover && l.hopeful(f) {
			l.asked = f.number
			return Source[S]{Frame: f.number, Name: f.name, State: f.state, Held: f.held}
		}
	}
	l.asked = 0
	return Source[S]{Name: l.firstName, State: l.first, Held: true}
}

// hopeful tells that the receiver will hold the frame's state, as far as is known.
func (l *Sent[S]) hopeful(f *sentFrame[S]) bool {
	for !f.held {
		if f.lost {
			return false
		}
		if f.certain || f.source == 0 {
			return true
		}
		if f = l.find(f.source); f == nil {
			return false // its source was given up, so nothing is known
		}
	}
	return true
}

// Hopeful tells that the receiver holds the state that the frame led to, or will hold it unless something more is lost. It is
// asked again when a frame that starts from there is ready: a loss may have become known in the meantime.
func (l *Sent[S]) Hopeful(number uint64) bool {
	if number == 0 {
		return true
	}
	f := l.find(number)
	return f != nil && l.hopeful(f)
}

// Lost notes that a piece of the frame is missing.
func (l *Sent[S]) Lost(now time.Time, number uint64) {
	if f := l.find(number); f != nil && !f.held && !f.lost {
		useful := l.hopeful(f)
		f.lost = true
		if useful {
			l.loss(now)
		}
	}
}

func (l *Sent[S]) loss(now time.Time) {
	if !l.lastLoss.IsZero() && now.After(l.lastLoss) && now.Sub(l.lastLoss) < quiet {
		l.cautious = true
	}
	l.lastLoss = now
	l.recover = true
}

// Doubt lets the next frame start from a state that the receiver is known to hold: something may have been lost of which no
// report tells yet.
func (l *Sent[S]) Doubt() { l.recover = true }

// Possible tells whether a report can be true: it speaks of no frame that was never sent.
func (l *Sent[S]) Possible(r *wire.Report) bool {
	if len(l.frames) == 0 {
		return r.Decided == 0
	}
	last := l.frames[len(l.frames)-1].number
	return wire.Extend(last, r.Decided) <= last
}

// Held takes in which states a report says the receiver holds. It replaces what earlier reports said, as far back as its mask
// goes. A frame on which the receiver has decided, and whose state it does not hold, did not arrive whole or is of no use to the
// receiver: it counts as lost. A name that does not fit counts as not held. It returns false, and nothing changes, if the report is
// not Possible.
func (l *Sent[S]) Held(now time.Time, r *wire.Report) bool {
	if !l.Possible(r) {
		return false
	}
	if len(l.frames) == 0 {
		return true
	}
	last := l.frames[len(l.frames)-1].number
	decided := wire.Extend(last, r.Decided)
	if r.Decided == 0 { // nothing yet, or the receiver has lost its memory
		decided = l.newestHeld()
	}
	lost := false
	newest := decided - uint64(bits.TrailingZeros32(r.Held)) // whose name the report gives; it may have been let go of here
	for i := len(l.frames) - 1; i >= 0; i-- {
		f := &l.frames[i]
		if f.number > decided {
			if f.held { // the receiver has lost its memory
				f.held, f.lost = false, true
			}
			continue
		}
		fresh := !f.held && l.hopeful(f)
		before := decided - f.number
		f.held = r.Decided != 0 && before < wire.HeldFrames && r.Held>>before&1 != 0
		if f.held && f.number == newest {
			f.held = [4]byte(f.name[:4]) == r.Name
		}
		if f.held {
			f.lost = false
		} else if !f.lost {
			f.lost = true
			lost = lost || fresh
		}
	}
	if lost {
		l.loss(now)
	}
	l.forget()
	return true
}

// forget lets go of the frames before the newest one that the receiver holds: no frame will start from them.
func (l *Sent[S]) forget() {
	oldest := l.Oldest()
	for len(l.frames) > 0 && l.frames[0].number < oldest {
		l.remove(0)
	}
}

// Oldest is the number of the oldest frame whose state a later frame may start from: the receiver may forget those before. 0
// stands for the first state.
func (l *Sent[S]) Oldest() uint64 {
	if held := l.newestHeld(); l.asked == 0 || held < l.asked {
		return held
	}
	return l.asked
}

// Cautious tells that only states which the receiver is known to hold are used for now.
func (l *Sent[S]) Cautious() bool { return l.cautious }

// Len is how many states the ledger keeps, Bytes what they cost in memory.
func (l *Sent[S]) Len() int   { return len(l.frames) }
func (l *Sent[S]) Bytes() int { return l.bytes }

// Clear lets go of all states.
func (l *Sent[S]) Clear() {
	for len(l.frames) > 0 {
		l.remove(0)
	}
}

func (l *Sent[S]) newestHeld() uint64 {
	for i := len(l.frames) - 1; i >= 0; i-- {
		if l.frames[i].held {
			return l.frames[i].number
		}
	}
	return 0
}

func (l *Sent[S]) find(number uint64) *sentFrame[S] {
	for i := range l.frames {
		if l.frames[i].number == number {
			return &l.frames[i]
		}
	}
	return nil
}

func (l *Sent[S]) remove(i int) {
	for j := range l.frames {
		if f := &l.frames[j]; f.source == l.frames[i].number && l.frames[i].held {
			f.certain = true
		}
	}
	l.bytes -= l.frames[i].bytes
	l.frames[i].state.Release()
	l.frames = slices.Delete(l.frames, i, i+1)
}
