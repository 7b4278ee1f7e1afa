package main

import (
	"slices"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// convert writes the kernels of package convert. They do whole rows, in registers of two lanes of 16 bytes, in which packing works
// apart: so after it comes an exchange of the middle two quarters, inOrder.
func (k *kernels) convert() {
	k.packedRowsAVX2("yuyvRowsAVX2", "the luma of each pixel before its chroma", true)
	k.packedRowsAVX2("uyvyRowsAVX2", "the chroma of each pixel before its luma", false)
	k.splitAVX2()
	k.rgbRowsAVX2("rgb24RowsAVX2", 3)
	k.rgbRowsAVX2("rgb32RowsAVX2", 4)
	k.toRGBRowAVX2()
	k.halveRowAVX2()
	k.quarterRowAVX2()
	k.weighRowsAVX2()
	k.weighColumnsAVX2()
}

// inOrder exchanges the second and third quarters of a register.
func (k *kernels) inOrder(y reg.VecVirtual) { k.VPERMQ(Imm(0xd8), y, y) }

// packBytes gives the words of low and high, at most 255, as bytes in order. It overwrites low.
func (k *kernels) packBytes(low, high reg.VecVirtual) reg.VecVirtual {
	k.VPACKUSWB(high, low, low)
	k.inOrder(low)
	return low
}

// packWords gives the double words of low and high as words in order. It overwrites low.
func (k *kernels) packWords(low, high reg.VecVirtual) reg.VecVirtual {
	k.VPACKSSDW(high, low, low)
	k.inOrder(low)
	return low
}

// lowBytes gives a mask of the low byte of each word.
func (k *kernels) lowBytes() reg.VecVirtual {
	m := k.YMM()
	k.VPCMPEQW(m, m, m)
	k.VPSRLW(Imm(8), m, m)
	return m
}

// firstOfTwo gives the first byte of each two of x, as a word.
func (k *kernels) firstOfTwo(x, lowBytes reg.VecVirtual) reg.VecVirtual {
	w := k.YMM()
	k.VPAND(lowBytes, x, w)
	return w
}

// secondOfTwo gives the second one.
func (k *kernels) secondOfTwo(x reg.VecVirtual) reg.VecVirtual {
	w := k.YMM()
	k.VPSRLW(Imm(8), x, w)
	return w
}

// storeHalves writes the low half of a register to one place and the high half to another.
func (k *kernels) storeHalves(y reg.VecVirtual, low, high Mem) {
	k.VMOVDQU(y.AsX(), low)
	k.VEXTRACTI128(Imm(1), y, high)
}

// packedRowsAVX2 does 32 pixels of each row at a time.
func (k *kernels) packedRowsAVX2(name, order string, lumaFirst bool) {
	k.function(name, "func(y0, y1, cb, cr, src0, src1 *byte, n int)",
		name+" is packedRowsGo, of n pixels, a multiple of 32, with "+order+".")
	y0, y1, cb, cr := k.param("y0"), k.param("y1"), k.param("cb"), k.param("cr")
	src := []reg.GPVirtual{k.param("src0"), k.param("src1")}
	n, i, mask := k.param("n"), k.GP64(), k.lowBytes()
	luma := func(x reg.VecVirtual) reg.VecVirtual { return k.firstOfTwo(x, mask) }
	chroma := k.secondOfTwo
	if !lumaFirst {
		luma, chroma = chroma, luma
	}
	k.SHRQ(Imm(1), n)
	k.XORQ(i, i)
	k.Label("pixels") // i is their number, halved
	var rows [2][2]reg.VecVirtual
	for r, y := range []reg.GPVirtual{y0, y1} {
		for half := range rows[r] {
			rows[r][half] = k.loadAVX2(Mem{Base: src[r], Index: i, Scale: 4, Disp: 32 * half})
		}
		k.VMOVDQU(k.packBytes(luma(rows[r][0]), luma(rows[r][1])), Mem{Base: y, Index: i, Scale: 2})
	}
	for half, x := range rows[0] {
		k.VPAVGB(rows[1][half], x, x)
	}
	both := k.packBytes(chroma(rows[0][0]), chroma(rows[0][1]))
	both = k.packBytes(k.firstOfTwo(both, mask), k.secondOfTwo(both))
	k.storeHalves(both, Mem{Base: cb, Index: i, Scale: 1}, Mem{Base: cr, Index: i, Scale: 1})
	k.ADDQ(Imm(16), i)
	k.CMPQ(i, n)
	k.JLT(LabelRef("pixels"))
	k.returnAVX2()
}

// splitAVX2 does 32 bytes of each at a time.
func (k *kernels) splitAVX2() {
	k.function("splitAVX2", "func(a, b, src *byte, n int)", "splitAVX2 is splitGo, of n bytes of each, a multiple of 32.")
	a, b, src := k.param("a"), k.param("b"), k.param("src")
	n, i, mask := k.param("n"), k.GP64(), k.lowBytes()
	k.XORQ(i, i)
	k.Label("bytes")
	low := k.loadAVX2(Mem{Base: src, Index: i, Scale: 2})
	high := k.loadAVX2(Mem{Base: src, Index: i, Scale: 2, Disp: 32})
	k.VMOVDQU(k.packBytes(k.firstOfTwo(low, mask), k.firstOfTwo(high, mask)), Mem{Base: a, Index: i, Scale: 1})
	k.VMOVDQU(k.packBytes(k.secondOfTwo(low), k.secondOfTwo(high)), Mem{Base: b, Index: i, Scale: 1})
	k.ADDQ(Imm(32), i)
	k.CMPQ(i, n)
	k.JLT(LabelRef("bytes"))
	k.returnAVX2()
}

// Units of the factors, as in package convert.
const (
	fromRGBBits = 15
	toRGBBits   = 13
)

// rgbRowsAVX2 does 16 pixels of each row at a time. The factors are in a component's 64 bytes: 32 for the first two bytes of a
// pixel, as words by turns, 32 for its third one and zero.
func (k *kernels) rgbRowsAVX2(name string, pixelBytes int) {
	const none = 0x80
	var firstTwo, third []byte
	for lane := range 2 {
		for pixel := range 4 {
			at := byte(pixel * pixelBytes)
			if pixelBytes == 3 {
				at += byte(4 * lane) // see load
			}
			firstTwo = append(firstTwo, at, none, at+1, none)
			third = append(third, at+2, none, none, none)
		}
	}
	pickFirstTwo, pickThird := k.byteTable(name+"FirstTwo", firstTwo...), k.byteTable(name+"Third", third...)
	doubles := func(name string, v uint32) Mem { return k.table(name, uint16(v), uint16(v>>16)) }
	lumaBias := doubles(name+"Luma", 16<<fromRGBBits+1<<fromRGBBits/2)
	chromaBias := doubles(name+"Chroma", 128<<(fromRGBBits+2)+1<<(fromRGBBits+2)/2)

	k.function(name, "func(y0, y1, cb, cr, src0, src1 *byte, n int, f *[3][2][16]int16)",
		name+" is rgbRowsGo, of n pixels, a multiple of 16.")
	y0, y1, cb, cr := k.param("y0"), k.param("y1"), k.param("cb"), k.param("cr")
	src := []reg.GPVirtual{k.param("src0"), k.param("src1")}
	n, i, f := k.param("n"), k.GP64(), k.param("f")
	// load gives 8 pixels, four in each lane. Those of three bytes end where the load does, not before: so no byte behind them is
	// read.
	load := func(m Mem) reg.VecVirtual {
		if pixelBytes == 4 {
			return k.loadAVX2(m)
		}
		return k.twoRows(m, m.Offset(8))
	}
	// component gives the sums of products of pixels and the factors of a component, a double word for each pixel.
	component := func(c int, firstTwo, third reg.VecVirtual) reg.VecVirtual {
		s, t := k.YMM(), k.YMM()
		k.VPMADDWD(Mem{Base: f, Disp: 64 * c}, firstTwo, s)
		k.VPMADDWD(Mem{Base: f, Disp: 64*c + 32}, third, t)
		k.VPADDD(t, s, s)
		return s
	}
	k.SHRQ(Imm(1), n)
	k.XORQ(i, i)
	k.Label("pixels") // i is their number, halved
	var luma, chroma [2][2]reg.VecVirtual
	for half := range 2 {
		var firstTwo, third [2]reg.VecVirtual
		for r := range 2 {
			firstTwo[r], third[r] = k.YMM(), k.YMM()
			pixels := load(Mem{Base: src[r], Disp: 8 * pixelBytes * half})
			k.VPSHUFB(pickFirstTwo, pixels, firstTwo[r])
			k.VPSHUFB(pickThird, pixels, third[r])
			luma[r][half] = component(0, firstTwo[r], third[r])
			k.VPADDD(lumaBias, luma[r][half], luma[r][half])
			k.VPSRAD(Imm(fromRGBBits), luma[r][half], luma[r][half])
		}
		k.VPADDW(firstTwo[1], firstTwo[0], firstTwo[0])
		k.VPADDW(third[1], third[0], third[0])
		for c := range chroma {
			chroma[c][half] = component(1+c, firstTwo[0], third[0])
		}
	}
	k.storeHalves(k.packBytes(k.packWords(luma[0][0], luma[0][1]), k.packWords(luma[1][0], luma[1][1])),
		Mem{Base: y0, Index: i, Scale: 2}, Mem{Base: y1, Index: i, Scale: 2})
	for _, c := range chroma {
		k.VPHADDD(c[1], c[0], c[0])
		k.inOrder(c[0])
		k.VPADDD(chromaBias, c[0], c[0])
		k.VPSRAD(Imm(fromRGBBits+2), c[0], c[0])
	}
	both := k.packWords(chroma[0][0], chroma[1][0])
	k.VPACKUSWB(both, both, both)
	k.VMOVQ(both.AsX(), Mem{Base: cb, Index: i, Scale: 1})
	k.VMOVQ(k.highLane(both), Mem{Base: cr, Index: i, Scale: 1})
	k.ADDQ(Imm(uint64(16*pixelBytes)), src[0])
	k.ADDQ(Imm(uint64(16*pixelBytes)), src[1])
	k.ADDQ(Imm(8), i)
	k.CMPQ(i, n)
	k.JLT(LabelRef("pixels"))
	k.returnAVX2()
}

// toRGBRowAVX2 does 16 pixels at a time. Of the factors there are 32 bytes each for the first byte, the third and twice the
// second, of words by turns for luma and chroma; then the double words that are added to each byte's sum.
func (k *kernels) toRGBRowAVX2() {
	k.function("toRGBRowAVX2", "func(dst, y, first, second *byte, n int, factors *[4][16]int16, bias *[3][8]int32)",
		"toRGBRowAVX2 is toRGBRowGo, of n pixels, a multiple of 16.")
	dst, y, first, second := k.param("dst"), k.param("y"), k.param("first"), k.param("second")
	n, i, opaque := k.param("n"), k.GP64(), k.lowBytes()
	atFactors, atBias := k.param("factors"), k.param("bias")
	factors := func(i int) Mem { return Mem{Base: atFactors, Disp: 32 * i} }
	bias := func(i int) Mem { return Mem{Base: atBias, Disp: 32 * i} }
	k.SHRQ(Imm(1), n)
	k.XORQ(i, i)
	k.Label("pixels") // i is their number, halved
	luma := k.YMM()
	k.VPMOVZXBW(Mem{Base: y, Index: i, Scale: 2}, luma)
	// Luma and chroma by turns: of the first four pixels of each lane, and of the others.
	var with [2][2]reg.VecVirtual
	for c, at := range []reg.GPVirtual{first, second} {
		x, chroma := k.XMM(), k.YMM()
		k.VMOVQ(Mem{Base: at, Index: i, Scale: 1}, x)
		k.VPUNPCKLBW(x, x, x)
		k.VPMOVZXBW(x, chroma)
		with[c] = [2]reg.VecVirtual{k.YMM(), k.YMM()}
		k.VPUNPCKLWD(chroma, luma, with[c][0])
		k.VPUNPCKHWD(chroma, luma, with[c][1])
	}
	// channel gives words: what the first chroma makes with some factors, what the second does, or both.
	channel := func(bias Mem, factors ...Mem) reg.VecVirtual {
		var halves [2]reg.VecVirtual
		for half := range halves {
			sum := k.YMM()
			k.VMOVDQU(bias, sum)
			for c, m := range factors {
				if m.Base == nil {
					continue
				}
				t := k.YMM()
				k.VPMADDWD(m, with[c][half], t)
				k.VPADDD(t, sum, sum)
			}
			k.VPSRAD(Imm(toRGBBits), sum, sum)
			halves[half] = sum
		}
		k.VPACKSSDW(halves[1], halves[0], halves[0])
		return halves[0]
	}
	outer, inner := channel(bias(0), factors(0)), channel(bias(1), factors(2), factors(3))
	k.VPACKUSWB(channel(bias(2), Mem{}, factors(1)), outer, outer) // 8 first bytes a lane, 8 third ones
	k.VPACKUSWB(opaque, inner, inner)                              // 8 second ones, 8 fourth ones
	low, high := k.YMM(), k.YMM()
	k.VPUNPCKLBW(inner, outer, low)
	k.VPUNPCKHBW(inner, outer, high)
	k.VPUNPCKLWD(high, low, outer)
	k.VPUNPCKHWD(high, low, inner)
	k.storeHalves(outer, Mem{Base: dst}, Mem{Base: dst, Disp: 32})
	k.storeHalves(inner, Mem{Base: dst, Disp: 16}, Mem{Base: dst, Disp: 48})
	k.ADDQ(Imm(64), dst)
	k.ADDQ(Imm(8), i)
	k.CMPQ(i, n)
	k.JLT(LabelRef("pixels"))
	k.returnAVX2()
}

// onesAVX2 gives a register of bytes of 1.
func (k *kernels) onesAVX2() reg.VecVirtual {
	y := k.YMM()
	k.VPCMPEQB(y, y, y)
	k.VPABSB(y, y)
	return y
}

// halveRowAVX2 makes 32 bytes at a time.
func (k *kernels) halveRowAVX2() {
	k.function("halveRowAVX2", "func(dst, src0, src1 *byte, n int)", "halveRowAVX2 is halveRowGo, of n bytes to fill, a multiple of 32.")
	dst, src0, src1, n, i := k.param("dst"), k.param("src0"), k.param("src1"), k.param("n"), k.GP64()
	ones, two := k.onesAVX2(), k.YMM()
	k.VPCMPEQW(two, two, two)
	k.VPSRLW(Imm(15), two, two)
	k.VPADDW(two, two, two)
	k.XORQ(i, i)
	k.Label("bytes")
	var means [2]reg.VecVirtual
	for half := range means {
		a, b := k.YMM(), k.YMM()
		k.VMOVDQU(Mem{Base: src0, Index: i, Scale: 2, Disp: 32 * half}, a)
		k.VMOVDQU(Mem{Base: src1, Index: i, Scale: 2, Disp: 32 * half}, b)
		k.VPMADDUBSW(ones, a, a)
		k.VPMADDUBSW(ones, b, b)
		k.VPADDW(b, a, a)
		k.VPADDW(two, a, a)
		k.VPSRLW(Imm(2), a, a)
		means[half] = a
	}
	k.VMOVDQU(k.packBytes(means[0], means[1]), Mem{Base: dst, Index: i, Scale: 1})
	k.ADDQ(Imm(32), i)
	k.CMPQ(i, n)
	k.JLT(LabelRef("bytes"))
	k.returnAVX2()
}

// quarterRowAVX2 makes 16 bytes at a time.
func (k *kernels) quarterRowAVX2() {
	eight := k.table("quarterRound", 8, 0)
	k.function("quarterRowAVX2", "func(dst, src *byte, stride, n int)",
		"quarterRowAVX2 is quarterRowGo, of n bytes to fill, a multiple of 16.")
	dst, src, n, i := k.param("dst"), k.rows("src", "stride"), k.param("n"), k.GP64()
	ones, wordOnes := k.onesAVX2(), k.YMM()
	k.VPCMPEQW(wordOnes, wordOnes, wordOnes)
	k.VPSRLW(Imm(15), wordOnes, wordOnes)
	k.XORQ(i, i)
	k.Label("bytes")
	var means [2]reg.VecVirtual
	for half := range means {
		for y := range 4 {
			x := k.loadAVX2(src.row(y, 32*half))
			k.VPMADDUBSW(ones, x, x)
			if y == 0 {
				means[half] = x
			} else {
				k.VPADDW(x, means[half], means[half])
			}
		}
		k.VPMADDWD(wordOnes, means[half], means[half])
		k.VPADDD(eight, means[half], means[half])
		k.VPSRLD(Imm(4), means[half], means[half])
	}
	words := k.packWords(means[0], means[1])
	x := k.highLane(words)
	k.VPACKUSWB(x, words.AsX(), x)
	k.VMOVDQU(x, Mem{Base: dst, Index: i, Scale: 1})
	k.ADDQ(Imm(64), src.at)
	k.ADDQ(Imm(16), i)
	k.CMPQ(i, n)
	k.JLT(LabelRef("bytes"))
	k.returnAVX2()
}

// Units of the weights, as in package convert.
const (
	weightBits  = 14
	rowShift    = weightBits - 7
	columnShift = weightBits + 7
)

// weighRowsAVX2 makes 16 words at a time.
func (k *kernels) weighRowsAVX2() {
	bias := k.table("rowBias", 1<<rowShift/2, 0)
	k.function("weighRowsAVX2", "func(out *int16, src *byte, stride int, weights *int32, rows, n int)",
		"weighRowsAVX2 is weighRowsGo, of so many rows, of n pixels, a multiple of 16.")
	out, src, stride, weights := k.param("out"), k.param("src"), k.param("stride"), k.param("weights")
	rows, n := k.param("rows"), k.param("n")
	at, i := k.GP64(), k.GP64()
	k.Label("pixels")
	low, high := k.YMM(), k.YMM()
	k.VMOVDQU(bias, low)
	k.VMOVDQU(bias, high)
	k.MOVQ(src, at)
	k.XORQ(i, i)
	k.Label("rows")
	weight, a, b := k.YMM(), k.YMM(), k.YMM()
	k.VPBROADCASTD(Mem{Base: weights, Index: i, Scale: 4}, weight)
	k.VPMOVZXBD(Mem{Base: at}, a)
	k.VPMOVZXBD(Mem{Base: at, Disp: 8}, b)
	k.VPMADDWD(weight, a, a) // the upper words are zero
	k.VPMADDWD(weight, b, b)
	k.VPADDD(a, low, low)
	k.VPADDD(b, high, high)
	k.ADDQ(stride, at)
	k.INCQ(i)
	k.CMPQ(i, rows)
	k.JLT(LabelRef("rows"))
	k.VPSRAD(Imm(rowShift), low, low)
	k.VPSRAD(Imm(rowShift), high, high)
	k.VMOVDQU(k.packWords(low, high), Mem{Base: out})
	k.ADDQ(Imm(16), src)
	k.ADDQ(Imm(32), out)
	k.SUBQ(Imm(16), n)
	k.JNE(LabelRef("pixels"))
	k.returnAVX2()
}

// weighColumnsAVX2 makes 8 bytes at a time, of pairs of words that are gathered.
func (k *kernels) weighColumnsAVX2() {
	bias := k.wordTable("columnBias", slices.Repeat([]uint16{0, 1 << columnShift / 2 >> 16}, 8)...)
	k.function("weighColumnsAVX2", "func(out *byte, row *int16, first *int32, weights *[2]int16, stride, pairs, n int)",
		"weighColumnsAVX2 is weighColumnsGo, of n bytes to fill, a multiple of 8; weights of the next pair are stride further on.")
	out, row, first, weights := k.param("out"), k.param("row"), k.param("first"), k.param("weights")
	stride, pairs, n := k.param("stride"), k.param("pairs"), k.param("n")
	from, weight, left := k.GP64(), k.GP64(), k.GP64()
	k.Label("bytes")
	at, sum := k.YMM(), k.YMM()
	k.VMOVDQU(Mem{Base: first}, at)
	k.VMOVDQU(bias, sum)
	k.MOVQ(row, from)
	k.MOVQ(weights, weight)
	k.MOVQ(pairs, left)
	k.Label("pairs")
	mask, words := k.YMM(), k.YMM()
	k.VPCMPEQD(mask, mask, mask)
	k.VPXOR(words, words, words) // else a gather waits for the one before
	k.VPGATHERDD(mask, Mem{Base: from, Index: at, Scale: 2}, words)
	k.VPMADDWD(Mem{Base: weight}, words, words)
	k.VPADDD(words, sum, sum)
	k.ADDQ(Imm(4), from)
	k.LEAQ(Mem{Base: weight, Index: stride, Scale: 4}, weight)
	k.DECQ(left)
	k.JNE(LabelRef("pairs"))
	k.VPSRAD(Imm(columnShift), sum, sum)
	x := k.highLane(sum)
	k.VPACKSSDW(x, sum.AsX(), x)
	k.VPACKUSWB(x, x, x)
	k.VMOVQ(x, Mem{Base: out})
	k.ADDQ(Imm(8), out)
	k.ADDQ(Imm(32), first)
	k.ADDQ(Imm(32), weights)
	k.SUBQ(Imm(8), n)
	k.JNE(LabelRef("bytes"))
	k.returnAVX2()
}
