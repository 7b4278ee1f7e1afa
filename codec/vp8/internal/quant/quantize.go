package quant

import (
	"math/bits"

	"salsify/codec/vp8/internal/token"
)

//go:generate go run -C ../_generate . quant

// Quantizer quantizes one kind of coefficient.
type Quantizer struct {
	Steps      [2]int16
	reciprocal [2]uint32    // 2^reciprocalShift / step, rounded up
	lanes      [3][8]uint16 // for the kernel, by coefficient: the steps, and the two factors of setLanes
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

// Trellis chooses the levels of a block that cost least in rate and distortion together: for each coefficient the nearest
// level, the one below it or zero, by dynamic programming over the contexts that the tokens are coded in. shift is CoeffShift or
// Y2Shift; costs are those of the block's kind. It returns the block's end.
func (q *Quantizer) Trellis(c, levels *[16]int16, first, ctx int, costs *[16][3]token.PosCosts, lambda Lambda, shift uint) (end uint8) {
	var nearest [16]int16
	last, _ := q.Quantize(c, &nearest, first, RoundNearest)
	*levels = [16]int16{}
	if last == 0 {
		return 0
	}
	lam := int(lambda)
	// scores[x] is the least cost of the levels so far where the last one leaves context x. What is out of reach stays near
	// unreachable, whatever is added to it.
	scores := [3]int{unreachable, unreachable, unreachable}
	scores[ctx] = 0
	var steps [16]trellisStep
	bestEnd, bestCtx := 0, 0
	bestScore := lam * int(costs[first][ctx].End)
	for n := first; n < int(last); n++ {
		k := token.ZigZag[n]
		pos, st := &costs[n], &steps[n]
		if n > first {
			scores[0] -= lam * int(pos[0].Goes) // a token behind a zero does not say that the block goes on
		}
		x := int(nearest[k])
		x = max(x, -x)
		zero, zeroFrom := cheapest(&scores, pos, lam, 0)
		st.from[0] = zeroFrom
		if x == 0 {
			scores = [3]int{zero, unreachable, unreachable}
			continue
		}
		// The nearest level and the one below it change the squared error of a zero by this.
		a, size := int(c[k]), int(q.Steps[min(n, 1)])
		a = max(a, -a)
		e := a - x*size
		change := (e*e - a*a) << shift
		e += size
		changeBelow := (e*e - a*a) << shift
		one, two := unreachable, unreachable
		score, from := cheapest(&scores, pos, lam, x)
		score += change
		if x == 1 {
			one = score
			st.level[1], st.from[1] = 1, from
		} else {
			below, belowFrom := cheapest(&scores, pos, lam, x-1)
			below += changeBelow
			switch {
			case x == 2:
				one, two = below, score
				st.level[1], st.from[1] = 1, belowFrom
				st.level[2], st.from[2] = 2, from
			case below < score || below == score && belowFrom < from:
				two = below
				st.level[2], st.from[2] = int16(x-1), belowFrom
			default:
				two = score
				st.level[2], st.from[2] = int16(x), from
			}
		}
		scores = [3]int{zero, one, two}
		if n < 15 {
			one += lam * int(costs[n+1][1].End)
			two += lam * int(costs[n+1][2].End)
		}
		if one < bestScore {
			bestScore, bestEnd, bestCtx = one, n+1, 1
		}
		if two < bestScore {
			bestScore, bestEnd, bestCtx = two, n+1, 2
		}
	}
	x := bestCtx
	for n := bestEnd - 1; n >= first; n-- {
		k := token.ZigZag[n]
		l := steps[n].level[x]
		if c[k] < 0 {
			l = -l
		}
		levels[k] = l
		x = int(steps[n].from[x])
	}
	return uint8(bestEnd)
}

// unreachable is more than any score, by far.
const unreachable = 1 << 62

// trellisStep is the best way to each context that the level at a position may leave.
type trellisStep struct {
	level [3]int16
	from  [3]uint8 // the context that it is coded in
}

// cheapest gives the context in which a level costs least, with what was spent to get there.
func cheapest(scores *[3]int, pos *[3]token.PosCosts, lam, level int) (score int, from uint8) {
	score = scores[0] + lam*pos[0].Of(level)
	if t := scores[1] + lam*pos[1].Of(level); t < score {
		score, from = t, 1
	}
	if t := scores[2] + lam*pos[2].Of(level); t < score {
		score, from = t, 2
	}
	return score, from
}

// SquaredError is what Quantize would return for these levels.
func (q *Quantizer) SquaredError(c, levels *[16]int16, first int) int {
	sum := 0
	if first == 0 {
		e := int(c[0]) - int(levels[0])*int(q.Steps[0])
		sum = e * e
	}
	for i := 1; i < 16; i++ {
		e := int(c[i]) - int(levels[i])*int(q.Steps[1])
		sum += e * e
	}
	return sum
}
