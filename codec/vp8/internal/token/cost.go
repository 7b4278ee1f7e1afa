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
	if v < categoryMin[0] {
		return v, 0, 0
	}
	cat := len(categoryMin) - 1
	for v < categoryMin[cat] {
		cat--
	}
	return cat1 + cat, v - categoryMin[cat], len(extraBits[cat])
}

// PosCosts are the costs of the tokens at one coding position in one context. Level includes that the block does not end here.
type PosCosts struct {
	Level [numTokens]uint16
	End   uint16 // that the block ends here
	Goes  uint16 // that it does not; a token behind a zero saves this, because a block cannot end there
	// short are the costs of coefficients of the magnitudes below shortCosts: behind one that is not zero, and behind a zero.
	short [2][shortCosts]uint16
	_     [3]uint16 // to 64 bytes, for fast indexing
}

// shortCosts: costs of magnitudes below are looked up without their token.
const shortCosts = 8

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
	for v := range shortCosts {
		cost := uint16(c.Of(v))
		c.short[0][v], c.short[1][v] = cost, cost-c.Goes
	}
}

// Of is the cost of a coefficient of magnitude v.
func (c *PosCosts) Of(v int) int { return int(c.Level[tokenOf[v]]) + int(extraCost[v]) }

// Block is the cost of a block's tokens from position first up to its end.
func (c *Costs) Block(kind, ctx, first int, end uint8, levels *[16]int16) int {
	costs := &c[kind&3]
	p := &costs[first&15][ctx]
	total, behindZero := 0, 0
	for pos := first; pos < int(end); pos++ {
		v := int(levels[ZigZag[pos&15]])
		v = max(v, -v)
		if v < shortCosts {
			total += int(p.short[behindZero][v])
		} else {
			total += p.Of(v)
			if behindZero != 0 {
				total -= int(p.Goes)
			}
		}
		behindZero = 0
		if v == 0 {
			behindZero = 1
		}
		p = &costs[(pos+1)&15][min(v, 2)]
	}
	if end < 16 {
		total += int(p.End)
	}
	return total
}

// Luma is the cost of the luma blocks of a macroblock, with the Y2 block where there is one. It updates the contexts.
func (c *Costs) Luma(above, left *Context, hasY2 bool, levels *Coeffs, ends *Ends) int {
	total, kind, first := 0, entropy.BlockYWithDC, 0
	if hasY2 {
		total = c.Block(entropy.BlockY2, int(above[8]+left[8]), 0, ends[Y2], levels.Block(Y2))
		above[8] = min(ends[Y2], 1)
		left[8] = above[8]
		kind, first = entropy.BlockYAfterY2, 1
	}
	for b := range FirstU {
		a, l := &above[b&3], &left[b>>2]
		if end := ends[b]; end == 0 {
			total += int(c[kind][first][*a+*l].End)
			*a, *l = 0, 0
		} else {
			total += c.Block(kind, int(*a+*l), first, end, levels.Block(b))
			*a, *l = 1, 1
		}
	}
	return total
}

// Chroma is the cost of the chroma blocks of a macroblock. It updates the contexts.
func (c *Costs) Chroma(above, left *Context, levels *Coeffs, ends *Ends) int {
	total := 0
	for b := FirstU; b < Y2; b++ {
		a, l := &above[aboveIndex[b]], &left[leftIndex[b]]
		if end := ends[b]; end == 0 {
			total += int(c[entropy.BlockChroma][0][*a+*l].End)
			*a, *l = 0, 0
		} else {
			total += c.Block(entropy.BlockChroma, int(*a+*l), 0, end, levels.Block(b))
			*a, *l = 1, 1
		}
	}
	return total
}
