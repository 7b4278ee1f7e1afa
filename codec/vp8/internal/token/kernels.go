//go:build amd64 && !noasm

package token

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"salsify/codec/internal/simd"
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// read is Read: a macroblock's tokens in one call.
func read(r *boolcoder.Reader, probs *entropy.CoeffProbs, above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) bool {
	if !simd.Has[simd.AVX2] {
		return readGo(r, probs, above, left, hasY2, c, ends)
	}
	s, rest := r.Begin(), r.Rest()
	ends[Y2] = 0
	window, rng, spare, loaded := readAVX2(unsafe.SliceData(rest), len(rest), s.Window, int(s.Range), s.Spare,
		&probs[0][0][0][0], &above[0], &left[0], hasY2, &c[0], &ends[0])
	r.EndAfter(boolcoder.Run{Window: window, Range: uint32(rng), Spare: spare}, loaded)
	return ends.Luma() || ends.Chroma()
}

// The contexts of blocks are worked out here, a byte each in 64 bits: whether the blocks above and to the left have tokens. In
// the kernels all blocks go side by side, as if no level were larger than 2; what the larger ones cost more is added here.

// luma is lumaGo.
func (c *Costs) luma(kind, first int, above, left *Context, levels *Coeffs, ends *Ends) int {
	if !simd.Has[simd.AVX2] {
		return c.lumaGo(kind, first, above, left, levels, ends)
	}
	// Rows 0 and 1 of blocks, and rows 2 and 3.
	upper, lower := notZero(binary.LittleEndian.Uint64(ends[:])), notZero(binary.LittleEndian.Uint64(ends[8:]))
	const inner = 0xffffff00ffffff00 // blocks that have another one of the macroblock to the left
	aboveUpper, leftUpper := uint64(binary.LittleEndian.Uint32(above[:]))|upper<<32, upper<<8&inner|uint64(left[0])|uint64(left[1])<<32
	aboveLower, leftLower := upper>>32|lower<<32, lower<<8&inner|uint64(left[2])|uint64(left[3])<<32
	var contexts [16]uint8
	binary.LittleEndian.PutUint64(contexts[:], aboveUpper+leftUpper)
	binary.LittleEndian.PutUint64(contexts[8:], aboveLower+leftLower)
	binary.LittleEndian.PutUint32(above[:], uint32(lower>>32))
	left[0], left[1], left[2], left[3] = uint8(upper>>24), uint8(upper>>56), uint8(lower>>24), uint8(lower>>56)

	costs := &c[kind]
	var large [8]uint32
	cost, any := lumaCostsAVX2(&costs[0][0].lookup[0][0], &levels[0], &ends[0], &contexts[0], first, &large)
	if any {
		if first > 0 {
			large[0] &^= 0xffff // the coefficients at position 0 do not count
		}
		cost += addLarge(costs, levels[:], first, contexts[:], &large)
	}
	return cost
}

// chroma is chromaGo.
func (c *Costs) chroma(above, left *Context, levels *Coeffs, ends *Ends) int {
	if !simd.Has[simd.AVX2] {
		return c.chromaGo(above, left, levels, ends)
	}
	// Two rows of two blocks of U, then of V.
	coded := notZero(binary.LittleEndian.Uint64(ends[FirstU:]))
	const lowerRows, inner = 0xffff0000ffff0000, 0xff00ff00ff00ff00 // blocks that have another one above, and to the left
	aboveAll := coded<<16&lowerRows | uint64(above[4]) | uint64(above[5])<<8 | uint64(above[6])<<32 | uint64(above[7])<<40
	leftAll := coded<<8&inner | uint64(left[4]) | uint64(left[5])<<16 | uint64(left[6])<<32 | uint64(left[7])<<48
	var contexts [16]uint8 // the kernel looks at 8
	binary.LittleEndian.PutUint64(contexts[:], aboveAll+leftAll)
	above[4], above[5], above[6], above[7] = uint8(coded>>16), uint8(coded>>24), uint8(coded>>48), uint8(coded>>56)
	left[4], left[5], left[6], left[7] = uint8(coded>>8), uint8(coded>>24), uint8(coded>>40), uint8(coded>>56)

	costs := &c[entropy.BlockChroma]
	var large [8]uint32
	cost, any := chromaCostsAVX2(&costs[0][0].lookup[0][0], &levels[16*FirstU], &ends[FirstU], &contexts[0], 0, &large)
	if any {
		cost += addLarge(costs, levels[16*FirstU:], 0, contexts[:], &large)
	}
	return cost
}

// addLarge is what the levels that a kernel noted cost more than those of magnitude 2.
func addLarge(costs *[16][3]PosCosts, levels []int16, first int, contexts []uint8, large *[8]uint32) int {
	total := 0
	for i, blocks := range large {
		for ; blocks != 0; blocks &= blocks - 1 {
			bit := bits.TrailingZeros32(blocks)
			b, raster := bit%16, i+bit/16*8
			pos := int(positionOf[raster])
			ctx := contexts[b]
			if pos > first {
				v := levels[16*b+int(ZigZag[pos-1])]
				ctx = uint8(min(max(v, -v), 2))
			}
			v := levels[16*b+raster]
			p := &costs[pos][ctx]
			total += p.Of(int(max(v, -v))) - p.Of(2)
		}
	}
	return total
}

// positionOf is the coding position of each coefficient.
var positionOf = func() (t [16]uint8) {
	for pos, raster := range ZigZag {
		t[raster] = uint8(pos)
	}
	return t
}()
