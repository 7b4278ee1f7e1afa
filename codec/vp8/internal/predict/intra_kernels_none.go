//go:build !amd64 || noasm

package predict

func trueMotion(dst []byte, dstStride int, pix []byte, at, stride, size int) {
	trueMotionGo(dst, dstStride, pix, at, stride, size)
}
