// Package token has the coefficients of macroblocks and how they are read from and written to the token partitions
// (RFC 6386, section 13).
package token

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// Blocks of a macroblock, in coding order but for Y2, which comes first where there is one.
const (
	FirstU    = 16
	FirstV    = 20
	Y2        = 24
	NumBlocks = 25
)

// Coeffs are the quantized coefficients of a macroblock, 16 a block, in raster order (not zigzag).
type Coeffs [NumBlocks * 16]int16

// Block gives the coefficients of one block.
func (c *Coeffs) Block(b int) *[16]int16 { return (*[16]int16)(c[b*16:]) }

// Ends tell for each block how many of its coefficients, in zigzag order, were coded: the position after the last token.
// A luma block whose DC coefficient is in Y2 and that has no tokens has 0.
type Ends [NumBlocks]uint8

// Context of one side (above or left) of a macroblock: whether the nearest block of each line had tokens. Four luma lines, two
// of U, two of V, and Y2.
type Context [9]uint8

// ZigZag is the raster position of each coefficient in coding order.
var ZigZag = [16]uint8{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// Bands give the band of each coding position; the 17th entry stands for the end.
var Bands = [17]uint8{0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0}

// Probabilities of the extra bits of the token categories 1 to 6, most significant first.
var extraBits = [6][]uint8{
	{159},
	{165, 145},
	{173, 148, 140},
	{176, 155, 140, 135},
	{180, 157, 141, 134, 130},
	{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129},
}

// Smallest magnitudes of the categories 1 to 6, and the largest that can be coded.
const (
	cat1Min      = 5
	cat2Min      = 7
	cat3Min      = 11
	MaxMagnitude = 67 + 1<<11 - 1
)

// aboveIndex and leftIndex tell which entry of a Context belongs to a block.
var (
	aboveIndex = [NumBlocks]uint8{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8}
	leftIndex  = [NumBlocks]uint8{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8}
)

// Skip updates the contexts for a macroblock without coefficients. The Y2 context stays where there is no Y2 block.
func Skip(above, left *Context, hasY2 bool) {
	y2a, y2l := above[8], left[8]
	*above, *left = Context{}, Context{}
	if !hasY2 {
		above[8], left[8] = y2a, y2l
	}
}

// Read reads a macroblock's coefficients into c, which must be all zero, and tells whether there were any tokens.
func Read(r *boolcoder.Reader, probs *entropy.CoeffProbs, above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) bool {
	any := uint8(0)
	luma, first := &probs[entropy.BlockYWithDC], 0
	ends[Y2] = 0
	if hasY2 {
		end := readBlock(r, &probs[entropy.BlockY2], int(above[8]+left[8]), 0, c.Block(Y2))
		ends[Y2] = end
		above[8] = min(end, 1)
		left[8] = above[8]
		any |= end
		luma, first = &probs[entropy.BlockYAfterY2], 1
	}
	for b := range FirstU {
		a, l := &above[b&3], &left[b>>2]
		end := readBlock(r, luma, int(*a+*l), first, c.Block(b))
		ends[b] = end
		*a = min(end, 1)
		*l = *a
		any |= end
	}
	for b := FirstU; b < Y2; b++ {
		a, l := &above[aboveIndex[b]], &left[leftIndex[b]]
		end := readBlock(r, &probs[entropy.BlockChroma], int(*a+*l), 0, c.Block(b))
		ends[b] = end
		*a = min(end, 1)
		*l = *a
		any |= end
	}
	return any != 0
}

// readBlock reads one block's tokens from position n on and returns the position after the last one, or 0 for none.
func readBlock(r *boolcoder.Reader, probs *[8][3][11]uint8, ctx, n int, out *[16]int16) uint8 {
	p := &probs[Bands[n]][ctx]
	if !r.Bool(p[0]) {
		return 0
	}
	for {
		pos := ZigZag[n&15]
		n++
		if !r.Bool(p[1]) {
			if n == 16 {
				return 16
			}
			p = &probs[Bands[n]][0] // no end of block after a zero
			continue
		}
		v := 1
		ctx = 1
		if r.Bool(p[2]) {
			v = readLarge(r, p)
			ctx = 2
		}
		if r.Bool(128) {
			v = -v
		}
		out[pos] = int16(v)
		if n == 16 {
			return 16
		}
		p = &probs[Bands[n]][ctx]
		if !r.Bool(p[0]) {
			return uint8(n)
		}
	}
}

// readLarge reads the rest of a token of magnitude 2 or more.
func readLarge(r *boolcoder.Reader, p *[11]uint8) int {
	if !r.Bool(p[3]) {
		if !r.Bool(p[4]) {
			return 2
		}
		return 3 + r.Bit(p[5])
	}
	if !r.Bool(p[6]) {
		if !r.Bool(p[7]) {
			return cat1Min + r.Bit(extraBits[0][0])
		}
		v := r.Bit(extraBits[1][0]) << 1
		return cat2Min + v + r.Bit(extraBits[1][1])
	}
	cat := 0 // of the categories 3 to 6
	if r.Bool(p[8]) {
		cat = 2 + r.Bit(p[10])
	} else {
		cat = r.Bit(p[9])
	}
	v := 0
	for _, q := range extraBits[2+cat] {
		v = v<<1 | r.Bit(q)
	}
	return v + 3 + 8<<cat
}
