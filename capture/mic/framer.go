package mic

import (
	"sync/atomic"
	"time"

	"salsify/sounddevice"
)

// framer cuts samples into frames. It is called by one thread, the device's.
type framer struct {
	frame    time.Duration
	channels int
	muted    atomic.Bool
	meter    sounddevice.Meter
	queue    *queue

	clock   *sounddevice.Clock
	count   int64   // samples of a channel that came
	partial []int16 // of the next frame, which begins with sample count less those
	number  uint64  // of the next frame
}

func newFramer(frame time.Duration, channels int) *framer {
	samples := int(frame*Rate/time.Second) * channels
	return &framer{
		frame: frame, channels: channels, queue: newQueue(frame, samples),
		clock: sounddevice.NewClock(Rate), partial: make([]int16, 0, samples),
	}
}

// add takes samples that were handed over at an instant.
func (f *framer) add(samples []int16, at time.Time) {
	f.count += int64(len(samples) / f.channels)
	_, gap := f.clock.Observe(f.count, at)
	if gap > 0 { // what was begun cannot be gone on with; count the frames that are missing, this one among them
		f.number += uint64((gap + f.frame - 1) / f.frame)
		f.partial = f.partial[:0]
		f.queue.gap()
	}
	before := f.count - int64(len(samples)/f.channels)
	for len(samples) > 0 {
		n := min(len(samples), cap(f.partial)-len(f.partial))
		f.partial = append(f.partial, samples[:n]...)
		samples, before = samples[n:], before+int64(n/f.channels)
		if len(f.partial) == cap(f.partial) {
			f.put(before - int64(len(f.partial)/f.channels))
		}
	}
}

// put gives the frame, which is whole and begins with that sample of the device, to the queue.
func (f *framer) put(first int64) {
	if f.muted.Load() {
		clear(f.partial)
	}
	f.meter.Add(f.partial, f.frame)
	f.queue.put(f.partial, f.number, f.clock.At(first))
	f.number++
	f.partial = f.partial[:0]
}
