package quality

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// BD-rate, in the order it is computed:
//
//  1. Both curves are sorted by quality and checked.
//  2. Each becomes a smooth function: logarithm of the rate by quality (PCHIP).
//  3. Both functions are integrated over the qualities that both curves cover.
//  4. The mean distance, taken out of the logarithm, is the result.

// ErrCurve is returned, wrapped with the details, when two curves give no BD-rate: too few points, points of no finite positive
// rate and finite quality, two points of one quality, or no quality that both curves cover.
var ErrCurve = errors.New("no BD-rate")

// Point is one measurement of a codec: the rate it took to reach a quality.
type Point struct {
	Rate    float64 // any unit, the same for both curves: bits, bytes or kbit/s
	Quality float64 // dB
}

// minPoints is how many points make a curve. Four are customary; with two the curve is a straight line.
const minPoints = 2

// BDRate returns by how many percent the rate of test differs from that of reference for the same quality, on average over the
// qualities that both cover: -10 means that test needs 10 % less. The points may come in any order.
//
// It is Bjontegaard's measure (ITU-T VCEG-M33, 2001) with one difference: in place of one cubic polynomial through all points,
// which swings between points that lie unevenly, it draws the monotone piecewise cubic of Fritsch and Butland (SIAM Journal on
// Scientific and Statistical Computing 5(2), 1984), known as PCHIP.
//
// Every error wraps ErrCurve.
func BDRate(reference, test []Point) (float64, error) {
	ref, err := newCurve(reference)
	if err != nil {
		return 0, fmt.Errorf("%w: reference curve: %s", ErrCurve, err)
	}
	other, err := newCurve(test)
	if err != nil {
		return 0, fmt.Errorf("%w: test curve: %s", ErrCurve, err)
	}
	low, high := max(ref.low(), other.low()), min(ref.high(), other.high())
	if low >= high {
		return 0, fmt.Errorf("%w: the curves share no quality: %.2f to %.2f dB and %.2f to %.2f dB; measure at nearer quantizers",
			ErrCurve, ref.low(), ref.high(), other.low(), other.high())
	}
	distance := (other.integral(low, high) - ref.integral(low, high)) / (high - low)
	return 100 * math.Expm1(distance), nil
}

// curve is a piecewise cubic y(x): x is the quality in dB, y the natural logarithm of the rate, and slope is dy/dx at each x.
type curve struct {
	x, y, slope []float64
}

func newCurve(points []Point) (curve, error) {
	if len(points) < minPoints {
		return curve{}, fmt.Errorf("%d points, and at least %d are needed", len(points), minPoints)
	}
	sorted := slices.SortedFunc(slices.Values(points), func(a, b Point) int { return cmp.Compare(a.Quality, b.Quality) })
	var c curve
	for i, p := range sorted {
		if !finite(p.Quality) || !finite(p.Rate) || p.Rate <= 0 {
			return curve{}, fmt.Errorf("rate %v at %v dB is not a positive rate at a finite quality", p.Rate, p.Quality)
		}
		if i > 0 && p.Quality == sorted[i-1].Quality {
			return curve{}, fmt.Errorf("two points of the same quality, %v dB", p.Quality)
		}
		c.x = append(c.x, p.Quality)
		c.y = append(c.y, math.Log(p.Rate))
	}
	c.slope = slopes(c.x, c.y)
	return c, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (c curve) low() float64  { return c.x[0] }
func (c curve) high() float64 { return c.x[len(c.x)-1] }

// slopes chooses the slope at each point so that the curve never leaves the range between two neighbouring points.
func slopes(x, y []float64) []float64 {
	n := len(x)
	h := make([]float64, n-1)     // width of each piece
	delta := make([]float64, n-1) // slope of its chord
	for i := range h {
		h[i] = x[i+1] - x[i]
		delta[i] = (y[i+1] - y[i]) / h[i]
	}
	d := make([]float64, n)
	if n == 2 {
		d[0], d[1] = delta[0], delta[0]
		return d
	}
	for i := 1; i < n-1; i++ {
		d[i] = innerSlope(h[i-1], h[i], delta[i-1], delta[i])
	}
	d[0] = endSlope(h[0], h[1], delta[0], delta[1])
	d[n-1] = endSlope(h[n-2], h[n-3], delta[n-2], delta[n-3])
	return d
}

// innerSlope is the harmonic mean of the chords on both sides, weighted by their widths; 0 at a turning point.
func innerSlope(h0, h1, delta0, delta1 float64) float64 {
	if delta0*delta1 <= 0 {
		return 0
	}
	w0, w1 := 2*h1+h0, h1+2*h0
	return (w0 + w1) / (w0/delta0 + w1/delta1)
}

// endSlope is the slope of the parabola through the last three points, held back where it would overshoot. h0 and delta0 are
// of the outermost piece.
func endSlope(h0, h1, delta0, delta1 float64) float64 {
	d := ((2*h0+h1)*delta0 - h0*delta1) / (h0 + h1)
	switch {
	case d*delta0 <= 0:
		return 0
	case delta0*delta1 <= 0 && math.Abs(d) > 3*math.Abs(delta0):
		return 3 * delta0
	}
	return d
}

// integral returns the integral of y over [low, high], which lies within the curve. Simpson's rule is exact for a cubic.
func (c curve) integral(low, high float64) float64 {
	var sum float64
	for i := range len(c.x) - 1 {
		from, to := max(low, c.x[i]), min(high, c.x[i+1])
		if from < to {
			sum += (to - from) / 6 * (c.piece(i, from) + 4*c.piece(i, (from+to)/2) + c.piece(i, to))
		}
	}
	return sum
}

// piece returns y at x on the piece between points i and i+1: the cubic Hermite polynomial.
func (c curve) piece(i int, x float64) float64 {
	h := c.x[i+1] - c.x[i]
	t := (x - c.x[i]) / h
	u := 1 - t
	return u*u*(1+2*t)*c.y[i] + t*t*(3-2*t)*c.y[i+1] + h*t*u*(u*c.slope[i]-t*c.slope[i+1])
}
