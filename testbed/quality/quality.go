// Package quality measures how much a picture lost: PSNR and SSIM of the luma plane, for each frame and over all frames, and
// the difference between two codecs as a BD-rate.
//
// The figures agree with the "ssim" and "psnr" filters of ffmpeg for the Y plane:
//
//   - SSIM (Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13(4), 2004) with 8x8 windows every 4 pixels
//     in place of the paper's Gaussian window; over all frames it is the mean of the frames' values.
//     (Where a row holds 4n+1 windows, as in widths 24 to 27, the filter's SSE code in ffmpeg 5.1 miscounts one of them. We
//     agree with its plain code, "-cpuflags 0".)
//   - PSNR is 10*log10(255^2/MSE); over all frames it is made from the mean MSE, not from the mean of the frames' PSNR.
//
// SSIM in dB is -10*log10(1-SSIM). Identical pictures have an SSIM of 1 and an MSE of 0: both dB figures are then +Inf, and
// [FormatDB] prints "inf", as ffmpeg does. A picture of less than 8 pixels either way holds no window: its SSIM is NaN, which
// FormatDB prints as "n/a"; its PSNR is as good as any.
package quality

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// ErrMismatch is returned, wrapped with the details, for two pictures that cannot be compared: they differ in size, or one is
// empty.
var ErrMismatch = errors.New("pictures cannot be compared")

// peak is the largest value of an 8-bit sample.
const peak = 255

// Score is how near a picture, or a mean over many, comes to its original.
type Score struct {
	SSIM float64 // structural similarity of luma: 1 is identical, around 0 is unrelated; NaN for pictures below 8x8
	MSE  float64 // mean squared error of luma, in squared steps of 1/255 of the range
}

// PSNR returns the peak signal-to-noise ratio in dB; +Inf for identical pictures.
func (s Score) PSNR() float64 { return 10 * math.Log10(peak*peak/s.MSE) }

// SSIMdB returns -10*log10(1-SSIM); +Inf for identical pictures.
func (s Score) SSIMdB() float64 { return DB(s.SSIM) }

// DB turns an SSIM into dB: -10*log10(1-ssim). 0.9 is 10 dB, 0.99 is 20 dB, 1 is +Inf.
func DB(ssim float64) float64 { return -10 * math.Log10(1-ssim) }

// FormatDB prints a dB figure with two decimals: "inf" for identical pictures and "n/a" where there is no figure.
func FormatDB(db float64) string {
	switch {
	case math.IsNaN(db):
		return "n/a"
	case math.IsInf(db, 1):
		return "inf"
	}
	return fmt.Sprintf("%.2f", db)
}

// Meter compares pictures with their originals one pair at a time and keeps the mean. The zero Meter is ready for use. It
// allocates only when the pictures get wider than any before. A Meter serves one goroutine.
type Meter struct {
	frames  int
	sumSSIM float64
	sumMSE  float64
	rows    ssimRows
}

// Add compares two pictures of the same size, adds the result to the mean, and returns it. Only luma is looked at.
// On an error, which wraps ErrMismatch, nothing was added.
func (m *Meter) Add(original, picture *image.YCbCr) (Score, error) {
	return m.AddExcept(original, picture, nil)
}

// AddExcept is Add but for parts of the pictures, given in pixels from their upper left corners: an SSIM window that touches one does
// not count, and neither does the error of a pixel in one. Where nothing is left to count, the figure is NaN.
func (m *Meter) AddExcept(original, picture *image.YCbCr, except []image.Rectangle) (Score, error) {
	size := original.Rect.Size()
	if got := picture.Rect.Size(); got != size {
		return Score{}, fmt.Errorf("%w: they are %dx%d and %dx%d", ErrMismatch, size.X, size.Y, got.X, got.Y)
	}
	if size.X <= 0 || size.Y <= 0 {
		return Score{}, fmt.Errorf("%w: they are empty", ErrMismatch)
	}
	a, b := lumaOf(original), lumaOf(picture)
	squares, samples := squaredError(a, b, except)
	s := Score{SSIM: m.rows.ssim(a, b, except), MSE: float64(squares) / float64(samples)}
	m.frames++
	m.sumSSIM += s.SSIM
	m.sumMSE += s.MSE
	return s, nil
}

// Frames returns how many pairs were added.
func (m *Meter) Frames() int { return m.frames }

// Mean returns the mean over all pairs; NaN in both fields if there were none.
func (m *Meter) Mean() Score {
	n := float64(m.frames)
	return Score{SSIM: m.sumSSIM / n, MSE: m.sumMSE / n}
}

// plane is the luma of a picture, from its visible top left corner.
type plane struct {
	pix           []byte
	stride        int
	width, height int
}

func lumaOf(p *image.YCbCr) plane {
	size := p.Rect.Size()
	return plane{p.Y[p.YOffset(p.Rect.Min.X, p.Rect.Min.Y):], p.YStride, size.X, size.Y}
}

func (p plane) row(y int) []byte { return p.pix[y*p.stride:][:p.width] }

// squaredError is the sum of the squared differences of all samples outside of the rectangles, and their number. 16383x16383 samples
// sum to less than 2^44.
func squaredError(a, b plane, except []image.Rectangle) (squares uint64, samples int) {
	var room [4]span
	for y := range a.height {
		for _, s := range outside(room[:0], a.width, y, y+1, except) {
			rowA, rowB := a.row(y)[s.from:s.to], b.row(y)[s.from:s.to]
			rowB = rowB[:len(rowA)]
			var rowSum uint32 // at most 16383 * 255^2 < 2^30
			for x, va := range rowA {
				d := int32(va) - int32(rowB[x])
				rowSum += uint32(d * d)
			}
			squares += uint64(rowSum)
			samples += len(rowA)
		}
	}
	return squares, samples
}

// span is a stretch of a row: pixels from up to but not including to.
type span struct{ from, to int }

// outside appends to spans the stretches, from the left to the right, of pixels 0 to width-1 that are outside of all rectangles in all rows
// from top up to but not including bottom.
func outside(spans []span, width, top, bottom int, except []image.Rectangle) []span {
	for from := 0; from < width; {
		// The next pixel that is outside, and the first after it that is not.
		to := width
		moved := false
		for _, r := range except {
			switch {
			case r.Empty() || r.Max.Y <= top || r.Min.Y >= bottom || r.Max.X <= from:
			case r.Min.X <= from:
				from, moved = r.Max.X, true
			default:
				to = min(to, r.Min.X)
			}
		}
		if moved {
			continue // another rectangle may begin there
		}
		spans = append(spans, span{from, to})
		from = to
	}
	return spans
}
