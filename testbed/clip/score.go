package clip

import (
	"image"

	"salsify/capture/barcode"
	"salsify/testbed/quality"
)

// Comparer compares pictures of the video with what somebody saw of them. The zero Comparer is ready for use, by one goroutine; it
// keeps some memory between calls.
type Comparer struct {
	meter  quality.Meter
	scaler scaler
	scaled *image.YCbCr
}

// Compare returns how near a picture that was seen comes to its original, by luma (package quality). What the codes cover does not count:
// no SSIM window that touches one, no pixel in one. A picture of another size is scaled to the original's first, linearly between
// neighbours, which is part of what was lost. The error wraps quality.ErrMismatch, for an empty picture.
func (c *Comparer) Compare(original, seen *image.YCbCr) (quality.Score, error) {
	size := original.Rect.Size()
	if seen.Rect.Size() != size && !seen.Rect.Empty() {
		if c.scaled == nil || c.scaled.Rect.Size() != size {
			c.scaled = image.NewYCbCr(image.Rect(0, 0, size.X, size.Y), image.YCbCrSubsampleRatio420)
		}
		c.scaler.luma(c.scaled, seen)
		seen = c.scaled
	}
	return c.meter.AddExcept(original, seen, barcode.Area(size.X, size.Y))
}

// scaler scales luma by linear interpolation between the four nearest samples. The outer edges of both pictures lie on each other, as
// when a picture fills a window.
type scaler struct {
	across []tap
	rows   [2][]int32 // two rows of the source, scaled across, in units of 1/weight
	held   [2]int     // which rows these are
}

// tap is where a sample comes from: between the samples at and next, this much (of weight) of the second.
type tap struct{ at, next, second int32 }

// weight is a whole, squared and times 255 less than 2^31.
const weight = 1 << 11

// tapAt returns the tap of sample i of size from others.
func tapAt(i, size, others int) tap {
	// The middle of the sample, measured in the other's samples from the middle of the first, in units of 1/weight.
	middle := max(0, ((2*i+1)*others*weight/size-weight)/2)
	at := min(middle/weight, others-1)
	return tap{int32(at), int32(min(at+1, others-1)), int32(middle % weight)}
}

func (s *scaler) luma(into, from *image.YCbCr) {
	width, height := into.Rect.Dx(), into.Rect.Dy()
	s.across = s.across[:0]
	for x := range width {
		s.across = append(s.across, tapAt(x, width, from.Rect.Dx()))
	}
	for i := range s.rows {
		if len(s.rows[i]) != width {
			s.rows[i] = make([]int32, width)
		}
		s.held[i] = -1
	}
	for y := range height {
		t := tapAt(y, height, from.Rect.Dy())
		upper := s.row(from, int(t.at), int(t.next))
		lower := s.row(from, int(t.next), int(t.at))
		out := into.Y[into.YOffset(into.Rect.Min.X, into.Rect.Min.Y+y):][:width]
		upper, lower = upper[:len(out)], lower[:len(out)]
		first, second := weight-t.second, t.second
		for x := range out {
			out[x] = byte((upper[x]*first + lower[x]*second + weight*weight/2) / (weight * weight))
		}
	}
}

// row returns a row of the source scaled across, which may take the place of any but the other.
func (s *scaler) row(from *image.YCbCr, y, other int) []int32 {
	slot := 0
	for i, held := range s.held {
		if held == y {
			return s.rows[i]
		}
		if held != other {
			slot = i
		}
	}
	s.held[slot] = y
	row, in := s.rows[slot], from.Y[from.YOffset(from.Rect.Min.X, from.Rect.Min.Y+y):]
	for x, t := range s.across {
		row[x] = int32(in[t.at])*(weight-t.second) + int32(in[t.next])*t.second
	}
	return row
}
