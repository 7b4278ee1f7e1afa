package trace

import (
	"fmt"
	"time"

	"salsify/transport/bitrate"
)

// Bounds of Scale.
const (
	MinScale = 0.01
	MaxScale = 100
)

// Mean returns the mean capacity of the trace, which is what it has in the long run.
func (t *Trace) Mean() bitrate.Bitrate {
	return bitrate.Of(len(t.times)*OpportunityBytes, t.Duration())
}

// Scale returns a trace with that many times the capacity, exact to an opportunity, and the same period. Each opportunity stays where
// it is and becomes several, or every few of them become one, so the trace keeps its structure in time: gaps, bursts, ups and downs.
// The error tells that the factor does not lie from MinScale to MaxScale, or that the trace would be too large.
func (t *Trace) Scale(factor float64) (*Trace, error) {
	if !(factor >= MinScale && factor <= MaxScale) {
		return nil, fmt.Errorf("cannot scale a trace by %g, only by %g to %d", factor, MinScale, MaxScale)
	}
	n := int64(len(t.times))
	scaled := max(int64(float64(n)*factor+0.5), 1)
	if scaled > MaxOpportunities {
		return nil, fmt.Errorf("cannot scale a trace of %d opportunities by %g: the most is %d, so crop it first", n, factor, MaxOpportunities)
	}
	times := make([]uint32, 0, scaled)
	for i, at := range t.times {
		// So many of the scaled ones belong to the first i+1 of n; the last one always has some, which keeps the period.
		for due := (int64(i) + 1) * scaled / n; int64(len(times)) < due; {
			times = append(times, at)
		}
	}
	return fromTimes(times)
}

// builder gathers opportunities in the order of time.
type builder struct {
	times []uint32 // milliseconds
}

// add adds one opportunity at a time, or fails if there are too many.
func (b *builder) add(at time.Duration) error {
	if len(b.times) == MaxOpportunities {
		return fmt.Errorf("cannot make a trace of more than %d opportunities: make it shorter or slower", MaxOpportunities)
	}
	b.times = append(b.times, uint32(at/time.Millisecond))
	return nil
}

// trace returns the trace of that period: the last opportunity is moved to its end, since the format knows no other end.
func (b *builder) trace(period time.Duration) (*Trace, error) {
	if len(b.times) > 0 {
		b.times[len(b.times)-1] = uint32(period / time.Millisecond)
	}
	return fromTimes(b.times)
}
