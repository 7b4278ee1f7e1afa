package trace

import (
	"fmt"
	"math/rand/v2"
	"time"

	"salsify/transport/bitrate"
)

// Poisson returns a trace in which single opportunities come independently of each other (a Poisson process), as in the emulated
// Wi-Fi network of the Salsify paper. Its mean rate is as asked for, up to an opportunity, and its last opportunity lies at the end.
// The same seed gives the same trace. The error is as for Constant.
func Poisson(seed uint64, mean bitrate.Bitrate, duration time.Duration) (*Trace, error) {
	count, err := opportunitiesOf(mean, duration)
	if err != nil {
		return nil, err
	}
	// Given their number, the gaps of a Poisson process are exponential ones divided by their sum. Adding them up twice, with the same
	// random numbers, needs no memory for them.
	total := 0.0
	for random, i := poissonGaps(seed), 0; i < count; i++ {
		total += random.ExpFloat64()
	}
	var b builder
	sum := 0.0
	for random, i := poissonGaps(seed), 0; i < count; i++ {
		sum += random.ExpFloat64()
		if err := b.add(time.Duration(sum / total * float64(duration))); err != nil {
			return nil, err
		}
	}
	return b.trace(duration)
}

func poissonGaps(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }

// Ramp returns a trace whose rate goes evenly from one to another in the first half of the duration, and back in the second. One of
// the two may be 0. The error is as for Constant.
func Ramp(from, to bitrate.Bitrate, duration time.Duration) (*Trace, error) {
	if from < 0 || to < 0 {
		return nil, fmt.Errorf("cannot make a ramp from %v to %v: a rate cannot be negative", from, to)
	}
	mean := from/2 + to/2 + (from%2+to%2)/2
	count, err := opportunitiesOf(mean, duration)
	if err != nil {
		return nil, err
	}
	half := duration.Seconds() / 2
	// bits that have passed at a time in seconds
	passed := func(at float64) float64 {
		up := func(x float64) float64 { return float64(float64(from)*x) + float64(float64(to-from)*x*x/(2*half)) }
		if at <= half {
			return up(at)
		}
		return float64(2*up(half)) - up(2*half-at) // the way back is the mirror image
	}
	total := passed(2 * half)
	var b builder
	for ms := time.Duration(0); ms <= duration && len(b.times) < count; ms += time.Millisecond {
		due := min(int(passed(ms.Seconds())/total*float64(count)+1e-9), count)
		for len(b.times) < due {
			if err := b.add(ms); err != nil {
				return nil, err
			}
		}
	}
	for len(b.times) < count { // rounding, or a part of a millisecond at the end
		if err := b.add(duration); err != nil {
			return nil, err
		}
	}
	return b.trace(duration)
}

// OnOff returns a trace that has a rate for a time, and then nothing for a time, by turns; first it is on. With random each time is
// drawn from an exponential distribution with that mean, in whole milliseconds. The last opportunity lies at the end even if that is
// in an off time, since a trace cannot end otherwise. The same seed gives the same trace. The error tells that rate or duration are
// as wrong as for Constant, that on or off are below 1 ms, or that no opportunity falls into it.
func OnOff(seed uint64, rate bitrate.Bitrate, on, off, duration time.Duration, random bool) (*Trace, error) {
	if _, err := opportunitiesOf(rate, duration); err != nil {
		return nil, err
	}
	if on < time.Millisecond || off < time.Millisecond {
		return nil, fmt.Errorf("cannot make a trace that is on for %v and off for %v: both must be at least 1ms", on, off)
	}
	source := rand.New(rand.NewPCG(seed, 4))
	length := func(mean time.Duration) time.Duration {
		if random {
			mean = time.Duration(source.ExpFloat64() * float64(mean))
		}
		return mean.Truncate(time.Millisecond)
	}
	var b builder
	past := time.Duration(0) // of on times before this one
	for begin := time.Duration(0); begin < duration; {
		this := min(length(on), duration-begin)
		for {
			needed := rate.Time((len(b.times) + 1) * OpportunityBytes)
			if needed-past >= this { // at its very end the link is off
				break
			}
			if err := b.add(begin + needed - past); err != nil {
				return nil, err
			}
		}
		past += this
		begin += this + length(off)
	}
	if len(b.times) == 0 {
		return nil, fmt.Errorf("cannot make a trace of %v that is on for %v and off for %v: no opportunity falls into its %v", rate, on, off,
			duration)
	}
	return b.trace(duration)
}
