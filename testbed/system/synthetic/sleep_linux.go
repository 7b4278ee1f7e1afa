package synthetic

import (
	"time"

	"golang.org/x/sys/unix"
)

// prepareThread asks the kernel to wake this thread in time, as far as the user may. None of it is needed to work.
func prepareThread() {
	// Not to round up wake-ups, by 50 us otherwise (prctl(2), PR_SET_TIMERSLACK).
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	// To run it before all ordinary threads, which needs root or CAP_SYS_NICE. It does little: what it moves is a picture at a time.
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: 1,
	}, 0)
}

// preciseSleep returns at an instant. time.Sleep is up to 1 ms late on Linux; this is not.
func preciseSleep(instant time.Time) {
	for {
		left := time.Until(instant)
		if left <= 0 {
			return
		}
		t := unix.NsecToTimespec(left.Nanoseconds())
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil) // again after a signal
	}
}
