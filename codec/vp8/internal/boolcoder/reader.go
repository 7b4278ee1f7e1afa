// Package boolcoder is VP8's boolean entropy coder (RFC 6386, section 7): binary arithmetic coding with 8-bit probabilities.
//
// A probability p of 1 to 255 stands for a chance of p/256 that the bool is false.
package boolcoder

import "encoding/binary"

// Reader decodes bools from one partition. Past the end of its data it reads zero bytes, as RFC 6386 section 7.3 allows, and
// Overrun tells how many. A Reader is a value: a copy reads on from the same place, independently.
type Reader struct {
	data   []byte
	pos    int // next byte of data to load
	padded int // bits of zero that were loaded past the end of data
	run    Run
}

// Run is what each bool changes in a Reader, as a value that a loop can keep in registers: Begin gives it, and End puts it back.
// In between, Bool, AfterTrue, AfterFalse and Sign decode a bool each and return the Run behind it; Fill must come before Ready is
// false. Its fields are for kernels, which decode by themselves.
type Run struct {
	Window uint64 // bits loaded and not yet consumed, the next one at the top
	Range  uint32 // range - 1: 127 to 254
	Spare  int    // how many bits the window holds beyond the 8 that a decision compares; -8 where nothing is loaded
}

// NewReader returns a Reader at the start of a partition.
func NewReader(data []byte) Reader {
	return Reader{data: data, run: Run{Spare: -8, Range: 254}}
}

// Begin gives the Run of the next bool.
func (r *Reader) Begin() Run { return r.run }

// End goes on from a Run that began with Begin.
func (r *Reader) End(s Run) { r.run = s }

// Rest gives the data behind what was loaded.
func (r *Reader) Rest() []byte { return r.data[r.pos:] }

// EndAfter is End where the Run has loaded so many bytes by itself: those of Rest, and zeros behind them. Below the Spare bits, the
// window may have those that come next already.
func (r *Reader) EndAfter(s Run, loaded int) {
	r.run = s
	r.pos += loaded
	if beyond := r.pos - len(r.data); beyond > 0 {
		r.pos = len(r.data)
		r.padded += 8 * beyond
	}
}

// ReadyBools is how many bools a Run that is Ready has the bits for, at 7 each but for the last.
const ReadyBools = 4

// Ready tells whether ReadyBools can be decoded before the next Fill.
func (s Run) Ready() bool { return s.Spare >= (ReadyBools-1)*7 }

// Fill loads as many whole bytes as there is room for. The Run is Ready then.
func (r *Reader) Fill(s Run) Run {
	if r.pos+8 <= len(r.data) {
		// The window has 8+spare bits; room is counted in whole bytes.
		n := (56 - 8 - s.Spare) >> 3
		v := binary.BigEndian.Uint64(r.data[r.pos:]) >> (64 - 8*uint(n))
		s.Window |= v << (56 - 8*uint(n) - uint(s.Spare))
		r.pos += n
		s.Spare += 8 * n
		return s
	}
	for s.Spare <= 56-8-8 {
		var b uint64
		if r.pos < len(r.data) {
			b = uint64(r.data[r.pos])
			r.pos++
		} else {
			r.padded += 8
		}
		s.Window |= b << (48 - uint(s.Spare))
		s.Spare += 8
	}
	return s
}

// Bool decodes one bool whose probability of being false is p/256.
func (s Run) Bool(p uint8) (Run, bool) {
	cut := s.Range * uint32(p) >> 8
	big := uint64(cut+1) << 56
	bit := s.Window >= big
	if bit {
		s.Window -= big
		cut = s.Range - cut - 1
	}
	return s.AfterFalse(cut), bit
}

// Cut is where a bool of probability p cuts the range. True tells then what the bool is, and AfterTrue or AfterFalse, as it was,
// goes on behind it; so that a loop that branches on the bool does so once.
func (s Run) Cut(p uint8) uint32 { return s.Range * uint32(p) >> 8 }

// True tells whether the bool is true.
func (s Run) True(cut uint32) bool { return s.Window >= uint64(cut+1)<<56 }

// AfterTrue goes on behind a bool that is true.
func (s Run) AfterTrue(cut uint32) Run {
	s.Window -= uint64(cut+1) << 56
	return s.AfterFalse(s.Range - cut - 1)
}

// AfterFalse goes on behind a bool that is false.
func (s Run) AfterFalse(cut uint32) Run {
	shift := doublings[uint8(cut)]
	return Run{s.Window << (shift & 63), uint32(doubled[uint8(cut)]), s.Spare - int(shift)}
}

// Sign decodes a bool of even odds as 0 for false and -1 for true. It does not branch: nobody can foresee which it is.
func (s Run) Sign() (Run, int) {
	half := uint64(s.Range>>1+1) << 55
	isTrue := ^(int64(s.Window>>1-half) >> 63) // all bits, or none
	s.Window -= half << 1 & uint64(isTrue)
	return s.AfterFalse((s.Range + uint32(isTrue)) >> 1), int(isTrue) // rng>>1, or rng less that and 1
}

// Bool decodes one bool whose probability of being false is p/256.
func (r *Reader) Bool(p uint8) bool {
	s := r.run
	if s.Spare < 0 {
		s = r.Fill(s)
	}
	var bit bool
	r.run, bit = s.Bool(p)
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
	s := r.run
	for i := 0; ; {
		if s.Spare < 0 {
			s = r.Fill(s)
		}
		var bit bool
		if s, bit = s.Bool(probs[i>>1]); bit {
			i++
		}
		if i = int(tree[i]); i <= 0 {
			r.run = s
			return -i
		}
	}
}

// Overrun gives how many bits past the end of the data were consumed by decisions so far, 0 while all came from the data.
func (r *Reader) Overrun() int {
	// Of the padded bits, those still in the window were not consumed; the 8 bits under comparison count as not consumed.
	left := r.run.Spare + 8
	if over := r.padded - left; over > 0 {
		return over
	}
	return 0
}
