package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// readTokens reads the tokens of a macroblock. How it goes:
//
//  1. Y2 comes first, if there is one, and then luma.
//  2. A block's first token has the probabilities of the blocks above and to the left: of how many of them have tokens.
//  3. Its tokens are read up to the end, all bools decoded in registers. Each waits for the range that the one before it leaves, so
//     nothing else should take long.
//  4. Whether there were any is noted for the blocks below and to the right. The next block follows, with the probabilities of its
//     kind.
func (k *kernels) readTokens() {
	k.function("readAVX2", "func(data *byte, size int, window uint64, rng int, spare int, probs *uint8, above *uint8, left *uint8, "+
		"hasY2 bool, levels *int16, ends *uint8) (windowAfter uint64, rngAfter int, spareAfter int, loaded int)",
		"readAVX2 is readGo, but for the end of Y2 where there is none. Of the Reader it gets the Rest and a Run, and it gives the Run",
		"at the end and how many bytes it loaded, of zeros behind the Rest too.")
	r := &tokenReader{boolReader: boolReader{kernels: k, tables: k.GP64(), cut: k.GP64(), t: k.GP64()}}
	r.window, r.rng, r.spare, r.next, r.left = k.param("window"), k.param("rng"), k.param("spare"), k.param("data"), k.param("size")
	r.block, r.levels, r.n, r.probs, r.p, r.v = k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64()
	k.LEAQ(k.readTables(), r.tables)

	r.get("levels", r.levels)
	r.get("probs", r.probs)
	r.get("hasY2", r.n)
	k.TESTQ(r.n, r.n)
	k.JEQ(LabelRef("withoutY2"))
	k.MOVL(U32(blockY2), r.block.As32())
	k.ADDQ(I32(blockY2*blockBytes), r.levels)
	k.ADDQ(I32(kindY2*kindProbs), r.probs)
	k.JMP(LabelRef("from0"))
	k.Label("withoutY2")
	k.XORL(r.block.As32(), r.block.As32())
	k.ADDQ(I32(kindWithDC*kindProbs), r.probs)
	k.JMP(LabelRef("from0"))

	k.Label("luma")
	k.Comment("It begins at position 1 where there is a Y2.")
	r.get("hasY2", r.n)
	k.JMP(LabelRef("block"))
	k.Label("from0")
	k.XORL(r.n.As32(), r.n.As32())
	k.Label("block")
	r.firstProbs()
	r.tokens()
	r.noteEnd()

	k.ADDQ(Imm(blockBytes), r.levels)
	k.INCL(r.block.As32())
	k.CMPL(r.block.As32(), Imm(firstChroma))
	k.JCS(LabelRef("luma"))
	k.JEQ(LabelRef("chroma"))
	k.CMPL(r.block.As32(), Imm(blockY2))
	k.JCS(LabelRef("from0"))
	k.JEQ(LabelRef("done"))
	k.Comment("It was Y2.")
	k.XORL(r.block.As32(), r.block.As32())
	r.get("levels", r.levels)
	r.get("probs", r.probs)
	k.JMP(LabelRef("luma"))
	k.Label("chroma")
	r.get("probs", r.probs)
	k.ADDQ(I32(kindChroma*kindProbs), r.probs)
	k.JMP(LabelRef("from0"))

	k.Label("done")
	loaded := k.GP64()
	r.get("size", loaded)
	k.SUBQ(r.left, loaded)
	k.Store(r.window, k.Return("windowAfter"))
	k.Store(r.rng, k.Return("rngAfter"))
	k.Store(r.spare, k.Return("spareAfter"))
	k.Store(loaded, k.Return("loaded"))
	k.VZEROUPPER()
	k.RET()

	r.large()
}

// tokenReader reads the tokens of a block.
type tokenReader struct {
	boolReader
	block, levels reg.GPVirtual // its number and its levels
	n             reg.GPVirtual // position of the next token
	probs, p      reg.GPVirtual // of the block's kind, and of the next token
	v             reg.GPVirtual // magnitude or level
}

// get loads a parameter. There are not enough registers to keep all.
func (r *tokenReader) get(name string, into reg.GPVirtual) { r.Load(r.Param(name), into) }

// lookUp gives the address of an entry of one of the tables of bytes.
func (r *tokenReader) lookUp(table int, index reg.GPVirtual) Mem {
	return Mem{Base: r.tables, Index: index, Scale: 1, Disp: table}
}

// firstProbs finds the probabilities of the first token.
func (r *tokenReader) firstProbs() {
	at, context := r.GP64(), r.GP64()
	r.get("above", r.p)
	r.MOVBQZX(r.lookUp(aboveAt, r.block), at)
	r.MOVBQZX(Mem{Base: r.p, Index: at, Scale: 1}, context)
	r.get("left", r.p)
	r.MOVBQZX(r.lookUp(leftAt, r.block), at)
	r.MOVBQZX(Mem{Base: r.p, Index: at, Scale: 1}, at)
	r.ADDQ(at, context)
	r.MOVBQZX(r.lookUp(bandAt, r.n), r.p)
	r.ADDQ(r.probs, r.p)
	r.Comment("11 times the context.")
	r.LEAQ(Mem{Base: context, Index: context, Scale: 4}, at)
	r.LEAQ(Mem{Base: context, Index: at, Scale: 2}, context)
	r.ADDQ(context, r.p)
}

// nextProbs finds the probabilities of the token behind one whose context is known.
func (r *tokenReader) nextProbs(context int) {
	r.MOVBQZX(r.lookUp(bandAt+1, r.n), r.p)
	r.LEAQ(Mem{Base: r.p, Index: r.probs, Scale: 1, Disp: context * contextProbs}, r.p)
}

// tokens reads the tokens of a block. It goes on at noteEnd.
func (r *tokenReader) tokens() {
	r.ready()
	r.boolean(Mem{Base: r.p}, "empty")
	r.Label("notEnd")
	r.boolean(Mem{Base: r.p, Disp: 1}, "zero")
	r.boolean(Mem{Base: r.p, Disp: 2}, "one")
	r.JMP(LabelRef("large"))

	r.isFalse("one")
	r.MOVL(U32(1), r.v.As32())
	r.nextProbs(1)
	r.Label("sign")
	r.applySign(r.v)
	r.MOVBQZX(r.lookUp(rasterAt, r.n), r.t)
	r.MOVW(r.v.As16(), Mem{Base: r.levels, Index: r.t, Scale: 1})
	r.INCQ(r.n)
	r.CMPQ(r.n, Imm(16))
	r.JEQ(LabelRef("notEmpty"))
	r.ready()
	r.boolean(Mem{Base: r.p}, "end")
	r.JMP(LabelRef("notEnd"))

	r.isFalse("zero")
	r.nextProbs(0)
	r.INCQ(r.n)
	r.CMPQ(r.n, Imm(16))
	r.JEQ(LabelRef("notEmpty"))
	r.Comment("The block cannot end behind a zero.")
	r.ready()
	r.JMP(LabelRef("notEnd"))
}

// noteEnd notes the end of a block whose tokens were read, and whether it has any.
func (r *tokenReader) noteEnd() {
	r.isFalse("end")
	r.Label("notEmpty")
	r.get("ends", r.p)
	r.MOVB(r.n.As8(), Mem{Base: r.p, Index: r.block, Scale: 1})
	r.MOVL(U32(1), r.n.As32())
	r.JMP(LabelRef("note"))
	r.isFalse("empty")
	r.XORL(r.n.As32(), r.n.As32())
	r.get("ends", r.p)
	r.MOVB(r.n.As8(), Mem{Base: r.p, Index: r.block, Scale: 1})
	r.Label("note")
	for _, side := range []struct {
		context string
		table   int
	}{{"above", aboveAt}, {"left", leftAt}} {
		r.get(side.context, r.p)
		r.MOVBQZX(r.lookUp(side.table, r.block), r.t)
		r.MOVB(r.n.As8(), Mem{Base: r.p, Index: r.t, Scale: 1})
	}
}

// large reads the rest of a token of magnitude 2 or more, and goes on at its sign.
func (r *tokenReader) large() {
	r.Label("large")
	r.fill()
	r.boolean(Mem{Base: r.p, Disp: 3}, "to4")
	r.boolean(Mem{Base: r.p, Disp: 6}, "categories12")
	r.boolean(Mem{Base: r.p, Disp: 8}, "categories34")
	r.boolean(Mem{Base: r.p, Disp: 10}, "category5")
	r.category(6)
	r.isFalse("category5")
	r.category(5)
	r.isFalse("categories34")
	r.boolean(Mem{Base: r.p, Disp: 9}, "category3")
	r.category(4)
	r.isFalse("category3")
	r.category(3)
	r.isFalse("categories12")
	r.boolean(Mem{Base: r.p, Disp: 7}, "category1")
	r.category(2)
	r.isFalse("category1")
	r.category(1)

	r.isFalse("to4")
	r.boolean(Mem{Base: r.p, Disp: 4}, "two")
	r.boolean(Mem{Base: r.p, Disp: 5}, "three")
	r.magnitude(4)
	r.isFalse("three")
	r.magnitude(3)
	r.isFalse("two")
	r.magnitude(2)

	r.Label("extra")
	sum := r.GP64()
	r.XORL(sum.As32(), sum.As32())
	r.Label("extraBit")
	r.ready()
	r.ADDL(sum.As32(), sum.As32())
	r.boolean(Mem{Base: r.p}, "extra0")
	r.INCL(sum.As32())
	r.JMP(LabelRef("extraNext"))
	r.isFalse("extra0")
	r.Label("extraNext")
	r.INCQ(r.p)
	r.CMPB(Mem{Base: r.p}, Imm(0))
	r.JNE(LabelRef("extraBit"))
	r.ADDL(sum.As32(), r.v.As32())
	r.ready()
	r.Label("wasLarge")
	r.nextProbs(2)
	r.JMP(LabelRef("sign"))
}

// category goes on at the extra bits of a category of tokens.
func (r *tokenReader) category(number int) {
	r.MOVL(U32(uint32(categories[number-1].least)), r.v.As32())
	r.LEAQ(Mem{Base: r.tables, Disp: extraAt + extraBytes*(number-1)}, r.p)
	r.JMP(LabelRef("extra"))
}

// magnitude goes on with a magnitude that has no extra bits.
func (r *tokenReader) magnitude(v uint32) {
	r.MOVL(U32(v), r.v.As32())
	r.JMP(LabelRef("wasLarge"))
}

// What the reader of tokens knows of package entropy.
const (
	contextProbs = 11 // bytes of a context's probabilities in entropy.CoeffProbs,
	bandProbs    = 3 * contextProbs
	kindProbs    = 8 * bandProbs
	kindY2       = 1 // and the kinds there; of luma after Y2 it is 0
	kindChroma   = 2
	kindWithDC   = 3
)

// What it knows of package token.
const (
	firstChroma = 16 // blocks
	blockY2     = 24
	contextU    = 4 // entries of a Context
	contextY2   = 8
	blockBytes  = 32 // of a block's levels
)

// What is in readTables, and where.
const (
	doubledAt  = 0                      // by the range - 1: that after it was doubled until it is at least 128, in turns with
	shiftAt    = doubledAt + 1          // how many times that takes
	bandAt     = 2 * 256                // by coding position, with the end: where its band's probabilities begin
	rasterAt   = bandAt + 24            // by coding position: where its level is
	aboveAt    = rasterAt + 16          // by block: which entry of the Context above belongs to it,
	leftAt     = aboveAt + 32           // and which of the one to the left
	extraAt    = leftAt + 32            // by category: the probabilities of its extra bits, and a 0
	extraBytes = 12                     // of each of these
	tableBytes = extraAt + 6*extraBytes // a multiple of 8
)

// categories are the smallest magnitudes of the token categories 1 to 6, and the probabilities of their extra bits.
var categories = [6]struct {
	least int
	extra []byte
}{
	{5, []byte{159}},
	{7, []byte{165, 145}},
	{11, []byte{173, 148, 140}},
	{19, []byte{176, 155, 140, 135}},
	{35, []byte{180, 157, 141, 134, 130}},
	{67, []byte{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}},
}

// readTables gives the address of all that the reader of tokens looks up.
func (k *kernels) readTables() Mem {
	var t [tableBytes]byte
	for r := 1; r <= 255; r++ {
		shift := bits.LeadingZeros8(uint8(r))
		t[2*(r-1)+doubledAt], t[2*(r-1)+shiftAt] = byte(r<<shift-1), byte(shift)
	}
	for n, band := range [17]byte{0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0} {
		t[bandAt+n] = band * bandProbs
	}
	for n, raster := range zigZag {
		t[rasterAt+n] = byte(2 * raster)
	}
	for b := range 16 {
		t[aboveAt+b], t[leftAt+b] = byte(b&3), byte(b>>2)
	}
	for b := range 8 {
		of := contextU + b>>2*2 // two entries of U, and two of V
		t[aboveAt+firstChroma+b], t[leftAt+firstChroma+b] = byte(of+b&1), byte(of+b>>1&1)
	}
	t[aboveAt+blockY2], t[leftAt+blockY2] = contextY2, contextY2
	for i, c := range categories {
		copy(t[extraAt+extraBytes*i:], c.extra)
	}
	m := k.StaticGlobal("readTables")
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := 0; i < len(t); i += 8 {
		var v uint64
		for j, b := range t[i : i+8] {
			v |= uint64(b) << (8 * j)
		}
		k.AddDatum(i, U64(v))
	}
	return m
}

// boolReader is a boolcoder.Reader in registers.
type boolReader struct {
	*kernels
	window, rng, spare reg.GPVirtual // of its Run
	next, left         reg.GPVirtual // the data to load next, and how many bytes of it there are; below 0: of zeros behind it
	tables             reg.GPVirtual // readTables
	cut, t             reg.GPVirtual // where a bool cuts the range; anything else
	labels             int           // how many there are
}

// label makes a label of its own.
func (r *boolReader) label(name string) string {
	r.labels++
	return fmt.Sprintf("%s%d", name, r.labels)
}

// readyBits are so many that 4 bools can be decoded, at 7 bits each but for the last.
const readyBits = 3 * 7

// ready fills the window if it has not the bits for 4 bools.
func (r *boolReader) ready() {
	ready := r.label("ready")
	r.CMPQ(r.spare, Imm(readyBits))
	r.JGE(LabelRef(ready))
	r.fill()
	r.Label(ready)
}

// fill loads as many whole bytes as there is room for, as boolcoder.Reader.Fill does; then there are 41 spare bits or more. The
// first bits of the byte behind them come along: the same ones come once more with the next fill.
func (r *boolReader) fill() {
	slowly, another, none, full := r.label("slowly"), r.label("another"), r.label("none"), r.label("full")
	r.CMPQ(r.left, Imm(8))
	r.JLT(LabelRef(slowly))
	r.MOVQ(Mem{Base: r.next}, r.cut)
	r.BSWAPQ(r.cut)
	r.LEAQ(Mem{Base: r.spare, Disp: 8}, r.t)
	r.SHRXQ(r.t, r.cut, r.cut)
	r.ORQ(r.cut, r.window)
	r.MOVL(U32(48), r.t.As32())
	r.SUBQ(r.spare, r.t)
	r.SHRQ(Imm(3), r.t)
	r.ADDQ(r.t, r.next)
	r.SUBQ(r.t, r.left)
	r.LEAQ(Mem{Base: r.spare, Index: r.t, Scale: 8}, r.spare)
	r.JMP(LabelRef(full))
	r.Label(slowly)
	r.CMPQ(r.spare, Imm(40))
	r.JGT(LabelRef(full))
	r.Label(another)
	r.XORL(r.cut.As32(), r.cut.As32())
	r.CMPQ(r.left, Imm(0))
	r.JLE(LabelRef(none))
	r.MOVBQZX(Mem{Base: r.next}, r.cut)
	r.Label(none)
	r.INCQ(r.next)
	r.DECQ(r.left)
	r.MOVL(U32(48), r.t.As32())
	r.SUBQ(r.spare, r.t)
	r.SHLXQ(r.t, r.cut, r.cut)
	r.ORQ(r.cut, r.window)
	r.ADDQ(Imm(8), r.spare)
	r.CMPQ(r.spare, Imm(40))
	r.JLE(LabelRef(another))
	r.Label(full)
}

// boolean decodes a bool with the probability at p. If it is false, that goes on at a label, with isFalse.
func (r *boolReader) boolean(p Mem, ifFalse string) {
	r.MOVBLZX(p, r.cut.As32())
	r.IMULL(r.rng.As32(), r.cut.As32())
	r.SHRL(Imm(8), r.cut.As32())
	r.compare()
	r.JCC(LabelRef(ifFalse))
	r.LEAL(Mem{Base: r.cut, Disp: 1}, r.t.As32())
	r.SHLQ(Imm(56), r.t)
	r.SUBQ(r.t, r.window)
	r.SUBL(r.cut.As32(), r.rng.As32())
	r.after(r.rng, -1, r.cut)
}

// compare sets the carry if the bool is true: if the highest byte of the window is above the cut.
func (r *boolReader) compare() {
	r.RORXQ(Imm(56), r.window, r.t)
	r.CMPB(r.cut.As8(), r.t.As8())
}

// isFalse is where boolean goes.
func (r *boolReader) isFalse(label string) {
	r.Label(label)
	r.after(r.cut, 0, r.t)
}

// after goes on behind a bool that leaves a range - 1 of what is in a register, plus more.
func (r *boolReader) after(rng reg.GPVirtual, more int, shift reg.GPVirtual) {
	r.MOVBLZX(Mem{Base: r.tables, Index: rng, Scale: 2, Disp: shiftAt + 2*more}, shift.As32())
	r.MOVBLZX(Mem{Base: r.tables, Index: rng, Scale: 2, Disp: doubledAt + 2*more}, r.rng.As32())
	r.SHLXQ(shift, r.window, r.window)
	r.SUBQ(shift, r.spare)
}

// applySign decodes a bool of even odds and makes v negative if it is true. It does not branch: nobody can foresee which it is.
func (r *boolReader) applySign(v reg.GPVirtual) {
	r.MOVL(r.rng.As32(), r.cut.As32())
	r.SHRL(Imm(1), r.cut.As32())
	r.compare()
	isTrue := r.t // all bits, or none
	r.SBBQ(isTrue, isTrue)
	r.INCL(r.cut.As32())
	r.SHLQ(Imm(56), r.cut)
	r.ANDQ(isTrue, r.cut)
	r.SUBQ(r.cut, r.window)
	r.Comment("The range is cut into rng>>1 and rng less that and 1, which is rng-1>>1.")
	r.ADDL(isTrue.As32(), r.rng.As32())
	r.SHRL(Imm(1), r.rng.As32())
	r.XORL(isTrue.As32(), v.As32())
	r.SUBL(isTrue.As32(), v.As32())
	r.after(r.rng, 0, r.cut)
}
