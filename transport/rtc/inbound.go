package rtc

import (
	"sync/atomic"
	"time"
)

// inbound is one of the other side's streams. A packet's way is:
//
//  1. on the goroutine that reads the socket: it looks like one of this stream's, so when it came and from where is noted, and it
//     goes to pion;
//  2. pion's ICE agent, mux and SRTP, each on a goroutine of its own; what is forged or repeated ends there;
//  3. decrypted.Write, on SRTP's goroutine: now it is known to be authentic. The note is taken back, and the packet is queued;
//  4. Read or ReadSound.
type inbound struct {
	ssrc    uint32 // 0: there is none
	notes   notes  // when and from where packets came
	queue   queue
	parser  parser // for Read or ReadSound
	newest  uint16 // highest sequence number that was decrypted; for the goroutine that decrypts
	started bool   // there is one

	packets, malformed, offered atomic.Uint64
}

// queue holds decrypted packets until they are read. What does not fit is dropped.
type queue struct {
	full, free chan *received
	reading    *received // what the last next returned
	overflowed *atomic.Uint64
}

// received is a decrypted packet on its way to whoever reads it.
type received struct {
	buffer [maxDatagram]byte
	size   int
	at     time.Time
}

func newQueue(size int) queue {
	return queue{full: make(chan *received, size), free: make(chan *received, size), overflowed: new(atomic.Uint64)}
}

func (q *queue) put(b []byte, at time.Time) {
	var r *received
	select {
	case r = <-q.free:
	default:
		r = new(received) // at most as many as fit, and the one being read, see below
	}
	r.size, r.at = copy(r.buffer[:], b), at
	select {
	case q.full <- r:
	default:
		q.overflowed.Add(1)
		q.recycle(r)
	}
}

func (q *queue) recycle(r *received) {
	select {
	case q.free <- r:
	default:
	}
}

// next waits for the next packet, which is valid until next is called again; false when done is closed first.
func (q *queue) next(done <-chan struct{}) (*received, bool) {
	if q.reading != nil {
		q.recycle(q.reading)
		q.reading = nil
	}
	select {
	case q.reading = <-q.full:
		return q.reading, true
	case <-done:
		return nil, false
	}
}
