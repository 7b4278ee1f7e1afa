package boolcoder

import "math/bits"

// Writer encodes bools into a partition. Reset one to reuse its memory.
type Writer struct {
	buf    []byte
	low    uint32 // bottom of the interval, below the bytes already out
	rng    uint32 // range, 128 to 255 between calls
	toByte int    // shifts left until the next whole byte, counted up from -24
}

// Reset starts a new partition that is appended to buf.
func (w *Writer) Reset(buf []byte) { *w = Writer{buf: buf, rng: 255, toByte: -24} }

// Bool encodes one bool whose probability of being false is p/256.
func (w *Writer) Bool(b bool, p uint8) {
	split := 1 + ((w.rng-1)*uint32(p))>>8
	if b {
		w.low += split
		w.rng -= split
		// A carry out of the 32 bits cannot happen: low has at most 24+8 bits in use, and a carry out of the bits that
		// are already bytes is done below, when the next byte leaves.
	} else {
		w.rng = split
	}
	shift := bits.LeadingZeros8(uint8(w.rng))
	w.rng <<= uint(shift)
	w.toByte += shift
	if w.toByte < 0 {
		w.low <<= uint(shift)
		return
	}
	first := uint(shift - w.toByte)
	if (w.low<<(first-1))&(1<<31) != 0 {
		w.carry()
	}
	w.buf = append(w.buf, byte(w.low>>(24-first)))
	w.low = (w.low << first) & 0xffffff << uint(w.toByte)
	w.toByte -= 8
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
func (w *Writer) Len() int { return len(w.buf) }

// Finish ends the partition with enough bits that a decoder needs nothing behind it, and returns the buffer that Reset was
// given with the partition appended.
func (w *Writer) Finish() []byte {
	for range 32 {
		w.Bool(false, 128)
	}
	return w.buf
}
