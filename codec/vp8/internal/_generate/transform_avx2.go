package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Kernels of package transform that take four blocks at once: two side by side in each lane of 128 bits, the first two in the
// low one. For luma these are the four blocks of a row; for chroma two of U and, in the high lane, two of V.

// transformAVX2 writes them.
func (k *kernels) transformAVX2() {
	c := k.wideForwardConstants()
	k.forwardBlockAVX2(c)
	k.forwardLumaAVX2(c)
	k.forwardChromaAVX2(c)
	k.boundLumaAVX2(c)
	k.boundChromaAVX2(c)
	k.dequantizedWHTAVX2()
	inverse := k.wideInverseConstants()
	k.addLumaAVX2(inverse)
	k.addChromaAVX2(inverse)
}

// wideForward has the addresses of the constants of the forward transform.
type wideForward struct {
	spread         Mem // shuffles the pixels of each block's row into p0 p3 p1 p2 p0 p3 p1 p2
	signs          Mem // makes these, by pairs: p0+p3, p1+p2, p0-p3, p1-p2
	rows01, rows23 Mem // factors of those, for the coefficients 0 and 1 and for 2 and 3
	roundRows      Mem
	cosSin, sinCos Mem // factors of pairs of words
	roundColumns   Mem
	eight          Mem
	dcs            Mem // the DC coefficients in a register of the blocks' first rows
	gather         Mem // by row of blocks: shuffles the DC coefficients into a double word of each lane
	ones, plusLess Mem // factors 1, 1 and 1, -1
	swap           Mem // shuffles words, to swap those of each double word
	swapMiddle     Mem // shuffles words, to swap the middle ones of each four
}

func (k *kernels) wideForwardConstants() wideForward {
	var c wideForward
	var spread, gather, swap []byte
	for lane := range byte(2) {
		for block := range byte(2) {
			at := 8*lane + 4*block
			spread = append(spread, at, at+3, at+1, at+2, at, at+3, at+1, at+2)
		}
	}
	const none = 0x80
	for row := range 4 {
		part := slices.Repeat([]byte{none}, 16)
		copy(part[4*row:], []byte{0, 1, 4, 5})
		gather = append(gather, part...)
		gather = append(gather, part...)
	}
	for i := range byte(32) {
		swap = append(swap, i&15^2)
	}
	word := func(v int) uint16 { return uint16(int16(v)) }
	// A factor of 2^14 and a shift of 11 make 8: the even coefficients go the same way as the odd ones.
	const eight = 1 << 14
	c.spread = k.byteTable("spread", spread...)
	c.signs = k.byteTable("signs", slices.Repeat([]byte{1, 1, 1, 1, 1, 0xff, 1, 0xff}, 4)...)
	c.rows01 = k.table("rows01", eight, eight, fwdCos, fwdSin)
	c.rows23 = k.table("rows23", eight, word(-eight), fwdSin, word(-fwdCos))
	c.roundRows = k.table("roundRows", 1<<10, 0)
	c.cosSin = k.table("cosSin", fwdCos, fwdSin)
	c.sinCos = k.table("sinCos", fwdSin, word(-fwdCos))
	c.roundColumns = k.table("roundColumns", 0, 1<<17>>16)
	c.eight = k.table("eight", 8)
	c.dcs = k.table("dcs", 0xffff, 0, 0xffff, 0, 0, 0, 0, 0)
	c.gather = k.byteTable("gather", gather...)
	c.ones = k.table("ones", 1)
	c.plusLess = k.table("plusLess", 1, 0xffff)
	c.swap = k.byteTable("swap", swap...)
	c.swapMiddle = k.byteTable("swapMiddle", slices.Repeat([]byte{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}, 2)...)
	return c
}

// transformRows transforms rows of pixels, one or two of each of up to four blocks: a and b have them as spread takes them. It
// gives the words a lane as t0 t1 of the first, t0 t1 of the second, t2 t3 of the first, t2 t3 of the second.
func (k *kernels) transformRows(a, b reg.VecVirtual, spread reg.Register, c wideForward) reg.VecVirtual {
	for _, p := range []reg.VecVirtual{a, b} {
		k.VPSHUFB(spread, p, p)
		k.VPMADDUBSW(c.signs, p, p)
	}
	k.VPSUBW(b, a, a)
	low, high := k.YMM(), a
	k.VPMADDWD(c.rows01, a, low)
	k.VPMADDWD(c.rows23, a, high)
	for _, t := range []reg.VecVirtual{low, high} {
		k.VPADDD(c.roundRows, t, t)
		k.VPSRAD(Imm(11), t, t)
	}
	k.VPACKSSDW(high, low, low)
	return low
}

// transformColumns transforms the columns of the rows r, word by word.
func (k *kernels) transformColumns(r *[4]reg.VecVirtual, c wideForward) {
	s0, s1, s2, s3 := k.YMM(), k.YMM(), r[1], r[0]
	k.VPADDW(r[3], r[0], s0)
	k.VPADDW(r[2], r[1], s1)
	k.VPSUBW(r[2], r[1], s2)
	k.VPSUBW(r[3], r[0], s3)
	even0, even2 := k.YMM(), s0
	k.VPADDW(s1, s0, even0)
	k.VPSUBW(s1, s0, even2)
	for _, even := range []reg.VecVirtual{even0, even2} {
		// At most 4*255*8*4+8 = 32648: words have room for it.
		k.VPADDW(c.eight, even, even)
		k.VPSRAW(Imm(4), even, even)
	}
	low, high := k.YMM(), s3
	k.VPUNPCKLWD(s2, s3, low)
	k.VPUNPCKHWD(s2, s3, high)
	odd := func(factors Mem) reg.VecVirtual {
		l, h := k.YMM(), k.YMM()
		k.VPMADDWD(factors, low, l)
		k.VPMADDWD(factors, high, h)
		for _, t := range []reg.VecVirtual{l, h} {
			k.VPADDD(c.roundColumns, t, t)
			k.VPSRAD(Imm(18), t, t)
		}
		k.VPACKSSDW(h, l, l)
		return l
	}
	*r = [4]reg.VecVirtual{even0, odd(c.cosSin), even2, odd(c.sinCos)}
}

// separate gives two rows of the first block of each lane and those of the second.
func (k *kernels) separate(a, b reg.VecVirtual) (first, second reg.VecVirtual) {
	first, second = k.YMM(), k.YMM()
	k.VSHUFPS(Imm(0x88), b, a, first)
	k.VSHUFPS(Imm(0xdd), b, a, second)
	return first, second
}

// peaks are the largest magnitudes so far, of the first rows of blocks and of the others.
type peaks struct{ first, others reg.VecVirtual }

// forwardFour transforms four blocks, stores their coefficients, those of the high lane so many bytes further, and notes their
// magnitudes. It gives the register with the DC coefficients.
func (k *kernels) forwardFour(row func(y int) (a, b reg.VecVirtual), spread reg.Register, c wideForward, out reg.GPVirtual,
	further int, p peaks) reg.VecVirtual {
	var r [4]reg.VecVirtual
	for y := range r {
		a, b := row(y)
		r[y] = k.transformRows(a, b, spread, c)
	}
	k.transformColumns(&r, c)
	for i := 0; i < 4; i += 2 {
		first, second := k.separate(r[i], r[i+1])
		for block, x := range []reg.VecVirtual{first, second} {
			k.VMOVDQU(x.AsX(), Mem{Base: out, Disp: 32*block + 8*i})
			k.VEXTRACTI128(Imm(1), x, Mem{Base: out, Disp: further + 32*block + 8*i})
		}
	}
	for i, x := range r {
		m := k.YMM()
		k.VPABSW(x, m)
		if i == 0 {
			k.VPMAXSW(m, p.first, p.first)
		} else {
			k.VPMAXSW(m, p.others, p.others)
		}
	}
	return r[0]
}

// returnPeaks returns the largest magnitudes of DC and AC coefficients.
func (k *kernels) returnPeaks(p peaks, c wideForward, dcResult, acResult string) {
	dc := k.loadAVX2(c.dcs)
	ac := k.YMM()
	k.VPANDN(p.first, dc, ac)
	k.VPAND(p.first, dc, dc)
	k.VPMAXSW(p.others, ac, ac)
	k.returnLargest(dc, dcResult)
	k.returnLargest(ac, acResult)
}

// returnLargest returns the largest of 16 words, which are not negative.
func (k *kernels) returnLargest(y reg.VecVirtual, result string) {
	x := k.highLane(y)
	k.VPMAXSW(y.AsX(), x, x)
	k.returnLargestOf8(x, result)
}

func (k *kernels) returnLargestOf8(x reg.VecVirtual, result string) {
	// There is an instruction for the smallest word: that of the complements.
	ones, r := k.XMM(), k.GP32()
	k.VPCMPEQW(ones, ones, ones)
	k.VPXOR(ones, x, x)
	k.VPHMINPOSUW(x, x)
	k.VMOVD(x, r)
	k.NOTL(r)
	k.MOVWLZX(r.As16(), r) // the place of the smallest is above
	k.Store(r.As64(), k.Return(result))
}

// forwardLumaAVX2 does a row of blocks at a time.
func (k *kernels) forwardLumaAVX2(c wideForward) {
	k.function("forwardLumaAVX2",
		"func(a *byte, aStride int, b *byte, bStride int, out *int16, y2 *[16]int16) (dc, ac, y2DC, y2AC int)",
		"forwardLumaAVX2 is forwardLumaGo.")
	a, b, out := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("out")
	spread := k.loadAVX2(c.spread)
	p := peaks{k.zeroAVX2(), k.zeroAVX2()}
	dcs := k.zeroAVX2()
	gather, left := k.GP64(), k.GP64()
	k.LEAQ(c.gather, gather)
	k.MOVQ(U32(4), left)
	k.Label("rows")
	first := k.forwardFour(func(y int) (reg.VecVirtual, reg.VecVirtual) {
		pa, pb := k.YMM(), k.YMM()
		k.VBROADCASTI128(a.row(y, 0), pa)
		k.VBROADCASTI128(b.row(y, 0), pb)
		return pa, pb
	}, spread, c, out, 64, p)
	k.VPSHUFB(Mem{Base: gather}, first, first)
	k.VPOR(first, dcs, dcs)
	k.step(a, 4)
	k.step(b, 4)
	k.ADDQ(U32(128), out)
	k.ADDQ(Imm(32), gather)
	k.DECQ(left)
	k.JNE(LabelRef("rows"))
	k.returnPeaks(p, c, "dc", "ac")
	y2, magnitudes := k.wideWHT(dcs, c)
	k.VMOVDQU(y2, Mem{Base: k.param("y2")})
	k.returnY2Peaks(magnitudes)
	k.VZEROUPPER()
	k.RET()
}

// wideWHT transforms DC coefficients: the low lane has columns 0 and 1, row by row, the high lane 2 and 3. It gives the
// coefficients of Y2 and their magnitudes.
func (k *kernels) wideWHT(dcs reg.VecVirtual, c wideForward) (y2, magnitudes reg.VecVirtual) {
	// Rows: the sums i0+i3 and i1+i2, side by side, and the differences i0-i3 and i1-i2.
	left, right := dcs.AsX(), k.highLane(dcs)
	k.VPSHUFB(c.swap, right, right)
	sums, differences := k.XMM(), k.XMM()
	k.VPADDW(right, left, sums)
	k.VPSUBW(right, left, differences)
	columns := k.sumsOfPairs(sums, differences, c)
	// Columns: rows 0 and 1 of each, and rows 2 and 3.
	top, bottom := k.XMM(), k.XMM()
	k.VSHUFPS(Imm(0x88), columns[1], columns[0], top)
	k.VSHUFPS(Imm(0xdd), columns[1], columns[0], bottom)
	k.VPSHUFB(c.swap, bottom, bottom)
	k.VPADDW(bottom, top, sums)
	k.VPSUBW(bottom, top, differences)
	rows := k.sumsOfPairs(sums, differences, c)
	// Half, rounded away from zero: half of the magnitude and one, with the sign as it was.
	y2, magnitudes = k.YMM(), k.YMM()
	k.VINSERTI128(Imm(1), rows[1], rows[0].AsY(), y2)
	k.VPABSW(y2, magnitudes)
	k.VPADDW(c.ones, magnitudes, magnitudes)
	k.VPSRLW(Imm(1), magnitudes, magnitudes)
	k.VPSIGNW(y2, magnitudes, y2)
	return y2, magnitudes
}

// returnY2Peaks returns the magnitude of the first coefficient of Y2 and the largest of the others.
func (k *kernels) returnY2Peaks(magnitudes reg.VecVirtual) {
	dc, others := k.GP32(), k.XMM()
	k.VMOVD(magnitudes.AsX(), dc)
	k.MOVWLZX(dc.As16(), dc)
	k.Store(dc.As64(), k.Return("y2DC"))
	k.VPSRLDQ(Imm(2), magnitudes.AsX(), others)
	high := k.highLane(magnitudes)
	k.VPMAXSW(others, high, high)
	k.returnLargestOf8(high, "y2AC")
}

// sumsOfPairs gives, of four vectors (a, b) and (d, c), the words a+b of all four and d+c of all four in one register, and a-b
// and d-c in the other.
func (k *kernels) sumsOfPairs(sums, differences reg.VecVirtual, c wideForward) [2]reg.VecVirtual {
	var r [2]reg.VecVirtual
	for i, factors := range []Mem{c.ones, c.plusLess} {
		s, d := k.XMM(), k.XMM()
		k.VPMADDWD(factors, sums, s)
		k.VPMADDWD(factors, differences, d)
		k.VPACKSSDW(d, s, s)
		r[i] = s
	}
	return r
}

// twoPlanes gives a row of 8 pixels of U in the low lane and one of V in the high lane.
func (k *kernels) twoPlanes(u, v Mem) reg.VecVirtual {
	a, b := k.YMM(), k.YMM()
	k.VPBROADCASTQ(u, a)
	k.VPBROADCASTQ(v, b)
	k.VPBLENDD(Imm(0xf0), b, a, a)
	return a
}

// planes loads pointers to U and V, and the stride that both have.
func (k *kernels) planes(u, v, stride string) (pu, pv rows) {
	pu = k.rows(u, stride)
	return pu, rows{k.param(v), pu.stride, pu.stride3}
}

// forwardChromaAVX2 does the upper two blocks of both planes, and then the lower two.
func (k *kernels) forwardChromaAVX2(c wideForward) {
	k.function("forwardChromaAVX2",
		"func(aU *byte, aV *byte, aStride int, bU *byte, bV *byte, bStride int, out *int16) (dc, ac int)",
		"forwardChromaAVX2 is forwardChromaGo.")
	aU, aV := k.planes("aU", "aV", "aStride")
	bU, bV := k.planes("bU", "bV", "bStride")
	out := k.param("out")
	spread := k.loadAVX2(c.spread)
	p := peaks{k.zeroAVX2(), k.zeroAVX2()}
	left := k.GP64()
	k.MOVQ(U32(2), left)
	k.Label("rows")
	k.forwardFour(func(y int) (reg.VecVirtual, reg.VecVirtual) {
		return k.twoPlanes(aU.row(y, 0), aV.row(y, 0)), k.twoPlanes(bU.row(y, 0), bV.row(y, 0))
	}, spread, c, out, 128, p)
	for _, r := range []rows{aU, aV, bU, bV} {
		k.step(r, 4)
	}
	k.ADDQ(Imm(64), out)
	k.DECQ(left)
	k.JNE(LabelRef("rows"))
	k.returnPeaks(p, c, "dc", "ac")
	k.VZEROUPPER()
	k.RET()
}

// forwardBlockAVX2 does the rows 0 and 1 of one block in the low lane, and 3 and 2 in the high one.
func (k *kernels) forwardBlockAVX2(c wideForward) {
	evenOdd01 := k.laneTable("evenOdd01", []uint16{1 << 14, 1 << 14}, []uint16{fwdCos, fwdSin})
	evenOdd23 := k.laneTable("evenOdd23", []uint16{1 << 14, 1<<16 - 1<<14}, []uint16{fwdSin, 1<<16 - fwdCos})
	k.function("forwardDCTAVX2", "func(a *byte, aStride int, b *byte, bStride int, out *[16]int16)",
		"forwardDCTAVX2 is forwardDCTGo.")
	a, b, out := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("out")
	gather := func(r rows) reg.VecVirtual {
		x := k.XMM()
		k.VMOVD(r.row(0, 0), x)
		for i, y := range []int{1, 3, 2} {
			k.VPINSRD(Imm(uint64(i+1)), r.row(y, 0), x, x)
		}
		y := k.YMM()
		k.VINSERTI128(Imm(1), x, x.AsY(), y)
		return y
	}
	rows := k.transformRows(gather(a), gather(b), k.loadAVX2(c.spread), c)
	// The columns: sums in the low lane, differences in the high lane, each by pairs. A factor of 2^14 and a shift of 18 halve
	// the even coefficients four times, with rounding.
	left, right := rows.AsX(), k.highLane(rows)
	sums, differences := k.XMM(), k.XMM()
	k.VPADDW(right, left, sums)
	k.VPSUBW(right, left, differences)
	pairs := k.YMM()
	k.VINSERTI128(Imm(1), differences, sums.AsY(), pairs)
	k.VPSHUFB(c.swapMiddle, pairs, pairs)
	low, high := k.YMM(), pairs
	k.VPMADDWD(evenOdd01, pairs, low)
	k.VPMADDWD(evenOdd23, pairs, high)
	for _, t := range []reg.VecVirtual{low, high} {
		k.VPADDD(c.roundColumns, t, t)
		k.VPSRAD(Imm(18), t, t)
	}
	k.VPACKSSDW(high, low, low)
	k.VPERMQ(Imm(0xd8), low, low) // rows 0, 2, 1, 3 in order
	k.VMOVDQU(low, Mem{Base: out})
	k.VZEROUPPER()
	k.RET()
}

// sumFour gives the squared errors E and the sums S of the differences of four blocks, E E S S a lane.
func (k *kernels) sumFour(row func(y int) (a, b reg.VecVirtual), c wideForward) reg.VecVirtual {
	var squares, sums reg.VecVirtual
	for y := range 4 {
		d, b := row(y)
		k.VPSUBW(b, d, d)
		if y == 0 {
			squares, sums = k.YMM(), d
			k.VPMADDWD(d, d, squares)
			continue
		}
		k.VPADDW(d, sums, sums)
		k.VPMADDWD(d, d, d)
		k.VPADDD(d, squares, squares)
	}
	k.VPMADDWD(c.ones, sums, sums)
	k.VPHADDD(sums, squares, squares)
	return squares
}

// energies gives 16*E-S*S of eight blocks, and their DC coefficients, as double words, from what sumFour gives of four each.
func (k *kernels) energies(a, b reg.VecVirtual) (energy, dc reg.VecVirtual) {
	energy, dc = k.YMM(), k.YMM()
	square := k.YMM()
	k.VPUNPCKLQDQ(b, a, energy)
	k.VPUNPCKHQDQ(b, a, dc)
	k.VPSLLD(Imm(4), energy, energy)
	k.VPABSD(dc, square) // up to 255*16: a word and zeros above
	k.VPMADDWD(square, square, square)
	k.VPSUBD(square, energy, energy)
	one := k.YMM()
	k.VPCMPEQD(one, one, one)
	k.VPSUBD(one, dc, dc)
	k.VPSRAD(Imm(1), dc, dc)
	return energy, dc
}

// returnLargestDouble returns the largest of 8 double words.
func (k *kernels) returnLargestDouble(y reg.VecVirtual, result string) {
	x, other, r := k.highLane(y), k.XMM(), k.GP32()
	k.VPMAXSD(y.AsX(), x, x)
	for _, order := range []uint64{0xee, 0x55} { // the upper half, then the second double word
		k.VPSHUFD(Imm(order), x, other)
		k.VPMAXSD(other, x, x)
	}
	k.VMOVD(x, r)
	k.Store(r.As64(), k.Return(result))
}

// boundLumaAVX2 sums up each row of blocks. All that follows is done for all 16 blocks.
func (k *kernels) boundLumaAVX2(c wideForward) {
	k.function("boundLumaAVX2", "func(a *byte, aStride int, b *byte, bStride int) (energy, y2DC, y2AC int)",
		"boundLumaAVX2 is boundLumaGo.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = k.sumFour(func(y int) (reg.VecVirtual, reg.VecVirtual) {
			pa, pb := k.YMM(), k.YMM()
			k.VPMOVZXBW(a.row(y, 0), pa)
			k.VPMOVZXBW(b.row(y, 0), pb)
			return pa, pb
		}, c)
		if i < 3 {
			k.step(a, 4)
			k.step(b, 4)
		}
	}
	energy, dc := k.energies(sums[0], sums[1])
	energy2, dc2 := k.energies(sums[2], sums[3])
	k.VPMAXSD(energy2, energy, energy)
	k.returnLargestDouble(energy, "energy")
	k.VPACKSSDW(dc2, dc, dc)
	_, magnitudes := k.wideWHT(dc, c)
	k.returnY2Peaks(magnitudes)
	k.VZEROUPPER()
	k.RET()
}

func (k *kernels) boundChromaAVX2(c wideForward) {
	k.function("boundChromaAVX2", "func(aU *byte, aV *byte, aStride int, bU *byte, bV *byte, bStride int) (energy, dc int)",
		"boundChromaAVX2 is boundChromaGo.")
	aU, aV := k.planes("aU", "aV", "aStride")
	bU, bV := k.planes("bU", "bV", "bStride")
	zero := k.zeroAVX2()
	var sums [2]reg.VecVirtual
	for i := range sums {
		sums[i] = k.sumFour(func(y int) (reg.VecVirtual, reg.VecVirtual) {
			pa := k.twoPlanes(aU.row(y, 0), aV.row(y, 0))
			pb := k.twoPlanes(bU.row(y, 0), bV.row(y, 0))
			k.VPUNPCKLBW(zero, pa, pa)
			k.VPUNPCKLBW(zero, pb, pb)
			return pa, pb
		}, c)
		if i == 0 {
			for _, r := range []rows{aU, aV, bU, bV} {
				k.step(r, 4)
			}
		}
	}
	energy, dc := k.energies(sums[0], sums[1])
	k.returnLargestDouble(energy, "energy")
	k.VPABSD(dc, dc)
	k.returnLargestDouble(dc, "dc")
	k.VZEROUPPER()
	k.RET()
}

// dequantizedWHTAVX2 has a row in half a lane. Sums are of 32 bits, as in inverseWHTGo: hostile levels fill them.
func (k *kernels) dequantizedWHTAVX2() {
	var signs [4]Mem
	for i, s := range [4][4]int16{{1, 1, 1, 1}, {1, 1, -1, -1}, {1, -1, -1, 1}, {1, -1, 1, -1}} {
		signs[i] = k.table(fmt.Sprintf("sum%dSigns", i), uint16(s[0]), uint16(s[1]), uint16(s[2]), uint16(s[3]))
	}
	plusMinus := k.laneTable("plusMinus", []uint16{1, 0}, []uint16{0xffff, 0xffff})
	otherRows := k.table("otherRows", 5, 0, 4, 0, 7, 0, 6, 0) // double words
	three := k.table("three", 3, 0)
	lowWord := k.table("lowWord", 0xffff, 0)
	k.function("dequantizedWHTAVX2", "func(levels *[16]int16, dc int, ac int, out *[16]int16)",
		"dequantizedWHTAVX2 is dequantizedWHTGo.")
	levels, out := k.param("levels"), k.param("out")
	steps, first, y := k.YMM(), k.XMM(), k.YMM()
	k.VMOVD(k.param("ac").As32(), first)
	k.VPBROADCASTW(first, steps)
	k.VPINSRW(Imm(0), k.param("dc").As32(), steps.AsX(), first)
	k.VINSERTI128(Imm(0), first, steps, steps)
	k.VPMULLW(Mem{Base: levels}, steps, y)
	// Each row becomes four sums of its halves, and these are put together: sums 0 and 1 of both rows of a lane, and 2 and 3.
	var m [4]reg.VecVirtual
	for i := range m {
		m[i] = k.YMM()
		k.VPMADDWD(signs[i], y, m[i])
	}
	k.VPHADDD(m[1], m[0], m[0])
	k.VPHADDD(m[3], m[2], m[2])
	// Columns: r0+r3 and r1+r2 in the low lane, r0-r3 and r1-r2 in the high lane.
	order, sign := k.loadAVX2(otherRows), k.loadAVX2(plusMinus)
	for _, h := range []reg.VecVirtual{m[0], m[2]} {
		other := k.YMM()
		k.VPERMD(h, order, other)
		k.VPSIGND(sign, other, other)
		k.VPERMQ(Imm(0x44), h, h)
		k.VPADDD(other, h, h)
	}
	plus, minus := k.YMM(), k.YMM()
	k.VPHADDD(m[2], m[0], plus)
	k.VPHSUBD(m[2], m[0], minus)
	for _, t := range []reg.VecVirtual{plus, minus} {
		k.VPADDD(three, t, t)
		k.VPSRAD(Imm(3), t, t)
		k.VPAND(lowWord, t, t) // as many bits as there is room for, without saturation
	}
	k.VPACKUSDW(minus, plus, plus)
	k.VPERMQ(Imm(0xd8), plus, plus) // rows 0, 2, 1, 3 in order
	k.VMOVDQU(plus, Mem{Base: out})
	k.VZEROUPPER()
	k.RET()
}

// wideInverse has the addresses of the constants of the inverse transform, and the steps.
type wideInverse struct {
	cos, sin, four Mem
	spreadDC       Mem // shuffles the first word of each block into its four
	first, others  reg.VecVirtual
}

func (k *kernels) wideInverseConstants() wideInverse {
	c := wideInverse{cos: k.table("cosLess1", cosLess1), sin: k.table("sinLess1", sin-1<<16&0xffff), four: k.table("four", 4)}
	c.spreadDC = k.byteTable("spreadDC", slices.Repeat([]byte{0, 1, 0, 1, 0, 1, 0, 1, 8, 9, 8, 9, 8, 9, 8, 9}, 2)...)
	return c
}

// steps loads the steps of a row that begins with the DC coefficient, and of the others.
func (c *wideInverse) steps(k *kernels) {
	x, dc := k.XMM(), k.YMM()
	c.first, c.others = k.YMM(), k.YMM()
	k.VMOVD(k.param("ac").As32(), x)
	k.VPBROADCASTW(x, c.others)
	k.VMOVD(k.param("dc").As32(), x)
	k.VPBROADCASTW(x, dc)
	k.VPBLENDW(Imm(0x11), dc, c.others, c.first)
}

// addFour adds the residue of four blocks to the prediction. dcs are words to be added to the DC coefficients, in the first word
// of each block, if there are any; ends are those of the blocks, in the bytes of a register.
func (k *kernels) addFour(levels func(block, disp int) Mem, dcs *reg.VecVirtual, ends reg.GPVirtual, c wideInverse,
	pixels func(y int) reg.VecVirtual, store func(y int, two reg.VecVirtual)) {
	// rows gives the rows y and y+1 of all blocks.
	rows := func(y int) (a, b reg.VecVirtual) {
		even, odd := k.YMM(), k.YMM()
		a, b = k.YMM(), even
		k.VMOVDQU(levels(0, 8*y), even.AsX())
		k.VINSERTI128(Imm(1), levels(2, 8*y), even, even)
		k.VMOVDQU(levels(1, 8*y), odd.AsX())
		k.VINSERTI128(Imm(1), levels(3, 8*y), odd, odd)
		k.VPUNPCKLQDQ(odd, even, a)
		k.VPUNPCKHQDQ(odd, even, b)
		return a, b
	}
	var r [4]reg.VecVirtual
	r[0], r[1] = rows(0)
	k.VPMULLW(c.first, r[0], r[0])
	if dcs != nil {
		k.VPADDW(*dcs, r[0], r[0])
	}
	for y := 2; y < 4; y++ {
		r[y] = k.YMM()
	}
	k.TESTL(U32(0x1e1e1e1e), ends) // an end above 1
	k.JNE(LabelRef("all"))

	k.Comment("Only DC coefficients: all rows are the same.")
	k.VPSHUFB(c.spreadDC, r[0], r[0])
	k.VPADDSW(c.four, r[0], r[0])
	k.VPSRAW(Imm(3), r[0], r[0])
	for y := 1; y < 4; y++ {
		k.VMOVDQA(r[0], r[y])
	}
	k.JMP(LabelRef("add"))

	k.Label("all")
	k.VPMULLW(c.others, r[1], r[1])
	r2, r3 := rows(2)
	k.VPMULLW(c.others, r2, r2)
	k.VPMULLW(c.others, r3, r3)
	t := k.inversePass([4]reg.VecVirtual{r[0], r[1], r2, r3}, c)
	t = k.transposeWide(t)
	// Saturation keeps large sums large; they end as 255.
	t = k.inversePass(t, c)
	for _, x := range t {
		k.VPADDSW(c.four, x, x)
		k.VPSRAW(Imm(3), x, x)
	}
	for y, x := range k.transposeWide(t) {
		k.VMOVDQA(x, r[y])
	}

	k.Label("add")
	for y := 0; y < 4; y += 2 {
		p, q := pixels(y), pixels(y+1)
		k.VPADDW(r[y], p, p)
		k.VPADDW(r[y+1], q, q)
		k.VPACKUSWB(q, p, p)
		store(y, p)
	}
}

// inversePass transforms vectors of 4, whose elements are in 4 registers. Sums are modulo 2^16, as in addInverseDCTGo.
func (k *kernels) inversePass(r [4]reg.VecVirtual, c wideInverse) [4]reg.VecVirtual {
	a, b := k.YMM(), r[0]
	k.VPADDW(r[2], r[0], a)
	k.VPSUBW(r[2], r[0], b)
	times := func(x reg.VecVirtual, factor Mem) reg.VecVirtual {
		p := k.YMM()
		k.VPMULHW(factor, x, p)
		k.VPADDW(x, p, p)
		return p
	}
	s1, c1, s3, c3 := times(r[1], c.sin), times(r[1], c.cos), times(r[3], c.sin), times(r[3], c.cos)
	k.VPSUBW(c3, s1, s1)
	k.VPADDW(s3, c1, c1)
	r0, r1 := k.YMM(), k.YMM()
	k.VPADDW(c1, a, r0)
	k.VPSUBW(c1, a, a)
	k.VPADDW(s1, b, r1)
	k.VPSUBW(s1, b, b)
	return [4]reg.VecVirtual{r0, r1, b, a}
}

// transposeWide transposes four 4x4 matrices of words that lie side by side, two in each lane.
func (k *kernels) transposeWide(r [4]reg.VecVirtual) [4]reg.VecVirtual {
	interleave := func(low, high func(ops ...Op), a, b reg.VecVirtual) (l, h reg.VecVirtual) {
		l, h = k.YMM(), a
		low(b, a, l)
		high(b, a, h)
		return l, h
	}
	words := func(a, b reg.VecVirtual) (l, h reg.VecVirtual) { return interleave(k.VPUNPCKLWD, k.VPUNPCKHWD, a, b) }
	doubles := func(a, b reg.VecVirtual) (l, h reg.VecVirtual) { return interleave(k.VPUNPCKLDQ, k.VPUNPCKHDQ, a, b) }
	quads := func(a, b reg.VecVirtual) (l, h reg.VecVirtual) { return interleave(k.VPUNPCKLQDQ, k.VPUNPCKHQDQ, a, b) }
	a01, b01 := words(r[0], r[1])
	a23, b23 := words(r[2], r[3])
	aLow, aHigh := doubles(a01, a23)
	bLow, bHigh := doubles(b01, b23)
	var t [4]reg.VecVirtual
	t[0], t[1] = quads(aLow, bLow)
	t[2], t[3] = quads(aHigh, bHigh)
	return t
}

// addLumaAVX2 does a row of blocks at a time.
func (k *kernels) addLumaAVX2(c wideInverse) {
	k.function("addLumaAVX2", "func(levels *int16, ends *uint8, dcs *[16]int16, dc int, ac int, "+
		"pred *byte, predStride int, dst *byte, dstStride int)",
		"addLumaAVX2 is addLumaByBlocks: DC coefficients are levels times dc and, to be added, dcs.")
	levels, ends, dcs := k.param("levels"), k.param("ends"), k.param("dcs")
	c.steps(k)
	pred, dst := k.rows("pred", "predStride"), k.rows("dst", "dstStride")
	left, e := k.GP64(), k.GP32()
	k.MOVQ(U32(4), left)
	k.Label("rows")
	dc := k.YMM()
	k.VPMOVZXWQ(Mem{Base: dcs}, dc)
	k.MOVL(Mem{Base: ends}, e)
	k.addFour(func(block, disp int) Mem { return Mem{Base: levels, Disp: 32*block + disp} }, &dc, e, c,
		func(y int) reg.VecVirtual {
			p := k.YMM()
			k.VPMOVZXBW(pred.row(y, 0), p)
			return p
		}, func(y int, two reg.VecVirtual) {
			k.VPERMQ(Imm(0xd8), two, two)
			k.VMOVDQU(two.AsX(), dst.row(y, 0))
			k.VEXTRACTI128(Imm(1), two, dst.row(y+1, 0))
		})
	k.ADDQ(U32(128), levels)
	k.ADDQ(Imm(4), ends)
	k.ADDQ(Imm(8), dcs)
	k.step(pred, 4)
	k.step(dst, 4)
	k.DECQ(left)
	k.JNE(LabelRef("rows"))
	k.VZEROUPPER()
	k.RET()
}

// addChromaAVX2 does the upper two blocks of both planes, and then the lower two.
func (k *kernels) addChromaAVX2(c wideInverse) {
	k.function("addChromaAVX2", "func(levels *int16, ends *uint8, dc int, ac int, "+
		"predU *byte, predV *byte, predStride int, dstU *byte, dstV *byte, dstStride int)",
		"addChromaAVX2 is addChromaByBlocks.")
	levels, ends := k.param("levels"), k.param("ends")
	c.steps(k)
	predU, predV := k.planes("predU", "predV", "predStride")
	dstU, dstV := k.planes("dstU", "dstV", "dstStride")
	zero := k.zeroAVX2()
	left, e, eV := k.GP64(), k.GP32(), k.GP32()
	k.MOVQ(U32(2), left)
	k.Label("rows")
	k.MOVWLZX(Mem{Base: ends}, e)
	k.MOVWLZX(Mem{Base: ends, Disp: 4}, eV)
	k.ORL(eV, e)
	k.addFour(func(block, disp int) Mem { return Mem{Base: levels, Disp: []int{0, 32, 128, 160}[block] + disp} }, nil, e, c,
		func(y int) reg.VecVirtual {
			p := k.twoPlanes(predU.row(y, 0), predV.row(y, 0))
			k.VPUNPCKLBW(zero, p, p)
			return p
		}, func(y int, two reg.VecVirtual) {
			u, v := two.AsX(), k.highLane(two)
			k.VMOVQ(u, dstU.row(y, 0))
			k.VMOVHPS(u, dstU.row(y+1, 0))
			k.VMOVQ(v, dstV.row(y, 0))
			k.VMOVHPS(v, dstV.row(y+1, 0))
		})
	k.ADDQ(Imm(64), levels)
	k.ADDQ(Imm(2), ends)
	for _, r := range []rows{predU, predV, dstU, dstV} {
		k.step(r, 4)
	}
	k.DECQ(left)
	k.JNE(LabelRef("rows"))
	k.VZEROUPPER()
	k.RET()
}
