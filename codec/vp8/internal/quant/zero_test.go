package quant

import (
	"math/rand/v2"
	"slices"
	"testing"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/transform"
)

var roundings = []int{0, RoundInter, RoundIntra, RoundNearest, maxRounding}

// TestZeroes: for all steps, Zeroes says of the magnitudes around a step what Quantize says.
func TestZeroes(t *testing.T) {
	for _, steps := range allSteps() {
		q := NewQuantizer(steps)
		for _, rounding := range roundings {
			for i, step := range steps {
				for v := range step + 2 {
					c, peaks := [16]int16{}, [2]int{}
					c[i], peaks[i] = -v, int(v)
					end, _ := q.Quantize(&c, new([16]int16), 0, rounding)
					if got := q.Zeroes(peaks, rounding); got != (end == 0) {
						t.Fatalf("steps %d, rounding %d: %d at %d has the end %d, but Zeroes says %t", steps, rounding, v, i, end, got)
					}
				}
			}
		}
	}
}

// TestNothingLeft: the peaks of a residue tell exactly whether its levels are all zero, and the bounds never say so wrongly. They
// say it often enough to be of use.
func TestNothingLeft(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 7))
		steps := allSteps()
		zero, certain := 0, 0
		for range 5000 {
			y1 := NewQuantizer(steps[rng.IntN(len(steps))])
			y2 := NewQuantizer(steps[rng.IntN(len(steps))])
			rounding := roundings[rng.IntN(len(roundings))]
			src, pred := make([]byte, 256), make([]byte, 256)
			noise := 1 + rng.IntN(1+int(y1.Steps[1])/2)
			for i := range src {
				src[i] = byte(rng.IntN(256))
				pred[i] = byte(min(max(int(src[i])+rng.IntN(2*noise+1)-noise, 0), 255))
			}
			var coeffs, levels [256]int16
			var y2Coeffs, y2Levels [16]int16
			var ends [16]uint8
			count := func(isZero, saysZero, boundSaysZero bool, what string) {
				t.Helper()
				if saysZero != isZero || boundSaysZero && !isZero {
					t.Fatalf("%s, rounding %d, noise %d: no levels %t, by the peaks %t, by the bound %t",
						what, rounding, noise, isZero, saysZero, boundSaysZero)
				}
				if isZero {
					zero++
				}
				if boundSaysZero {
					certain++
				}
			}

			peaks, y2Peaks := transform.ForwardLuma(src, 16, pred, 16, coeffs[:], &y2Coeffs)
			energy, y2Bound := transform.BoundLuma(src, 16, pred, 16)
			y1.QuantizeBlocks(coeffs[:], levels[:], ends[:], 1, rounding)
			count(slices.Max(ends[:]) == 0, y1.Zeroes([2]int{0, peaks[1]}, rounding), y1.ZeroesWithin(energy, rounding), "luma")
			end, _ := y2.Quantize(&y2Coeffs, &y2Levels, 0, rounding)
			if got, bound := y2.Zeroes(y2Peaks, rounding), y2.Zeroes(y2Bound, rounding); got != (end == 0) || bound != got {
				t.Fatalf("Y2 ends at %d; by its peaks there are no levels: %t, by the bound: %t", end, got, bound)
			}

			u, v, predU, predV := src[:128], src[128:], pred[:128], pred[128:]
			chroma := transform.ForwardChroma(u, v, 16, predU, predV, 16, coeffs[:])
			energy, dc := transform.BoundChroma(u, v, 16, predU, predV, 16)
			y1.QuantizeBlocks(coeffs[:128], levels[:128], ends[:8], 0, rounding)
			certainly := y1.ZeroesWithin(energy, rounding) && y1.Zeroes([2]int{dc, 0}, rounding)
			count(slices.Max(ends[:8]) == 0, y1.Zeroes(chroma, rounding), certainly, "chroma")
		}
		t.Logf("%d have no levels; the bound says so of %d", zero, certain)
		if zero < 1000 || certain < zero/2 {
			t.Error("not often enough")
		}
	})
}
