package emulator

import (
	"encoding/binary"
	"os"
	"strconv"
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

// Hurry asks the kernel to run the calling thread, to which the goroutine must be locked, as soon as it has something to do, as
// far as the user may. The thread must do little at a time, and must end with its goroutine. None of it is needed to work.
func Hurry() {
	// Not to round up wake-ups, by 50 us otherwise (prctl(2), PR_SET_TIMERSLACK).
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
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
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
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

// sleep sleeps on the calling thread.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil)
}
