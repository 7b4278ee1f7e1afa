//go:build !amd64 || noasm

package transform

func forwardOne(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	forwardDCTGo(a, aStride, b, bStride, out)
}

func forwardArea(a []byte, aStride int, b []byte, bStride, w, h int, out []int16) {
	forwardDCTsGo(a, aStride, b, bStride, w, h, out)
}

func addInverse(in *[16]int16, dst []byte, stride int) { addInverseDCTGo(in, dst, stride) }

func addToBlock(d int32, dst []byte, stride int) { addToBlockGo(d, dst, stride) }
