package relay

import "time"

const (
	latenessStep    = 10 * time.Microsecond
	latenessBuckets = 10_000 // up to 100 ms; what is later counts as that
)

// lateness is a histogram of how late packets were sent on.
type lateness struct {
	buckets [latenessBuckets]uint32
	count   uint64
	longest time.Duration
}

func (l *lateness) add(d time.Duration) {
	d = max(d, 0)
	l.buckets[min(d/latenessStep, latenessBuckets-1)]++
	l.count++
	l.longest = max(l.longest, d)
}

// quantile returns the lateness that a share of the packets did not exceed, or 0 without packets.
func (l *lateness) quantile(share float64) time.Duration {
	seen := uint64(0)
	for i, n := range l.buckets {
		seen += uint64(n)
		if n > 0 && float64(seen) >= share*float64(l.count) {
			return min(time.Duration(i+1)*latenessStep, l.longest)
		}
	}
	return 0
}
