package trace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"salsify/transport/bitrate"
)

// Constant returns a trace of one rate, with at least one opportunity. Each lies at the millisecond nearest to its exact time,
// so the rate errs by half a millisecond in the duration: take seconds. The error tells that the rate or the duration is not
// above 0, or that the trace would be too large.
func Constant(rate bitrate.Bitrate, duration time.Duration) (*Trace, error) {
	count, err := opportunitiesOf(rate, duration)
	if err != nil {
		return nil, err
	}
	times := make([]uint32, count)
	for i := range times {
		exact := rate.Time((i + 1) * OpportunityBytes)
		times[i] = uint32(exact.Round(time.Millisecond) / time.Millisecond)
	}
	times[count-1] = max(times[count-1], 1) // a trace cannot repeat after 0 ms
	return fromTimes(times)
}

// opportunitiesOf returns how many opportunities a trace of that mean rate and duration has, at least one.
func opportunitiesOf(rate bitrate.Bitrate, duration time.Duration) (int, error) {
	switch {
	case rate <= 0:
		return 0, fmt.Errorf("cannot make a trace of %v: the rate must be above 0", rate)
	case duration < time.Millisecond || duration > MaxDuration:
		return 0, fmt.Errorf("cannot make a trace of %v: the duration must be from 1ms to %v", duration, MaxDuration)
	}
	count := math.Round(float64(rate) * duration.Seconds() / (8 * OpportunityBytes))
	if count > MaxOpportunities {
		return 0, fmt.Errorf("cannot make a trace of %v over %v: it has %.0f opportunities, the most is %d", rate, duration, count,
			MaxOpportunities)
	}
	return max(int(count), 1), nil
}

// The model of LTE, fitted to the downlinks and uplinks of Verizon and AT&T that Winstein et al. recorded for their paper of
// NSDI 2013 (see the table of TestLTEResemblesRecordedTraces). The capacity is two to the power of a sum of three
// mean-reverting processes, updated every tick; on top of it the scheduler serves others for a while now and then, and the
// radio fades out at times.
const (
	tick = 20 * time.Millisecond

	// Deviation (in powers of two) and time constant of the three processes: where the user is, what the neighbours do, and
	// fast fading.
	slowDeviation, slowTime     = 0.75, 14 * time.Second
	middleDeviation, middleTime = 0.45, time.Second
	fastDeviation, fastTime     = 0.25, 20 * time.Millisecond

	// No user gets more than the cell has: so many powers of two above the median.
	peak = 1.8

	// A millisecond outside of a gap starts a short one (the scheduler serves others) with this probability, or a long one
	// (a retransmission, a measurement), and their mean lengths.
	shortGapStart, shortGap = 1. / 50, 10 * time.Millisecond
	longGapStart, longGap   = 1. / 900, 45 * time.Millisecond

	// An outage begins three times a minute and lasts evenly distributed from shortestOutage to longestOutage.
	outageStart                   = 3. / 60000
	shortestOutage, longestOutage = 200 * time.Millisecond, time.Second

	// What has gathered leaves in a burst, in a millisecond of this probability: a transport block holds several packets.
	burstShare = 0.45
)

// LTE returns a trace that behaves like the downlink or uplink of a moving LTE user: a capacity that drifts and doubles or
// halves within a second, bursts within a millisecond, short gaps of the scheduler, and outages of 0.2 to 1 s about three times a
// minute. Its mean rate is as asked for, up to one opportunity. The same seed gives the same trace on every machine. The error
// is as for Constant.
func LTE(seed uint64, mean bitrate.Bitrate, duration time.Duration) (*Trace, error) {
	count, err := opportunitiesOf(mean, duration)
	if err != nil {
		return nil, err
	}
	// 1. Sum up the shape: how much of the capacity falls into each millisecond, relative to nothing in particular.
	milliseconds := int(duration / time.Millisecond)
	total := 0.0
	for shape := newLTEShape(seed); shape.millisecond < milliseconds; {
		total += shape.next()
	}
	// 2. Go through the same shape again, scaled to the number of opportunities, and let them leave in bursts.
	bursts := rand.New(rand.NewPCG(seed, 2))
	times := make([]uint32, 0, count)
	gathered := 0.0
	for shape := newLTEShape(seed); shape.millisecond < milliseconds; {
		w := shape.next()
		gathered += w
		if w == 0 || bursts.Float64() >= burstShare {
			continue
		}
		due := min(int(gathered/total*float64(count)), count)
		for len(times) < due {
			times = append(times, uint32(shape.millisecond))
		}
	}
	// 3. The rest, which rounding and the last burst left over, ends the trace at its full duration.
	for len(times) < count {
		times = append(times, uint32(milliseconds))
	}
	return fromTimes(times)
}

// lteShape draws the capacity of one millisecond after the other.
type lteShape struct {
	random             *rand.Rand
	slow, middle, fast drift
	capacity           float64 // of this tick
	silent             int     // milliseconds left of a gap or an outage
	millisecond        int     // how many were drawn
}

func newLTEShape(seed uint64) *lteShape {
	random := rand.New(rand.NewPCG(seed, 1))
	return &lteShape{
		random: random,
		slow:   newDrift(random, slowDeviation, slowTime),
		middle: newDrift(random, middleDeviation, middleTime),
		fast:   newDrift(random, fastDeviation, fastTime),
	}
}

// next returns the capacity of the next millisecond.
func (s *lteShape) next() float64 {
	if s.millisecond%int(tick/time.Millisecond) == 0 {
		s.capacity = powerOfTwo(min(s.slow.step(s.random)+s.middle.step(s.random)+s.fast.step(s.random), peak))
	}
	s.millisecond++
	if s.silent == 0 {
		s.silent = silence(s.random)
	}
	if s.silent > 0 {
		s.silent--
		return 0
	}
	return s.capacity
}

// silence decides whether a gap or an outage starts now, and returns its length in milliseconds.
func silence(random *rand.Rand) int {
	switch u := random.Float64(); {
	case u < outageStart:
		return int(shortestOutage/time.Millisecond) + random.IntN(int((longestOutage-shortestOutage)/time.Millisecond))
	case u < outageStart+longGapStart:
		return gapLength(random, longGap)
	case u < outageStart+longGapStart+shortGapStart:
		return gapLength(random, shortGap)
	}
	return 0
}

// gapLength draws a length in milliseconds around its mean, from 0 to twice the mean in the shape of a triangle.
func gapLength(random *rand.Rand, mean time.Duration) int {
	n := int(mean / time.Millisecond)
	return random.IntN(n+1) + random.IntN(n+1)
}

// drift is a mean-reverting process around 0 (Ornstein-Uhlenbeck, sampled every tick).
type drift struct {
	value       float64
	keep, shake float64 // value = keep*value + shake*gauss
}

// newDrift returns the process with its first value drawn from its stationary distribution.
func newDrift(random *rand.Rand, deviation float64, timeConstant time.Duration) drift {
	// 1/(1+x) for exp(-x): the constants need not be exact, but the same on every machine.
	keep := 1 / (1 + tick.Seconds()/timeConstant.Seconds())
	return drift{value: deviation * gauss(random), keep: keep, shake: deviation * math.Sqrt(1-float64(keep*keep))}
}

func (d *drift) step(random *rand.Rand) float64 {
	// The conversions forbid fusing the product into the sum, which only some machines do.
	d.value = float64(d.keep*d.value) + float64(d.shake*gauss(random))
	return d.value
}

// gauss returns a nearly normal number of mean 0 and deviation 1, the sum of twelve even ones: unlike NormFloat64 it needs no
// logarithm, whose last bit depends on the machine.
func gauss(random *rand.Rand) float64 {
	sum := -6.0
	for range 12 {
		sum += random.Float64()
	}
	return sum
}

// powerOfTwo returns 2 to the power of x within 0.02 %, without the exponential of package math, whose last bit depends on the
// machine.
func powerOfTwo(x float64) float64 {
	whole := math.Floor(x)
	f := x - whole
	// A cubic that is exact at both ends of 0..1.
	p := float64(f*0.0790209) + 0.2243873
	p = float64(f*p) + 0.6965918
	p = float64(f*p) + 1
	return math.Ldexp(p, int(whole))
}
