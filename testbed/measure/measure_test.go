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
		{name: "nothing at all", end: 0, want: Summary{}},
		{
			name: "nothing shown", captured: captured(0, 100), end: 200,
			want: Summary{
				Captured: 2, NeverShown: 2, LongestFreeze: ms(200),
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
				Captured: 4, Shown: 4, LongestFreeze: ms(130), Scored: 3, SSIM: 0.9, SSIMdB: 10, Rate: 10,
				FrameDelay:  Distribution{Mean: ms(50), P50: ms(50), P95: ms(80), P99: ms(80), Max: ms(80)},
				SignalDelay: Distribution{Mean: ms(50), P50: ms(50), P95: ms(80), P99: ms(80), Max: ms(80)},
			},
		},
		{
			// 200 ms are no freeze yet, 201 are. An older picture after a newer one is shown, and is nothing new; one shown again is not
			// counted twice.
			name: "out of order", captured: captured(0, 100, 200, 300), end: 902,
			shown: []Shown{
				{Number: 0, Captured: at(0), At: at(200), Scored: true, SSIM: 0.8, MSE: 255 * 2.55},
				{Number: 2, Captured: at(200), At: at(300), Scored: true, MSE: 255 * 2.55}, // an SSIM of 0 is one
				{Number: 1, Captured: at(100), At: at(500)},
				{Number: 2, Captured: at(200), At: at(600)},
				{Number: 3, Captured: at(300), At: at(701)},
			},
			want: Summary{
				Captured: 4, Shown: 4, LongestFreeze: ms(401), Freezes: 2, Frozen: ms(602), Rate: 4 / 0.902,
				Scored: 2, SSIM: 0.4, SSIMdB: -10 * math.Log10(0.6), PSNRdB: 20,
				FrameDelay:  Distribution{Mean: ms(275) + 250*time.Microsecond, P50: ms(400), P95: ms(401), P99: ms(401), Max: ms(401)},
				SignalDelay: Distribution{Mean: ms(225) + 250*time.Microsecond, P50: ms(200), P95: ms(401), P99: ms(401), Max: ms(401)},
			},
		},
		{
			// The picture of 100 ms is not shown: its content is on the screen with the next one, at 260 ms. The last one is not
			// shown either, and counts until the end.
			name: "some dropped", captured: captured(0, 100, 200, 300), end: 1000,
			shown: []Shown{{Number: 0, Captured: at(0), At: at(60)}, {Number: 2, Captured: at(200), At: at(260)}},
			want: Summary{
				Captured: 4, Shown: 2, NeverShown: 2, LongestFreeze: ms(740), Freezes: 1, Frozen: ms(740), Rate: 2,
				FrameDelay:  Distribution{Mean: ms(60), P50: ms(60), P95: ms(60), P99: ms(60), Max: ms(60)},
				SignalDelay: Distribution{Mean: ms(245), P50: ms(160), P95: ms(700), P99: ms(700), Max: ms(700)},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Summarize(test.captured, test.shown, at(test.end))
			checkQuality(t, &got, &test.want)
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// checkQuality compares what is not exact, and takes it away; 0 stands for NaN.
func checkQuality(t *testing.T, got, want *Summary) {
	t.Helper()
	for _, v := range [][2]*float64{{&got.SSIM, &want.SSIM}, {&got.SSIMdB, &want.SSIMdB}, {&got.PSNRdB, &want.PSNRdB}} {
		if *v[1] == 0 && !math.IsNaN(*v[0]) || *v[1] != 0 && !(math.Abs(*v[0]-*v[1]) < 1e-9) {
			t.Errorf("SSIM %v, %v dB, PSNR %v dB, want %v, %v, %v", got.SSIM, got.SSIMdB, got.PSNRdB, want.SSIM, want.SSIMdB, want.PSNRdB)
			break
		}
	}
	got.SSIM, got.SSIMdB, got.PSNRdB, want.SSIM, want.SSIMdB, want.PSNRdB = 0, 0, 0, 0, 0, 0
}

// TestPerfectPictureIsFinite: an SSIM of 1 has no infinite figure.
func TestPerfectPictureIsFinite(t *testing.T) {
	s := Summarize(captured(0), []Shown{{Captured: at(0), At: at(1), Scored: true, SSIM: 1}}, at(10))
	if math.IsInf(s.SSIMdB, 0) || s.SSIMdB < 90 || math.IsInf(s.PSNRdB, 0) || s.PSNRdB < 90 {
		t.Errorf("%v dB, PSNR %v dB", s.SSIMdB, s.PSNRdB)
	}
}

// TestPercentiles: of a hundred delays of 1 to 100 ms each share is where it should be.
func TestPercentiles(t *testing.T) {
	var values []time.Duration
	for i := range 100 {
		values = append(values, ms(100-i))
	}
	want := Distribution{Mean: ms(50) + 500*time.Microsecond, P50: ms(51), P95: ms(96), P99: ms(100), Max: ms(100)}
	if got := Distribute(values); got != want {
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

func TestWindow(t *testing.T) {
	// Every picture takes 150 ms, but none comes between 1000 and 1500. Those of 1890 and 1940 come after the end.
	var instants []time.Time
	var shown []Shown
	for i := range 40 {
		c := at(i*50 - 10)
		instants = append(instants, c)
		if on := c.Add(ms(150)); on.Before(at(1000)) || on.After(at(1500)) {
			shown = append(shown, Shown{Number: uint64(i), Captured: c, At: on, Scored: true, SSIM: float64(i) / 40})
		}
	}
	got := Window(instants, shown, at(500), at(2000))
	// Captured are those of 540, 590, ..., 1940. The 10 that should be on the screen from 1000 to 1500 are missing, and the last two.
	want := Summary{Captured: 29, Shown: 17, NeverShown: 12}
	if got.Captured != want.Captured || got.Shown != want.Shown || got.NeverShown != want.NeverShown || got.Scored != want.Shown {
		t.Errorf("%+v", got)
	}
	// The last before the gap is on the screen at 990, the next one at 1540: nothing is missing before, from the window's begin on.
	if got.LongestFreeze != ms(550) || got.Freezes != 1 || got.Frozen != ms(550) {
		t.Errorf("longest %v, %d of %v", got.LongestFreeze, got.Freezes, got.Frozen)
	}
	// 840+150=990; 890 waits for 1390's, which is on the screen at 1540.
	if got.SignalDelay.Max != ms(650) || got.FrameDelay.Max != ms(150) {
		t.Errorf("signal delay up to %v, frame delay up to %v", got.SignalDelay.Max, got.FrameDelay.Max)
	}
}

// TestWindowByDefinition compares a window with what its figures are said to be.
func TestWindowByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "pictures")
		from, to := at(rapid.IntRange(-50, 600).Draw(t, "from")), at(rapid.IntRange(600, 1500).Draw(t, "to"))
		instants := make([]time.Time, n)
		var shown []Shown
		for i := range n {
			instants[i] = at(i * 33)
			for range rapid.IntRange(0, 2).Draw(t, "times shown") {
				delay := rapid.IntRange(0, 500).Draw(t, "delay")
				shown = append(shown, Shown{Number: uint64(i), Captured: instants[i], At: at(i*33 + delay)})
			}
		}
		slices.SortStableFunc(shown, func(a, b Shown) int { return a.At.Compare(b.At) })
		got := Window(instants, shown, from, to)
		var signal, frame []time.Duration
		for _, c := range instants {
			if c.Before(from) || !c.Before(to) {
				continue
			}
			delay, own := to.Sub(c), time.Duration(-1)
			for _, s := range shown {
				if s.At.After(to) {
					continue
				}
				if !s.Captured.Before(c) {
					delay = min(delay, s.At.Sub(c))
				}
				if s.Captured.Equal(c) && own < 0 {
					own = s.At.Sub(c)
				}
			}
			signal = append(signal, delay)
			if own >= 0 {
				frame = append(frame, own)
			}
		}
		if got.Captured != len(signal) || got.Shown != len(frame) || got.NeverShown != len(signal)-len(frame) ||
			got.SignalDelay != Distribute(signal) || got.FrameDelay != Distribute(frame) {
			t.Fatalf("%+v of signal delays %v and frame delays %v", got, signal, frame)
		}
		// The instants of new pictures, and of both ends: each distance between two is a time without.
		instantsOfNew := []time.Time{from}
		newest := -1
		for _, s := range shown {
			if int(s.Number) > newest && !s.At.After(to) {
				newest = int(s.Number)
				if s.At.After(from) {
					instantsOfNew = append(instantsOfNew, s.At)
				}
			}
		}
		instantsOfNew = append(instantsOfNew, to)
		var longest time.Duration
		var freezes int
		var frozen time.Duration
		for i, next := range instantsOfNew[1:] {
			gap := next.Sub(instantsOfNew[i])
			longest = max(longest, gap)
			if gap > FreezeAfter {
				freezes++
				frozen += gap
			}
		}
		if got.LongestFreeze != longest || got.Freezes != freezes || got.Frozen != frozen {
			t.Fatalf("longest %v, %d of %v; want %v, %d of %v", got.LongestFreeze, got.Freezes, got.Frozen, longest, freezes, frozen)
		}
	})
}
