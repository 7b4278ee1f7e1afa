package thread_test

import (
	"runtime"
	"testing"
	"time"

	"salsify/thread"
)

func TestSleep(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and dies with the goroutine
		thread.Hurry()
		best := time.Hour
		for range 20 {
			began := time.Now()
			thread.Sleep(3 * time.Millisecond)
			slept := time.Since(began)
			if slept < 3*time.Millisecond {
				t.Errorf("slept %v only", slept)
			}
			best = min(best, slept)
		}
		// The runtime's timers take 4 ms or more for that.
		if runtime.GOOS == "linux" && best > 3500*time.Microsecond {
			t.Errorf("the shortest of 20 sleeps of 3 ms took %v", best)
		}
		thread.Sleep(0)
		thread.Sleep(-time.Second)
		thread.CalmDown()
		thread.Prefer()
	}()
	<-done
}
