// Package quant has VP8's quantizers: the step sizes of RFC 6386 section 14.1, and the encoder's quantization.
package quant

import "salsify/codec/vp8/internal/header"

// MaxIndex is the coarsest quantizer index.
const MaxIndex = 127

// Steps of the DC and AC coefficients by quantizer index (RFC 6386, section 14.1).
var (
	dcSteps = [MaxIndex + 1]uint8{
		4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 25, 25, 26, 27, 28,
		29, 30, 31, 32, 33, 34, 35, 36, 37, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58,
		59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89,
		91, 93, 95, 96, 98, 100, 101, 102, 104, 106, 108, 110, 112, 114, 116, 118, 122, 124, 126, 128, 130, 132, 134, 136, 138, 140, 143, 145, 148, 151, 154, 157,
	}
	acSteps = [MaxIndex + 1]uint16{
		4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
		36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76,
		78, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 119, 122, 125, 128, 131, 134, 137, 140, 143, 146, 149, 152,
		155, 158, 161, 164, 167, 170, 173, 177, 181, 185, 189, 193, 197, 201, 205, 209, 213, 217, 221, 225, 229, 234, 239, 245, 249, 254, 259, 264, 269, 274, 279, 284,
	}
)

// Steps are the step sizes of one quantizer: [0] of the DC coefficient, [1] of the others.
type Steps struct{ Y1, Y2, UV [2]int16 }

// At gives the steps of a quantizer index (which is clamped to its range) with a frame's adjustments.
func At(index int, q *header.Quantizers) Steps {
	dc := func(delta int) int16 { return int16(dcSteps[clampIndex(index+delta)]) }
	ac := func(delta int) int16 { return int16(acSteps[clampIndex(index+delta)]) }
	index = clampIndex(index)
	return Steps{
		Y1: [2]int16{dc(q.Y1DC), ac(0)},
		Y2: [2]int16{2 * dc(q.Y2DC), max(int16(int(ac(q.Y2AC))*155/100), 8)},
		UV: [2]int16{min(dc(q.UVDC), 132), ac(q.UVAC)},
	}
}

func clampIndex(i int) int { return min(max(i, 0), MaxIndex) }

// Segments gives the steps of each segment of a frame; where the frame uses none, all are the same.
func Segments(f *header.Frame) (steps [4]Steps) {
	for i := range steps {
		steps[i] = At(SegmentIndex(f, i), &f.Quantizers)
	}
	return steps
}

// SegmentIndex gives the quantizer index of a segment of a frame.
func SegmentIndex(f *header.Frame, segment int) int {
	index := f.Quantizers.Base
	if f.Segmentation {
		if s := &f.Context.Segments; s.Absolute {
			index = int(s.Quantizer[segment])
		} else {
			index += int(s.Quantizer[segment])
		}
	}
	return clampIndex(index)
}

// IndexOf gives the quantizer index whose AC step is nearest to a step.
func IndexOf(step int) int {
	best := 0
	for i, s := range acSteps {
		if abs(int(s)-step) < abs(int(acSteps[best])-step) {
			best = i
		}
	}
	return best
}

func abs(v int) int { return max(v, -v) }
