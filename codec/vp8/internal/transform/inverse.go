// Package transform has VP8's transforms: the 4x4 DCT of residues and the Walsh-Hadamard transform of luma DC coefficients,
// inverse (RFC 6386, section 14, exact) and forward (the encoder's own).
package transform

// Factors of the inverse DCT in 16.16 fixed point: sqrt(2)*cos(pi/8) - 1 and sqrt(2)*sin(pi/8).
const (
	cosLess1 = 20091
	sin      = 35468
)

// inverseWHTGo turns the 16 dequantized coefficients of a Y2 block into the DC coefficients of the 16 luma blocks (section 14.3).
func inverseWHTGo(in, dcs *[16]int16) {
	var t [16]int32
	for i := range 4 {
		a1, b1 := int32(in[i])+int32(in[12+i]), int32(in[4+i])+int32(in[8+i])
		c1, d1 := int32(in[4+i])-int32(in[8+i]), int32(in[i])-int32(in[12+i])
		t[i], t[4+i], t[8+i], t[12+i] = a1+b1, c1+d1, a1-b1, d1-c1
	}
	for i := 0; i < 16; i += 4 {
		a1, b1 := t[i]+t[i+3], t[i+1]+t[i+2]
		c1, d1 := t[i+1]-t[i+2], t[i]-t[i+3]
		dcs[i] = int16((a1 + b1 + 3) >> 3)
		dcs[i+1] = int16((c1 + d1 + 3) >> 3)
		dcs[i+2] = int16((a1 - b1 + 3) >> 3)
		dcs[i+3] = int16((d1 - c1 + 3) >> 3)
	}
}

// DequantizedWHT turns the levels of a Y2 block, with the steps of the DC coefficient and of the others, into the DC coefficients
// of the 16 luma blocks.
func DequantizedWHT(levels *[16]int16, steps [2]int16, dcs *[16]int16) {
	dequantizedWHT(levels, steps, dcs)
}

func dequantizedWHTGo(levels *[16]int16, steps [2]int16, dcs *[16]int16) {
	var c [16]int16
	for i, l := range levels {
		c[i] = l * steps[min(i, 1)]
	}
	inverseWHTGo(&c, dcs)
}

// addDequantizedGo is addInverseDCTGo of levels multiplied with the steps of the DC coefficient and of the others.
func addDequantizedGo(levels *[16]int16, steps [2]int16, dst []byte, stride int) {
	c := *levels
	c[0] *= steps[0]
	for i := 1; i < 16; i++ {
		c[i] *= steps[1]
	}
	addInverseDCTGo(&c, dst, stride)
}

// addInverseDCTGo adds the inverse transform of dequantized coefficients to the 4x4 pixels at dst (section 14.4). Sums are modulo
// 2^16: only those of coefficients that no encoder makes are any larger, and decoders differ there.
func addInverseDCTGo(in *[16]int16, dst []byte, stride int) {
	var t [16]int16
	for i := range 4 {
		i0, i4, i8, i12 := in[i], in[4+i], in[8+i], in[12+i]
		a1, b1 := i0+i8, i0-i8
		c1 := timesSin(i4) - timesCos(i12)
		d1 := timesCos(i4) + timesSin(i12)
		t[i], t[12+i], t[4+i], t[8+i] = a1+d1, a1-d1, b1+c1, b1-c1
	}
	for y := range 4 {
		i0, i1, i2, i3 := t[4*y], t[4*y+1], t[4*y+2], t[4*y+3]
		a1, b1 := i0+i2, i0-i2
		c1 := timesSin(i1) - timesCos(i3)
		d1 := timesCos(i1) + timesSin(i3)
		row := dst[y*stride : y*stride+4 : y*stride+4]
		row[0] = clip(int32(row[0]) + eighth(a1+d1))
		row[1] = clip(int32(row[1]) + eighth(b1+c1))
		row[2] = clip(int32(row[2]) + eighth(b1-c1))
		row[3] = clip(int32(row[3]) + eighth(a1-d1))
	}
}

// timesCos and timesSin multiply with the transform's factors, rounding down.
func timesCos(v int16) int16 { return v + int16(int32(v)*cosLess1>>16) }
func timesSin(v int16) int16 { return int16(int32(v) * sin >> 16) }

// eighth divides by 8, rounding to the nearest.
func eighth(v int16) int32 { return (int32(v) + 4) >> 3 }

// AddResidue adds the residue of a block's levels, up to its end (see token.Ends), to the 4x4 pixels at dst. steps are those of
// the DC and AC coefficients.
func AddResidue(levels *[16]int16, end uint8, steps [2]int16, dst []byte, stride int) {
	if end > 1 {
		addLevels(levels, steps, dst, stride)
	} else if levels[0] != 0 {
		addToBlock(eighth(levels[0]*steps[0]), dst, stride)
	}
}

// AddLuma adds the residue of a macroblock's luma to the prediction: the 16x16 pixels at pred become those at dst, which may be the
// same. levels are those of its 16 blocks, one after the other, ends those of token.Ends: levels from a block's end on are 0. steps
// are those of the DC and AC coefficients. Where there is a Y2 block, dcs has what DequantizedWHT makes of it, and the DC
// levels do not count; else dcs is nil.
func AddLuma(levels []int16, ends []uint8, steps [2]int16, dcs *[16]int16, pred []byte, predStride int, dst []byte, dstStride int) {
	addLuma(levels[:256], ends[:16], steps, dcs, pred, predStride, dst, dstStride)
}

// addLumaByBlocks is what AddLuma means.
func addLumaByBlocks(levels []int16, ends []uint8, steps [2]int16, dcs *[16]int16, pred []byte, predStride int,
	dst []byte, dstStride int) {
	copyBlock(pred, predStride, dst, dstStride, 16)
	for b, end := range ends {
		at := (b>>2)*4*dstStride + (b&3)*4
		block := (*[16]int16)(levels[16*b:])
		if dcs == nil {
			AddResidue(block, end, steps, dst[at:], dstStride)
			continue
		}
		withDC := *block
		withDC[0] = dcs[b]
		AddResidue(&withDC, end, [2]int16{1, steps[1]}, dst[at:], dstStride)
	}
}

// AddChroma adds the residue of a macroblock's chroma, four blocks of U and then four of V, to the 8x8 pixels of the prediction
// of each.
func AddChroma(levels []int16, ends []uint8, steps [2]int16, predU, predV []byte, predStride int, dstU, dstV []byte, dstStride int) {
	addChroma(levels[:128], ends[:8], steps, predU, predV, predStride, dstU, dstV, dstStride)
}

// addChromaByBlocks is what AddChroma means.
func addChromaByBlocks(levels []int16, ends []uint8, steps [2]int16, predU, predV []byte, predStride int,
	dstU, dstV []byte, dstStride int) {
	copyBlock(predU, predStride, dstU, dstStride, 8)
	copyBlock(predV, predStride, dstV, dstStride, 8)
	for b := range 4 {
		at := (b>>1)*4*dstStride + (b&1)*4
		AddResidue((*[16]int16)(levels[16*b:]), ends[b], steps, dstU[at:], dstStride)
		AddResidue((*[16]int16)(levels[64+16*b:]), ends[4+b], steps, dstV[at:], dstStride)
	}
}

// copyBlock copies n x n pixels.
func copyBlock(src []byte, srcStride int, dst []byte, dstStride, n int) {
	for y := range n {
		copy(dst[y*dstStride:][:n], src[y*srcStride:][:n])
	}
}

// addToBlockGo adds d to 4x4 pixels: what addInverseDCTGo does where the first coefficient is the only one, and d its eighth.
func addToBlockGo(d int32, dst []byte, stride int) {
	for y := range 4 {
		row := dst[y*stride : y*stride+4 : y*stride+4]
		row[0] = clip(int32(row[0]) + d)
		row[1] = clip(int32(row[1]) + d)
		row[2] = clip(int32(row[2]) + d)
		row[3] = clip(int32(row[3]) + d)
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
