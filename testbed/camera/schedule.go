package camera

import (
	"math/bits"
	"time"

	"salsify/codec/y4m"
)

// schedule says when a picture is due: picture n, n/rate after the start.
type schedule struct{ rate y4m.Rate }

// due returns how long after the start picture n is due, to the nanosecond below.
func (s schedule) due(n uint64) time.Duration {
	// Exact for 292 years, after which time.Duration ends.
	high, low := bits.Mul64(n, uint64(s.rate.Den)*uint64(time.Second))
	if high >= uint64(s.rate.Num) {
		return 1<<63 - 1
	}
	nanoseconds, _ := bits.Div64(high, low, uint64(s.rate.Num))
	return time.Duration(min(nanoseconds, 1<<63-1))
}

// count returns how many pictures are due before this long after the start: the number of the first that is not.
func (s schedule) count(elapsed time.Duration) uint64 {
	if elapsed <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(elapsed), uint64(s.rate.Num))
	n, _ := bits.Div64(high, low, uint64(s.rate.Den)*uint64(time.Second)) // rates up to 240 cannot overflow it
	for s.due(n) < elapsed {
		n++
	}
	for n > 0 && s.due(n-1) >= elapsed {
		n--
	}
	return n
}
