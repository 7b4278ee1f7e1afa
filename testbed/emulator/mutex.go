package emulator

import (
	"sync"
	"time"

	"salsify/thread"
)

// promptMutex is a mutex for threads that are in a hurry. Whoever waits for a sync.Mutex is woken by the Go scheduler, for which that
// may need a thread that is not in a hurry and waits for a processor. This one tries again and again, with its own thread, and
// sleeps between so that the holder gets on, whoever that is.
type promptMutex struct{ sync.Mutex }

const (
	// Most are held for a microsecond or two: about so long it is tried without sleeping.
	mutexTries = 200
	mutexSleep = 10 * time.Microsecond
)

func (m *promptMutex) Lock() {
	for {
		for range mutexTries {
			if m.TryLock() {
				return
			}
		}
		thread.Sleep(mutexSleep)
	}
}
