//go:build amd64 && !noasm

package convert

import "salsify/codec/internal/simd"

// Assembly sees neither lengths nor capacities: the functions here find out that a row is there before they hand out its address.
//
// Kernels take a row by blocks. What is left at its end is done with a block that overlaps the one before, and what is shorter than
// a block, or the last column of an odd width, in Go.

// Pixels of a block.
const (
	packedBlock  = 32
	splitBlock   = 32 // of each kind of chroma
	rgbBlock     = 16
	halveBlock   = 32
	quarterBlock = 16
	rowsBlock    = 16
	columnsBlock = 8
)

// blocks calls kernel for places in a row of n pixels, and how many pixels to do from there, until all are done. It returns n, or
// 0 if there is no kernel for it.
func blocks(n, block int, kernel func(at, n int)) (done int) {
	if n < block || !simd.Has[simd.AVX2] {
		return 0
	}
	whole := n / block * block
	kernel(0, whole)
	if whole < n {
		kernel(n-block, block)
	}
	return n
}

func packedRows(y0, y1, cb, cr, src0, src1 []byte, luma int) {
	even, chroma := len(y0)&^1, (len(y0)+1)/2
	y1, cb, cr, src0, src1 = y1[:len(y0)], cb[:chroma], cr[:chroma], src0[:4*chroma], src1[:4*chroma]
	done := blocks(even, packedBlock, func(at, n int) {
		if luma == lumaFirst {
			yuyvRowsAVX2(&y0[at], &y1[at], &cb[at/2], &cr[at/2], &src0[2*at], &src1[2*at], n)
		} else {
			uyvyRowsAVX2(&y0[at], &y1[at], &cb[at/2], &cr[at/2], &src0[2*at], &src1[2*at], n)
		}
	})
	packedRowsGo(y0[done:], y1[done:], cb[done/2:], cr[done/2:], src0[2*done:], src1[2*done:], luma)
}

func split(a, b, src []byte) {
	b, src = b[:len(a)], src[:2*len(a)]
	done := blocks(len(a), splitBlock, func(at, n int) { splitAVX2(&a[at], &b[at], &src[2*at], n) })
	splitGo(a[done:], b[done:], src[2*done:])
}

func rgbRows(y0, y1, cb, cr, src0, src1 []byte, pixelBytes int, f *fromRGB) {
	even, chroma := len(y0)&^1, (len(y0)+1)/2
	y1, cb, cr = y1[:len(y0)], cb[:chroma], cr[:chroma]
	src0, src1 = src0[:pixelBytes*len(y0)], src1[:pixelBytes*len(y0)]
	done := blocks(even, rgbBlock, func(at, n int) {
		if pixelBytes == 3 {
			rgb24RowsAVX2(&y0[at], &y1[at], &cb[at/2], &cr[at/2], &src0[3*at], &src1[3*at], n, (*[3][2][16]int16)(f))
		} else {
			rgb32RowsAVX2(&y0[at], &y1[at], &cb[at/2], &cr[at/2], &src0[4*at], &src1[4*at], n, (*[3][2][16]int16)(f))
		}
	})
	rgbRowsGo(y0[done:], y1[done:], cb[done/2:], cr[done/2:], src0[pixelBytes*done:], src1[pixelBytes*done:], pixelBytes, f)
}

func toRGBRow(dst, y, first, second []byte, f *toRGB) {
	even, chroma := len(y)&^1, (len(y)+1)/2
	dst, first, second = dst[:4*len(y)], first[:chroma], second[:chroma]
	done := blocks(even, rgbBlock, func(at, n int) {
		toRGBRowAVX2(&dst[4*at], &y[at], &first[at/2], &second[at/2], n, &f.factors, &f.bias)
	})
	toRGBRowGo(dst[4*done:], y[done:], first[done/2:], second[done/2:], f)
}

func halveRow(dst, src0, src1 []byte) {
	src0, src1 = src0[:2*len(dst)], src1[:2*len(dst)]
	done := blocks(len(dst), halveBlock, func(at, n int) { halveRowAVX2(&dst[at], &src0[2*at], &src1[2*at], n) })
	halveRowGo(dst[done:], src0[2*done:], src1[2*done:])
}

func quarterRow(dst, src []byte, stride int) {
	src = src[:3*stride+4*len(dst)]
	done := blocks(len(dst), quarterBlock, func(at, n int) { quarterRowAVX2(&dst[at], &src[4*at], stride, n) })
	quarterRowGo(dst[done:], src[4*done:], stride)
}

func weighRows(out []int16, src []byte, stride int, weights []int32) {
	src = src[:(len(weights)-1)*stride+len(out)]
	done := blocks(len(out), rowsBlock, func(at, n int) {
		weighRowsAVX2(&out[at], &src[at], stride, &weights[0], len(weights), n)
	})
	weighRowsGo(out[done:], src[done:], stride, weights)
}

func weighColumns(out []byte, row []int16, a *axis) {
	out, row = out[:a.out], row[:a.in+2*a.pairs] // no sample is made of any further on
	done := blocks(len(out), columnsBlock, func(at, n int) {
		weighColumnsAVX2(&out[at], &row[0], &a.first[at], &a.weights[at], a.out, a.pairs, n)
	})
	weighColumnsGo(out, row, a, done)
}
