package virtual

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/y4m"
)

// TestPicturesOfACall: what is due at the end of a call is no picture of it, also where the interval is no whole number of nanoseconds.
func TestPicturesOfACall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate  y4m.Rate
		lasts time.Duration
		want  int
	}{
		{y4m.Rate{Num: 30, Den: 1}, 8 * time.Second, 240},
		{y4m.Rate{Num: 30, Den: 1}, 8*time.Second + 1, 241},
		{y4m.Rate{Num: 25, Den: 1}, 2 * time.Second, 50},
		{y4m.Rate{Num: 30000, Den: 1001}, 8008 * time.Millisecond, 240},
	} {
		world := world(c.lasts, stretch{100 * kbit, 10 * time.Second})
		world.Rate = c.rate
		if r := run(t, world); len(r.Captured) != c.want {
			t.Errorf("%d pictures in %v at %d/%d a second; must be %d", len(r.Captured), c.lasts, c.rate.Num, c.rate.Den, c.want)
		} else if last := r.Captured[c.want-1].Sub(r.Start); last != Due(uint64(c.want-1), c.rate) {
			t.Errorf("the last picture is captured after %v", last)
		}
	}
}

// TestDue: pictures keep to their rate for hours, and Pictures counts them.
func TestDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := y4m.Rate{Num: rapid.IntRange(1, 240_000).Draw(t, "num"), Den: rapid.IntRange(1, 1001).Draw(t, "den")}
		n := rapid.Uint64Range(0, 3*3600*240).Draw(t, "n")
		due := Due(n, rate)
		if exact := float64(n) * float64(rate.Den) / float64(rate.Num); math.Abs(exact-due.Seconds()) > 1e-5 {
			t.Fatalf("picture %d is due after %v, must be %g s", n, due, exact)
		}
		if got := Pictures(rate, due); got != n {
			t.Fatalf("%d pictures before picture %d", got, n)
		}
		if got := Pictures(rate, due+1); got != n+1 {
			t.Fatalf("%d pictures until picture %d", got, n)
		}
	})
}
