package predict

import (
	"encoding/binary"
	"math/bits"

	"salsify/codec/vp8/internal/entropy"
)

// Intra4x4All makes the predictions of a 4x4 luma block in all modes, 4 pixels a row: what Intra4x4 makes of each.
func Intra4x4All(out *[entropy.NumBModes][16]byte, e *Edge) { intra4x4All(out, e) }

// intra4x4AllGo is Intra4x4All. Most modes take the same means of two and of three neighbours along the edge; they are worked out
// once, eight to a word of 64 bits.
func intra4x4AllGo(out *[entropy.NumBModes][16]byte, e *Edge) {
	const each = 0x01010101 // times a byte: four of them
	put := func(mode int, r0, r1, r2, r3 uint32) {
		binary.LittleEndian.PutUint64(out[mode][:8], uint64(r0)|uint64(r1)<<32)
		binary.LittleEndian.PutUint64(out[mode][8:], uint64(r2)|uint64(r3)<<32)
	}
	// The edge from 0 to 7 and from 5 to 12. Its ends are repeated where a mean of three takes one more.
	first, last := binary.LittleEndian.Uint64(e[:8]), binary.LittleEndian.Uint64(e[5:13])
	before, after := first<<8|uint64(e[0]), first>>8|uint64(e[8])<<56
	beforeLast, afterLast := last<<8|uint64(e[4]), last>>8|uint64(e[12])<<56
	// The means of i and i+1, and those around i: from 0 to 7 and from 5 to 12.
	two, twoLast := meanUp(first, after), meanUp(last, afterLast)
	three, threeLast := meanUp(first, meanDown(before, after)), meanUp(last, meanDown(beforeLast, afterLast))

	left, above := uint32(first), uint32(last)
	const even = 0x00ff00ff
	sum := left&even + left>>8&even + above&even + above>>8&even
	dc := (sum + sum>>16 + 4) & 0xffff >> 3 * each
	put(entropy.BDCPred, dc, dc, dc, dc)

	corner := int32(e[4])
	tm := &out[entropy.BTMPred]
	for y := range 4 {
		l := int32(e[3-y]) - corner
		row := tm[4*y:][:4]
		row[0], row[1], row[2], row[3] = clip(l+int32(e[5])), clip(l+int32(e[6])), clip(l+int32(e[7])), clip(l+int32(e[8]))
	}

	v := uint32(threeLast)
	put(entropy.BVEPred, v, v, v, v)

	put(entropy.BHEPred, uint32(three>>24&255)*each, uint32(three>>16&255)*each, uint32(three>>8&255)*each, uint32(three&255)*each)

	put(entropy.BLDPred, uint32(threeLast>>8), uint32(threeLast>>16), uint32(threeLast>>24), uint32(threeLast>>32))

	put(entropy.BRDPred, uint32(three>>32), uint32(three>>24), uint32(three>>16), uint32(three>>8))

	r0, r1 := uint32(two>>32), uint32(three>>32)
	put(entropy.BVRPred, r0, r1, r0<<8|uint32(three>>24&255), r1<<8|uint32(three>>16&255))

	r0, r1 = uint32(twoLast), uint32(threeLast>>8)
	put(entropy.BVLPred, r0, r1, r0>>8|uint32(threeLast>>40)<<24, r1>>8|uint32(threeLast>>48)<<24)

	// Up along the left column the two means take turns.
	turns := spread(uint32(two)) | spread(uint32(three>>8))<<8
	put(entropy.BHDPred, uint32(turns>>48)|uint32(three>>40)<<16, uint32(turns>>32), uint32(turns>>16), uint32(turns))

	bottom := uint64(e[0]) * 0x0101
	turns = bits.ReverseBytes64((spread(uint32(three))|spread(uint32(two))<<8)<<16 | bottom)
	put(entropy.BHUPred, uint32(turns), uint32(turns>>16), uint32(turns>>32), uint32(e[0])*each)
}

// low7 masks, after a shift by 1, what came in from the neighbouring byte.
const low7 = 0x7f7f7f7f7f7f7f7f

// meanUp gives the means of bytes, rounded up.
func meanUp(x, y uint64) uint64 { return (x | y) - (x^y)>>1&low7 }

// meanDown gives the means of bytes, rounded down.
func meanDown(x, y uint64) uint64 { return x&y + (x^y)>>1&low7 }

// spread puts each byte of a word into the low half of 16 bits.
func spread(x uint32) uint64 {
	v := uint64(x)
	v = (v | v<<16) & 0x0000ffff0000ffff
	return (v | v<<8) & 0x00ff00ff00ff00ff
}
