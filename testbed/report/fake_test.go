package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"salsify/testbed/measure"
	"salsify/testbed/result"
	"time"
)

// fakeSystem is one whose figures follow from few numbers.
type fakeSystem struct {
	name    string
	delay   float64 // ms, at least
	uses    float64 // share of the link
	queues  float64 // how much of an outage it fills the queue in
	virtual bool
	repeats int
}

var fakeSystems = []fakeSystem{
	{name: "salsify", delay: 62, uses: 0.62, queues: 0.05, repeats: 3},
	{name: "salsify:single", delay: 70, uses: 0.5, queues: 0.1, repeats: 3},
	{name: "salsify:conventional", delay: 85, uses: 0.66, queues: 0.6, repeats: 3},
	{name: "chrome:vp8", delay: 75, uses: 0.3, queues: 0.8, repeats: 3},
	{name: "chrome:vp9", delay: 82, uses: 0.33, queues: 0.9, repeats: 3},
	{name: "gstreamer", delay: 110, uses: 0.4, queues: 1, repeats: 3},
	{name: "original-salsify", delay: 120, uses: 0.55, queues: 0.5, repeats: 3},
	{name: "oracle", delay: 45, uses: 0.98, queues: 0, virtual: true, repeats: 1},
}

// fakeNetwork has a capacity that wanders, and one outage.
type fakeNetwork struct {
	name    string
	mbit    float64
	outage  float64 // seconds, from the middle on
	limited bool
}

var fakeNetworks = []fakeNetwork{
	{"Verizon-LTE-short", 5, 1, true}, {"ATT-LTE-driving", 1, 4, true}, {"TMobile-UMTS-driving", 0.5, 8, true},
	{"12 Mbit/s, intermittent", 12, 0.2, true}, {"0.57mbps-poisson", 0.57, 0, true},
}

// writeFake writes a cell with all its files below root and returns its folder.
func writeFake(t testing.TB, root string, net fakeNetwork, sys fakeSystem, repeat int, seconds float64) string {
	t.Helper()
	folder := filepath.Join(root, fmt.Sprintf("%s-%s-%d", slugs{}.of(net.name), slugs{}.of(sys.name), repeat))
	r, frames, series := fake(net, sys, repeat, seconds)
	if err := result.Write(folder, r, frames, series); err != nil {
		t.Fatal(err)
	}
	return folder
}

func fake(net fakeNetwork, sys fakeSystem, repeat int, seconds float64) (*result.Result, []result.Frame, []result.Bin) {
	seed := uint64(len(sys.name))*1000 + uint64(repeat)
	road := rand.New(rand.NewPCG(uint64(len(net.name)), 1)) // the same for all systems
	own := rand.New(rand.NewPCG(seed, uint64(len(net.name))))
	const rate = 30.0
	sys.delay *= 1 + 0.06*own.NormFloat64()
	sys.uses *= 1 + 0.1*own.NormFloat64()
	excluded := 10000.0
	if seconds <= 10 {
		excluded = 0
	}
	bins := make([]result.Bin, int(seconds*10))
	level := net.mbit * 1000
	capacity := make([]float64, len(bins))
	for i := range bins {
		level *= math.Exp(road.NormFloat64() * 0.12)
		level = min(max(level, net.mbit*250), net.mbit*2500)
		at := float64(i) / 10
		if net.outage > 0 && at > seconds/2 && at < seconds/2+net.outage {
			capacity[i] = 0
		} else {
			capacity[i] = level
		}
	}
	zero := time.Unix(1e9, 0)
	end := zero.Add(time.Duration(seconds * float64(time.Second)))
	var frames []result.Frame
	var captured []time.Time
	var shown []measure.Shown
	n := int(seconds * rate)
	backlog := 0.0
	ssimSum, scored, never := 0.0, 0, 0
	for i := range n {
		at := float64(i) * 1000 / rate
		f := result.Frame{Number: uint64(i), CapturedMs: at, TakenMs: at + own.Float64(), ShownMs: nan, FrameDelayMs: nan, SignalDelayMs: nan,
			SSIM: nan, PSNRdB: nan}
		c := capacity[min(int(at/100), len(capacity)-1)]
		delay := sys.delay + 8*own.ExpFloat64()*net.mbit/(c/1000+0.1)
		if c == 0 {
			backlog += 1000 / rate * sys.queues
			delay += net.outage * 1000
		}
		delay += backlog
		backlog *= 0.97
		captured = append(captured, zero.Add(time.Duration(at*1e6)))
		if c > 0 && own.Float64() > 0.05*sys.queues+0.02 && at+delay < seconds*1000 {
			f.ShownMs, f.FrameDelayMs = at+delay, delay
			if i%3 == 0 {
				f.SSIM = 1 - math.Pow(10, -(10.5+2.4*math.Log(1+c*sys.uses/300)+0.4*own.NormFloat64())/10)
				f.PSNRdB = 36 + own.NormFloat64()
			}
			shown = append(shown, measure.Shown{Number: f.Number, Captured: captured[i], At: zero.Add(time.Duration(f.ShownMs * 1e6))})
			if f.SSIM > 0 {
				ssimSum += f.SSIM
				scored++
			}
		} else {
			never++
		}
		frames = append(frames, f)
	}
	var delivered, sent float64
	for i, d := range measure.SignalDelays(captured, shown, end) {
		frames[i].SignalDelayMs = float64(d) / 1e6
	}
	for i := range bins {
		var delays, ssims []float64
		for k := range frames {
			if int(frames[k].CapturedMs/100) == i {
				delays = append(delays, frames[k].SignalDelayMs)
				ssims = append(ssims, decibel(frames[k].SSIM))
			}
		}
		uses := sys.uses * (1 + 0.1*own.NormFloat64())
		bins[i] = result.Bin{
			FromMs: float64(i) * 100, CapacityKbit: capacity[i], SentKbit: capacity[i]*uses + 30*own.Float64(), DeliveredKbit: capacity[i] * uses,
			FeedbackKbit: 20, QueueDelayMs: 5 + 20*own.ExpFloat64()*sys.queues, SignalDelayMs: summarize(delays).mean, SSIMdB: summarize(ssims).mean,
		}
		if capacity[i] == 0 {
			bins[i].QueueDelayMs = nan
		}
		if !net.limited {
			bins[i].CapacityKbit = nan
		}
		delivered += bins[i].DeliveredKbit
		sent += bins[i].SentKbit
	}
	s := measure.Summarize(captured, shown, end)
	delay := func(d measure.Distribution) result.Delay {
		ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
		return result.Delay{Mean: ms(d.Mean), P50: ms(d.P50), P95: ms(d.P95), P99: ms(d.P99), Max: ms(d.Max)}
	}
	r := &result.Result{
		Format: result.Format, System: sys.name, Virtual: sys.virtual, Repeat: repeat, Started: fmt.Sprintf("2026-11-22T1%d:%02d:00Z", repeat, len(sys.name)),
		Cell: fmt.Sprintf("%s-%s", sys.name, net.name),
		Clip: result.Clip{Name: "heads", Source: "heads.y4m", Grain: "4", Width: 1280, Height: 720, Rate: rate},
		Network: result.Network{Name: net.name, DelayMs: 20,
			Down: result.Way{Trace: "/traces/" + net.name + ".down", TraceSHA256: "ab", StartMs: 10000, CapacityKbit: net.mbit * 1000, Queue: "droptail:packets=256"},
			Up:   result.Way{Trace: "/traces/" + net.name + ".up", TraceSHA256: "cd", StartMs: 10000, Queue: "droptail:packets=256"}},
		DurationMs: seconds * 1000, ExcludedMs: excluded,
		Figures: result.Figures{
			Captured: n, Shown: len(shown), NeverShown: never, FPS: s.Rate, FrameDelay: delay(s.FrameDelay), SignalDelay: delay(s.SignalDelay),
			Freezes: result.Freezes{Count: int(net.outage) + 1, LongestMs: float64(s.LongestFreeze) / 1e6, Share: net.outage / seconds},
			Scored:  scored, VideoKbit: sent / float64(len(bins)), DeliveredKbit: delivered / float64(len(bins)), CapacityKbit: net.mbit * 1000,
			QueueDelay: result.Delay{Mean: nan, P50: nan, P95: nan, P99: nan, Max: nan},
		},
		Commands: [][]string{{"salsify-send", "clip name.y4m", "--key", "it's"}, {"salsify-recv"}},
		Versions: map[string]string{"salsify": "0.4", "chromium": "156.0"},
		Machine:  result.Machine{Processor: "a processor", Cores: 2, MemoryMB: 16000, Kernel: "6.1", OthersDuring: new(0.02 * float64(repeat))},
	}
	if sys.virtual {
		r.Machine.OthersDuring = nil
	}
	if net.limited {
		r.Figures.LinkUsed = &sys.uses
	}
	if scored > 0 {
		r.Figures.SSIM, r.Figures.PSNRdB = new(ssimSum/float64(scored)), new(36.0)
		r.Figures.SSIMdB = new(decibel(*r.Figures.SSIM))
	}
	return r, frames, bins
}
