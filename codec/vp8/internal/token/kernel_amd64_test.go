//go:build amd64 && !noasm

package token

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/internal/simd"
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// TestCostKernelsStayInside: the kernels touch no more than what they are given.
func TestCostKernelsStayInside(t *testing.T) {
	if !simd.Has[simd.AVX2] {
		t.Skip("this CPU has no AVX2")
	}
	type table = [16][3]PosCosts
	rng := rand.New(rand.NewPCG(3, 4))
	var costs Costs
	costs.Set(&entropy.DefaultCoeff)
	var memory [5]*kerneltest.Memory
	for i, size := range []int{int(unsafe.Sizeof(table{})), 16 * 32, 16, 16, 32} {
		memory[i] = kerneltest.NewMemory(t, rng, size)
	}
	for _, kernel := range []struct {
		blocks int
		f      func(costs *uint8, levels *int16, ends, contexts *uint8, first int, large *[8]uint32) (int, bool)
	}{{16, lumaCostsAVX2}, {8, chromaCostsAVX2}} {
		for range 500 {
			lookup := (*table)(unsafe.Pointer(&memory[0].Bytes(int(unsafe.Sizeof(table{})))[0]))
			*lookup = costs[entropy.BlockYAfterY2]
			levels := unsafe.Slice((*int16)(unsafe.Pointer(&memory[1].Bytes(32 * kernel.blocks)[0])), 16*kernel.blocks)
			ends, contexts := memory[2].Bytes(kernel.blocks), memory[3].Bytes(16)
			large := (*[8]uint32)(unsafe.Pointer(&memory[4].Bytes(32)[0]))
			var all Coeffs
			randomLevels(rng, &all)
			want, first := 0, rng.IntN(2)
			for b := range kernel.blocks {
				for i, v := range all.Block(b) {
					levels[16*b+i] = min(max(v, -2), 2)
				}
				block := (*[16]int16)(levels[16*b:])
				ends[b], contexts[b] = End(block), uint8(rng.IntN(3))
				want += costs.Block(entropy.BlockYAfterY2, int(contexts[b]), first, ends[b], block)
			}
			got, any := kernel.f(&lookup[0][0].lookup[0][0], &levels[0], &ends[0], &contexts[0], first, large)
			if got != want || any {
				t.Fatalf("%d blocks from position %d cost %d, want %d; some are too large: %v", kernel.blocks, first, got, want, any)
			}
		}
	}
}

// TestReadKernel compares macroblocks with those of readGo, and what is read behind them; and the kernel touches no more than what it
// is given.
func TestReadKernel(t *testing.T) {
	if !simd.Has[simd.AVX2] {
		t.Skip("this CPU has no AVX2")
	}
	const longest = 4000
	rng := rand.New(rand.NewPCG(5, 6))
	size := func(v uintptr) *kerneltest.Memory { return kerneltest.NewMemory(t, rng, int(v)) }
	inData, inProbs, inLevels := size(longest), size(unsafe.Sizeof(entropy.CoeffProbs{})), size(unsafe.Sizeof(Coeffs{}))
	inEnds, inAbove, inLeft := size(unsafe.Sizeof(Ends{})), size(unsafe.Sizeof(Context{})), size(unsafe.Sizeof(Context{}))
	largest := int16(0)
	for range 3000 {
		probs := placed[entropy.CoeffProbs](inProbs)
		*probs = entropy.DefaultCoeff
		if rng.IntN(2) == 0 {
			*probs = *randomProbs(rng)
		}
		above, left := placed[Context](inAbove), placed[Context](inLeft)
		for i := range above {
			above[i], left[i] = uint8(rng.IntN(2)), uint8(rng.IntN(2))
		}
		data := inData.Bytes(rng.IntN(600))
		written := rng.IntN(4) == 0
		if written {
			*above, *left = Context{}, Context{}
			all := unlikelyTokens(rng, probs)
			data = inData.Bytes(min(len(all), longest))
			copy(data, all)
		}
		r := boolcoder.NewReader(data)
		if !written {
			r.Literal(rng.IntN(20)) // as another macroblock left it
		}
		wantReader, wantAbove, wantLeft := r, *above, *left
		for range 1 + rng.IntN(3) {
			levels, ends := placed[Coeffs](inLevels), placed[Ends](inEnds)
			*levels = Coeffs{}
			hasY2 := !written && rng.IntN(2) == 0
			var want Coeffs
			var wantEnds Ends
			wantAny := readGo(&wantReader, probs, &wantAbove, &wantLeft, hasY2, &want, &wantEnds)
			any := Read(&r, probs, above, left, hasY2, levels, ends)
			if any != wantAny || *levels != want || *ends != wantEnds || *above != wantAbove || *left != wantLeft {
				t.Fatalf("Y2 %v: levels %v, ends %v, contexts %v and %v, any %v; want %v, %v, %v and %v, %v",
					hasY2, *levels, *ends, *above, *left, any, want, wantEnds, wantAbove, wantLeft, wantAny)
			}
			for _, v := range want {
				largest = max(largest, v)
			}
			if r.Overrun() != wantReader.Overrun() {
				t.Fatalf("overrun of %d bits, want %d", r.Overrun(), wantReader.Overrun())
			}
		}
		for i := range 100 {
			if got, want := r.Flag(), wantReader.Flag(); got != want || r.Overrun() != wantReader.Overrun() {
				t.Fatalf("bit %d behind it is %v with an overrun of %d, want %v with %d", i, got, r.Overrun(), want, wantReader.Overrun())
			}
		}
	}
	if int(largest) < categoryMin[len(categoryMin)-1] {
		t.Errorf("no level is larger than %d: the data is of no use", largest)
	}
}

// unlikelyTokens gives macroblocks without Y2, whose bools take as many bits as there can be, or hardly any, and their probabilities.
func unlikelyTokens(rng *rand.Rand, probs *entropy.CoeffProbs) []byte {
	for i := range probs {
		for j := range probs[i] {
			for k := range probs[i][j] {
				for l := range probs[i][j][k] {
					probs[i][j][k][l] = [2]uint8{1, 255}[rng.IntN(2)]
				}
			}
		}
	}
	var s Stream
	var above, left Context
	for range 3 {
		var levels Coeffs
		ends := randomLevels(rng, &levels)
		s.Add(&above, &left, false, &levels, &ends)
	}
	var w boolcoder.Writer
	w.Reset(nil)
	var table boolcoder.Table
	SetTable(&table, probs)
	s.Write(&w, &table)
	return w.Finish()
}

// placed gives a value in memory next to what cannot be touched.
func placed[T any](m *kerneltest.Memory) *T {
	var v T
	return (*T)(unsafe.Pointer(&m.Bytes(int(unsafe.Sizeof(v)))[0]))
}
