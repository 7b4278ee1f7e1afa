package thread

import "runtime"

// Some libraries, such as those of windows, must be called on the process's first thread only, and main's goroutine is there at the
// start. So it waits for such work, and the program runs in another goroutine.

var onMain = make(chan func())

func init() { runtime.LockOSThread() } // main's goroutine stays on the first thread

// Main runs a program in a goroutine of its own, and meanwhile what OnMain is given on the first thread. It is for main.main only, and
// returns what the program does.
func Main(program func() int) int {
	status := make(chan int)
	go func() { status <- program() }()
	for {
		select {
		case f := <-onMain:
			f()
		case code := <-status:
			return code
		}
	}
}

// OnMain runs f on the process's first thread and returns when it has. Something that runs there for long keeps others waiting. In a
// program whose main does not call Main, it waits for ever.
func OnMain(f func()) {
	done := make(chan struct{})
	onMain <- func() {
		defer close(done)
		f()
	}
	<-done
}
