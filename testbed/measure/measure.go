// Package measure turns what was captured and what was on the screen into the figures that the Salsify paper gives.
package measure

import (
	"math"
	"slices"
	"time"
)

// Shown is a picture that was on the screen.
type Shown struct {
	Number   uint64    // of the source
	Captured time.Time // when it entered the system
	At       time.Time // when it was on the screen
	SSIM     float64   // against the source, up to 1; 0: not measured
}

// Distribution sums up values of one kind.
type Distribution struct{ Mean, P50, P95, P99, Max time.Duration }

// Summary is what a person saw.
type Summary struct {
	Captured    int // pictures of the source
	Shown       int // of those, each counted once
	FrameDelay  Distribution
	SignalDelay Distribution
	// LongestFreeze is the longest time without a new picture, between two shown ones or at the end.
	LongestFreeze time.Duration
	SSIMdB        float64 // -10 log10(1 - mean SSIM), the mean taken over shown pictures that were measured; NaN: none
	Rate          float64 // pictures shown a second
}

// Summarize makes the Summary. Captured are the instants at which the source's pictures entered the system, shown the pictures in the
// order in which they were on the screen, end when the run ended.
//
// Frame delay is that of the pictures shown. Signal delay is, for every picture of the source, the time from its capture until
// it or a later one is on the screen; pictures at the end that nothing followed count until end.
func Summarize(captured []time.Time, shown []Shown, end time.Time) Summary {
	s := Summary{Captured: len(captured), Shown: len(shown), SSIMdB: math.NaN()}
	frame := make([]time.Duration, len(shown))
	var ssim float64
	measured := 0
	for i, p := range shown {
		frame[i] = p.At.Sub(p.Captured)
		if p.SSIM != 0 {
			ssim += p.SSIM
			measured++
		}
	}
	if measured > 0 {
		s.SSIMdB = -10 * math.Log10(max(1-ssim/float64(measured), 1e-10))
	}
	s.FrameDelay = distribution(frame)
	s.SignalDelay = distribution(SignalDelays(captured, shown, end))
	if len(captured) > 0 {
		last := captured[0]
		for _, p := range shown {
			s.LongestFreeze = max(s.LongestFreeze, p.At.Sub(last))
			last = p.At
		}
		s.LongestFreeze = max(s.LongestFreeze, end.Sub(last))
		if took := end.Sub(captured[0]); took > 0 {
			s.Rate = float64(len(shown)) / took.Seconds()
		}
	}
	return s
}

// SignalDelays gives the signal delay of each picture of the source.
func SignalDelays(captured []time.Time, shown []Shown, end time.Time) []time.Duration {
	// The earliest instant at which a picture captured at or after each one is on the screen, from the last to the first.
	order := slices.Clone(shown)
	slices.SortStableFunc(order, func(a, b Shown) int { return b.Captured.Compare(a.Captured) })
	delays := make([]time.Duration, len(captured))
	at, next := end, 0
	for i := len(captured) - 1; i >= 0; i-- {
		for next < len(order) && !order[next].Captured.Before(captured[i]) {
			if order[next].At.Before(at) {
				at = order[next].At
			}
			next++
		}
		delays[i] = at.Sub(captured[i])
	}
	return delays
}

func distribution(values []time.Duration) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	var sum float64
	for _, v := range sorted {
		sum += float64(v)
	}
	at := func(share float64) time.Duration { return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))] }
	return Distribution{
		Mean: time.Duration(sum / float64(len(sorted))), P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: sorted[len(sorted)-1],
	}
}
