//go:build !linux

package emulator

import "time"

// alarm lets the delivery thread sleep until an instant, or until it is rung. It is as precise as the runtime's timers are.
type alarm struct{ rung chan struct{} }

func newAlarm() (*alarm, error) { return &alarm{make(chan struct{}, 1)}, nil }

// Hurry asks the kernel to run the calling thread as soon as it has something to do. There is no way to ask on this system.
func Hurry() {}

// HurryAll would do for all threads what Hurry does for one.
func HurryAll() {}

// CalmDown would make the calling thread an ordinary one again.
func CalmDown() {}

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

func sleep(d time.Duration) { time.Sleep(d) }
