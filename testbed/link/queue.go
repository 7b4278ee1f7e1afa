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
	DropHead               // what comes to a full queue is taken, and the oldest are dropped until it is not too full
	CoDel                  // Controlled Delay (RFC 8289): see codel.go
	PIE                    // Proportional Integral controller Enhanced (RFC 8033): see pie.go
)

// Bounds of the times of CoDel and PIE. They are whole milliseconds, since mahimahi's clock has no finer ones.
const (
	minQueueTime = time.Millisecond
	maxQueueTime = time.Minute
)

// Queue is where packets wait. The zero value is the infinite queue. ParseQueue makes one of a text, and *Queue is a pflag.Value.
type Queue struct {
	Policy Policy
	// Packets and Bytes are the limits of all policies but Infinite; 0: no such limit, but one of the two is needed. Bytes counts
	// TUNHeaderBytes for each packet. A packet of which a part has left no longer counts.
	Packets, Bytes int
	// Target is the time that packets may wait, and Interval the time within which they must come down to it, of CoDel.
	Target, Interval time.Duration
	// Reference is the time that packets should wait, and MaxBurst how long a burst may last after a quiet time without drops, of
	// PIE.
	Reference, MaxBurst time.Duration
}

func (q Queue) validate() error {
	if q.Policy < 0 || int(q.Policy) >= len(policies) {
		return fmt.Errorf("unknown queue policy %d", q.Policy)
	}
	if q.Policy == Infinite {
		if q != (Queue{}) {
			return errors.New("an infinite queue has no limits: remove Packets, Bytes and times, or choose droptail")
		}
		return nil
	}
	if q.Packets < 0 || q.Bytes < 0 || q.Packets == 0 && q.Bytes == 0 {
		return fmt.Errorf("a %v queue of %d packets and %d bytes: one limit must be above 0, none below; such as packets=256",
			q.Policy, q.Packets, q.Bytes)
	}
	for _, t := range q.times() {
		if t.policy != q.Policy {
			if *t.value != 0 {
				return fmt.Errorf("a %v queue has no %s", q.Policy, t.name)
			}
		} else if *t.value < minQueueTime || *t.value > maxQueueTime || *t.value%time.Millisecond != 0 {
			return fmt.Errorf("%s of a %v queue is %v: it must be whole milliseconds from %v to %v", t.name, q.Policy, *t.value, minQueueTime,
				maxQueueTime)
		}
	}
	return nil
}

// policy returns the policy that decides for a link with that seed. The queue must be valid.
func (q Queue) policy(seed uint64) policy {
	bounds := limits{q.Packets, q.Bytes}
	switch q.Policy {
	case DropTail:
		return dropTail{bounds}
	case DropHead:
		return dropHead{bounds}
	case CoDel:
		return &codel{limits: bounds, target: milliseconds(q.Target), interval: milliseconds(q.Interval)}
	case PIE:
		return newPIE(bounds, q, seed)
	}
	return infinite{}
}

// policy decides what is dropped, when a packet arrives (drop-tail, drop-head, PIE) or when the next one is to leave (CoDel).
// Times are since the start of the link.
type policy interface {
	// arrive puts p into q, or calls drop with it or with others of q, and with now.
	arrive(q *queue, p packet, now time.Duration, drop func(packet, time.Duration))
	// next takes the packet to transmit out of q, or returns false if none is left.
	next(q *queue, now time.Duration, drop func(packet, time.Duration)) (packet, bool)
}

// limits are the most packets and bytes that a queue may hold; 0: no such limit.
type limits struct{ packets, bytes int }

func (l limits) allow(packets, bytes int) bool {
	return (l.packets == 0 || packets <= l.packets) && (l.bytes == 0 || bytes <= l.bytes)
}

// fits says whether one more packet may be put into the queue.
func (l limits) fits(q *queue, p packet) bool { return l.allow(q.packets.len()+1, q.bytes+p.cost()) }

type infinite struct{}

func (infinite) arrive(q *queue, p packet, _ time.Duration, _ func(packet, time.Duration)) { q.push(p) }

func (infinite) next(q *queue, _ time.Duration, _ func(packet, time.Duration)) (packet, bool) {
	return q.pop()
}

type dropTail struct{ limits }

func (d dropTail) arrive(q *queue, p packet, now time.Duration, drop func(packet, time.Duration)) {
	if !d.fits(q, p) {
		drop(p, now)
		return
	}
	q.push(p)
}

func (dropTail) next(q *queue, _ time.Duration, _ func(packet, time.Duration)) (packet, bool) {
	return q.pop()
}

type dropHead struct{ limits }

func (d dropHead) arrive(q *queue, p packet, now time.Duration, drop func(packet, time.Duration)) {
	q.push(p)
	for !d.allow(q.packets.len(), q.bytes) {
		oldest, _ := q.pop() // there is one: an empty queue is allowed
		drop(oldest, now)
	}
}

func (dropHead) next(q *queue, _ time.Duration, _ func(packet, time.Duration)) (packet, bool) {
	return q.pop()
}

// milliseconds is the time as mahimahi's clock shows it, which the decisions of its queues hang on.
func milliseconds(d time.Duration) int64 { return int64(d / time.Millisecond) }

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
