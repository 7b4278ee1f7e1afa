// Package boolcoder is VP8's boolean entropy coder (RFC 6386, section 7): binary arithmetic coding with 8-bit probabilities.
//
// A probability p of 1 to 255 stands for a chance of p/256 that the bool is false.
package boolcoder

import (
	"encoding/binary"
	"math/bits"
)

// Reader decodes bools from one partition. Past the end of its data it reads zero bytes, as RFC 6386 section 7.3 allows, and
// Overrun tells how many. A Reader is a value: a copy reads on from the same place, independently.
type Reader struct {
	data   []byte
	pos    int    // next byte of data to load
	window uint64 // bits loaded and not yet consumed, the next one at the top
	spare  int    // how many bits the window holds beyond the 8 that a decision compares
	rng    uint32 // range, 128 to 255 between calls
	padded int    // bits of zero that were loaded past the end of data
}

// NewReader returns a Reader at the start of a partition.
func NewReader(data []byte) Reader {
	return Reader{data: data, spare: -8, rng: 255}
}

// fill loads as many whole bytes as the window has room for.
func (r *Reader) fill() {
	if r.pos+8 <= len(r.data) {
		// The window has 8+spare bits; room is counted in whole bytes.
		n := (56 - 8 - r.spare) >> 3
		v := binary.BigEndian.Uint64(r.data[r.pos:]) >> (64 - 8*uint(n))
		r.window |= v << (56 - 8*uint(n) - uint(r.spare))
		r.pos += n
		r.spare += 8 * n
		return
	}
	for r.spare <= 56-8-8 {
		var b uint64
		if r.pos < len(r.data) {
			b = uint64(r.data[r.pos])
			r.pos++
		} else {
			r.padded += 8
		}
		r.window |= b << (48 - uint(r.spare))
		r.spare += 8
	}
}

// Bool decodes one bool whose probability of being false is p/256.
func (r *Reader) Bool(p uint8) bool {
	if r.spare < 0 {
		r.fill()
	}
	split := 1 + ((r.rng-1)*uint32(p))>>8
	big := uint64(split) << 56
	var bit bool
	if r.window >= big {
		r.rng -= split
		r.window -= big
		bit = true
	} else {
		r.rng = split
	}
	shift := bits.LeadingZeros8(uint8(r.rng))
	r.rng <<= uint(shift)
	r.window <<= uint(shift)
	r.spare -= shift
	return bit
}

// Bit decodes one bool of probability p as 0 or 1.
func (r *Reader) Bit(p uint8) int {
	if r.Bool(p) {
		return 1
	}
	return 0
}

// Flag decodes a bool of even odds: L(1) in the RFC's notation.
func (r *Reader) Flag() bool { return r.Bool(128) }

// Literal decodes an n-bit unsigned number, most significant bit first: L(n).
func (r *Reader) Literal(n int) int {
	v := 0
	for ; n > 0; n-- {
		v = v<<1 | r.Bit(128)
	}
	return v
}

// Signed decodes an n-bit magnitude and a sign: L(n) L(1).
func (r *Reader) Signed(n int) int {
	v := r.Literal(n)
	if r.Flag() {
		return -v
	}
	return v
}

// OptionalSigned decodes a flag and, where it is set, a Signed; 0 otherwise.
func (r *Reader) OptionalSigned(n int) int {
	if r.Flag() {
		return r.Signed(n)
	}
	return 0
}

// Tree decodes a value with a tree in the form of RFC 6386 section 8.1: entries come in pairs, a positive one is the index of
// the next pair, one that is not is a negated leaf. probs[i>>1] belongs to the pair at i.
func (r *Reader) Tree(tree []int8, probs []uint8) int {
	i := 0
	for {
		i = int(tree[i+r.Bit(probs[i>>1])])
		if i <= 0 {
			return -i
		}
	}
}

// Overrun gives how many bits past the end of the data were consumed by decisions so far, 0 while all came from the data.
func (r *Reader) Overrun() int {
	// Of the padded bits, those still in the window were not consumed; the 8 bits under comparison count as not consumed.
	left := r.spare + 8
	if over := r.padded - left; over > 0 {
		return over
	}
	return 0
}
