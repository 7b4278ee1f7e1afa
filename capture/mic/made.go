package mic

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"salsify/codec/wav"
)

// The beep of "tone:".
const (
	beepEvery     = time.Second
	beepLasts     = 50 * time.Millisecond
	beepAmplitude = 16384 // -6 dBFS
	beepFrequency = 1000  // Hz, if the user does not say
)

// tone fills samples of n channels, the first of which comes into being at an instant, with beeps that begin at full seconds of the
// wall clock. A beep begins with its crest, which stands out as an impulse does.
func tone(samples []int16, channels int, at time.Time, frequency float64) {
	into := time.Duration(at.UnixNano() % int64(beepEvery)) // of the second
	for n := range len(samples) / channels {
		t := (into + (time.Duration(n)*time.Second+Rate/2)/Rate) % beepEvery
		value := int16(0)
		if t < beepLasts {
			value = int16(beepAmplitude * math.Cos(2*math.Pi*frequency*t.Seconds()))
		}
		for c := range channels {
			samples[n*channels+c] = value
		}
	}
}

func (m *Mic) openTone(rest string, o Options) (stop func() error, err error) {
	frequency := float64(beepFrequency)
	if rest != "" {
		if frequency, err = strconv.ParseFloat(rest, 64); err != nil || !(frequency >= 20 && frequency <= 20000) {
			return nil, fmt.Errorf("%w: tone:%s; give a frequency of 20 to 20000 Hz, as in tone:440", ErrSource, rest)
		}
	}
	return m.play(o, func(samples []int16, at time.Time) { tone(samples, o.Channels, at, frequency) }), nil
}

func (m *Mic) openFile(o Options) (stop func() error, err error) {
	in, err := os.Open(o.Device)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	info, err := in.Stat()
	var file *wav.File
	if err == nil {
		file, err = wav.Open(in, info.Size())
	}
	if err == nil && (file.Rate != Rate || file.Channels != o.Channels) {
		err = fmt.Errorf("%d channels at %d Hz; convert it: ffmpeg -i FILE -ac %d -ar %d -c:a pcm_s16le FILE.wav",
			file.Channels, file.Rate, o.Channels, Rate)
	}
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrSource, o.Device, err)
	}
	at := int64(0)
	end := m.play(o, func(samples []int16, _ time.Time) {
		for len(samples) > 0 {
			n, err := file.Read(samples, at)
			if err != nil && at == 0 {
				clear(samples) // the file was cut off meanwhile
				return
			}
			if samples, at = samples[n*o.Channels:], at+int64(n); err != nil || at == file.Samples {
				at = 0
			}
		}
	})
	return func() error { _ = end(); return in.Close() }, nil
}

// play gives frames that make fills, each when its last sample has come into being, until stop is called. Frames begin at multiples of
// their duration on the wall clock, so that what begins at a full second begins a frame.
func (m *Mic) play(o Options, fill func(samples []int16, at time.Time)) (stop func() error) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		samples := make([]int16, cap(m.framer.partial))
		now := time.Now()
		begin := now.Add(-time.Duration(now.UnixNano() % int64(o.Frame))) // of the frame
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			end := begin.Add(o.Frame)
			timer.Reset(time.Until(end))
			select {
			case <-ending:
				return
			case <-timer.C:
			}
			fill(samples, begin)
			m.framer.add(samples, end) // not when the timer came: this one is not a device whose clock must be found out
			begin = end
			if missed := time.Since(begin) / o.Frame; missed > maxMissed { // the machine slept
				begin = begin.Add(missed * o.Frame)
			}
		}
	}()
	return func() error { close(ending); <-ended; return nil }
}

// maxMissed is how many frames that are due by now are made up for; older ones would only be dropped.
const maxMissed = 6
