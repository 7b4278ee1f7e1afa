//go:build amd64 && !noasm

package predict

import (
	"salsify/codec/internal/simd"
	"salsify/codec/vp8/internal/picture"
)

// Assembly sees neither lengths nor capacities: the functions here find out that all is there that is written and read.

// inter is Inter. Blocks are small, and there are many of them: those of the usual sizes go to their kernel straight from here.
func (f *Filter) inter(dst []byte, dstStride int, ref *picture.Plane, x8, y8, w, h int) {
	x, y, stride := x8>>3, y8>>3, ref.Stride
	if !simd.Has[simd.AVX2] || h&3 != 0 || uint(h-1) >= maxBlock || !within(ref, x, y, w, h) {
		f.interAny(dst, dstStride, ref, x8, y8, w, h)
		return
	}
	_ = dst[(h-1)*dstStride:][:w]
	reach := reachOf(ref.Pix, ref.At(x, y), stride, w, h)
	src, xs, ys := &reach[0], &f.pairs[x8&7], &f.pairs[y8&7]
	switch {
	case w == 16 && (x8|y8)&7 == 0:
		copy16(&dst[0], dstStride, src, stride, h)
	case w == 16:
		interpolate16AVX2(&dst[0], dstStride, src, stride, h, xs, ys)
	case w == 8 && (x8|y8)&7 == 0:
		copy8(&dst[0], dstStride, src, stride, h)
	case w == 8: // its upper and its lower half
		interpolateTwoAVX2(&dst[0], &dst[h/2*dstStride], dstStride, src, &reach[h/2*stride], stride, h/2, xs, ys)
	case w == 4 && (x8|y8)&7 == 0:
		copy4(&dst[0], dstStride, src, stride, h)
	case w == 4 && h == 4:
		interpolate4x4AVX2(&dst[0], dstStride, src, stride, xs, ys)
	default:
		f.interAny(dst, dstStride, ref, x8, y8, w, h)
	}
}

// interUV is InterUV.
func (f *Filter) interUV(u, v []byte, dstStride int, ref *picture.Picture, x8, y8, size int) {
	x, y, stride := x8>>3, y8>>3, ref.U.Stride
	if !simd.Has[simd.AVX2] || size != 8 || (x8|y8)&7 == 0 || ref.V.Stride != stride ||
		!within(&ref.U, x, y, size, size) || !within(&ref.V, x, y, size, size) {
		f.inter(u, dstStride, &ref.U, x8, y8, size, size)
		f.inter(v, dstStride, &ref.V, x8, y8, size, size)
		return
	}
	_, _ = u[7*dstStride:][:8], v[7*dstStride:][:8]
	srcU := reachOf(ref.U.Pix, ref.U.At(x, y), stride, 8, 8)
	srcV := reachOf(ref.V.Pix, ref.V.At(x, y), stride, 8, 8)
	interpolateTwoAVX2(&u[0], &v[0], dstStride, &srcU[0], &srcV[0], stride, 8, &f.pairs[x8&7], &f.pairs[y8&7])
}

// halfPixels is HalfPixels.
func (f *Filter) halfPixels(out *[4 * 256]byte, ref *picture.Plane, x, y int) {
	// The blocks above and to the left begin a pixel before (x, y).
	if !simd.Has[simd.AVX2] || !within(ref, x-1, y-1, maxBlock+1, maxBlock+1) {
		f.halfPixelsGo(out, ref, x, y)
		return
	}
	reach := reachOf(ref.Pix, ref.At(x-1, y-1), ref.Stride, maxBlock+1, maxBlock+1)
	halfPixels16AVX2(out, &reach[ref.Stride+1], ref.Stride, &f.pairs[half])
}

// copyFrom copies a macroblock from (cx, cy), in pixels of chroma, and tells whether it could: it must be within the border.
func copyFrom(ref *picture.Picture, cx, cy int, y, u, v []byte, strideY, strideUV int) bool {
	if ref.U.Stride != ref.V.Stride || !within(&ref.Y, 2*cx, 2*cy, 16, 16) ||
		!within(&ref.U, cx, cy, 8, 8) || !within(&ref.V, cx, cy, 8, 8) {
		return false
	}
	_, _, _ = y[15*strideY:][:16], u[7*strideUV:][:8], v[7*strideUV:][:8]
	refY, refU, refV := ref.Y.Pix[ref.Y.At(2*cx, 2*cy):], ref.U.Pix[ref.U.At(cx, cy):], ref.V.Pix[ref.V.At(cx, cy):]
	_, _, _ = refY[15*ref.Y.Stride:][:16], refU[7*ref.U.Stride:][:8], refV[7*ref.V.Stride:][:8]
	copyMacroblock(&y[0], &u[0], &v[0], strideY, strideUV, &refY[0], &refU[0], &refV[0], ref.Y.Stride, ref.U.Stride)
	return true
}

// reachOf gives the pixels from the first one of a w x h block at pix[at], after it has made sure that all are there that the
// filter may reach.
func reachOf(pix []byte, at, stride, w, h int) []byte {
	_ = pix[at-reachBefore*stride-reachBefore:][(h+reachBefore+reachAfter-1)*stride:][:w+reachBefore+reachAfter]
	return pix[at:]
}

// interpolate is interpolateGo, with kernels for the usual sizes.
func (f *Filter) interpolate(dst []byte, dstStride int, src []byte, at, stride, w, h, fx, fy int) {
	if w != 16 && w != 8 && w != 4 || h <= 0 || h&3 != 0 || h > maxBlock {
		f.interpolateGo(dst, dstStride, src, at, stride, w, h, fx, fy)
		return
	}
	_ = dst[(h-1)*dstStride:][:w]
	if fx|fy == 0 {
		_ = src[at:][(h-1)*stride:][:w]
		switch w {
		case 16:
			copy16(&dst[0], dstStride, &src[at], stride, h)
		case 8:
			copy8(&dst[0], dstStride, &src[at], stride, h)
		default:
			copy4(&dst[0], dstStride, &src[at], stride, h)
		}
		return
	}
	first, rows, cols := at, h, w
	if fx != 0 {
		first -= reachBefore
		cols += reachBefore + reachAfter
	}
	if fy != 0 {
		first -= reachBefore * stride
		rows += reachBefore + reachAfter
	}
	_ = src[first:][(rows-1)*stride:][:cols]
	var x, y *[6]int16
	if fx != 0 {
		x = &f.taps[fx]
	}
	if fy != 0 {
		y = &f.taps[fy]
	}
	switch w {
	case 16:
		interpolate16(&dst[0], dstStride, &src[at], stride, h, x, y)
	case 8:
		interpolate8(&dst[0], dstStride, &src[at], stride, h, x, y)
	default:
		interpolate4(&dst[0], dstStride, &src[at], stride, h, x, y)
	}
}
