package oracle

import (
	"errors"
	"fmt"
	"image"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/capture/scene"
	"salsify/codec/y4m"
	"salsify/sender"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
	"salsify/testbed/trace"
	"salsify/testbed/virtual"
	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

const (
	width, height = 192, 108
	delay         = 20 * time.Millisecond
)

// rate is the source's.
var rate = y4m.Rate{Num: 30, Den: 1}

// drawScene draws the made-up scene.
func drawScene(t testing.TB) func(n uint64, picture *image.YCbCr) {
	s, err := scene.New(scene.Config{Width: width, Height: height, Rate: 30, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s.Render
}

func world(t testing.TB, capacity *trace.Trace, lasts time.Duration) Config {
	return Config{
		Width: width, Height: height, Rate: rate, Draw: drawScene(t), Effort: 1,
		Link: link.Config{Trace: capacity, Delay: delay}, Duration: lasts,
	}
}

func run(t testing.TB, c Config) *Result {
	t.Helper()
	r, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// traces are links of all kinds.
func traces(t testing.TB) map[string]link.Config {
	made := func(capacity *trace.Trace, err error) link.Config {
		if err != nil {
			t.Fatal(err)
		}
		return link.Config{Trace: capacity, Delay: delay}
	}
	all := map[string]link.Config{
		"0.8 Mbit/s":         made(trace.Constant(800*bitrate.KbitPerSecond, time.Second)),
		"Poisson 0.2 Mbit/s": made(trace.Poisson(1, 200*bitrate.KbitPerSecond, 20*time.Second)),
		"LTE 0.5 Mbit/s":     made(trace.LTE(1, 500*bitrate.KbitPerSecond, 20*time.Second)),
		"20 kbit/s":          made(trace.Constant(20*bitrate.KbitPerSecond, 6*time.Second)),
		"outages":            made(trace.Constant(1*bitrate.MbitPerSecond, time.Second)),
		"on-off":             made(trace.Constant(1*bitrate.MbitPerSecond, time.Second)),
		"on-off, held":       made(trace.Constant(1*bitrate.MbitPerSecond, time.Second)),
	}
	change := func(name string, change func(*link.Config)) {
		c := all[name]
		change(&c)
		all[name] = c
	}
	change("outages", func(c *link.Config) {
		c.Outages = []link.Outage{{From: 500 * time.Millisecond, To: 1210 * time.Millisecond}, {From: 1230 * time.Millisecond, To: 1300 * time.Millisecond}}
	})
	change("on-off", func(c *link.Config) {
		c.Seed, c.OnOff = 3, link.OnOff{On: 400 * time.Millisecond, Off: 150 * time.Millisecond, Random: true}
	})
	change("on-off, held", func(c *link.Config) {
		c.Seed, c.OnOff = 3, link.OnOff{On: 400 * time.Millisecond, Off: 150 * time.Millisecond, Random: true, Hold: true}
	})
	return all
}

// TestReplay sends the oracle's frames as packets over the link itself: every frame comes out whole when the oracle says, and before the
// next one is captured nothing of it waits any more.
func TestReplay(t *testing.T) {
	for name, config := range traces(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := world(t, nil, 1500*time.Millisecond)
			c.Link = config
			r := run(t, c)
			if len(r.Shown) == 0 {
				t.Fatal("nothing is shown")
			}
			if name == "on-off" {
				return // the link would lose what the oracle keeps back; see TestOff
			}
			var out []link.Record
			config.Log = func(r link.Record) { out = append(out, r) }
			replay := link.New(config, r.Start)
			for i, f := range r.Frames {
				if f.Opportunities > f.Offered {
					t.Errorf("picture %d takes %d opportunities of %d", f.Number, f.Opportunities, f.Offered)
				}
				if i > 0 && f.Captured.Before(r.Frames[i-1].Shown.Add(-delay)) {
					t.Errorf("picture %d is captured before the one before it has left", f.Number)
				}
				replay.Deliver(f.Captured)
				if len(out) != sent(r.Frames[:i]) {
					t.Errorf("%d packets wait when picture %d is captured", sent(r.Frames[:i])-len(out), f.Number)
				}
				for _, size := range sizes(f.Bytes) {
					replay.Send(f.Captured, size, nil)
				}
			}
			replay.Deliver(r.End.Add(time.Second))
			for i, f := range r.Frames {
				if last := out[sent(r.Frames[:i+1])-1]; !last.Delivery.Equal(f.Shown) {
					t.Errorf("picture %d is said to be there after %v, and is after %v", f.Number, f.Shown.Sub(r.Start), last.Delivery.Sub(r.Start))
				}
			}
			if counted := replay.Counters(); counted.Departed.Bytes != r.WireBytes {
				t.Errorf("%d bytes left the link, and %d were sent", counted.Departed.Bytes, r.WireBytes)
			}
		})
	}
}

// sent is how many packets frames have.
func sent(frames []Frame) int {
	n := 0
	for _, f := range frames {
		n += f.Packets
	}
	return n
}

// sizes are those of a frame's packets, as IP has them.
func sizes(bytes int) []int {
	var all []int
	n := pieces(bytes)
	for i := range n {
		all = append(all, (i+1)*bytes/n-i*bytes/n+wire.Overhead+wire.DescriptorSize)
	}
	return all
}

// TestOff: while the link loses everything, the oracle uses no opportunity, and nothing that could be used is missing.
func TestOff(t *testing.T) {
	c := traces(t)["on-off"]
	const until = 5 * time.Second
	times := opportunities(c, until)
	off := c.OnOff.OffTimes(c.Seed, until)
	in := func(at time.Duration) bool {
		for _, o := range off {
			if at >= o.From && at < o.To {
				return true
			}
		}
		return false
	}
	used := map[time.Duration]int{}
	for _, at := range times {
		if in(at) {
			t.Errorf("the opportunity at %v is used, but the link is off", at)
		}
		used[at]++
	}
	for i := int64(0); c.Trace.At(i) <= until; i++ {
		if at := c.Trace.At(i); at > 0 && !in(at) {
			if used[at] == 0 {
				t.Errorf("the opportunity at %v is not used", at)
			}
			used[at]--
		}
	}
}

// TestOpportunities: those of the link are those of its trace.
func TestOpportunities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines strings.Builder
		at := 0
		for range rapid.IntRange(1, 30).Draw(t, "opportunities") {
			at += rapid.SampledFrom([]int{0, 0, 1, 2, 7, 40, 300}).Draw(t, "pause")
			fmt.Fprintln(&lines, at)
		}
		fmt.Fprintln(&lines, at+1)
		capacity, err := trace.Read(strings.NewReader(lines.String()))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Duration(rapid.IntRange(0, 500).Draw(t, "start")) * time.Millisecond
		const until = time.Second
		var want []time.Duration
		for i := capacity.Before(start + 1); capacity.At(i)-start <= until; i++ {
			want = append(want, capacity.At(i)-start)
		}
		if got := opportunities(link.Config{Trace: capacity, Start: start, Delay: delay, Loss: 0.5}, until); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, not %v", got, want)
		}
	})
}

// TestRoom: the largest frame for so many opportunities takes them, and one byte more takes another.
func TestRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "opportunities")
		bytes := room(n)
		if taken(bytes) > n || taken(bytes+1) <= n {
			t.Fatalf("%d bytes take %d opportunities, one byte more %d: there are %d", bytes, taken(bytes), taken(bytes+1), n)
		}
		sum := 0
		for _, size := range sizes(bytes) {
			sum += size
		}
		if sum != wireBytes(bytes) {
			t.Fatalf("the packets have %d bytes, not %d", sum, wireBytes(bytes))
		}
	})
}

// TestNewest: the link is silent for long; then the newest picture goes out, and not one that waited.
func TestNewest(t *testing.T) {
	capacity, err := trace.Constant(1*bitrate.MbitPerSecond, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c := world(t, capacity, 3*time.Second)
	c.Link.Outages = []link.Outage{{From: time.Second, To: 2 * time.Second}}
	r := run(t, c)
	for i, f := range r.Frames {
		if age := f.Shown.Sub(f.Captured); age > time.Second/30+time.Nanosecond+delay {
			t.Errorf("picture %d is shown %v after its capture", f.Number, age)
		}
		if i > 0 && f.Number != r.Frames[i-1].Number+1 && (r.Frames[i-1].Number < 28 || f.Number > 61) {
			t.Errorf("picture %d follows %d, but there was room for those between", f.Number, r.Frames[i-1].Number)
		}
	}
}

// TestLimit: in the same world, with the times that encoding and decoding take at 720p, none of our modes has a lower signal delay. None has
// a clearly better picture either, but for those that let seconds of it queue.
func TestLimit(t *testing.T) {
	const lasts, queueing = 2 * time.Second, 250 * time.Millisecond
	for _, name := range []string{"0.8 Mbit/s", "LTE 0.5 Mbit/s", "on-off, held"} {
		c := world(t, nil, lasts)
		c.Link = traces(t)[name]
		asked := sync.OnceValues(func() (*Result, error) { return Run(c) })
		for _, mode := range sender.Modes() {
			t.Run(name+", "+string(mode), func(t *testing.T) {
				t.Parallel()
				oracle, err := asked()
				if err != nil {
					t.Fatal(err)
				}
				limit := oracle.Summary()
				r, err := virtual.Run(virtual.Config{
					Sender: sender.Config{Width: width, Height: height, Mode: mode, MaxEffort: 1},
					Rate:   rate, Draw: c.Draw, Up: c.Link, Down: link.Config{Delay: delay}, Duration: lasts,
					EncodeTime: func(virtual.Encoding) time.Duration { return 20 * time.Millisecond },
					DecodeTime: func(virtual.Decoding) time.Duration { return 3 * time.Millisecond },
				})
				if err != nil {
					t.Fatal(err)
				}
				s := r.Summary()
				t.Logf("signal delay %v, oracle %v; SSIM %.2f dB, oracle %.2f dB", s.SignalDelay.Mean, limit.SignalDelay.Mean, s.SSIMdB, limit.SSIMdB)
				if s.SignalDelay.Mean < limit.SignalDelay.Mean {
					t.Errorf("signal delay %v, less than the oracle's %v", s.SignalDelay.Mean, limit.SignalDelay.Mean)
				}
				if s.SignalDelay.Mean < queueing && s.SSIMdB > limit.SSIMdB+0.3 {
					t.Errorf("SSIM %.2f dB, more than the oracle's %.2f", s.SSIMdB, limit.SSIMdB)
				}
			})
		}
	}
}

// TestSame: two runs give the same, scores included, whatever the number of goroutines.
func TestSame(t *testing.T) {
	one := func(goroutines int) *Result {
		c := world(t, traces(t)["LTE 0.5 Mbit/s"].Trace, 2*time.Second)
		c.Goroutines, c.ScoreEvery = goroutines, 3
		original := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		c.Score = func(n uint64, shown *image.YCbCr) (quality.Score, error) {
			original := image.NewYCbCr(original.Rect, original.SubsampleRatio)
			c.Draw(n, original)
			var m quality.Meter
			return m.Add(original, shown)
		}
		return run(t, c)
	}
	a, b := one(1), one(3)
	if !reflect.DeepEqual(a, b) {
		t.Error("two runs differ")
	}
	if want := (len(a.Shown) + 2) / 3; len(a.Scores) != want || want == 0 {
		t.Errorf("%d scores of %d pictures", len(a.Scores), len(a.Shown))
	}
	for i, s := range a.Shown {
		if (s.SSIM != 0) != (i%3 == 0) || s.SSIM != a.Scores[s.Number].SSIM {
			t.Errorf("picture %d has an SSIM of %v", s.Number, s.SSIM)
		}
	}
}

// TestNoLimit: without a trace each picture is there at once, and is as good as it gets.
func TestNoLimit(t *testing.T) {
	r := run(t, world(t, nil, 300*time.Millisecond))
	for _, f := range r.Frames {
		if f.Shown.Sub(f.Captured) != delay || f.Quantizer > 4 {
			t.Errorf("picture %d is shown after %v, with quantizer %d", f.Number, f.Shown.Sub(f.Captured), f.Quantizer)
		}
	}
	if want := measure.Summarize(r.Captured, r.Shown, r.End); len(r.Shown) != 9 || want.SignalDelay.P50 != delay {
		t.Errorf("%d pictures, signal delay %v", len(r.Shown), want.SignalDelay)
	}
}

// TestRefused: bad input gives an error, and so does a score that fails.
func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no pictures":       func(c *Config) { c.Draw = nil },
		"no rate":           func(c *Config) { c.Rate.Den = 0 },
		"negative duration": func(c *Config) { c.Duration = -1 },
		"negative share":    func(c *Config) { c.ScoreEvery = -1 },
		"no size":           func(c *Config) { c.Width = 0 },
		"bad effort":        func(c *Config) { c.Effort = 11 },
		"bad link":          func(c *Config) { c.Link.Loss = 2 },
		"failing score": func(c *Config) {
			c.Score = func(uint64, *image.YCbCr) (quality.Score, error) { return quality.Score{}, errors.New("no") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := world(t, traces(t)["0.8 Mbit/s"].Trace, 100*time.Millisecond)
			change(&c)
			if r, err := Run(c); err == nil {
				t.Errorf("no error, but %d frames", len(r.Frames))
			}
		})
	}
}
