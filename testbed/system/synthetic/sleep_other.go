//go:build !linux

package synthetic

import "time"

func prepareThread() {}

// preciseSleep returns at an instant, as exactly as the system can.
func preciseSleep(instant time.Time) { time.Sleep(time.Until(instant)) }
