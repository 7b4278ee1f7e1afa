package virtual

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"salsify/codec/y4m"
	"salsify/sender"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/trace"
	"salsify/transport/bitrate"
)

const (
	second = time.Second
	delay  = 20 * time.Millisecond // propagation, each way
	mbit   = bitrate.MbitPerSecond
	kbit   = bitrate.KbitPerSecond
)

// rate is that of the source in all tests that do not say.
var rate = y4m.Rate{Num: 30, Den: 1}

// stretch is a rate that holds for a while.
type stretch struct {
	rate  bitrate.Bitrate
	lasts time.Duration
}

// rates makes a trace of stretches one after the other, which repeats.
func rates(stretches ...stretch) *trace.Trace {
	var lines strings.Builder
	var start time.Duration
	for _, s := range stretches {
		for i := 1; s.rate.Time(i*trace.OpportunityBytes) < s.lasts; i++ {
			fmt.Fprintln(&lines, (start + s.rate.Time(i*trace.OpportunityBytes)).Milliseconds())
		}
		start += s.lasts
	}
	fmt.Fprintln(&lines, start.Milliseconds()) // the trace repeats after its last time
	all, err := trace.Read(strings.NewReader(lines.String()))
	if err != nil {
		panic(err) // the stretches make no trace
	}
	return all
}

// world is the one that all tests vary: that capacity for the video, 2 Mbit/s for the reports, 20 ms each way.
func world(lasts time.Duration, video ...stretch) Config {
	return Config{
		Sender:     sender.Config{Width: sceneWidth, Height: sceneHeight, MaxEffort: 1},
		Rate:       rate,
		Draw:       drawn(scene),
		Duration:   lasts,
		Up:         link.Config{Trace: rates(video...), Delay: delay, Seed: 1},
		Down:       link.Config{Trace: rates(stretch{2 * mbit, 10 * time.Second}), Delay: delay, Seed: 2},
		EncodeTime: func(Encoding) time.Duration { return 12 * time.Millisecond },
		DecodeTime: func(Decoding) time.Duration { return 4 * time.Millisecond },
	}
}

// run runs a world and checks what must hold in every world.
func run(t testing.TB, c Config) *Result {
	t.Helper()
	r, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(r.Shown); i++ {
		if r.Shown[i].Number <= r.Shown[i-1].Number || r.Shown[i].At.Before(r.Shown[i-1].At) {
			t.Errorf("picture %d is shown after picture %d", r.Shown[i].Number, r.Shown[i-1].Number)
		}
	}
	if r.InStep != nil {
		t.Errorf("not in step at the end: %v", r.InStep)
	}
	return r
}

// first is when the first picture was on the screen.
func (r *Result) first() time.Duration {
	if len(r.Shown) == 0 {
		return math.MaxInt64
	}
	return r.Shown[0].At.Sub(r.Start)
}

// within gives the pictures captured in a stretch of time that were shown.
func (r *Result) within(from, to time.Duration) []measure.Shown {
	var in []measure.Shown
	for _, s := range r.Shown {
		if at := s.Captured.Sub(r.Start); at >= from && at < to {
			in = append(in, s)
		}
	}
	return in
}

// delay95 is the 95th percentile of the frame delay in a stretch of time.
func (r *Result) delay95(from, to time.Duration) time.Duration {
	var delays []time.Duration
	for _, s := range r.within(from, to) {
		delays = append(delays, s.At.Sub(s.Captured))
	}
	if len(delays) == 0 {
		return math.MaxInt64
	}
	slices.Sort(delays)
	return delays[min(len(delays)-1, len(delays)*95/100)]
}

// freeze is the longest time without a new picture on the screen, of what lies in a stretch of time.
func (r *Result) freeze(from, to time.Duration) time.Duration {
	last, longest := from, time.Duration(0)
	for _, s := range r.Shown {
		at := s.At.Sub(r.Start)
		if at >= from && at < to {
			longest = max(longest, at-last)
			last = at
		}
	}
	return max(longest, to-last)
}

// after is how long after an instant the next picture that was captured after it was on the screen.
func (r *Result) after(instant time.Duration) time.Duration {
	for _, s := range r.Shown {
		if s.Captured.Sub(r.Start) >= instant {
			return s.At.Sub(r.Start) - instant
		}
	}
	return math.MaxInt64
}

// rate is how many pictures a second were shown in a stretch of time.
func (r *Result) rate(from, to time.Duration) float64 {
	return float64(len(r.within(from, to))) / (to - from).Seconds()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
