//go:build !amd64 || noasm

package distortion

func sad(a []byte, aStride int, b []byte, bStride, w, h, limit int) int {
	return sadGo(a, aStride, b, bStride, w, h, limit)
}

func sads(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride, w, h int) {
	sadsGo(out, a, aStride, b, at, bStride, w, h)
}

func sse(a []byte, aStride int, b []byte, bStride, w, h int) int {
	return sseGo(a, aStride, b, bStride, w, h)
}

func satd(a []byte, aStride int, b []byte, bStride, w, h int) int {
	return satdGo(a, aStride, b, bStride, w, h)
}

func sseMacroblock(a, b *Macroblock) int { return sseMacroblockGo(a, b) }

func satds16(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride int) {
	satds16Go(out, a, aStride, b, at, bStride)
}

func satds(out []int, src []byte, stride int, predictions [][16]byte) {
	satdsGo(out, src, stride, predictions)
}

func variances(out *[4]int, a []byte, stride int) { variancesGo(out, a, stride) }

func ssims(out []float64, a []byte, aStride int, b []byte, bStride, w, h int) (squaredErr int) {
	return ssimsGo(out, a, aStride, b, bStride, w, h)
}
