package sounddevice

import (
	"math"
	"sync/atomic"
	"time"
)

// Silence is the level that a Meter shows where there is nothing: below the least that 16 bits can hold.
const Silence = -100.0

// meterTime is how long a Meter takes to follow, about: as fast as an eye reads it.
const meterTime = 100 * time.Millisecond

// Meter measures the level of sound in dBFS: 0 is a sine at full scale (AES17). One goroutine adds, any may ask.
type Meter struct {
	square float64       // mean of the squares of late
	level  atomic.Uint64 // bits of the level, which others see
}

// Add measures samples that last d.
func (m *Meter) Add(samples []int16, d time.Duration) {
	if len(samples) == 0 {
		return
	}
	var sum int64 // of up to 2^32 squares below 2^31
	for _, s := range samples {
		sum += int64(s) * int64(s)
	}
	m.square += (float64(sum)/float64(len(samples)) - m.square) * (1 - math.Exp(-float64(d)/float64(meterTime)))
	const sine = 1.0 / 2 // mean square of a sine of amplitude 1
	m.level.Store(math.Float64bits(max(Silence, 10*math.Log10(m.square/(32768*32768*sine)))))
}

// Level returns the level of the last samples, about 100 ms, in dBFS; Silence or more.
func (m *Meter) Level() float64 {
	bits := m.level.Load()
	if bits == 0 { // nothing was added, or 0 dBFS to the last bit, which cannot be told
		return Silence
	}
	return math.Float64frombits(bits)
}
