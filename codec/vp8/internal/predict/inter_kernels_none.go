//go:build !amd64 || noasm

package predict

import "salsify/codec/vp8/internal/picture"

func (f *Filter) inter(dst []byte, dstStride int, ref *picture.Plane, x8, y8, w, h int) {
	f.interAny(dst, dstStride, ref, x8, y8, w, h)
}

func (f *Filter) interUV(u, v []byte, dstStride int, ref *picture.Picture, x8, y8, size int) {
	f.interAny(u, dstStride, &ref.U, x8, y8, size, size)
	f.interAny(v, dstStride, &ref.V, x8, y8, size, size)
}

func (f *Filter) interpolate(dst []byte, dstStride int, src []byte, at, stride, w, h, fx, fy int) {
	f.interpolateGo(dst, dstStride, src, at, stride, w, h, fx, fy)
}

func (f *Filter) halfPixels(out *[4 * 256]byte, ref *picture.Plane, x, y int) {
	f.halfPixelsGo(out, ref, x, y)
}

func copyFrom(ref *picture.Picture, cx, cy int, y, u, v []byte, strideY, strideUV int) bool {
	return false
}
