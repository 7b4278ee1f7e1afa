package vp8

import (
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
//  2. The macroblocks are clustered by activity.
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

// planSegments decides on the segments and prepares the coding with their quantizers.
func (e *encoder) planSegments() {
	f := &e.header
	n := e.measureActivity()
	if n > 1 {
		centres := e.clusterActivity()
		e.assignSegments(centres)
		f.Segmentation = true
		old, share := e.state.segments.of(), resendShare
		if f.RefreshGolden {
			share = goldenResendShare
		}
		if f.Key || old == nil || e.changed(old)*share > len(old) {
			f.UpdateMap = true
		} else {
			copy(e.segmap, old)
			centres = e.centresOf(centres)
		}
		e.setSegments(centres)
	}
	for i := range e.rdo.Plan {
		e.rdo.Plan[i] = rdo.NewPlan(quant.SegmentIndex(f, i), &f.Quantizers)
	}
	m := &e.rdo.Modes
	for row := range m.Rows {
		for col, seg := range e.segmap[row*m.Cols:][:m.Cols] {
			m.At(col, row).Segment = seg
		}
	}
}

// measureActivity fills e.activity and gives the number of macroblocks.
func (e *encoder) measureActivity() int {
	m := &e.rdo.Modes
	n := m.Cols * m.Rows
	if cap(e.activity) < n {
		e.activity, e.segmap = make([]uint16, n), make([]uint8, n)
	}
	e.activity, e.segmap = e.activity[:n], e.segmap[:n]
	clear(e.segmap)
	if e.leader != nil {
		copy(e.activity, e.leader.activity)
		return n
	}
	y := &e.source.Y
	var variances [4]int
	for row := range m.Rows {
		for col := range m.Cols {
			distortion.Variances(&variances, y.Pix[y.At(col*16, row*16):], y.Stride)
			sum := 0
			for _, v := range variances {
				sum += log2(v + activityFloor)
			}
			e.activity[row*m.Cols+col] = uint16(sum / 4)
		}
	}
	return n
}

// log2 is the binary logarithm in units of activityScale, with the fraction taken linearly.
func log2(v int) int {
	exponent := bits.Len(uint(v)) - 1
	onePlusFraction := v * activityScale >> (exponent & 63)
	return (exponent-1)*activityScale + onePlusFraction
}

// clusterActivity finds the centres of four clusters of activity, in rising order, by the iteration of Lloyd.
func (e *encoder) clusterActivity() (centres [4]int) {
	var histogram [64 * activityScale]int
	lo, hi := len(histogram), 0
	for _, a := range e.activity {
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

func (e *encoder) assignSegments(centres [4]int) {
	for i, a := range e.activity {
		e.segmap[i] = uint8(nearest(&centres, int(a)))
	}
}

// changed counts the macroblocks that are in another segment than before.
func (e *encoder) changed(old []uint8) int {
	n := 0
	for i, seg := range e.segmap {
		if seg != old[i] {
			n++
		}
	}
	return n
}

// centresOf gives the mean activity of each segment of the map, or what it was thought to be where it is empty.
func (e *encoder) centresOf(centres [4]int) [4]int {
	var sum, count [4]int
	for i, a := range e.activity {
		sum[e.segmap[i]] += int(a)
		count[e.segmap[i]]++
	}
	for i := range centres {
		if count[i] > 0 {
			centres[i] = sum[i] / count[i]
		}
	}
	return centres
}

// setSegments gives each segment a quantizer: the step of the frame's quantizer index belongs to the mean activity.
func (e *encoder) setSegments(centres [4]int) {
	f := &e.header
	mean := 0
	for _, a := range e.activity {
		mean += int(a)
	}
	mean /= len(e.activity)
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
