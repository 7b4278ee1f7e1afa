//go:build amd64 && !noasm

package predict

// trueMotion is trueMotionGo. Assembly sees neither lengths nor capacities: here it is found out that dst and pix have all that
// is written and read.
func trueMotion(dst []byte, dstStride int, pix []byte, at, stride, size int) {
	if size != 16 && size != 8 {
		trueMotionGo(dst, dstStride, pix, at, stride, size)
		return
	}
	_ = dst[(size-1)*dstStride:][:size]
	corner := pix[at-stride-1:]
	_ = corner[:1+size]
	left := corner[stride:]
	_ = left[(size-1)*stride]
	if size == 16 {
		trueMotion16(&dst[0], dstStride, &corner[0], stride)
	} else {
		trueMotion8(&dst[0], dstStride, &corner[0], stride)
	}
}
