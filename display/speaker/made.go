package speaker

import (
	"errors"
	"fmt"
	"os"
	"time"

	"salsify/codec/wav"
	"salsify/sounddevice"
)

// clockwork fills a period each period, and hands it to a function, until stop is called.
func (o *output) clockwork(to func(samples []int16)) (stop func() error) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		samples := make([]int16, int(sounddevice.Period*Rate/time.Second)*o.channels)
		due := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			due = due.Add(sounddevice.Period)
			timer.Reset(time.Until(due))
			select {
			case <-ending:
				return
			case <-timer.C:
			}
			if missed := time.Since(due); missed > maxMissed { // the machine slept
				due = due.Add(missed)
				o.underruns.Add(1)
			}
			o.fill(samples)
			to(samples)
		}
	}()
	return func() error { close(ending); <-ended; return nil }
}

// maxMissed is by how much a clockwork may be late and make up for it; beyond that it leaves out what is missing.
const maxMissed = 200 * time.Millisecond

func (s *Speaker) openFile(o Options) (stop func() error, err error) {
	out, err := os.Create(o.Device)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	w, err := wav.NewWriter(out, o.Channels, Rate)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrTarget, err), out.Close())
	}
	var failed error
	end := s.output.clockwork(func(samples []int16) {
		if failed != nil {
			return
		}
		if failed = w.Write(samples); failed != nil && o.Report != nil {
			o.Report(fmt.Sprintf("no more sound goes to %s: %v", o.Device, failed))
		}
	})
	return func() error { return errors.Join(end(), failed, w.Close(), out.Close()) }, nil
}
