package token

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// End finds a block's end: the coding position after its last coefficient that is not zero, or 0.
func End(c *[16]int16) uint8 {
	for n := 15; n >= 0; n-- {
		if c[ZigZag[n]] != 0 {
			return uint8(n + 1)
		}
	}
	return 0
}

// visit calls f for each block of a macroblock in coding order and updates the contexts.
func visit(above, left *Context, hasY2 bool, ends *Ends, f func(b, kind, ctx, first int)) {
	block := func(b, kind, first int) {
		a, l := &above[aboveIndex[b]], &left[leftIndex[b]]
		f(b, kind, int(*a+*l), first)
		*a = min(ends[b], 1)
		*l = *a
	}
	luma, first := entropy.BlockYWithDC, 0
	if hasY2 {
		block(Y2, entropy.BlockY2, 0)
		luma, first = entropy.BlockYAfterY2, 1
	}
	for b := range FirstU {
		block(b, luma, first)
	}
	for b := FirstU; b < Y2; b++ {
		block(b, entropy.BlockChroma, 0)
	}
}

// ContextOf gives the context of a block.
func ContextOf(above, left *Context, b int) int {
	return int(above[aboveIndex[b]] + left[leftIndex[b]])
}

// SetContext says of a block whether it has tokens.
func SetContext(above, left *Context, b int, end uint8) {
	above[aboveIndex[b]] = min(end, 1)
	left[leftIndex[b]] = min(end, 1)
}

// Counts are how often each probability's bool came out false and true.
type Counts [entropy.NumBlockKinds][8][3][11][2]uint32

// Count counts the bools of a macroblock's tokens and updates the contexts.
func (n *Counts) Count(above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) {
	visit(above, left, hasY2, ends, func(b, kind, ctx, first int) {
		walk(c.Block(b), ends[b], ctx, first, func(pos, ctx, v int, flagged bool) {
			count := &n[kind][Bands[pos]][ctx]
			if flagged {
				goes := 1
				if v < 0 {
					goes = 0
				}
				count[0][goes]++
			}
			if v < 0 {
				return
			}
			tok := tokenOf[v]
			for i := range int(paths[tok].Len) {
				bit := paths[tok].Bits >> (paths[tok].Len - 1 - uint8(i)) & 1
				count[1+paths[tok].Node[i]][bit]++
			}
		})
	})
}

// tree is the part of the token tree behind the end-of-block flag; its probabilities are those from index 1 on.
var tree = []int8{-0, 2, -1, 4, 6, 10, -2, 8, -3, -4, 12, 14, -cat1, -cat2, 16, 18, -cat3, -(cat3 + 1), -(cat3 + 2), -cat6}

var paths = boolcoder.Paths(tree, numTokens)

// walk calls f for each token of a block: its coding position and context, the coefficient's magnitude or -1 for the end of the
// block, and whether it is flagged as not being that end.
func walk(c *[16]int16, end uint8, ctx, first int, f func(pos, ctx, v int, flagged bool)) {
	flagged := true
	for n := first; n < int(end); n++ {
		v := int(c[ZigZag[n]])
		v = max(v, -v)
		f(n, ctx, v, flagged)
		flagged = v != 0
		ctx = min(v, 2)
	}
	if end == 0 {
		f(first, ctx, -1, true)
	} else if end < 16 {
		f(int(end), ctx, -1, true)
	}
}

// Write writes a macroblock's coefficients and updates the contexts. ends must be what End gives (of luma blocks behind a Y2,
// position 0 does not count).
func Write(w *boolcoder.Writer, probs *entropy.CoeffProbs, above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) {
	visit(above, left, hasY2, ends, func(b, kind, ctx, first int) {
		block := c.Block(b)
		flagged := true
		for n := first; n < int(ends[b]); n++ {
			p := &probs[kind][Bands[n]][ctx]
			v := int(block[ZigZag[n]])
			negative := v < 0
			v = max(v, -v)
			if flagged {
				w.Bool(true, p[0])
			}
			writeLevel(w, p, v)
			if v != 0 {
				w.Flag(negative)
			}
			flagged = v != 0
			ctx = min(v, 2)
		}
		if ends[b] == 0 {
			w.Bool(false, probs[kind][Bands[first]][ctx][0])
		} else if ends[b] < 16 {
			w.Bool(false, probs[kind][Bands[ends[b]]][ctx][0])
		}
	})
}

func writeLevel(w *boolcoder.Writer, p *[11]uint8, v int) {
	tok, extra, bits := split(v)
	w.Path(&paths[tok], p[1:])
	for i := range bits {
		w.Bool(extra>>(bits-1-i)&1 != 0, extraBits[tok-cat1][i])
	}
}
