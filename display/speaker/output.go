package speaker

import (
	"math"
	"sync/atomic"
	"time"

	"salsify/sounddevice"
)

// unity is the volume 1, in the fixed point of output.
const unity = 1 << 16

// unityBits is its number of fractional bits.
const unityBits = 16

// settled is how many times samples were asked for until the buffer is full and the device plays: no gap is heard before.
const settled = 10

// output makes what is heard of what Pull gives. One thread fills, the device's.
type output struct {
	pull      func([]int16)
	channels  int
	volume    atomic.Int64 // times unity
	muted     atomic.Bool
	meter     sounddevice.Meter
	latency   atomic.Int64 // of the buffer, in nanoseconds; the first samples may be asked for before it is known
	samples   atomic.Uint64
	underruns atomic.Uint64

	gain  int64 // that the last sample had, times unity
	clock *sounddevice.Clock
	count int64 // samples of a channel since the clock began
	calls int   // since then
}

func newOutput(channels int, pull func([]int16)) *output {
	o := &output{pull: pull, channels: channels, gain: unity, clock: sounddevice.NewClock(Rate)}
	o.volume.Store(unity)
	return o
}

// fillInTime fills samples that were asked for at an instant, and counts it if the buffer ran empty before they were there.
func (o *output) fillInTime(samples []int16, at time.Time) {
	o.fill(samples)
	took := time.Since(at)
	o.observe(len(samples)/o.channels, at.Add(took))
}

// observe is told that n samples were ready at an instant. They are asked for when as many have been heard; so where they come later,
// compared with how early they can be, than the buffer lasts, it ran empty.
func (o *output) observe(n int, ready time.Time) {
	late, gap := o.clock.Observe(o.count, ready)
	o.count += int64(n)
	if o.calls++; late <= time.Duration(o.latency.Load()) && gap == 0 {
		return
	}
	if o.calls > settled {
		o.underruns.Add(1)
		o.calls = 0
	}
	*o.clock = *sounddevice.NewClock(Rate) // from here on all is later
	o.count = 0
}

// fill fills samples.
func (o *output) fill(samples []int16) {
	o.pull(samples)
	to := o.volume.Load()
	if o.muted.Load() {
		to = 0
	}
	o.amplify(samples, to)
	frames := len(samples) / o.channels
	o.samples.Add(uint64(frames))
	o.meter.Add(samples, time.Duration(frames)*time.Second/Rate)
}

// amplify multiplies samples by a gain that goes evenly from the last one to a new one, so that no step clicks.
func (o *output) amplify(samples []int16, to int64) {
	from, frames := o.gain, int64(len(samples)/o.channels)
	if o.gain = to; from == unity && to == unity || frames == 0 {
		return
	}
	for n := range frames {
		gain := from + (to-from)*(n+1)/frames
		for c := range int64(o.channels) {
			s := &samples[n*int64(o.channels)+c]
			*s = int16(min(max((int64(*s)*gain)>>unityBits, math.MinInt16), math.MaxInt16))
		}
	}
}
