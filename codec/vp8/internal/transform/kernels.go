//go:build amd64 && !noasm

package transform

// Assembly sees neither lengths nor capacities: the functions here find out that all of a block is there before they hand out
// its address.

// check panics unless an area is within p, and gives its address.
func check(p []byte, stride, w, h int) *byte {
	_ = p[(h-1)*stride:][:w]
	return &p[0]
}

func forwardOne(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	forwardDCT(check(a, aStride, 4, 4), aStride, check(b, bStride, 4, 4), bStride, out)
}

// forwardArea transforms pairs of blocks.
func forwardArea(a []byte, aStride int, b []byte, bStride, w, h int, out []int16) {
	if w <= 0 || w&7 != 0 || h <= 0 || h&3 != 0 {
		forwardDCTsGo(a, aStride, b, bStride, w, h, out)
		return
	}
	out = out[:w*h]
	forwardDCTs(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, w, h, &out[0])
}

func whtOne(dc []int16, out *[16]int16) { forwardWHT(&dc[0], out) }

func addLevels(levels *[16]int16, steps [2]int16, dst []byte, stride int) {
	addDequantized(levels, int(steps[0]), int(steps[1]), check(dst, stride, 4, 4), stride)
}

func addInverse(in *[16]int16, dst []byte, stride int) {
	addInverseDCT(in, check(dst, stride, 4, 4), stride)
}

func addToBlock(d int32, dst []byte, stride int) {
	addDC(int(d), check(dst, stride, 4, 4), stride)
}
