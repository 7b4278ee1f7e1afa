package link

import (
	"math"
	"time"
)

// codel is Controlled Delay (RFC 8289, section 5, names its variables) as mahimahi has it (codel_packet_queue.cc). When packets
// have waited longer than target for a whole interval, one is dropped, and further ones in ever shorter steps until one has waited
// less. What differs from the RFC, as in mahimahi:
//
//   - The head of the queue always leaves. What is dropped are packets behind it, in the same number.
//   - A dropping state that begins before drop_next of the one before counts from 1.
//   - The clock and the control law have whole milliseconds; a result is cut down to them.
//   - What comes to a full queue is dropped, as by drop-tail; the RFC leaves that to the queue.
type codel struct {
	limits
	target, interval int64 // milliseconds

	firstAbove int64 // when the wait will have been above target for an interval; 0: it is not above
	dropNext   int64 // when the next is dropped
	count      uint32
	lastCount  uint32 // count when this dropping state began
	dropping   bool
}

func (c *codel) arrive(q *queue, p packet, now time.Duration, drop func(packet, time.Duration)) {
	dropTail{c.limits}.arrive(q, p, now, drop)
}

func (c *codel) next(q *queue, at time.Duration, drop func(packet, time.Duration)) (packet, bool) {
	if q.packets.len() == 0 {
		return packet{}, false
	}
	now := milliseconds(at)
	head, tooLate := c.take(q, now)
	switch {
	case c.dropping:
		c.dropping = tooLate
		for c.dropping && now >= c.dropNext {
			p, tooLate := c.take(q, now) // there is one, else the packet before it was not too late
			drop(p, at)
			c.count++
			if tooLate {
				c.dropNext = c.control(c.dropNext)
			} else {
				c.dropping = false
			}
		}
	case tooLate:
		p, _ := c.take(q, now)
		drop(p, at)
		c.dropping = true
		// If the last dropping state ended not long ago, its rate of drops is a good one to begin with.
		delta := c.count - c.lastCount
		c.count = 1
		if since := now - c.dropNext; delta > 1 && since >= 0 && since < 16*c.interval {
			c.count = delta
		}
		c.dropNext = c.control(now)
		c.lastCount = c.count
	}
	return head, true
}

// take takes the first packet out of a queue that has one, and says whether packets have waited too long for an interval.
func (c *codel) take(q *queue, now int64) (p packet, tooLate bool) {
	p, _ = q.pop()
	if now-milliseconds(p.arrival) < c.target || q.bytes <= maxPacketBytes {
		c.firstAbove = 0 // little waits, or none: no standing queue
		return p, false
	}
	if c.firstAbove == 0 {
		c.firstAbove = now + c.interval
		return p, false
	}
	return p, now >= c.firstAbove
}

// control is the control law: drops come at intervals that fall with the square root of their number.
func (c *codel) control(at int64) int64 {
	return at + int64(float64(c.interval)/math.Sqrt(float64(c.count)))
}
