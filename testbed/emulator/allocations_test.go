//go:build !race

package emulator_test

import (
	"testing"
	"time"

	"salsify/testbed/emulator"
)

// Under the race detector a sync.Pool forgets at random.
func TestSendingAllocatesNothing(t *testing.T) {
	e, err := emulator.New(emulator.Config{}, func(emulator.Way, []byte, any) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Begin()
	data := make([]byte, 1400)
	n := testing.AllocsPerRun(3000, func() {
		e.Send(emulator.Up, time.Now(), len(data), data, nil)
		time.Sleep(10 * time.Microsecond)
	})
	if n > 0.5 { // the pool may be emptied at any time
		t.Errorf("%g allocations for each packet", n)
	}
}
