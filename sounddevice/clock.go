package sounddevice

import "time"

// What a Clock knows of devices.
const (
	// A device's samples come at its rate, late by what the system took to hand them over, and never early. So the earliest of a window
	// say when samples really are.
	clockWindow = 2 * time.Second
	// maxDrift is how far the rate of a device may be off, as a fraction: 500 ppm is more than any crystal's.
	maxDrift = 500e-6
	// A device that is later than clockGap was not asleep but gone: its samples of that time are lost, and the count begins anew.
	clockGap = 100 * time.Millisecond
)

// Clock finds out when samples of a device are, from when the system handed them over, which jitters by some milliseconds. Its answers
// are steady: they run at the nominal rate and follow the device's own by maxDrift at most. It reads no clock.
//
//  1. Observe is told how many samples there are, and when that was known.
//  2. Where that is earlier than thought, the count is moved earlier at once: nothing can be known before it is.
//  3. The earliest observation of a window moves it later, slowly: the device's clock runs slower than ours.
//  4. An observation that is late beyond clockGap moves it at once, and is reported as a gap.
type Clock struct {
	rate    int       // samples a second
	start   time.Time // of sample 0
	started bool
	window  time.Time     // when the window began
	margin  time.Duration // by which all observations of the window were late
	lag     time.Duration // by which start is still to be moved later
	last    time.Time     // observation
}

// NewClock returns a Clock for a device with that many samples a second.
func NewClock(rate int) *Clock { return &Clock{rate: rate} }

// Observe says that the first count samples were there at an instant. It returns by how much that was later than these samples are
// said to be, and the time for which samples are missing, if any: the first count samples are then later by that.
func (c *Clock) Observe(count int64, at time.Time) (late, gap time.Duration) {
	begin := at.Add(-c.duration(count))
	if !c.started {
		*c = Clock{rate: c.rate, start: begin, started: true, window: at, margin: clockGap, last: at}
		return 0, 0
	}
	if elapsed := at.Sub(c.last); elapsed > 0 && c.lag > 0 {
		step := min(c.lag, time.Duration(float64(elapsed)*maxDrift))
		c.start, c.lag = c.start.Add(step), c.lag-step
	}
	c.last = at
	late = begin.Sub(c.start)
	switch {
	case late < 0:
		c.start, c.lag, c.margin = begin, 0, 0
		return 0, 0
	case late > clockGap:
		*c = Clock{rate: c.rate, start: begin, started: true, window: at, margin: clockGap, last: at}
		return late, late
	}
	c.margin = min(c.margin, late)
	if at.Sub(c.window) >= clockWindow {
		c.lag, c.window, c.margin = c.margin, at, clockGap
	}
	return late, 0
}

// At returns when sample n is, counted from 0; the zero Time before the first observation.
func (c *Clock) At(n int64) time.Time {
	if !c.started {
		return time.Time{}
	}
	return c.start.Add(c.duration(n))
}

// duration returns how long n samples last; split, since n times a second overflows after two days.
func (c *Clock) duration(n int64) time.Duration {
	rate := int64(c.rate)
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}
