package token

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/entropy"
)

// TestBlockCosts compares what macroblocks cost, and the contexts behind them, with what block after block does.
func TestBlockCosts(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		memory := kerneltest.NewMemory(t, rng, int(unsafe.Sizeof(Coeffs{})))
		for range 3000 {
			var costs Costs
			if rng.IntN(8) == 0 {
				costs.Set(randomProbs(rng))
			} else {
				costs.Set(&entropy.DefaultCoeff)
			}
			levels := (*Coeffs)(unsafe.Pointer(&memory.Bytes(int(unsafe.Sizeof(Coeffs{})))[0]))
			ends := randomLevels(rng, levels)
			var above, left Context
			for i := range above {
				above[i], left[i] = uint8(rng.IntN(2)), uint8(rng.IntN(2))
			}
			kind := [2]int{entropy.BlockYWithDC, entropy.BlockYAfterY2}[rng.IntN(2)]
			first := 0
			if kind == entropy.BlockYAfterY2 {
				first = 1
			}
			wantAbove, wantLeft := above, left
			want := costs.lumaGo(kind, first, &wantAbove, &wantLeft, levels, &ends)
			if got := costs.luma(kind, first, &above, &left, levels, &ends); got != want || above != wantAbove || left != wantLeft {
				t.Fatalf("luma from %d costs %d, want %d; contexts %v, %v, want %v, %v; levels %v, ends %v", first, got, want, above, left, wantAbove, wantLeft, levels, ends)
			}
			want = costs.chromaGo(&wantAbove, &wantLeft, levels, &ends)
			if got := costs.chroma(&above, &left, levels, &ends); got != want || above != wantAbove || left != wantLeft {
				t.Fatalf("chroma costs %d, want %d; contexts %v, %v, want %v, %v; levels %v, ends %v", got, want, above, left, wantAbove, wantLeft, levels, ends)
			}
		}
	})
}

func randomProbs(rng *rand.Rand) *entropy.CoeffProbs {
	probs := new(entropy.CoeffProbs)
	for i := range probs {
		for j := range probs[i] {
			for k := range probs[i][j] {
				for l := range probs[i][j][k] {
					probs[i][j][k][l] = uint8(1 + rng.IntN(255))
				}
			}
		}
	}
	return probs
}

// randomLevels fills a macroblock with levels of some kind, and gives their ends. What is at position 0 may count or not.
func randomLevels(rng *rand.Rand, levels *Coeffs) (ends Ends) {
	most, largest := rng.IntN(17), 1+rng.IntN(4)
	if rng.IntN(4) == 0 {
		largest = MaxMagnitude
	}
	*levels = Coeffs{}
	for b := range NumBlocks {
		block := levels.Block(b)
		for _, raster := range ZigZag[:rng.IntN(most+1)] {
			block[raster] = int16(rng.IntN(2*largest+1) - largest)
		}
		ends[b] = End(block)
	}
	return ends
}
