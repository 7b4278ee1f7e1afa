package link

import (
	"math/rand/v2"
	"time"

	"salsify/testbed/trace"
)

// maxPacketBytes is the size of a full packet for CoDel and PIE: with less than one or two of them waiting, nothing is dropped.
const maxPacketBytes = trace.OpportunityBytes

// Constants of PIE. Alpha and beta are those of RFC 8033, section 4.2, in 1/s there.
const (
	pieAlpha  = 0.125
	pieBeta   = 1.25
	pieUpdate = 30 // milliseconds between updates of the probability (T_UPDATE; 15 in the RFC)
	// The rate at which packets leave is measured over so many bytes, with no fewer waiting at its beginning (DQ_THRESHOLD).
	pieMeasure = 1 << 14
	pieDecay   = 0.98 // of the probability at each update of an idle queue
)

// pie is Proportional Integral controller Enhanced (RFC 8033 names its variables) as mahimahi has it (pie_packet_queue.cc): each
// packet that comes is dropped with a probability that grows while packets wait longer than reference, and falls while they wait
// less. How long they wait is estimated from what waits and the rate at which it leaves. What differs from the RFC, as in mahimahi:
//
//   - The probability changes a thousand times faster for one delay: alpha and beta are multiplied with milliseconds rather than
//     seconds. The change is then divided by 128 below a probability of 0.01, by 32 below 0.1, else by 16, where the RFC has up to
//     2048 and no division from 0.1 on. So a standing queue drives it up within a few updates.
//   - Updates come every 30 ms, rather than 15, and later ones are made up for when a packet comes or leaves.
//   - A burst is allowed only after the queue was measured and became quiet, not at its beginning, and the allowance is used up by
//     the time of measurements too, not only by that of updates.
//   - Delays and the rate (bytes a millisecond) are whole numbers, cut down.
//   - No ECN, and no smoothing of the random drops (the RFC's derandomization, an option).
//   - What comes to a full queue is dropped, as by drop-tail; the RFC leaves that to the queue.
type pie struct {
	limits
	reference, maxBurst int64 // milliseconds
	random              *rand.Rand

	state      pieState
	lastUpdate int64 // milliseconds
}

// pieState is what an update works on.
type pieState struct {
	probability float64
	delay       int64 // that packets waited at the last update, and at the one before; milliseconds
	delayBefore int64
	burst       int64 // milliseconds left of the burst allowance
	rate        int64 // mean rate of leaving, in bytes a millisecond; 0: unknown

	measuring     bool
	measuredSince int64 // milliseconds
	measured      int64 // bytes since then
}

func newPIE(bounds limits, q Queue, seed uint64) *pie {
	return &pie{
		limits:    bounds,
		reference: milliseconds(q.Reference), maxBurst: milliseconds(q.MaxBurst),
		random: rand.New(rand.NewPCG(seed, 4)),
	}
}

func (c *pie) arrive(q *queue, p packet, now time.Duration, drop func(packet, time.Duration)) {
	c.update(q, milliseconds(now))
	if !c.fits(q, p) || c.dropsEarly(q) {
		drop(p, now)
		return
	}
	q.push(p)
}

// dropsEarly decides whether a packet for which there is place is dropped.
func (c *pie) dropsEarly(q *queue) bool {
	s := &c.state
	if s.burst > 0 || s.delayBefore < c.reference/2 && s.probability < 0.2 || q.bytes < 2*maxPacketBytes {
		return false
	}
	return c.random.Float64() < s.probability
}

func (c *pie) next(q *queue, at time.Duration, _ func(packet, time.Duration)) (packet, bool) {
	p, ok := q.pop()
	if !ok {
		return packet{}, false
	}
	now := milliseconds(at)
	c.measure(q, p, now)
	c.update(q, now)
	return p, true
}

// measure counts what leaves into the mean rate.
func (c *pie) measure(q *queue, p packet, now int64) {
	s := &c.state
	if !s.measuring && q.bytes >= pieMeasure {
		s.measuring, s.measuredSince, s.measured = true, now, 0
	}
	if !s.measuring {
		return
	}
	s.measured += int64(p.cost())
	took := now - s.measuredSince
	if s.measured <= pieMeasure || took <= 0 {
		return
	}
	sample := s.measured / took
	if s.rate == 0 {
		s.rate = sample
	} else {
		s.rate += sample/8 - s.rate/8
	}
	s.measuring, s.measuredSince, s.measured = q.bytes >= pieMeasure, now, 0
	s.burst = max(s.burst-took, 0)
}

// update makes all updates of the probability that have become due. Since the last one the queue has been as it is now.
func (c *pie) update(q *queue, now int64) {
	for now-c.lastUpdate > pieUpdate {
		before := c.state
		c.updateOnce(int64(q.bytes))
		c.lastUpdate += pieUpdate
		if c.state == before { // and so would be all that follow
			c.lastUpdate += max(now-c.lastUpdate-1, 0) / pieUpdate * pieUpdate
		}
	}
}

func (c *pie) updateOnce(waiting int64) {
	s := &c.state
	s.delay, s.delayBefore = 0, s.delay
	if s.rate > 0 {
		s.delay = waiting / s.rate
	}
	// The conversions forbid fusing the products into the sum, which only some machines do.
	change := float64(pieAlpha*float64(s.delay-c.reference)) + float64(pieBeta*float64(s.delay-s.delayBefore))
	switch {
	case s.probability < 0.01:
		change /= 128
	case s.probability < 0.1:
		change /= 32
	default:
		change /= 16
	}
	unbounded := s.probability + change
	s.probability = min(max(unbounded, 0), 1)
	if s.delay == 0 && s.delayBefore == 0 && waiting == 0 && unbounded <= 1 {
		s.probability *= pieDecay
	}
	s.burst = max(s.burst-pieUpdate, 0)
	if s.probability == 0 && s.delay < c.reference/2 && s.delayBefore < c.reference/2 && s.rate > 0 {
		s.measuring, s.rate, s.burst = false, 0, c.maxBurst
	}
}
