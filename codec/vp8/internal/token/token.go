// Package token has the coefficients of macroblocks and how they are read from and written to the token partitions
// (RFC 6386, section 13).
package token

//go:generate go run -C ../_generate . token

import (
	"encoding/binary"

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

// Luma tells whether any block of luma, or Y2, has tokens.
func (e *Ends) Luma() bool {
	return binary.LittleEndian.Uint64(e[:])|binary.LittleEndian.Uint64(e[8:])|uint64(e[Y2]) != 0
}

// Chroma tells whether any block of chroma has tokens.
func (e *Ends) Chroma() bool { return binary.LittleEndian.Uint64(e[FirstU:]) != 0 }

// Blocks tells how many blocks have tokens.
func (e *Ends) Blocks() int {
	n := min(uint64(e[Y2]), 1)
	for i := 0; i < Y2; i += 8 {
		n += notZero(binary.LittleEndian.Uint64(e[i:])) * byteOnes >> 56 // the sum of the bytes
	}
	return int(n)
}

// byteOnes has a 1 in each byte.
const byteOnes = 0x0101010101010101

// notZero gives for each byte up to 128 whether it is not 0.
func notZero(bytes uint64) uint64 { return (bytes + 127*byteOnes) >> 7 & byteOnes }

// Context of one side (above or left) of a macroblock: whether the nearest block of each line had tokens. Four luma lines, two
// of U, two of V, and Y2.
type Context [9]uint8

// ZigZag is the raster position of each coefficient in coding order.
var ZigZag = [16]uint8{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// bands give the band of each coding position; the 17th entry stands for the end.
var bands = [17]uint8{0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0}

// Probabilities of the extra bits of the token categories 1 to 6, most significant first.
var extraBits = [6][]uint8{
	{159},
	{165, 145},
	{173, 148, 140},
	{176, 155, 140, 135},
	{180, 157, 141, 134, 130},
	{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129},
}

// categoryMin are the smallest magnitudes of the categories 1 to 6.
var categoryMin = [6]int{5, 7, 11, 19, 35, 67}

// MaxMagnitude is the largest that can be coded.
const MaxMagnitude = 67 + 1<<11 - 1

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
	return read(r, probs, above, left, hasY2, c, ends)
}

// readGo is Read.
func readGo(r *boolcoder.Reader, probs *entropy.CoeffProbs, above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) bool {
	any := uint8(0)
	luma, first := &probs[entropy.BlockYWithDC], 0
	ends[Y2] = 0
	s := r.Begin()
	var end uint8
	if hasY2 {
		s, end = readBlock(r, s, &probs[entropy.BlockY2], above[8]+left[8], 0, c.Block(Y2))
		ends[Y2] = end
		above[8] = min(end, 1)
		left[8] = above[8]
		any |= end
		luma, first = &probs[entropy.BlockYAfterY2], 1
	}
	for b := range FirstU {
		a, l := &above[b&3], &left[b>>2]
		s, end = readBlock(r, s, luma, *a+*l, first, c.Block(b))
		ends[b] = end
		*a = min(end, 1)
		*l = *a
		any |= end
	}
	for b := FirstU; b < Y2; b++ {
		a, l := &above[aboveIndex[b]], &left[leftIndex[b]]
		s, end = readBlock(r, s, &probs[entropy.BlockChroma], *a+*l, 0, c.Block(b))
		ends[b] = end
		*a = min(end, 1)
		*l = *a
		any |= end
	}
	r.End(s)
	return any != 0
}

// readBlock reads one block's tokens from position n on and returns the position after the last one, or 0 for none.
func readBlock(r *boolcoder.Reader, s boolcoder.Run, probs *[8][3][11]uint8, ctx uint8, n int, out *[16]int16) (boolcoder.Run, uint8) {
	if !s.Ready() {
		s = r.Fill(s)
	}
	p := &probs[bands[n]][ctx]
	cut := s.Cut(p[0])
	if !s.True(cut) {
		return s.AfterFalse(cut), 0
	}
	s = s.AfterTrue(cut)
	for {
		if cut = s.Cut(p[1]); !s.True(cut) {
			s = s.AfterFalse(cut)
			if n++; n == 16 {
				return s, 16
			}
			p = &probs[bands[n]][0] // no end of block after a zero
			if !s.Ready() {
				s = r.Fill(s)
			}
			continue
		}
		s = s.AfterTrue(cut)
		v := 1
		next := 1
		if cut = s.Cut(p[2]); s.True(cut) {
			s, v = readLarge(r, s.AfterTrue(cut), p)
			next = 2
		} else {
			s = s.AfterFalse(cut)
		}
		var sign int
		s, sign = s.Sign()
		out[ZigZag[n&15]] = int16((v ^ sign) - sign)
		if n++; n == 16 {
			return s, 16
		}
		p = &probs[bands[n]][next]
		if !s.Ready() {
			s = r.Fill(s)
		}
		if cut = s.Cut(p[0]); !s.True(cut) {
			return s.AfterFalse(cut), uint8(n)
		}
		s = s.AfterTrue(cut)
	}
}

// readLarge reads the rest of a token of magnitude 2 or more, up to its sign.
func readLarge(r *boolcoder.Reader, s boolcoder.Run, p *[11]uint8) (boolcoder.Run, int) {
	s = r.Fill(s)
	var bit bool
	if s, bit = s.Bool(p[3]); !bit {
		if s, bit = s.Bool(p[4]); !bit {
			return s, 2
		}
		if s, bit = s.Bool(p[5]); !bit {
			return s, 3
		}
		return s, 4
	}
	cat := 0
	if s, bit = s.Bool(p[6]); !bit {
		if s, bit = s.Bool(p[7]); bit {
			cat = 1
		}
	} else if s, bit = s.Bool(p[8]); !bit {
		cat = 2
		if s, bit = s.Bool(p[9]); bit {
			cat = 3
		}
	} else {
		cat = 4
		if s, bit = s.Bool(p[10]); bit {
			cat = 5
		}
	}
	v := 0
	for _, q := range extraBits[cat] {
		s, bit = r.Fill(s).Bool(q)
		v <<= 1
		if bit {
			v++
		}
	}
	return r.Fill(s), v + categoryMin[cat]
}
