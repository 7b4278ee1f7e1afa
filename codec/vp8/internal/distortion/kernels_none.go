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

func satds(out []int, src []byte, stride int, predictions [][16]byte) {
	satdsGo(out, src, stride, predictions)
}

func moments(a []byte, stride, w, h int) (sum, squares int) { return momentsGo(a, stride, w, h) }

func jointMoments(a []byte, aStride int, b []byte, bStride, w, h int) (m [5]int) {
	return jointMomentsGo(a, aStride, b, bStride, w, h)
}
