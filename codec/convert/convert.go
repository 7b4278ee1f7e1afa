// Package convert takes pictures from the formats of cameras and screens to 4:2:0, which is what VP8 codes, and from there to those
// of windows, and scales them (Scaler).
//
// The way of a picture from a camera:
//
//  1. The caller brings the picture to fill, whose Rect says the size, and the memory that came from the camera.
//  2. Every length and stride is checked before a pixel is touched; an error says what is wrong (check.go).
//  3. Rows are taken two by two, for two rows of luma have one row of chroma between them. Of the last row of an odd height, and of
//     the last column of an odd width, chroma is that of the one row or column that there is.
//  4. FromYUYV and FromUYVY take luma as it is and the mean of the two rows' chroma; FromNV12 takes all as it is (packed.go).
//  5. FromRGB makes luma of each pixel and chroma of the mean of four, by a Matrix (rgb.go).
//
// ToRGB goes the other way, with each chroma sample for its four pixels. Where chroma lies between the luma samples is not told
// apart: it is always taken to be in the middle of four.
//
// Everything is done in integers, with or without vector instructions to the same bytes, and nothing allocates memory, but a Scaler
// at a new size. No memory of a source may be that of the result.
package convert

//go:generate go run -C ../vp8/internal/_generate . ../../convert

import (
	"errors"
	"fmt"
	"image"
)

// MaxSize is the largest width and height of a picture or a plane, in pixels: what VP8's 14-bit fields can say (RFC 6386, 9.1).
const MaxSize = 16383

// The kinds of error of this package, to be tested with errors.Is. Each returned error wraps one of them with the details. After
// an error nothing has been written.
var (
	// ErrSize: a picture has no pixels, or more than MaxSize in a direction.
	ErrSize = errors.New("convert: picture size is not usable")
	// ErrPixels: memory is shorter than the size needs, or its rows are nearer to each other than they are long.
	ErrPixels = errors.New("convert: pixels are missing")
	// ErrFormat: a picture is not 4:2:0, or there is no such order, matrix or filter.
	ErrFormat = errors.New("convert: format is not handled")
)

// Matrix says how luma and chroma are made of red, green and blue. Both are of limited range: luma from 16 to 235, chroma from 16
// to 240, 128 in the middle.
type Matrix int

// The matrices. VP8 knows only the first (RFC 6386, 9.2); cameras and screens of high definition may use the other.
const (
	BT601 Matrix = iota // ITU-R BT.601-7
	BT709               // ITU-R BT.709-6
)

// Order is the order in memory of the bytes of a pixel.
type Order int

// The orders. A fourth byte is not looked at, and written as 255, so that these are also for what X11 and V4L2 call BGRX, BGR0,
// XR24 (BGRA) and RGBX, XB24 (RGBA).
const (
	RGB24 Order = iota // 3 bytes
	BGR24              // 3 bytes
	RGBA               // 4 bytes
	BGRA               // 4 bytes
)

// PixelBytes is how many bytes a pixel takes.
func (o Order) PixelBytes() int {
	if o == RGBA || o == BGRA {
		return 4
	}
	return 3
}

// blueFirst tells whether blue comes before green and red.
func (o Order) blueFirst() bool { return o == BGR24 || o == BGRA }

// FromYUYV fills dst, a 4:2:0 picture of any stride, from packed 4:2:2: each 4 bytes are the luma of a pixel, Cb of two, the luma
// of the next, Cr of two. It is also called YUY2. Rows begin stride bytes apart and have 4 bytes for each two pixels, the last of
// which may be one too many. Chroma is the mean of two rows, rounded up from halves. Errors wrap ErrSize, ErrFormat or ErrPixels.
func FromYUYV(dst *image.YCbCr, src []byte, stride int) error {
	return fromPacked(dst, src, stride, lumaFirst, "YUYV")
}

// FromUYVY is FromYUYV with chroma first: Cb, luma, Cr, luma.
func FromUYVY(dst *image.YCbCr, src []byte, stride int) error {
	return fromPacked(dst, src, stride, chromaFirst, "UYVY")
}

// FromNV12 fills dst, a 4:2:0 picture of any stride, from a plane of luma and one of chroma, whose rows have a byte of Cb and one
// of Cr for each two pixels, and begin chromaStride bytes apart. Where both are in one piece of memory, chroma begins where the
// driver says, mostly behind stride times the height. Errors wrap ErrSize, ErrFormat or ErrPixels.
func FromNV12(dst *image.YCbCr, luma []byte, stride int, chroma []byte, chromaStride int) error {
	to, err := planesOf(dst, "picture to fill")
	if err != nil {
		return err
	}
	y, c := Plane{luma, stride, to.y.Width, to.y.Height}, Plane{chroma, chromaStride, 2 * to.cb.Width, to.cb.Height}
	if err := y.check("luma", "NV12"); err != nil {
		return err
	}
	if err := c.check("chroma", "NV12"); err != nil {
		return err
	}
	to.y.copy(y)
	for i := range c.Height {
		split(to.cb.row(i), to.cr.row(i), c.row(i))
	}
	return nil
}

// FromRGB fills dst, a 4:2:0 picture of any stride, from pixels in the given order, whose rows begin stride bytes apart. Chroma is
// that of the mean of four pixels. The result is within 0.6 of the exact value. Errors wrap ErrSize, ErrFormat or ErrPixels.
func FromRGB(dst *image.YCbCr, src []byte, stride int, order Order, matrix Matrix) error {
	to, err := planesOf(dst, "picture to fill")
	if err != nil {
		return err
	}
	if order < RGB24 || order > BGRA {
		return fmt.Errorf("%w: order %d is not one of RGB24, BGR24, RGBA and BGRA", ErrFormat, order)
	}
	if err := matrix.check(); err != nil {
		return err
	}
	from := Plane{src, stride, order.PixelBytes() * to.y.Width, to.y.Height}
	if err := from.check("pixels", "RGB"); err != nil {
		return err
	}
	f := &factorsFromRGB[matrix][0]
	if order.blueFirst() {
		f = &factorsFromRGB[matrix][1]
	}
	for y := 0; y < to.y.Height; y += 2 {
		next := min(y+1, to.y.Height-1)
		rgbRows(to.y.row(y), to.y.row(next), to.cb.row(y/2), to.cr.row(y/2), from.row(y), from.row(next), order.PixelBytes(), f)
	}
	return nil
}

// ToRGB fills pixels of order RGBA or BGRA, whose rows begin stride bytes apart, with src, a 4:2:0 picture of any stride: red,
// green and blue from 0 to 255, and 255. The result is within 0.6 of the exact value. Errors wrap ErrSize, ErrFormat or ErrPixels.
func ToRGB(dst []byte, stride int, order Order, src *image.YCbCr, matrix Matrix) error {
	from, err := planesOf(src, "picture to show")
	if err != nil {
		return err
	}
	if order != RGBA && order != BGRA {
		return fmt.Errorf("%w: order %d is not RGBA or BGRA", ErrFormat, order)
	}
	if err := matrix.check(); err != nil {
		return err
	}
	to := Plane{dst, stride, order.PixelBytes() * from.y.Width, from.y.Height}
	if err := to.check("pixels to fill", "RGB"); err != nil {
		return err
	}
	f, first, third := &factorsToRGB[matrix][0], from.cr, from.cb
	if order.blueFirst() {
		f, first, third = &factorsToRGB[matrix][1], from.cb, from.cr
	}
	for y := range from.y.Height {
		toRGBRow(to.row(y), from.y.row(y), first.row(y/2), third.row(y/2), f)
	}
	return nil
}
