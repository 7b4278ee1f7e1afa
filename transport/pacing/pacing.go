// Package pacing spreads the packets of a frame over time: a token bucket that fills a little faster than the link drains, so that
// a burst does not overflow the link's queue, and the link never waits for us.
package pacing

import (
	"time"

	"salsify/transport/bitrate"
)

const (
	// Factor is how much faster than the estimated capacity packets leave: the estimate may be too low, and trains that are
	// faster than the link are what shows its speed.
	Factor = 1.5
	// burst is how many bytes may leave at once: a train of some packets, which measures the link.
	burst = 6 * 1250
)

// Pacer is a token bucket. The zero Pacer is full.
type Pacer struct {
	spent float64 // bytes missing from the bucket
	last  time.Time
}

// Wait returns how long the next packet has to wait, 0 if it may leave now. Capacity is the path's.
func (p *Pacer) Wait(now time.Time, capacity bitrate.Bitrate) time.Duration {
	rate := capacity.Scale(Factor)
	if elapsed := now.Sub(p.last); elapsed > 0 {
		p.spent = max(0, p.spent-float64(rate)/8*elapsed.Seconds())
		p.last = now
	}
	if p.spent < burst {
		return 0
	}
	return max(rate.Time(int(p.spent-burst)), time.Microsecond)
}

// Sent takes the bytes of a packet that left.
func (p *Pacer) Sent(size int) { p.spent += float64(size) }
