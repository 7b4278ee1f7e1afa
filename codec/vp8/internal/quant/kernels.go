//go:build amd64 && !noasm

package quant

import "salsify/codec/internal/simd"

// quantizeBlocks is quantizeBlocksGo. Assembly sees no lengths: here it is found out that all blocks are there.
func (q *Quantizer) quantizeBlocks(c, levels []int16, ends []uint8, first, rounding int) (squaredError int) {
	n := len(ends)
	if n == 0 || uint(first) > 1 || uint(rounding) > maxRounding {
		return q.quantizeBlocksGo(c, levels, ends, first, rounding)
	}
	c, levels = c[:16*n], levels[:16*n]
	if simd.Has[simd.AVX2] {
		return quantizeAVX2(&q.lanes, &c[0], &levels[0], &ends[0], n, first, rounding)
	}
	return quantize(&q.lanes, &c[0], &levels[0], &ends[0], n, first, rounding)
}
