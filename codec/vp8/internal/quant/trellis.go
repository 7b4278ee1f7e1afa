package quant

import "salsify/codec/vp8/internal/token"

// Trellis chooses the levels of a block that cost least in rate and distortion together: for each coefficient the nearest
// level, the one below it or zero, by dynamic programming over the contexts that the tokens are coded in. shift is CoeffShift or
// Y2Shift; costs are those of the block's kind. It returns the block's end.
func (q *Quantizer) Trellis(c, levels *[16]int16, first, ctx int, costs *[16][3]token.PosCosts, lambda Lambda, shift uint) (end uint8) {
	nearest, _ := q.Quantize(c, levels, first, RoundNearest)
	end, _ = q.TrellisFrom(nearest, c, levels, first, ctx, costs, lambda, shift)
	return end
}

// TrellisFrom is Trellis for a block whose levels are the nearest ones already, up to the end nearest, as QuantizeBlocks makes them
// with RoundNearest; those that cost less otherwise are replaced. Besides the end it returns the cost of its choice: lambda times
// the rate of the tokens, and what the squared error is above that of the nearest levels, shifted.
func (q *Quantizer) TrellisFrom(nearest uint8, c, levels *[16]int16, first, ctx int, costs *[16][3]token.PosCosts, lambda Lambda,
	shift uint) (end uint8, cost int) {
	none := int(lambda) * int(costs[first][ctx].End)
	if nearest == 0 {
		return 0, none
	}
	// The least costs of the levels so far, by the context that the last one leaves, with two bits below for the context that this
	// one is coded in. What is out of reach stays near unreachable, whatever is added to it.
	const bits, from = 2, 3
	lam := int(lambda) << bits
	shift += bits
	scores := [3]int{unreachable, unreachable, unreachable}
	scores[ctx] = 0
	s0, s1, s2 := scores[0], scores[1], scores[2]
	least, leastEnd, leastCtx := none<<bits, 0, 0
	var ways [16]way
	saved := 0 // what the nearest levels save of the squared error of none
	last := int(nearest) - 1
	for n := first; n <= last; n++ {
		k, pos := token.ZigZag[n&15]&15, &costs[n&15]
		if n > first {
			s0 -= lam * int(pos[0].Goes) // a token behind a zero does not say that the block goes on
		}
		zero := min(s0+lam*pos[0].Of(0), s1+lam*pos[1].Of(0)+1, s2+lam*pos[2].Of(0)+2)
		x := int(levels[k])
		if x == 0 {
			ways[n&15] = way(zero & from << fromZero)
			s0, s1, s2 = zero&^from, unreachable, unreachable
			// There is one way only to more zeros behind it.
			for n < last-1 && levels[token.ZigZag[(n+1)&15]&15] == 0 {
				n++
				pos := &costs[n&15][0]
				s0 += lam * (pos.Of(0) - int(pos.Goes))
			}
			continue
		}
		x = max(x, -x)
		// The nearest level and the one below it change the squared error of a zero by this.
		a, size := int(c[k]), int(q.Steps[min(n, 1)])
		a = max(a, -a)
		e := a - x*size
		change := e*e - a*a
		saved -= change
		one, two := unreachable, min(s0+lam*pos[0].Of(x), s1+lam*pos[1].Of(x)+1, s2+lam*pos[2].Of(x)+2)+change<<shift
		high := x
		if x == 1 {
			one, two = two, unreachable
		} else {
			e += size
			below := min(s0+lam*pos[0].Of(x-1), s1+lam*pos[1].Of(x-1)+1, s2+lam*pos[2].Of(x-1)+2) + (e*e-a*a)<<shift
			if x == 2 {
				one = below
			} else if below < two {
				two, high = below, x-1
			}
		}
		ways[n&15] = way(zero&from<<fromZero|one&from<<fromOne|two&from<<fromTwo) | 1<<levelBits | way(high)<<(2*levelBits)
		s0, s1, s2 = zero&^from, one&^from, two&^from
		one, two = s1, s2
		if n < 15 {
			one += lam * int(costs[n+1][1].End)
			two += lam * int(costs[n+1][2].End)
		}
		if one < least {
			least, leastEnd, leastCtx = one, n+1, 1
		}
		if two < least {
			least, leastEnd, leastCtx = two, n+1, 2
		}
	}
	for n := leastEnd; n <= last; n++ {
		levels[token.ZigZag[n&15]&15] = 0
	}
	for n, x := leastEnd-1, leastCtx; n >= first; n-- {
		k, w := token.ZigZag[n&15]&15, ways[n&15]
		sign := c[k] >> 15
		levels[k] = (w.level(x) ^ sign) - sign
		x = w.from(x)
	}
	return uint8(leastEnd), (least + saved<<shift) >> bits
}

// unreachable is more than any score, by far.
const unreachable = 1 << 60

// way is the best way to each context that the level at a position may leave: the magnitudes of the three levels, of 16 bits each,
// and the contexts that they are coded in, of 2 bits.
type way uint64

const (
	levelBits = 16
	fromZero  = 3 * levelBits // shifts
	fromOne   = fromZero + 2
	fromTwo   = fromOne + 2
)

func (w way) level(x int) int16 { return int16(w >> (uint(x) * levelBits & 63)) }
func (w way) from(x int) int    { return int(w >> ((fromZero + 2*uint(x)) & 63) & 3) }
