package quant

import (
	"math/bits"

	"salsify/codec/vp8/internal/token"
)

//go:generate go run -C ../_generate . quant

// Quantizer quantizes one kind of coefficient.
type Quantizer struct {
	Steps      [2]int16
	reciprocal [2]uint32     // 2^reciprocalShift / step, rounded up
	lanes      [3][16]uint16 // for the kernels, by coefficient: the steps, and the two factors of setLane
}

// reciprocalShift makes the quotient exact enough: with magnitudes below 2^16 and steps of at least 4 the error is below 2^-6.
const reciprocalShift = 24

// NewQuantizer prepares a quantizer for DC and AC steps.
func NewQuantizer(steps [2]int16) Quantizer {
	q := Quantizer{Steps: steps}
	for i, s := range steps {
		q.reciprocal[i] = (1<<reciprocalShift + uint32(s) - 1) / uint32(s)
	}
	for i := range q.lanes[0] {
		q.setLane(i, uint32(steps[min(i, 1)]))
	}
	return q
}

// setLane prepares what the kernel divides a coefficient by. Where 2^(n-1) < step <= 2^n, it multiplies with 2^(15+n)/step,
// rounded up, which has 16 bits, and shifts right by 15+n bits: 16 of them by keeping the upper half of the product, n-1 of them
// by a second multiplication of that sort. The quotient of a magnitude below 2^15 is exact, because rounding adds less than
// 2^15*1/2^(15+n) to it, which is no more than 1/step; that it is exact for the few above, too, is tested.
func (q *Quantizer) setLane(i int, step uint32) {
	n := bits.Len32(step - 1)
	q.lanes[0][i] = uint16(step)
	q.lanes[1][i] = uint16((1<<(15+n) + step - 1) / step)
	q.lanes[2][i] = uint16(1 << (16 - (n - 1)))
}

// Dead zones: what is added to a magnitude before it is cut down to whole steps, in 1/128 step. Half a step would be 64; less
// favours zeros and small levels, which cost fewer bits. Without a trellis, the one for inter residues, which are mostly noise,
// is smaller than that for intra ones.
const (
	RoundNearest = 64
	RoundIntra   = 48
	RoundInter   = 36
)

// maxRounding is less than a step, so that what is zero stays zero, and the most that the kernel is made for.
const maxRounding = 127

// Quantize divides coefficients from position first on by their steps into levels. It returns the block's end (token.End) and
// the squared error that it makes, in units of coefficients.
func (q *Quantizer) Quantize(c, levels *[16]int16, first, rounding int) (end uint8, squaredError int) {
	var ends [1]uint8
	squaredError = q.quantizeBlocks(c[:], levels[:], ends[:], first, rounding)
	return ends[0], squaredError
}

// QuantizeBlocks quantizes blocks that lie one behind the other, as many as there are ends. It returns the sum of their squared
// errors.
func (q *Quantizer) QuantizeBlocks(c, levels []int16, ends []uint8, first, rounding int) (squaredError int) {
	return q.quantizeBlocks(c, levels, ends, first, rounding)
}

func (q *Quantizer) quantizeBlocksGo(c, levels []int16, ends []uint8, first, rounding int) (squaredError int) {
	for b := range ends {
		end, e := q.quantizeGo((*[16]int16)(c[b*16:]), (*[16]int16)(levels[b*16:]), first, rounding)
		ends[b] = end
		squaredError += e
	}
	return squaredError
}

func (q *Quantizer) quantizeGo(c, levels *[16]int16, first, rounding int) (end uint8, squaredError int) {
	for n := first; n < 16; n++ {
		k := token.ZigZag[n]
		i := min(n, 1)
		step := int32(q.Steps[i])
		v := int32(c[k])
		m := v >> 31
		a := (v ^ m) - m
		l := int32(uint64(uint32(a)+uint32(step)*uint32(rounding)>>7) * uint64(q.reciprocal[i]) >> reciprocalShift)
		if l > token.MaxMagnitude {
			l = token.MaxMagnitude
		}
		if l != 0 {
			end = uint8(n + 1)
		}
		e := a - l*step
		squaredError += int(e) * int(e)
		levels[k] = int16((l ^ m) - m)
	}
	if first == 1 {
		levels[0] = 0
	}
	return end, squaredError
}

// Lambda weighs rate against distortion: the cost of a choice is distortion << DistortionShift + Lambda * rate, with distortion
// in squared pixels and rate in 1/256 bit. One unit is 1/16 squared pixel a bit.
type Lambda int

// Shifts that bring squared errors into the units of Lambda: of pixels, of coefficients (which are doubled by the transform) and
// of Y2 coefficients (doubled twice).
const (
	DistortionShift = 12
	CoeffShift      = DistortionShift - 2
	Y2Shift         = DistortionShift - 4
)

// Zeroes tells whether all coefficients with these peaks (the largest magnitude of the DC coefficients and that of the others; see
// transform.Peaks) have level 0. Coefficients that do not count are 0 there.
func (q *Quantizer) Zeroes(peaks [2]int, rounding int) bool {
	return peaks[0] <= q.deadZone(0, rounding) && peaks[1] <= q.deadZone(1, rounding)
}

// ZeroesWithin tells whether it is certain that all AC coefficients have level 0, from their energy (see transform.BoundLuma).
// Where it is not, they may still have.
func (q *Quantizer) ZeroesWithin(energy, rounding int) bool {
	zone := q.deadZone(1, rounding)
	return energy <= 4*zone*zone
}

// deadZone is the largest magnitude that has level 0: with what rounding adds, it is less than a step.
func (q *Quantizer) deadZone(i, rounding int) int {
	step := int(q.Steps[i])
	return step - 1 - step*rounding>>7
}
