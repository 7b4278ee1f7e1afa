package sender

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// content says what a frame takes at each quantizer: about the same share less with each step.
type content struct {
	atZero float64 // bytes at quantizer 0
	slope  float64
	noise  func() float64 // of each frame, around 1
}

func (c content) bytes(quantizer int) int {
	return max(1, int(c.atZero*math.Exp(-c.slope*float64(quantizer))*c.noise()))
}

// picture chooses quantizers for two candidates as a Sender does, and learns from their sizes, which it returns.
func picture(s *sizes, c content, bytes int) (quantizer, larger, smaller int) {
	quantizer = s.quantizer(bytes, minQuantizer, maxQuantizer-minSpread)
	other := s.quantizer(bytes/2, quantizer+minSpread, maxQuantizer)
	larger, smaller = c.bytes(quantizer), c.bytes(other)
	s.learn([]sizePoint{{quantizer, larger}, {other, smaller}})
	return quantizer, larger, smaller
}

func within(got, want int, factor float64) bool {
	return float64(got) <= float64(want)*factor && float64(got) >= float64(want)/factor
}

func TestSizesAreForetold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := content{
			atZero: rapid.Float64Range(20_000, 200_000).Draw(t, "bytes at 0"),
			slope:  rapid.Float64Range(0.012, 0.05).Draw(t, "slope"),
			noise:  func() float64 { return rapid.Float64Range(0.93, 1.07).Draw(t, "noise") },
		}
		var s sizes
		s.learn([]sizePoint{{90, c.bytes(90)}, {maxQuantizer, c.bytes(maxQuantizer)}})
		wanted := 60 // the quantizer that would fit
		for i := range 60 {
			wanted = min(max(wanted+rapid.IntRange(-10, 10).Draw(t, "step"), 20), 100)
			bytes := c.bytes(wanted)
			quantizer, larger, smaller := picture(&s, c, bytes)
			if i < 15 {
				continue
			}
			if !within(larger, bytes, 1.7) && quantizer > minQuantizer && quantizer < maxQuantizer-minSpread {
				t.Fatalf("picture %d: a frame for %d bytes takes %d, with quantizer %d", i, bytes, larger, quantizer)
			}
			if smaller > larger*11/10 {
				t.Fatalf("picture %d: the candidates take %d and %d bytes", i, larger, smaller)
			}
		}
	})
}

// After a cut to a scene that takes far more, or far less, some pictures are enough.
func TestSizesFollowACut(t *testing.T) {
	for _, factor := range []float64{0.3, 3} {
		c := content{atZero: 60_000, slope: 0.025, noise: func() float64 { return 1 }}
		var s sizes
		s.learn([]sizePoint{{60, c.bytes(60)}})
		for range 20 {
			picture(&s, c, 8000)
		}
		c.atZero *= factor
		for i := range 10 {
			quantizer, larger, _ := picture(&s, c, 8000)
			if i >= 4 && !within(larger, 8000, 1.3) {
				t.Errorf("%d pictures after a cut to %v times the bytes a frame for 8000 takes %d, with quantizer %d", i, factor, larger,
					quantizer)
			}
		}
	}
}

// Whatever sizes were seen, the quantizer is one that there is, from the least to the most, and larger for fewer bytes.
func TestQuantizerIsInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sizes
		for range rapid.IntRange(0, 20).Draw(t, "pictures") {
			var points []sizePoint
			for range rapid.IntRange(0, 3).Draw(t, "candidates") {
				points = append(points, sizePoint{
					quantizer: rapid.IntRange(0, maxQuantizer).Draw(t, "quantizer"), bytes: rapid.IntRange(1, 1<<24).Draw(t, "bytes"),
				})
			}
			s.learn(points)
		}
		least := rapid.IntRange(0, maxQuantizer).Draw(t, "least")
		most := rapid.IntRange(least, maxQuantizer).Draw(t, "most")
		last := most
		for bytes := 10; bytes < 1<<26; bytes *= 2 {
			q := s.quantizer(bytes, least, most)
			if q < least || q > last {
				t.Fatalf("%d bytes: quantizer %d, with %d for half of that and %d the least", bytes, q, last, least)
			}
			last = q
		}
	})
}

// The picture's sizes say nothing of the slope where both candidates took the same.
func TestSizesOfAStillPicture(t *testing.T) {
	var s sizes
	for range 100 {
		s.learn([]sizePoint{{20, 50}, {60, 50}})
	}
	if q := s.quantizer(5000, minQuantizer, maxQuantizer); q != minQuantizer {
		t.Errorf("a still picture is coded with quantizer %d", q)
	}
	c := content{atZero: 100_000, slope: 0.03, noise: func() float64 { return 1 }}
	for i := range 15 {
		_, larger, _ := picture(&s, c, 8000)
		if i >= 10 && !within(larger, 8000, 1.5) {
			t.Errorf("%d pictures after it begins to move a frame for 8000 bytes takes %d", i, larger)
		}
	}
}

// TestOneCandidateFindsItsSize: with one candidate a picture, sizes are soon as foretold, whatever the content's slope is. (With a slope
// that never changed, too fine and too coarse took turns, and most pictures were dropped.)
func TestOneCandidateFindsItsSize(t *testing.T) {
	for _, slope := range []float64{0.02, 0.03, 0.05, 0.07} {
		s := sizes{}
		took := func(quantizer int) int { return int(60000 * math.Exp(-slope*float64(quantizer))) }
		s.learn([]sizePoint{{100, took(100)}})
		aims := []int{5000, 9000, 2500, 6000}
		for round, aim := range append(aims, aims...) {
			for picture := range 6 {
				q := s.quantizer(aim, 0, maxQuantizer)
				got := took(q)
				want := min(max(aim, took(maxQuantizer)), took(0))
				// The first round teaches the slope.
				if off := math.Log(float64(got) / float64(want)); round >= len(aims) && picture >= 2 && math.Abs(off) > 0.15 {
					t.Errorf("slope %g: aimed at %d bytes, picture %d took %d at quantizer %d", slope, aim, picture, got, q)
				}
				s.learn([]sizePoint{{q, got}})
			}
		}
	}
}
