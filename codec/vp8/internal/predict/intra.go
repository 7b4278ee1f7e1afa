// Package predict makes the prediction of macroblocks: from their neighbours (intra, RFC 6386 section 12) and from reference
// pictures (inter, section 18).
package predict

import (
	"encoding/binary"

	"salsify/codec/vp8/internal/entropy"
)

// Intra predicts a size x size block (16 for luma, 8 for chroma) into dst from the pixels around pix[at]: the row above, the
// column to the left and the corner must be there, edges included (see picture.IntraEdge). DC prediction alone asks whether
// they are of the picture.
func Intra(dst []byte, dstStride int, pix []byte, at, stride, size int, mode uint8, hasAbove, hasLeft bool) {
	intra(dst, dstStride, pix, at, stride, size, mode, hasAbove, hasLeft)
}

// cornerOf gives the pixels from the corner on, after it has made sure that all are there that Intra reads and writes.
func cornerOf(dst []byte, dstStride int, pix []byte, at, stride, size int) []byte {
	corner := pix[at-stride-1:]
	_, _, _ = dst[(size-1)*dstStride:][:size], corner[:1+size], corner[stride:][(size-1)*stride]
	return corner
}

// intraGo is Intra without kernels.
func intraGo(dst []byte, dstStride int, pix []byte, at, stride, size int, mode uint8, hasAbove, hasLeft bool) {
	above := cornerOf(dst, dstStride, pix, at, stride, size)[1 : 1+size]
	switch mode {
	case entropy.DCPred:
		dc := intraDC(pix, at, stride, size, hasAbove, hasLeft)
		for y := range size {
			fillRow(dst[y*dstStride:][:size], dc)
		}
	case entropy.VPred:
		for y := range size {
			copy(dst[y*dstStride:][:size], above)
		}
	case entropy.HPred:
		for y := range size {
			fillRow(dst[y*dstStride:][:size], pix[at+y*stride-1])
		}
	case entropy.TMPred:
		corner := int32(pix[at-stride-1])
		for y := range size {
			l := int32(pix[at+y*stride-1]) - corner
			row := dst[y*dstStride:][:len(above)]
			for x, a := range above {
				row[x] = clip(l + int32(a))
			}
		}
	}
}

// fillRow sets the pixels of a row, a multiple of 8, to one value.
func fillRow(row []byte, v byte) {
	const each = 0x0101010101010101
	for ; len(row) >= 8; row = row[8:] {
		binary.LittleEndian.PutUint64(row, uint64(v)*each)
	}
}

func intraDC(pix []byte, at, stride, size int, hasAbove, hasLeft bool) byte {
	sum, n := 0, 0
	if hasAbove {
		for _, a := range pix[at-stride : at-stride+size] {
			sum += int(a)
		}
		n += size
	}
	if hasLeft {
		for y := range size {
			sum += int(pix[at+y*stride-1])
		}
		n += size
	}
	if n == 0 {
		return 128
	}
	return byte((sum + n/2) / n)
}

// Edge are the pixels around a 4x4 block, from the bottom of the left column up to the corner (Edge[4]) and on along the row
// above to 4 pixels beyond the block.
type Edge [13]byte

// Gather collects the edge of the block at pix[at]; the 4 pixels above and to the right come from aboveRight.
func (e *Edge) Gather(pix []byte, at, stride int, aboveRight []byte) {
	e[0], e[1], e[2], e[3] = pix[at+3*stride-1], pix[at+2*stride-1], pix[at+stride-1], pix[at-1]
	copy(e[4:9], pix[at-stride-1:at-stride+4])
	copy(e[9:13], aboveRight[:4])
}

// Intra4x4 predicts a 4x4 luma block into dst (RFC 6386, section 12.3).
func Intra4x4(dst []byte, stride int, e *Edge, mode uint8) {
	r0, r1, r2, r3 := dst[:4:4], dst[stride:stride+4:stride+4], dst[2*stride:2*stride+4:2*stride+4], dst[3*stride:3*stride+4:3*stride+4]
	// avg3 of three neighbours along the edge, around index i; avg2 of i and i+1.
	avg3 := func(i int) byte { return byte((int(e[i-1]) + 2*int(e[i]) + int(e[i+1]) + 2) >> 2) }
	avg2 := func(i int) byte { return byte((int(e[i]) + int(e[i+1]) + 1) >> 1) }
	switch mode {
	case entropy.BDCPred:
		sum := 4
		for i := range 4 {
			sum += int(e[i]) + int(e[5+i])
		}
		dc := byte(sum >> 3)
		for i := range 4 {
			r0[i], r1[i], r2[i], r3[i] = dc, dc, dc, dc
		}
	case entropy.BTMPred:
		corner := int32(e[4])
		for i := range 4 {
			a := int32(e[5+i]) - corner
			r0[i], r1[i], r2[i], r3[i] = clip(a+int32(e[3])), clip(a+int32(e[2])), clip(a+int32(e[1])), clip(a+int32(e[0]))
		}
	case entropy.BVEPred:
		for i := range 4 {
			v := avg3(5 + i)
			r0[i], r1[i], r2[i], r3[i] = v, v, v, v
		}
	case entropy.BHEPred:
		h0, h1, h2 := avg3(3), avg3(2), avg3(1)
		h3 := byte((int(e[1]) + 3*int(e[0]) + 2) >> 2)
		for i := range 4 {
			r0[i], r1[i], r2[i], r3[i] = h0, h1, h2, h3
		}
	case entropy.BLDPred:
		v := [7]byte{avg3(6), avg3(7), avg3(8), avg3(9), avg3(10), avg3(11), byte((int(e[11]) + 3*int(e[12]) + 2) >> 2)}
		copy(r0, v[0:4])
		copy(r1, v[1:5])
		copy(r2, v[2:6])
		copy(r3, v[3:7])
	case entropy.BRDPred:
		v := [7]byte{avg3(1), avg3(2), avg3(3), avg3(4), avg3(5), avg3(6), avg3(7)}
		copy(r3, v[0:4])
		copy(r2, v[1:5])
		copy(r1, v[2:6])
		copy(r0, v[3:7])
	case entropy.BVRPred:
		r3[0] = avg3(2)
		r2[0] = avg3(3)
		r1[0] = avg3(4)
		r3[1] = r1[0]
		r0[0] = avg2(4)
		r2[1] = r0[0]
		r1[1] = avg3(5)
		r3[2] = r1[1]
		r0[1] = avg2(5)
		r2[2] = r0[1]
		r1[2] = avg3(6)
		r3[3] = r1[2]
		r0[2] = avg2(6)
		r2[3] = r0[2]
		r1[3] = avg3(7)
		r0[3] = avg2(7)
	case entropy.BVLPred:
		r0[0] = avg2(5)
		r1[0] = avg3(6)
		r0[1] = avg2(6)
		r2[0] = r0[1]
		r1[1] = avg3(7)
		r3[0] = r1[1]
		r0[2] = avg2(7)
		r2[1] = r0[2]
		r1[2] = avg3(8)
		r3[1] = r1[2]
		r0[3] = avg2(8)
		r2[2] = r0[3]
		r1[3] = avg3(9)
		r3[2] = r1[3]
		r2[3] = avg3(10)
		r3[3] = avg3(11)
	case entropy.BHDPred:
		r3[0] = avg2(0)
		r3[1] = avg3(1)
		r2[0] = avg2(1)
		r3[2] = r2[0]
		r2[1] = avg3(2)
		r3[3] = r2[1]
		r1[0] = avg2(2)
		r2[2] = r1[0]
		r1[1] = avg3(3)
		r2[3] = r1[1]
		r0[0] = avg2(3)
		r1[2] = r0[0]
		r0[1] = avg3(4)
		r1[3] = r0[1]
		r0[2] = avg3(5)
		r0[3] = avg3(6)
	case entropy.BHUPred:
		r0[0] = avg2(2)
		r0[1] = avg3(2)
		r0[2] = avg2(1)
		r1[0] = r0[2]
		r0[3] = avg3(1)
		r1[1] = r0[3]
		r1[2] = avg2(0)
		r2[0] = r1[2]
		r1[3] = byte((int(e[1]) + 3*int(e[0]) + 2) >> 2)
		r2[1] = r1[3]
		bottom := e[0]
		r2[2], r2[3] = bottom, bottom
		r3[0], r3[1], r3[2], r3[3] = bottom, bottom, bottom, bottom
	}
}

func clip(v int32) byte {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return byte(v)
}
