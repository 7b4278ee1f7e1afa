// Package picture has decoded pictures with the border that motion vectors may point into, and the pools that their memory
// comes from and goes back to.
package picture

//go:generate go run -C ../_generate . picture

import (
	"encoding/binary"
	"image"
	"sync"
	"sync/atomic"
)

// Border is how many pixels every plane extends beyond the macroblocks on each side. Predicted vectors reach 16 pixels out and
// the six-tap filter 3 more; twice that, rounded, keeps nearly all vectors of real encoders on the fast path.
const Border = 32

// Plane is one component of a picture. Row y starts at Pix[Origin+y*Stride]; x and y may go from -Border to the size + Border.
type Plane struct {
	Pix           []byte
	Origin        int
	Stride        int
	Width, Height int // of the macroblocks, which may exceed the visible picture
}

// At gives the index of a pixel in Pix.
func (p *Plane) At(x, y int) int { return p.Origin + y*p.Stride + x }

// Picture is a decoded picture. After it is complete it does not change until its last holder lets it go.
type Picture struct {
	Y, U, V Plane
	Visible image.YCbCr // the picture proper, within the planes

	pool    *Pool
	holders atomic.Int32
}

// Pool hands out pictures of one size and takes them back. The zero Pool is not usable; see NewPool.
type Pool struct {
	width, height int
	free          sync.Pool
}

// NewPool returns a pool for pictures of the given visible size in pixels.
func NewPool(width, height int) *Pool { return &Pool{width: width, height: height} }

// Fits tells whether the pool's pictures have this size.
func (p *Pool) Fits(width, height int) bool { return p.width == width && p.height == height }

// Get gives a picture with undefined contents and one holder.
func (p *Pool) Get() *Picture {
	pic, ok := p.free.Get().(*Picture)
	if !ok {
		pic = allocate(p)
	}
	pic.holders.Store(1)
	return pic
}

func allocate(p *Pool) *Picture {
	cols, rows := (p.width+15)/16, (p.height+15)/16
	pic := &Picture{pool: p}
	size := 0
	plane := func(w, h int) Plane {
		stride := w + 2*Border
		pl := Plane{Origin: Border*stride + Border, Stride: stride, Width: w, Height: h}
		size += stride * (h + 2*Border)
		return pl
	}
	pic.Y, pic.U, pic.V = plane(cols*16, rows*16), plane(cols*8, rows*8), plane(cols*8, rows*8)
	buf := make([]byte, size)
	for _, pl := range []*Plane{&pic.Y, &pic.U, &pic.V} {
		n := pl.Stride * (pl.Height + 2*Border)
		pl.Pix, buf = buf[:n:n], buf[n:]
	}
	pic.Visible = image.YCbCr{
		Y: pic.Y.Pix[pic.Y.Origin:], Cb: pic.U.Pix[pic.U.Origin:], Cr: pic.V.Pix[pic.V.Origin:],
		YStride: pic.Y.Stride, CStride: pic.U.Stride,
		SubsampleRatio: image.YCbCrSubsampleRatio420,
		Rect:           image.Rect(0, 0, p.width, p.height),
	}
	return pic
}

// views are pictures without pixels.
var views = sync.Pool{New: func() any { return new(Picture) }}

// ViewOf gives a picture of whole macroblocks whose pixels are those of src, without a border, and with one holder; nil if src does
// not consist of whole macroblocks.
func ViewOf(src *image.YCbCr) *Picture {
	r := src.Rect
	if r.Dx()%16 != 0 || r.Dy()%16 != 0 || (r.Min.X|r.Min.Y)&1 != 0 {
		return nil
	}
	p := views.Get().(*Picture)
	y, c := src.YOffset(r.Min.X, r.Min.Y), src.COffset(r.Min.X, r.Min.Y)
	p.Y = Plane{Pix: src.Y[y:], Stride: src.YStride, Width: r.Dx(), Height: r.Dy()}
	p.U = Plane{Pix: src.Cb[c:], Stride: src.CStride, Width: r.Dx() / 2, Height: r.Dy() / 2}
	p.V = Plane{Pix: src.Cr[c:], Stride: src.CStride, Width: r.Dx() / 2, Height: r.Dy() / 2}
	p.holders.Store(1)
	return p
}

// Hold adds a holder.
func (p *Picture) Hold() *Picture {
	p.holders.Add(1)
	return p
}

// Drop takes a holder away. With the last one the picture's memory goes back to its pool, that of a view to whom it belongs.
func (p *Picture) Drop() {
	if p.holders.Add(-1) != 0 {
		return
	}
	if p.pool == nil {
		p.Y, p.U, p.V = Plane{}, Plane{}, Plane{}
		views.Put(p)
	} else {
		p.pool.free.Put(p)
	}
}

// IntraEdge writes what intra prediction takes for the pixels above and to the left of the picture (RFC 6386, section 12.2):
// 127 above, including the corner and beyond the right edge, 129 to the left. It must come before the first macroblock.
func (p *Picture) IntraEdge() {
	for row := range p.Y.Height / 16 {
		p.IntraEdgeRow(row)
	}
}

// IntraEdgeRow does what IntraEdge does for one row of macroblocks.
func (p *Picture) IntraEdgeRow(row int) {
	for _, pl := range [...]*Plane{&p.Y, &p.U, &p.V} {
		if row == 0 {
			above := pl.Pix[pl.At(-1, -1):][:pl.Width+1+16]
			for i := range above {
				above[i] = 127
			}
		}
		first, end := p.lines(pl, row)
		for y := first; y < end; y++ {
			pl.Pix[pl.At(-1, y)] = 129
		}
	}
}

// CacheLine is how many pixels a cache line has, on every CPU that has kernels.
const CacheLine = 64

// Prefetch has the CPU fetch a column of pixels, from (x, y) down, and what shares their cache lines, while it does something else. A
// macroblock's lines are more streams than it follows by itself. Lines are a multiple of 4.
func (p *Plane) Prefetch(x, y, lines int) {
	at := p.At(x, y)
	_ = p.Pix[at+(lines-1)*p.Stride]
	prefetch(&p.Pix[at], p.Stride, lines)
}

// PrefetchMacroblock does so with all pixels of a macroblock, if it is the first one of its cache lines and in the picture.
func (p *Picture) PrefetchMacroblock(col, row int) {
	const luma, chroma = CacheLine / 16, CacheLine / 8
	if col%luma != 0 || col*16 >= p.Y.Width {
		return
	}
	p.Y.Prefetch(col*16, row*16, 16)
	if col%chroma == 0 {
		p.U.Prefetch(col*8, row*8, 8)
		p.V.Prefetch(col*8, row*8, 8)
	}
}

// ExtendBorder repeats the outermost pixels into the border.
func (p *Picture) ExtendBorder() {
	for row := range p.Y.Height / 16 {
		p.ExtendRow(row)
	}
}

// ExtendRow does what ExtendBorder does for one row of macroblocks: to its sides and, of the first and the last row, also above
// and below.
func (p *Picture) ExtendRow(row int) {
	for _, pl := range [...]*Plane{&p.Y, &p.U, &p.V} {
		first, end := p.lines(pl, row)
		for y := first; y < end; y++ {
			line := pl.Pix[pl.At(-Border, y):][:pl.Stride]
			inner := line[Border:][:pl.Width]
			fillBorder((*[Border]byte)(line), inner[0])
			fillBorder((*[Border]byte)(line[Border+len(inner):]), inner[len(inner)-1])
		}
		if first == 0 {
			pl.repeat(0, -Border, 0)
		}
		if end == pl.Height {
			pl.repeat(end-1, end, end+Border)
		}
	}
}

// lines gives the first line of a row of macroblocks in a plane, and the one behind its last.
func (p *Picture) lines(pl *Plane, row int) (first, end int) {
	size := 16 * pl.Height / p.Y.Height
	return row * size, row*size + size
}

// fillBorder sets all pixels to one value.
func fillBorder(pixels *[Border]byte, v byte) {
	const each = 0x0101010101010101
	for i := 0; i < Border; i += 8 {
		binary.LittleEndian.PutUint64(pixels[i:], uint64(v)*each)
	}
}

// repeat copies a line, with its border, into others.
func (p *Plane) repeat(line, first, end int) {
	from := p.Pix[p.At(-Border, line):][:p.Stride]
	for y := first; y < end; y++ {
		copy(p.Pix[p.At(-Border, y):], from)
	}
}
