//go:build !amd64 || noasm

package transform

func forwardOne(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	forwardDCTGo(a, aStride, b, bStride, out)
}

func addLevels(levels *[16]int16, steps [2]int16, dst []byte, stride int) {
	addDequantizedGo(levels, steps, dst, stride)
}

func addToBlock(d int32, dst []byte, stride int) { addToBlockGo(d, dst, stride) }

func forwardLuma(a []byte, aStride int, b []byte, bStride int, coeffs []int16, y2 *[16]int16) (y1Peaks, y2Peaks Peaks) {
	return forwardLumaGo(a, aStride, b, bStride, coeffs, y2)
}

func forwardChroma(aU, aV []byte, aStride int, bU, bV []byte, bStride int, coeffs []int16) Peaks {
	return forwardChromaGo(aU, aV, aStride, bU, bV, bStride, coeffs)
}

func boundLuma(a []byte, aStride int, b []byte, bStride int) (energy int, y2Peaks Peaks) {
	return boundLumaGo(a, aStride, b, bStride)
}

func boundChroma(aU, aV []byte, aStride int, bU, bV []byte, bStride int) (energy, dc int) {
	return boundChromaGo(aU, aV, aStride, bU, bV, bStride)
}

func dequantizedWHT(levels *[16]int16, steps [2]int16, dcs *[16]int16) {
	dequantizedWHTGo(levels, steps, dcs)
}

func addLuma(levels []int16, ends []uint8, steps [2]int16, dcs *[16]int16, pred []byte, predStride int, dst []byte, dstStride int) {
	addLumaByBlocks(levels, ends, steps, dcs, pred, predStride, dst, dstStride)
}

func addChroma(levels []int16, ends []uint8, steps [2]int16, predU, predV []byte, predStride int, dstU, dstV []byte, dstStride int) {
	addChromaByBlocks(levels, ends, steps, predU, predV, predStride, dstU, dstV, dstStride)
}
