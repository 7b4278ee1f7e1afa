// Package mic is where sound comes from: a microphone, a file, or a beep each second. As with pictures, the newest wins: frames that
// nobody took in time are dropped and counted, never queued up.
//
// The way of a frame:
//
//  1. Open makes a Mic of what the user named: a device (sounddevice), or one that is made up (made.go).
//  2. The device's thread hands samples to the framer, which cuts them into frames and finds out when they came into being (framer.go).
//  3. Next waits for the next frame (queue.go).
package mic

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"salsify/sounddevice"
)

// Rate is the number of samples a second of each channel.
const Rate = sounddevice.Rate

// DefaultFrame is the duration of a frame if the options do not say.
const DefaultFrame = 20 * time.Millisecond

// The kinds of error of this package, to be tested with errors.Is.
var (
	// ErrNoDevice: there is no microphone here, or none of that name. The program says so and goes on without.
	ErrNoDevice = sounddevice.ErrNoDevice
	// ErrSource: Open cannot make sound of what was named.
	ErrSource = errors.New("mic: no usable source")
	// ErrClosed: Next was called, or was waiting, when the Mic was closed.
	ErrClosed = errors.New("mic: closed")
)

// Usage tells what a microphone may be, a line each, for the help of programs.
const Usage = `  NAME or NUMBER     a microphone of --list-devices, or a part of its name
  tone:              a beep at each full second, to measure sound against picture; tone:440 is one of 440 Hz
  FILE.wav           a file of 48 kHz, again and again: ffmpeg -i FILE -ar 48000 -c:a pcm_s16le FILE.wav
  none               no sound`

// Options for Open. The zero value is the default microphone, mono, in frames of 20 ms.
type Options struct {
	Device   string        // as Usage says; "" is the default microphone
	Frame    time.Duration // of 10 or 20 ms; 0 is DefaultFrame
	Channels int           // 1 or 2; 0 is 1
	// Report is told, in a line, of a microphone that goes away or comes back. It may be nil.
	Report func(string)
}

// Frame is a piece of sound. Next fills it, and uses its memory again.
type Frame struct {
	Samples  []int16   // channels alternate
	Number   uint64    // of the frame since the beginning; it jumps where frames are missing, so it keeps time
	Captured time.Time // when the first sample came into being
}

// Stats counts what became of frames.
type Stats struct {
	Frames  uint64 // were there
	Dropped uint64 // of them, because nobody took them in time
	Gaps    uint64 // times that the device had none, for 100 ms or more
}

// Mic gives frames of sound at their time. Next is for one goroutine at a time, the rest for any.
type Mic struct {
	framer *framer
	stop   func() error
	closed atomic.Bool
}

// Open opens a microphone. Where there is none the error is an ErrNoDevice; other errors wrap ErrSource.
func Open(o Options) (*Mic, error) {
	if o.Frame == 0 {
		o.Frame = DefaultFrame
	}
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.Frame != 10*time.Millisecond && o.Frame != 20*time.Millisecond {
		return nil, fmt.Errorf("%w: frames of %v; use 10 or 20 ms", ErrSource, o.Frame)
	}
	if o.Channels != 1 && o.Channels != 2 {
		return nil, fmt.Errorf("%w: %d channels; use 1 or 2", ErrSource, o.Channels)
	}
	m := &Mic{framer: newFramer(o.Frame, o.Channels)}
	var err error
	switch {
	case o.Device == "none":
		m.stop = func() error { return nil }
	case o.Device == "tone" || strings.HasPrefix(o.Device, "tone:"):
		m.stop, err = m.openTone(strings.TrimPrefix(strings.TrimPrefix(o.Device, "tone"), ":"), o)
	case strings.HasSuffix(strings.ToLower(o.Device), ".wav"):
		m.stop, err = m.openFile(o)
	default:
		var device *sounddevice.Device
		device, err = sounddevice.Open(sounddevice.Config{
			Kind: sounddevice.Microphone, Device: o.Device, Channels: o.Channels, Do: m.framer.add, Report: o.Report,
		})
		if err == nil {
			m.stop = device.Close
		}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Devices lists the microphones.
func Devices() ([]sounddevice.Info, error) { return sounddevice.Devices(sounddevice.Microphone) }

// Next waits for the next frame and fills f with it. It returns ErrClosed after Close, or the context's error when that ends first.
func (m *Mic) Next(ctx context.Context, f *Frame) error { return m.framer.queue.next(ctx, f) }

// Mute makes all frames that are not there yet silence, or ends that.
func (m *Mic) Mute(muted bool) { m.framer.muted.Store(muted) }

// Muted tells whether frames are silence.
func (m *Mic) Muted() bool { return m.framer.muted.Load() }

// Level is how loud the last frames were, in dBFS (sounddevice.Meter): what others hear, so a muted microphone shows
// sounddevice.Silence.
func (m *Mic) Level() float64 { return m.framer.meter.Level() }

// Stats counts what became of the frames so far.
func (m *Mic) Stats() Stats { return m.framer.queue.statistics() }

// Close ends the sound and wakes a waiting Next. A second Close does nothing.
func (m *Mic) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	err := m.stop()
	m.framer.queue.close()
	return err
}
