package main

import (
	"slices"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// token writes the kernels of package token.
func (k *kernels) token() {
	var none, one [16]byte
	var others [16]byte // of the places for 16 blocks, where there are 8
	for i := range one {
		one[i] = 1
		if i >= 8 {
			others[i] = 255
		}
	}
	pair, behind8 := k.mask("positions01", none, one), k.mask("behind8", others)
	k.blockCosts("lumaCostsAVX2", 16, pair, behind8)
	k.blockCosts("chromaCostsAVX2", 8, pair, behind8)
	k.readTokens()
}

// Of a token.PosCosts: what one position's take for the three contexts, and, behind the address that kernels get, where the high
// bytes of the costs lie.
const (
	positionCosts = 3 * 64
	highCosts     = 16
)

// largest is the largest magnitude whose costs are looked up by kernels; larger ones cost as much here. blockEnds is what stands
// for the block's end in place of a magnitude.
const (
	largestLookedUp = 2
	blockEnds       = 3
)

// blockCosts adds up what the tokens of 16 or 8 blocks cost. How it goes:
//
//  1. Magnitudes become bytes, and are transposed: a register has the same coefficient of all blocks. Those that are too large to
//     be looked up are noted and cut off.
//  2. They are stored by coding position, behind each other. In front of the first position stand the contexts.
//  3. Two positions at a time, in either half of the registers: what stands at a position and in front of it is an index into the
//     16 costs that there are; the ends of blocks count as magnitudes, what is behind them has no cost.
func (k *kernels) blockCosts(name string, blocks int, positions01, behind8 Mem) {
	k.function(name, "func(costs *uint8, levels *int16, ends *uint8, contexts *uint8, first int, large *[8]uint32) (cost int, anyLarge bool)",
		name+" is the cost of blocks whose levels are up to 2; larger ones it takes for 2 and notes in large: for the",
		"coefficients 0 to 7 in the low half of an entry, a bit for each block; for 8 to 15 in the high half.")
	const rowBytes = 16
	rows := k.AllocLocal(17 * rowBytes)

	levels := k.param("levels")
	var x [8]reg.VecVirtual
	for i := range x {
		x[i] = k.YMM()
		if i >= blocks/2 {
			k.VPXOR(x[i], x[i], x[i])
			continue
		}
		odd := k.YMM()
		k.VPABSW(Mem{Base: levels, Disp: 64 * i}, x[i])
		k.VPABSW(Mem{Base: levels, Disp: 64*i + 32}, odd)
		k.VPACKSSWB(odd, x[i], x[i])
	}
	k.Comment("Each step makes a bit of the register's number the lowest of the byte's, and the highest of the byte's take its place.")
	for _, bit := range []int{4, 2, 1, 4} {
		for i := range x {
			if i&bit == 0 {
				low := k.YMM()
				k.VPUNPCKLBW(x[i|bit], x[i], low)
				k.VPUNPCKHBW(x[i|bit], x[i], x[i|bit])
				x[i] = low
			}
		}
	}
	k.Comment("Now the coefficients c and c+8 are in register c0 c2 c1, in bits.")
	limit := k.wideBytes(largestLookedUp)
	large, any := k.param("large"), k.GP32()
	k.XORL(any, any)
	for c := range 8 {
		r := x[c&1<<2|c>>2<<1|c>>1&1]
		above, mask := k.YMM(), k.GP32()
		k.VPCMPGTB(limit, r, above)
		k.VPMOVMSKB(above, mask)
		k.MOVL(mask, Mem{Base: large, Disp: 4 * c})
		k.ORL(mask, any)
		k.VPMINUB(limit, r, r)
		k.VMOVDQU(r.AsX(), rows.Offset(rowBytes*(1+slices.Index(zigZag[:], c))))
		k.VEXTRACTI128(Imm(1), r, rows.Offset(rowBytes*(1+slices.Index(zigZag[:], c+8))))
	}
	isLarge := k.GP8()
	k.TESTL(any, any)
	k.SETNE(isLarge)
	k.Store(isLarge, k.Return("anyLarge"))

	k.Comment("Context 0 is not the same as behind a zero: it is 3.")
	ends3 := k.wideBytes(blockEnds)
	zero := k.YMM()
	k.VPXOR(zero, zero, zero)
	start, fresh := k.XMM(), k.XMM()
	k.VMOVDQU(Mem{Base: k.param("contexts")}, start)
	k.VPCMPEQB(zero.AsX(), start, fresh)
	k.VPAND(ends3.AsX(), fresh, fresh)
	k.VPOR(fresh, start, start)
	first, row := k.param("first"), k.GP64()
	k.LEAQ(rows, row)
	at := k.GP64()
	k.MOVQ(first, at)
	k.SHLQ(Imm(4), at)
	k.VMOVDQU(start, Mem{Base: row, Index: at, Scale: 1})

	k.Comment("A block that has no tokens ends at its first position.")
	ends, firsts := k.YMM(), k.XMM()
	endsAt := k.param("ends")
	if blocks == 16 {
		k.VMOVDQU(Mem{Base: endsAt}, ends.AsX())
	} else {
		k.Comment("The other 8 end before they begin.")
		k.VMOVQ(Mem{Base: endsAt}, ends.AsX())
		k.VPOR(behind8, ends.AsX(), ends.AsX())
	}
	k.VMOVQ(first, firsts)
	k.VPBROADCASTB(firsts, firsts)
	k.VPMAXUB(firsts, ends.AsX(), ends.AsX())
	k.VINSERTI128(Imm(1), ends.AsX(), ends, ends)
	k.Comment("Position 0 is left out where 1 is the first.")
	left := k.YMM()
	k.VPSUBB(firsts, zero.AsX(), left.AsX())

	position, two := k.YMM(), k.wideBytes(2)
	k.VMOVDQU(positions01, position)
	low, high := k.YMM(), k.YMM()
	k.VPXOR(low, low, low)
	k.VPXOR(high, high, high)
	costs := k.param("costs")
	k.Label("positions")
	index, magnitude, isEnd, behind := k.YMM(), k.YMM(), k.YMM(), k.YMM()
	k.VMOVDQU(Mem{Base: row}, index)
	k.VMOVDQU(Mem{Base: row, Disp: rowBytes}, magnitude)
	k.VPCMPGTB(ends, position, behind)
	mask := k.GP32()
	k.VPMOVMSKB(behind, mask)
	k.CMPL(mask, I32(-1))
	k.JEQ(LabelRef("done"))
	k.VPADDB(index, index, index)
	k.VPADDB(index, index, index)
	k.VPCMPEQB(ends, position, isEnd)
	k.VPAND(ends3, isEnd, isEnd)
	for _, part := range []reg.VecVirtual{magnitude, isEnd, behind, left} {
		k.VPOR(part, index, index)
	}
	for _, sum := range []struct {
		disp  int
		total reg.VecVirtual
	}{{0, low}, {highCosts, high}} {
		c := k.YMM()
		k.VMOVDQU(Mem{Base: costs, Disp: sum.disp}, c.AsX())
		k.VINSERTI128(Imm(1), Mem{Base: costs, Disp: sum.disp + positionCosts}, c, c)
		k.VPSHUFB(index, c, c)
		k.VPSADBW(zero, c, c)
		k.VPADDQ(c, sum.total, sum.total)
	}
	k.VPXOR(left, left, left)
	k.VPADDB(two, position, position)
	k.ADDQ(Imm(2*rowBytes), row)
	k.ADDQ(I32(2*positionCosts), costs)
	last := k.GP64()
	k.LEAQ(rows.Offset(16*rowBytes), last)
	k.CMPQ(row, last)
	k.JNE(LabelRef("positions"))
	k.Label("done")

	k.VPSLLQ(Imm(8), high, high)
	k.VPADDQ(high, low, low)
	upper := k.XMM()
	k.VEXTRACTI128(Imm(1), low, upper)
	k.VPADDQ(upper, low.AsX(), low.AsX())
	k.VPSHUFD(Imm(0xee), low.AsX(), upper)
	k.VPADDQ(upper, low.AsX(), low.AsX())
	cost := k.GP64()
	k.VMOVQ(low.AsX(), cost)
	k.Store(cost, k.Return("cost"))
	k.VZEROUPPER()
	k.RET()
}

// wideBytes gives a wide register with a value in all bytes.
func (k *kernels) wideBytes(v uint8) reg.VecVirtual {
	r, y := k.GP32(), k.YMM()
	k.MOVL(U32(v), r)
	k.VMOVD(r, y.AsX())
	k.VPBROADCASTB(y.AsX(), y)
	return y
}
