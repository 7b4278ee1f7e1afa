package emulator

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// alarm lets the delivery thread sleep until an instant, or until it is rung. time.Sleep and time.Timer wake about 1 ms late on
// Linux, as the runtime waits in whole milliseconds. clock_nanosleep is precise but cannot be cut short; ppoll with an eventfd is
// precise (the same timers of the kernel) and can.
type alarm struct {
	event int
	// What sleepUntil gives to the kernel, here so as not to allocate it each time.
	poll    [1]unix.PollFd
	timeout unix.Timespec
	count   [8]byte
}

func newAlarm() (*alarm, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &alarm{event: event, poll: [1]unix.PollFd{{Fd: int32(event), Events: unix.POLLIN}}}, nil
}

// sleepUntil returns at the instant, or when the alarm has been rung since the last return; the zero time has no end. It may
// return early. Only one goroutine may sleep.
func (a *alarm) sleepUntil(instant time.Time) {
	var timeout *unix.Timespec
	if !instant.IsZero() {
		a.timeout = unix.NsecToTimespec(max(0, time.Until(instant)).Nanoseconds())
		timeout = &a.timeout
	}
	if n, err := unix.Ppoll(a.poll[:], timeout, nil); err == nil && n > 0 {
		_, _ = unix.Read(a.event, a.count[:]) // sets the count back to 0
	}
}

// ring wakes the sleeper, or keeps the next sleep from being one.
func (a *alarm) ring() {
	_, _ = unix.Write(a.event, one) // fails only if it has been rung 2^64-2 times
}

// one is what an eventfd adds to its count, as it wants it: 8 bytes in the machine's order.
var one = binary.NativeEndian.AppendUint64(nil, 1)

func (a *alarm) close() { _ = unix.Close(a.event) }
