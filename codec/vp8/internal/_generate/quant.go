package main

import (
	"slices"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// zigZag is token.ZigZag: the raster position of each coefficient in coding order.
var zigZag = [16]int{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// maxMagnitude is token.MaxMagnitude.
const maxMagnitude = 67 + 1<<11 - 1

// quant writes the kernels of package quant.
func (k *kernels) quant() {
	k.quantize()
	k.quantizeAVX2()
}

// Offsets in the lanes of a quant.Quantizer.
const (
	laneSteps       = 0
	laneReciprocals = 32
	laneShifts      = 64
)

// signature is that of both kernels.
const signature = "func(q *[3][16]uint16, c *int16, levels *int16, ends *uint8, n int, first int, rounding int) (squaredError int)"

// quantize divides the coefficients of blocks one after the other. Those of the first two rows are in one register, those of
// the others in another.
func (k *kernels) quantize() {
	positions := k.positions()
	k.function("quantize", signature,
		"quantize is quantizeBlocksGo of n blocks, for a first of 0 or 1 and a rounding from 0 to maxRounding.")
	q, c, levels := k.param("q"), k.param("c"), k.param("levels")
	ends, n := k.param("ends"), k.param("n")

	k.Comment("The DC coefficient is left out by clearing it: its level is then 0, and so is its error.")
	keep := k.ones()
	first := k.param("first")
	k.TESTQ(first, first)
	k.JEQ(LabelRef("all"))
	k.PSLLO(Imm(2), keep)
	k.Label("all")

	k.Comment("What is added to magnitudes: step * rounding >> 7.")
	bias := k.wordParam("rounding")
	steps := k.load(16, Mem{Base: q, Disp: laneSteps})
	k.PMULLW(steps, bias)
	k.PSRLW(Imm(7), bias)
	reciprocals := k.load(16, Mem{Base: q, Disp: laneReciprocals})
	shifts := k.load(16, Mem{Base: q, Disp: laneShifts})
	largest, total := k.words(maxMagnitude), k.zero()

	k.Label("blocks")
	x := k.load(16, Mem{Base: c})
	k.PAND(keep, x)
	d := divisor{steps, reciprocals, shifts, bias, largest, func(x reg.VecVirtual) reg.VecVirtual { return x }}
	errors, end := k.quantizeRows(x, d, Mem{Base: levels}, positions)
	// The other rows have AC coefficients only: what they are divided by is in the last words.
	d.lanes = func(x reg.VecVirtual) reg.VecVirtual {
		ac := k.XMM()
		k.PSHUFD(Imm(0xff), x, ac)
		return ac
	}
	x = k.load(16, Mem{Base: c, Disp: 16})
	errors2, end2 := k.quantizeRows(x, d, Mem{Base: levels, Disp: 16}, positions.Offset(16))
	// An error is at most 2^15 less 4*maxMagnitude, or half a step: four squares fit in 32 bits, unsigned.
	k.PADDL(errors2, errors)
	k.widen(errors, k.zero())
	k.PADDQ(errors, total)
	// The largest of the eight positions.
	k.PMAXSW(end2, end)
	for _, order := range []uint64{0xee, 0x55} { // the upper half, then the second double word
		other := k.XMM()
		k.PSHUFD(Imm(order), end, other)
		k.PMAXSW(other, end)
	}
	other := k.XMM()
	k.PSHUFLW(Imm(0x55), end, other)
	k.PMAXSW(other, end)
	e := k.GP32()
	k.MOVD(end, e)
	k.MOVB(e.As8(), Mem{Base: ends})
	k.ADDQ(Imm(32), c)
	k.ADDQ(Imm(32), levels)
	k.INCQ(ends)
	k.DECQ(n)
	k.JNE(LabelRef("blocks"))

	k.setSum(total, "squaredError")
	k.RET()
}

// positions gives the coding positions of coefficients, counted from 1, in raster order.
func (k *kernels) positions() Mem {
	var positions []uint16
	for raster := range zigZag {
		positions = append(positions, uint16(slices.Index(zigZag[:], raster)+1))
	}
	return k.wordTable("positions", positions...)
}

// divisor is what coefficients are divided by. lanes gives what the rows at hand take of a register.
type divisor struct {
	steps, reciprocals, shifts, bias, largest reg.VecVirtual
	lanes                                     func(reg.VecVirtual) reg.VecVirtual
}

// quantizeRows stores the levels of eight coefficients, and gives their squared errors, by pairs, and the positions of those
// levels that are not zero.
func (k *kernels) quantizeRows(x reg.VecVirtual, d divisor, levels, positions Mem) (errors, ends reg.VecVirtual) {
	// The magnitude: x^sign - sign.
	sign := k.copy(x)
	k.PSRAW(Imm(15), sign)
	k.PXOR(sign, x)
	k.PSUBW(sign, x)
	// The level: two multiplications of which the upper halves are kept, the second one in place of a shift.
	level := k.copy(x)
	k.PADDW(d.lanes(d.bias), level)
	k.PMULHUW(d.lanes(d.reciprocals), level)
	k.PMULHUW(d.lanes(d.shifts), level)
	k.PMINSW(d.largest, level)
	product := k.copy(level)
	k.PMULLW(d.lanes(d.steps), product)
	k.PSUBW(product, x)
	k.PMADDWL(x, x)
	ends = k.zero()
	k.PCMPEQW(level, ends)
	k.PANDN(positions, ends)
	k.PXOR(sign, level)
	k.PSUBW(sign, level)
	k.store(16, level, levels)
	return x, ends
}

// quantizeAVX2 has the coefficients of a block in one register, and does two blocks at a time.
func (k *kernels) quantizeAVX2() {
	var order []byte
	for _, raster := range zigZag {
		order = append(order, byte(raster))
	}
	inOrder := k.byteTable("inOrder", slices.Repeat(order, 2)...)
	var masks []uint16
	for i := range 32 {
		mask := uint16(0xffff)
		if i == 16 { // the DC coefficient, where it is left out
			mask = 0
		}
		masks = append(masks, mask)
	}
	kept := k.wordTable("kept", masks...)
	largest := k.table("largest", maxMagnitude)
	lowDoubles := k.table("lowDoubles", 0xffff, 0xffff, 0, 0)

	k.function("quantizeAVX2", signature,
		"quantizeAVX2 is quantizeBlocksGo of n blocks, for a first of 0 or 1 and a rounding from 0 to maxRounding.")
	q, c, levels := k.param("q"), k.param("c"), k.param("levels")
	ends, n := k.param("ends"), k.param("n")
	first, table := k.param("first"), k.GP64()
	k.SHLQ(Imm(5), first)
	k.LEAQ(kept, table)
	keep := k.loadAVX2(Mem{Base: table, Index: first, Scale: 1})

	k.Comment("What is added to magnitudes: step * rounding >> 7.")
	steps, bias, x := k.loadAVX2(Mem{Base: q, Disp: laneSteps}), k.YMM(), k.XMM()
	k.VMOVQ(k.param("rounding"), x)
	k.VPBROADCASTW(x, bias)
	k.VPMULLW(steps, bias, bias)
	k.VPSRLW(Imm(7), bias, bias)
	reciprocals := k.loadAVX2(Mem{Base: q, Disp: laneReciprocals})
	shifts := k.loadAVX2(Mem{Base: q, Disp: laneShifts})
	coding, total, zero := k.loadAVX2(inOrder), k.zeroAVX2(), k.zeroAVX2()

	// quantizeSome does one block, or two.
	quantizeSome := func(blocks int) {
		var magnitudes [2]reg.VecVirtual // of the levels
		var errors reg.VecVirtual
		for b := range blocks {
			x, level, m, e := k.YMM(), k.YMM(), k.YMM(), k.YMM()
			k.VPAND(Mem{Base: c, Disp: 32 * b}, keep, x)
			k.VPABSW(x, e)
			k.VPADDW(bias, e, m)
			// Two multiplications of which the upper halves are kept, the second one in place of a shift.
			k.VPMULHUW(reciprocals, m, m)
			k.VPMULHUW(shifts, m, m)
			k.VPMINSW(largest, m, m)
			k.VPSIGNW(x, m, level)
			k.VMOVDQU(level, Mem{Base: levels, Disp: 32 * b})
			k.VPMULLW(steps, m, level)
			k.VPSUBW(level, e, e)
			k.VPMADDWD(e, e, e)
			magnitudes[b] = m
			if b == 0 {
				errors, magnitudes[1] = e, m
			} else {
				k.VPADDD(e, errors, errors)
			}
		}
		// An error is at most 2^15 less 4*maxMagnitude, or half a step: four squares fit in 32 bits, unsigned.
		high := k.YMM()
		k.VPSRLQ(Imm(32), errors, high)
		k.VPAND(lowDoubles, errors, errors)
		k.VPADDQ(high, total, total)
		k.VPADDQ(errors, total, total)
		// A bit for each level in coding order, and the place of the last one that is not zero.
		bytes, mask := k.YMM(), k.GP32()
		k.VPACKSSWB(magnitudes[1], magnitudes[0], bytes)
		k.VPERMQ(Imm(0xd8), bytes, bytes)
		k.VPSHUFB(coding, bytes, bytes)
		k.VPCMPEQB(zero, bytes, bytes)
		k.VPMOVMSKB(bytes, mask)
		k.NOTL(mask)
		for b := range blocks {
			bits, end := k.GP32(), k.GP32()
			if b == 0 {
				k.MOVWLZX(mask.As16(), bits)
			} else {
				k.MOVL(mask, bits)
				k.SHRL(Imm(16), bits)
			}
			k.LEAL(Mem{Base: bits, Index: bits, Scale: 1, Disp: 1}, bits) // there always is a bit
			k.BSRL(bits, end)
			k.MOVB(end.As8(), Mem{Base: ends, Disp: b})
		}
	}
	k.SUBQ(Imm(2), n)
	k.JLT(LabelRef("last"))
	k.Label("pairs")
	quantizeSome(2)
	k.ADDQ(Imm(64), c)
	k.ADDQ(Imm(64), levels)
	k.ADDQ(Imm(2), ends)
	k.SUBQ(Imm(2), n)
	k.JGE(LabelRef("pairs"))
	k.Label("last")
	k.CMPQ(n, I8(-2))
	k.JEQ(LabelRef("sum"))
	quantizeSome(1)
	k.Label("sum")
	sum, upper, r := k.highLane(total), k.XMM(), k.GP64()
	k.VPADDQ(total.AsX(), sum, sum)
	k.VPSRLDQ(Imm(8), sum, upper)
	k.VPADDQ(upper, sum, sum)
	k.VMOVQ(sum, r)
	k.Store(r, k.Return("squaredError"))
	k.VZEROUPPER()
	k.RET()
}
