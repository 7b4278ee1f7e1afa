package trace

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

func TestFromSeries(t *testing.T) {
	const packet = "0.12032" // Mbit/s: one opportunity in 100 ms
	for name, c := range map[string]struct {
		text string
		step time.Duration
		want []uint32
	}{
		"one column":                 {packet + "\n0.24064\n", 100 * ms, []uint32{100, 150, 200}},
		"two columns":                {"0 " + packet + "\n0.1 0.24064\n", time.Hour, []uint32{100, 150, 200}},
		"commas and a heading":       {"time,rate\n0.0," + packet + "\n0.1,0.24064\n", ms, []uint32{100, 150, 200}},
		"comments, tabs, semi":       {"# recorded\n\ntime\trate\r\n5;" + packet + "\r\n5.1 ;\t0.24064\r\n", ms, []uint32{100, 150, 200}},
		"seconds since 1970":         {"1700000000 " + packet + "\n1700000000.125 0\n1700000000.25 " + packet, ms, []uint32{100, 325, 375}},
		"credit passes on":           {"0.06016\n0.06016\n" + packet + "\n", 100 * ms, []uint32{200, 300}},
		"an outage at the end":       {packet + "\n" + packet + "\n0\n", 100 * ms, []uint32{100, 300}},
		"half an opportunity":        {"0.06016\n0\n0\n", 100 * ms, []uint32{300}},
		"the last as the one before": {"0 0.24064\n0.1 0.24064\n0.2 0.24064\n", ms, []uint32{50, 100, 150, 200, 250, 300}},
		"a single line":              {"7 " + packet, 100 * ms, []uint32{100}},
		"fast":                       {"240.64\n", 2 * ms, slices.Concat(slices.Repeat([]uint32{0}, 19), slices.Repeat([]uint32{1}, 20), []uint32{2})},
	} {
		got, err := FromSeries(iotest.OneByteReader(strings.NewReader(c.text)), c.step)
		if err != nil || !slices.Equal(got.times, c.want) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestFromSeriesRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "no line"},
		"only a heading":    {"time,rate\n", "no line"},
		"two headings":      {"time,rate\ns,Mbit/s\n1,2", "line 2: \"Mbit/s\" is not a number"},
		"a word later":      {"1 2\n2 fast\n", "line 2: \"fast\" is not a number"},
		"three columns":     {"1 2 3\n", "line 1: has 3 columns"},
		"columns change":    {"1 2\n3\n", "line 2: has 1 columns where lines before have 2"},
		"a negative rate":   {"1\n-2\n", "line 2: -2 Mbit/s"},
		"bit/s":             {"0 4000000\n", "give Mbit/s, not bit/s"},
		"not a number":      {"1\nNaN\n", "line 2: \"NaN\""},
		"infinite":          {"1\n+Inf\n", "line 2"},
		"a step back":       {"1 2\n0.5 2\n", "line 2: 0.5 s does not come after"},
		"no step":           {"1 2\n1 2\n", "line 2"},
		"too long":          {"0 0\n604801 1\n", "line 2: lies beyond the longest trace"},
		"far too long":      {"0 0\n1e300 1\n", "line 2: lies beyond"},
		"a wild first time": {"-1e300 0\n1e300 1\n", "line 1: -1e+300 s is not a time"},
		"too much":          {"0 100000\n100000 1\n", "line 2: the series has more than 16777216"},
		"too little":        {"0.001\n", "less than one packet"},
		"too short":         {"0 100000\n0.0001 100000\n", "less than a millisecond"},
		"a long line":       {"1 2\n" + strings.Repeat(" ", 300) + "\n", "line 2: is too long"},
		"a very long line":  {"1 2\n" + strings.Repeat("1", 1<<20) + "\n", "line 2: is too long"},
	} {
		got, err := FromSeries(strings.NewReader(c.text), 100*ms)
		if !errors.Is(err, ErrSeries) && !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want one with %q", name, got, err, c.want)
		}
	}
	broken := errors.New("the disk broke")
	if _, err := FromSeries(iotest.ErrReader(broken), time.Second); !errors.Is(err, broken) {
		t.Errorf("a failing reader: %v", err)
	}
	for _, step := range []time.Duration{0, -1, MaxDuration + 1} {
		if _, err := FromSeries(strings.NewReader("1\n"), step); err == nil {
			t.Errorf("a step of %v", step)
		}
	}
}

// TestFromSeriesKeepsAllBytes compares the capacity of steps with what the series says.
func TestFromSeriesKeepsAllBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rates := rapid.SliceOfN(rapid.Float64Range(0, 30), 1, 20).Draw(t, "rates")
		step := time.Duration(rapid.IntRange(1, 500).Draw(t, "step")) * ms
		var one, two strings.Builder
		bits := []float64{0}
		for i, r := range rates {
			fmt.Fprintf(&one, "%g\n", r)
			fmt.Fprintf(&two, "%.3f, %g\n", 100+float64(i)*step.Seconds(), r)
			bits = append(bits, bits[i]+r*1e6*step.Seconds())
		}
		trace, err := FromSeries(strings.NewReader(one.String()), step)
		const opportunity = 8 * OpportunityBytes
		if total := bits[len(rates)]; err != nil {
			if total > opportunity/2+1 {
				t.Fatal(err)
			}
			return
		}
		for i := range bits {
			end := time.Duration(i) * step
			if got := float64(trace.Before(end)) * opportunity; i < len(rates) && math.Abs(got-bits[i]) > 2.01*opportunity+30e3 {
				t.Errorf("%.0f bits before %v, want %.0f", got, end, bits[i])
			}
		}
		if got := float64(trace.Len()) * opportunity; math.Abs(got-bits[len(rates)]) > opportunity/2+1 ||
			trace.Duration() != time.Duration(len(rates))*step {
			t.Errorf("%.0f bits in %v, want %.0f in %v", got, trace.Duration(), bits[len(rates)], time.Duration(len(rates))*step)
		}
		again, err := FromSeries(strings.NewReader(two.String()), step)
		if err != nil || math.Abs(float64(again.Len()-trace.Len())) > 1 ||
			(again.Duration()-trace.Duration()).Abs() > ms {
			t.Errorf("with times: %v, %d opportunities in %v, want %d in %v", err, again.Len(), again.Duration(), trace.Len(), trace.Duration())
		}
	})
}

func FuzzFromSeries(f *testing.F) {
	for _, seed := range []string{"1\n2\n", "0 5\n1 6\n", "t,r\n0,1\n0.1,2", "# a\n\n3;4\n", "1e9 1\n", "-5 0.1\n5 0.1\n", "100000\n100000\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, err := FromSeries(strings.NewReader(string(data)), 10*ms)
		if err != nil {
			return
		}
		if !slices.IsSorted(trace.times) || trace.Len() > MaxOpportunities || trace.Duration() > MaxDuration || trace.Duration() < ms {
			t.Errorf("%d opportunities in %v, sorted: %v", trace.Len(), trace.Duration(), slices.IsSorted(trace.times))
		}
	})
}
