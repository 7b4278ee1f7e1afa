package trace

import (
	"math"
	"slices"
	"time"

	"salsify/transport/bitrate"
)

// Statistics are figures of a part of a repeated trace.
type Statistics struct {
	Duration      time.Duration   // of the part
	Opportunities int64           // in it
	Mean          bitrate.Bitrate // capacity
	Short, Long   Bins            // capacity of windows of 100 ms and of 1 s

	// A gap is a time without any opportunity; at the ends of the part it counts as far as it lies in it.
	LongestGap   time.Duration
	LongestGapAt time.Duration // when it begins, counted as the times of the trace
	Gaps200ms    int           // longer than 200 ms
	Gaps1s       int           // longer than 1 s, which are among the others too
	// Burst is the mean number of opportunities in a millisecond that has any: 1 for a smooth trace below 12 Mbit/s.
	Burst float64
}

// Bins are figures of the capacity of windows of one length, which follow each other from the beginning of the part. One that does
// not fit into it any more does not count, unless it is the only one.
type Bins struct {
	Window                              time.Duration
	Min, P5, P25, Median, P75, P95, Max bitrate.Bitrate
	Variation                           float64 // coefficient of variation: deviation by mean; 0 without any capacity
	Empty                               float64 // share of windows without an opportunity
}

// Statistics returns the figures from one instant (included) to another (excluded); all of the trace is from 0 to Duration. They are
// zero if to is not above from. It takes time and memory in proportion to the part.
func (t *Trace) Statistics(from, to time.Duration) Statistics {
	from = max(from, 0)
	if to <= from {
		return Statistics{}
	}
	s := Statistics{Duration: to - from, Mean: t.Capacity(from, to)}
	s.Short, s.Long = t.bins(from, to, 100*time.Millisecond), t.bins(from, to, time.Second)

	first, end := t.Before(from), t.Before(to)
	s.Opportunities = end - first
	busy := 0 // milliseconds with an opportunity
	before := from
	gap := func(until time.Duration) {
		length := until - before
		if length > s.LongestGap {
			s.LongestGap, s.LongestGapAt = length, before
		}
		if length > 200*time.Millisecond {
			s.Gaps200ms++
		}
		if length > time.Second {
			s.Gaps1s++
		}
	}
	for i := first; i < end; i++ {
		at := t.At(i)
		if at != before || i == first {
			busy++
			gap(at)
		}
		before = at
	}
	gap(to)
	if busy > 0 {
		s.Burst = float64(s.Opportunities) / float64(busy)
	}
	return s
}

func (t *Trace) bins(from, to, window time.Duration) Bins {
	window = min(window, to-from)
	rates := make([]float64, 0, (to-from)/window)
	sum, empty := 0.0, 0
	for at := from; at+window <= to; at += window {
		rate := t.Capacity(at, at+window)
		rates = append(rates, float64(rate))
		sum += float64(rate)
		if rate == 0 {
			empty++
		}
	}
	n := float64(len(rates))
	mean, square := sum/n, 0.0
	for _, r := range rates {
		square += (r - mean) * (r - mean) / n
	}
	slices.Sort(rates)
	// The smallest rate that so many percent of the windows do not exceed.
	percentile := func(p int) bitrate.Bitrate { return bitrate.Bitrate(rates[max((len(rates)*p+99)/100-1, 0)]) }
	b := Bins{
		Window: window, Min: percentile(0), P5: percentile(5), P25: percentile(25), Median: percentile(50),
		P75: percentile(75), P95: percentile(95), Max: percentile(100), Empty: float64(empty) / n,
	}
	if mean > 0 {
		b.Variation = math.Sqrt(square) / mean
	}
	return b
}
