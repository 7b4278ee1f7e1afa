//go:build !linux

package sender

import "time"

// sleepPrecisely sleeps as precisely as the runtime can.
func sleepPrecisely(d time.Duration) { time.Sleep(d) }
