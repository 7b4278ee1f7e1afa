package virtual

import (
	"errors"
	"image"
	"reflect"
	"strings"
	"testing"
	"time"

	"salsify/codec/vp8"
	"salsify/testbed/quality"
)

// scored is a world in which every third picture shown is compared with the source.
func scored(lasts time.Duration) Config {
	c := world(lasts, stretch{1 * mbit, 10 * second})
	c.Sender.Goroutines = 2
	c.EncodeTime, c.DecodeTime = Reference.Encode, Reference.Decode
	c.ScoreEvery = 3
	c.Score = func(n uint64, shown *image.YCbCr) (quality.Score, error) {
		var m quality.Meter
		return m.Add(scene(n), shown)
	}
	return c
}

// TestScores: every third picture shown is scored, each against its own original and while it is still there; and two runs agree in all
// that they say.
func TestScores(t *testing.T) {
	t.Parallel()
	a, b := run(t, scored(2*second)), run(t, scored(2*second))
	if !reflect.DeepEqual(a, b) {
		t.Error("two runs differ")
	}
	if want := (len(a.Shown) + 2) / 3; len(a.Scores) != want {
		t.Errorf("%d of %d pictures are scored, not %d", len(a.Scores), len(a.Shown), want)
	}
	estimates := scored(2 * second)
	estimates.Score = nil
	for i, e := range run(t, estimates).Shown {
		s := a.Shown[i]
		score, ok := a.Scores[s.Number]
		if s.Number != e.Number || ok != (i%3 == 0) || s.SSIM != score.SSIM {
			t.Fatalf("picture %d: SSIM %v, score %v", s.Number, s.SSIM, score)
		}
		// A picture that was overwritten, or compared with another original, is not near what the encoder says.
		if ok && (score.SSIM < e.SSIM-0.05 || score.SSIM > e.SSIM+0.05) {
			t.Errorf("picture %d has an SSIM of %.3f, and the encoder takes it for %.3f", s.Number, score.SSIM, e.SSIM)
		}
	}
}

// TestScoreFails: the run ends with the error.
func TestScoreFails(t *testing.T) {
	t.Parallel()
	c := scored(2 * second)
	failure := errors.New("no original")
	c.Score = func(uint64, *image.YCbCr) (quality.Score, error) { return quality.Score{}, failure }
	if _, err := Run(c); !errors.Is(err, failure) || !strings.Contains(err.Error(), "picture 0") {
		t.Errorf("the error is %v", err)
	}
}

// TestMeasured: with real times a run comes to its end, whatever they are.
func TestMeasured(t *testing.T) {
	t.Parallel()
	c := scored(second)
	c.Measured = true
	c.EncodeTime = func(Encoding) time.Duration { panic("asked") }
	if r := run(t, c); len(r.Shown) == 0 || len(r.Decisions) == 0 || r.Decisions[0].Took <= 0 {
		t.Errorf("%d pictures are shown", len(r.Shown))
	}
}

// TestRefused: what makes no sense is an error.
func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no pictures":       func(c *Config) { c.Draw = nil },
		"no rate":           func(c *Config) { c.Rate.Num = 0 },
		"negative duration": func(c *Config) { c.Duration = -1 },
		"negative share":    func(c *Config) { c.ScoreEvery = -1 },
		"no size":           func(c *Config) { c.Sender.Width = 0 },
		"bad link":          func(c *Config) { c.Up.Loss = 2 },
	} {
		c := scored(second)
		change(&c)
		if _, err := Run(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestCopyPicture: the copy shows the same, wherever the original's memory begins and ends, and again in used memory.
func TestCopyPicture(t *testing.T) {
	var copied image.YCbCr
	for _, size := range []image.Point{{64, 48}, {33, 17}, {1, 1}} {
		state, err := vp8.NewState(size.X, size.Y)
		if err != nil {
			t.Fatal(err)
		}
		source := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
		for i := range source.Y {
			source.Y[i] = uint8(i * 7)
		}
		_, next, _, err := vp8.Encode(state, source, vp8.Options{Quantizer: 4})
		if err != nil {
			t.Fatal(err)
		}
		picture := next.Picture()
		copyPicture(&copied, picture)
		for y := range size.Y {
			for x := range size.X {
				if copied.YCbCrAt(x, y) != picture.YCbCrAt(x, y) {
					t.Fatalf("%v: pixel %d, %d differs", size, x, y)
				}
			}
		}
	}
}
