package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// distortion writes the kernels of package distortion.
func (k *kernels) distortion() {
	for _, w := range []int{16, 8} {
		k.sad(w)
	}
	k.sad4x4()
	for _, w := range []int{16, 8} {
		k.sads(w)
	}
	k.sse(16)
	k.sse(8)
	k.ssePlane()
	for _, w := range []int{16, 8} {
		k.satd(w)
	}
	k.satd4x4()
	k.satds()
	k.variance()
	k.jointMoments()
	k.distortionAVX2()
}

// twoBlocks is what most kernels of this family take.
const twoBlocks = "a *byte, aStride int, b *byte, bStride int"

// sad sums the absolute differences of blocks 8 or 16 pixels wide. Without a look at a limit in between: a branch that is
// mispredicted costs more than the rest of a block.
func (k *kernels) sad(w int) {
	name := fmt.Sprintf("sad%d", w)
	k.function(name, "func("+twoBlocks+", h int) (sum int)",
		fmt.Sprintf("%s is sadGo of blocks %d pixels wide and h pixels high, a multiple of 4.", name, w))
	a, b, h := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("h")
	sum := k.zero() // two sums, one a half
	k.Label("rows")
	for y := 0; y < 4; y += 16 / w {
		pa, pb := k.pixels(w, a, y), k.pixels(w, b, y)
		k.PSADBW(pa, pb)
		k.PADDQ(pb, sum)
	}
	k.step(a, 4)
	k.step(b, 4)
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	k.returnSum(sum)
}

// pixels loads 16 pixels: of row y, or, of blocks 8 pixels wide, of row y and the next.
func (k *kernels) pixels(w int, r rows, y int) reg.VecVirtual {
	x := k.load(w, r.row(y, 0))
	if w == 8 {
		k.MOVHPS(r.row(y+1, 0), x)
	}
	return x
}

// returnSum returns the sum of the halves of a register.
func (k *kernels) returnSum(sum reg.VecVirtual) {
	k.setSum(sum, "sum")
	k.RET()
}

// sad4x4 gathers both blocks into a register each.
func (k *kernels) sad4x4() {
	k.function("sad4x4", "func("+twoBlocks+") (sum int)", "sad4x4 is sadGo of blocks of 4x4 pixels.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	pa, pb := k.gather4x4(a), k.gather4x4(b)
	k.PSADBW(pb, pa)
	k.returnSum(pa)
}

// gather4x4 gives the 16 pixels of a 4x4 block.
func (k *kernels) gather4x4(r rows) reg.VecVirtual {
	var x [4]reg.VecVirtual
	for y := range x {
		x[y] = k.load(4, r.row(y, 0))
	}
	k.PUNPCKLLQ(x[1], x[0])
	k.PUNPCKLLQ(x[3], x[2])
	k.PUNPCKLQDQ(x[2], x[0])
	return x[0]
}

// sads measures one block against four: it is read only once.
func (k *kernels) sads(w int) {
	name := fmt.Sprintf("sads%d", w)
	k.function(name, "func(a *byte, aStride int, b0 *byte, b1 *byte, b2 *byte, b3 *byte, bStride int, h int, out *[4]int)",
		fmt.Sprintf("%s gives the sadGo of blocks %d pixels wide and h pixels high, a multiple of 4: of a and each b.", name, w))
	a, h := k.rows("a", "aStride"), k.param("h")
	b := k.fourBlocks()
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = k.zero()
	}
	k.Label("rows")
	for y := 0; y < 4; y += 16 / w {
		p := k.pixels(w, a, y)
		for i := range b {
			q := k.pixels(w, b[i], y)
			k.PSADBW(p, q)
			k.PADDQ(q, sums[i])
		}
	}
	k.step(a, 4)
	for i := range b {
		k.step(b[i], 4)
	}
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	out := k.param("out")
	for i := range sums {
		k.PADDQ(k.highHalf(sums[i]), sums[i])
		k.store(8, sums[i], Mem{Base: out, Disp: 8 * i})
	}
	k.RET()
}

// fourBlocks loads the parameters b0 to b3 and their stride.
func (k *kernels) fourBlocks() (b [4]rows) {
	b[0] = k.rows("b0", "bStride")
	for i := 1; i < 4; i++ {
		b[i] = b[0]
		b[i].at = k.param(fmt.Sprint("b", i))
	}
	return b
}

// sse sums the squared differences of blocks 8 or 16 pixels wide. The sums of 32 bits have room for 16512 rows, more than a
// picture has.
func (k *kernels) sse(w int) {
	name := fmt.Sprintf("sse%d", w)
	k.function(name, "func("+twoBlocks+", h int) (sum int)",
		fmt.Sprintf("%s is sseGo of blocks %d pixels wide and h pixels high, a multiple of 4 below 16384.", name, w))
	a, b, h := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("h")
	zero, sum := k.zero(), k.zero()
	k.Label("rows")
	for y := 0; y < 4; y += 16 / w {
		k.addSquares(k.difference(k.pixels(w, a, y), k.pixels(w, b, y)), zero, sum)
	}
	k.step(a, 4)
	k.step(b, 4)
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	k.widen(sum, zero)
	k.returnSum(sum)
}

// difference gives the absolute differences of 16 pixels: of the two saturating differences one is the absolute one, the other
// is zero.
func (k *kernels) difference(a, b reg.VecVirtual) reg.VecVirtual {
	d := k.copy(a)
	k.PSUBUSB(b, d)
	k.PSUBUSB(a, b)
	k.POR(b, d)
	return d
}

// addSquares adds the squares of 16 bytes to four sums of 32 bits: at most 4*255^2 to each.
func (k *kernels) addSquares(d, zero, sum reg.VecVirtual) {
	high := k.copy(d)
	k.PUNPCKLBW(zero, d)
	k.PUNPCKHBW(zero, high)
	k.PMADDWL(d, d)
	k.PMADDWL(high, high)
	k.PADDL(d, sum)
	k.PADDL(high, sum)
}

// ssePlane sums the squared differences of whole rows, in 32 bits within a row and in 64 over all.
func (k *kernels) ssePlane() {
	k.function("ssePlane", "func("+twoBlocks+", w, h int) (sum int)",
		"ssePlane is sseGo of blocks w pixels wide, a multiple of 16 below 2^18, and h pixels high.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	w, h := k.param("w"), k.param("h")
	zero, total := k.zero(), k.zero()
	k.Label("rows")
	x := k.GP64()
	k.XORQ(x, x)
	sum := k.zero()
	k.Label("columns")
	pa := k.load(16, Mem{Base: a.at, Index: x, Scale: 1})
	pb := k.load(16, Mem{Base: b.at, Index: x, Scale: 1})
	k.addSquares(k.difference(pa, pb), zero, sum)
	k.ADDQ(Imm(16), x)
	k.CMPQ(x, w)
	k.JLT(LabelRef("columns"))
	k.widen(sum, zero)
	k.PADDQ(sum, total)
	k.step(a, 1)
	k.step(b, 1)
	k.DECQ(h)
	k.JNE(LabelRef("rows"))
	k.returnSum(total)
}

// The 4x4 Hadamard transforms of four blocks of differences are worked out at once, and of their results only what the sum of
// absolute values takes. Pixels are 16 a register; its even and odd bytes, as words, are the columns 0 and 2 and the columns 1
// and 3 of the four blocks, so that the first stage along the rows is an addition and a subtraction of whole registers, as are
// the two stages along the columns. The second stage along the rows is between neighbouring words x and y, and it is the last:
//
//	|x+y| + |x-y| = 2*max(|x|, |y|)
//
// and as a SATD is half the sum of all, it is the sum of these maxima.

// evenBytes gives the mask of the even bytes.
func (k *kernels) evenBytes() reg.VecVirtual {
	m := k.ones()
	k.PSRLW(Imm(8), m)
	return m
}

// lowWords gives the mask of the low words of double words, as a factor: 1, 0, 1, 0...
func (k *kernels) lowWords() reg.VecVirtual {
	m := k.ones()
	k.PSRLL(Imm(31), m)
	return m
}

// differences takes row y of four blocks, 16 pixels of a and of b, to the sums and the differences of the columns 0 and 1, and
// 2 and 3, of a-b.
func (k *kernels) differences(a, b, even reg.VecVirtual) (s, d reg.VecVirtual) {
	oddA, oddB := k.copy(a), k.copy(b)
	k.PAND(even, a)
	k.PAND(even, b)
	k.PSRLW(Imm(8), oddA)
	k.PSRLW(Imm(8), oddB)
	k.PSUBW(b, a)
	k.PSUBW(oddB, oddA)
	s, d = k.copy(a), a
	k.PADDW(oddA, s)
	k.PSUBW(oddA, d)
	return s, d
}

// maxima does the stages along the columns and adds four maxima of each block to sum, in the low words of its double words. A
// maximum is at most 8*255, so that eight fit.
func (k *kernels) maxima(r *[4]reg.VecVirtual, sum reg.VecVirtual) {
	k.butterfly(&r[0], &r[1])
	k.butterfly(&r[2], &r[3])
	k.butterfly(&r[0], &r[2])
	k.butterfly(&r[1], &r[3])
	for _, x := range r {
		negative := k.zero()
		k.PSUBW(x, negative)
		k.PMAXSW(negative, x)
		y := k.copy(x)
		k.PSRLL(Imm(16), y)
		k.PMAXSW(y, x)
		k.PADDW(x, sum)
	}
}

// hadamard adds the SATDs of four blocks to the four words of 32 bits of total. load gives the four rows of pixels.
func (k *kernels) hadamard(load func(y int) (a, b reg.VecVirtual), even, low, total reg.VecVirtual) {
	var s, d [4]reg.VecVirtual
	for y := range 4 {
		a, b := load(y)
		s[y], d[y] = k.differences(a, b, even)
	}
	sum := k.zero()
	k.maxima(&s, sum)
	k.maxima(&d, sum)
	k.PMADDWL(low, sum)
	k.PADDL(sum, total)
}

// returnLanes adds the four words of 32 bits of a register and returns them.
func (k *kernels) returnLanes(sum reg.VecVirtual) {
	k.widen(sum, k.zero())
	k.returnSum(sum)
}

// satd sums the SATDs of blocks 8 or 16 pixels wide. Of those 8 wide it takes the rows 0 to 3 and 4 to 7 at once.
func (k *kernels) satd(w int) {
	name := fmt.Sprintf("satd%d", w)
	rows := 64 / w
	k.function(name, "func("+twoBlocks+", h int) (sum int)",
		fmt.Sprintf("%s is satdGo of blocks %d pixels wide and h pixels high, a multiple of %d.", name, w, rows))
	a, b, h := k.rows("a", "aStride"), k.rows("b", "bStride"), k.param("h")
	even, low, total := k.evenBytes(), k.lowWords(), k.zero()
	k.Label("rows")
	belowA, belowB := a, b
	if w == 8 {
		belowA.at, belowB.at = k.GP64(), k.GP64()
		k.LEAQ(Mem{Base: a.at, Index: a.stride, Scale: 4}, belowA.at)
		k.LEAQ(Mem{Base: b.at, Index: b.stride, Scale: 4}, belowB.at)
	}
	k.hadamard(func(y int) (pa, pb reg.VecVirtual) {
		pa, pb = k.load(w, a.row(y, 0)), k.load(w, b.row(y, 0))
		if w == 8 {
			k.MOVHPS(belowA.row(y, 0), pa)
			k.MOVHPS(belowB.row(y, 0), pb)
		}
		return pa, pb
	}, even, low, total)
	k.step(belowA, 4)
	k.step(belowB, 4)
	k.MOVQ(belowA.at, a.at)
	k.MOVQ(belowB.at, b.at)
	k.SUBQ(Imm(uint64(rows)), h)
	k.JNE(LabelRef("rows"))
	k.returnLanes(total)
}

// satd4x4 leaves three of the four blocks empty.
func (k *kernels) satd4x4() {
	k.function("satd4x4", "func("+twoBlocks+") (sum int)", "satd4x4 is satdGo of blocks of 4x4 pixels.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	even, low, total := k.evenBytes(), k.lowWords(), k.zero()
	k.hadamard(func(y int) (pa, pb reg.VecVirtual) {
		return k.load(4, a.row(y, 0)), k.load(4, b.row(y, 0))
	}, even, low, total)
	k.returnSum(total)
}

// satds measures four predictions of one block.
func (k *kernels) satds() {
	k.function("satds4", "func(src *byte, stride int, predictions *[4][16]byte, out *[4]int32)",
		"satds4 gives the satdGo of a block of 4x4 pixels and each of four predictions of it.")
	src := k.rows("src", "stride")
	predictions, out := k.param("predictions"), k.param("out")
	even, low, total := k.evenBytes(), k.lowWords(), k.zero()
	// Row y of all four: a transposition of double words.
	var p [4]reg.VecVirtual
	for i := range p {
		p[i] = k.load(16, Mem{Base: predictions, Disp: 16 * i})
	}
	k.transposeDoubleWords(&p)
	k.hadamard(func(y int) (pa, pb reg.VecVirtual) {
		pa = k.load(4, src.row(y, 0))
		k.PSHUFD(Imm(0), pa, pa)
		return pa, p[y]
	}, even, low, total)
	k.store(16, total, Mem{Base: out})
	k.RET()
}

// transposeDoubleWords transposes a 4x4 matrix of 32-bit words.
func (k *kernels) transposeDoubleWords(p *[4]reg.VecVirtual) {
	lowA, lowB := k.copy(p[0]), k.copy(p[2])
	k.PUNPCKLLQ(p[1], lowA)
	k.PUNPCKLLQ(p[3], lowB)
	k.PUNPCKHLQ(p[1], p[0])
	k.PUNPCKHLQ(p[3], p[2])
	highA, highB := k.copy(lowA), k.copy(p[0])
	k.PUNPCKLQDQ(lowB, lowA)
	k.PUNPCKHQDQ(lowB, highA)
	k.PUNPCKLQDQ(p[2], p[0])
	k.PUNPCKHQDQ(p[2], highB)
	*p = [4]reg.VecVirtual{lowA, highA, p[0], highB}
}

// variance sums the pixels and their squares of an 8x8 block.
func (k *kernels) variance() {
	k.function("variance8x8", "func(a *byte, stride int) (variance int)", "variance8x8 is varianceGo.")
	a := k.rows("a", "stride")
	zero, sums, squares := k.zero(), k.zero(), k.zero()
	n := k.GP64()
	k.MOVQ(U64(2), n)
	k.Label("rows")
	for y := 0; y < 4; y += 2 {
		p := k.pixels(8, a, y)
		s := k.copy(p)
		k.PSADBW(zero, s)
		k.PADDQ(s, sums)
		k.addSquares(p, zero, squares)
	}
	k.step(a, 4)
	k.DECQ(n)
	k.JNE(LabelRef("rows"))
	k.widen(squares, zero)
	k.PADDQ(k.highHalf(squares), squares)
	k.PADDQ(k.highHalf(sums), sums)
	k.PSLLQ(Imm(6), squares)
	k.PMULULQ(sums, sums)
	k.PSUBQ(sums, squares)
	variance := k.GP64()
	k.MOVQ(squares, variance)
	k.Store(variance, k.ReturnIndex(0))
	k.RET()
}

// jointMoments sums the pixels of two windows, the squares of both and their products.
func (k *kernels) jointMoments() {
	k.function("jointMoments8x8", "func("+twoBlocks+", out *[4]int32)", "jointMoments8x8 is jointMomentsGo of windows of 8x8 pixels.")
	a, b := k.rows("a", "aStride"), k.rows("b", "bStride")
	zero := k.zero()
	sumsA, sumsB, squares, products := k.zero(), k.zero(), k.zero(), k.zero()
	n := k.GP64()
	k.MOVQ(U64(2), n)
	k.Label("rows")
	for y := 0; y < 4; y += 2 {
		pa, pb := k.pixels(8, a, y), k.pixels(8, b, y)
		for _, p := range [][2]reg.VecVirtual{{pa, sumsA}, {pb, sumsB}} {
			s := k.copy(p[0])
			k.PSADBW(zero, s)
			k.PADDQ(s, p[1])
		}
		highA, highB := k.copy(pa), k.copy(pb)
		k.PUNPCKLBW(zero, pa)
		k.PUNPCKLBW(zero, pb)
		k.PUNPCKHBW(zero, highA)
		k.PUNPCKHBW(zero, highB)
		for _, p := range [][2]reg.VecVirtual{{pa, pb}, {highA, highB}} {
			product := k.copy(p[0])
			k.PMADDWL(p[1], product)
			k.PMADDWL(p[0], p[0])
			k.PMADDWL(p[1], p[1])
			k.PADDL(p[0], squares)
			k.PADDL(p[1], squares)
			k.PADDL(product, products)
		}
	}
	k.step(a, 4)
	k.step(b, 4)
	k.DECQ(n)
	k.JNE(LabelRef("rows"))
	k.widen(squares, zero)
	k.widen(products, zero)
	out := k.param("out")
	for i, s := range []reg.VecVirtual{sumsA, sumsB, squares, products} {
		k.PADDQ(k.highHalf(s), s)
		k.store(4, s, Mem{Base: out, Disp: 4 * i})
	}
	k.RET()
}
