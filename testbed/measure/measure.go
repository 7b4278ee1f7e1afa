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
	At       time.Time // when it was on the screen, for the first time
	Scored   bool      // SSIM and MSE were measured
	SSIM     float64   // of luma, against the source, up to 1. Without Scored 0 is not measured, and any other value is
	MSE      float64   // mean squared error of luma, in squared steps of 1/255, if Scored
}

// Distribution sums up values of one kind.
type Distribution struct{ Mean, P50, P95, P99, Max time.Duration }

// FreezeAfter is how long there is no new picture in a freeze. A picture less often than five times a second is seen as one that stands
// still, and WebRTC's statistics count from about there (freezeCount: 150 ms above the mean distance of pictures, which is 33 ms).
const FreezeAfter = 200 * time.Millisecond

// Summary is what a person saw.
type Summary struct {
	Captured    int // pictures of the source
	Shown       int // of those, each counted once
	NeverShown  int // the others
	FrameDelay  Distribution
	SignalDelay Distribution
	Freezes     int           // times of more than FreezeAfter without a new picture
	Frozen      time.Duration // the sum of those times, each from a new picture to the next
	// LongestFreeze is the longest time without a new picture, between two shown ones or at either end, a freeze or not.
	LongestFreeze time.Duration
	Rate          float64 // pictures shown a second

	Scored int     // shown pictures whose SSIM was measured
	SSIM   float64 // the mean of theirs; NaN: none
	SSIMdB float64 // -10 log10(1 - mean SSIM); NaN: none
	PSNRdB float64 // of the mean squared error, the mean taken over pictures that have Scored; NaN: none
}

// Summarize makes the Summary of a whole run. Captured are the instants at which the source's pictures entered the system, shown the
// pictures in the order in which they were on the screen, end when the run ended.
//
// Frame delay is that of the pictures shown. Signal delay is, for every picture of the source, the time from its capture until
// it or a later one is on the screen; pictures at the end that nothing followed count until end.
//
// A picture is new if it is later than all that were on the screen before. One that comes after a later one is shown too, with its frame
// delay and its quality; but it ends no freeze, and changes no signal delay.
func Summarize(captured []time.Time, shown []Shown, end time.Time) Summary {
	if len(captured) == 0 {
		return summarize(captured, shown, shown, end, end)
	}
	return summarize(captured, shown, shown, captured[0], end)
}

// Window is Summarize for what was captured from an instant on and before another. Of those pictures, shown are the ones that were on the
// screen by the second instant, and signal delays count until then. Freezes are those on the screen between the two, also while it shows
// pictures that were captured before.
func Window(captured []time.Time, shown []Shown, from, to time.Time) Summary {
	inside := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	var onScreen, counted []Shown
	for _, p := range shown {
		if p.At.After(to) {
			continue
		}
		onScreen = append(onScreen, p)
		if inside(p.Captured) {
			counted = append(counted, p)
		}
	}
	var during []time.Time
	for _, at := range captured {
		if inside(at) {
			during = append(during, at)
		}
	}
	return summarize(during, counted, onScreen, from, to)
}

// summarize makes the Summary of captured and shown; onScreen are all that were on the screen, by which freezes are told.
func summarize(captured []time.Time, shown, onScreen []Shown, from, to time.Time) Summary {
	shown = once(shown)
	s := Summary{
		Captured: len(captured), Shown: len(shown), NeverShown: max(0, len(captured)-len(shown)),
		SSIM: math.NaN(), SSIMdB: math.NaN(), PSNRdB: math.NaN(),
	}
	frame := make([]time.Duration, len(shown))
	var ssim, squares float64
	errors := 0
	for i, p := range shown {
		frame[i] = p.At.Sub(p.Captured)
		if p.Scored || p.SSIM != 0 {
			ssim += p.SSIM
			s.Scored++
		}
		if p.Scored {
			squares += p.MSE
			errors++
		}
	}
	// What is identical has no infinite figure.
	const least = 1e-10
	if s.Scored > 0 {
		s.SSIM = ssim / float64(s.Scored)
		s.SSIMdB = -10 * math.Log10(max(1-s.SSIM, least))
	}
	if errors > 0 {
		s.PSNRdB = -10 * math.Log10(max(squares/float64(errors)/(255*255), least))
	}
	s.FrameDelay = Distribute(frame)
	s.SignalDelay = Distribute(SignalDelays(captured, shown, to))
	if took := to.Sub(from); took > 0 {
		s.Rate = float64(len(shown)) / took.Seconds()
	}
	s.findFreezes(onScreen, from, to)
	return s
}

// once leaves out a picture that is on the screen again.
func once(shown []Shown) []Shown {
	seen := make(map[uint64]bool, len(shown))
	var first []Shown
	for _, p := range shown {
		if !seen[p.Number] {
			seen[p.Number] = true
			first = append(first, p)
		}
	}
	return first
}

// findFreezes finds the times without a new picture.
func (s *Summary) findFreezes(shown []Shown, from, to time.Time) {
	last, newest := from, time.Time{}
	gap := func(until time.Time) {
		without := until.Sub(last)
		s.LongestFreeze = max(s.LongestFreeze, without)
		if without > FreezeAfter {
			s.Freezes++
			s.Frozen += without
		}
		last = until
	}
	for _, p := range shown {
		if !p.Captured.After(newest) {
			continue
		}
		newest = p.Captured
		if p.At.After(last) {
			gap(p.At)
		}
	}
	if to.After(last) {
		gap(to)
	}
}

// SignalDelays gives the signal delay of each picture of the source: the time until it or a later one is on the screen, or until end if none
// was by then.
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

// Distribute sums up values; all is 0 without any. P95 is the value below which 95 % of them lie, and so on.
func Distribute(values []time.Duration) Distribution {
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
