//go:build amd64 && !noasm

package distortion

import "salsify/codec/internal/simd"

// Assembly sees neither lengths nor capacities: the functions here find out that all of a block is there before they hand out
// its address.

// Heights, widths of whole planes, and windows in a row, for which sums of 32 bits suffice in the kernels.
const (
	maxHeight  = 1<<14 - 1
	maxWidth   = 1<<18 - 1
	maxWindows = 1 << 12
)

// check panics unless a block is within p, and gives its address.
func check(p []byte, stride, w, h int) *byte {
	_ = p[(h-1)*stride:][:w]
	return &p[0]
}

func sad(a []byte, aStride int, b []byte, bStride, w, h, limit int) int {
	if h <= 0 || h&3 != 0 {
		return sadGo(a, aStride, b, bStride, w, h, limit)
	}
	sum := 0
	switch {
	case w == 16:
		sum = sad16(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, h)
	case w == 8:
		sum = sad8(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, h)
	case w == 4 && h == 4:
		sum = sad4x4(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride)
	default:
		return sadGo(a, aStride, b, bStride, w, h, limit)
	}
	if sum > limit {
		return limit + 1
	}
	return sum
}

func sads(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride, w, h int) {
	if h <= 0 || h&3 != 0 || w != 16 && w != 8 {
		sadsGo(out, a, aStride, b, at, bStride, w, h)
		return
	}
	pa := check(a, aStride, w, h)
	b0, b1 := check(b[at[0]:], bStride, w, h), check(b[at[1]:], bStride, w, h)
	b2, b3 := check(b[at[2]:], bStride, w, h), check(b[at[3]:], bStride, w, h)
	if w == 16 {
		sads16(pa, aStride, b0, b1, b2, b3, bStride, h, out)
	} else {
		sads8(pa, aStride, b0, b1, b2, b3, bStride, h, out)
	}
}

func sse(a []byte, aStride int, b []byte, bStride, w, h int) int {
	if h <= 0 || w <= 0 || w&15 != 0 || w > maxWidth {
		return sseGo(a, aStride, b, bStride, w, h)
	}
	pa, pb := check(a, aStride, w, h), check(b, bStride, w, h)
	if w >= 32 && simd.Has[simd.AVX2] {
		return ssePlaneAVX2(pa, aStride, pb, bStride, w, h)
	}
	return ssePlane(pa, aStride, pb, bStride, w, h)
}

func sseMacroblock(a, b *Macroblock) int {
	aY, bY := check(a.Y, a.Stride, 16, 16), check(b.Y, b.Stride, 16, 16)
	aU, bU := check(a.U, a.ChromaStride, 8, 8), check(b.U, b.ChromaStride, 8, 8)
	aV, bV := check(a.V, a.ChromaStride, 8, 8), check(b.V, b.ChromaStride, 8, 8)
	if simd.Has[simd.AVX2] {
		return sseMacroblockAVX2(aY, aU, aV, a.Stride, a.ChromaStride, bY, bU, bV, b.Stride, b.ChromaStride)
	}
	return sse16(aY, a.Stride, bY, b.Stride, 16) +
		sse8(aU, a.ChromaStride, bU, b.ChromaStride, 8) + sse8(aV, a.ChromaStride, bV, b.ChromaStride, 8)
}

func satd(a []byte, aStride int, b []byte, bStride, w, h int) int {
	switch {
	case h <= 0 || h > maxHeight:
	case w == 16 && h&3 == 0:
		pa, pb := check(a, aStride, w, h), check(b, bStride, w, h)
		if simd.Has[simd.AVX2] {
			return satd16AVX2(pa, aStride, pb, bStride, h)
		}
		return satd16(pa, aStride, pb, bStride, h)
	case w == 8 && h&7 == 0:
		pa, pb := check(a, aStride, w, h), check(b, bStride, w, h)
		if simd.Has[simd.AVX2] {
			return satd8AVX2(pa, aStride, pb, bStride, h)
		}
		return satd8(pa, aStride, pb, bStride, h)
	case w == 4 && h == 4:
		return satd4x4(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride)
	}
	return satdGo(a, aStride, b, bStride, w, h)
}

func satds16(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride int) {
	pa := check(a, aStride, 16, 16)
	b0, b1 := check(b[at[0]:], bStride, 16, 16), check(b[at[1]:], bStride, 16, 16)
	b2, b3 := check(b[at[2]:], bStride, 16, 16), check(b[at[3]:], bStride, 16, 16)
	if simd.Has[simd.AVX2] {
		satds16AVX2(pa, aStride, b0, b1, b2, b3, bStride, out)
		return
	}
	for i, pb := range [...]*byte{b0, b1, b2, b3} {
		out[i] = satd16(pa, aStride, pb, bStride, 16)
	}
}

// satds measures the ten predictions that the format has at once, or else four at a time: the last four may then have been
// measured in part before.
func satds(out []int, src []byte, stride int, predictions [][16]byte) {
	const together, all = 4, 10
	if len(predictions) < together {
		satdsGo(out, src, stride, predictions)
		return
	}
	first := check(src, stride, 4, 4)
	out = out[:len(predictions)]
	if len(predictions) == all && simd.Has[simd.AVX2] {
		satds10AVX2(first, stride, (*[all][16]byte)(predictions), (*[all]int)(out))
		return
	}
	for i := 0; i < len(predictions); i += together {
		i := min(i, len(predictions)-together)
		var sums [together]int32
		satds4(first, stride, (*[together][16]byte)(predictions[i:]), &sums)
		for j, s := range sums {
			out[i+j] = int(s)
		}
	}
}

func variances(out *[4]int, a []byte, stride int) {
	first := check(a, stride, 16, 16)
	if simd.Has[simd.AVX2] {
		variancesAVX2(first, stride, out)
		return
	}
	for i := range out {
		out[i] = variance8x8(&a[i>>1*8*stride+i&1*8], stride)
	}
}

// ssims measures whole windows with kernels: four at a time, and those that are left one by one.
func ssims(out []float64, a []byte, aStride int, b []byte, bStride, w, h int) (squaredErr int) {
	const together = 4
	whole := w / 8
	if h != 8 || whole == 0 {
		return ssimsGo(out, a, aStride, b, bStride, w, h)
	}
	pa, pb := check(a, aStride, w, h), check(b, bStride, w, h)
	i := 0
	if n := whole / together * together; n > 0 && n <= maxWindows && simd.Has[simd.AVX2] {
		squaredErr = ssimsAVX2(pa, aStride, pb, bStride, &out[0], n)
		i = n
	}
	for ; i < whole; i++ {
		var m [4]int32
		var e int
		jointMoments8x8(&a[8*i], aStride, &b[8*i], bStride, &m)
		e, out[i] = ssim(&m, 8*8)
		squaredErr += e
	}
	if x := 8 * whole; x < w {
		squaredErr += ssimsGo(out[whole:], a[x:], aStride, b[x:], bStride, w-x, h)
	}
	return squaredErr
}
