package rtc

import (
	"sync"
	"time"
)

// notes remembers of each SRTP packet, while it makes its way through pion to be decrypted, when it came and from where: pion
// hands on neither. They are filed by sequence number, which a packet bears in the clear, and so does a forgery: the rules in put
// see to it that a forged or replayed packet can at worst take the place of the note of an authentic one, never its address.
type notes struct {
	mu    sync.Mutex
	slots [noteSlots]note
}

const (
	// noteSlots is a power of two above the packets that pion's buffers (1 MB each) hold at a time.
	noteSlots = 2048
	// noteLife is how long after its arrival a packet may be decrypted; a note older than that is of a packet that never was.
	noteLife = time.Second
)

type note struct {
	sequence  uint16
	taken     bool // or empty
	contested bool // the packet came from two addresses, neither of them the session's: no telling which is the sender's
	arrival   time.Time
	from      route
}

// put notes an arrival. current is where the session's sender is known to be: what comes from there counts more than what
// claims the same sequence number elsewhere.
func (n *notes) put(sequence uint16, from route, arrival time.Time, current route) {
	n.mu.Lock()
	defer n.mu.Unlock()
	slot := &n.slots[sequence%noteSlots]
	next := note{sequence: sequence, arrival: arrival, from: from}
	if !slot.taken && slot.sequence == sequence && !slot.arrival.IsZero() && arrival.Sub(slot.arrival) < noteLife {
		switch {
		case from.remote == current.remote: // replaces any
		case slot.from.remote == current.remote:
			return
		case slot.contested || slot.from.remote != from.remote:
			next.contested = true
		}
	}
	*slot = next
}

// take returns the note of a packet that has been decrypted, or false. Each is returned once.
func (n *notes) take(sequence uint16) (note, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	slot := &n.slots[sequence%noteSlots]
	if slot.taken || slot.sequence != sequence || slot.arrival.IsZero() {
		return note{}, false
	}
	slot.taken = true
	return *slot, true
}

// requests remembers where the last STUN requests came from, so that each is answered there, whatever the session's address is
// by then. An older one that is pushed out by others is not answered; its sender asks again.
type requests struct {
	mu    sync.Mutex
	next  int
	slots [16]struct {
		transaction transaction
		from        route
	}
}

func (r *requests) put(t transaction, from route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots[r.next].transaction, r.slots[r.next].from = t, from
	r.next = (r.next + 1) % len(r.slots)
}

func (r *requests) origin(t transaction) (from route, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.slots {
		if s := &r.slots[i]; s.transaction == t && s.from.remote.IsValid() {
			return s.from, true
		}
	}
	return route{}, false
}
