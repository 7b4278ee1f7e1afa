package v4l2

import (
	"errors"
	"fmt"
	"image"

	"salsify/codec/convert"
	"salsify/codec/y4m"
)

// ErrPicture: a picture from the camera is not what it should be.
var ErrPicture = errors.New("picture is damaged")

// layout is what the driver said of the pictures it will give.
type layout struct {
	format        Format
	width, height int
	stride        int  // bytes from one row of luma, or of packed pixels, to the next
	fullRange     bool // luma and chroma use 0 to 255
	rate          y4m.Rate
}

// check tells whether the driver gives what was chosen, in numbers that make sense. Drivers are free to change what they are asked for.
func (l layout) check(c Choice) error {
	if l.format != c.Format || l.width != c.Width || l.height != c.Height {
		return fmt.Errorf("%w: it was set to %v of %dx%d, but gives %v of %dx%d; ask for another size, or for none",
			ErrMode, c.Format, c.Width, c.Height, l.format, l.width, l.height)
	}
	if l.rate.Num <= 0 || l.rate.Den <= 0 {
		return fmt.Errorf("%w: its driver says a rate of %d/%d", ErrMode, l.rate.Num, l.rate.Den)
	}
	least := l.width
	if l.format == YUYV || l.format == UYVY {
		least = (l.width + 1) / 2 * 4
	}
	if l.raw() && l.stride < least || l.width < 2 || l.height < 2 || l.width > convert.MaxSize || l.height > convert.MaxSize {
		return fmt.Errorf("%w: its driver says rows of %d bytes for %dx%d", ErrMode, l.stride, l.width, l.height)
	}
	return nil
}

func (l layout) raw() bool { return l.format != MJPEG && l.format != JPEG }

// fill takes a picture from the camera's memory into dst, a 4:2:0 picture of that size, of limited range. An error wraps ErrPicture,
// or is of package convert; dst may be half filled then.
func (l layout) fill(dst *image.YCbCr, data []byte) (err error) {
	switch l.format {
	case NV12:
		luma, chroma := parts(data, l.stride*l.height)
		err = convert.FromNV12(dst, luma, l.stride, chroma, l.stride)
	case YU12:
		err = l.planes(dst.Y, dst.Cb, dst.Cr, dst, data)
	case YV12:
		err = l.planes(dst.Y, dst.Cr, dst.Cb, dst, data)
	case YUYV:
		err = convert.FromYUYV(dst, data, l.stride)
	case UYVY:
		err = convert.FromUYVY(dst, data, l.stride)
	case MJPEG, JPEG:
		return decodeJPEG(dst, data) // it knows its range better
	default:
		err = fmt.Errorf("%w: format %v", ErrPicture, l.format)
	}
	if err == nil && l.fullRange {
		limit(dst)
	}
	return err
}

// parts cuts memory at a length, or gives all of it and nothing if there is not so much.
func parts(data []byte, length int) (before, behind []byte) {
	length = min(length, len(data))
	return data[:length], data[length:]
}

// planes copies three planes that follow each other. Rows of chroma are half as far apart as those of luma, as the kernel has it.
func (l layout) planes(first, second, third []byte, dst *image.YCbCr, data []byte) error {
	chromaWidth, chromaHeight, chromaStride := (l.width+1)/2, (l.height+1)/2, l.stride/2
	luma, chroma := parts(data, l.stride*l.height)
	b, c := parts(chroma, chromaStride*chromaHeight)
	if chromaStride < chromaWidth || len(c) < chromaStride*(chromaHeight-1)+chromaWidth {
		return fmt.Errorf("%w: it has %d bytes, which do not hold %dx%d in rows of %d", ErrPicture, len(data), l.width, l.height, l.stride)
	}
	copyRows(first, dst.YStride, luma, l.stride, l.width, l.height)
	copyRows(second, dst.CStride, b, chromaStride, chromaWidth, chromaHeight)
	copyRows(third, dst.CStride, c, chromaStride, chromaWidth, chromaHeight)
	return nil
}

func copyRows(dst []byte, dstStride int, src []byte, stride, width, height int) {
	for y := range height {
		copy(dst[y*dstStride:][:width], src[y*stride:])
	}
}

// Tables from full range (0 to 255) to the limited range that the codec and all others expect (luma from 16 to 235, chroma from 16
// to 240): ITU-R BT.601-7, 2.5.3.
var limitLuma, limitChroma = limitTable(16, 219, 0), limitTable(128, 224, 128)

// limitTable scales what is above zero from 255 to span, and moves it to offset; rounded.
func limitTable(offset, span, zero int) (table [256]byte) {
	for i := range table {
		scaled := 2*(i-zero)*span + 255 // twice, and half of 255 twice
		table[i] = byte(offset + floorDiv(scaled, 2*255))
	}
	return table
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// limit takes a picture from full to limited range.
func limit(p *image.YCbCr) {
	width, height := p.Rect.Dx(), p.Rect.Dy()
	mapRows(p.Y, p.YStride, p.Y, p.YStride, width, height, &limitLuma)
	mapRows(p.Cb, p.CStride, p.Cb, p.CStride, (width+1)/2, (height+1)/2, &limitChroma)
	mapRows(p.Cr, p.CStride, p.Cr, p.CStride, (width+1)/2, (height+1)/2, &limitChroma)
}

func mapRows(dst []byte, dstStride int, src []byte, stride, width, height int, table *[256]byte) {
	for y := range height {
		from := src[y*stride:][:width]
		to := dst[y*dstStride:][:len(from)]
		for x, v := range from {
			to[x] = table[v]
		}
	}
}
