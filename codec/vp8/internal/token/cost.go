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
	_     [6]byte
	// lookup, where the context is 0, has the low and the high bytes of the costs of all contexts as the kernels look them up: by
	// magnitude, 0 to 2 and then the end, and, 4 apart, by what is in front: a zero, magnitude 1, a larger one, and nothing.
	lookup [2][16]uint8
}

// Costs are the costs of tokens by kind of block, position and context.
type Costs [entropy.NumBlockKinds][16][3]PosCosts

// Set works out the costs for a frame's probabilities.
func (c *Costs) Set(probs *entropy.CoeffProbs) {
	for kind := range c {
		for pos := range c[kind] {
			here := &c[kind][pos]
			if pos > 0 && bands[pos] == bands[pos-1] {
				*here = c[kind][pos-1]
				continue
			}
			for ctx := range here {
				here[ctx].set(&probs[kind][bands[pos]][ctx])
			}
			setLookup(here)
		}
	}
}

func setLookup(here *[3]PosCosts) {
	for before := range 4 {
		p := &here[before%3] // nothing in front: context 0, as behind a zero
		costs := [4]int{p.Of(0), p.Of(1), p.Of(2), int(p.End)}
		for i, cost := range costs {
			if before == 0 {
				cost = max(cost-int(p.Goes), 0) // a block does not end there
			}
			here[0].lookup[0][4*before+i], here[0].lookup[1][4*before+i] = uint8(cost), uint8(cost>>8)
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
func (c *Costs) Block(kind, ctx, first int, end uint8, levels *[16]int16) int {
	costs := &c[kind&3]
	p := &costs[first&15][ctx]
	total, behindZero := 0, 0
	for pos := first; pos < int(end); pos++ {
		v := int(levels[ZigZag[pos&15]])
		v = max(v, -v)
		total += p.Of(v) - int(p.Goes)&behindZero
		behindZero = (v - 1) >> 63 // all bits, or none
		p = &costs[(pos+1)&15][min(v, 2)]
	}
	if end < 16 {
		total += int(p.End)
	}
	return total
}

// Luma is the cost of the tokens of a macroblock's luma blocks and, where there is one, of its Y2 block. It updates the contexts.
func (c *Costs) Luma(above, left *Context, hasY2 bool, levels *Coeffs, ends *Ends) int {
	if !hasY2 {
		return c.luma(entropy.BlockYWithDC, 0, above, left, levels, ends)
	}
	y2 := c.Block(entropy.BlockY2, int(above[8]+left[8]), 0, ends[Y2], levels.Block(Y2))
	above[8] = min(ends[Y2], 1)
	left[8] = above[8]
	return y2 + c.luma(entropy.BlockYAfterY2, 1, above, left, levels, ends)
}

func (c *Costs) lumaGo(kind, first int, above, left *Context, levels *Coeffs, ends *Ends) int {
	total := 0
	for b := range FirstU {
		total += c.Block(kind, ContextOf(above, left, b), first, ends[b], levels.Block(b))
		SetContext(above, left, b, ends[b])
	}
	return total
}

// Chroma is the cost of the tokens of a macroblock's chroma blocks. It updates the contexts.
func (c *Costs) Chroma(above, left *Context, levels *Coeffs, ends *Ends) int {
	return c.chroma(above, left, levels, ends)
}

func (c *Costs) chromaGo(above, left *Context, levels *Coeffs, ends *Ends) int {
	total := 0
	for b := FirstU; b < Y2; b++ {
		total += c.Block(entropy.BlockChroma, ContextOf(above, left, b), 0, ends[b], levels.Block(b))
		SetContext(above, left, b, ends[b])
	}
	return total
}
