//go:build amd64 && !noasm

package transform

import "salsify/codec/internal/simd"

// Assembly sees neither lengths nor capacities: the functions here find out that all of a block is there before they hand out
// its address.

// check panics unless an area is within p, and gives its address.
func check(p []byte, stride, w, h int) *byte {
	_ = p[(h-1)*stride:][:w]
	return &p[0]
}

func forwardOne(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	if simd.Has[simd.AVX2] {
		forwardDCTAVX2(check(a, aStride, 4, 4), aStride, check(b, bStride, 4, 4), bStride, out)
		return
	}
	forwardDCT(check(a, aStride, 4, 4), aStride, check(b, bStride, 4, 4), bStride, out)
}

func forwardLuma(a []byte, aStride int, b []byte, bStride int, coeffs []int16, y2 *[16]int16) (y1Peaks, y2Peaks Peaks) {
	pa, pb := check(a, aStride, 16, 16), check(b, bStride, 16, 16)
	if simd.Has[simd.AVX2] {
		y1Peaks[0], y1Peaks[1], y2Peaks[0], y2Peaks[1] = forwardLumaAVX2(pa, aStride, pb, bStride, &coeffs[0], y2)
		return y1Peaks, y2Peaks
	}
	forwardDCTs(pa, aStride, pb, bStride, 16, 16, &coeffs[0])
	forwardWHT(&coeffs[0], y2)
	y1Peaks[0], y1Peaks[1] = peaks(&coeffs[0], 16)
	y2Peaks[0], y2Peaks[1] = peaks(&y2[0], 1)
	return y1Peaks, y2Peaks
}

func forwardChroma(aU, aV []byte, aStride int, bU, bV []byte, bStride int, coeffs []int16) (p Peaks) {
	u, v := check(aU, aStride, 8, 8), check(aV, aStride, 8, 8)
	fromU, fromV := check(bU, bStride, 8, 8), check(bV, bStride, 8, 8)
	if simd.Has[simd.AVX2] {
		p[0], p[1] = forwardChromaAVX2(u, v, aStride, fromU, fromV, bStride, &coeffs[0])
		return p
	}
	forwardDCTs(u, aStride, fromU, bStride, 8, 8, &coeffs[0])
	forwardDCTs(v, aStride, fromV, bStride, 8, 8, &coeffs[64])
	p[0], p[1] = peaks(&coeffs[0], 8)
	return p
}

func boundLuma(a []byte, aStride int, b []byte, bStride int) (energy int, y2Peaks Peaks) {
	pa, pb := check(a, aStride, 16, 16), check(b, bStride, 16, 16)
	if simd.Has[simd.AVX2] {
		energy, y2Peaks[0], y2Peaks[1] = boundLumaAVX2(pa, aStride, pb, bStride)
		return energy, y2Peaks
	}
	var halves [8][8]int32
	sums(pa, aStride, pb, bStride, 16, 16, &halves[0][0])
	var dcs [256]int16
	for pair := range halves {
		for i := range 2 {
			e, dc := energyOfHalves(&halves[pair], i)
			energy = max(energy, e)
			dcs[32*pair+16*i] = int16(dc)
		}
	}
	var y2 [16]int16
	forwardWHT(&dcs[0], &y2)
	y2Peaks[0], y2Peaks[1] = peaks(&y2[0], 1)
	return energy, y2Peaks
}

func boundChroma(aU, aV []byte, aStride int, bU, bV []byte, bStride int) (energy, dc int) {
	u, v := check(aU, aStride, 8, 8), check(aV, aStride, 8, 8)
	fromU, fromV := check(bU, bStride, 8, 8), check(bV, bStride, 8, 8)
	if simd.Has[simd.AVX2] {
		return boundChromaAVX2(u, v, aStride, fromU, fromV, bStride)
	}
	var halves [4][8]int32
	sums(u, aStride, fromU, bStride, 8, 8, &halves[0][0])
	sums(v, aStride, fromV, bStride, 8, 8, &halves[2][0])
	for pair := range halves {
		for i := range 2 {
			e, d := energyOfHalves(&halves[pair], i)
			energy, dc = max(energy, e), max(dc, d, -d)
		}
	}
	return energy, dc
}

// energyOfHalves gives the energy and the DC coefficient of the first or second of two blocks, from what sums tells of them.
func energyOfHalves(s *[8]int32, i int) (energy, dc int) {
	squares, sum := int(s[2*i]+s[2*i+1]), int(s[4+2*i]+s[4+2*i+1])
	return 16*squares - sum*sum, (sum + 1) >> 1
}

func addLevels(levels *[16]int16, steps [2]int16, dst []byte, stride int) {
	addDequantized(levels, int(steps[0]), int(steps[1]), check(dst, stride, 4, 4), stride)
}

func dequantizedWHT(levels *[16]int16, steps [2]int16, dcs *[16]int16) {
	if simd.Has[simd.AVX2] {
		dequantizedWHTAVX2(levels, int(steps[0]), int(steps[1]), dcs)
		return
	}
	dequantizedWHTGo(levels, steps, dcs)
}

// noDCs is what the kernel adds where there is no Y2.
var noDCs [16]int16

func addLuma(levels []int16, ends []uint8, steps [2]int16, dcs *[16]int16, pred []byte, predStride int, dst []byte, dstStride int) {
	if !simd.Has[simd.AVX2] {
		addLumaByBlocks(levels, ends, steps, dcs, pred, predStride, dst, dstStride)
		return
	}
	if dcs == nil {
		dcs = &noDCs
	} else {
		steps[0] = 0
	}
	addLumaAVX2(&levels[0], &ends[0], dcs, int(steps[0]), int(steps[1]), check(pred, predStride, 16, 16), predStride,
		check(dst, dstStride, 16, 16), dstStride)
}

func addChroma(levels []int16, ends []uint8, steps [2]int16, predU, predV []byte, predStride int, dstU, dstV []byte, dstStride int) {
	if !simd.Has[simd.AVX2] {
		addChromaByBlocks(levels, ends, steps, predU, predV, predStride, dstU, dstV, dstStride)
		return
	}
	addChromaAVX2(&levels[0], &ends[0], int(steps[0]), int(steps[1]), check(predU, predStride, 8, 8), check(predV, predStride, 8, 8),
		predStride, check(dstU, dstStride, 8, 8), check(dstV, dstStride, 8, 8), dstStride)
}

func addToBlock(d int32, dst []byte, stride int) {
	addDC(int(d), check(dst, stride, 4, 4), stride)
}
