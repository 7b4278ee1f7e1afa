//go:build amd64 && !noasm

package predict

// interpolate is interpolateGo, with kernels for the usual sizes. Assembly sees neither lengths nor capacities: here it is found
// out that dst and src have all that is written and read.
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
	var x, y *[6]int16
	first, rows, cols := at, h, w
	if fx != 0 {
		x = &f[fx]
		first -= reachBefore
		cols += reachBefore + reachAfter
	}
	if fy != 0 {
		y = &f[fy]
		first -= reachBefore * stride
		rows += reachBefore + reachAfter
	}
	_ = src[first:][(rows-1)*stride:][:cols]
	switch w {
	case 16:
		interpolate16(&dst[0], dstStride, &src[at], stride, h, x, y)
	case 8:
		interpolate8(&dst[0], dstStride, &src[at], stride, h, x, y)
	default:
		interpolate4(&dst[0], dstStride, &src[at], stride, h, x, y)
	}
}
