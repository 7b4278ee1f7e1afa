package boolcoder

import (
	"encoding/binary"
	"math/bits"
)

// Writer encodes bools into a partition. Reset one to reuse its memory.
//
// What is coded is a number, the lower end of an interval. Its bits wait in low until there are many, and leave together: so the
// carries that run into bytes that are out already are rare, and found once for all of those bits.
type Writer struct {
	buf     []byte
	low     uint64 // the lower end: pending bits, and below them those that the range is counted in
	rng     uint32 // range - 1: 127 to 254 between calls
	pending int    // bits of low above the rangeBits
}

const (
	// rangeBits: the range is counted in the lowest bits of low.
	rangeBits = 8
	// At flushAt pending bits or more, flushed bits leave. A bool adds 7 bits at most, and there may be a carry above them all:
	// low needs 47+7+8+1 bits.
	flushAt = 48
	flushed = 32
	// heldBack of the pending bits are never out: at the end, the flush of Finish pushes all others in front of them.
	heldBack = 16
)

// After each bool the range is doubled until it is at least 128. By the range - 1 before: the range - 1 then, and how many times
// it was doubled.
var doubled, doublings = func() (rng, shift [256]uint8) {
	for r := 1; r < len(rng); r++ {
		shift[r-1] = uint8(bits.LeadingZeros8(uint8(r)))
		rng[r-1] = uint8(r<<shift[r-1] - 1)
	}
	return rng, shift
}()

// Reset starts a new partition that is appended to buf.
func (w *Writer) Reset(buf []byte) { *w = Writer{buf: buf, rng: 254} }

// Bool encodes one bool whose probability of being false is p/256.
func (w *Writer) Bool(b bool, p uint8) {
	rng := w.rng * uint32(p) >> 8
	if b {
		w.low += uint64(rng + 1)
		rng = w.rng - rng - 1
	}
	w.rng = uint32(doubled[uint8(rng)])
	shift := doublings[uint8(rng)]
	w.low <<= shift & 63
	w.pending += int(shift)
	if w.pending >= flushAt {
		w.flush()
	}
}

// flush moves the highest pending bits to the buffer.
func (w *Writer) flush() {
	w.pending -= flushed
	at := uint(w.pending + rangeBits)
	out := w.low >> at
	if out>>flushed != 0 {
		w.carry()
	}
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(out))
	w.low &= 1<<at - 1
}

// carry adds one to the number that the bytes written so far are.
func (w *Writer) carry() {
	i := len(w.buf) - 1
	for w.buf[i] == 255 {
		w.buf[i] = 0
		i--
	}
	w.buf[i]++
}

// List is a list of bools to be encoded with the probabilities of a Table: 2 bytes each, the low one first, of twice the index of
// its probability, and 1 for true. It is of bytes so that several bools can be put there with one store.
type List []byte

// Table has the probabilities of a List.
type Table [TableSize]uint8

// TableSize is how many probabilities a Table has room for.
const TableSize = 2048

// List encodes a list of bools.
func (w *Writer) List(list List, probs *Table) {
	rng, low, pending := w.rng, w.low, w.pending
	for ; len(list) >= 2; list = list[2:] {
		c := binary.LittleEndian.Uint16(list)
		// What Bool does, but without a branch that depends on the bool: it would be mispredicted often.
		split := rng * uint32(probs[c>>1%TableSize]) >> 8
		isTrue := -uint32(c & 1) // all bits, or none
		low += uint64((split + 1) & isTrue)
		i := uint8((split ^ isTrue) + rng&isTrue) // split, or rng - split - 1
		rng = uint32(doubled[i])
		shift := doublings[i]
		low <<= shift & 63
		if pending += int(shift); pending >= flushAt {
			w.low, w.pending = low, pending
			w.flush()
			low, pending = w.low, w.pending
		}
	}
	w.rng, w.low, w.pending = rng, low, pending
}

// Flag encodes a bool of even odds.
func (w *Writer) Flag(b bool) { w.Bool(b, 128) }

// Literal encodes the n low bits of v, most significant bit first.
func (w *Writer) Literal(v, n int) {
	for n--; n >= 0; n-- {
		w.Bool(v>>uint(n)&1 != 0, 128)
	}
}

// Signed encodes an n-bit magnitude and a sign.
func (w *Writer) Signed(v, n int) {
	w.Literal(max(v, -v), n)
	w.Flag(v < 0)
}

// OptionalSigned encodes a flag that v is not 0 and then, where it is not, a Signed.
func (w *Writer) OptionalSigned(v, n int) {
	w.Flag(v != 0)
	if v != 0 {
		w.Signed(v, n)
	}
}

// Path is the way from a tree's root to a leaf: Len bools, the first in the highest of the low Len bits of Bits, and Node, for
// each, the index of its probability.
type Path struct {
	Bits uint16
	Len  uint8
	Node [16]uint8
}

// Paths lists the path to each leaf 0..n-1 of a tree in the form that Reader.Tree takes.
func Paths(tree []int8, n int) []Path {
	paths := make([]Path, n)
	var walk func(i int, p Path)
	walk = func(i int, p Path) {
		for b := range 2 {
			q := p
			q.Bits = p.Bits<<1 | uint16(b)
			q.Node[p.Len] = uint8(i >> 1)
			q.Len++
			if next := int(tree[i+b]); next > 0 {
				walk(next, q)
			} else {
				paths[-next] = q
			}
		}
	}
	walk(0, Path{})
	return paths
}

// Path encodes the bools of a path with the tree's probabilities.
func (w *Writer) Path(p *Path, probs []uint8) {
	for i := range int(p.Len) {
		w.Bool(p.Bits>>(uint(p.Len)-1-uint(i))&1 != 0, probs[p.Node[i]])
	}
}

// Len is how many bytes are out so far, whether Writer began with some or not; the last few bits are still held back.
func (w *Writer) Len() int { return len(w.buf) + max(w.pending-heldBack, 0)/8 }

// Finish ends the partition with enough bits that a decoder needs nothing behind it, and returns the buffer that Reset was
// given with the partition appended.
func (w *Writer) Finish() []byte {
	for range 32 {
		w.Bool(false, 128)
	}
	n := w.Len()
	w.low <<= flushAt - w.pending
	w.pending = flushAt
	w.flush()
	return w.buf[:n]
}
