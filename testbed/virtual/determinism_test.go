package virtual

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"salsify/sender"
	"salsify/testbed/link"
)

// TestDeterminism: two runs of the same world decide the same and send the same bytes. Reports carry the names of the states
// held, and a state's name is a hash of all frames that led to it, so they stand for the video's bytes.
func TestDeterminism(t *testing.T) {
	for _, mode := range []sender.Mode{sender.Salsify, sender.ConventionalCodec} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			if a, b := digest(t, mode, 1), digest(t, mode, 1); a != b {
				t.Errorf("two runs differ: %x and %x", a, b)
			} else if c := digest(t, mode, 2); a == c {
				t.Errorf("other losses, but the same digest: it does not see them")
			}
		})
	}
}

// digest hashes all that happens in a world with every kind of fault.
func digest(t *testing.T, mode sender.Mode, seed uint64) [sha256.Size]byte {
	hash := sha256.New()
	c := world(2500*time.Millisecond, stretch{2 * mbit, second}, stretch{600 * kbit, second})
	c.Sender.Mode, c.Sender.Goroutines = mode, 2
	c.Up.Seed, c.Up.Loss, c.Up.Duplicate, c.Up.Reorder, c.Up.ReorderDelay = seed, 0.02, 0.02, 0.02, 10*time.Millisecond
	c.Up.Outages = []link.Outage{{From: 600 * time.Millisecond, To: 900 * time.Millisecond}}
	c.Plan = []Event{{At: 1700 * time.Millisecond, Do: (*World).Restart}}
	c.Up.Log = func(r link.Record) { fmt.Fprintln(hash, r) }
	c.Report = func(now time.Duration, report []byte) []byte {
		fmt.Fprintf(hash, "%d %x\n", now, report)
		return report
	}
	r := run(t, c)
	fmt.Fprintln(hash, r.Decisions, r.Shown, r.Sender, r.Receiver, r.Up, r.Down, r.MaxQueue, r.EndQueue)
	return [sha256.Size]byte(hash.Sum(nil))
}
