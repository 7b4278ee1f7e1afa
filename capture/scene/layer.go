package scene

import (
	"encoding/binary"
	"image"
)

// Positions and lengths with a fraction are in sixteenths of a pixel, "subpixels". The left edge of pixel x is x*subpixels.
const subpixels = 16

// plane is one plane of a picture that is drawn into.
type plane struct {
	pix                   []byte
	stride, width, height int
}

// frame is the picture that is drawn into.
type frame struct{ luma, cb, cr plane }

func frameOf(p *image.YCbCr) frame {
	width, height := p.Rect.Dx(), p.Rect.Dy()
	luma, chroma := p.YOffset(p.Rect.Min.X, p.Rect.Min.Y), p.COffset(p.Rect.Min.X, p.Rect.Min.Y)
	return frame{
		plane{p.Y[luma:], p.YStride, width, height},
		plane{p.Cb[chroma:], p.CStride, (width + 1) / 2, (height + 1) / 2},
		plane{p.Cr[chroma:], p.CStride, (width + 1) / 2, (height + 1) / 2},
	}
}

func (p *plane) row(y, x0, x1 int) []byte { return p.pix[y*p.stride+x0 : y*p.stride+x1] }

// layer is something painted once and drawn at many positions: a place, or a part of a person, whose alpha tells its outline.
// Chroma is half as wide and high.
type layer struct{ luma, cb, cr layerPlane }

type layerPlane struct {
	plane
	alpha []byte // 255 where opaque, nil if all is; of the same stride as pix
	spans []span // of each row
}

// span is what a row of a layer covers: pixels from to below to are not quite transparent, solidFrom to below solidTo are opaque.
type span struct{ from, solidFrom, solidTo, to int }

// spansOf finds the spans of each row of alpha. A row without any has an empty span.
func spansOf(alpha []byte, stride, width, height int) []span {
	spans := make([]span, height)
	for y := range spans {
		row := alpha[y*stride:][:width]
		s := span{from: width}
		for x, a := range row {
			if a == 0 {
				continue
			}
			s.from = min(s.from, x)
			s.to = x + 1
		}
		for x := 0; x < width; {
			begin := x
			for x < width && row[x] == 255 {
				x++
			}
			if x-begin > s.solidTo-s.solidFrom {
				s.solidFrom, s.solidTo = begin, x
			}
			x++
		}
		spans[y] = s
	}
	return spans
}

// slant is how a layer leans: the subpixels by which each 4096 rows further down lie further to the right.
type slant int

const slantRows = 4096

// at returns by how much a row is shifted that lies this many subpixels below the one that is not.
func (s slant) at(below int) int { return int(s) * below / (slantRows * subpixels) }

// pose is where a layer is drawn: its upper left corner (luma subpixels, may lie outside) if it did not lean, how it leans, and the
// height at which leaning moves nothing, in subpixels below the corner.
type pose struct {
	corner point
	slant  slant
	pivot  int
}

// draw lays a layer over the frame.
func (f *frame) draw(l *layer, p pose) {
	half := pose{point{p.corner.x >> 1, p.corner.y >> 1}, p.slant, p.pivot >> 1}
	l.luma.drawOn(&f.luma, p)
	l.cb.drawOn(&f.cb, half)
	l.cr.drawOn(&f.cr, half)
}

// drawOn lays the plane over another. A pixel between those of the layer is interpolated linearly from the four around it, so the
// outermost row and column that would need more are left out.
func (l *layerPlane) drawOn(onto *plane, p pose) {
	// The pixel of the frame under the layer's first one, rounded up, and how far into the layer's pixel it lies.
	firstY := (p.corner.y + subpixels - 1) >> 4
	fractionY := firstY*subpixels - p.corner.y
	for row := max(0, firstY); row < min(onto.height, firstY+l.height-1); row++ {
		upper := row - firstY
		x := p.corner.x + p.slant.at(upper*subpixels-p.pivot)
		firstX := (x + subpixels - 1) >> 4
		fractionX := firstX*subpixels - x
		rightmost := min(onto.width, firstX+l.width-1)
		if l.alpha == nil {
			from := max(0, firstX)
			l.interpolate(onto.row(row, from, rightmost), from-firstX, upper, fractionX, fractionY)
			continue
		}
		// Of the two rows, and of the two pixels in each, all count for whether the mix is opaque, any for whether it is not
		// transparent.
		a, b := l.spans[upper], l.spans[upper+1]
		from, to := max(0, firstX+min(a.from, b.from)-1), min(rightmost, firstX+max(a.to, b.to))
		solidFrom := max(from, firstX+max(a.solidFrom, b.solidFrom))
		solidTo := min(to, firstX+min(a.solidTo, b.solidTo)-1)
		if from >= to {
			continue
		}
		if solidFrom >= solidTo {
			l.blend(onto, row, from, to, from-firstX, upper, fractionX, fractionY)
			continue
		}
		l.blend(onto, row, from, solidFrom, from-firstX, upper, fractionX, fractionY)
		l.interpolate(onto.row(row, solidFrom, solidTo), solidFrom-firstX, upper, fractionX, fractionY)
		l.blend(onto, row, solidTo, to, solidTo-firstX, upper, fractionX, fractionY)
	}
}

// blend draws pixels x0 to below x1 of a row where the layer is partly transparent; x and y are where they lie in the layer.
func (l *layerPlane) blend(onto *plane, row, x0, x1, x, y, fractionX, fractionY int) {
	if x0 >= x1 {
		return
	}
	if x < 0 { // left of the layer all is transparent
		x0, x = x0-x, 0
	}
	w11 := fractionX * fractionY
	w10, w01 := fractionX*subpixels-w11, fractionY*subpixels-w11
	w00 := subpixels*subpixels - w10 - w01 - w11
	for ; x0 < x1; x0, x = x0+1, x+1 {
		at := y*l.stride + x
		mix := func(p []byte) int {
			return (int(p[at])*w00 + int(p[at+1])*w10 + int(p[at+l.stride])*w01 + int(p[at+l.stride+1])*w11 + 128) >> 8
		}
		alpha, pixel := mix(l.alpha), &onto.pix[row*onto.stride+x0]
		*pixel = byte((int(*pixel)*(255-alpha) + mix(l.pix)*alpha + 127) / 255)
	}
}

// interpolate fills into with what lies in the layer at x, y and to the right.
func (l *layerPlane) interpolate(into []byte, x, y, fractionX, fractionY int) {
	if len(into) == 0 {
		return
	}
	upper := l.pix[y*l.stride+x:]
	if fractionX == 0 && fractionY == 0 {
		copy(into, upper)
		return
	}
	lower := l.pix[(y+1)*l.stride+x:]
	switch {
	case fractionY == 0:
		mixTwo(into, upper, upper[1:], fractionX)
	case fractionX == 0:
		mixTwo(into, upper, lower, fractionY)
	default:
		mixFour(into, upper, lower, fractionX, fractionY)
	}
}

// Eight samples are mixed at once: those at even and at odd places each as four 16-bit numbers in a 64-bit one. A weighted sum
// of samples stays below 2^16 since the weights add up to at most 256.
const (
	evenBytes = 0x00FF_00FF_00FF_00FF
	half16    = 0x0008_0008_0008_0008 // to round a sum of weights 16
	half256   = 0x0080_0080_0080_0080 // to round a sum of weights 256
)

// mixTwo sets each sample of into to that between a and b, fraction sixteenths from a.
func mixTwo(into, a, b []byte, fraction int) {
	w := uint64(fraction)
	a, b = a[:len(into)], b[:len(into)]
	i := 0
	for ; i <= len(into)-8; i += 8 {
		va, vb := binary.LittleEndian.Uint64(a[i:i+8]), binary.LittleEndian.Uint64(b[i:i+8])
		evenA, evenB := va&evenBytes, vb&evenBytes
		oddA, oddB := va>>8&evenBytes, vb>>8&evenBytes
		// 16a + (b-a)w: a difference may borrow from the number above it, but the sum pays back.
		even := (evenA<<4 + (evenB-evenA)*w + half16) >> 4 & evenBytes
		odd := (oddA<<4 + (oddB-oddA)*w + half16) << 4 &^ evenBytes
		binary.LittleEndian.PutUint64(into[i:i+8], even|odd)
	}
	for ; i < len(into); i++ {
		into[i] = byte((uint64(a[i])*(subpixels-w) + uint64(b[i])*w + 8) >> 4)
	}
}

// mixFour sets each sample of into to that between two samples of the upper row and the two below them.
func mixFour(into, upper, lower []byte, fractionX, fractionY int) {
	w11 := uint64(fractionX * fractionY)
	w10, w01 := uint64(fractionX*subpixels)-w11, uint64(fractionY*subpixels)-w11
	w00 := subpixels*subpixels - w10 - w01 - w11
	n := len(into)
	upperRight, lowerRight := upper[1:n+1], lower[1:n+1]
	upper, lower = upper[:n], lower[:n]
	i := 0
	for ; i <= len(into)-8; i += 8 {
		v00, v10 := binary.LittleEndian.Uint64(upper[i:i+8]), binary.LittleEndian.Uint64(upperRight[i:i+8])
		v01, v11 := binary.LittleEndian.Uint64(lower[i:i+8]), binary.LittleEndian.Uint64(lowerRight[i:i+8])
		even := ((v00&evenBytes)*w00 + (v10&evenBytes)*w10 + (v01&evenBytes)*w01 + (v11&evenBytes)*w11 + half256) >> 8 & evenBytes
		odd := ((v00>>8&evenBytes)*w00 + (v10>>8&evenBytes)*w10 + (v01>>8&evenBytes)*w01 + (v11>>8&evenBytes)*w11 + half256) &^ evenBytes
		binary.LittleEndian.PutUint64(into[i:i+8], even|odd)
	}
	for ; i < n; i++ {
		sum := uint64(upper[i])*w00 + uint64(upperRight[i])*w10 + uint64(lower[i])*w01 + uint64(lowerRight[i])*w11
		into[i] = byte((sum + 128) >> 8)
	}
}
