package quant_test

import (
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
)

// block is a block of coefficients to be quantized.
type block struct {
	q          quant.Quantizer
	kind       int
	ctx, first int
	shift      uint
	lambda     quant.Lambda
	coeffs     [16]int16
	costs      token.Costs
}

// drawBlock draws a block whose coefficients are at most so many steps large.
func drawBlock(t *rapid.T, steps int) *block {
	b := &block{
		kind:   rapid.IntRange(0, entropy.NumBlockKinds-1).Draw(t, "kind"),
		ctx:    rapid.IntRange(0, 2).Draw(t, "context"),
		shift:  quant.CoeffShift,
		lambda: quant.Lambda(rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 100000)).Draw(t, "lambda")),
	}
	kinds := quant.At(rapid.IntRange(0, quant.MaxIndex).Draw(t, "index"), &header.Quantizers{})
	pair := kinds.Y1
	switch b.kind {
	case entropy.BlockY2:
		pair, b.shift = kinds.Y2, quant.Y2Shift
	case entropy.BlockChroma:
		pair = kinds.UV
	case entropy.BlockYAfterY2:
		b.first = 1
	}
	b.q = quant.NewQuantizer(pair)
	for n := b.first; n < 16; n++ {
		if rapid.IntRange(0, 2).Draw(t, "zero") > 0 {
			most := min(int(pair[1])*steps, 1<<14)
			b.coeffs[token.ZigZag[n]] = int16(rapid.IntRange(-most, most).Draw(t, "coefficient"))
		}
	}
	probs := entropy.DefaultCoeff
	if rapid.Bool().Draw(t, "other probabilities") {
		for i := range probs[b.kind] {
			for j := range probs[b.kind][i] {
				for k := range probs[b.kind][i][j] {
					probs[b.kind][i][j][k] = rapid.Uint8Range(1, 255).Draw(t, "probability")
				}
			}
		}
	}
	b.costs.Set(&probs)
	return b
}

// cost is what the trellis minimizes, worked out from the levels.
func (b *block) cost(levels *[16]int16) int {
	end := token.End(levels)
	rate := b.costs.Block(b.kind, b.ctx, b.first, end, levels)
	return b.squaredError(levels)<<b.shift + int(b.lambda)*rate
}

// squaredError is what Quantize would return for these levels.
func (b *block) squaredError(levels *[16]int16) (sum int) {
	for n := b.first; n < 16; n++ {
		k := token.ZigZag[n]
		e := int(b.coeffs[k]) - int(levels[k])*int(b.q.Steps[min(n, 1)])
		sum += e * e
	}
	return sum
}

func (b *block) trellis() (levels [16]int16, end uint8) {
	levels = [16]int16{7, 7, 7, 7} // as another block left them
	end = b.q.Trellis(&b.coeffs, &levels, b.first, b.ctx, &b.costs[b.kind], b.lambda, b.shift)
	return levels, end
}

func (b *block) quantize(rounding int) (levels [16]int16, end uint8, squaredError int) {
	levels = [16]int16{7, 7, 7, 7}
	end, squaredError = b.q.Quantize(&b.coeffs, &levels, b.first, rounding)
	return levels, end, squaredError
}

// TestTrellis: its levels are no worse than any of the plain ones, and lie between them and zero.
func TestTrellis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBlock(t, rapid.SampledFrom([]int{1, 3, 20, 3000}).Draw(t, "steps"))
		before := b.coeffs
		levels, end := b.trellis()
		if b.coeffs != before {
			t.Fatal("the coefficients were changed")
		}
		if end != token.End(&levels) {
			t.Fatalf("the end of %v is given as %d", levels, end)
		}
		if b.first == 1 && levels[0] != 0 {
			t.Fatalf("level 0 is %d, but Y2 has it", levels[0])
		}
		for _, rounding := range []int{quant.RoundNearest, quant.RoundIntra, quant.RoundInter} {
			plain, _, _ := b.quantize(rounding)
			if b.cost(&levels) > b.cost(&plain) {
				t.Fatalf("%v costs %d, plain %v %d", levels, b.cost(&levels), plain, b.cost(&plain))
			}
		}
		nearest, _, _ := b.quantize(quant.RoundNearest)
		for i, l := range levels {
			if n := nearest[i]; l != 0 && (l > 0) != (n > 0) || max(l, -l) > max(n, -n) {
				t.Fatalf("level %d is %d, the nearest is %d", i, l, n)
			}
		}
	})
}

// TestTrellisFrom: it makes the levels of Trellis of the nearest ones, and its cost is that of their rate and of what the squared
// error is above that of the nearest.
func TestTrellisFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBlock(t, rapid.SampledFrom([]int{1, 3, 20, 3000}).Draw(t, "steps"))
		want, wantEnd := b.trellis()
		levels, nearest, nearestError := b.quantize(quant.RoundNearest)
		end, cost := b.q.TrellisFrom(nearest, &b.coeffs, &levels, b.first, b.ctx, &b.costs[b.kind], b.lambda, b.shift)
		if levels != want || end != wantEnd {
			t.Fatalf("%v with the end %d, want %v with %d", levels, end, want, wantEnd)
		}
		if want := b.cost(&levels) - nearestError<<b.shift; cost != want {
			t.Fatalf("%v is said to cost %d above the nearest error, and costs %d", levels, cost, want)
		}
	})
}

// TestTrellisFindsTheBest: no choice of nearest levels, those below them and zeros is better than the trellis's.
func TestTrellisFindsTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBlock(t, 4)
		// With few coefficients all choices can be tried.
		few := rapid.Permutation(token.ZigZag[b.first:]).Draw(t, "places")[:5]
		var coeffs [16]int16
		for _, k := range few {
			coeffs[k] = b.coeffs[k]
		}
		b.coeffs = coeffs
		nearest, _, _ := b.quantize(quant.RoundNearest)
		best := b.cost(new([16]int16))
		var levels [16]int16
		var try func(left []uint8)
		try = func(left []uint8) {
			if len(left) == 0 {
				best = min(best, b.cost(&levels))
				return
			}
			k := left[0]
			n := nearest[k]
			below := n
			if n > 0 {
				below--
			} else if n < 0 {
				below++
			}
			for _, levels[k] = range []int16{n, below, 0} {
				try(left[1:])
			}
			levels[k] = 0
		}
		try(few)
		if got, _ := b.trellis(); b.cost(&got) != best {
			t.Fatalf("%v costs %d, the best choice %d", got, b.cost(&got), best)
		}
	})
}

// TestTrellisLambda: if bits cost nothing the nearest levels are chosen, or ones that are as near; if they cost very much, none.
func TestTrellisLambda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBlock(t, 20)
		nearest, _, _ := b.quantize(quant.RoundNearest)
		b.lambda = 0
		levels, _ := b.trellis()
		if got, want := b.squaredError(&levels), b.squaredError(&nearest); got != want {
			t.Fatalf("for free: %v with an error of %d, the nearest levels have %d", levels, got, want)
		}
		b.lambda = 1 << 38
		free := b.costs.Block(b.kind, b.ctx, b.first, 0, new([16]int16))
		levels, end := b.trellis()
		// With odd probabilities something may be cheaper to say than nothing.
		if rate := b.costs.Block(b.kind, b.ctx, b.first, end, &levels); rate > free {
			t.Fatalf("at an enormous price: %v, at %d, while none costs %d", levels, rate, free)
		}
	})
}

// TestQuantize: levels are the coefficients in steps, cut down after the rounding was added; the end and the error are theirs.
func TestQuantize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBlock(t, rapid.SampledFrom([]int{1, 3, 20, 3000}).Draw(t, "steps"))
		rounding := rapid.SampledFrom([]int{0, quant.RoundInter, quant.RoundIntra, quant.RoundNearest}).Draw(t, "rounding")
		levels, end, squaredError := b.quantize(rounding)
		if end != token.End(&levels) {
			t.Fatalf("the end of %v is given as %d", levels, end)
		}
		if want := b.squaredError(&levels); squaredError != want {
			t.Fatalf("an error of %d, want %d", squaredError, want)
		}
		for n := b.first; n < 16; n++ {
			k := token.ZigZag[n]
			step, v := int(b.q.Steps[min(n, 1)]), int(b.coeffs[k])
			exact := (max(v, -v)*128 + step*rounding) / (step * 128)
			got := int(levels[k])
			if v < 0 {
				got = -got
			}
			// The rounding in units of the step is itself cut down to whole coefficients.
			rounded := (max(v, -v) + step*rounding/128) / step
			if want := min(rounded, token.MaxMagnitude); got != want || exact-rounded > 1 {
				t.Fatalf("%d in steps of %d with rounding %d: level %d, want %d", v, step, rounding, got, want)
			}
		}
	})
}

// TestQuantizeExactly: multiplying with a reciprocal gives the exact quotient, for each step size and coefficient there is.
func TestQuantizeExactly(t *testing.T) {
	for index := range quant.MaxIndex + 1 {
		kinds := quant.At(index, &header.Quantizers{})
		for _, pair := range [][2]int16{kinds.Y1, kinds.Y2, kinds.UV} {
			q := quant.NewQuantizer(pair)
			for v := 0; v < 1<<15; v += 15 {
				var c, levels [16]int16
				for i := range c {
					c[i] = int16(min(v+i, 1<<15-1))
				}
				q.Quantize(&c, &levels, 0, quant.RoundNearest)
				for i := range c {
					step := int(pair[min(i, 1)])
					if want := min((int(c[i])+step/2)/step, token.MaxMagnitude); int(levels[i]) != want {
						t.Fatalf("%d in steps of %d is %d, want %d", c[i], step, levels[i], want)
					}
				}
			}
		}
	}
}
