package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Geometry of inter prediction, as in package predict.
const (
	maxBlock    = 16
	reachBefore = 2
	reachAfter  = 3
)

// predict writes the kernels of package predict.
func (k *kernels) predict() {
	for _, w := range []int{16, 8, 4} {
		k.copyBlock(w)
		k.interpolate(w)
	}
}

// copyBlock copies rows, four at a time.
func (k *kernels) copyBlock(w int) {
	name := fmt.Sprintf("copy%d", w)
	k.function(name, "func(dst *byte, dstStride int, src *byte, stride int, h int)",
		fmt.Sprintf("%s copies a block %d pixels wide and h pixels high, a multiple of 4.", name, w))
	dst, src, h := k.rows("dst", "dstStride"), k.rows("src", "stride"), k.param("h")
	k.Label("rows")
	for y := range 4 {
		k.store(w, k.load(w, src.row(y, 0)), dst.row(y, 0))
	}
	k.step(src, 4)
	k.step(dst, 4)
	k.SUBQ(Imm(4), h)
	k.JNE(LabelRef("rows"))
	k.RET()
}

// interpolate filters along the rows, along the columns, or first the one and then the other, by way of the stack.
//
// The sum of six products and the rounding leaves 16 bits, at most 255*(77+77+3+3)+64 = 40864, but only upwards, and what is
// above 32767 ends as 255 whether it is exact or not: 32767>>7 = 255. So the products are added modulo 2^16 but for the last
// one, which is added with saturation. It is that of tap 3. Without it the sum is within -32*255 and 123*255+64, and the
// product itself is within 0 and 123*255.
//
// Where the outer two taps are zero, as for every odd fraction, four are used.
func (k *kernels) interpolate(w int) {
	name := fmt.Sprintf("interpolate%d", w)
	k.function(name, "func(dst *byte, dstStride int, src *byte, stride int, h int, x *[6]int16, y *[6]int16)",
		fmt.Sprintf("%s is interpolateGo of blocks %d pixels wide and h pixels high, from 1 to 16, with the taps x and y.", name, w),
		"One of them may be nil: then there is nothing to do in that direction.")
	dst, dstStride := k.param("dst"), k.param("dstStride")
	src, stride, h := k.param("src"), k.param("stride"), k.param("h")
	tapsX, tapsY := k.param("x"), k.param("y")
	between := k.AllocLocal((maxBlock + reachBefore + reachAfter) * maxBlock)
	zero, bias := k.zero(), k.bias()

	k.TESTQ(tapsX, tapsX)
	k.JEQ(LabelRef("vertical"))

	k.Comment("Along the rows, to dst or, if the columns follow, to the stack, where there is room for all rows of six taps.")
	out, outStride, n := k.GP64(), k.GP64(), k.GP64()
	k.MOVQ(dst, out)
	k.MOVQ(dstStride, outStride)
	k.MOVQ(h, n)
	k.TESTQ(tapsY, tapsY)
	k.JEQ(LabelRef("horizontal"))
	k.LEAQ(between, out)
	k.MOVQ(U64(maxBlock), outStride)
	k.ADDQ(Imm(reachBefore+reachAfter), n)
	k.SUBQ(stride, src)
	k.SUBQ(stride, src)
	k.testOuter(tapsY)
	k.JNE(LabelRef("horizontal"))
	k.Comment("Four taps do without the first row and the last.")
	k.ADDQ(Imm(maxBlock), out)
	k.ADDQ(stride, src)
	k.SUBQ(Imm(2), n)
	k.Label("horizontal")
	k.eitherTaps(tapsX, "horizontal", func(taps []reg.VecVirtual, loop string) {
		k.Label(loop)
		k.filter(w, taps, zero, bias, Mem{Base: out}, func(tap int) Mem { return Mem{Base: src, Disp: tap - reachBefore} })
		k.ADDQ(stride, src)
		k.ADDQ(outStride, out)
		k.DECQ(n)
		k.JNE(LabelRef(loop))
	})
	k.TESTQ(tapsY, tapsY)
	k.JEQ(LabelRef("done"))
	k.LEAQ(between.Offset(reachBefore*maxBlock), src)
	k.MOVQ(outStride, stride)

	k.Label("vertical")
	k.Comment("Along the columns. The rows 0 to 2 are addressed from src, those before from two rows before, the last from row 3.")
	before, last := k.GP64(), k.GP64()
	k.MOVQ(src, before)
	k.SUBQ(stride, before)
	k.SUBQ(stride, before)
	k.LEAQ(Mem{Base: src, Index: stride, Scale: 2}, last)
	k.ADDQ(stride, last)
	row := func(tap int) Mem {
		switch tap {
		case 0:
			return Mem{Base: before}
		case 1:
			return Mem{Base: before, Index: stride, Scale: 1}
		case 2:
			return Mem{Base: src}
		case 5:
			return Mem{Base: last}
		}
		return Mem{Base: src, Index: stride, Scale: uint8(tap - 2)}
	}
	k.eitherTaps(tapsY, "vertical", func(taps []reg.VecVirtual, loop string) {
		k.Label(loop)
		k.filter(w, taps, zero, bias, Mem{Base: dst}, row)
		k.ADDQ(stride, before)
		k.ADDQ(stride, src)
		k.ADDQ(stride, last)
		k.ADDQ(dstStride, dst)
		k.DECQ(h)
		k.JNE(LabelRef(loop))
	})
	k.Label("done")
	k.RET()
}

// bias gives 64, half of the filters' unit, in all words.
func (k *kernels) bias() reg.VecVirtual {
	x := k.ones()
	k.PSRLW(Imm(15), x)
	k.PSLLW(Imm(6), x)
	return x
}

// eitherTaps writes a loop for six taps and one for four, and the choice between them. The taps that are not used are nil.
func (k *kernels) eitherTaps(at reg.GPVirtual, name string, loop func(taps []reg.VecVirtual, label string)) {
	k.testOuter(at)
	k.JEQ(LabelRef(name + "Four"))
	loop(k.taps(at, 0, 6), name+"SixRows")
	k.JMP(LabelRef(name + "End"))
	k.Label(name + "Four")
	loop(k.taps(at, 1, 5), name+"FourRows")
	k.Label(name + "End")
}

// testOuter compares the outer taps with zero: equal if both are.
func (k *kernels) testOuter(taps reg.GPVirtual) {
	outer := k.GP32()
	k.MOVWLZX(Mem{Base: taps}, outer)
	k.ORW(Mem{Base: taps, Disp: 2 * 5}, outer.As16())
}

// taps gives the taps from first up to end, each in all words of a register.
func (k *kernels) taps(at reg.GPVirtual, first, end int) []reg.VecVirtual {
	taps := make([]reg.VecVirtual, 6)
	for i := first; i < end; i++ {
		t := k.GP32()
		k.MOVWLZX(Mem{Base: at, Disp: 2 * i}, t)
		taps[i] = k.XMM()
		k.MOVD(t, taps[i])
		k.PSHUFLW(Imm(0), taps[i], taps[i])
		k.PSHUFD(Imm(0), taps[i], taps[i])
	}
	return taps
}

// filter makes one row of a block: the sum of products of the pixels from where at says and the taps.
func (k *kernels) filter(w int, taps []reg.VecVirtual, zero, bias reg.VecVirtual, dst Mem, at func(tap int) Mem) {
	const last = 3 // the tap whose product is added with saturation
	var out reg.VecVirtual
	n := min(w, 8)
	for c := 0; c < w; c += n {
		product := func(tap int) reg.VecVirtual {
			p := k.load(n, at(tap).Offset(c))
			k.PUNPCKLBW(zero, p)
			k.PMULLW(taps[tap], p)
			return p
		}
		sum := k.copy(bias)
		for tap := range taps {
			if taps[tap] != nil && tap != last {
				k.PADDW(product(tap), sum)
			}
		}
		k.PADDSW(product(last), sum)
		k.PSRAW(Imm(7), sum)
		if c == 0 {
			out = sum
		} else {
			k.PACKUSWB(sum, out)
		}
	}
	if w <= 8 {
		k.PACKUSWB(out, out)
	}
	k.store(w, out, dst)
}
