//go:build !linux

package thread

import "time"

// Sleep sleeps as precisely as the runtime can.
func Sleep(d time.Duration) { time.Sleep(d) }

// Hurry asks the kernel to run the calling thread as soon as it has something to do. There is no way to ask on this system.
func Hurry() {}

// HurryAll would do for all threads what Hurry does for one.
func HurryAll() {}

// CalmDown would make the calling thread an ordinary one again.
func CalmDown() {}

// Prefer would let the calling thread run rather than ordinary ones.
func Prefer() {}
