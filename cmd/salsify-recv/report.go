package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"salsify/cmd/internal/call"
	"salsify/cmd/internal/live"
	"salsify/cmd/internal/metrics"
	"salsify/display"
	"salsify/receiver"
	"salsify/sound"
	"salsify/transport/bitrate"
)

// view is what the person at the terminal sees, and what --stats writes.
type view struct {
	screen  *live.Screen
	verbose bool
	file    *os.File
	stats   *bufio.Writer
	err     error // the first of a write
	begun   time.Time
	sound   *call.Sound

	lock    sync.Mutex
	session *receiver.Session // nil: none
	total   receiver.Stats    // of the sessions that have ended
	ended   int
	second  second
	refusal refusal
}

// refusal is the last one that was told of.
type refusal struct {
	at     time.Time
	who    string // its host, and why
	untold int    // since then
}

// second sums up what came in the last second.
type second struct {
	shown  int
	decode time.Duration // longest
	gap    time.Duration // longest between two pictures
	last   time.Time     // of the last picture
}

func newView(screen *live.Screen, o *options, sound *call.Sound) (*view, error) {
	v := &view{screen: screen, verbose: o.verbose, begun: time.Now(), sound: sound}
	if o.stats != "" {
		file, err := os.Create(o.stats)
		if err != nil {
			return nil, fmt.Errorf("--stats: %w", err)
		}
		v.file, v.stats = file, bufio.NewWriter(file)
	}
	return v, nil
}

const (
	// refusedPause is the least time between two lines that tell of refused senders: anybody who reaches the port can be one.
	refusedPause = time.Second
	// refusedAgain is after how long the same refusal is told of again: one that waits for its turn asks all the time.
	refusedAgain = 10 * time.Second
)

// refused tells of a sender that was turned away.
func (v *view) refused(remote, why string) {
	host, _, _ := net.SplitHostPort(remote)
	who := host + " " + why // each attempt has another port
	v.lock.Lock()
	since := time.Since(v.refusal.at)
	if since < refusedPause || who == v.refusal.who && since < refusedAgain {
		v.refusal.untold++
		v.lock.Unlock()
		return
	}
	more := ""
	if v.refusal.untold > 0 {
		more = fmt.Sprintf(" (and %d more before it)", v.refusal.untold)
	}
	v.refusal = refusal{at: time.Now(), who: who}
	v.lock.Unlock()
	v.screen.Say("refused a sender at %s: %s%s", remote, why, more)
}

func (v *view) roamed(from, to string) {
	v.screen.Say("the sender's address changed from %s to %s", from, to)
}

func (v *view) begin(session *receiver.Session) {
	v.lock.Lock()
	defer v.lock.Unlock()
	v.session, v.second = session, second{}
}

func (v *view) end(session *receiver.Session) {
	v.lock.Lock()
	defer v.lock.Unlock()
	v.total = plus(v.total, session.Stats())
	v.session = nil
	v.ended++
}

// now returns the counts of all sessions.
func (v *view) now() (stats receiver.Stats, connected bool) {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.session == nil {
		return v.total, false
	}
	return plus(v.total, v.session.Stats()), true
}

// statsLine is a line of --stats; docs/endpoint.md describes it.
type statsLine struct {
	Time      int64   `json:"time_us"` // when its picture was handed to the display, Unix time in microseconds
	Frame     uint64  `json:"frame"`
	First     int64   `json:"first_us"` // arrival of its first packet, Unix time
	Whole     int64   `json:"whole_us"` // and of its last
	Decode    float64 `json:"decode_ms"`
	Bytes     int     `json:"bytes"`
	Shown     bool    `json:"shown"`
	Error     string  `json:"error,omitempty"`
	WireBytes uint64  `json:"wire_bytes"` // so far
	Unusable  uint64  `json:"unusable"`   // frames so far
}

func (v *view) frame(e receiver.Event) {
	v.lock.Lock()
	s := &v.second
	if e.Shown {
		s.shown++
		if !s.last.IsZero() {
			s.gap = max(s.gap, e.At.Sub(s.last))
		}
		s.last = e.At
	}
	s.decode = max(s.decode, e.Decode)
	v.lock.Unlock()
	if v.verbose {
		outcome := "shown"
		if e.Err != nil {
			outcome = "damaged: " + e.Err.Error()
		} else if !e.Shown {
			outcome = "late"
		}
		v.screen.Say("frame %d: %s, %d bytes in %v, decoded in %v", e.Frame, outcome, e.Bytes,
			e.Whole.Sub(e.First).Round(100*time.Microsecond), e.Decode.Round(100*time.Microsecond))
	}
	if v.stats == nil || v.err != nil {
		return
	}
	line := statsLine{
		Time: e.At.UnixMicro(), Frame: e.Frame, First: e.First.UnixMicro(), Whole: e.Whole.UnixMicro(),
		Decode: float64(e.Decode.Microseconds()) / 1000, Bytes: e.Bytes, Shown: e.Shown,
		WireBytes: e.Stats.WireBytes, Unusable: e.Stats.Unusable,
	}
	if e.Err != nil {
		line.Error = e.Err.Error()
	}
	b, err := json.Marshal(line)
	if err == nil {
		_, err = v.stats.Write(append(b, '\n'))
	}
	if err != nil { // now, while something can be done about it
		v.err = fmt.Errorf("--stats: %w", err)
		v.screen.Say("warning: nothing more is written to the file: %v", v.err)
	}
}

func (v *view) close() error {
	if v.stats == nil {
		return nil
	}
	return errors.Join(v.err, v.stats.Flush(), v.file.Close())
}

// silent is after how long without a picture the line says so.
const silent = time.Second

// run writes the live line once a second.
func (v *view) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last receiver.Stats
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if now, connected := v.now(); connected {
				v.screen.Line(v.line(now, last) + v.sound.Line())
				last = now
			}
		}
	}
}

// line tells of the last second.
func (v *view) line(now, last receiver.Stats) string {
	v.lock.Lock()
	s := v.second
	v.second = second{last: s.last}
	v.lock.Unlock()
	note := ""
	if !s.last.IsZero() && time.Since(s.last) > silent {
		note = fmt.Sprintf("NO PICTURE FOR %.0f s | ", time.Since(s.last).Seconds())
		s.gap = max(s.gap, time.Since(s.last))
	}
	return fmt.Sprintf("%s%v | %d fps, longest gap %d ms | decode up to %d ms | incomplete %d, unusable %d, late %d, damaged %d",
		note, bitrate.Of(int(now.WireBytes-last.WireBytes), time.Second), s.shown, s.gap.Milliseconds(), s.decode.Milliseconds(),
		now.Incomplete-last.Incomplete, now.Unusable-last.Unusable, now.Late-last.Late, now.Damaged-last.Damaged)
}

// summary is what remains on the screen.
func (v *view) summary(d display.Stats) {
	v.screen.Done()
	s, _ := v.now()
	took := time.Since(v.begun)
	v.screen.Say("shown %d frames of %d senders in %v: %v on average, %d packets, %d reports",
		s.Shown, v.ended, took.Round(100*time.Millisecond), bitrate.Of(int(s.WireBytes), took), s.Packets, s.Reports)
	v.screen.Say("not shown: %d incomplete, %d unusable (source state not held), %d late, %d damaged; the display dropped %d",
		s.Incomplete, s.Unusable, s.Late, s.Damaged, d.Dropped)
}

// plus adds two counts.
func plus(a, b receiver.Stats) receiver.Stats {
	a.Frames += b.Frames
	a.Incomplete += b.Incomplete
	a.Duplicates += b.Duplicates
	a.Contrary += b.Contrary
	a.LatePackets += b.LatePackets
	a.Packets += b.Packets
	a.Probes += b.Probes
	a.WireBytes += b.WireBytes
	a.Shown += b.Shown
	a.Late += b.Late
	a.Unusable += b.Unusable
	a.Damaged += b.Damaged
	a.Reports += b.Reports
	return a
}

// measured lists the metrics.
func (v *view) measured() []metrics.Metric {
	count := func(name, help string, value func(receiver.Stats) uint64) metrics.Metric {
		return metrics.Metric{Name: "recv_" + name + "_total", Help: help, Count: true, Value: func() float64 {
			s, _ := v.now()
			return float64(value(s))
		}}
	}
	return []metrics.Metric{
		count("shown", "Pictures shown.", func(s receiver.Stats) uint64 { return s.Shown }),
		count("frames", "Frames put together.", func(s receiver.Stats) uint64 { return s.Frames }),
		count("incomplete", "Frames given up with packets missing.", func(s receiver.Stats) uint64 { return s.Incomplete }),
		count("unusable", "Frames whose source state is not held.", func(s receiver.Stats) uint64 { return s.Unusable }),
		count("late", "Frames decoded after a newer picture was shown.", func(s receiver.Stats) uint64 { return s.Late }),
		count("damaged", "Frames that could not be decoded.", func(s receiver.Stats) uint64 { return s.Damaged }),
		count("packets", "Packets received.", func(s receiver.Stats) uint64 { return s.Packets }),
		count("wire_bytes", "Bytes received, with IP and UDP headers.", func(s receiver.Stats) uint64 { return s.WireBytes }),
		count("reports", "Reports sent.", func(s receiver.Stats) uint64 { return s.Reports }),
		v.sound.Metric("recv_sound_delay_seconds", "How long sound waits to be played.", func(s sound.Stats) float64 { return s.Playing.Seconds() }),
		v.sound.Metric("recv_sound_skew_seconds", "How much later than its picture sound is heard.", func(s sound.Stats) float64 { return s.Skew.Seconds() }),
		v.sound.Metric("recv_sound_lost_packets", "Packets of sound lost in this session.", func(s sound.Stats) float64 { return float64(s.Lost) }),
		{Name: "recv_connected", Help: "1 while a sender is connected.", Value: func() float64 {
			if _, connected := v.now(); connected {
				return 1
			}
			return 0
		}},
	}
}
