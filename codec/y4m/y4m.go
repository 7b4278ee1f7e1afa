// Package y4m reads and writes YUV4MPEG2, the plain format in which video tools hand uncompressed pictures to each other: one
// line of text, then for each frame a line that begins with FRAME and the samples of Y, U and V. The format is described in the
// yuv4mpeg(5) manual of MJPEG Tools.
//
// Only 8-bit 4:2:0 is handled, which is what VP8 codes. The tags 420jpeg, 420paldv and 420mpeg2 differ only in where between
// the luma samples the chroma samples lie; the samples are passed on as they are.
//
// A Reader fills a picture that the caller brings, so a long file is read without garbage:
//
//	r, err := y4m.NewReader(file)
//	picture := r.Header().NewPicture()
//	for {
//		err := r.Read(picture)
//		if err == io.EOF {
//			break
//		}
//		...
//	}
package y4m

import (
	"errors"
	"fmt"
	"image"
)

// MaxSize is the largest width and height in pixels: what VP8's 14-bit fields can say (RFC 6386, 9.1).
const MaxSize = 16383

// The kinds of error of this package, to be tested with errors.Is. Each returned error wraps one of them with the details.
var (
	// ErrFormat: the input is not YUV4MPEG2, or its header cannot be used.
	ErrFormat = errors.New("y4m: not a usable YUV4MPEG2 file")
	// ErrChroma: the file's samples are not 8-bit 4:2:0.
	ErrChroma = errors.New("y4m: only 8-bit 4:2:0 is handled")
	// ErrTruncated: the input ends within a frame.
	ErrTruncated = errors.New("y4m: the file ends within a frame")
	// ErrSize: a picture is not 4:2:0, or not of the size in the header.
	ErrSize = errors.New("y4m: picture does not fit the header")
)

// Rate is frames in a second as the ratio that the file gives, such as 30000/1001. 0/0 means unknown.
type Rate struct {
	Num, Den int
}

// Header is what the first line of the file says.
type Header struct {
	Width, Height int // pixels, 1 to MaxSize
	Rate          Rate
}

// NewPicture returns a new 4:2:0 picture, all samples zero, of the header's size, for Reader.Read.
func (h Header) NewPicture() *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, h.Width, h.Height), image.YCbCrSubsampleRatio420)
}

// FrameBytes returns how many bytes the samples of one frame take.
func (h Header) FrameBytes() int {
	chroma := ((h.Width + 1) / 2) * ((h.Height + 1) / 2)
	return h.Width*h.Height + 2*chroma
}

func (h Header) check() error {
	if h.Width < 1 || h.Height < 1 || h.Width > MaxSize || h.Height > MaxSize {
		return fmt.Errorf("%w: size %dx%d, must be 1x1 to %dx%d", ErrFormat, h.Width, h.Height, MaxSize, MaxSize)
	}
	if h.Rate.Num < 0 || h.Rate.Den < 0 {
		return fmt.Errorf("%w: frame rate %d:%d is negative", ErrFormat, h.Rate.Num, h.Rate.Den)
	}
	return nil
}

// rows is one plane of a picture as the format stores it: width bytes of each row.
type rows struct {
	pix                   []byte
	stride, width, height int
}

func (p rows) row(y int) []byte { return p.pix[y*p.stride:][:p.width] }

// joined returns the plane as one row if its rows follow each other without a gap, so that it is moved in one step.
func (p rows) joined() rows {
	if p.stride != p.width {
		return p
	}
	n := p.width * p.height
	return rows{pix: p.pix, stride: n, width: n, height: 1}
}

// planes returns the visible Y, U and V of a picture, which must be 4:2:0 and of the header's size.
//
// Where Rect begins at an odd place, the first chroma sample of a row or column belongs to the first luma sample alone instead of
// to the first two: the samples are taken as they come, and so chroma shifts by half a sample.
func (h Header) planes(p *image.YCbCr) ([3]rows, error) {
	if p.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return [3]rows{}, fmt.Errorf("%w: it is %v, must be 4:2:0", ErrSize, p.SubsampleRatio)
	}
	if p.Rect.Dx() != h.Width || p.Rect.Dy() != h.Height {
		return [3]rows{}, fmt.Errorf("%w: it is %dx%d, the header says %dx%d", ErrSize, p.Rect.Dx(), p.Rect.Dy(), h.Width, h.Height)
	}
	x, y := p.Rect.Min.X, p.Rect.Min.Y
	luma, chroma := p.YOffset(x, y), p.COffset(x, y)
	chromaWidth, chromaHeight := (h.Width+1)/2, (h.Height+1)/2
	planes := [3]rows{
		{p.Y[luma:], p.YStride, h.Width, h.Height},
		{p.Cb[chroma:], p.CStride, chromaWidth, chromaHeight},
		{p.Cr[chroma:], p.CStride, chromaWidth, chromaHeight},
	}
	for i := range planes {
		planes[i] = planes[i].joined()
	}
	return planes, nil
}
