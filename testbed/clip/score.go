package clip

import (
	"image"

	"salsify/capture/barcode"
	"salsify/codec/convert"
	"salsify/testbed/quality"
)

// Comparer compares pictures of the video with what somebody saw of them. The zero Comparer is ready for use, by one goroutine; it
// keeps some memory between calls.
type Comparer struct {
	meter  quality.Meter
	scaler convert.Scaler
	scaled *image.YCbCr
}

// Compare returns how near a picture that was seen comes to its original, by luma (package quality). What the codes cover does not count:
// no SSIM window that touches one, no pixel in one. A picture of another size is scaled to the original's first, linearly between
// neighbours, which is part of what was lost. The error wraps quality.ErrMismatch, for an empty picture, or what convert.Scaler says of
// one that is no picture.
func (c *Comparer) Compare(original, seen *image.YCbCr) (quality.Score, error) {
	size := original.Rect.Size()
	if seen.Rect.Size() != size && !seen.Rect.Empty() {
		if c.scaled == nil || c.scaled.Rect.Size() != size {
			c.scaled = image.NewYCbCr(image.Rect(0, 0, size.X, size.Y), image.YCbCrSubsampleRatio420)
		}
		c.scaler.Filter = convert.Bilinear // as a window scales
		if err := c.scaler.ScalePlane(luma(c.scaled), luma(seen)); err != nil {
			return quality.Score{}, err
		}
		seen = c.scaled
	}
	return c.meter.AddExcept(original, seen, barcode.Area(size.X, size.Y))
}

// luma is a picture's.
func luma(p *image.YCbCr) convert.Plane {
	return convert.Plane{Pix: p.Y, Stride: p.YStride, Width: p.Rect.Dx(), Height: p.Rect.Dy()}
}
