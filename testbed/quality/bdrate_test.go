package quality

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// typical is a curve as an encoder gives it: rate in kbit/s and SSIM in dB.
var typical = []Point{{310, 9.8}, {620, 12.1}, {1150, 13.9}, {2600, 16.4}, {5200, 18.0}}

func scaled(points []Point, factor float64) []Point {
	out := make([]Point, len(points))
	for i, p := range points {
		out[i] = Point{p.Rate * factor, p.Quality}
	}
	return out
}

func TestBDRateByHand(t *testing.T) {
	tests := []struct {
		name            string
		reference, test []Point
		want, tolerance float64 // percent
	}{
		{"the same curve", typical, typical, 0, 1e-9},
		{"10 % less at each point", typical, scaled(typical, 0.9), -10, 1e-9},
		{"twice the rate", typical, scaled(typical, 2), 100, 1e-9},
		// Straight lines in log rate, 1 dB for a doubling. The test curve lies 1 dB to the right: half the rate.
		{"1 dB better", []Point{{100, 10}, {200, 11}, {400, 12}}, []Point{{100, 11}, {200, 12}, {400, 13}}, -50, 1e-9},
		// Two straight lines from the same rate at 0 dB: rate*2^q and rate*4^q. Mean distance over 0..2 dB is log 2.
		{"steeper line", []Point{{1, 0}, {4, 2}}, []Point{{1, 0}, {16, 2}}, 100, 1e-9},
		// Only 1..2 dB is covered by both, where the test curve takes 3 times the rate; its course elsewhere is no matter.
		{"part of the range", []Point{{2, 1}, {4, 2}}, []Point{{3, 0}, {6, 1}, {12, 2}, {24, 3}}, 200, 1e-9},
	}
	for _, test := range tests {
		got, err := BDRate(test.reference, test.test)
		if err != nil || math.Abs(got-test.want) > test.tolerance {
			t.Errorf("%s: %v %%, %v; want %v %%", test.name, got, err, test.want)
		}
	}
}

// TestCurveByHand works out one curve by hand: y = 0, 1, 3 at x = 0, 1, 3. Both chords have slope 1, so it is the line y = x.
// With y = 0, 1, 5 the chords are 1 and 2: inner slope 9/(5/1+4/2) = 9/7, end slopes (4*1-1*2)/3 = 2/3 and (5*2-2*1)/3 = 8/3.
func TestCurveByHand(t *testing.T) {
	if got, want := slopes([]float64{0, 1, 3}, []float64{0, 1, 3}), []float64{1, 1, 1}; !near(got, want) {
		t.Errorf("line: slopes %v, want %v", got, want)
	}
	if got, want := slopes([]float64{0, 1, 3}, []float64{0, 1, 5}), []float64{2. / 3, 9. / 7, 8. / 3}; !near(got, want) {
		t.Errorf("bend: slopes %v, want %v", got, want)
	}
	if got, want := slopes([]float64{0, 1, 2}, []float64{0, 1, 0}), []float64{2, 0, -2}; !near(got, want) {
		t.Errorf("turning point: slopes %v, want %v", got, want)
	}
}

func near(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-12 {
			return false
		}
	}
	return len(a) == len(b)
}

func TestBDRateErrors(t *testing.T) {
	tests := []struct {
		name            string
		reference, test []Point
		says            string
	}{
		{"no overlap", []Point{{1, 10}, {2, 12}}, []Point{{1, 13}, {2, 15}}, "share no quality"},
		{"touching only", []Point{{1, 10}, {2, 12}}, []Point{{1, 12}, {2, 15}}, "share no quality"},
		{"one point", typical[:1], typical, "reference curve: 1 points"},
		{"no points", typical, nil, "test curve: 0 points"},
		{"same quality twice", typical, []Point{{1, 10}, {2, 10}}, "same quality"},
		{"infinite quality", typical, []Point{{1, 10}, {2, math.Inf(1)}}, "finite quality"},
		{"no rate", typical, []Point{{0, 10}, {2, 11}}, "positive rate"},
		{"NaN", typical, []Point{{1, 10}, {math.NaN(), 11}}, "positive rate"},
	}
	for _, test := range tests {
		_, err := BDRate(test.reference, test.test)
		if !errors.Is(err, ErrCurve) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want ErrCurve saying %q", test.name, err, test.says)
		}
	}
}

func TestBDRateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var reference, test []Point
		q, logRate := 8.0, 5.0
		for range rapid.IntRange(2, 7).Draw(t, "points") {
			q += rapid.Float64Range(0.3, 4).Draw(t, "dB")
			logRate += rapid.Float64Range(0.05, 2).Draw(t, "log rate")
			reference = append(reference, Point{math.Exp(logRate), q})
			shift := rapid.Float64Range(-0.1, 0.1).Draw(t, "shift")
			test = append(test, Point{math.Exp(logRate + shift), q})
		}
		c, err := newCurve(reference)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(c.x) - 1 {
			last := c.y[i]
			for step := 1; step <= 16; step++ {
				y := c.piece(i, c.x[i]+(c.x[i+1]-c.x[i])*float64(step)/16)
				if y < last-1e-9 || y > c.y[i+1]+1e-9 {
					t.Fatalf("piece %d of a rising curve is not monotone: %v after %v", i, y, last)
				}
				last = y
			}
		}
		there, err1 := BDRate(reference, test)
		back, err2 := BDRate(test, reference)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if product := (1 + there/100) * (1 + back/100); math.Abs(product-1) > 1e-9 {
			t.Errorf("%v %% there and %v %% back do not cancel", there, back)
		}
		factor := rapid.Float64Range(0.2, 5).Draw(t, "factor")
		moved, err := BDRate(reference, scaled(test, factor))
		if err != nil || math.Abs((1+moved/100)-factor*(1+there/100)) > 1e-9*factor {
			t.Errorf("all rates times %v: %v %% after %v %%, %v", factor, moved, there, err)
		}
	})
}
