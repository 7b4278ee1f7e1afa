package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loopfilter writes the kernels of package loopfilter: each of the three filters for upright and for lying edges, and, for AVX2,
// those that filter all edges of a macroblock.
//
// A kernel of one edge takes 16 places of edges, 8 from each of two addresses: of luma the two halves of an edge, of chroma an edge of U and
// the same one of V. Pixels are in 8 registers, p3 p2 p1 p0 | q0 q1 q2 q3, with a place in each byte.
func (k *kernels) loopfilter() {
	for _, upright := range []bool{true, false} {
		k.edgeKernel("macroblock", "macroblockEdgeGo", upright, []string{"edge", "interior", "highVar"}, k.macroblockEdge)
		k.edgeKernel("block", "blockEdgeGo", upright, []string{"edge", "interior", "highVar"}, k.blockEdge)
		k.edgeKernel("simple", "simpleEdgeGo", upright, []string{"edge"}, k.simpleEdge)
	}
	c := newConstants(k)
	k.normalAVX2(c)
	k.simpleAVX2(c)
}

// Indices of an edge's pixels.
const (
	p3 = iota
	p2
	p1
	p0
	q0
	q1
	q2
	q3
)

// edge is the pixels at 16 places of an edge; nil are those that are not there. The filters leave nil what they did not change.
type edge [8]reg.VecVirtual

// edgeKernel writes a kernel around a filter.
func (k *kernels) edgeKernel(name, plain string, upright bool, limits []string, filter func(e *edge)) {
	suffix := "Lying"
	if upright {
		suffix = "Upright"
	}
	signature := "func(a *byte, b *byte, stride int"
	for _, l := range limits {
		signature += ", " + l + " int"
	}
	k.function(name+suffix, signature+")",
		name+suffix+" is "+plain+" of 8 places at a and 8 at b. The limits are below 255.")
	a, b := rows{at: k.param("a"), stride: k.param("stride")}, rows{at: k.param("b")}
	a.stride3 = k.GP64()
	k.LEAQ(Mem{Base: a.stride, Index: a.stride, Scale: 2}, a.stride3)
	b.stride, b.stride3 = a.stride, a.stride3
	// The first pixel that the filter looks at, and the first that it changes; the last ones are their counterparts.
	first, changed := p3, p2
	switch name {
	case "block":
		changed = p1
	case "simple":
		first, changed = p1, p0
	}
	if upright {
		k.upright(a, b, first, changed, filter)
	} else {
		k.lying(a, b, first, changed, filter)
	}
	k.RET()
}

// byteParam loads a parameter into all bytes of a register.
func (k *kernels) byteParam(name string) reg.VecVirtual {
	x := k.XMM()
	k.MOVQ(k.param(name), x)
	k.PUNPCKLBW(x, x)
	k.PSHUFLW(Imm(0), x, x)
	k.PSHUFD(Imm(0), x, x)
	return x
}

// bytes gives a register with a value in all bytes.
func (k *kernels) bytes(v byte) reg.VecVirtual { return k.words(int16(uint16(v) * 0x101)) }

// lying loads, filters and stores the pixels of a lying edge: those of a place are one above the other.
func (k *kernels) lying(a, b rows, first, changed int, filter func(e *edge)) {
	aboveA, aboveB := a, b
	aboveA.at, aboveB.at = k.above(a), k.above(b)
	at := func(half, above rows, i int) Mem {
		if i < q0 {
			return above.row(i, 0)
		}
		return half.row(i-q0, 0)
	}
	var e edge
	for i := first; i <= q3-first; i++ {
		e[i] = k.load(8, at(a, aboveA, i))
		k.MOVHPS(at(b, aboveB, i), e[i])
	}
	filter(&e)
	for i := changed; i <= q3-changed; i++ {
		k.store(8, e[i], at(a, aboveA, i))
		k.MOVHPS(e[i], at(b, aboveB, i))
	}
}

// above gives the address of the row 4 above.
func (k *kernels) above(r rows) reg.GPVirtual {
	offset, at := k.GP64(), k.GP64()
	k.LEAQ(Mem{Base: r.stride3, Index: r.stride, Scale: 1}, offset)
	k.MOVQ(r.at, at)
	k.SUBQ(offset, at)
	return at
}

// upright does the same with an upright edge, whose places lie one above the other: it is transposed, and back.
func (k *kernels) upright(a, b rows, first, changed int, filter func(e *edge)) {
	belowA, belowB := a, b
	belowA.at, belowB.at = k.GP64(), k.GP64()
	k.LEAQ(Mem{Base: a.at, Index: a.stride, Scale: 4}, belowA.at)
	k.LEAQ(Mem{Base: b.at, Index: b.stride, Scale: 4}, belowB.at)
	halves := [2][2]rows{{a, belowA}, {b, belowB}}
	var e edge
	if first == p3 {
		k.loadColumns8(&e, halves)
	} else {
		k.loadColumns4(&e, halves)
	}
	filter(&e)
	switch changed {
	case p2:
		k.storeColumns8(&e, halves)
	case p1:
		k.storeColumns4(&e, halves)
	default:
		k.storeColumns2(&e, halves)
	}
}

// row of a half: 0 to 7.
func halfRow(half [2]rows, y, x int) Mem { return half[y/4].row(y%4, x) }

// loadColumns8 gives all pixels: 16 rows of 8, transposed.
func (k *kernels) loadColumns8(e *edge, halves [2][2]rows) {
	var pairs [2][4]reg.VecVirtual // of columns, of 8 rows each
	for i, half := range halves {
		var x [8]reg.VecVirtual
		for y := range x {
			x[y] = k.load(8, halfRow(half, y, -4))
		}
		for y := 0; y < 8; y += 2 {
			k.PUNPCKLBW(x[y+1], x[y])
		}
		high0, high4 := k.copy(x[0]), k.copy(x[4])
		k.PUNPCKLWL(x[2], x[0]) // columns 0 to 3 of rows 0 to 3
		k.PUNPCKHWL(x[2], high0)
		k.PUNPCKLWL(x[6], x[4])
		k.PUNPCKHWL(x[6], high4)
		c2, c6 := k.copy(x[0]), k.copy(high0)
		k.PUNPCKLLQ(x[4], x[0])
		k.PUNPCKHLQ(x[4], c2)
		k.PUNPCKLLQ(high4, high0)
		k.PUNPCKHLQ(high4, c6)
		pairs[i] = [4]reg.VecVirtual{x[0], c2, high0, c6}
	}
	for i := range 4 {
		e[2*i], e[2*i+1] = pairs[0][i], k.copy(pairs[0][i])
		k.PUNPCKLQDQ(pairs[1][i], e[2*i])
		k.PUNPCKHQDQ(pairs[1][i], e[2*i+1])
	}
}

// loadColumns4 gives p1 p0 q0 q1: 16 rows of 4, transposed.
func (k *kernels) loadColumns4(e *edge, halves [2][2]rows) {
	var quarters [4]reg.VecVirtual // four rows each: their first pixels, their second ones...
	for i := range quarters {
		var x [4]reg.VecVirtual
		for y := range x {
			x[y] = k.load(4, halfRow(halves[i/2], i%2*4+y, -2))
		}
		k.PUNPCKLBW(x[1], x[0])
		k.PUNPCKLBW(x[3], x[2])
		k.PUNPCKLWL(x[2], x[0])
		quarters[i] = x[0]
	}
	k.transposeDoubleWords(&quarters)
	e[p1], e[p0], e[q0], e[q1] = quarters[0], quarters[1], quarters[2], quarters[3]
}

// storeColumns8 stores all pixels, p3 and q3 as they were.
func (k *kernels) storeColumns8(e *edge, halves [2][2]rows) {
	for i, half := range halves {
		// Of 8 places: pairs of pixels, then four, then rows of eight.
		var pairs [4]reg.VecVirtual
		for j := range pairs {
			if i == 0 {
				pairs[j] = k.copy(e[2*j])
				k.PUNPCKLBW(e[2*j+1], pairs[j])
			} else {
				pairs[j] = e[2*j]
				k.PUNPCKHBW(e[2*j+1], pairs[j])
			}
		}
		for y := 0; y < 8; y += 4 {
			left, right := k.copy(pairs[0]), k.copy(pairs[2])
			if y == 0 {
				k.PUNPCKLWL(pairs[1], left)
				k.PUNPCKLWL(pairs[3], right)
			} else {
				k.PUNPCKHWL(pairs[1], left)
				k.PUNPCKHWL(pairs[3], right)
			}
			high := k.copy(left)
			k.PUNPCKLLQ(right, left)
			k.PUNPCKHLQ(right, high)
			k.store(8, left, halfRow(half, y, -4))
			k.MOVHPS(left, halfRow(half, y+1, -4))
			k.store(8, high, halfRow(half, y+2, -4))
			k.MOVHPS(high, halfRow(half, y+3, -4))
		}
	}
}

// storeColumns4 stores p1 p0 q0 q1.
func (k *kernels) storeColumns4(e *edge, halves [2][2]rows) {
	left, right := k.copy(e[p1]), k.copy(e[q0])
	k.PUNPCKLBW(e[p0], left)
	k.PUNPCKHBW(e[p0], e[p1])
	k.PUNPCKLBW(e[q1], right)
	k.PUNPCKHBW(e[q1], e[q0])
	for i, x := range [2][2]reg.VecVirtual{{left, right}, {e[p1], e[q0]}} {
		high := k.copy(x[0])
		k.PUNPCKLWL(x[1], x[0])
		k.PUNPCKHWL(x[1], high)
		for y := range 8 {
			r := x[0]
			if y >= 4 {
				r = high
			}
			k.store(4, r, halfRow(halves[i], y, -2))
			if y%4 != 3 {
				k.PSRLO(Imm(4), r)
			}
		}
	}
}

// storeColumns2 stores p0 q0.
func (k *kernels) storeColumns2(e *edge, halves [2][2]rows) {
	high := k.copy(e[p0])
	k.PUNPCKLBW(e[q0], e[p0])
	k.PUNPCKHBW(e[q0], high)
	for i, x := range []reg.VecVirtual{e[p0], high} {
		for y := 0; y < 8; y += 2 {
			r := k.GP32()
			k.MOVD(x, r)
			k.MOVW(r.As16(), halfRow(halves[i], y, -1))
			k.SHRL(Imm(16), r)
			k.MOVW(r.As16(), halfRow(halves[i], y+1, -1))
			if y < 6 {
				k.PSRLO(Imm(4), x)
			}
		}
	}
}

// absolute gives the absolute differences of pixels.
func (k *kernels) absolute(x, y reg.VecVirtual) reg.VecVirtual { return k.difference(x, k.copy(y)) }

// edgeStep gives by how much the step across an edge, |p0-q0|*2 + |p1-q1|/2, is above its limit. Where it saturates, at 255, it
// is above any limit.
func (k *kernels) edgeStep(e *edge) reg.VecVirtual {
	d0, d1 := k.absolute(e[p0], e[q0]), k.absolute(e[p1], e[q1])
	k.PADDUSB(d0, d0)
	k.PSRLW(Imm(1), d1)
	k.PAND(k.bytes(0x7f), d1)
	k.PADDUSB(d1, d0)
	k.PSUBUSB(k.byteParam("edge"), d0)
	return d0
}

// isZero gives a mask of the bytes that are zero.
func (k *kernels) isZero(x reg.VecVirtual) reg.VecVirtual {
	mask := k.zero()
	k.PCMPEQB(x, mask)
	return mask
}

// masks gives the places that are to be filtered, and those whose edge is not one of high variance.
func (k *kernels) masks(e *edge) (filtered, smooth reg.VecVirtual) {
	inner := k.absolute(e[p1], e[p0])
	k.PMAXUB(k.absolute(e[q1], e[q0]), inner)
	over := k.copy(inner)
	k.PSUBUSB(k.byteParam("highVar"), inner)
	smooth = k.isZero(inner)
	for _, i := range []int{p3, p2, q1, q2} {
		k.PMAXUB(k.absolute(e[i], e[i+1]), over)
	}
	k.PSUBUSB(k.byteParam("interior"), over)
	k.POR(k.edgeStep(e), over)
	return k.isZero(over), smooth
}

// flip turns pixels from first to last into signed bytes, or back.
func (k *kernels) flip(e *edge, first, last int) {
	sign := k.bytes(0x80)
	for i := first; i <= last; i++ {
		k.PXOR(sign, e[i])
	}
}

// addSteps adds three times q0-p0 to w. The difference may saturate: the sum is then as far out as it can be.
func (k *kernels) addSteps(e *edge, w reg.VecVirtual) {
	d := k.copy(e[q0])
	k.PSUBSB(e[p0], d)
	for range 3 {
		k.PADDSB(d, w)
	}
}

// common moves p0 and q0 together by (w+3)/8 and (w+4)/8, rounded down. It gives the latter plus 16, from 0 to 31.
func (k *kernels) common(e *edge, w reg.VecVirtual) reg.VecVirtual {
	sign, low, sixteen := k.bytes(0x80), k.bytes(0x1f), k.bytes(16)
	// There is no shift of bytes: words are shifted, what comes in from the neighbour is cut off, and so the value must
	// be positive.
	eighth := func(round byte) reg.VecVirtual {
		f := k.copy(w)
		k.PADDSB(k.bytes(round), f)
		k.PXOR(sign, f)
		k.PSRLW(Imm(3), f)
		k.PAND(low, f)
		return f
	}
	f1, f2 := eighth(4), eighth(3)
	k.PSUBB(sixteen, f2)
	k.PADDSB(f2, e[p0])
	plus16 := k.copy(f1)
	k.PSUBB(sixteen, f1)
	k.PSUBSB(f1, e[q0])
	return plus16
}

// simpleEdge filters p0 and q0.
func (k *kernels) simpleEdge(e *edge) {
	filtered := k.isZero(k.edgeStep(e))
	k.flip(e, p1, q1)
	w := e[p1]
	k.PSUBSB(e[q1], w)
	k.addSteps(e, w)
	k.PAND(filtered, w)
	k.common(e, w)
	k.flip(e, p0, q0)
}

// blockEdge filters p0 and q0 and, where the edge is smooth, p1 and q1.
func (k *kernels) blockEdge(e *edge) {
	filtered, smooth := k.masks(e)
	k.flip(e, p1, q1)
	w := k.copy(e[p1])
	k.PSUBSB(e[q1], w)
	outer := k.copy(smooth)
	k.PANDN(w, outer)
	w = outer
	k.addSteps(e, w)
	k.PAND(filtered, w)
	f := k.common(e, w)
	// (f1+1)/2, rounded down, is the mean of f1+16 and 0, rounded up, less 8. Where there is no filtering f1 is 0, and this too.
	k.PAVGB(k.zero(), f)
	k.PSUBB(k.bytes(8), f)
	k.PAND(smooth, f)
	k.PSUBSB(f, e[q1])
	k.PADDSB(f, e[p1])
	k.flip(e, p1, q1)
}

// macroblockEdge filters p0 and q0 or, where the edge is smooth, three pixels on either side.
func (k *kernels) macroblockEdge(e *edge) {
	filtered, smooth := k.masks(e)
	k.flip(e, p2, q2)
	w := k.copy(e[p1])
	k.PSUBSB(e[q1], w)
	k.addSteps(e, w)
	k.PAND(filtered, w)
	rough := k.copy(smooth)
	k.PANDN(w, rough)
	k.common(e, rough)
	k.PAND(smooth, w)
	// Words of w: a byte in the upper half of a word, shifted down.
	low, high := k.zero(), k.zero()
	k.PUNPCKLBW(w, low)
	k.PUNPCKHBW(w, high)
	nine := k.words(9)
	var nines, sums [2]reg.VecVirtual
	for i, x := range []reg.VecVirtual{low, high} {
		k.PSRAW(Imm(8), x)
		k.PMULLW(nine, x)
		nines[i], sums[i] = x, k.words(63)
	}
	// (9w+63)/128 for the outermost pixels, (18w+63)/128 and (27w+63)/128 for the others.
	for i := range 3 {
		for j := range sums {
			k.PADDW(nines[j], sums[j])
		}
		a, b := k.copy(sums[0]), k.copy(sums[1])
		k.PSRAW(Imm(7), a)
		k.PSRAW(Imm(7), b)
		k.PACKSSWB(b, a)
		k.PADDSB(a, e[p2+i])
		k.PSUBSB(a, e[q2-i])
	}
	k.flip(e, p2, q2)
}
