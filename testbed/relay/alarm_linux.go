package relay

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// alarm lets the delivery thread sleep until an instant, or until it is rung. time.Sleep and time.Timer wake about 1 ms late on
// Linux, as the runtime waits in whole milliseconds. clock_nanosleep is precise but cannot be cut short; ppoll with an eventfd is
// precise (the same timers of the kernel) and can.
type alarm struct{ event int }

func newAlarm() (*alarm, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &alarm{event}, nil
}

// prepareThread asks the kernel to wake this thread in time, as far as the user may. None of it is needed to work.
func (a *alarm) prepareThread() {
	// Not to round up wake-ups, by 50 us otherwise (prctl(2), PR_SET_TIMERSLACK).
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	// To run it before all ordinary threads: else, while an encoder has the processors, it waits for the end of someone's time
	// slice, some 3 ms. That needs root or CAP_SYS_NICE. The thread does little at a time, and what it starts does not inherit.
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: 1}
	if unix.SchedSetAttr(0, &realtime, 0) == nil {
		return
	}
	// For all others a short time slice of its own, which comes sooner (sched_setattr(2), Linux 6.12).
	short := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Runtime: uint64(100 * time.Microsecond)}
	_ = unix.SchedSetAttr(0, &short, 0)
}

// sleepUntil returns at the instant, or when the alarm has been rung since the last return; the zero time has no end. It may
// return early.
func (a *alarm) sleepUntil(instant time.Time) {
	var timeout *unix.Timespec
	if !instant.IsZero() {
		t := unix.NsecToTimespec(max(0, time.Until(instant)).Nanoseconds())
		timeout = &t
	}
	poll := []unix.PollFd{{Fd: int32(a.event), Events: unix.POLLIN}}
	if n, err := unix.Ppoll(poll, timeout, nil); err == nil && n > 0 {
		var count [8]byte
		_, _ = unix.Read(a.event, count[:]) // sets the count back to 0
	}
}

// ring wakes the sleeper, or keeps the next sleep from being one.
func (a *alarm) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(a.event, one[:]) // fails only if it has been rung 2^64-2 times
}

func (a *alarm) close() { _ = unix.Close(a.event) }
