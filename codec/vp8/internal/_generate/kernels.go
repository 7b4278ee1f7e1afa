package main

import (
	"slices"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// kernels is what a family is written into: an instruction is a call of the method of its name, with the destination last.
// Registers are virtual; avo finds real ones for them.
type kernels struct{ *build.Context }

// function begins a function. It must not grow the stack, call, or let its pointers get away.
func (k *kernels) function(name, signature string, doc ...string) {
	k.Function(name)
	k.Attributes(attr.NOSPLIT)
	k.Pragma("noescape")
	k.SignatureExpr(signature)
	k.Doc(doc...)
}

// param loads a parameter of 64 bits.
func (k *kernels) param(name string) reg.GPVirtual {
	r := k.GP64()
	k.Load(k.Context.Param(name), r)
	return r
}

// wordParam loads a parameter into all words of a register.
func (k *kernels) wordParam(name string) reg.VecVirtual {
	x := k.XMM()
	k.MOVQ(k.param(name), x)
	k.PSHUFLW(Imm(0), x, x)
	k.PSHUFD(Imm(0), x, x)
	return x
}

// rows addresses rows of pixels: 0 to 3 times a stride behind a pointer.
type rows struct{ at, stride, stride3 reg.GPVirtual }

// rows loads a pointer and its stride.
func (k *kernels) rows(pointer, stride string) rows {
	r := rows{k.param(pointer), k.param(stride), k.GP64()}
	k.LEAQ(Mem{Base: r.stride, Index: r.stride, Scale: 2}, r.stride3)
	return r
}

// row addresses byte x of row y.
func (r rows) row(y, x int) Mem {
	m := Mem{Base: r.at, Disp: x}
	switch y {
	case 1, 2:
		m.Index, m.Scale = r.stride, uint8(y)
	case 3:
		m.Index, m.Scale = r.stride3, 1
	}
	return m
}

// step moves on by 1, 2 or 4 rows.
func (k *kernels) step(r rows, n int) {
	if n == 1 {
		k.ADDQ(r.stride, r.at)
		return
	}
	k.LEAQ(Mem{Base: r.at, Index: r.stride, Scale: uint8(n)}, r.at)
}

// zero gives a register of zeros.
func (k *kernels) zero() reg.VecVirtual {
	x := k.XMM()
	k.PXOR(x, x)
	return x
}

// ones gives a register of ones in all bits.
func (k *kernels) ones() reg.VecVirtual {
	x := k.XMM()
	k.PCMPEQL(x, x)
	return x
}

// copy gives a copy of a register.
func (k *kernels) copy(x reg.Register) reg.VecVirtual {
	c := k.XMM()
	k.MOVO(x, c)
	return c
}

// load gives the 4, 8 or 16 bytes at m, and zeros above.
func (k *kernels) load(n int, m Mem) reg.VecVirtual {
	x := k.XMM()
	switch n {
	case 4:
		k.MOVSS(m, x) // MOVD, to Go's assembler, is 8 bytes
	case 8:
		k.MOVQ(m, x)
	default:
		k.MOVOU(m, x)
	}
	return x
}

// store writes the low 4, 8 or all 16 bytes of x to m.
func (k *kernels) store(n int, x reg.Register, m Mem) {
	switch n {
	case 4:
		k.MOVSS(x, m)
	case 8:
		k.MOVQ(x, m)
	default:
		k.MOVOU(x, m)
	}
}

// setSum makes a result the sum of the halves of a register.
func (k *kernels) setSum(sum reg.VecVirtual, result string) {
	k.PADDQ(k.highHalf(sum), sum)
	r := k.GP64()
	k.MOVQ(sum, r)
	k.Store(r, k.Return(result))
}

// widen makes four unsigned sums of 32 bits two of 64 bits.
func (k *kernels) widen(sum, zero reg.VecVirtual) {
	high := k.copy(sum)
	k.PUNPCKLLQ(zero, sum)
	k.PUNPCKHLQ(zero, high)
	k.PADDQ(high, sum)
}

// butterfly makes x and y x+y and x-y.
func (k *kernels) butterfly(x, y *reg.VecVirtual) {
	d := k.copy(*x)
	k.PADDW(*y, *x)
	k.PSUBW(*y, d)
	*y = d
}

// pairs gives a register of pairs of words.
func (k *kernels) pairs(low, high int16) reg.VecVirtual {
	r := k.GP32()
	k.MOVL(U32(uint32(uint16(low))|uint32(uint16(high))<<16), r)
	return k.broadcast(r)
}

// broadcast gives a register with a value of 32 bits in all its words of that size.
func (k *kernels) broadcast(r reg.GPVirtual) reg.VecVirtual {
	x := k.XMM()
	k.MOVD(r, x)
	k.PSHUFD(Imm(0), x, x)
	return x
}

// words gives a register with a value in all words.
func (k *kernels) words(v int16) reg.VecVirtual { return k.pairs(v, v) }

// highHalf gives the high half of a register, in both halves.
func (k *kernels) highHalf(x reg.VecVirtual) reg.VecVirtual {
	h := k.XMM()
	k.PSHUFD(Imm(0xee), x, h)
	return h
}

// loadAVX2 gives the 32 bytes at m.
func (k *kernels) loadAVX2(m Mem) reg.VecVirtual {
	y := k.YMM()
	k.VMOVDQU(m, y)
	return y
}

// highLane gives the high 128 bits of a register of 256.
func (k *kernels) highLane(y reg.VecVirtual) reg.VecVirtual {
	x := k.XMM()
	k.VEXTRACTI128(Imm(1), y, x)
	return x
}

// table gives the address of 32 bytes of constants: the words, again and again.
func (k *kernels) table(name string, words ...uint16) Mem { return k.laneTable(name, words, words) }

// laneTable gives the address of 32 bytes of constants, with words of its own, again and again, for each half.
func (k *kernels) laneTable(name string, low, high []uint16) Mem {
	repeated := func(words []uint16) []uint16 { return slices.Repeat(words, 8/len(words)) }
	return k.wordTable(name, slices.Concat(repeated(low), repeated(high))...)
}

// wordTable gives the address of constants.
func (k *kernels) wordTable(name string, words ...uint16) Mem {
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, w := range words {
		k.AddDatum(2*i, U16(w))
	}
	return m
}

// byteTable gives the address of constants.
func (k *kernels) byteTable(name string, bytes ...byte) Mem {
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, b := range bytes {
		k.AddDatum(i, U8(b))
	}
	return m
}
