package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Factors of the transforms, as in package transform.
const (
	fwdCos   = 21407
	fwdSin   = 8867
	cosLess1 = 20091
	sin      = 35468
)

// transform writes the kernels of package transform.
func (k *kernels) transform() {
	k.forwardDCTs()
	k.forwardDCT()
	k.forwardWHT()
	k.addDequantized()
	k.addDC()
	k.peaks()
	k.sums()
	k.transformAVX2()
}

// The forward transform takes two blocks at once, side by side: a register has a row, or, after a transposition, a column, of
// the one block in its low half and of the other one in its high half.

// forward has the constants of the forward transform.
type forward struct {
	zero           reg.VecVirtual
	cosSin, sinCos reg.VecVirtual // factors of pairs, for coefficients 1 and 3
}

func (k *kernels) forwardConstants() forward {
	return forward{k.zero(), k.pairs(fwdCos, fwdSin), k.pairs(fwdSin, -fwdCos)}
}

// forwardDCTs transforms the blocks of an area by pairs.
func (k *kernels) forwardDCTs() {
	k.function("forwardDCTs", "func(a *byte, aStride int, b *byte, bStride int, w int, h int, out *int16)",
		"forwardDCTs is forwardDCTsGo of areas w pixels wide, a multiple of 8, and h pixels high.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	w, h, out := k.param("w"), k.param("h"), k.param("out")
	c := k.forwardConstants()
	k.Label("rows")
	x := k.GP64()
	k.XORQ(x, x)
	atA, atB := a, b
	atA.at, atB.at = k.GP64(), k.GP64()
	k.MOVQ(a.at, atA.at)
	k.MOVQ(b.at, atB.at)
	k.Label("pairs")
	d := k.subtract(8, atA, atB, c.zero)
	k.forwardPair(&d, c)
	k.store(16, k.lowHalves(d[0], d[1]), Mem{Base: out})
	k.store(16, k.lowHalves(d[2], d[3]), Mem{Base: out, Disp: 16})
	k.PUNPCKHQDQ(d[1], d[0])
	k.PUNPCKHQDQ(d[3], d[2])
	k.store(16, d[0], Mem{Base: out, Disp: 32})
	k.store(16, d[2], Mem{Base: out, Disp: 48})
	k.ADDQ(Imm(64), out)
	k.ADDQ(Imm(8), atA.at)
	k.ADDQ(Imm(8), atB.at)
	k.ADDQ(Imm(8), x)
	k.CMPQ(x, w)
	k.JLT(LabelRef("pairs"))
	k.step(a, 4)
	k.step(b, 4)
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	k.RET()
}

// forwardDCT leaves the second of the two blocks empty.
func (k *kernels) forwardDCT() {
	k.function("forwardDCT", "func(a *byte, aStride int, b *byte, bStride int, out *[16]int16)",
		"forwardDCT is forwardDCTGo.")
	a, b, out := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("out")
	c := k.forwardConstants()
	d := k.subtract(4, a, b, c.zero)
	k.forwardPair(&d, c)
	k.store(16, k.lowHalves(d[0], d[1]), Mem{Base: out})
	k.store(16, k.lowHalves(d[2], d[3]), Mem{Base: out, Disp: 16})
	k.RET()
}

// subtract gives the differences of 4 rows of n pixels, as words.
func (k *kernels) subtract(n int, a, b rows, zero reg.VecVirtual) (d [4]reg.VecVirtual) {
	for y := range d {
		d[y] = k.load(n, a.row(y, 0))
		p := k.load(n, b.row(y, 0))
		k.PUNPCKLBW(zero, d[y])
		k.PUNPCKLBW(zero, p)
		k.PSUBW(p, d[y])
	}
	return d
}

// lowHalves gives the low half of a and, above it, that of b.
func (k *kernels) lowHalves(a, b reg.VecVirtual) reg.VecVirtual {
	x := k.copy(a)
	k.PUNPCKLQDQ(b, x)
	return x
}

// forwardPair transforms the rows of two blocks, and then their columns.
func (k *kernels) forwardPair(d *[4]reg.VecVirtual, c forward) {
	k.transposePair(d)
	k.forwardPass(d, c, 1<<10, 11, func(even reg.VecVirtual) { k.PSLLW(Imm(3), even) })
	k.transposePair(d)
	eight := k.words(8)
	k.forwardPass(d, c, 1<<17, 18, func(even reg.VecVirtual) {
		// At most 4*255*8*4+8 = 32648: words have room for it.
		k.PADDW(eight, even)
		k.PSRAW(Imm(4), even)
	})
}

// forwardPass transforms vectors of 4, whose elements are in 4 registers. Odd coefficients are sums of two products, of 32 bits,
// that are rounded and shifted; scale does that to the even ones.
func (k *kernels) forwardPass(r *[4]reg.VecVirtual, c forward, round uint32, shift uint64, scale func(even reg.VecVirtual)) {
	k.butterfly(&r[0], &r[3])
	k.butterfly(&r[1], &r[2])
	k.butterfly(&r[0], &r[1])
	scale(r[0])
	scale(r[1])
	low, high := k.copy(r[3]), r[3]
	k.PUNPCKLWL(r[2], low)
	k.PUNPCKHWL(r[2], high)
	rounding := k.GP32()
	k.MOVL(U32(round), rounding)
	half := k.broadcast(rounding)
	odd := func(factors reg.VecVirtual) reg.VecVirtual {
		l, h := k.copy(low), k.copy(high)
		for _, x := range []reg.VecVirtual{l, h} {
			k.PMADDWL(factors, x)
			k.PADDL(half, x)
			k.PSRAL(Imm(shift), x)
		}
		k.PACKSSLW(h, l)
		return l
	}
	*r = [4]reg.VecVirtual{r[0], odd(c.cosSin), r[1], odd(c.sinCos)}
}

// transposePair transposes two 4x4 matrices of words that lie side by side.
func (k *kernels) transposePair(r *[4]reg.VecVirtual) {
	a, b := r[0], k.copy(r[0]) // b becomes the matrix in the high halves
	k.PUNPCKLWL(r[1], a)
	k.PUNPCKHWL(r[1], b)
	a2, b2 := r[2], k.copy(r[2])
	k.PUNPCKLWL(r[3], a2)
	k.PUNPCKHWL(r[3], b2)
	aHigh, bHigh := k.copy(a), k.copy(b)
	k.PUNPCKLLQ(a2, a)
	k.PUNPCKLLQ(b2, b)
	k.PUNPCKHLQ(a2, aHigh)
	k.PUNPCKHLQ(b2, bHigh)
	first, third := k.lowHalves(a, b), k.lowHalves(aHigh, bHigh)
	k.PUNPCKHQDQ(b, a)
	k.PUNPCKHQDQ(bHigh, aHigh)
	*r = [4]reg.VecVirtual{first, a, third, aHigh}
}

// forwardWHT works on vectors of four words, in the low halves of registers. Sums are modulo 2^16, as in forwardWHTGo.
func (k *kernels) forwardWHT() {
	k.function("forwardWHT", "func(dc *int16, out *[16]int16)", "forwardWHT is forwardWHTGo.")
	dc, out := k.param("dc"), k.param("out")
	var r [4]reg.VecVirtual
	for x := range r {
		r[x] = k.XMM()
		v := k.GP32()
		k.MOVWLZX(Mem{Base: dc, Disp: 32 * x}, v)
		k.MOVD(v, r[x])
		for y := 1; y < 4; y++ {
			k.PINSRW(Imm(uint64(y)), Mem{Base: dc, Disp: 32 * (4*y + x)}, r[x])
		}
	}
	for pass := range 2 {
		k.butterfly(&r[0], &r[3])
		k.butterfly(&r[1], &r[2])
		k.butterfly(&r[0], &r[1])
		k.butterfly(&r[3], &r[2])
		r[1], r[2], r[3] = r[3], r[1], r[2]
		if pass == 0 {
			k.PUNPCKLWL(r[1], r[0])
			k.PUNPCKLWL(r[3], r[2])
			high := k.copy(r[0])
			k.PUNPCKLLQ(r[2], r[0])
			k.PUNPCKHLQ(r[2], high)
			r = [4]reg.VecVirtual{r[0], k.highHalf(r[0]), high, k.highHalf(high)}
		}
	}
	minusOne := k.ones()
	for i := 0; i < 4; i += 2 {
		// Half, rounded away from zero: negative values are one less before the shift rounds down.
		x := k.lowHalves(r[i], r[i+1])
		sign := k.copy(x)
		k.PSRAW(Imm(15), sign)
		k.PSUBW(minusOne, x)
		k.PADDW(sign, x)
		k.PSRAW(Imm(1), x)
		k.store(16, x, Mem{Base: out, Disp: 8 * i})
	}
	k.RET()
}

// addDequantized works on vectors of four words, in the low halves of registers. Sums are modulo 2^16, as in addInverseDCTGo.
func (k *kernels) addDequantized() {
	k.function("addDequantized", "func(in *[16]int16, dc int, ac int, dst *byte, stride int)",
		"addDequantized is addDequantizedGo with steps of 16 bits.")
	in, dst := k.param("in"), k.rows("dst", "stride")
	const sinLess1 = sin - 1<<16 // what is left of the sine as a signed word: x*sin>>16 = x*sinLess1>>16 + x
	factorC, factorS := k.words(cosLess1), k.words(sinLess1)
	a, b := k.load(16, Mem{Base: in}), k.load(16, Mem{Base: in, Disp: 16})
	steps := k.wordParam("ac")
	k.PMULLW(steps, b)
	k.PINSRW(Imm(0), k.param("dc").As32(), steps)
	k.PMULLW(steps, a)
	for range 2 {
		r := [4]reg.VecVirtual{a, k.highHalf(a), b, k.highHalf(b)}
		k.butterfly(&r[0], &r[2])
		c, d := k.times(r[1], factorS), k.times(r[1], factorC)
		k.PSUBW(k.times(r[3], factorC), c)
		k.PADDW(k.times(r[3], factorS), d)
		k.butterfly(&r[0], &d) // r[0] = a1+d1, d = a1-d1
		k.butterfly(&r[2], &c) // r[2] = b1+c1, c = b1-c1
		// Transpose into columns, or, the second time, back into rows: two to a register.
		k.PUNPCKLWL(r[2], r[0])
		k.PUNPCKLWL(d, c)
		a, b = r[0], k.copy(r[0])
		k.PUNPCKLLQ(c, a)
		k.PUNPCKHLQ(c, b)
	}
	four, zero := k.words(4), k.zero()
	for i, x := range []reg.VecVirtual{a, b} {
		// Saturation keeps large sums large; they end as 255.
		k.PADDSW(four, x)
		k.PSRAW(Imm(3), x)
		k.addToRows(x, zero, dst, 2*i)
	}
	k.RET()
}

// times gives x*(1+factor/2^16), rounded down.
func (k *kernels) times(x, factor reg.VecVirtual) reg.VecVirtual {
	p := k.copy(x)
	k.PMULHW(factor, p)
	k.PADDW(x, p)
	return p
}

// addToRows adds words to the 4 pixels of rows y and y+1.
func (k *kernels) addToRows(x, zero reg.VecVirtual, dst rows, y int) {
	p, q := k.load(4, dst.row(y, 0)), k.load(4, dst.row(y+1, 0))
	k.PUNPCKLLQ(q, p)
	k.PUNPCKLBW(zero, p)
	k.PADDW(x, p)
	k.PACKUSWB(p, p)
	k.store(4, p, dst.row(y, 0))
	k.PSRLQ(Imm(32), p)
	k.store(4, p, dst.row(y+1, 0))
}

// addDC adds a value to all pixels of a block.
func (k *kernels) addDC() {
	k.function("addDC", "func(d int, dst *byte, stride int)", "addDC adds d, within 16 bits, to 4x4 pixels and clips them.")
	x, dst, zero := k.wordParam("d"), k.rows("dst", "stride"), k.zero()
	for y := 0; y < 4; y += 2 {
		k.addToRows(x, zero, dst, y)
	}
	k.RET()
}

// peaks finds the largest magnitudes, position by position, and then those of the first one and of the others.
func (k *kernels) peaks() {
	k.function("peaks", "func(c *int16, n int) (dc, ac int)", "peaks is peaksGo of n blocks.")
	c, n := k.param("c"), k.param("n")
	zero, first, others := k.zero(), k.zero(), k.zero()
	k.Label("blocks")
	for i, most := range []reg.VecVirtual{first, others} {
		x := k.load(16, Mem{Base: c, Disp: 16 * i})
		negative := k.copy(zero)
		k.PSUBW(x, negative)
		k.PMAXSW(negative, x)
		k.PMAXSW(x, most)
	}
	k.ADDQ(Imm(32), c)
	k.DECQ(n)
	k.JNE(LabelRef("blocks"))
	dc := k.GP32()
	k.MOVD(first, dc)
	k.MOVWLZX(dc.As16(), dc)
	k.Store(dc.As64(), k.Return("dc"))
	nothing := k.GP32()
	k.XORL(nothing, nothing)
	k.PINSRW(Imm(0), nothing, first)
	k.PMAXSW(first, others)
	for _, order := range []uint64{0xee, 0x55} { // the upper half, then the second double word
		other := k.XMM()
		k.PSHUFD(Imm(order), others, other)
		k.PMAXSW(other, others)
	}
	other := k.XMM()
	k.PSHUFLW(Imm(0x55), others, other)
	k.PMAXSW(other, others)
	ac := k.GP32()
	k.MOVD(others, ac)
	k.MOVWLZX(ac.As16(), ac)
	k.Store(ac.As64(), k.Return("ac"))
	k.RET()
}

// sums has two blocks side by side, whose four rows are added up. Halves of a block's rows stay apart.
func (k *kernels) sums() {
	k.function("sums", "func(a *byte, aStride int, b *byte, bStride int, w int, h int, out *int32)",
		"sums gives, for each two blocks of an area w pixels wide, a multiple of 8, and h pixels high, the sums of the squared",
		"differences of the left and of the right half of either, and then those of the differences.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	w, h, out := k.param("w"), k.param("h"), k.param("out")
	zero, ones := k.zero(), k.words(1)
	k.Label("rows")
	x := k.GP64()
	k.XORQ(x, x)
	atA, atB := a, b
	atA.at, atB.at = k.GP64(), k.GP64()
	k.MOVQ(a.at, atA.at)
	k.MOVQ(b.at, atB.at)
	k.Label("pairs")
	d := k.subtract(8, atA, atB, zero)
	sum, squares := k.copy(d[0]), d[0]
	k.PMADDWL(squares, squares)
	for _, d := range d[1:] {
		k.PADDW(d, sum)
		k.PMADDWL(d, d)
		k.PADDL(d, squares)
	}
	k.PMADDWL(ones, sum)
	k.store(16, squares, Mem{Base: out})
	k.store(16, sum, Mem{Base: out, Disp: 16})
	k.ADDQ(Imm(32), out)
	k.ADDQ(Imm(8), atA.at)
	k.ADDQ(Imm(8), atB.at)
	k.ADDQ(Imm(8), x)
	k.CMPQ(x, w)
	k.JLT(LabelRef("pairs"))
	k.step(a, 4)
	k.step(b, 4)
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	k.RET()
}
