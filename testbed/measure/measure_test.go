package measure

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Unix(1_000_000, 0)

// at is an instant in milliseconds after the epoch.
func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func captured(ms ...int) []time.Time {
	instants := make([]time.Time, len(ms))
	for i, n := range ms {
		instants[i] = at(n)
	}
	return instants
}

func TestSummarize(t *testing.T) {
	for _, test := range []struct {
		name     string
		captured []time.Time
		shown    []Shown
		end      int // ms
		want     Summary
	}{
		{name: "nothing at all", end: 0, want: Summary{SSIMdB: math.NaN()}},
		{
			name: "nothing shown", captured: captured(0, 100), end: 200,
			want: Summary{
				Captured: 2, LongestFreeze: ms(200), SSIMdB: math.NaN(),
				SignalDelay: Distribution{Mean: ms(150), P50: ms(200), P95: ms(200), P99: ms(200), Max: ms(200)},
			},
		},
		{
			name: "all shown", captured: captured(0, 100, 200, 300), end: 400,
			shown: []Shown{
				{Number: 0, Captured: at(0), At: at(50), SSIM: 0.9},
				{Number: 1, Captured: at(100), At: at(150), SSIM: 0.9},
				{Number: 2, Captured: at(200), At: at(280)}, // not measured
				{Number: 3, Captured: at(300), At: at(320), SSIM: 0.9},
			},
			want: Summary{
				Captured: 4, Shown: 4, LongestFreeze: ms(130), SSIMdB: 10, Rate: 10,
				FrameDelay:  Distribution{Mean: ms(50), P50: ms(50), P95: ms(80), P99: ms(80), Max: ms(80)},
				SignalDelay: Distribution{Mean: ms(50), P50: ms(50), P95: ms(80), P99: ms(80), Max: ms(80)},
			},
		},
		{
			// The picture of 100 ms is not shown: its content is on the screen with the next one, at 260 ms. The last one is not
			// shown either, and counts until the end.
			name: "some dropped", captured: captured(0, 100, 200, 300), end: 1000,
			shown: []Shown{{Number: 0, Captured: at(0), At: at(60)}, {Number: 2, Captured: at(200), At: at(260)}},
			want: Summary{
				Captured: 4, Shown: 2, LongestFreeze: ms(740), SSIMdB: math.NaN(), Rate: 2,
				FrameDelay:  Distribution{Mean: ms(60), P50: ms(60), P95: ms(60), P99: ms(60), Max: ms(60)},
				SignalDelay: Distribution{Mean: ms(245), P50: ms(160), P95: ms(700), P99: ms(700), Max: ms(700)},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Summarize(test.captured, test.shown, at(test.end))
			if got.SSIMdB != test.want.SSIMdB && !(math.IsNaN(got.SSIMdB) && math.IsNaN(test.want.SSIMdB)) &&
				!(math.Abs(got.SSIMdB-test.want.SSIMdB) < 1e-9) {
				t.Errorf("an SSIM of %v dB, not %v", got.SSIMdB, test.want.SSIMdB)
			}
			got.SSIMdB, test.want.SSIMdB = 0, 0
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// TestPerfectPictureIsFinite: an SSIM of 1 has no infinite figure.
func TestPerfectPictureIsFinite(t *testing.T) {
	s := Summarize(captured(0), []Shown{{Captured: at(0), At: at(1), SSIM: 1}}, at(10))
	if math.IsInf(s.SSIMdB, 0) || s.SSIMdB < 90 {
		t.Errorf("%v dB", s.SSIMdB)
	}
}

// TestPercentiles: of a hundred delays of 1 to 100 ms each share is where it should be.
func TestPercentiles(t *testing.T) {
	var values []time.Duration
	for i := range 100 {
		values = append(values, ms(100-i))
	}
	want := Distribution{Mean: ms(50) + 500*time.Microsecond, P50: ms(51), P95: ms(96), P99: ms(100), Max: ms(100)}
	if got := distribution(values); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if values[0] != ms(100) {
		t.Error("the values were sorted in place")
	}
}

// TestSignalDelays compares with the definition: for each picture, the earliest instant at which it or a later one is shown.
func TestSignalDelays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "pictures")
		const end = 2000
		instants := make([]time.Time, n)
		var shown []Shown
		for i := range n {
			instants[i] = at(i * 33)
			if rapid.Bool().Draw(t, "shown") {
				delay := rapid.IntRange(0, 500).Draw(t, "delay")
				shown = append(shown, Shown{Number: uint64(i), Captured: instants[i], At: at(i*33 + delay)})
			}
		}
		slices.SortStableFunc(shown, func(a, b Shown) int { return a.At.Compare(b.At) }) // late pictures come out of order
		got := SignalDelays(instants, shown, at(end))
		if len(got) != n {
			t.Fatalf("%d delays of %d pictures", len(got), n)
		}
		for i, c := range instants {
			want := at(end).Sub(c)
			for _, s := range shown {
				if !s.Captured.Before(c) {
					want = min(want, s.At.Sub(c))
				}
			}
			if got[i] != want {
				t.Fatalf("picture %d: %v, want %v", i, got[i], want)
			}
		}
	})
}
