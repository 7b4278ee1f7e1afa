package camera

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep sleeps on the calling thread. The runtime's timers wake about 1 ms late on Linux, clock_nanosleep about 0.1 ms.
func sleep(d time.Duration) {
	remaining := unix.NsecToTimespec(int64(d))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &remaining, &remaining) == unix.EINTR {
	}
}

// prepareThread asks the system to wake this thread in time, as far as the user may. None of it is needed to work.
func prepareThread() {
	// Not to round up wake-ups, by 50 us otherwise (prctl(2), PR_SET_TIMERSLACK).
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	// To run before the system under test, which needs root. A camera takes no processor time; this one takes a millisecond for a picture.
	const nice = -15
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
}
