//go:build amd64 && !noasm

package token

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/internal/simd"
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
