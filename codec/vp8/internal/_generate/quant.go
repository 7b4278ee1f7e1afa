package main

import (
	"slices"

	"github.com/mmcloughlin/avo/attr"
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
}

// Offsets in the lanes of a quant.Quantizer.
const (
	laneSteps       = 0
	laneReciprocals = 16
	laneShifts      = 32
)

// quantize divides the coefficients of blocks one after the other. Those of the first two rows are in one register, those of
// the others in another.
func (k *kernels) quantize() {
	positions := k.positions()
	k.function("quantize", "func(q *[3][8]uint16, c *int16, levels *int16, ends *uint8, n int, first int, rounding int) (squaredError int)",
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
	m := k.StaticGlobal("positions")
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for raster := range zigZag {
		k.AddDatum(2*raster, U16(slices.Index(zigZag[:], raster)+1))
	}
	return m
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
