package token

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// Tokens: 0 to 4 are coefficients of that magnitude, then come six categories of larger ones.
const (
	cat1      = 5
	cat2      = 6
	cat3      = 7
	cat6      = 10
	numTokens = 11
)

// tokenOf and extraCost give, by magnitude, the token and the cost of what follows it: extra bits and the sign. Costs are in
// 1/256 bit throughout.
var tokenOf, extraCost = func() (tok [MaxMagnitude + 1]uint8, cost [MaxMagnitude + 1]uint16) {
	for v := range tok {
		t, extra, n := split(v)
		tok[v] = uint8(t)
		c := 0
		for i := range n {
			c += boolcoder.Cost(extra>>(n-1-i)&1 != 0, extraBits[t-cat1][i])
		}
		if v != 0 {
			c += boolcoder.Cost0(128)
		}
		cost[v] = uint16(c)
	}
	return tok, cost
}()

// split gives the token of a magnitude, and the number in its extra bits and how many these are.
func split(v int) (tok, extra, bits int) {
	switch {
	case v < cat1Min:
		return v, 0, 0
	case v < cat2Min:
		return cat1, v - cat1Min, 1
	case v < cat3Min:
		return cat2, v - cat2Min, 2
	}
	tok = cat3
	for tok < cat6 && v >= 3+8<<(tok-cat3+1) {
		tok++
	}
	return tok, v - 3 - 8<<(tok-cat3), len(extraBits[tok-cat1])
}

// PosCosts are the costs of the tokens at one coding position in one context. Level includes that the block does not end here.
type PosCosts struct {
	Level [numTokens]uint16
	End   uint16 // that the block ends here
	Goes  uint16 // that it does not; a token behind a zero saves this, because a block cannot end there
}

// Costs are the costs of tokens by kind of block, position and context.
type Costs [entropy.NumBlockKinds][16][3]PosCosts

// Set works out the costs for a frame's probabilities.
func (c *Costs) Set(probs *entropy.CoeffProbs) {
	for kind := range c {
		for pos := range c[kind] {
			for ctx := range c[kind][pos] {
				if pos > 0 && Bands[pos] == Bands[pos-1] {
					c[kind][pos][ctx] = c[kind][pos-1][ctx]
					continue
				}
				c[kind][pos][ctx].set(&probs[kind][Bands[pos]][ctx])
			}
		}
	}
}

func (c *PosCosts) set(p *[11]uint8) {
	cost0 := func(i int) uint16 { return uint16(boolcoder.Cost0(p[i])) }
	cost1 := func(i int) uint16 { return uint16(boolcoder.Cost1(p[i])) }
	c.End, c.Goes = cost0(0), cost1(0)
	nonZero := c.Goes + cost1(1)
	large := nonZero + cost1(2)
	category := large + cost1(3)
	c.Level = [numTokens]uint16{
		c.Goes + cost0(1),
		nonZero + cost0(2),
		large + cost0(3) + cost0(4),
		large + cost0(3) + cost1(4) + cost0(5),
		large + cost0(3) + cost1(4) + cost1(5),
		category + cost0(6) + cost0(7),
		category + cost0(6) + cost1(7),
		category + cost1(6) + cost0(8) + cost0(9),
		category + cost1(6) + cost0(8) + cost1(9),
		category + cost1(6) + cost1(8) + cost0(10),
		category + cost1(6) + cost1(8) + cost1(10),
	}
}

// Of is the cost of a coefficient of magnitude v.
func (c *PosCosts) Of(v int) int { return int(c.Level[tokenOf[v]]) + int(extraCost[v]) }

// Block is the cost of a block's tokens from position first up to its end.
func (c *Costs) Block(kind, ctx, first int, end uint8, coeffs *[16]int16) int {
	costs := &c[kind]
	if int(end) <= first {
		return int(costs[first][ctx].End)
	}
	total := 0
	afterZero := false
	for n := first; n < int(end); n++ {
		p := &costs[n][ctx]
		v := int(coeffs[ZigZag[n]])
		v = max(v, -v)
		total += p.Of(v)
		if afterZero {
			total -= int(p.Goes)
		}
		ctx = min(v, 2)
		afterZero = v == 0
	}
	if end < 16 {
		total += int(costs[end][ctx].End)
	}
	return total
}
