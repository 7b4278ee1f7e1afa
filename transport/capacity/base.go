package capacity

import "time"

// baseWindow is over how long the smallest one-way delay counts: one to two of these. Clocks drift by some 50 us a second at
// worst, a queue of our own making does not last that long, and after a change to a longer route the estimate is too low until the
// window has passed.
const baseWindow = 4 * time.Second

// baseDelay is the smallest one-way delay of late, with the clocks' offset: the smallest of this window and the one before.
type baseDelay struct {
	started       time.Duration
	current, last time.Duration
	windows       int // begun
}

func (b *baseDelay) empty() bool { return b.windows == 0 }

func (b *baseDelay) add(now, delay time.Duration) {
	switch {
	case b.windows == 0:
		b.started, b.current, b.last, b.windows = now, delay, delay, 1
	case now-b.started >= baseWindow:
		b.started, b.last, b.current = now, b.current, delay
		b.windows++
	default:
		b.current = min(b.current, delay)
	}
}

func (b *baseDelay) delay() time.Duration {
	if b.windows == 1 {
		return b.current
	}
	return min(b.current, b.last)
}
