package token

import (
	"encoding/binary"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// How tokens come into a partition:
//
//  1. Add turns the levels of each macroblock into the bools of their tokens, and notes with each which probability it has.
//  2. Count tells how often each came out false and true, for the probabilities to be chosen.
//  3. Write encodes them.

// Stream is the tokens of macroblocks as bools. The zero Stream has none; Reset one to reuse its memory.
//
// The probabilities are in rows of rowSize: one for each kind of block, band and context, which begins with the 11 of the token
// tree; then the extra bits of the categories that are long.
type Stream struct{ list boolcoder.List }

const (
	rowSize = 16
	numRows = entropy.NumBlockKinds * 8 * 3
	// Behind the tree's probabilities each row has that of the sign and those of the extra bits of the categories 1 and 2, so that
	// all bools of most tokens are in one row.
	signAt = 11
	cat1At = 12
	cat2At = 13
	// cat3Row is the row of the extra bits of category 3; those of 4 to 6 follow.
	cat3Row = numRows
)

// fixed has the probabilities that are the same in all frames, in their places.
var fixed = func() (t boolcoder.Table) {
	for row := range numRows {
		probs := t[row*rowSize:]
		probs[signAt] = 128
		copy(probs[cat1At:], extraBits[0])
		copy(probs[cat2At:], extraBits[1])
	}
	for i, extra := range extraBits[2:] {
		copy(t[(cat3Row+i)*rowSize:], extra)
	}
	return t
}()

// In a boolcoder.List, a row takes rowStep, and a context's row follows the one before.
const rowStep = 2 * rowSize

// appendLevel appends the bools of the token of a level, with the row that begins at row in steps of the list. flagged says that
// they begin with that the block does not end here.
func appendLevel(list boolcoder.List, row uint16, level int, flagged bool) boolcoder.List {
	add := func(row uint16, i int, bit bool) {
		c := row + uint16(2*i)
		if bit {
			c++
		}
		list = binary.LittleEndian.AppendUint16(list, c)
	}
	if flagged {
		add(row, 0, true)
	}
	tok, extra, n := split(max(level, -level))
	path := &paths[tok]
	for i := range int(path.Len) {
		add(row, 1+int(path.Node[i]), path.Bits>>(int(path.Len)-1-i)&1 != 0)
	}
	for i := range n {
		bit := extra>>(n-1-i)&1 != 0
		switch tok {
		case cat1:
			add(row, cat1At+i, bit)
		case cat2:
			add(row, cat2At+i, bit)
		default:
			add(uint16(cat3Row+tok-cat3)*rowStep, i, bit)
		}
	}
	if level != 0 {
		add(row, signAt, level < 0)
	}
	return list
}

// maxTokenBytes is what a token takes at most: the flag, 9 bools of the tree, 11 extra bits and the sign. maxMacroblockBytes is
// what a macroblock does, and what storing 8 bools at a time touches behind that.
const (
	maxTokenBytes      = 2 * (1 + 9 + 11 + 1)
	maxMacroblockBytes = NumBlocks*16*maxTokenBytes + 16
)

// shortLevel is the largest magnitude whose token has 8 bools at most: they are looked up. shortLevels counts these levels.
const (
	shortLevel  = 6
	shortLevels = 2*shortLevel + 1
)

// shortTokens are the bools of the levels from -shortLevel on in row 0, four a word, and how many bytes of them count; and, from
// shortLevels on, those that begin with that the block does not end here.
var shortTokens = func() (t [32]struct {
	bools [2]uint64
	bytes int
}) {
	for i := range 2 * shortLevels {
		list := appendLevel(nil, 0, i%shortLevels-shortLevel, i >= shortLevels)
		t[i].bytes = len(list)
		list = append(list, make([]byte, 16-len(list))...)
		t[i].bools = [2]uint64{binary.LittleEndian.Uint64(list), binary.LittleEndian.Uint64(list[8:])}
	}
	return t
}()

// everyBool times a row moves four bools from row 0 there.
const everyBool = 1<<48 | 1<<32 | 1<<16 | 1

// codedBlock is what the tokens of a block depend on, beside its levels.
type codedBlock struct {
	index       uint8      // of the block
	above, left uint8      // its entries in the Contexts
	first       uint8      // position of its first level
	rows        [32]uint16 // by position: the row of context 0; 17 are in use
}

// blocksWithY2 and blocksWithoutY2 are the blocks of a macroblock in coding order.
var blocksWithY2, blocksWithoutY2 = func() (with [NumBlocks]codedBlock, without [NumBlocks - 1]codedBlock) {
	block := func(b, kind, first int) codedBlock {
		c := codedBlock{index: uint8(b), above: aboveIndex[b], left: leftIndex[b], first: uint8(first)}
		for pos, band := range bands {
			c.rows[pos] = uint16(kind*8+int(band)) * 3 * rowStep
		}
		return c
	}
	with[0] = block(Y2, entropy.BlockY2, 0)
	for b := range Y2 {
		if b < FirstU {
			with[1+b], without[b] = block(b, entropy.BlockYAfterY2, 1), block(b, entropy.BlockYWithDC, 0)
		} else {
			with[1+b], without[b] = block(b, entropy.BlockChroma, 0), block(b, entropy.BlockChroma, 0)
		}
	}
	return with, without
}()

// codedBlocks are the blocks of a macroblock in coding order.
func codedBlocks(hasY2 bool) []codedBlock {
	if hasY2 {
		return blocksWithY2[:]
	}
	return blocksWithoutY2[:]
}

// Reset forgets all tokens and keeps their memory.
func (s *Stream) Reset() { s.list = s.list[:0] }

// Size is the bytes that the tokens take in memory.
func (s *Stream) Size() int { return len(s.list) }

// Reserve makes room for tokens of that size where there never were any: to grow step by step takes several times the memory, and
// fresh memory takes time.
func (s *Stream) Reserve(size int) {
	if s.list == nil {
		s.list = make(boolcoder.List, 0, size+maxMacroblockBytes)
	}
}

// Add appends a macroblock's tokens and updates the contexts. ends must be what End gives (of luma blocks behind a Y2, position 0
// does not count).
func (s *Stream) Add(above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) {
	n := len(s.list)
	if cap(s.list)-n < maxMacroblockBytes {
		s.list = append(make(boolcoder.List, 0, 2*cap(s.list)+maxMacroblockBytes), s.list...)
	}
	list := s.list[n : n+maxMacroblockBytes]
	i := 0
	blocks := codedBlocks(hasY2)
	for j := range blocks {
		b := &blocks[j]
		a, l := &above[b.above], &left[b.left]
		row := b.rows[b.first&31] + uint16(*a+*l)*rowStep
		if end := int(ends[b.index]); end == 0 {
			*a, *l = 0, 0
			i += putEnd(list[i:], row)
		} else {
			*a, *l = 1, 1
			i = b.put(list, i, row, c.Block(int(b.index)), end)
		}
	}
	s.list = s.list[:n+i]
}

// put puts the tokens of a block that has some to list[i:], the first one with the probabilities of a row, and returns where they
// end.
func (b *codedBlock) put(list boolcoder.List, i int, row uint16, levels *[16]int16, end int) int {
	flagged := shortLevels
	for pos := int(b.first); pos < end; pos++ {
		v := int(levels[ZigZag[pos&15]])
		if uint(v+shortLevel) < shortLevels {
			t := &shortTokens[(v+shortLevel+flagged)&31]
			to, rows := (*[16]byte)(list[i:]), uint64(row)*everyBool
			binary.LittleEndian.PutUint64(to[:8], t.bools[0]+rows)
			binary.LittleEndian.PutUint64(to[8:], t.bools[1]+rows)
			i += t.bytes
		} else {
			i = len(appendLevel(list[:i], row, v, flagged != 0))
		}
		flagged = 0 // a block does not end behind a zero
		if v != 0 {
			flagged = shortLevels
		}
		row = b.rows[(pos+1)&31] + uint16(min(max(v, -v), 2))*rowStep
	}
	if end < 16 {
		i += putEnd(list[i:], row)
	}
	return i
}

// putEnd puts that a block ends here, and returns the bytes that takes.
func putEnd(list boolcoder.List, row uint16) int {
	binary.LittleEndian.PutUint16(list, row)
	return 2
}

// Count adds how often each probability's bool is false and true.
func (s *Stream) Count(n *Counts) {
	for list := s.list; len(list) >= 2; list = list[2:] {
		n[binary.LittleEndian.Uint16(list)%(2*boolcoder.TableSize)]++
	}
}

// SetTable gives a table a frame's probabilities, for Write.
func SetTable(t *boolcoder.Table, probs *entropy.CoeffProbs) {
	*t = fixed
	row := 0
	for kind := range probs {
		for band := range probs[kind] {
			for ctx := range probs[kind][band] {
				copy(t[row*rowSize:], probs[kind][band][ctx][:])
				row++
			}
		}
	}
}

// Write encodes the tokens.
func (s *Stream) Write(w *boolcoder.Writer, t *boolcoder.Table) { w.List(s.list, t) }

// Counts are how often each bool came out false and true, in the places that a Stream has for it.
type Counts [2 * boolcoder.TableSize]uint32

// Of tells how often a bool of the token tree came out false and true.
func (n *Counts) Of(kind, band, ctx, node int) (falses, trues int) {
	i := 2 * (((kind*8+band)*3+ctx)*rowSize + node)
	return int(n[i]), int(n[i+1])
}
