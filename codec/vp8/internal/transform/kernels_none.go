//go:build !amd64 || noasm

package transform

func forwardOne(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	forwardDCTGo(a, aStride, b, bStride, out)
}

func forwardArea(a []byte, aStride int, b []byte, bStride, w, h int, out []int16) {
	forwardDCTsGo(a, aStride, b, bStride, w, h, out)
}

func whtOne(dc []int16, out *[16]int16) { forwardWHTGo(dc, out) }

func addLevels(levels *[16]int16, steps [2]int16, dst []byte, stride int) {
	addDequantizedGo(levels, steps, dst, stride)
}

func addInverse(in *[16]int16, dst []byte, stride int) { addInverseDCTGo(in, dst, stride) }

func addToBlock(d int32, dst []byte, stride int) { addToBlockGo(d, dst, stride) }
