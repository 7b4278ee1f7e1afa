package ledger

import (
	"slices"

	"salsify/transport/wire"
)

// maxHeld and maxHeldBytes bound the states that the receiver keeps, whatever the sender says that it may still need.
const (
	maxHeld      = 64
	maxHeldBytes = 512 << 20
)

// Held is the receiver's side of the ledger: the states that it holds, by name.
type Held[S State] struct {
	states  []heldState[S] // in order of frame numbers
	bytes   int
	oldest  uint64 // the newest Forget
	decided uint64 // newest frame that led to a state, or will not
}

type heldState[S State] struct {
	number uint64
	name   wire.StateName
	state  S
	bytes  int
}

// Add takes a state that a frame led to, and owns it from now on. Of too many the oldest are let go.
func (l *Held[S]) Add(number uint64, name wire.StateName, state S, bytes int) {
	l.Decide(number)
	i := len(l.states)
	for i > 0 && l.states[i-1].number > number {
		i--
	}
	l.states = slices.Insert(l.states, i, heldState[S]{number: number, name: name, state: state, bytes: bytes})
	l.bytes += bytes
	for len(l.states) > 1 && (len(l.states) > maxHeld || l.bytes > maxHeldBytes) {
		victim := 0
		if l.states[0].number == l.oldest && len(l.states) > 2 { // the sender may still start from it: the last to go
			victim = 1
		}
		l.remove(victim)
	}
}

// Decide notes that a frame will lead to no state any more: it was given up.
func (l *Held[S]) Decide(number uint64) { l.decided = max(l.decided, number) }

// Get finds a state by its name.
func (l *Held[S]) Get(name wire.StateName) (state S, ok bool) {
	for i := len(l.states) - 1; i >= 0; i-- {
		if l.states[i].name == name {
			return l.states[i].state, true
		}
	}
	return state, false
}

// Newest returns the state of the newest frame.
func (l *Held[S]) Newest() (number uint64, state S, ok bool) {
	if len(l.states) == 0 {
		return 0, state, false
	}
	newest := &l.states[len(l.states)-1]
	return newest.number, newest.state, true
}

// Forget lets go of the states of frames before that number, except the newest one.
func (l *Held[S]) Forget(before uint64) {
	l.oldest = before
	for len(l.states) > 1 && l.states[0].number < before {
		l.remove(0)
	}
}

// Fill writes into a report which states are held.
func (l *Held[S]) Fill(r *wire.Report) {
	r.Decided, r.Name, r.Held = uint16(l.decided), [4]byte{}, 0
	for _, s := range l.states {
		if before := l.decided - s.number; before < wire.HeldFrames {
			r.Held |= 1 << before
		}
		r.Name = [4]byte(s.name[:4])
	}
}

// Len is how many states are held, Bytes what they cost in memory.
func (l *Held[S]) Len() int   { return len(l.states) }
func (l *Held[S]) Bytes() int { return l.bytes }

// Clear lets go of all states.
func (l *Held[S]) Clear() {
	for len(l.states) > 0 {
		l.remove(0)
	}
}

func (l *Held[S]) remove(i int) {
	l.bytes -= l.states[i].bytes
	l.states[i].state.Release()
	l.states = slices.Delete(l.states, i, i+1)
}
