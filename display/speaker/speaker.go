// Package speaker is where sound is heard: a sound device, a file, or nowhere.
//
// The way of sound:
//
//  1. The device asks for the next samples, some milliseconds before they are heard (sounddevice), or a timer does (made.go).
//  2. Pull, which the caller gave to Open, fills them.
//  3. Volume and mute are applied, without clicks, and the level is measured (output.go).
package speaker

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"salsify/sounddevice"
)

// Rate is the number of samples a second of each channel.
const Rate = sounddevice.Rate

// The kinds of error of this package, to be tested with errors.Is.
var (
	// ErrNoDevice: there is no speaker here, or none of that name. The program says so and goes on without.
	ErrNoDevice = sounddevice.ErrNoDevice
	// ErrTarget: sound cannot go to what was named.
	ErrTarget = errors.New("speaker: no usable target")
)

// Usage tells what a speaker may be, a line each, for the help of programs.
const Usage = `  NAME or NUMBER     a speaker of --list-devices, or a part of its name
  FILE.wav           a file
  none               nobody hears it`

// MaxVolume is the most that SetVolume sets: 12 dB more than what came.
const MaxVolume = 4.0

// Options for Open.
type Options struct {
	Device   string // as Usage says; "" is the default speaker
	Channels int    // 1 or 2; 0 is 1
	// Pull fills all samples, whose channels alternate, with what is to be heard next. The system's thread for sound calls it, for some
	// 2 to 20 ms at a time, so it must not block, nor wait for a lock that is held for long, nor allocate.
	Pull func(samples []int16)
	// Report is told, in a line, of a speaker that goes away or comes back. It may be nil.
	Report func(string)
}

// Stats counts what a speaker did.
type Stats struct {
	Samples   uint64 // of each channel that were asked for
	Underruns uint64 // times that they were asked for, or made, too late, so that a gap was heard
}

// Speaker plays sound. All of it may be called from any goroutine.
type Speaker struct {
	output *output
	device *sounddevice.Device // nil if it is made up
	stop   func() error
	closed atomic.Bool
}

// Open opens a speaker and begins to play. Where there is none the error is an ErrNoDevice; other errors wrap ErrTarget.
func Open(o Options) (*Speaker, error) {
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.Channels != 1 && o.Channels != 2 {
		return nil, fmt.Errorf("%w: %d channels; use 1 or 2", ErrTarget, o.Channels)
	}
	s := &Speaker{output: newOutput(o.Channels, o.Pull)}
	var err error
	switch {
	case o.Device == "none":
		s.stop = s.output.clockwork(func([]int16) {})
	case strings.HasSuffix(strings.ToLower(o.Device), ".wav"):
		s.stop, err = s.openFile(o)
	default:
		s.device, err = sounddevice.Open(sounddevice.Config{
			Kind: sounddevice.Speaker, Device: o.Device, Channels: o.Channels, Do: s.output.fillInTime, Report: o.Report,
		})
		if err == nil {
			s.output.latency.Store(int64(s.device.Latency()))
			s.stop = s.device.Close
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Devices lists the speakers.
func Devices() ([]sounddevice.Info, error) { return sounddevice.Devices(sounddevice.Speaker) }

// SetVolume multiplies what is heard: 0 is silence, 1 what came, MaxVolume the most.
func (s *Speaker) SetVolume(factor float64) {
	if !(factor >= 0) {
		factor = 0
	}
	s.output.volume.Store(int64(min(factor, MaxVolume) * unity))
}

// Volume is what SetVolume set.
func (s *Speaker) Volume() float64 { return float64(s.output.volume.Load()) / unity }

// Mute makes silence of what is heard, or ends that. Pull is called all the same.
func (s *Speaker) Mute(muted bool) { s.output.muted.Store(muted) }

// Muted tells whether nothing is heard.
func (s *Speaker) Muted() bool { return s.output.muted.Load() }

// Level is how loud the last samples were as they are heard, in dBFS (sounddevice.Meter).
func (s *Speaker) Level() float64 { return s.output.meter.Level() }

// Latency is how long it takes until the first sample that Pull fills now is heard, as far as it is known: what the system's buffer
// holds, not what the hardware adds.
func (s *Speaker) Latency() time.Duration {
	if s.device == nil {
		return 0
	}
	return s.device.Latency()
}

// Stats counts what the speaker did so far.
func (s *Speaker) Stats() Stats {
	return Stats{Samples: s.output.samples.Load(), Underruns: s.output.underruns.Load()}
}

// Close ends the sound. Pull is not called any more once it returns. A second Close does nothing.
func (s *Speaker) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.stop()
}
