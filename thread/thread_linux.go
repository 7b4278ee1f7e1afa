package thread

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Sleep sleeps on the calling thread, and cannot be ended early. The runtime's timers wake about 1 ms late on Linux, since the runtime
// waits in whole milliseconds; clock_nanosleep about 0.1 ms.
func Sleep(d time.Duration) {
	remaining := unix.NsecToTimespec(int64(d))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &remaining, &remaining) == unix.EINTR {
	}
}

// Hurry asks the kernel to run the calling thread, to which the goroutine must be locked, as soon as it has something to do, as
// far as the user may. The thread must do little at a time, and must end with its goroutine. None of it is needed to work.
func Hurry() {
	onTime()
	// To run it before all ordinary threads: else, while an encoder has the processors, it waits for the end of someone's time
	// slice, some 3 ms. That needs root or CAP_SYS_NICE. What it starts does not inherit.
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: 1}
	if unix.SchedSetAttr(0, &realtime, 0) == nil {
		return
	}
	// For all others a short time slice of its own, which comes sooner (sched_setattr(2), Linux 6.12).
	short := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Runtime: uint64(100 * time.Microsecond)}
	_ = unix.SchedSetAttr(0, &short, 0)
}

// HurryAll does for all threads of a process what Hurry does for one, for a process that does nothing but emulate: then no thread in
// a hurry waits for one that is not and that holds a lock of the Go runtime. Threads and programs that it starts from then on are in
// the same hurry, unless CalmDown is called on the thread that starts them.
func HurryAll() {
	onTime()
	realtime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	for range 2 { // the second time for those that began meanwhile
		threads, _ := os.ReadDir("/proc/self/task")
		for _, thread := range threads {
			if id, err := strconv.Atoi(thread.Name()); err == nil {
				_ = unix.SchedSetAttr(id, &realtime, 0)
			}
		}
	}
}

// CalmDown makes the calling thread an ordinary one again.
func CalmDown() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
}

// Prefer asks the kernel to run the calling thread, to which the goroutine must be locked, rather than ordinary ones, as far as the user
// may: for work of a millisecond at a time, with which Hurry would stop everything else. The thread must end with its goroutine.
func Prefer() {
	onTime()
	const nice = -15
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice) // needs root or CAP_SYS_NICE
}

// onTime asks not to round up wake-ups, by 50 us otherwise (prctl(2), PR_SET_TIMERSLACK).
func onTime() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }
