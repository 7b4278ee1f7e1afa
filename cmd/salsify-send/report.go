package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"salsify/cmd/internal/live"
	"salsify/cmd/internal/metrics"
	"salsify/sender"
	"salsify/transport/bitrate"
)

// view is what the person at the terminal sees.
type view struct {
	screen  *live.Screen
	verbose bool
	to      string
	back    *back
	begun   time.Time

	first     sync.Once
	connected chan struct{} // closed at the first connection

	lock   sync.Mutex
	reason map[string]int // decisions of the last second, by reason
	larger int            // of those that were sent, the larger candidates
}

func newView(screen *live.Screen, o *options, b *back) *view {
	return &view{
		screen: screen, verbose: o.verbose, to: o.destination, back: b, begun: time.Now(), reason: map[string]int{}, connected: make(chan struct{}),
	}
}

func (v *view) wasConnected() bool {
	select {
	case <-v.connected:
		return true
	default:
		return false
	}
}

func (v *view) tell(news sender.News, err error) {
	switch news {
	case sender.Connected:
		v.first.Do(func() { close(v.connected) })
		v.screen.Say("connected to %s", v.to)
	case sender.Waiting:
		v.screen.Say("waiting for the receiver: %v", err)
	case sender.Ended:
		v.screen.Say("%v; connecting anew", err)
	case sender.Left:
		v.screen.Say("the receiver has ended: %v; going on if it is back within 3 s", err)
	}
}

func (v *view) frame(e sender.Event) {
	d := e.Decision
	v.lock.Lock()
	v.reason[d.Reason]++
	if d.Chosen == 0 {
		v.larger++
	}
	v.lock.Unlock()
	if !v.verbose {
		return
	}
	var sizes []string
	for i, c := range e.Candidates {
		mark := ""
		if i == d.Chosen {
			mark = "*"
		}
		sizes = append(sizes, fmt.Sprintf("%sq%d=%d", mark, c.Stats.Info.Quantizer, len(c.Frame)))
	}
	v.screen.Say("picture %d: %s, frame %d from %d, candidates %s bytes, budget %d, capacity %v, queue %v, encoded in %v at effort %d",
		e.Picture.Number, d.Reason, d.Frame, d.Source, strings.Join(sizes, " "), d.Budget, d.Capacity,
		d.QueueDelay.Round(time.Millisecond), d.Took.Round(time.Millisecond), d.Effort)
	if d.Err != nil {
		v.screen.Say("picture %d: %v", e.Picture.Number, d.Err)
	}
}

// run writes the live line once a second.
func (v *view) run(ctx context.Context, stream *sender.Stream) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last sender.Stats
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if stream.Connected() {
				now := stream.Snapshot()
				v.screen.Line(v.line(now, last) + v.back.line())
				last = now.Stats
			}
		}
	}
}

// line tells of the last second.
func (v *view) line(now sender.Snapshot, last sender.Stats) string {
	v.lock.Lock()
	larger := v.larger
	reasons := v.reason
	v.larger, v.reason = 0, map[string]int{}
	v.lock.Unlock()
	var dropped []string
	for _, r := range []struct{ reason, short string }{
		{sender.DroppedFull, "no room"}, {sender.DroppedDead, "silent"}, {sender.DroppedLoss, "source lost"}, {sender.DroppedError, "failed"},
	} {
		if n := reasons[r.reason]; n > 0 {
			dropped = append(dropped, fmt.Sprintf("%d %s", n, r.short))
		}
	}
	if n := now.Replaced - last.Replaced; n > 0 {
		dropped = append(dropped, fmt.Sprintf("%d not in time", n))
	}
	drops := "none"
	if len(dropped) > 0 {
		drops = strings.Join(dropped, ", ")
	}
	packets := now.Packets - last.Packets
	loss := 0.0
	if packets > 0 {
		loss = min(100, 100*float64(now.LostPackets-last.LostPackets)/float64(packets)) // some were sent before this second
	}
	state := ""
	if now.Stalled {
		state = "NETWORK SILENT | "
	}
	sent := now.Sent - last.Sent
	return fmt.Sprintf("%s%v of %v | %d fps | budget %.1f kB | queue %d ms, rtt %d ms | loss %.1f%% | larger %d, smaller %d | dropped %s | encode %d ms (effort %d)",
		state, bitrate.Of(int(now.WireBytes-last.WireBytes), time.Second), now.Capacity, sent, float64(now.Budget)/1000,
		now.QueueDelay.Milliseconds(), now.RTT.Milliseconds(), loss, larger, reasons[sender.Sent]-larger, drops,
		now.Encode.Milliseconds(), now.Effort)
}

// summary is what remains on the screen.
func (v *view) summary(s sender.Snapshot) {
	v.screen.Done()
	took := time.Since(v.begun)
	v.screen.Say("sent %d frames of %d pictures in %v, %d of them key frames: %v on average, %d packets, %d lost",
		s.Sent, s.Pictures, took.Round(100*time.Millisecond), s.KeyFrames, bitrate.Of(int(s.WireBytes), took), s.Packets, s.LostPackets)
	v.screen.Say("the larger candidate left %d times, the smaller %d times; dropped: %d had no room, %d silence, %d lost source, %d not in time, %d failed",
		s.Chosen[0], s.Chosen[1], s.NoRoom, s.Silent, s.LostSource, s.Replaced, s.Failed)
}

// measured lists the metrics.
func measured(stream *sender.Stream) []metrics.Metric {
	count := func(name, help string, value func(sender.Snapshot) uint64) metrics.Metric {
		return metrics.Metric{Name: "send_" + name + "_total", Help: help, Count: true, Value: func() float64 { return float64(value(stream.Snapshot())) }}
	}
	gauge := func(name, help string, value func(sender.Snapshot) float64) metrics.Metric {
		return metrics.Metric{Name: "send_" + name, Help: help, Value: func() float64 { return value(stream.Snapshot()) }}
	}
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return []metrics.Metric{
		count("pictures", "Pictures taken from the source.", func(s sender.Snapshot) uint64 { return s.Pictures }),
		count("frames", "Frames sent.", func(s sender.Snapshot) uint64 { return s.Sent }),
		count("key_frames", "Key frames sent.", func(s sender.Snapshot) uint64 { return s.KeyFrames }),
		count("larger_candidates", "Frames sent as the larger candidate.", func(s sender.Snapshot) uint64 { return s.Chosen[0] }),
		count("dropped_no_room", "Pictures dropped because no candidate fitted.", func(s sender.Snapshot) uint64 { return s.NoRoom }),
		count("dropped_silent", "Pictures dropped because the network was silent.", func(s sender.Snapshot) uint64 { return s.Silent }),
		count("dropped_source_lost", "Pictures dropped because their source state was lost meanwhile.", func(s sender.Snapshot) uint64 { return s.LostSource }),
		count("replaced", "Pictures replaced by newer ones before they were encoded.", func(s sender.Snapshot) uint64 { return s.Replaced }),
		count("packets", "Packets sent.", func(s sender.Snapshot) uint64 { return s.Packets }),
		count("lost_packets", "Packets reported to be lost.", func(s sender.Snapshot) uint64 { return s.LostPackets }),
		count("wire_bytes", "Bytes sent, with IP and UDP headers.", func(s sender.Snapshot) uint64 { return s.WireBytes }),
		count("reports", "Reports received.", func(s sender.Snapshot) uint64 { return s.Reports }),
		count("bad_reports", "Reports refused.", func(s sender.Snapshot) uint64 { return s.BadReports }),
		gauge("capacity_bits_per_second", "Estimated capacity of the network.", func(s sender.Snapshot) float64 { return float64(s.Capacity) }),
		gauge("budget_bytes", "Bytes that may leave now.", func(s sender.Snapshot) float64 { return float64(s.Budget) }),
		gauge("in_flight_bytes", "Bytes that have left and are not known to have come or to be lost.", func(s sender.Snapshot) float64 { return float64(s.InFlight) }),
		gauge("queue_delay_seconds", "Waiting on the way of the newest packet.", func(s sender.Snapshot) float64 { return s.QueueDelay.Seconds() }),
		gauge("rtt_seconds", "Smallest round trip.", func(s sender.Snapshot) float64 { return s.RTT.Seconds() }),
		gauge("encode_seconds", "Time to encode a picture's candidates, smoothed.", func(s sender.Snapshot) float64 { return s.Encode.Seconds() }),
		gauge("effort", "The codec's effort.", func(s sender.Snapshot) float64 { return float64(s.Effort) }),
		gauge("states", "Codec states kept.", func(s sender.Snapshot) float64 { return float64(s.States) }),
		gauge("stalled", "1 while the network is silent.", func(s sender.Snapshot) float64 { return flag(s.Stalled) }),
	}
}
