package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// distortionAVX2 writes the kernels of package distortion for registers of 32 bytes, which are two lanes of 16: most
// instructions work in each lane by itself. There are none for sad and sads, which wait for their loads already: rows would be
// loaded by 16 bytes all the same.
func (k *kernels) distortionAVX2() {
	signs := k.signs()
	k.sseMacroblockAVX2(signs)
	k.ssePlaneAVX2(signs)
	for _, w := range []int{16, 8} {
		k.satdAVX2(w, signs)
	}
	k.satds16AVX2(signs)
	k.satds10AVX2(signs)
	k.variancesAVX2()
	k.ssimsAVX2()
}

// signs is a table of factors for neighbouring bytes, that make their sums and their differences: 1, 1... in a lane, then 1, -1...
// in two. From its start there are sums in one lane and differences in the other, from its middle differences in both.
func (k *kernels) signs() Mem {
	m := k.StaticGlobal("signs")
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, factors := range []U64{0x0101010101010101, 0xff01ff01ff01ff01, 0xff01ff01ff01ff01} {
		k.AppendDatum(factors)
		k.AppendDatum(factors)
	}
	return m
}

// Places in the table of signs.
const (
	sumsAndDifferences = 0
	onlyDifferences    = 16
)

// loadSigns gives the factors from a place in the table on.
func (k *kernels) loadSigns(signs Mem, place int) reg.VecVirtual {
	x := k.YMM()
	k.VMOVDQU(signs.Offset(place), x)
	return x
}

// zeroAVX2 gives a wide register of zeros.
func (k *kernels) zeroAVX2() reg.VecVirtual {
	x := k.YMM()
	k.VPXOR(x, x, x)
	return x
}

// lowWordsAVX2 is lowWords for wide registers.
func (k *kernels) lowWordsAVX2() reg.VecVirtual {
	m := k.YMM()
	k.VPCMPEQD(m, m, m)
	k.VPSRLD(Imm(31), m, m)
	return m
}

// twoRows loads 16 bytes into each lane.
func (k *kernels) twoRows(low, high Mem) reg.VecVirtual {
	x := k.YMM()
	k.VBROADCASTI128(low, x)
	k.VINSERTI128(Imm(1), high, x, x)
	return x
}

// bothHalves loads 8 bytes into the low half of each lane, and other 8 into the high halves.
func (k *kernels) bothHalves(low, high Mem) reg.VecVirtual { return k.twoMasked(low, high, 0xcc) }

// twoMasked loads two rows of 8 bytes, each repeated; mask says which double words are of the second.
func (k *kernels) twoMasked(first, second Mem, mask uint64) reg.VecVirtual {
	x, y := k.YMM(), k.YMM()
	k.VPBROADCASTQ(first, x)
	k.VPBROADCASTQ(second, y)
	k.VPBLENDD(Imm(mask), y, x, x)
	return x
}

// returnSumAVX2 returns the sum of the four words of 64 bits of a register.
func (k *kernels) returnSumAVX2(sum reg.VecVirtual) {
	x, high := k.XMM(), k.XMM()
	k.VEXTRACTI128(Imm(1), sum, x)
	k.VPADDQ(sum.AsX(), x, x)
	k.VPSHUFD(Imm(0xee), x, high)
	k.VPADDQ(high, x, x)
	r := k.GP64()
	k.VMOVQ(x, r)
	k.Store(r, k.ReturnIndex(0))
	k.returnAVX2()
}

// widenAVX2 makes eight unsigned sums of 32 bits four of 64 bits.
func (k *kernels) widenAVX2(sum reg.VecVirtual) {
	zero, high := k.zeroAVX2(), k.YMM()
	k.VPUNPCKHDQ(zero, sum, high)
	k.VPUNPCKLDQ(zero, sum, sum)
	k.VPADDQ(high, sum, sum)
}

// returnAVX2 ends a kernel.
func (k *kernels) returnAVX2() {
	k.VZEROUPPER()
	k.RET()
}

// Squared differences: of the bytes of a and b, alternating, those of b are subtracted from those of a, in words; words are
// multiplied by themselves and added in pairs.

// addErrors adds the squared differences of alternating bytes to eight sums of 32 bits: at most 2*255^2 to each.
func (k *kernels) addErrors(alternating, differences, sum reg.VecVirtual) {
	k.VPMADDUBSW(differences, alternating, alternating)
	k.VPMADDWD(alternating, alternating, alternating)
	k.VPADDD(alternating, sum, sum)
}

// addErrors32 does it for 32 bytes of a and of b.
func (k *kernels) addErrors32(a, b, differences, sum reg.VecVirtual) {
	high := k.YMM()
	k.VPUNPCKHBW(b, a, high)
	k.VPUNPCKLBW(b, a, a)
	k.addErrors(a, differences, sum)
	k.addErrors(high, differences, sum)
}

// addErrorsOf4 does it for four rows.
func (k *kernels) addErrorsOf4(w int, a, b rows, differences, sum reg.VecVirtual) {
	for y := 0; y < 4; y += 2 {
		if w == 16 {
			k.addErrors32(k.twoRows(a.row(y, 0), a.row(y+1, 0)), k.twoRows(b.row(y, 0), b.row(y+1, 0)), differences, sum)
			continue
		}
		// One row in each lane.
		p, q := k.twoMasked(a.row(y, 0), a.row(y+1, 0), 0xf0), k.twoMasked(b.row(y, 0), b.row(y+1, 0), 0xf0)
		k.VPUNPCKLBW(q, p, p)
		k.addErrors(p, differences, sum)
	}
}

// sseMacroblockAVX2 takes the three planes one after the other.
func (k *kernels) sseMacroblockAVX2(signs Mem) {
	k.function("sseMacroblockAVX2", "func(aY *byte, aU *byte, aV *byte, aStride int, aChromaStride int, "+
		"bY *byte, bU *byte, bV *byte, bStride int, bChromaStride int) (sum int)",
		"sseMacroblockAVX2 is sseMacroblockGo.")
	differences, sum := k.loadSigns(signs, onlyDifferences), k.zeroAVX2()
	a, b, n := k.rows("aY", "aStride"), k.rows("bY", "bStride"), k.GP64()
	k.MOVQ(U64(4), n)
	k.Label("luma")
	k.addErrorsOf4(16, a, b, differences, sum)
	k.step(a, 4)
	k.step(b, 4)
	k.DECQ(n)
	k.JNE(LabelRef("luma"))
	a, b = k.rows("aU", "aChromaStride"), k.rows("bU", "bChromaStride")
	for i, plane := range []string{"U", "V"} {
		if i > 0 {
			a.at, b.at = k.param("a"+plane), k.param("b"+plane)
		}
		k.addErrorsOf4(8, a, b, differences, sum)
		k.step(a, 4)
		k.step(b, 4)
		k.addErrorsOf4(8, a, b, differences, sum)
	}
	k.widenAVX2(sum)
	k.returnSumAVX2(sum)
}

// ssePlaneAVX2 is ssePlane, 32 pixels at a time.
func (k *kernels) ssePlaneAVX2(signs Mem) {
	k.function("ssePlaneAVX2", "func("+twoBlocks+", w, h int) (sum int)",
		"ssePlaneAVX2 is sseGo of blocks w pixels wide, a multiple of 16 from 32 on and below 2^18, and h pixels high.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	w, h := k.param("w"), k.param("h")
	differences, total := k.loadSigns(signs, onlyDifferences), k.zeroAVX2()
	whole := k.GP64()
	k.MOVQ(w, whole)
	k.ANDQ(I32(-32), whole)
	k.Label("rows")
	x := k.GP64()
	k.XORQ(x, x)
	sum := k.zeroAVX2()
	k.Label("columns")
	p, q := k.YMM(), k.YMM()
	k.VMOVDQU(Mem{Base: a.at, Index: x, Scale: 1}, p)
	k.VMOVDQU(Mem{Base: b.at, Index: x, Scale: 1}, q)
	k.addErrors32(p, q, differences, sum)
	k.ADDQ(Imm(32), x)
	k.CMPQ(x, whole)
	k.JLT(LabelRef("columns"))
	k.CMPQ(x, w)
	k.JGE(LabelRef("end"))
	// The last 16 pixels: their halves in the low halves of the lanes.
	p, q = k.YMM(), k.YMM()
	k.VPMOVZXBW(Mem{Base: a.at, Index: x, Scale: 1}, p)
	k.VPMOVZXBW(Mem{Base: b.at, Index: x, Scale: 1}, q)
	k.VPSUBW(q, p, p)
	k.VPMADDWD(p, p, p)
	k.VPADDD(p, sum, sum)
	k.Label("end")
	k.widenAVX2(sum)
	k.VPADDQ(sum, total, total)
	k.step(a, 1)
	k.step(b, 1)
	k.DECQ(h)
	k.JNE(LabelRef("rows"))
	k.returnSumAVX2(total)
}

// The Hadamard transforms are as those of 16 bytes a register, above all in how they end. The first stage along the rows takes
// one multiplication by 1 and -1 of 16 pixels that are in both lanes: the sums of neighbours are in one lane and their differences
// in the other. It is done for a and b apart, so that it is shared where a is measured against several.

// neighbours takes pixels to the sums and differences of neighbours, in words.
func (k *kernels) neighbours(signs, pixels reg.VecVirtual) reg.VecVirtual {
	k.VPMADDUBSW(signs, pixels, pixels)
	return pixels
}

// butterflyAVX2 makes x and y x+y and x-y.
func (k *kernels) butterflyAVX2(x, y *reg.VecVirtual) {
	d := k.YMM()
	k.VPSUBW(*y, *x, d)
	k.VPADDW(*y, *x, *x)
	*y = d
}

// columnsAVX2 does the stages along the columns.
func (k *kernels) columnsAVX2(r *[4]reg.VecVirtual) {
	k.butterflyAVX2(&r[0], &r[1])
	k.butterflyAVX2(&r[2], &r[3])
	k.butterflyAVX2(&r[0], &r[2])
	k.butterflyAVX2(&r[1], &r[3])
}

// maximaAVX2 gives the sums of the maxima of neighbouring words of several registers, in the low words of double words. A maximum
// is at most 8*255, so that 16 fit.
func (k *kernels) maximaAVX2(r []reg.VecVirtual) reg.VecVirtual {
	for i, x := range r {
		y := k.YMM()
		k.VPABSW(x, x)
		k.VPSRLD(Imm(16), x, y)
		k.VPMAXSW(y, x, x)
		if i > 0 {
			k.VPADDW(x, r[0], r[0])
		}
	}
	return r[0]
}

// addMaxima adds them to eight sums of 32 bits.
func (k *kernels) addMaxima(r []reg.VecVirtual, low, total reg.VecVirtual) {
	sum := k.maximaAVX2(r)
	k.VPMADDWD(low, sum, sum)
	k.VPADDD(sum, total, total)
}

// bothLanes loads row y of 16 pixels into both lanes; of blocks 8 pixels wide, rows y and y+4, that is y of below.
func (k *kernels) bothLanes(w int, r, below rows, y int) reg.VecVirtual {
	if w == 8 {
		return k.bothHalves(r.row(y, 0), below.row(y, 0))
	}
	x := k.YMM()
	k.VBROADCASTI128(r.row(y, 0), x)
	return x
}

// satdAVX2 is satd.
func (k *kernels) satdAVX2(w int, signs Mem) {
	name := fmt.Sprintf("satd%dAVX2", w)
	height := 64 / w
	k.function(name, "func("+twoBlocks+", h int) (sum int)",
		fmt.Sprintf("%s is satdGo of blocks %d pixels wide and h pixels high, a multiple of %d below 16384.", name, w, height))
	a, b, h := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("h")
	both, low, total := k.loadSigns(signs, sumsAndDifferences), k.lowWordsAVX2(), k.zeroAVX2()
	k.Label("rows")
	belowA, belowB := a, b
	if w == 8 {
		belowA.at, belowB.at = k.GP64(), k.GP64()
		k.LEAQ(Mem{Base: a.at, Index: a.stride, Scale: 4}, belowA.at)
		k.LEAQ(Mem{Base: b.at, Index: b.stride, Scale: 4}, belowB.at)
	}
	var r [4]reg.VecVirtual
	for y := range r {
		r[y] = k.neighbours(both, k.bothLanes(w, a, belowA, y))
		k.VPSUBW(k.neighbours(both, k.bothLanes(w, b, belowB, y)), r[y], r[y])
	}
	k.columnsAVX2(&r)
	k.addMaxima(r[:], low, total)
	k.step(belowA, 4)
	k.step(belowB, 4)
	if w == 8 {
		k.MOVQ(belowA.at, a.at)
		k.MOVQ(belowB.at, b.at)
	}
	k.SUBQ(Imm(uint64(height)), h)
	k.JNE(LabelRef("rows"))
	x, high := k.XMM(), k.XMM()
	k.VEXTRACTI128(Imm(1), total, x)
	k.VPADDD(total.AsX(), x, x)
	k.VPSHUFD(Imm(0xee), x, high)
	k.VPADDD(high, x, x)
	k.VPSHUFD(Imm(0x55), x, high)
	k.VPADDD(high, x, x)
	sum := k.GP32()
	k.VMOVD(x, sum)
	k.Store(sum.As64(), k.ReturnIndex(0))
	k.returnAVX2()
}

// satds16AVX2 measures one block against four; what it needs of the one is worked out once.
func (k *kernels) satds16AVX2(signs Mem) {
	k.function("satds16AVX2", "func(a *byte, aStride int, b0 *byte, b1 *byte, b2 *byte, b3 *byte, bStride int, out *[4]int)",
		"satds16AVX2 gives the satdGo of blocks of 16x16 pixels: of a and each b.")
	a, b, h := k.rows("a", "aStride"), k.fourBlocks(), k.GP64()
	k.MOVQ(U64(16), h)
	both, low := k.loadSigns(signs, sumsAndDifferences), k.lowWordsAVX2()
	var totals [4]reg.VecVirtual
	for i := range totals {
		totals[i] = k.zeroAVX2()
	}
	k.Label("rows")
	var p [4]reg.VecVirtual
	for y := range p {
		p[y] = k.neighbours(both, k.bothLanes(16, a, a, y))
	}
	for i := range b {
		var r [4]reg.VecVirtual
		for y := range r {
			r[y] = k.neighbours(both, k.bothLanes(16, b[i], b[i], y))
			k.VPSUBW(r[y], p[y], r[y])
		}
		k.columnsAVX2(&r)
		k.addMaxima(r[:], low, totals[i])
	}
	k.step(a, 4)
	for i := range b {
		k.step(b[i], 4)
	}
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	k.VPHADDD(totals[1], totals[0], totals[0])
	k.VPHADDD(totals[3], totals[2], totals[2])
	k.VPHADDD(totals[2], totals[0], totals[0])
	x := k.XMM()
	k.VEXTRACTI128(Imm(1), totals[0], x)
	k.VPADDD(totals[0].AsX(), x, x)
	k.storeInts(x, Mem{Base: k.param("out")})
	k.returnAVX2()
}

// storeInts writes four sums of 32 bits as ints.
func (k *kernels) storeInts(sums reg.Register, m Mem) {
	x := k.YMM()
	k.VPMOVZXDQ(sums, x)
	k.VMOVDQU(x, m)
}

// satds10AVX2 measures eight predictions of a 4x4 block in one go, and then two.
func (k *kernels) satds10AVX2(signs Mem) {
	k.function("satds10AVX2", "func(src *byte, stride int, predictions *[10][16]byte, out *[10]int)",
		"satds10AVX2 gives the satdGo of a block of 4x4 pixels and each of ten predictions of it.")
	src := k.rows("src", "stride")
	predictions, out := k.param("predictions"), k.param("out")
	prediction := func(i int) Mem { return Mem{Base: predictions, Disp: 16 * i} }
	sourceRow := func(y int) reg.VecVirtual {
		x := k.YMM()
		k.VPBROADCASTD(src.row(y, 0), x)
		return x
	}

	// Row y of the first eight, four a lane: a transposition of double words.
	var p [4]reg.VecVirtual
	for i := range p {
		p[i] = k.twoRows(prediction(i), prediction(i+4))
	}
	k.transposeDoubleWordsAVX2(&p)
	// The sums of neighbours first, then their differences.
	differences, ones := k.loadSigns(signs, onlyDifferences), k.YMM()
	k.VPABSB(differences, ones)
	transform := func(factors reg.VecVirtual) reg.VecVirtual {
		var r [4]reg.VecVirtual
		for y := range r {
			r[y] = k.YMM()
			k.VPMADDUBSW(factors, p[y], r[y])
			k.VPSUBW(k.neighbours(factors, sourceRow(y)), r[y], r[y])
		}
		k.columnsAVX2(&r)
		return k.maximaAVX2(r[:])
	}
	sum, more := transform(ones), transform(differences)
	k.VPADDW(more, sum, sum)
	k.VPMADDWD(k.lowWordsAVX2(), sum, sum)
	x := k.XMM()
	k.VEXTRACTI128(Imm(1), sum, x)
	k.storeInts(sum.AsX(), Mem{Base: out})
	k.storeInts(x, Mem{Base: out, Disp: 8 * 4})

	// Of the last two in both lanes, alternating: rows 0 and 1 in one register, 2 and 3 in the other.
	both := k.loadSigns(signs, sumsAndDifferences)
	eighth, ninth := k.YMM(), k.YMM()
	k.VBROADCASTI128(prediction(8), eighth)
	k.VBROADCASTI128(prediction(9), ninth)
	upper, lower := k.YMM(), k.YMM()
	k.VPUNPCKLDQ(ninth, eighth, upper)
	k.VPUNPCKHDQ(ninth, eighth, lower)
	for i, x := range []reg.VecVirtual{upper, lower} {
		source, next := sourceRow(2*i), sourceRow(2*i+1)
		k.VPBLENDD(Imm(0xcc), next, source, source)
		k.VPSUBW(k.neighbours(both, source), k.neighbours(both, x), x)
	}
	k.butterflyAVX2(&upper, &lower)
	even, odd := k.YMM(), k.YMM()
	k.VPUNPCKLQDQ(lower, upper, even)
	k.VPUNPCKHQDQ(lower, upper, odd)
	k.butterflyAVX2(&even, &odd)
	sum = k.maximaAVX2([]reg.VecVirtual{even, odd})
	k.VPMADDWD(k.lowWordsAVX2(), sum, sum)
	x, high := k.XMM(), k.XMM()
	k.VEXTRACTI128(Imm(1), sum, x)
	k.VPADDD(sum.AsX(), x, x)
	k.VPSHUFD(Imm(0xee), x, high)
	k.VPADDD(high, x, x)
	k.VPMOVZXDQ(x, x)
	k.VMOVDQU(x, Mem{Base: out, Disp: 8 * 8})
	k.returnAVX2()
}

// transposeDoubleWordsAVX2 transposes a 4x4 matrix of 32-bit words in each lane.
func (k *kernels) transposeDoubleWordsAVX2(p *[4]reg.VecVirtual) {
	lowA, lowB, highA, highB := k.YMM(), k.YMM(), k.YMM(), k.YMM()
	k.VPUNPCKLDQ(p[1], p[0], lowA)
	k.VPUNPCKLDQ(p[3], p[2], lowB)
	k.VPUNPCKHDQ(p[1], p[0], highA)
	k.VPUNPCKHDQ(p[3], p[2], highB)
	k.VPUNPCKLQDQ(lowB, lowA, p[0])
	k.VPUNPCKHQDQ(lowB, lowA, p[1])
	k.VPUNPCKLQDQ(highB, highA, p[2])
	k.VPUNPCKHQDQ(highB, highA, p[3])
}

// bytesToWords gives the pixels of the low and of the high halves of the lanes as words.
func (k *kernels) bytesToWords(p, zero reg.VecVirtual) (low, high reg.VecVirtual) {
	low, high = k.YMM(), k.YMM()
	k.VPUNPCKLBW(zero, p, low)
	k.VPUNPCKHBW(zero, p, high)
	return low, high
}

// addProducts adds the products of the words of x and y to eight sums of 32 bits.
func (k *kernels) addProducts(x, y, sum reg.VecVirtual) {
	product := k.YMM()
	k.VPMADDWD(x, y, product)
	k.VPADDD(product, sum, sum)
}

// addPixels adds each half lane's pixels to a sum of 64 bits.
func (k *kernels) addPixels(p, zero, sum reg.VecVirtual) {
	s := k.YMM()
	k.VPSADBW(zero, p, s)
	k.VPADDQ(s, sum, sum)
}

// variancesAVX2 has the four 8x8 blocks of a macroblock in the half lanes: rows y and y+8.
func (k *kernels) variancesAVX2() {
	k.function("variancesAVX2", "func(a *byte, stride int, out *[4]int)", "variancesAVX2 is variancesGo.")
	a := k.rows("a", "stride")
	below, n := a, k.GP64()
	below.at = k.GP64()
	k.LEAQ(Mem{Base: a.at, Index: a.stride, Scale: 8}, below.at)
	k.MOVQ(U64(2), n)
	zero, sums, low, high := k.zeroAVX2(), k.zeroAVX2(), k.zeroAVX2(), k.zeroAVX2()
	k.Label("rows")
	for y := range 4 {
		p := k.twoRows(a.row(y, 0), below.row(y, 0))
		k.addPixels(p, zero, sums)
		l, h := k.bytesToWords(p, zero)
		k.addProducts(l, l, low)
		k.addProducts(h, h, high)
	}
	k.step(a, 4)
	k.step(below, 4)
	k.DECQ(n)
	k.JNE(LabelRef("rows"))
	// 64 times the sum of squares, less the square of the sum.
	squares := k.addPairs([2]reg.VecVirtual{low, high})
	k.VPSLLQ(Imm(32), squares, squares)
	k.VPSRLQ(Imm(32-6), squares, squares)
	k.VPMULUDQ(sums, sums, sums)
	k.VPSUBQ(sums, squares, squares)
	k.VMOVDQU(squares, Mem{Base: k.param("out")})
	k.returnAVX2()
}

// The constants of package distortion, which this module cannot import.
const (
	ssimC1 = 26634
	ssimC2 = 239708
)

// doubleWords is a table of a number, repeated.
func (k *kernels) doubleWords(name string, v uint32) Mem {
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for range 8 {
		k.AppendDatum(U32(v))
	}
	return m
}

// ssimsAVX2 has four windows in the half lanes. All moments are below 2^31, as are the factors that they make: these are worked
// out in the low double words of the half lanes, whatever is above them.
func (k *kernels) ssimsAVX2() {
	c1, c2 := k.doubleWords("ssimC1", ssimC1), k.doubleWords("ssimC2", ssimC2)
	k.function("ssimsAVX2", "func("+twoBlocks+", out *float64, n int) (squaredErr int)",
		"ssimsAVX2 is ssimsGo of n whole windows, a multiple of 4 up to 4096.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	out, n := k.param("out"), k.param("n")
	belowA, belowB := a, b
	belowA.at, belowB.at = k.GP64(), k.GP64()
	k.LEAQ(Mem{Base: a.at, Index: a.stride, Scale: 4}, belowA.at)
	k.LEAQ(Mem{Base: b.at, Index: b.stride, Scale: 4}, belowB.at)
	zero, squaredErr := k.zeroAVX2(), k.zeroAVX2()
	k.Label("windows")
	sumsA, sumsB := k.zeroAVX2(), k.zeroAVX2()
	var squares, products [2]reg.VecVirtual // of the low halves of lanes, and of the high ones
	for i := range squares {
		squares[i], products[i] = k.zeroAVX2(), k.zeroAVX2()
	}
	for y := range 8 {
		rowA, rowB := a.row(y&3, 0), b.row(y&3, 0)
		if y >= 4 {
			rowA, rowB = belowA.row(y&3, 0), belowB.row(y&3, 0)
		}
		pa, pb := k.YMM(), k.YMM()
		k.VMOVDQU(rowA, pa)
		k.VMOVDQU(rowB, pb)
		k.addPixels(pa, zero, sumsA)
		k.addPixels(pb, zero, sumsB)
		var wa, wb [2]reg.VecVirtual
		wa[0], wa[1] = k.bytesToWords(pa, zero)
		wb[0], wb[1] = k.bytesToWords(pb, zero)
		for i := range wa {
			k.addProducts(wa[i], wb[i], products[i])
			k.addProducts(wa[i], wa[i], squares[i])
			k.addProducts(wb[i], wb[i], squares[i])
		}
	}
	s, p := k.addPairs(squares), k.addPairs(products)
	k.VPADDD(p, p, p)
	// The squared error is the sum of the squares less twice the products.
	k.VPADDD(s, squaredErr, squaredErr)
	k.VPSUBD(p, squaredErr, squaredErr)
	luminance, structure, means, spread := k.YMM(), k.YMM(), k.YMM(), k.YMM()
	// Twice the product of the sums; twice 64 times the covariance.
	k.VPMULUDQ(sumsB, sumsA, luminance)
	k.VPADDD(luminance, luminance, luminance)
	k.VPSLLD(Imm(6), p, structure)
	k.VPSUBD(luminance, structure, structure)
	// The sum of the squares of the sums; 64 times that of the variances.
	k.VPMULUDQ(sumsA, sumsA, sumsA)
	k.VPMULUDQ(sumsB, sumsB, sumsB)
	k.VPADDD(sumsB, sumsA, means)
	k.VPSLLD(Imm(6), s, spread)
	k.VPSUBD(means, spread, spread)
	k.VPADDD(c1, luminance, luminance)
	k.VPADDD(c2, structure, structure)
	k.VPADDD(c1, means, means)
	k.VPADDD(c2, spread, spread)
	numerator, denominator := k.YMM(), k.YMM()
	k.VMULPD(k.lowToFloat(luminance), k.lowToFloat(structure), numerator)
	k.VMULPD(k.lowToFloat(means), k.lowToFloat(spread), denominator)
	k.VDIVPD(denominator, numerator, numerator)
	k.VMOVUPD(numerator, Mem{Base: out})
	for _, r := range []reg.GPVirtual{a.at, b.at, belowA.at, belowB.at, out} {
		k.ADDQ(Imm(32), r)
	}
	k.SUBQ(Imm(4), n)
	k.JNE(LabelRef("windows"))
	k.VPSLLQ(Imm(32), squaredErr, squaredErr)
	k.VPSRLQ(Imm(32), squaredErr, squaredErr)
	k.returnSumAVX2(squaredErr)
}

// addPairs makes four sums a half lane one, in the low double word: of the low halves of lanes and of the high ones.
func (k *kernels) addPairs(sums [2]reg.VecVirtual) reg.VecVirtual {
	odd := k.YMM()
	k.VPHADDD(sums[1], sums[0], sums[0])
	k.VPSRLQ(Imm(32), sums[0], odd)
	k.VPADDD(odd, sums[0], sums[0])
	return sums[0]
}

// lowToFloat gives the low double words of the half lanes, which are signed, as floating point numbers of 64 bits.
func (k *kernels) lowToFloat(x reg.VecVirtual) reg.VecVirtual {
	high, f := k.XMM(), k.YMM()
	k.VEXTRACTI128(Imm(1), x, high)
	k.VSHUFPS(Imm(0x88), high, x.AsX(), high)
	k.VCVTDQ2PD(high, f)
	return f
}
