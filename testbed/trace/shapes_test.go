package trace

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/testbed/testenv"
	"salsify/transport/bitrate"
)

// TestGeneratorsKeepTheirPromises draws rates and durations and checks for all generators: the mean is as asked for within an
// opportunity, times are sorted, the period is the duration, and the seed decides.
func TestGeneratorsKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := bitrate.Bitrate(rapid.Int64Range(20_000, 40_000_000).Draw(t, "mean"))
		duration := time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * ms
		seed := rapid.Uint64().Draw(t, "seed")
		for name, generate := range map[string]func(seed uint64) (*Trace, error){
			"Constant": func(uint64) (*Trace, error) { return Constant(mean, duration) },
			"Poisson":  func(seed uint64) (*Trace, error) { return Poisson(seed, mean, duration) },
			"LTE":      func(seed uint64) (*Trace, error) { return LTE(seed, mean, duration) },
			"WiFi":     func(seed uint64) (*Trace, error) { return WiFi(seed, mean, duration) },
			"Ramp up":  func(uint64) (*Trace, error) { return Ramp(0, 2*mean, duration) },
			"Ramp":     func(uint64) (*Trace, error) { return Ramp(mean+mean/2, mean/2+mean%2, duration) },
		} {
			trace, err := generate(seed)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			again, _ := generate(seed)
			if !slices.Equal(trace.times, again.times) {
				t.Errorf("%s: the same seed gives two traces", name)
			}
			if other, _ := generate(seed + 1); trace.Len() > 50 && name[0] != 'C' && name[0] != 'R' && slices.Equal(trace.times, other.times) {
				t.Errorf("%s: two seeds give one trace", name)
			}
			want := float64(mean) * duration.Seconds() / (8 * OpportunityBytes)
			if math.Abs(float64(trace.Len())-max(want, 1)) > 1 {
				t.Errorf("%s of %v: %d opportunities, want %.1f", name, mean, trace.Len(), want)
			}
			if !slices.IsSorted(trace.times) {
				t.Errorf("%s: the times are not sorted", name)
			}
			// Constant ends with its last opportunity, and so may LTE.
			if slack := mean.Time(OpportunityBytes); trace.Duration() > duration+max(slack, ms) ||
				name != "LTE" && trace.Duration() < duration-slack-ms || name[0] != 'C' && name != "LTE" && trace.Duration() != duration {
				t.Errorf("%s of %v lasts %v, want %v", name, mean, trace.Duration(), duration)
			}
		}
	})
}

func TestGeneratorsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		rate     bitrate.Bitrate
		duration time.Duration
	}{
		"no rate": {0, time.Second}, "a negative rate": {-5, time.Second}, "no duration": {1e6, 0},
		"too long": {1e6, MaxDuration + 1}, "too many": {1e9, MaxDuration},
	} {
		for kind, generate := range map[string]func() (*Trace, error){
			"Poisson": func() (*Trace, error) { return Poisson(1, c.rate, c.duration) },
			"WiFi":    func() (*Trace, error) { return WiFi(1, c.rate, c.duration) },
			"Ramp":    func() (*Trace, error) { return Ramp(c.rate, c.rate, c.duration) },
			"OnOff":   func() (*Trace, error) { return OnOff(1, c.rate, time.Second, time.Second, c.duration, false) },
		} {
			if _, err := generate(); err == nil {
				t.Errorf("%s: %s was accepted", kind, name)
			}
		}
	}
	if _, err := Ramp(-1, 1e6, time.Second); err == nil {
		t.Error("a ramp from a negative rate")
	}
	if _, err := OnOff(1, 1e6, 0, time.Second, time.Second, false); err == nil {
		t.Error("on for no time")
	}
	if _, err := OnOff(1, 1e6, ms, time.Second, time.Second, false); err == nil {
		t.Error("on-off without an opportunity")
	}
}

// TestShapesAreTheSameEverywhere holds the bytes of a trace of each kind, so that a machine that computes otherwise is found.
func TestShapesAreTheSameEverywhere(t *testing.T) {
	const mean, duration = 3 * bitrate.MbitPerSecond, 30 * time.Second
	poisson, _ := Poisson(1, mean, duration)
	wifi, _ := WiFi(1, mean, duration)
	ramp, _ := Ramp(mean, 4*mean, duration)
	onOff, _ := OnOff(1, mean, time.Second, 200*ms, duration, true)
	scaled, _ := wifi.Scale(0.3)
	for name, c := range map[string]struct {
		trace *Trace
		want  string
	}{
		"Poisson": {poisson, "0bf7190bc71b"},
		"WiFi":    {wifi, "17bc76808f8a"},
		"Ramp":    {ramp, "9c007e4ef76a"},
		"OnOff":   {onOff, "f201360a602a"},
		"Scale":   {scaled, "0110c7cc2261"},
	} {
		var file bytes.Buffer
		if err := c.trace.Write(&file); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(file.Bytes())
		if got := hex.EncodeToString(sum[:6]); got != c.want {
			t.Errorf("%s: the hash is %s, want %s", name, got, c.want)
		}
	}
}

func TestPoissonIsPoisson(t *testing.T) {
	trace, err := Poisson(5, 600*bitrate.KbitPerSecond, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	// The numbers in windows have a variance equal to their mean, whatever the window; gaps have a deviation equal to their mean.
	for _, window := range []time.Duration{100 * ms, time.Second} {
		var counts []float64
		for from := time.Duration(0); from < trace.Duration(); from += window {
			counts = append(counts, float64(trace.Before(from+window)-trace.Before(from)))
		}
		if dispersion := covariance(counts, 0) / mean(counts); math.Abs(dispersion-1) > 0.15 {
			t.Errorf("variance by mean in windows of %v is %.3f, want 1", window, dispersion)
		}
		if c := correlation(counts, 1); math.Abs(c) > 0.1 {
			t.Errorf("windows of %v have a correlation of %.3f, want 0", window, c)
		}
	}
	var gaps []float64
	for i := range int64(trace.Len() - 1) {
		gaps = append(gaps, (trace.At(i+1) - trace.At(i)).Seconds())
	}
	if v := variation(gaps); math.Abs(v-1) > 0.03 {
		t.Errorf("the gaps have a variation of %.3f, want 1", v)
	}
}

// TestWiFiShowsItsModel checks what the model is for: aggregates, gaps of contention, and collapses that are there but short.
func TestWiFiShowsItsModel(t *testing.T) {
	average := statistics{}
	const seeds = 3
	for seed := range uint64(seeds) {
		trace, err := WiFi(seed, 20*bitrate.MbitPerSecond, 5*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range measure(trace) {
			average[name] += v / seeds
		}
	}
	for _, row := range []struct {
		name      string
		low, high float64
	}{
		{"burst", 5, 14}, {"empty 1 ms", 0.7, 0.9}, {"empty 20 ms", 0.05, 0.25}, {"gaps > 20 ms", 100, 700}, {"gaps > 200 ms", 0, 1},
		{"variation 100 ms", 0.5, 1.1}, {"variation 500 ms", 0.35, 0.8}, {"longest gap", 0.1, 0.4},
	} {
		if v := average[row.name]; !(v >= row.low && v <= row.high) {
			t.Errorf("%s is %.3f, want %.3f to %.3f", row.name, v, row.low, row.high)
		}
		t.Logf("%-32s %.3f", row.name, average[row.name])
	}
}

func TestRampGoesUpAndDown(t *testing.T) {
	trace, err := Ramp(1e6, 11e6, 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for second := range 40 {
		middle := min(float64(second)+0.5, 40-float64(second)-0.5)
		want, got := 1e6+middle/20*10e6, float64(trace.Capacity(time.Duration(second)*time.Second, time.Duration(second+1)*time.Second))
		if math.Abs(got-want) > 1.01*8*OpportunityBytes {
			t.Errorf("second %d: %.0f bit/s, want %.0f", second, got, want)
		}
	}
}

func TestOnOffHasItsRateWhileOn(t *testing.T) {
	trace, err := OnOff(1, 12_032_000, 100*ms, 50*ms, 310*ms, false)
	if err != nil {
		t.Fatal(err)
	}
	var want []uint32
	for _, stretch := range [][2]uint32{{1, 99}, {150, 249}, {300, 309}} {
		for at := stretch[0]; at <= stretch[1]; at++ {
			want = append(want, at)
		}
	}
	want[len(want)-1] = 310
	if !slices.Equal(trace.times, want) {
		t.Errorf("%v, want %v", trace.times, want)
	}
	trace, err = OnOff(1, 12e6, 5*time.Second, 200*ms, time.Hour, true)
	if err != nil {
		t.Fatal(err)
	}
	s := trace.Statistics(0, trace.Duration())
	if share := float64(s.Mean) / 12e6; math.Abs(share-5/5.2) > 0.004 || s.Gaps1s > 15 || math.Abs(float64(s.Gaps200ms)-255) > 40 {
		t.Errorf("on %.4f of the time, want %.4f; %d gaps over 200 ms, %d over 1 s", share, 5/5.2, s.Gaps200ms, s.Gaps1s)
	}
}

func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := anyTrace(t)
		factor := rapid.Float64Range(MinScale, MaxScale).Draw(t, "factor")
		scaled, err := trace.Scale(factor)
		if err != nil {
			t.Fatal(err)
		}
		if want := max(float64(trace.Len())*factor, 1); math.Abs(float64(scaled.Len())-want) > 0.5+1e-9 {
			t.Errorf("%d opportunities by %g are %d", trace.Len(), factor, scaled.Len())
		}
		if scaled.Duration() != trace.Duration() || !slices.IsSorted(scaled.times) {
			t.Errorf("%v by %g became %v", trace.times, factor, scaled.times)
		}
		for _, at := range scaled.times {
			if !slices.Contains(trace.times, at) {
				t.Errorf("%v by %g has an opportunity at %d", trace.times, factor, at)
			}
		}
		// At no time are they an opportunity ahead or behind.
		for at := time.Duration(0); at < trace.Duration(); at += ms {
			if want := float64(trace.Before(at)) * float64(scaled.Len()) / float64(trace.Len()); math.Abs(float64(scaled.Before(at))-want) > 1 {
				t.Errorf("%v by %g: %d before %v, want %.2f", trace.times, factor, scaled.Before(at), at, want)
			}
		}
	})
	trace := read(t, "1 2 2 10")
	for _, factor := range []float64{0, 0.009, 100.1, -1, math.NaN(), math.Inf(1)} {
		if _, err := trace.Scale(factor); err == nil {
			t.Errorf("scaled by %g", factor)
		}
	}
	long, err := Constant(100e6, 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Scale(100); err == nil {
		t.Error("made a trace of 50 million opportunities")
	}
	if got := trace.Mean(); got != 4*8*OpportunityBytes*100 {
		t.Errorf("mean %v", got)
	}
}

func TestStatistics(t *testing.T) {
	// 1.2 s: 100 ms with an opportunity every 10 ms, then nothing for 250 ms, two at 350 ms, and one at the end.
	trace := read(t, "0 10 20 30 40 50 60 70 80 90 350 350 1200")
	const one = bitrate.Bitrate(8 * OpportunityBytes)
	s := trace.Statistics(0, 1200*ms)
	want := Statistics{
		Duration: 1200 * ms, Opportunities: 12, Mean: 10 * one, LongestGap: 850 * ms, LongestGapAt: 350 * ms, Gaps200ms: 2, Burst: 12. / 11,
		Short: Bins{Window: 100 * ms, Max: 100 * one, P95: 100 * one, Empty: 10. / 12, Variation: s.Short.Variation},
		Long: Bins{
			Window: time.Second, Min: 12 * one, P5: 12 * one, P25: 12 * one, Median: 12 * one, P75: 12 * one, P95: 12 * one, Max: 12 * one,
		},
	}
	if s != want {
		t.Errorf("\n%+v, want\n%+v", s, want)
	}
	if v := s.Short.Variation; math.Abs(v-math.Sqrt((81+1+10)/12.)) > 1e-9 {
		t.Errorf("variation %g", v)
	}
	// Over the end of the period, within a gap at both ends.
	s = trace.Statistics(500*ms, 1450*ms)
	if s.Opportunities != 11 || s.LongestGap != 700*ms || s.LongestGapAt != 500*ms || s.Gaps200ms != 1 ||
		s.Burst != 1.1 || s.Long.Window != 950*ms {
		t.Errorf("%+v", s)
	}
	if s := trace.Statistics(500*ms, 500*ms); s != (Statistics{}) {
		t.Errorf("of nothing: %+v", s)
	}
	if s := trace.Statistics(2*ms, 5*ms); s.Opportunities != 0 || s.Burst != 0 || s.Short.Variation != 0 ||
		s.Short.Empty != 1 || s.LongestGap != 3*ms {
		t.Errorf("of a gap: %+v", s)
	}
	if s := read(t, "1500").Statistics(0, 3000*ms); s.Gaps1s != 2 || s.Gaps200ms != 2 || s.LongestGapAt != 0 {
		t.Errorf("%+v", s)
	}
}

func TestStatisticsOfRecordedTraces(t *testing.T) {
	for file, want := range map[string]struct {
		megabits float64
		longest  time.Duration
	}{"ATT-LTE-driving.up": {0.84, 78319 * ms}, "Verizon-LTE-short.down": {5.04, 1447 * ms}, "12mbps.up": {12.032, ms}} {
		trace, err := Load(testenv.Shared(t, "traces", file))
		if err != nil {
			t.Fatal(err)
		}
		s := trace.Statistics(0, trace.Duration())
		if file != "12mbps.up" && (math.Abs(float64(s.Mean)/1e6-want.megabits) > 0.006 || s.LongestGap != want.longest) {
			t.Errorf("%s: mean %v, longest gap %v", file, s.Mean, s.LongestGap)
		}
		if math.Abs(float64(trace.Mean())/1e6-want.megabits) > 0.006 {
			t.Errorf("%s: mean %v", file, trace.Mean())
		}
	}
}
