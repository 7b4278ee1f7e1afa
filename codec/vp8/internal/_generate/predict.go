package main

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
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
	k.copyMacroblock()
	k.interpolateAVX2(true)
	k.interpolateAVX2(false)
	k.interpolate4x4AVX2()
	k.halfPixels()
	for _, size := range []int{16, 8} {
		k.intra(size)
	}
	k.intra4x4AllAVX2()
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

// copyMacroblock copies a macroblock: there are many that have not moved.
func (k *kernels) copyMacroblock() {
	k.function("copyMacroblock", "func(y, u, v *byte, strideY, strideUV int, refY, refU, refV *byte, refStrideY, refStrideUV int)",
		"copyMacroblock copies 16x16 pixels of luma and 8x8 of each chroma plane.")
	plane := func(size int, dst, src rows) {
		for y := 0; y < size; y += 4 {
			if y > 0 {
				k.step(dst, 4)
				k.step(src, 4)
			}
			for r := range 4 {
				k.store(size, k.load(size, src.row(r, 0)), dst.row(r, 0))
			}
		}
	}
	plane(16, k.rows("y", "strideY"), k.rows("refY", "refStrideY"))
	u, refU := k.rows("u", "strideUV"), k.rows("refU", "refStrideUV")
	plane(8, u, refU)
	u.at, refU.at = k.param("v"), k.param("refV")
	plane(8, u, refU)
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

// The AVX2 kernels of interpolation multiply pixels and taps of 8 bits: VPMADDUBSW gives two products' sum, of 16 bits. The taps
// are paired so that no such sum leaves 16 bits: 0 with 5, neither below 0 nor above 3; 1, never above 0, with 3, never below;
// and 2, never below 0, with 4, never above. So each sum is within -16*255 and 123*255, and the first two together within -16*255
// and 123*255, too: where a tap is 123 the outer ones are zero, elsewhere it is at most 108. The sum of all three leaves 16 bits
// only upwards, so the third is added with saturation; what is above 32767 ends as 255 whether it is exact or not. VPMULHRSW by
// 256 is (x*256+2^14)>>15 = (x+64)>>7 without leaving 16 bits; it makes 256 of 32767, which is packed to 255.
//
// TestTapsFitKernels checks these bounds.

// Which pairs there are, in the order of package predict's tables, and the taps of each.
const (
	outerPair = iota // may be zero
	firstPair
	secondPair
	numPairs
)

var pairOf = [numPairs][2]int{{0, 5}, {1, 3}, {2, 4}}

// pairParams are the parameters x and y of the kernels: the pairs of taps in each direction, each pair twice.
const pairParams = "x *[3][4]int8, y *[3][4]int8"

// tapPairs are paired taps in registers, as many times as there is room. Without outer is nil.
type tapPairs struct{ outer, first, second reg.VecVirtual }

func (k *kernels) loadTaps(at reg.GPVirtual, six bool) (p tapPairs) {
	load := func(pair int) reg.VecVirtual {
		y := k.YMM()
		k.VPBROADCASTD(Mem{Base: at, Disp: 4 * pair}, y)
		return y
	}
	if six {
		p.outer = load(outerPair)
	}
	p.first, p.second = load(firstPair), load(secondPair)
	return p
}

// sixOrFour writes code for six taps and the same for four, and the choice between them. It must not go on at its end.
func (k *kernels) sixOrFour(at reg.GPVirtual, name string, code func(taps tapPairs, label string)) {
	k.CMPL(Mem{Base: at, Disp: 4 * outerPair}, Imm(0))
	k.JEQ(LabelRef(name + "Four"))
	code(k.loadTaps(at, true), name+"Six")
	k.Label(name + "Four")
	code(k.loadTaps(at, false), name+"Four")
}

// chooseDirections goes to the labels vertical or horizontal if there is nothing to do in the other direction. Only then are the
// taps of the first pair zero, both of them.
func (k *kernels) chooseDirections(x, y reg.GPVirtual) {
	k.CMPL(Mem{Base: x, Disp: 4 * firstPair}, Imm(0))
	k.JEQ(LabelRef("vertical"))
	k.CMPL(Mem{Base: y, Disp: 4 * firstPair}, Imm(0))
	k.JEQ(LabelRef("horizontal"))
}

// filterPairs gives filtered pixels in words: the products of taps and pairs of pixels, added and rounded. The pixels, which are
// overwritten, are got one pair after the other.
func (k *kernels) filterPairs(taps tapPairs, unit reg.VecVirtual, pixels func(pair int) reg.VecVirtual) reg.VecVirtual {
	fit := func(tap, like reg.VecVirtual) reg.Register {
		if like.Size() == 16 {
			return tap.AsX()
		}
		return tap
	}
	sum := pixels(firstPair)
	k.VPMADDUBSW(fit(taps.first, sum), sum, sum)
	if taps.outer != nil {
		p := pixels(outerPair)
		k.VPMADDUBSW(fit(taps.outer, p), p, p)
		k.VPADDW(p, sum, sum)
	}
	p := pixels(secondPair)
	k.VPMADDUBSW(fit(taps.second, p), p, p)
	k.VPADDSW(p, sum, sum)
	k.VPMULHRSW(fit(unit, sum), sum, sum)
	return sum
}

// unit gives 256 in all words: what VPMULHRSW multiplies by to divide by 128.
func (k *kernels) unit() reg.VecVirtual {
	y := k.YMM()
	k.VPCMPEQD(y, y, y)
	k.VPSRLW(Imm(15), y, y)
	k.VPSLLW(Imm(8), y, y)
	return y
}

// mask makes a constant for VPSHUFB: which byte goes where in a register, or in each half of one.
func (k *kernels) mask(name string, halves ...[16]byte) Mem {
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, half := range halves {
		k.AddDatum(16*i, U64(binary.LittleEndian.Uint64(half[:8])))
		k.AddDatum(16*i+8, U64(binary.LittleEndian.Uint64(half[8:])))
	}
	return m
}

// pairMask makes the mask that puts 8 pairs of pixels next to each other, for each half; at gives the byte that has the pixel
// under a tap for output i.
func (k *kernels) pairMask(name string, taps [2]int, at func(half, i, tap int) int) Mem {
	var halves [2][16]byte
	for half := range halves {
		for i := range halves[half] {
			halves[half][i] = byte(at(half, i/2, taps[i%2]))
		}
	}
	return k.mask(fmt.Sprintf("%sTaps%d%d", name, taps[0], taps[1]), halves[:]...)
}

// columns are two columns 8 pixels wide, one in each half of a register: the halves of a block 16 pixels wide, or two blocks.
type columns struct {
	wide              bool
	src, dst          [2]reg.GPVirtual // of a wide block only the first
	stride, dstStride reg.GPVirtual
	masks             [numPairs]Mem
	unit              reg.VecVirtual
}

// interpolateAVX2 filters as interpolate does, but the rows that go from one direction to the other stay in registers.
func (k *kernels) interpolateAVX2(wide bool) {
	c := columns{wide: wide}
	name, params, blocks := "interpolateTwoAVX2", "dst, dst1 *byte, dstStride int, src, src1 *byte, stride, h int, ", "two blocks 8"
	if wide {
		name, params, blocks = "interpolate16AVX2", "dst *byte, dstStride int, src *byte, stride, h int, ", "blocks 16"
	}
	for i, taps := range pairOf {
		c.masks[i] = k.pairMask(name, taps, c.place)
	}
	k.function(name, "func("+params+pairParams+")",
		fmt.Sprintf("%s is interpolateGo of %s pixels wide and h pixels high, an even number, with the pairs of", name, blocks),
		"taps x and y. Those of one of them may all be zero: then there is nothing to do in that direction.")
	c.src[0], c.dst[0] = k.param("src"), k.param("dst")
	if !wide {
		c.src[1], c.dst[1] = k.param("src1"), k.param("dst1")
	}
	c.stride, c.dstStride = k.param("stride"), k.param("dstStride")
	h, x, y := k.param("h"), k.param("x"), k.param("y")
	c.unit = k.unit()

	k.chooseDirections(x, y)
	k.sixOrFour(x, "both", func(tapsX tapPairs, label string) {
		k.sixOrFour(y, label, func(tapsY tapPairs, label string) {
			k.columnsVertical(c, tapsY, h, label, passing{
				first: func() reg.VecVirtual {
					row := k.columnsRow(c, tapsX, 0)
					k.advance(c, 1)
					k.VPACKUSWB(row, row, row)
					return row
				},
				next:  func() reg.VecVirtual { return k.columnsRows(c, tapsX) },
				join:  k.joinHalves,
				store: func(y reg.VecVirtual) { k.storeColumns(c, y) },
			})
		})
	})

	k.Label("horizontal")
	k.sixOrFour(x, "horizontal", func(taps tapPairs, label string) {
		k.Label(label + "Rows")
		k.storeColumns(c, k.columnsRows(c, taps))
		k.SUBQ(Imm(2), h)
		k.JNE(LabelRef(label + "Rows"))
		k.VZEROUPPER()
		k.RET()
	})

	k.Label("vertical")
	p := passing{
		first: func() reg.VecVirtual { return k.twice(c) },
		next:  func() reg.VecVirtual { return k.unfiltered(c) },
		join:  k.joinHalves,
		store: func(y reg.VecVirtual) { k.storeColumns(c, y) },
	}
	if wide { // rather a row in each half
		p.join = k.joinRows
		p.store = func(y reg.VecVirtual) {
			k.VMOVDQU(y.AsX(), Mem{Base: c.dst[0]})
			k.VEXTRACTI128(Imm(1), y, Mem{Base: c.dst[0], Index: c.dstStride, Scale: 1})
			k.LEAQ(Mem{Base: c.dst[0], Index: c.dstStride, Scale: 2}, c.dst[0])
		}
	}
	k.sixOrFour(y, "vertical", func(taps tapPairs, label string) { k.columnsVertical(c, taps, h, label, p) })
}

// secondLoad is where the second of columnsRow's two loads begins, in pixels from the block or column. It ends with the last
// pixel that the filter reaches: 16 bytes in a block 16 pixels wide, 8 in a column.
const secondLoad = reachAfter

// place gives the byte of a row, as columnsRow loads it, that has the pixel under a tap for output i of a column. The second load
// begins 3 pixels before the first one that is taken from it.
func (c columns) place(half, i, tap int) int {
	if c.wide && half == 1 || !c.wide && i+tap >= 8 {
		return i + tap + 8 - (secondLoad + reachBefore)
	}
	return i + tap
}

// columnsRow filters one row of both columns, r rows below the next one, and gives words.
func (k *kernels) columnsRow(c columns, taps tapPairs, r int) reg.VecVirtual {
	at := func(i, disp int) Mem { return rows{at: c.src[i], stride: c.stride}.row(r, disp) }
	x, row := k.XMM(), k.YMM()
	if c.wide {
		k.VMOVDQU(at(0, -reachBefore), x)
		k.VINSERTI128(Imm(1), at(0, secondLoad), x.AsY(), row)
	} else {
		x1 := k.XMM()
		k.VMOVQ(at(0, -reachBefore), x)
		k.VMOVHPS(at(0, secondLoad), x, x)
		k.VMOVQ(at(1, -reachBefore), x1)
		k.VMOVHPS(at(1, secondLoad), x1, x1)
		k.VINSERTI128(Imm(1), x1, x.AsY(), row)
	}
	return k.filterPairs(taps, c.unit, func(pair int) reg.VecVirtual {
		y := k.YMM()
		k.VPSHUFB(c.masks[pair], row, y)
		return y
	})
}

// columnsRows filters the next two rows and gives bytes: in each half the two rows of a column.
func (k *kernels) columnsRows(c columns, taps tapPairs) reg.VecVirtual {
	row, next := k.columnsRow(c, taps, 0), k.columnsRow(c, taps, 1)
	k.advance(c, 2)
	k.VPACKUSWB(next, row, row)
	return row
}

// unfiltered gives the next two rows: in each half those of a column, or of a wide block one in each half.
func (k *kernels) unfiltered(c columns) reg.VecVirtual {
	x, y := k.XMM(), k.YMM()
	at := func(i, r int) Mem { return rows{at: c.src[i], stride: c.stride}.row(r, 0) }
	if c.wide {
		k.VMOVDQU(at(0, 0), x)
		k.VINSERTI128(Imm(1), at(0, 1), x.AsY(), y)
	} else {
		x1 := k.XMM()
		k.VMOVQ(at(0, 0), x)
		k.VMOVHPS(at(0, 1), x, x)
		k.VMOVQ(at(1, 0), x1)
		k.VMOVHPS(at(1, 1), x1, x1)
		k.VINSERTI128(Imm(1), x1, x.AsY(), y)
	}
	k.advance(c, 2)
	return y
}

// twice gives the next row in place of two, as unfiltered does.
func (k *kernels) twice(c columns) reg.VecVirtual {
	y := k.YMM()
	if c.wide {
		k.VBROADCASTI128(Mem{Base: c.src[0]}, y)
	} else {
		x, x1 := k.XMM(), k.XMM()
		k.VPBROADCASTQ(Mem{Base: c.src[0]}, x)
		k.VPBROADCASTQ(Mem{Base: c.src[1]}, x1)
		k.VINSERTI128(Imm(1), x1, x.AsY(), y)
	}
	k.advance(c, 1)
	return y
}

// advance moves on by 1 or 2 rows of the source.
func (k *kernels) advance(c columns, n int) {
	for _, src := range c.src {
		if src != nil {
			k.step(rows{at: src, stride: c.stride}, n)
		}
	}
}

// joinHalves gives, of each column, the second row of two and the first of the next two.
func (k *kernels) joinHalves(before, after reg.VecVirtual) reg.VecVirtual {
	y := k.YMM()
	k.VPALIGNR(Imm(8), before, after, y)
	return y
}

// joinRows does the same where each half has a row.
func (k *kernels) joinRows(before, after reg.VecVirtual) reg.VecVirtual {
	y := k.YMM()
	k.VPERM2I128(Imm(0x21), after, before, y)
	return y
}

// storeColumns stores two rows of both columns and moves on.
func (k *kernels) storeColumns(c columns, y reg.VecVirtual) {
	if c.wide {
		k.VPERMQ(Imm(0xd8), y, y)
		k.VMOVDQU(y.AsX(), Mem{Base: c.dst[0]})
		k.VEXTRACTI128(Imm(1), y, Mem{Base: c.dst[0], Index: c.dstStride, Scale: 1})
	} else {
		x := k.XMM()
		k.VEXTRACTI128(Imm(1), y, x)
		for i, x := range []reg.Register{y.AsX(), x} {
			k.VMOVQ(x, Mem{Base: c.dst[i]})
			k.VMOVHPS(x, Mem{Base: c.dst[i], Index: c.dstStride, Scale: 1})
		}
		k.LEAQ(Mem{Base: c.dst[1], Index: c.dstStride, Scale: 2}, c.dst[1])
	}
	k.LEAQ(Mem{Base: c.dst[0], Index: c.dstStride, Scale: 2}, c.dst[0])
}

// passing is how pairs of rows come to the vertical filter and leave it.
type passing struct {
	first func() reg.VecVirtual // one row only, as the second of a pair
	next  func() reg.VecVirtual
	join  func(before, after reg.VecVirtual) reg.VecVirtual // the second row of a pair and the first of the next
	store func(y reg.VecVirtual)
}

// columnsVertical filters along the columns, two rows at a time, and returns. Of the pairs of rows, each one row below the one
// before, those that the next two rows take again are kept.
func (k *kernels) columnsVertical(c columns, taps tapPairs, h reg.GPVirtual, label string, p passing) {
	var at [6]reg.VecVirtual // by tap: the two rows that it meets
	start, last := 0, 5
	if taps.outer == nil {
		start, last = 1, 4
	}
	for _, src := range c.src {
		for range reachBefore - start {
			if src != nil {
				k.SUBQ(c.stride, src)
			}
		}
	}
	before := p.first()
	for i := start; i+2 < last; i += 2 {
		at[i+1] = p.next()
		at[i] = p.join(before, at[i+1])
		before = at[i+1]
	}
	k.Label(label + "Rows")
	at[last] = p.next()
	at[last-1] = p.join(before, at[last])
	p.store(k.filterVertical(taps, c.unit, at))
	for i := start; i+2 <= last; i++ {
		k.VMOVDQA(at[i+2], at[i])
	}
	k.SUBQ(Imm(2), h)
	k.JNE(LabelRef(label + "Rows"))
	k.VZEROUPPER()
	k.RET()
}

// filterVertical filters along the columns: at has the pixels under each tap.
func (k *kernels) filterVertical(taps tapPairs, unit reg.VecVirtual, at [6]reg.VecVirtual) reg.VecVirtual {
	half := func(unpack func(ops ...Op)) reg.VecVirtual {
		return k.filterPairs(taps, unit, func(pair int) reg.VecVirtual {
			above, below := at[pairOf[pair][0]], at[pairOf[pair][1]]
			pixels := k.sameSize(above)
			unpack(below, above, pixels)
			return pixels
		})
	}
	low, high := half(k.VPUNPCKLBW), half(k.VPUNPCKHBW)
	k.VPACKUSWB(high, low, low)
	return low
}

// sameSize gives a register as wide as another.
func (k *kernels) sameSize(x reg.VecVirtual) reg.VecVirtual {
	if x.Size() == 16 {
		return k.XMM()
	}
	return k.YMM()
}

// halfPixels makes the predictions half a pixel from a block. Those above and below are the same rows but for one.
func (k *kernels) halfPixels() {
	const name = "halfPixels16AVX2"
	const size, bytes = 16, 16 * 16
	const up, left, down = 0, 1, 3 // and 2 to the right
	c := columns{wide: true}
	for i, taps := range pairOf {
		c.masks[i] = k.pairMask(name, taps, c.place)
	}
	k.function(name, "func(out *[1024]byte, src *byte, stride int, half *[3][4]int8)",
		name+" is halfPixelsGo, with the pairs of taps of half a pixel.")
	out := k.param("out")
	c.src[0], c.stride = k.param("src"), k.param("stride")
	c.unit = k.unit()
	taps := k.loadTaps(k.param("half"), true)
	rightward := c
	rightward.src[0] = k.GP64()
	k.MOVQ(c.src[0], rightward.src[0])

	k.Comment("The rows from the one above the block on, each for the block above and, a row further up, for the one below.",
		"The first goes to the end of the block to the right, which comes later.")
	at, n := k.GP64(), k.GP64()
	k.MOVQ(out, at)
	k.MOVQ(U64(size/2), n)
	for range reachBefore + 1 {
		k.SUBQ(c.stride, c.src[0])
	}
	first := k.twice(c)
	var pixels [6]reg.VecVirtual // by tap
	pixels[1] = k.unfiltered(c)
	pixels[3] = k.unfiltered(c)
	pixels[0], pixels[2] = k.joinRows(first, pixels[1]), k.joinRows(pixels[1], pixels[3])
	k.Label("vertical")
	pixels[5] = k.unfiltered(c)
	pixels[4] = k.joinRows(pixels[3], pixels[5])
	rows := k.filterVertical(taps, c.unit, pixels)
	k.VMOVDQU(rows, Mem{Base: at, Disp: up * bytes})
	k.VMOVDQU(rows, Mem{Base: at, Disp: down*bytes - size})
	for i := range 4 {
		k.VMOVDQA(pixels[i+2], pixels[i])
	}
	k.ADDQ(Imm(2*size), at)
	k.DECQ(n)
	k.JNE(LabelRef("vertical"))
	pixels[5] = k.twice(c)
	pixels[4] = k.joinRows(pixels[3], pixels[5])
	k.VMOVDQU(k.filterVertical(taps, c.unit, pixels).AsX(), Mem{Base: out, Disp: down*bytes + bytes - size})

	k.Comment("To the left is what is to the right of the pixels before.")
	leftward := rightward
	leftward.src[0] = k.GP64()
	k.LEAQ(Mem{Base: rightward.src[0], Disp: -1}, leftward.src[0])
	k.MOVQ(U64(size/2), n)
	k.Label("horizontal")
	for i, c := range []columns{leftward, rightward} {
		rows := k.columnsRows(c, taps)
		k.VPERMQ(Imm(0xd8), rows, rows)
		k.VMOVDQU(rows, Mem{Base: out, Disp: (left + i) * bytes})
	}
	k.ADDQ(Imm(2*size), out)
	k.DECQ(n)
	k.JNE(LabelRef("horizontal"))
	k.VZEROUPPER()
	k.RET()
}

// interpolate4x4AVX2 filters all rows that it takes along the columns before it does so: they fit into three registers.
func (k *kernels) interpolate4x4AVX2() {
	const name = "interpolate4x4AVX2"
	// Half a register has 8 pixels of two rows, from 2 before the block on: all but that under tap 5, which comes from another load
	// that begins one pixel later, in the place of that under tap 4.
	var masks [numPairs]Mem
	for pair, taps := range pairOf {
		masks[pair] = k.pairMask(name, taps, func(_, i, tap int) int { return i/4*8 + i%4 + min(tap, 4) })
	}
	k.function(name, "func(dst *byte, dstStride int, src *byte, stride int, "+pairParams+")",
		name+" is interpolateGo of 4x4 pixels, with the pairs of taps x and y.",
		"Those of one of them may all be zero: then there is nothing to do in that direction.")
	dst, src := k.rows("dst", "dstStride"), k.rows("src", "stride")
	x, y := k.param("x"), k.param("y")
	unit := k.unit()
	below := rows{k.GP64(), src.stride, src.stride3} // from row 4 on
	row := func(y, x int) Mem {
		switch {
		case y < 4:
			return src.row(y, x)
		case y < 8:
			return below.row(y-4, x)
		}
		return Mem{Base: below.at, Index: src.stride, Scale: 4, Disp: x}
	}
	load := func(numbers []int, x int) reg.VecVirtual {
		var halves []reg.VecVirtual
		for i := 0; i < len(numbers); i += 2 {
			half := k.XMM()
			k.VMOVQ(row(numbers[i], x), half)
			if i+1 < len(numbers) {
				k.VMOVHPS(row(numbers[i+1], x), half, half)
			}
			halves = append(halves, half)
		}
		if len(halves) == 1 {
			return halves[0]
		}
		both := k.YMM()
		k.VINSERTI128(Imm(1), halves[1], halves[0].AsY(), both)
		return both
	}
	// horizontal filters one row, two or four.
	horizontal := func(taps tapPairs, numbers ...int) reg.VecVirtual {
		inner := load(numbers, -reachBefore)
		return k.filterPairs(taps, unit, func(pair int) reg.VecVirtual {
			pixels := k.sameSize(inner)
			if pair == outerPair {
				k.VPBLENDD(Imm(0b10101010), load(numbers, 1-reachBefore), inner, pixels)
				k.VPSHUFB(masks[pair], pixels, pixels)
			} else {
				k.VPSHUFB(masks[pair], inner, pixels)
			}
			return pixels
		})
	}
	store := func(x reg.VecVirtual) {
		k.VMOVD(x, dst.row(0, 0))
		for y := 1; y < 4; y++ {
			k.VPEXTRD(Imm(uint64(y)), x, dst.row(y, 0))
		}
		k.VZEROUPPER()
		k.RET()
	}
	// vertical takes rows 0 to 3, 4 to 7, and 8.
	vertical := func(top, bottom, last reg.VecVirtual) {
		at := [6]reg.VecVirtual{0: top, 4: bottom}
		from := func(row int, before, after reg.VecVirtual) reg.VecVirtual {
			x := k.XMM()
			k.VPALIGNR(Imm(uint64(4*row)), before, after, x)
			return x
		}
		at[1], at[2], at[3] = from(1, top, bottom), from(2, top, bottom), from(3, top, bottom)
		at[5] = from(1, bottom, last)
		taps := k.loadTaps(y, true)
		store(k.filterVertical(taps, unit, at))
	}

	// above begins with the first row that is taken along the columns.
	above := func() {
		for range reachBefore {
			k.SUBQ(src.stride, src.at)
		}
		k.LEAQ(Mem{Base: src.at, Index: src.stride, Scale: 4}, below.at)
	}

	k.chooseDirections(x, y)
	k.sixOrFour(x, "both", func(taps tapPairs, _ string) {
		above()
		rows, others := horizontal(taps, 0, 1, 4, 5), horizontal(taps, 2, 3, 6, 7)
		k.VPACKUSWB(others, rows, rows)
		bottom := k.XMM()
		k.VEXTRACTI128(Imm(1), rows, bottom)
		last := horizontal(taps, 8)
		k.VPACKUSWB(last, last, last)
		top := k.XMM()
		k.VMOVDQA(rows.AsX(), top)
		vertical(top, bottom, last)
	})

	k.Label("horizontal")
	k.sixOrFour(x, "horizontal", func(taps tapPairs, _ string) {
		rows, others := horizontal(taps, 0, 1), horizontal(taps, 2, 3)
		k.VPACKUSWB(others, rows, rows)
		store(rows)
	})

	k.Label("vertical")
	above()
	var groups [3]reg.VecVirtual
	for i := range groups {
		groups[i] = k.XMM()
		k.VMOVD(row(4*i, 0), groups[i])
		for y := 1; y < 4 && i < 2; y++ {
			k.VPINSRD(Imm(uint64(y)), row(4*i+y, 0), groups[i], groups[i])
		}
	}
	vertical(groups[0], groups[1], groups[2])
}

// intra writes the whole-block intra predictors.
func (k *kernels) intra(size int) {
	predictor := func(mode string, write func(dst, corner rows)) {
		name := fmt.Sprintf("intra%s%d", mode, size)
		k.function(name, "func(dst *byte, dstStride int, corner *byte, stride int)",
			fmt.Sprintf("%s is intraGo of %dx%d pixels in %sPred, whose neighbours begin with the one in the corner.", name, size, size, mode))
		write(k.rows("dst", "dstStride"), k.rows("corner", "stride"))
		k.RET()
	}
	// each makes the rows, four at a time, from the pixel to the left of each.
	each := func(dst, corner rows, row func(left Mem) reg.VecVirtual) {
		n := k.GP64()
		k.MOVQ(U64(size), n)
		k.step(corner, 1)
		k.Label("rows")
		for y := range 4 {
			k.store(size, row(corner.row(y, 0)), dst.row(y, 0))
		}
		k.step(corner, 4)
		k.step(dst, 4)
		k.SUBQ(Imm(4), n)
		k.JNE(LabelRef("rows"))
	}
	// spread gives a byte in all bytes of a register.
	spread := func(r reg.GPVirtual) reg.VecVirtual {
		k.IMUL3L(U32(0x01010101), r, r)
		return k.broadcast(r)
	}
	spreadAt := func(m Mem) reg.VecVirtual {
		r := k.GP32()
		k.MOVBLZX(m, r)
		return spread(r)
	}
	predictor("DC", func(dst, corner rows) {
		above := k.load(size, corner.row(0, 1))
		k.PSADBW(k.zero(), above)
		if size == 16 {
			k.PADDQ(k.highHalf(above), above)
		}
		sum, left := k.GP32(), k.GP32()
		k.MOVD(above, sum)
		at := corner
		at.at = k.GP64()
		k.MOVQ(corner.at, at.at)
		k.step(at, 1)
		for y := range size {
			if y > 0 && y%4 == 0 {
				k.step(at, 4)
			}
			k.MOVBLZX(at.row(y%4, 0), left)
			k.ADDL(left, sum)
		}
		k.ADDL(Imm(uint64(size)), sum)
		k.SHRL(Imm(uint64(bits.Len(uint(size)))), sum)
		dc := spread(sum)
		each(dst, corner, func(Mem) reg.VecVirtual { return dc })
	})
	predictor("V", func(dst, corner rows) {
		above := k.load(size, corner.row(0, 1))
		each(dst, corner, func(Mem) reg.VecVirtual { return above })
	})
	predictor("H", func(dst, corner rows) { each(dst, corner, spreadAt) })
	// The step from the corner to each pixel above is added to the pixel to the left. It has two parts, one up and one down, of
	// which one is zero; so each may saturate on its own.
	predictor("TM", func(dst, corner rows) {
		above, down := k.load(size, corner.row(0, 1)), spreadAt(corner.row(0, 0))
		up := k.copy(above)
		k.PSUBUSB(down, up)
		k.PSUBUSB(above, down)
		each(dst, corner, func(left Mem) reg.VecVirtual {
			row := spreadAt(left)
			k.PADDUSB(up, row)
			k.PSUBUSB(down, row)
			return row
		})
	})
}

// intra4x4AllAVX2 makes the predictions of a 4x4 block in all modes. Most of them are made of means of two and of three neighbours
// along the edge, which are worked out once and put into place by shuffles.
func (k *kernels) intra4x4AllAVX2() {
	const name = "intra4x4AllAVX2"
	// Places of the edge, which goes on at both ends with its last pixel.
	const bottom, top, corner, above, end = 0, 3, 4, 5, 12
	mask := func(what string, at func(x, y int) int) Mem {
		var m [16]byte
		for i := range m {
			m[i] = byte(at(i%4, i/4))
		}
		return k.mask(name+what, m)
	}
	// Where the register that the edge is loaded into has place i: the places from 0 to 7, then those from 5 to 12.
	edge := func(i int) int {
		if i = min(max(i, bottom), end); i >= 8 {
			i += 8 - above
		}
		return i
	}
	// Registers with the edge, or with means, have place i in byte i+1: the first mean is the pixel at the bottom itself.
	const first = 1
	along := func(what string, by int) Mem {
		return mask(what, func(x, y int) int { return edge(4*y + x - first + by) })
	}
	maskAround, maskBefore, maskAfter := along("Around", 0), along("Before", -1), along("After", 1)

	k.function(name, "func(out *[10][16]byte, e *[13]byte)", name+" is intra4x4AllGo.")
	out, e := k.param("out"), k.param("e")
	mode := 0
	store := func(x reg.VecVirtual) {
		k.VMOVDQU(x, Mem{Base: out, Disp: 16 * mode})
		mode++
	}
	shuffle := func(x reg.VecVirtual, m Mem) reg.VecVirtual {
		y := k.XMM()
		k.VPSHUFB(m, x, y)
		return y
	}
	place := func(x reg.VecVirtual, what string, at func(x, y int) int) reg.VecVirtual {
		return shuffle(x, mask(what, at))
	}
	loaded := k.XMM()
	k.VMOVQ(Mem{Base: e}, loaded)
	k.VMOVHPS(Mem{Base: e, Disp: above}, loaded, loaded)

	k.Comment("Means of i and i+1, and those around i: of i and of the mean of its neighbours, rounded down.")
	around, before, after := shuffle(loaded, maskAround), shuffle(loaded, maskBefore), shuffle(loaded, maskAfter)
	two, three, odd, one := k.XMM(), k.XMM(), k.XMM(), k.XMM()
	k.VPAVGB(after, around, two)
	k.VPAVGB(after, before, three)
	k.VPXOR(after, before, odd)
	k.VPCMPEQD(one, one, one)
	k.VPABSB(one, one)
	k.VPAND(one, odd, odd)
	k.VPSUBB(odd, three, three)
	k.VPAVGB(around, three, three)

	k.Comment("BDCPred: (sum+4)>>3 is sum>>2, halved and rounded up.")
	const none = 1<<8 - 1 // makes a zero
	dc := place(loaded, "Neighbours", func(x, y int) int { return [4]int{edge(bottom + x), edge(above + x), none, none}[y] })
	zero := k.XMM()
	k.VPXOR(zero, zero, zero)
	k.VPSADBW(zero, dc, dc)
	k.VPSRLW(Imm(2), dc, dc)
	k.VPAVGW(zero, dc, dc)
	k.VPSHUFB(zero, dc, dc)
	store(dc)

	k.Comment("BTMPred, as in intraTM16.")
	up := place(loaded, "Above", func(x, _ int) int { return edge(above + x) })
	down := place(loaded, "Corner", func(_, _ int) int { return edge(corner) })
	left := place(loaded, "Left", func(_, y int) int { return edge(top - y) })
	step := k.XMM()
	k.VPSUBUSB(down, up, step)
	k.VPADDUSB(step, left, left)
	k.VPSUBUSB(up, down, step)
	k.VPSUBUSB(step, left, left)
	store(left)

	k.Comment("BVEPred, BHEPred, BLDPred, BRDPred: of means of three.")
	store(place(three, "VE", func(x, _ int) int { return first + above + x }))
	store(place(three, "HE", func(_, y int) int { return first + top - y }))
	store(place(three, "LD", func(x, y int) int { return first + above + 1 + x + y }))
	store(place(three, "RD", func(x, y int) int { return first + corner + x - y }))

	k.Comment("BVRPred, BVLPred: of means of three from place 2 to 11, and of two from 4 to 8.")
	const threeFrom, twoFrom, twoAt = 2, 4, 11
	mixed, shifted := k.XMM(), k.XMM()
	k.VPSRLDQ(Imm(first+threeFrom), three, mixed)
	k.VPSLLDQ(Imm(twoAt-first-twoFrom), two, shifted)
	k.VPBLENDW(Imm(0b11100000), shifted, mixed, mixed)
	d := func(i int) int { return i - twoFrom + twoAt }
	t := func(i int) int { return i - threeFrom }
	table := func(pixels [4][4]int) func(x, y int) int { return func(x, y int) int { return pixels[y][x] } }
	store(place(mixed, "VR", table([4][4]int{
		{d(4), d(5), d(6), d(7)},
		{t(4), t(5), t(6), t(7)},
		{t(3), d(4), d(5), d(6)},
		{t(2), t(4), t(5), t(6)},
	})))
	store(place(mixed, "VL", table([4][4]int{
		{d(5), d(6), d(7), d(8)},
		{t(6), t(7), t(8), t(9)},
		{d(6), d(7), d(8), t(10)},
		{t(7), t(8), t(9), t(11)},
	})))

	k.Comment("BHDPred, BHUPred: of means of both kinds up to place 6.")
	k.VPUNPCKLQDQ(three, two, mixed)
	d = func(i int) int { return first + i }
	t = func(i int) int { return first + i + 8 }
	store(place(mixed, "HD", table([4][4]int{
		{d(3), t(4), t(5), t(6)},
		{d(2), t(3), d(3), t(4)},
		{d(1), t(2), d(2), t(3)},
		{d(0), t(1), d(1), t(2)},
	})))
	b := d(bottom - 1)
	store(place(mixed, "HU", table([4][4]int{
		{d(2), t(2), d(1), t(1)},
		{d(1), t(1), d(0), t(0)},
		{d(0), t(0), b, b},
		{b, b, b, b},
	})))
	k.VZEROUPPER()
	k.RET()
}
