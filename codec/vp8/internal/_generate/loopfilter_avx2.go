package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// normalAVX2 writes the kernel that filters all edges of a macroblock, luma and chroma. How it goes:
//
//  1. Without inner edges, the left edge is filtered in registers: 8 columns of luma, U and V are transposed, and back.
//  2. With them, all columns are transposed into memory on the stack, where the left and the inner upright edges are filtered
//     one after the other, and back. So no row is read that was written in pieces just before, which the CPU is slow at.
//  3. The top edge and the inner lying edges are filtered where they are.
//
// A register has 16 places of luma in its lower half and 8 each of U and V in its upper half. Of the inner edges the first one is
// filtered in this way; the other two, which chroma does not have, in registers of half the size.
func (k *kernels) normalAVX2(c *constants) {
	w := wide{kernels: k, constants: c}
	k.function("normalAVX2",
		"func(y *byte, u *byte, v *byte, stride int, chromaStride int, limits *int32, edges int)",
		"normalAVX2 is normalEdges of a macroblock at y, u and v. The limits are below 255.")
	columns := w.columns()
	b := w.macroblock()

	w.unless(edgesInner, "left")
	w.loadLuma(b, columns)
	w.loadChroma(b, columns)
	w.unless(edgesLeft, "inner")
	w.loadLeftColumns(b, columns)
	w.storedEdge(columns, 0, p3, p2, w.macroblockEdge)
	w.storeLeftColumns(b, columns)
	k.Label("inner")
	for x := 4; x < 16; x += 4 {
		edge := w
		edge.half = x > 4
		edge.storedEdge(columns, x, p3, p1, edge.blockEdge)
	}
	w.storeLuma(b, columns)
	w.storeChroma(b, columns)
	k.JMP(LabelRef("top"))

	k.Label("left")
	w.unless(edgesLeft, "top")
	w.leftEdge(b)

	k.Label("top")
	w.unless(edgesTop, "lying")
	w.lyingEdge(b, 0, p3, p2, w.macroblockEdge)
	k.Label("lying")
	w.unless(edgesInner, "done")
	b = w.macroblock() // again, so that the rows above had registers
	for y := 4; y < 16; y += 4 {
		edge := w
		edge.half = y > 4
		edge.lyingEdge(b, y, p3, p1, edge.blockEdge)
	}
	k.Label("done")
	k.VZEROUPPER()
	k.RET()
}

// simpleAVX2 writes the kernel of the simple filter, which goes the same way, with luma only and always with inner edges: without
// them, kernels that filter one edge are as fast.
func (k *kernels) simpleAVX2(c *constants) {
	w := wide{kernels: k, constants: c}
	half := w
	half.half = true
	k.function("simpleAVX2", "func(y *byte, stride int, limits *int32, edges int)",
		"simpleAVX2 is simpleEdges of a macroblock at y, with innerEdges. The limits are below 255.")
	columns := w.columns()
	b := half.macroblock()

	w.loadLuma(b, columns)
	w.unless(edgesLeft, "inner")
	w.loadLumaColumns(b, columns, -4)
	half.storedEdge(columns, 0, p1, p0, half.simpleEdge(limitEdge))
	w.storeLumaColumn(b, columns, -1)
	k.Label("inner")
	for x := 4; x < 16; x += 4 {
		half.storedEdge(columns, x, p1, p0, half.simpleEdge(limitSubEdge))
	}
	w.storeLuma(b, columns)
	w.unless(edgesTop, "lying")
	half.lyingEdge(b, 0, p1, p0, half.simpleEdge(limitEdge))
	k.Label("lying")
	for y := 4; y < 16; y += 4 {
		half.lyingEdge(b, y, p1, p0, half.simpleEdge(limitSubEdge))
	}
	k.VZEROUPPER()
	k.RET()
}

// Bits of a kernel's parameter edges, as package loopfilter has them.
const (
	edgesLeft = 1 << iota
	edgesTop
	edgesInner
)

// Offsets of the limits in the limits, as params of package loopfilter has them.
const (
	limitEdge     = 0
	limitSubEdge  = 4
	limitInterior = 8
	limitHighVar  = 12
)

// columnBytes is what a column takes in memory: 16 places of luma, 8 of U and 8 of V.
const columnBytes = 32

// wide writes instructions of AVX2.
type wide struct {
	*kernels
	*constants
	half bool // registers of 16 bytes: no chroma
}

// constants are registers' worth of values in memory, in all bytes; the weights in all words.
type constants struct {
	labels                                             int // how many have been made
	sign, low5, low7, one, three, four, eight, sixteen Mem
	weights                                            [3]Mem // of the macroblock filter, in 128ths, from p2 to p0
	everyOther                                         Mem    // an order of double words
}

func newConstants(k *kernels) *constants {
	words := func(name string, v uint64) Mem {
		m := k.StaticGlobal(name)
		k.DataAttributes(attr.RODATA | attr.NOPTR)
		for range 4 {
			k.AppendDatum(U64(v))
		}
		return m
	}
	const bytes, each16 = 0x0101010101010101, 0x0001000100010001
	c := &constants{
		sign: words("sign", 0x80*bytes), low5: words("low5", 0x1f*bytes), low7: words("low7", 0x7f*bytes),
		one: words("one", bytes), three: words("three", 3*bytes), four: words("four", 4*bytes), eight: words("eight", 8*bytes),
		sixteen: words("sixteen", 16*bytes),
		weights: [3]Mem{words("nine", 9*each16), words("eighteen", 18*each16), words("twentySeven", 27*each16)},
	}
	c.everyOther = k.StaticGlobal("everyOther")
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, i := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		k.AppendDatum(U32(i))
	}
	return c
}

// columns gives memory for the columns -4 to 15, at a multiple of their size: so registers are best stored.
func (w wide) columns() reg.GPVirtual {
	at, m := w.GP64(), w.AllocLocal((4+16)*columnBytes+columnBytes)
	m.Disp += columnBytes - 1
	w.LEAQ(m, at)
	w.ANDQ(I8(-columnBytes), at)
	return at
}

// unless goes to a label if an edge is not asked for.
func (w wide) unless(edge int, label string) {
	p, err := w.Context.Param("edges").Resolve()
	if err != nil {
		panic(err)
	}
	w.TESTQ(U32(edge), p.Addr)
	w.JZ(LabelRef(label))
}

// macroblock addresses the rows of a macroblock in groups of four.
type macroblock struct {
	y    [4]rows
	u, v [2]rows
}

func (w wide) macroblock() *macroblock {
	var b macroblock
	b.y[0] = w.rows("y", "stride")
	for i := 1; i < 4; i++ {
		b.y[i] = w.below(b.y[i-1])
	}
	if w.half {
		return &b
	}
	b.u[0] = w.rows("u", "chromaStride")
	b.v[0] = b.u[0]
	b.v[0].at = w.param("v")
	b.u[1], b.v[1] = w.below(b.u[0]), w.below(b.v[0])
	return &b
}

// below is four rows on.
func (w wide) below(r rows) rows {
	at := w.GP64()
	w.LEAQ(Mem{Base: r.at, Index: r.stride, Scale: 4}, at)
	r.at = at
	return r
}

// luma addresses a pixel of the 16 rows of luma, chroma one of the 8 rows of U and then the 8 of V.
func (b *macroblock) luma(y, x int) Mem { return b.y[y/4].row(y%4, x) }

func (b *macroblock) chroma(y, x int) Mem {
	if y < 8 {
		return halfRow(b.u, y, x)
	}
	return halfRow(b.v, y-8, x)
}

// vector gives a register.
func (w wide) vector() reg.VecVirtual {
	if w.half {
		return w.XMM()
	}
	return w.YMM()
}

// do writes an instruction of two operands into a new register: x minus y, x and y unpacked...
func (w wide) do(instruction func(...Op), x, y Op) reg.VecVirtual {
	d := w.vector()
	instruction(y, x, d)
	return d
}

func (w wide) or(x, y Op) reg.VecVirtual  { return w.do(three(w.VPOR), x, y) }
func (w wide) xor(x, y Op) reg.VecVirtual { return w.do(three(w.VPXOR), x, y) }
func (w wide) and(x, y Op) reg.VecVirtual { return w.do(three(w.VPAND), x, y) }

// three lets an instruction that always has three operands be written like those that avo knows in other forms too.
func three(instruction func(x, y, d Op)) func(...Op) {
	return func(ops ...Op) { instruction(ops[0], ops[1], ops[2]) }
}

// limit loads a limit into all bytes.
func (w wide) limit(offset int) reg.VecVirtual {
	x := w.vector()
	w.VPBROADCASTB(Mem{Base: w.param("limits"), Disp: offset}, x)
	return x
}

// absolute gives the absolute differences of pixels.
func (w wide) absolute(x, y Op) reg.VecVirtual {
	return w.or(w.do(w.VPSUBUSB, x, y), w.do(w.VPSUBUSB, y, x))
}

// isZero gives a mask of the bytes that are zero.
func (w wide) isZero(x reg.VecVirtual) reg.VecVirtual {
	zero := w.vector()
	w.VPXOR(zero, zero, zero)
	return w.do(w.VPCMPEQB, x, zero)
}

// masks gives the places that are to be filtered, and those whose edge is not one of high variance. See kernels.masks.
func (w wide) masks(e *edge, limit int) (filtered, smooth reg.VecVirtual) {
	over := w.do(w.VPMAXUB, w.absolute(e[p1], e[p0]), w.absolute(e[q1], e[q0]))
	smooth = w.isZero(w.do(w.VPSUBUSB, over, w.limit(limitHighVar)))
	for _, i := range []int{p3, p2, q1, q2} {
		over = w.do(w.VPMAXUB, over, w.absolute(e[i], e[i+1]))
	}
	over = w.do(w.VPSUBUSB, over, w.limit(limitInterior))
	return w.isZero(w.or(over, w.edgeStep(e, limit))), smooth
}

// edgeStep gives by how much the step across an edge is above its limit. See kernels.edgeStep.
func (w wide) edgeStep(e *edge, limit int) reg.VecVirtual {
	d0, d1 := w.absolute(e[p0], e[q0]), w.absolute(e[p1], e[q1])
	d0 = w.do(w.VPADDUSB, d0, d0)
	half := w.vector()
	w.VPSRLW(Imm(1), d1, half)
	return w.do(w.VPSUBUSB, w.do(w.VPADDUSB, d0, w.and(half, w.low7)), w.limit(limit))
}

// flip turns pixels from first to last into signed bytes, or back.
func (w wide) flip(e *edge, first, last int) {
	for i := first; i <= last; i++ {
		e[i] = w.xor(e[i], w.sign)
	}
}

// addSteps adds three times q0-p0. See kernels.addSteps.
func (w wide) addSteps(e *edge, x reg.VecVirtual) reg.VecVirtual {
	d := w.do(w.VPSUBSB, e[q0], e[p0])
	for range 3 {
		x = w.do(w.VPADDSB, x, d)
	}
	return x
}

// skip goes to a label if there is nothing to filter at any place: where the filter value is 0 no pixel changes.
func (w wide) skip(x reg.VecVirtual, label string) {
	w.VPTEST(x, x)
	w.JZ(LabelRef(label))
}

// common moves p0 and q0 together. See kernels.common.
func (w wide) common(e *edge, x reg.VecVirtual) (plus16 reg.VecVirtual) {
	eighth := func(round Mem) reg.VecVirtual {
		f := w.xor(w.do(w.VPADDSB, x, round), w.sign)
		shifted := w.vector()
		w.VPSRLW(Imm(3), f, shifted)
		return w.and(shifted, w.low5)
	}
	f1, f2 := eighth(w.four), eighth(w.three)
	e[p0] = w.do(w.VPADDSB, e[p0], w.do(w.VPSUBB, f2, w.sixteen))
	e[q0] = w.do(w.VPSUBSB, e[q0], w.do(w.VPSUBB, f1, w.sixteen))
	return f1
}

// simpleEdge gives the filter of p0 and q0 with a limit.
func (w wide) simpleEdge(limit int) func(e *edge, unchanged string) {
	return func(e *edge, unchanged string) {
		filtered := w.isZero(w.edgeStep(e, limit))
		w.flip(e, p1, q1)
		x := w.and(w.addSteps(e, w.do(w.VPSUBSB, e[p1], e[q1])), filtered)
		w.skip(x, unchanged)
		w.common(e, x)
		w.flip(e, p0, q0)
	}
}

// blockEdge filters p0 and q0 and, where the edge is smooth, p1 and q1. It goes to the label if nothing changes.
func (w wide) blockEdge(e *edge, unchanged string) {
	filtered, smooth := w.masks(e, limitSubEdge)
	w.flip(e, p1, q1)
	outer := w.vector()
	w.VPANDN(w.do(w.VPSUBSB, e[p1], e[q1]), smooth, outer)
	x := w.and(w.addSteps(e, outer), filtered)
	w.skip(x, unchanged)
	f := w.common(e, x)
	// See kernels.blockEdge.
	zero := w.vector()
	w.VPXOR(zero, zero, zero)
	f = w.and(w.do(w.VPSUBB, w.do(w.VPAVGB, f, zero), w.eight), smooth)
	e[q1] = w.do(w.VPSUBSB, e[q1], f)
	e[p1] = w.do(w.VPADDSB, e[p1], f)
	w.flip(e, p1, q1)
}

// macroblockEdge filters p0 and q0 or, where the edge is smooth, three pixels on either side. It goes to the label if nothing
// changes.
func (w wide) macroblockEdge(e *edge, unchanged string) {
	filtered, smooth := w.masks(e, limitEdge)
	w.flip(e, p2, q2)
	x := w.and(w.addSteps(e, w.do(w.VPSUBSB, e[p1], e[q1])), filtered)
	w.skip(x, unchanged)
	rough := w.vector()
	w.VPANDN(x, smooth, rough)
	w.common(e, rough)
	// The multiplication that rounds gives (27*v + 64*256) / (128*256) of v = 256*x, and 27*x + 63 is wanted in place of + 64: of
	// v = 256*x - 1 it is less by a fraction, which is as good. Bytes of x-1 above bytes of 255 are words of v. At -128, x-1
	// is -128 again, where the results are the same.
	x = w.do(w.VPSUBSB, w.and(x, smooth), w.one)
	ones := w.vector()
	w.VPCMPEQB(ones, ones, ones)
	low, high := w.do(w.VPUNPCKLBW, ones, x), w.do(w.VPUNPCKHBW, ones, x)
	for i, weight := range w.weights {
		a := w.do(w.VPACKSSWB, w.do(w.VPMULHRSW, low, weight), w.do(w.VPMULHRSW, high, weight))
		e[p2+i] = w.do(w.VPADDSB, e[p2+i], a)
		e[q2-i] = w.do(w.VPSUBSB, e[q2-i], a)
	}
	w.flip(e, p2, q2)
}

// label gives a new label.
func (w wide) label() string {
	w.labels++
	return fmt.Sprint("unchanged", w.labels)
}

// load16 and load8 load 16 or 8 bytes into each half of a register; loads that fill both halves need no shuffling.
func (w wide) load16(low, high Mem) reg.VecVirtual {
	x := w.YMM()
	w.VBROADCASTI128(low, x)
	w.VINSERTI128(Imm(1), high, x, x)
	return x
}

func (w wide) load8(low, high Mem) reg.VecVirtual { return w.loadBoth(w.VPBROADCASTQ, low, high) }
func (w wide) load4(low, high Mem) reg.VecVirtual { return w.loadBoth(w.VPBROADCASTD, low, high) }

func (w wide) loadBoth(broadcast func(...Op), low, high Mem) reg.VecVirtual {
	x, y := w.YMM(), w.YMM()
	broadcast(low, x)
	broadcast(high, y)
	w.VPBLENDD(Imm(0xf0), y, x, x)
	return x
}

// upper gives the upper half of a register.
func (w wide) upper(x reg.VecVirtual) reg.VecVirtual {
	h := w.XMM()
	w.VEXTRACTI128(Imm(1), x, h)
	return h
}

// store4 stores the four words of 32 bits of half a register.
func (w wide) store4(x reg.VecVirtual, at func(i int) Mem) {
	w.VMOVD(x.AsX(), at(0))
	for i := 1; i < 4; i++ {
		w.VPEXTRD(Imm(uint64(i)), x.AsX(), at(i))
	}
}

// store8 stores the two words of 64 bits of half a register.
func (w wide) store8(x reg.VecVirtual, first, second Mem) {
	w.VMOVQ(x.AsX(), first)
	w.VMOVHPS(x.AsX(), second)
}

// weave is a step of a transposition, in both halves of the registers. Number the bits of a byte's place in a register 3 to 0:
// registers whose numbers differ in one bit exchange bytes such that this bit becomes bit 0 of the place, what was bits 2 to 0
// moves up, and what was bit 3 becomes the bit in the registers' numbers.
func (w wide) weave(x []reg.VecVirtual, bit int) {
	for i := range x {
		if j := i | bit; i&bit == 0 {
			x[i], x[j] = w.do(w.VPUNPCKLBW, x[i], x[j]), w.do(w.VPUNPCKHBW, x[i], x[j])
		}
	}
}

// swapMiddle exchanges the bit that says which half of a register a byte is in with bit 3 of its place there.
func (w wide) swapMiddle(x []reg.VecVirtual) {
	for i := range x {
		y := w.YMM()
		w.VPERMQ(Imm(0xd8), x[i], y)
		x[i] = y
	}
}

// transpose16 transposes 16 lines of 16 pixels. Of the lines y and y+8 in the halves of register y it makes columns 2x and 2x+1
// in those of register x.
func (w wide) transpose16(x *[8]reg.VecVirtual) {
	w.weave(x[:], 4)
	w.weave(x[:], 2)
	w.weave(x[:], 1)
	w.swapMiddle(x[:])
}

// column addresses a column in memory, its luma or its chroma. Those left of the macroblock are -4 to -1.
func column(columns reg.GPVirtual, x int, chroma bool) Mem {
	m := Mem{Base: columns, Disp: (4 + x) * columnBytes}
	if chroma {
		m.Disp += 16
	}
	return m
}

// loadLuma transposes the macroblock's luma into memory.
func (w wide) loadLuma(b *macroblock, columns reg.GPVirtual) {
	var luma [8]reg.VecVirtual
	for y := range luma {
		luma[y] = w.load16(b.luma(y, 0), b.luma(y+8, 0))
	}
	w.transpose16(&luma)
	for x, pair := range luma {
		w.VMOVDQU(pair.AsX(), column(columns, 2*x, false))
		w.VEXTRACTI128(Imm(1), pair, column(columns, 2*x+1, false))
	}
}

// loadChroma does it with chroma: U in the lower halves of registers, V in the upper ones.
func (w wide) loadChroma(b *macroblock, columns reg.GPVirtual) {
	var chroma [4]reg.VecVirtual
	for y := range chroma {
		chroma[y] = w.do(w.VPUNPCKLBW, w.load8(b.chroma(y, 0), b.chroma(y+8, 0)), w.load8(b.chroma(y+4, 0), b.chroma(y+12, 0)))
	}
	w.weave(chroma[:], 2)
	w.weave(chroma[:], 1)
	w.swapMiddle(chroma[:])
	for x, pair := range chroma {
		w.VMOVDQU(pair.AsX(), column(columns, 2*x, true))
		w.VEXTRACTI128(Imm(1), pair, column(columns, 2*x+1, true))
	}
}

// storeLuma and storeChroma transpose them back.
func (w wide) storeLuma(b *macroblock, columns reg.GPVirtual) {
	var luma [8]reg.VecVirtual
	for x := range luma {
		luma[x] = w.load16(column(columns, x, false), column(columns, x+8, false))
	}
	w.transpose16(&luma)
	for y, pair := range luma {
		w.VMOVDQU(pair.AsX(), b.luma(2*y, 0))
		w.VEXTRACTI128(Imm(1), pair, b.luma(2*y+1, 0))
	}
}

func (w wide) storeChroma(b *macroblock, columns reg.GPVirtual) {
	var chroma [4]reg.VecVirtual
	for x := range chroma {
		chroma[x] = w.load16(column(columns, x, true), column(columns, x+4, true))
	}
	w.weave(chroma[:], 2)
	w.weave(chroma[:], 1)
	// Now four rows of pixels 0 to 3 are in the lower half, and their pixels 4 to 7 in the upper one.
	order := w.YMM()
	w.VMOVDQU(w.everyOther, order)
	for i, four := range chroma {
		x := w.YMM()
		w.VPERMD(four, order, x)
		w.store8(x, b.chroma(4*i, 0), b.chroma(4*i+1, 0))
		w.store8(w.upper(x), b.chroma(4*i+2, 0), b.chroma(4*i+3, 0))
	}
}

// loadLumaColumns transposes the luma of four columns from x on into memory.
func (w wide) loadLumaColumns(b *macroblock, columns reg.GPVirtual, x int) {
	var four [4]reg.VecVirtual
	for y := range four {
		four[y] = w.do(w.VPUNPCKLBW, w.load4(b.luma(y, x), b.luma(y+8, x)), w.load4(b.luma(y+4, x), b.luma(y+12, x)))
	}
	two := [2]reg.VecVirtual{w.do(w.VPUNPCKLBW, four[0], four[2]), w.do(w.VPUNPCKLBW, four[1], four[3])}
	w.weave(two[:], 1)
	w.swapMiddle(two[:])
	for i, pair := range two {
		w.VMOVDQU(pair.AsX(), column(columns, x+2*i, false))
		w.VEXTRACTI128(Imm(1), pair, column(columns, x+2*i+1, false))
	}
}

// storeLumaColumn stores the luma of column x.
func (w wide) storeLumaColumn(b *macroblock, columns reg.GPVirtual, x int) {
	c := w.XMM()
	w.VMOVDQU(column(columns, x, false), c)
	for y := range 16 {
		w.VPEXTRB(Imm(uint64(y)), c, b.luma(y, x))
	}
}

// loadLeftColumns transposes the four columns left of the macroblock into memory.
func (w wide) loadLeftColumns(b *macroblock, columns reg.GPVirtual) {
	var x [8]reg.VecVirtual
	for y := range x {
		x[y] = w.do(w.VPUNPCKLBW, w.load4(b.luma(y, -4), b.chroma(y, -4)), w.load4(b.luma(y+8, -4), b.chroma(y+8, -4)))
	}
	var c [4]reg.VecVirtual
	for y := range c {
		c[y] = w.do(w.VPUNPCKLBW, x[y], x[y+4])
	}
	w.weave(c[:], 2)
	w.weave(c[:], 1)
	for i, x := range c {
		w.VMOVDQU(x, column(columns, i-4, false))
	}
}

// storeLeftColumns transposes them back.
func (w wide) storeLeftColumns(b *macroblock, columns reg.GPVirtual) {
	var c [4]reg.VecVirtual
	for i := range c {
		c[i] = w.YMM()
		w.VMOVDQU(column(columns, i-4, false), c[i])
	}
	w.weave(c[:], 2)
	w.weave(c[:], 1)
	for i, x := range c {
		w.store4(x, func(y int) Mem { return b.luma(4*i+y, -4) })
		w.store4(w.upper(x), func(y int) Mem { return b.chroma(4*i+y, -4) })
	}
}

// storedEdge filters an upright edge left of column x in memory: the filter looks at the pixels from first on and changes those
// from changed on, and their counterparts.
func (w wide) storedEdge(columns reg.GPVirtual, x, first, changed int, filter func(e *edge, unchanged string)) {
	var e edge
	for i := first; i <= q3-first; i++ {
		e[i] = w.vector()
		w.VMOVDQU(column(columns, x-4+i, false), e[i])
	}
	unchanged := w.label()
	filter(&e, unchanged)
	for i := changed; i <= q3-changed; i++ {
		w.VMOVDQU(e[i], column(columns, x-4+i, false))
	}
	w.Label(unchanged)
}

// leftEdge filters the left edge in registers.
func (w wide) leftEdge(b *macroblock) {
	var e edge
	for y := range e {
		e[y] = w.do(w.VPUNPCKLBW, w.load8(b.luma(y, -4), b.chroma(y, -4)), w.load8(b.luma(y+8, -4), b.chroma(y+8, -4)))
	}
	w.weave(e[:], 4)
	w.weave(e[:], 2)
	w.weave(e[:], 1)
	unchanged := w.label()
	w.macroblockEdge(&e, unchanged)
	w.weave(e[:], 4)
	w.weave(e[:], 2)
	w.weave(e[:], 1)
	for i, x := range e {
		w.store8(x, b.luma(2*i, -4), b.luma(2*i+1, -4))
		w.store8(w.upper(x), b.chroma(2*i, -4), b.chroma(2*i+1, -4))
	}
	w.Label(unchanged)
}

// lyingEdge filters the edge above row y in the same way.
func (w wide) lyingEdge(b *macroblock, y, first, changed int, filter func(e *edge, unchanged string)) {
	above := *b
	if y == 0 {
		above.y[0].at = w.above(b.y[0])
	}
	if y == 0 && !w.half {
		above.u[0].at, above.v[0].at = w.above(b.u[0]), w.above(b.v[0])
	}
	at := func(i int) (luma, u, v Mem) {
		switch {
		case y == 0 && w.half && i < q0:
			return above.luma(i, 0), Mem{}, Mem{}
		case y == 0 && i < q0:
			return above.luma(i, 0), above.chroma(i, 0), above.chroma(8+i, 0)
		case w.half:
			return b.luma(y-4+i, 0), Mem{}, Mem{}
		case y == 0:
			i -= q0
		}
		return b.luma(i, 0), b.chroma(i, 0), b.chroma(8+i, 0)
	}
	var e edge
	for i := first; i <= q3-first; i++ {
		luma, u, v := at(i)
		e[i] = w.vector()
		if w.half {
			w.VMOVDQU(luma, e[i])
			continue
		}
		fromU, fromV := w.YMM(), w.YMM()
		w.VBROADCASTI128(luma, e[i])
		w.VPBROADCASTQ(u, fromU)
		w.VPBROADCASTQ(v, fromV)
		w.VPBLENDD(Imm(0x30), fromU, e[i], e[i])
		w.VPBLENDD(Imm(0xc0), fromV, e[i], e[i])
	}
	unchanged := w.label()
	filter(&e, unchanged)
	for i := changed; i <= q3-changed; i++ {
		luma, u, v := at(i)
		w.VMOVDQU(e[i].AsX(), luma)
		if !w.half {
			w.store8(w.upper(e[i]), u, v)
		}
	}
	w.Label(unchanged)
}
