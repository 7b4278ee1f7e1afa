package virtual

import (
	"time"

	"salsify/codec/y4m"
)

// Due returns how long after its start a source of that rate has picture n: n/rate, to the nanosecond below, as the camera of real calls
// has it (package camera). Multiples of a rounded interval would drift away from it: at 30 a second the 241st picture would fall into
// 8 s. The rate is above 0.
func Due(n uint64, rate y4m.Rate) time.Duration {
	seconds, rest := n*uint64(rate.Den)/uint64(rate.Num), n*uint64(rate.Den)%uint64(rate.Num)
	return time.Duration(seconds)*time.Second + time.Duration(rest*uint64(time.Second)/uint64(rate.Num))
}

// Pictures returns how many pictures a source of that rate has before a time after its start.
func Pictures(rate y4m.Rate, before time.Duration) uint64 {
	n := uint64(max(before, 0).Seconds() * float64(rate.Num) / float64(rate.Den)) // exact but for one
	for Due(n, rate) < before {
		n++
	}
	for n > 0 && Due(n-1, rate) >= before {
		n--
	}
	return n
}
