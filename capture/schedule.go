package capture

import (
	"context"
	"math/bits"
	"sync"
	"time"

	"salsify/codec/y4m"
)

// schedule says which picture is to be given when: picture n is due at start + n/rate.
type schedule struct {
	rate  y4m.Rate
	start time.Time // zero until the first picture was asked for
	next  uint64    // the first picture that was not given yet
}

// take returns the number and the time of the picture for who asks now: the next one, or, if others are due by now, the last of
// those. The clock starts when it is first asked.
func (s *schedule) take(now time.Time) (number uint64, due time.Time) {
	if s.start.IsZero() {
		s.start = now
	}
	number = max(s.next, s.lastDue(now.Sub(s.start)))
	s.next = number + 1
	return number, s.start.Add(s.after(number))
}

// after returns how long after the start picture n is due.
func (s *schedule) after(n uint64) time.Duration {
	high, low := bits.Mul64(n, uint64(s.rate.Den)*uint64(time.Second))
	nanoseconds, _ := bits.Div64(high, low, uint64(s.rate.Num)) // cannot overflow: rates are above MinRate
	return time.Duration(nanoseconds)
}

// lastDue returns the last picture that is due this long after the start.
func (s *schedule) lastDue(elapsed time.Duration) uint64 {
	high, low := bits.Mul64(uint64(max(elapsed, 0)), uint64(s.rate.Num))
	n, _ := bits.Div64(high, low, uint64(s.rate.Den)*uint64(time.Second)) // cannot overflow: rates are below MaxRate
	return n
}

// closing tells goroutines that a source was closed.
type closing struct {
	once   sync.Once
	closed chan struct{}
}

// wait waits until an instant, and returns nil, or why it ended before.
func (c *closing) wait(ctx context.Context, until time.Time) error {
	if err := c.ended(ctx); err != nil {
		return err
	}
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closed:
		return ErrClosed
	}
}

// ended tells whether there is a reason not to wait.
func (c *closing) ended(ctx context.Context) error {
	select {
	case <-c.closed:
		return ErrClosed
	default:
		return ctx.Err()
	}
}
