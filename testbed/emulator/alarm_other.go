//go:build !linux

package emulator

import "time"

// alarm lets the delivery thread sleep until an instant, or until it is rung. It is as precise as the runtime's timers are.
type alarm struct{ rung chan struct{} }

func newAlarm() (*alarm, error) { return &alarm{make(chan struct{}, 1)}, nil }

// sleepUntil returns at the instant, or when the alarm has been rung since the last return; the zero time has no end.
func (a *alarm) sleepUntil(instant time.Time) {
	if instant.IsZero() {
		<-a.rung
		return
	}
	timer := time.NewTimer(time.Until(instant))
	defer timer.Stop()
	select {
	case <-a.rung:
	case <-timer.C:
	}
}

// ring wakes the sleeper, or keeps the next sleep from being one.
func (a *alarm) ring() {
	select {
	case a.rung <- struct{}{}:
	default:
	}
}

func (a *alarm) close() {}
