package convert

import (
	"fmt"
	"image"
)

// Plane is one component of a picture, or one of its own. Row y is the Width bytes of Pix from y*Stride on.
type Plane struct {
	Pix           []byte
	Stride        int
	Width, Height int // 1 to MaxSize
}

func (p Plane) row(y int) []byte { return p.Pix[y*p.Stride:][:p.Width:p.Width] }

// copy takes the samples of a plane of the same size.
func (p Plane) copy(from Plane) {
	for y := range p.Height {
		copy(p.row(y), from.row(y))
	}
}

// check returns an error unless all rows are there. The size is no matter of it.
func (p Plane) check(part, of string) error {
	if p.Stride < p.Width {
		return fmt.Errorf("%w: %s of %s: rows of %d bytes cannot begin every %d bytes", ErrPixels, part, of, p.Width, p.Stride)
	}
	if len(p.Pix) < p.Width || (len(p.Pix)-p.Width)/p.Stride < p.Height-1 {
		return fmt.Errorf("%w: %s of %s: %d bytes do not hold %d rows of %d bytes, one every %d",
			ErrPixels, part, of, len(p.Pix), p.Height, p.Width, p.Stride)
	}
	return nil
}

func checkSize(width, height int, name string) error {
	if width < 1 || height < 1 || width > MaxSize || height > MaxSize {
		return fmt.Errorf("%w: %s: it is %dx%d, must be 1x1 to %dx%d", ErrSize, name, width, height, MaxSize, MaxSize)
	}
	return nil
}

func (m Matrix) check() error {
	if m < BT601 || m > BT709 {
		return fmt.Errorf("%w: matrix %d is neither BT601 nor BT709", ErrFormat, m)
	}
	return nil
}

// planes are those of a 4:2:0 picture.
type planes struct{ y, cb, cr Plane }

// planesOf returns the planes of a picture, all of whose rows are there. Chroma is half as wide and high, rounded up.
//
// Where Rect begins at an odd place, the first chroma sample of a row or column belongs to the first luma sample alone instead of
// to the first two: the samples are taken as they come, and so chroma shifts by half a sample.
func planesOf(p *image.YCbCr, name string) (planes, error) {
	width, height := p.Rect.Dx(), p.Rect.Dy()
	if err := checkSize(width, height, name); err != nil {
		return planes{}, err
	}
	if p.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return planes{}, fmt.Errorf("%w: %s: it is %v, must be 4:2:0", ErrFormat, name, p.SubsampleRatio)
	}
	chromaWidth, chromaHeight := (width+1)/2, (height+1)/2
	all := planes{
		Plane{p.Y, p.YStride, width, height},
		Plane{p.Cb, p.CStride, chromaWidth, chromaHeight},
		Plane{p.Cr, p.CStride, chromaWidth, chromaHeight},
	}
	if err := all.y.check("luma", name); err != nil {
		return planes{}, err
	}
	if err := all.cb.check("Cb", name); err != nil {
		return planes{}, err
	}
	return all, all.cr.check("Cr", name)
}
