package main

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// CPU-time clocks of clock_gettime(2). They count user and system time like getrusage(2), but to the nanosecond, where getrusage
// of a running thread is as old as the last tick (4 ms): too coarse for one frame.
const (
	clockProcess = 2 // CLOCK_PROCESS_CPUTIME_ID
	clockThread  = 3 // CLOCK_THREAD_CPUTIME_ID
)

// processCPU returns the CPU time of all threads of the process.
func processCPU() time.Duration { return cpuTime(clockProcess) }

// threadCPU returns the CPU time of the calling thread; the goroutine must be locked to it.
func threadCPU() time.Duration { return cpuTime(clockThread) }

func cpuTime(clock uintptr) time.Duration {
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(fmt.Sprintf("clock_gettime(%d): %v", clock, errno)) // Linux has had both clocks since 2.6.12
	}
	return time.Duration(t.Nano())
}
