package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/relay"
	"salsify/testbed/trace"
	"salsify/transport/bitrate"
)

// departures notes what left the video's queue, and when.
type departures struct{ records []link.Record }

func (d *departures) add(r link.Record) { d.records = append(d.records, r) }

// result is all that was measured.
type result struct {
	options    options
	up         *trace.Trace
	start      time.Time // of the link
	began, end time.Time // first picture captured, last one
	video      *departures
	watched    *watch
	captured   []time.Time
	sent       int
	dropped    map[string]int
	summary    measure.Summary
	rate       bitrate.Bitrate // on the wire
	capacity   bitrate.Bitrate
}

// evaluate joins what the sender wrote with what was seen.
func evaluate(o options, up *trace.Trace, r *relay.Relay, video *departures, w *watch, sentFile string) (*result, error) {
	if len(w.shown) == 0 {
		return nil, errors.New("no picture was shown")
	}
	res := &result{options: o, up: up, start: r.Start(), video: video, watched: w, dropped: map[string]int{}}
	if err := res.readSent(sentFile); err != nil {
		return nil, err
	}
	// Every picture of the source counts, also those that were replaced before they were encoded, which the sender does not
	// list: pictures are captured at a steady beat.
	interval := time.Duration(float64(time.Second) / o.rate)
	first, last := w.shown[0], w.shown[len(w.shown)-1]
	zero := first.Captured.Add(-time.Duration(first.Number) * interval)
	for n := uint64(0); n <= last.Number; n++ {
		at := zero.Add(time.Duration(n) * interval)
		if at.Before(res.began) {
			continue // before the connection stood
		}
		res.captured = append(res.captured, at)
	}
	res.end = last.At
	res.summary = measure.Summarize(res.captured, w.shown, res.end)
	bytes := int64(0)
	for _, d := range video.records {
		if d.Fate == link.Delivered {
			bytes += int64(d.Size)
		}
	}
	took := res.end.Sub(res.began)
	res.rate = bitrate.Of(int(bytes), took)
	res.capacity = up.Capacity(res.began.Sub(res.start), res.end.Sub(res.start))
	return res, nil
}

// readSent reads what salsify-send --stats wrote.
func (r *result) readSent(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var line struct {
			Captured int64  `json:"captured_us"`
			Outcome  string `json:"outcome"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if r.began.IsZero() {
			r.began = time.UnixMicro(line.Captured)
		}
		if line.Outcome == "sent" {
			r.sent++
		} else {
			r.dropped[line.Outcome]++
		}
	}
	return lines.Err()
}

func (r *result) print(out io.Writer) {
	s := r.summary
	dropped := 0
	for _, n := range r.dropped {
		dropped += n
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, values ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprint(values...))
	}
	fmt.Fprintln(out)
	row("pictures", len(r.captured), " captured, ", r.sent, " sent as frames, ", dropped, " dropped after encoding, ", s.Shown, " shown, ",
		r.watched.torn, " unreadable")
	row("rate of pictures", fmt.Sprintf("%.1f a second", s.Rate))
	row("frame delay", "mean ", ms(s.FrameDelay.Mean), ", p50 ", ms(s.FrameDelay.P50), ", p95 ", ms(s.FrameDelay.P95))
	row("signal delay", "mean ", ms(s.SignalDelay.Mean), ", p50 ", ms(s.SignalDelay.P50), ", p95 ", ms(s.SignalDelay.P95))
	row("longest freeze", ms(s.LongestFreeze))
	row("SSIM", fmt.Sprintf("%.2f dB (every %dth picture)", s.SSIMdB, scored))
	row("bit rate", r.rate, " of ", r.capacity, fmt.Sprintf(": %.0f %% of the link used", 100*float64(r.rate)/float64(r.capacity)))
	t.Flush()
}
