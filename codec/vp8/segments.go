package vp8

import (
	"iter"
	"math/bits"

	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/rdo"
)

// How the four segments are used for adaptive quantization:
//
//  1. Errors are seen in flat parts of a picture and drowned in busy ones: SSIM divides the error by about the variance of the
//     source. Each macroblock's activity is the mean logarithm of the variance of its four 8x8 blocks.
//  2. The macroblocks are clustered by activity. A sample of their rows stands for all, until the map is to be sent.
//  3. The step size of each segment grows with its activity, less than SSIM alone would have it, for the sake of PSNR.
//  4. The map is sent with key frames, and when the picture has changed much; for GOLDEN refreshes half as much is enough. In between it
//     persists, which costs nothing.

// Activity is counted in 1/16 of a binary order of magnitude.
const activityScale = 16

// activityFloor is added to a block's variance (in squared pixels, times 64^2): below the second constant of SSIM, variance
// stops to matter.
const activityFloor = distortion.SSIMC2 / 2

// stepPerActivity is how the logarithm of the step follows the activity, in 1/16. SSIM alone would have 8: the square root of
// the variance.
const stepPerActivity = 3

// The map is sent anew when more than one macroblock in this many is in another segment than it would be.
const (
	resendShare       = 4
	goldenResendShare = 8 // with a refresh of GOLDEN
)

// activityRows is of how many rows of macroblocks one is looked at while the map is as it was. At the lowest effort that saves 4 % of the
// time; the bits are the same within 1 %.
const activityRows = 4

// planSegments decides on the segments and prepares the coding with their quantizers.
func (e *encoder) planSegments() {
	f, m := &e.header, &e.rdo.Modes
	n := m.Cols * m.Rows
	if cap(e.segmap) < n {
		e.activity, e.segmap = make([]uint16, n), make([]uint8, n)
	}
	e.activity, e.segmap = e.activity[:n], e.segmap[:n]
	clear(e.segmap)
	if f.Segmentation = n > 1; f.Segmentation && !e.keepSegments() {
		f.UpdateMap = true
		centres := e.clusterActivity(1)
		for i, a := range e.activity {
			e.segmap[i] = uint8(nearest(&centres, int(a)))
		}
		e.setSegments(centres, 1)
	}
	for i := range e.rdo.Plan {
		e.rdo.Plan[i] = rdo.NewPlan(quant.SegmentIndex(f, i), &f.Quantizers)
	}
	for row := range m.Rows {
		for col, seg := range e.segmap[row*m.Cols:][:m.Cols] {
			m.At(col, row).Segment = seg
		}
	}
}

// keepSegments leaves the map as it was, if there was one, unless much of it would be another: in the sample and in all of it.
func (e *encoder) keepSegments() bool {
	f, old, share := &e.header, e.state.segments.of(), resendShare
	if f.RefreshGolden {
		share = goldenResendShare
	}
	if f.Key || old == nil {
		return false
	}
	for _, every := range [...]int{min(activityRows, e.rdo.Modes.Rows), 1} {
		centres := e.clusterActivity(every)
		if changed, of := e.changed(old, centres, every); changed*share <= of {
			copy(e.segmap, old)
			e.setSegments(e.centresOf(centres, every), every)
			return true
		}
	}
	return false
}

// sample gives the macroblocks of every so many rows, the first half as far down.
func (e *encoder) sample(every int) iter.Seq[int] {
	m := &e.rdo.Modes
	return func(yield func(int) bool) {
		for row := every / 2; row < m.Rows; row += every {
			for i := row * m.Cols; i < (row+1)*m.Cols; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// measureActivity fills the sample's part of e.activity.
func (e *encoder) measureActivity(every int) {
	if e.leader != nil && e.leader.measured <= every {
		copy(e.activity, e.leader.activity)
		e.measured = e.leader.measured
		return
	}
	y, cols := &e.source.Y, e.rdo.Modes.Cols
	var variances [4]int
	for i := range e.sample(every) {
		distortion.Variances(&variances, y.Pix[y.At(i%cols*16, i/cols*16):], y.Stride)
		sum := 0
		for _, v := range variances {
			sum += log2(v + activityFloor)
		}
		e.activity[i] = uint16(sum / 4)
	}
	e.measured = every
}

// log2 is the binary logarithm in units of activityScale, with the fraction taken linearly.
func log2(v int) int {
	exponent := bits.Len(uint(v)) - 1
	onePlusFraction := v * activityScale >> (exponent & 63)
	return (exponent-1)*activityScale + onePlusFraction
}

// clusterActivity measures the sample's activity and finds the centres of four clusters, in rising order, by the iteration of Lloyd.
func (e *encoder) clusterActivity(every int) (centres [4]int) {
	e.measureActivity(every)
	var histogram [64 * activityScale]int
	lo, hi := len(histogram), 0
	for i := range e.sample(every) {
		a := e.activity[i]
		histogram[a]++
		lo, hi = min(lo, int(a)), max(hi, int(a))
	}
	for i := range centres {
		centres[i] = lo + (hi-lo)*(2*i+1)/8
	}
	for range 8 {
		var sum, count [4]int
		for a := lo; a <= hi; a++ {
			i := nearest(&centres, a)
			sum[i] += a * histogram[a]
			count[i] += histogram[a]
		}
		for i := range centres {
			if count[i] > 0 {
				centres[i] = sum[i] / count[i]
			}
		}
	}
	return centres
}

func nearest(centres *[4]int, a int) int {
	best := 0
	for i, c := range centres {
		if abs(a-c) < abs(a-centres[best]) {
			best = i
		}
	}
	return best
}

func abs(v int) int { return max(v, -v) }

// changed counts the macroblocks of the sample that would be in another segment than in the old map, and all of it.
func (e *encoder) changed(old []uint8, centres [4]int, every int) (n, of int) {
	for i := range e.sample(every) {
		if nearest(&centres, int(e.activity[i])) != int(old[i]) {
			n++
		}
		of++
	}
	return n, of
}

// centresOf gives the mean activity of each segment of the map in the sample, or what it was thought to be where it is empty.
func (e *encoder) centresOf(centres [4]int, every int) [4]int {
	var sum, count [4]int
	for i := range e.sample(every) {
		seg := e.segmap[i] & 3
		sum[seg] += int(e.activity[i])
		count[seg]++
	}
	for i := range centres {
		if count[i] > 0 {
			centres[i] = sum[i] / count[i]
		}
	}
	return centres
}

// setSegments gives each segment a quantizer: the step of the frame's quantizer index belongs to the sample's mean activity.
func (e *encoder) setSegments(centres [4]int, every int) {
	f := &e.header
	mean, n := 0, 0
	for i := range e.sample(every) {
		mean += int(e.activity[i])
		n++
	}
	mean /= n
	segments := header.Segments{}
	base := int(quant.At(f.Quantizers.Base, &f.Quantizers).Y1[1])
	for i, c := range centres {
		// 2^(x/256), with x in 1/256 of a binary order of magnitude.
		x := (c - mean) * stepPerActivity * 256 / (activityScale * 16)
		segments.Quantizer[i] = int8(quant.IndexOf(scale(base, x)) - f.Quantizers.Base)
	}
	if segments != f.Context.Segments {
		f.Context.Segments = segments
		f.UpdateSegment = true
	}
}

// scale multiplies v with 2^(x/256), the fraction of the exponent taken linearly.
func scale(v, x int) int {
	whole, fraction := x>>8, x&255
	v = v * (256 + fraction)
	if whole >= 0 {
		return v << whole >> 8
	}
	return v >> (8 - whole)
}
