//go:build !amd64 || noasm

package predict

func (f *Filter) interpolate(dst []byte, dstStride int, src []byte, at, stride, w, h, fx, fy int) {
	f.interpolateGo(dst, dstStride, src, at, stride, w, h, fx, fy)
}
