package predict

//go:generate go run -C ../_generate . predict

import "salsify/codec/vp8/internal/picture"

// Filter is the interpolation between pixels (RFC 6386, section 18.3).
type Filter struct {
	taps  [8][6]int16 // a row for each eighth of a pixel
	pairs [8]tapPairs // the same as the kernels take them
}

// tapPairs are the taps 0 and 5, 1 and 3, 2 and 4, each pair twice.
type tapPairs = [3][4]int8

// The two kinds: six-tap for bitstream version 0, bilinear for the others.
var (
	SixTap = newFilter([8][6]int16{
		{0, 0, 128, 0, 0, 0},
		{0, -6, 123, 12, -1, 0},
		{2, -11, 108, 36, -8, 1},
		{0, -9, 93, 50, -6, 0},
		{3, -16, 77, 77, -16, 3},
		{0, -6, 50, 93, -9, 0},
		{1, -8, 36, 108, -11, 2},
		{0, -1, 12, 123, -6, 0},
	})
	Bilinear = newFilter([8][6]int16{
		{0, 0, 128, 0, 0, 0},
		{0, 0, 112, 16, 0, 0},
		{0, 0, 96, 32, 0, 0},
		{0, 0, 80, 48, 0, 0},
		{0, 0, 64, 64, 0, 0},
		{0, 0, 48, 80, 0, 0},
		{0, 0, 32, 96, 0, 0},
		{0, 0, 16, 112, 0, 0},
	})
)

func newFilter(taps [8][6]int16) Filter {
	f := Filter{taps: taps}
	for frac := 1; frac < len(taps); frac++ { // 128, of no fraction, is no int8, and nobody asks for it
		for i, pair := range [3][2]int{{0, 5}, {1, 3}, {2, 4}} {
			a, b := int8(taps[frac][pair[0]]), int8(taps[frac][pair[1]])
			f.pairs[frac][i] = [4]int8{a, b, a, b}
		}
	}
	return f
}

// Reach of the filter around a block, in pixels.
const (
	reachBefore = 2
	reachAfter  = 3
	maxBlock    = 16
	maxReach    = maxBlock + reachBefore + reachAfter
)

// half a pixel, in eighths.
const half = 4

// Inter predicts a w x h block into dst from the plane of a reference picture at (x8, y8), in eighths of a pixel. The position
// may lie anywhere: beyond the border the outermost pixels go on without end. A block is at most 16 pixels wide and high.
func (f *Filter) Inter(dst []byte, dstStride int, ref *picture.Plane, x8, y8, w, h int) {
	f.inter(dst, dstStride, ref, x8, y8, w, h)
}

// InterUV predicts a size x size block of both chroma planes, as Inter does, with one vector: 8 for a whole macroblock.
func (f *Filter) InterUV(u, v []byte, dstStride int, ref *picture.Picture, x8, y8, size int) {
	f.interUV(u, v, dstStride, ref, x8, y8, size)
}

// HalfPixels predicts the four 16x16 blocks half a pixel above, to the left, to the right of and below (x, y), which is in pixels.
// They come one behind the other, 16 pixels a row.
func (f *Filter) HalfPixels(out *[4 * 256]byte, ref *picture.Plane, x, y int) {
	f.halfPixels(out, ref, x, y)
}

func (f *Filter) halfPixelsGo(out *[4 * 256]byte, ref *picture.Plane, x, y int) {
	for i, step := range [4][2]int{{0, -half}, {-half, 0}, {half, 0}, {0, half}} {
		f.Inter(out[i*256:], maxBlock, ref, x*8+step[0], y*8+step[1], maxBlock, maxBlock)
	}
}

// within tells whether a block at (x, y) and all that the filter reaches around it are within the border.
func within(ref *picture.Plane, x, y, w, h int) bool {
	return x >= reachBefore-picture.Border && y >= reachBefore-picture.Border &&
		x+w+reachAfter <= ref.Width+picture.Border && y+h+reachAfter <= ref.Height+picture.Border
}

// interAny is Inter of blocks of any size.
func (f *Filter) interAny(dst []byte, dstStride int, ref *picture.Plane, x8, y8, w, h int) {
	x, y := x8>>3, y8>>3
	if !within(ref, x, y, w, h) {
		f.beyond(dst, dstStride, ref, x8, y8, w, h)
		return
	}
	f.interpolate(dst, dstStride, ref.Pix, ref.At(x, y), ref.Stride, w, h, x8&7, y8&7)
}

// beyond is interAny of a block that reaches beyond the border. It is a function of its own because its array is cleared at every
// call.
func (f *Filter) beyond(dst []byte, dstStride int, ref *picture.Plane, x8, y8, w, h int) {
	var block [maxReach * maxReach]byte
	gather(&block, ref, x8>>3-reachBefore, y8>>3-reachBefore, w+reachBefore+reachAfter, h+reachBefore+reachAfter)
	f.interpolate(dst, dstStride, block[:], reachBefore*maxReach+reachBefore, maxReach, w, h, x8&7, y8&7)
}

// interpolateGo makes a block from the pixels at src[at] on and, where the position has fractions fx and fy, those around.
func (f *Filter) interpolateGo(dst []byte, dstStride int, src []byte, at, stride, w, h, fx, fy int) {
	switch {
	case fx == 0 && fy == 0:
		for r := range h {
			copy(dst[r*dstStride:][:w], src[at+r*stride:][:w])
		}
	case fy == 0:
		f.horizontal(dst, dstStride, src[at-reachBefore:], stride, w, h, fx)
	case fx == 0:
		f.vertical(dst, dstStride, src[at-reachBefore*stride:], stride, w, h, fy)
	default:
		var rows [maxReach * maxBlock]byte
		f.horizontal(rows[:], maxBlock, src[at-reachBefore*stride-reachBefore:], stride, w, h+reachBefore+reachAfter, fx)
		f.vertical(dst, dstStride, rows[:], maxBlock, w, h, fy)
	}
}

// gather copies a block that reaches beyond the border.
func gather(out *[maxReach * maxReach]byte, ref *picture.Plane, x, y, w, h int) {
	for r := range h {
		row := ref.Pix[ref.At(0, min(max(y+r, 0), ref.Height-1)):][:ref.Width]
		o := out[r*maxReach:][:w]
		for c := range o {
			o[c] = row[min(max(x+c, 0), ref.Width-1)]
		}
	}
}

// horizontal filters rows; src starts reachBefore pixels left of the first.
func (f *Filter) horizontal(dst []byte, dstStride int, src []byte, stride, w, h, frac int) {
	t := &f.taps[frac]
	t0, t1, t2, t3, t4, t5 := int32(t[0]), int32(t[1]), int32(t[2]), int32(t[3]), int32(t[4]), int32(t[5])
	for r := range h {
		in := src[r*stride:][: w+5 : w+5]
		out := dst[r*dstStride:][:w:w]
		if t0|t5 == 0 {
			a, b, c := int32(in[1]), int32(in[2]), int32(in[3])
			for i := range out {
				d := int32(in[i+4])
				out[i] = clip((a*t1 + b*t2 + c*t3 + d*t4 + 64) >> 7)
				a, b, c = b, c, d
			}
			continue
		}
		z, a, b, c, d := int32(in[0]), int32(in[1]), int32(in[2]), int32(in[3]), int32(in[4])
		for i := range out {
			e := int32(in[i+5])
			out[i] = clip((z*t0 + a*t1 + b*t2 + c*t3 + d*t4 + e*t5 + 64) >> 7)
			z, a, b, c, d = a, b, c, d, e
		}
	}
}

// vertical filters columns; src starts reachBefore rows above the first.
func (f *Filter) vertical(dst []byte, dstStride int, src []byte, stride, w, h, frac int) {
	t := &f.taps[frac]
	t0, t1, t2, t3, t4, t5 := int32(t[0]), int32(t[1]), int32(t[2]), int32(t[3]), int32(t[4]), int32(t[5])
	for r := range h {
		out := dst[r*dstStride:][:w]
		s0 := src[r*stride:][:len(out)]
		s1 := src[(r+1)*stride:][:len(out)]
		s2 := src[(r+2)*stride:][:len(out)]
		s3 := src[(r+3)*stride:][:len(out)]
		s4 := src[(r+4)*stride:][:len(out)]
		if t0|t5 == 0 {
			for i := range out {
				out[i] = clip((int32(s1[i])*t1 + int32(s2[i])*t2 + int32(s3[i])*t3 + int32(s4[i])*t4 + 64) >> 7)
			}
			continue
		}
		s5 := src[(r+5)*stride:][:len(out)]
		for i := range out {
			out[i] = clip((int32(s0[i])*t0 + int32(s1[i])*t1 + int32(s2[i])*t2 + int32(s3[i])*t3 + int32(s4[i])*t4 + int32(s5[i])*t5 + 64) >> 7)
		}
	}
}
