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
	for _, size := range []int{16, 8} {
		k.trueMotion(size)
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
		fmt.Sprintf("%s is interpolateGo of blocks %d pixels wide and h pixels high, an even number up to 16, with the taps x and y.", name, w),
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
	k.Comment("Along the columns, two rows at a time: most of what one takes the next one takes too.")
	// Seven rows are addressed: four from the first one above the block, three from the next one.
	above := rows{k.GP64(), stride, k.GP64()}
	k.LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, above.stride3)
	k.MOVQ(src, above.at)
	k.SUBQ(stride, above.at)
	k.SUBQ(stride, above.at)
	below := above
	below.at = k.GP64()
	k.LEAQ(Mem{Base: src, Index: stride, Scale: 2}, below.at)
	row := func(i int) Mem {
		if i < 4 {
			return above.row(i, 0)
		}
		return below.row(i-4, 0)
	}
	k.eitherTaps(tapsY, "vertical", func(taps []reg.VecVirtual, loop string) {
		k.Label(loop)
		k.filterRows(w, taps, zero, bias, []Mem{{Base: dst}, {Base: dst, Index: dstStride, Scale: 1}}, row)
		k.step(above, 2)
		k.step(below, 2)
		k.LEAQ(Mem{Base: dst, Index: dstStride, Scale: 2}, dst)
		k.SUBQ(Imm(2), h)
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

// lastTap is the tap whose product is added with saturation.
const lastTap = 3

// filter makes one row of a block: the sum of products of the pixels from where at says and the taps.
func (k *kernels) filter(w int, taps []reg.VecVirtual, zero, bias reg.VecVirtual, dst Mem, at func(tap int) Mem) {
	k.filterRows(w, taps, zero, bias, []Mem{dst}, at)
}

// filterRows makes one row of a block, or two of which the second takes its pixels from one place further on.
func (k *kernels) filterRows(w int, taps []reg.VecVirtual, zero, bias reg.VecVirtual, dst []Mem, at func(place int) Mem) {
	n := min(w, 8)
	out := make([]reg.VecVirtual, len(dst))
	for c := 0; c < w; c += n {
		sums, last := make([]reg.VecVirtual, len(dst)), make([]reg.VecVirtual, len(dst))
		for i := range sums {
			sums[i] = k.copy(bias)
		}
		for place := range len(taps) + len(dst) - 1 {
			// Which rows take these pixels, and with which taps.
			var rows []int
			for i := range dst {
				if tap := place - i; tap >= 0 && tap < len(taps) && taps[tap] != nil {
					rows = append(rows, i)
				}
			}
			if len(rows) == 0 {
				continue
			}
			p := k.load(n, at(place).Offset(c))
			k.PUNPCKLBW(zero, p)
			for j, i := range rows {
				product := p
				if j < len(rows)-1 {
					product = k.copy(p)
				}
				k.PMULLW(taps[place-i], product)
				if place-i == lastTap {
					last[i] = product
				} else {
					k.PADDW(product, sums[i])
				}
			}
		}
		for i, sum := range sums {
			k.PADDSW(last[i], sum)
			k.PSRAW(Imm(7), sum)
			if c == 0 {
				out[i] = sum
			} else {
				k.PACKUSWB(sum, out[i])
			}
		}
	}
	for i, x := range out {
		if w <= 8 {
			k.PACKUSWB(x, x)
		}
		k.store(w, x, dst[i])
	}
}

// trueMotion adds to the row above a block, in each row, the step from the corner to the pixel on the left.
func (k *kernels) trueMotion(size int) {
	name := fmt.Sprintf("trueMotion%d", size)
	k.function(name, "func(dst *byte, dstStride int, corner *byte, stride int)",
		fmt.Sprintf("%s is trueMotionGo of %dx%d pixels, whose neighbours begin with the one in the corner.", name, size, size))
	dst, corner := k.rows("dst", "dstStride"), k.rows("corner", "stride")
	zero := k.zero()
	var above []reg.VecVirtual // as words
	for x := 0; x < size; x += 8 {
		p := k.load(8, corner.row(0, 1+x))
		k.PUNPCKLBW(zero, p)
		above = append(above, p)
	}
	first, n := k.GP32(), k.GP64()
	k.MOVBLZX(corner.row(0, 0), first)
	k.MOVQ(U64(size), n)
	k.Label("rows")
	k.ADDQ(corner.stride, corner.at)
	left := k.GP32()
	k.MOVBLZX(corner.row(0, 0), left)
	k.SUBL(first, left)
	step := k.XMM()
	k.MOVD(left, step)
	k.PSHUFLW(Imm(0), step, step)
	k.PSHUFD(Imm(0), step, step)
	var out reg.VecVirtual
	for i, a := range above {
		x := k.copy(step)
		k.PADDW(a, x)
		if i == 0 {
			out = x
		} else {
			k.PACKUSWB(x, out)
		}
	}
	if size == 8 {
		k.PACKUSWB(out, out)
	}
	k.store(size, out, dst.row(0, 0))
	k.step(dst, 1)
	k.DECQ(n)
	k.JNE(LabelRef("rows"))
	k.RET()
}
