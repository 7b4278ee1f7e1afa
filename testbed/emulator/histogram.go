package emulator

import "time"

const (
	// Lateness is counted up to 100 ms, delay up to 20 s, in steps that suit them; what is longer counts as that.
	latenessStep, latenessBuckets = 10 * time.Microsecond, 10_000
	delayStep, delayBuckets       = time.Millisecond, 20_000
)

// histogram counts times.
type histogram struct {
	step    time.Duration
	buckets []uint32
	count   uint64
	longest time.Duration
}

func newHistogram(step time.Duration, buckets int) histogram {
	return histogram{step: step, buckets: make([]uint32, buckets)}
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[min(int(d/h.step), len(h.buckets)-1)]++
	h.count++
	h.longest = max(h.longest, d)
}

// quantile returns the time that a share of the counted ones did not exceed, or 0 if there are none. It is too long by less than
// a step.
func (h *histogram) quantile(share float64) time.Duration {
	seen := uint64(0)
	for i, n := range h.buckets {
		seen += uint64(n)
		if n > 0 && float64(seen) >= share*float64(h.count) {
			if i == len(h.buckets)-1 {
				return h.longest
			}
			return min(time.Duration(i+1)*h.step, h.longest)
		}
	}
	return 0
}

// clear forgets all that was counted.
func (h *histogram) clear() {
	clear(h.buckets)
	h.count, h.longest = 0, 0
}
