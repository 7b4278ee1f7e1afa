package call

import (
	"strings"
	"testing"
	"time"

	"salsify/codec/vp8"
	"salsify/receiver"
	"salsify/sender"
	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

func candidate(quantizer int) sender.Candidate {
	return sender.Candidate{Stats: vp8.Stats{Info: vp8.FrameInfo{Quantizer: quantizer}}}
}

func TestTelling(t *testing.T) {
	var told Telling
	for i := range 300 {
		e := sender.Event{Candidates: []sender.Candidate{candidate(20), candidate(50)}, Decision: sender.Decision{Chosen: i%3 - 1}}
		told.Observe(e)
	}
	told.Observe(sender.Event{Candidates: []sender.Candidate{candidate(16)}})
	got := told.take(sender.Snapshot{Capacity: bitrate.MbitPerSecond, Budget: 4000, Effort: 5, RTT: time.Second})
	want := wire.Status{
		Capacity: bitrate.MbitPerSecond, Budget: 4000, RTT: time.Second, Effort: 5, Quantizers: [2]uint8{16, 255}, Larger: 101, Smaller: 100, Dropped: 100,
	}
	if got != want {
		t.Errorf("told %+v, want %+v", got, want)
	}
	if got := told.take(sender.Snapshot{}); got.Larger != 0 || got.Quantizers != want.Quantizers {
		t.Errorf("a second without pictures is told as %+v", got)
	}
}

// Pictures 40 ms apart, of which each third waits 30 ms on the network, so that a second that ends with one of these is 1.03 s; and time
// stamps that wrap.
func TestWatching(t *testing.T) {
	w := &Watching{}
	w.Begin(func() (wire.Status, bool) {
		return wire.Status{Capacity: 2 * bitrate.MbitPerSecond, RTT: 40 * time.Millisecond, Encode: 10 * time.Millisecond, Quantizers: [2]uint8{20, 44}, Larger: 25}, true
	})
	if len(w.Lines()) != 0 {
		t.Errorf("lines before anything was seen: %q", w.Lines())
	}
	start := time.Unix(1000, 0)
	for i := range 60 {
		captured := time.Duration(i) * 40 * time.Millisecond
		at := captured + 100*time.Millisecond
		if i%3 == 2 {
			at += 30 * time.Millisecond
		}
		w.Observe(receiver.Event{
			At: start.Add(at), Shown: true, Decode: 5 * time.Millisecond, Timestamp: uint32(1<<32 - 90000 + int64(i)*3600),
			Stats: receiver.Stats{WireBytes: uint64(i) * 5000, Shown: uint64(i)},
		})
	}
	text := strings.Join(w.Lines(), "\n")
	for _, says := range []string{"rate: 971 kbit/s", "pictures: 24 a second, longest gap 70 ms", "delay: about 45 ms, of which 10 ms of waiting",
		"network: carries 2.00 Mbit/s", "candidates: quantizers 20 and 44, larger 25", "encoding: 10 ms"} {
		if !strings.Contains(text, says) {
			t.Errorf("it does not say %q:\n%s", says, text)
		}
	}
}
