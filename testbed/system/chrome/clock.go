package chrome

import (
	"fmt"
	"time"
)

// tick is one instant by two clocks: a page's, performance.timeOrigin + performance.now(), and this program's. Both are
// monotonic.
type tick struct {
	pageMs float64
	here   time.Time
	within time.Duration // half of what reading the page's clock took: the instant of `here` is known that well
}

// clock converts a page's times. It was compared twice, before the call and after.
type clock struct{ before, after tick }

// mostDrift is by how much the two comparisons may differ, beyond what they are known to: half of what one wants to tell apart.
const mostDrift = 2 * time.Millisecond

// drift is by how much the page's clock went faster than this program's.
func (c clock) drift() time.Duration {
	return milliseconds(c.after.pageMs-c.before.pageMs) - c.after.here.Sub(c.before.here)
}

// check returns an error if the clocks have drifted apart.
func (c clock) check() error {
	if known := mostDrift + c.before.within + c.after.within; c.drift().Abs() > known {
		return fmt.Errorf("the browser's clock and this program's went apart by %v during the call, and at most %v are sound; "+
			"its times cannot be trusted, repeat it on a quieter machine", c.drift(), known)
	}
	return nil
}

// at returns when a page's clock showed a time. What drift there was is spread evenly.
func (c clock) at(pageMs float64) time.Time {
	passed := pageMs - c.before.pageMs
	at := c.before.here.Add(milliseconds(passed))
	if all := c.after.pageMs - c.before.pageMs; all > 0 {
		at = at.Add(-time.Duration(float64(c.drift()) * passed / all))
	}
	return at
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
