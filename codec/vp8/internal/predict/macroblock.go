package predict

import (
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// Macroblock makes the inter prediction of a whole macroblock in its place in pic. fullPixel takes the fractions off chroma
// vectors (bitstream version 3).
func Macroblock(f *Filter, pic, ref *picture.Picture, m *mode.Macroblock, col, row int, fullPixel bool) {
	y, u := &pic.Y, &pic.U
	dst, at := y.Pix[y.At(col*16, row*16):], u.At(col*8, row*8)
	if m.YMode != entropy.SplitMV {
		f.InterMacroblock(dst, pic.U.Pix[at:], pic.V.Pix[at:], y.Stride, u.Stride, ref, m.MV, col, row, fullPixel)
		return
	}
	LumaSplit(f, dst, y.Stride, &ref.Y, m, col, row)
	for b := range 4 {
		bx, by := b&1, b>>1
		cx, cy := ChromaMV(m, bx, by, fullPixel)
		at := at + by*4*u.Stride + bx*4
		f.InterUV(pic.U.Pix[at:], pic.V.Pix[at:], u.Stride, ref, col*64+bx*32+cx, row*64+by*32+cy, 4)
	}
}

// Copy makes n macroblocks of a row in their place in pic the same as in a reference picture: the prediction without motion.
func Copy(pic, ref *picture.Picture, col, row, n int) {
	copyRows(&pic.Y, &ref.Y, col*16, row*16, n*16, 16)
	copyRows(&pic.U, &ref.U, col*8, row*8, n*8, 8)
	copyRows(&pic.V, &ref.V, col*8, row*8, n*8, 8)
}

func copyRows(dst, src *picture.Plane, x, y, w, h int) {
	to, from := dst.Pix[dst.At(x, y):], src.Pix[src.At(x, y):]
	for i := range h {
		copy(to[i*dst.Stride:][:w], from[i*src.Stride:])
	}
}

// InterMacroblock predicts a macroblock with one vector into y, u and v. fullPixel takes the fractions off the chroma vector.
func (f *Filter) InterMacroblock(y, u, v []byte, strideY, strideUV int,
	ref *picture.Picture, mv mode.MV, col, row int, fullPixel bool) {
	if (mv.X|mv.Y)&7 == 0 && copyFrom(ref, col*8+int(mv.X)>>3, row*8+int(mv.Y)>>3, y, u, v, strideY, strideUV) {
		return
	}
	f.Inter(y, strideY, &ref.Y, col*128+int(mv.X)*2, row*128+int(mv.Y)*2, 16, 16)
	if fullPixel {
		mv.X, mv.Y = mv.X&^7, mv.Y&^7
	}
	f.InterUV(u, v, strideUV, ref, col*64+int(mv.X), row*64+int(mv.Y), 8)
}

// LumaSplit makes the luma prediction of a macroblock with split vectors into dst.
func LumaSplit(f *Filter, dst []byte, stride int, ref *picture.Plane, m *mode.Macroblock, col, row int) {
	if m.Split != entropy.Split4x4 {
		for _, b := range [4]int{0, 2, 8, 10} {
			x, y := (b&3)*4, (b>>2)*4
			mv := m.MVs[b]
			f.Inter(dst[y*stride+x:], stride, ref, (col*16+x)*8+int(mv.X)*2, (row*16+y)*8+int(mv.Y)*2, 8, 8)
		}
		return
	}
	for b, mv := range m.MVs {
		x, y := (b&3)*4, (b>>2)*4
		f.Inter(dst[y*stride+x:], stride, ref, (col*16+x)*8+int(mv.X)*2, (row*16+y)*8+int(mv.Y)*2, 4, 4)
	}
}

// ChromaMV gives the vector of a 4x4 chroma block of a macroblock with split vectors, in eighths of a chroma pixel: the mean of
// the four luma vectors over it, rounded away from zero (RFC 6386, section 18.1).
func ChromaMV(m *mode.Macroblock, bx, by int, fullPixel bool) (x, y int) {
	b := by*8 + bx*2
	for _, i := range [4]int{b, b + 1, b + 4, b + 5} {
		x += int(m.MVs[i].X)
		y += int(m.MVs[i].Y)
	}
	x, y = roundQuarter(x), roundQuarter(y)
	if fullPixel {
		x, y = x&^7, y&^7
	}
	return x, y
}

func roundQuarter(v int) int {
	if v < 0 {
		return -((2 - v) / 4)
	}
	return (v + 2) / 4
}

// AboveRight gives the 4 pixels above and to the right of a macroblock, which the right column of its 4x4 blocks shares. Beyond
// the picture's right edge the last pixel of the row above goes on (in the top row: 127, as picture.IntraEdge left it).
func AboveRight(y *picture.Plane, col, row int) (p [4]byte) {
	at := y.At(col*16+16, row*16-1)
	if row > 0 && (col+1)*16 >= y.Width {
		last := y.Pix[at-1]
		return [4]byte{last, last, last, last}
	}
	copy(p[:], y.Pix[at:])
	return p
}
