package sender

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleepPrecisely sleeps on the calling thread. The runtime's timers wake about 1 ms late on Linux, clock_nanosleep about 0.1 ms.
func sleepPrecisely(d time.Duration) {
	remaining := unix.NsecToTimespec(int64(d))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &remaining, &remaining) == unix.EINTR {
	}
}
