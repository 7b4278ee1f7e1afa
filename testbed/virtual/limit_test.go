package virtual

import (
	"testing"
	"time"

	"salsify/testbed/link"
	"salsify/transport/bitrate"
)

// TestMaxBitrate: over a network that carries far more, no more leaves than the user allows, and not much less.
func TestMaxBitrate(t *testing.T) {
	t.Parallel()
	const limit = 400 * bitrate.KbitPerSecond
	c := world(6*second, stretch{8 * mbit, 10 * second})
	c.Sender.MaxBitrate = limit
	var sent []link.Record
	c.Up.Log = func(r link.Record) { sent = append(sent, r) }
	r := run(t, c)
	for from := r.Start.Add(time.Second); !from.Add(time.Second).After(r.End); from = from.Add(200 * time.Millisecond) {
		bytes := 0
		for _, p := range sent {
			if !p.Arrival.Before(from) && p.Arrival.Before(from.Add(time.Second)) {
				bytes += p.Size
			}
		}
		// A burst of a quarter of a second may be saved up.
		if got := bitrate.Of(bytes, time.Second); got > limit.Scale(1.25) || got < limit.Scale(0.6) {
			t.Errorf("in the second from %v on %v were sent, with a limit of %v", from.Sub(r.Start), got, limit)
		}
	}
}
