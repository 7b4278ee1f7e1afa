package link

import (
	"errors"
	"fmt"
	"time"
)

// Policy is how a queue decides what to drop.
type Policy int

// The policies, named as mm-link names them.
const (
	Infinite Policy = iota // nothing is dropped, up to MaxPackets and MaxBytes
	DropTail               // what comes to a full queue is dropped
)

// Queue is where packets wait. The zero value is the infinite queue.
type Queue struct {
	Policy Policy
	// Packets and Bytes are the limits of DropTail; 0: no such limit, but one of the two is needed. Bytes counts TUNHeaderBytes
	// for each packet. A packet of which a part has left no longer counts.
	Packets, Bytes int
}

func (q Queue) validate() error {
	switch {
	case q.Policy == Infinite && (q.Packets != 0 || q.Bytes != 0):
		return errors.New("link: an infinite queue has no limits: remove Packets and Bytes, or choose DropTail")
	case q.Policy == DropTail && (q.Packets < 0 || q.Bytes < 0 || q.Packets+q.Bytes == 0):
		return fmt.Errorf("link: a drop-tail queue of %d packets and %d bytes: one limit must be above 0, none below", q.Packets, q.Bytes)
	case q.Policy != Infinite && q.Policy != DropTail:
		return fmt.Errorf("link: unknown queue policy %d", q.Policy)
	}
	return nil
}

func (q Queue) policy() policy {
	if q.Policy == DropTail {
		return dropTail{q.Packets, q.Bytes}
	}
	return infinite{}
}

// policy decides what is dropped, when a packet arrives (drop-tail, drop-head, PIE) or when the next one is to leave (CoDel).
type policy interface {
	// arrive puts p into q, or calls drop with it or with others of q.
	arrive(q *queue, p packet, now time.Duration, drop func(packet))
	// next takes the packet to transmit out of q, or returns false if none is left.
	next(q *queue, now time.Duration, drop func(packet)) (packet, bool)
}

type infinite struct{}

func (infinite) arrive(q *queue, p packet, _ time.Duration, _ func(packet)) { q.push(p) }

func (infinite) next(q *queue, _ time.Duration, _ func(packet)) (packet, bool) { return q.pop() }

type dropTail struct{ packets, bytes int }

func (d dropTail) arrive(q *queue, p packet, _ time.Duration, drop func(packet)) {
	if d.packets > 0 && q.packets.len()+1 > d.packets || d.bytes > 0 && q.bytes+p.cost() > d.bytes {
		drop(p)
		return
	}
	q.push(p)
}

func (dropTail) next(q *queue, _ time.Duration, _ func(packet)) (packet, bool) { return q.pop() }

// packet is one that waits.
type packet struct {
	payload any
	size    int           // IP length in bytes
	arrival time.Duration // since the start of the link
}

// cost is how many bytes of opportunities it takes.
func (p packet) cost() int { return p.size + TUNHeaderBytes }

// queue holds the packets that wait, and their cost.
type queue struct {
	packets ring[packet]
	bytes   int
}

func (q *queue) push(p packet) {
	q.packets.push(p)
	q.bytes += p.cost()
}

func (q *queue) pop() (packet, bool) {
	if q.packets.len() == 0 {
		return packet{}, false
	}
	p := q.packets.pop()
	q.bytes -= p.cost()
	return p, true
}

// ring is a first-in first-out list that grows as needed and reuses its memory.
type ring[T any] struct {
	items []T // its length is 0 or a power of two
	head  int // index of the first
	count int
}

func (r *ring[T]) len() int { return r.count }

// at returns the i-th item from the front.
func (r *ring[T]) at(i int) *T { return &r.items[(r.head+i)&(len(r.items)-1)] }

func (r *ring[T]) push(item T) {
	if r.count == len(r.items) {
		grown := make([]T, max(16, 2*len(r.items)))
		for i := range r.count {
			grown[i] = *r.at(i)
		}
		r.items, r.head = grown, 0
	}
	r.count++
	*r.at(r.count - 1) = item
}

// pop takes the first item, of which there must be one.
func (r *ring[T]) pop() T {
	first := r.at(0)
	item := *first
	*first = *new(T) // let go of the payload
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.count--
	return item
}
