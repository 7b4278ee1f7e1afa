//go:build amd64 && !noasm

package distortion

// Assembly sees neither lengths nor capacities: the functions here find out that all of a block is there before they hand out
// its address.

// Heights, and widths of whole planes, for which sums of 32 bits suffice in the kernels.
const (
	maxHeight = 1<<14 - 1
	maxWidth  = 1<<18 - 1
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
	switch {
	case h <= 0:
	case w == 16 && h&3 == 0 && h <= maxHeight:
		return sse16(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, h)
	case w == 8 && h&3 == 0 && h <= maxHeight:
		return sse8(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, h)
	case w > 0 && w&15 == 0 && w <= maxWidth:
		return ssePlane(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, w, h)
	}
	return sseGo(a, aStride, b, bStride, w, h)
}

func satd(a []byte, aStride int, b []byte, bStride, w, h int) int {
	switch {
	case h <= 0:
	case w == 16 && h&3 == 0:
		return satd16(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, h)
	case w == 8 && h&7 == 0:
		return satd8(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, h)
	case w == 4 && h == 4:
		return satd4x4(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride)
	}
	return satdGo(a, aStride, b, bStride, w, h)
}

// satds measures four predictions at a time. The last four may have been measured in part before.
func satds(out []int, src []byte, stride int, predictions [][16]byte) {
	const together = 4
	if len(predictions) < together {
		satdsGo(out, src, stride, predictions)
		return
	}
	first := check(src, stride, 4, 4)
	out = out[:len(predictions)]
	for i := 0; i < len(predictions); i += together {
		i := min(i, len(predictions)-together)
		var sums [together]int32
		satds4(first, stride, (*[together][16]byte)(predictions[i:]), &sums)
		for j, s := range sums {
			out[i+j] = int(s)
		}
	}
}

func moments(a []byte, stride, w, h int) (sum, squares int) {
	switch {
	case h <= 0 || h&3 != 0 || h > maxHeight:
	case w == 16:
		return moments16(check(a, stride, w, h), stride, h)
	case w == 8:
		return moments8(check(a, stride, w, h), stride, h)
	}
	return momentsGo(a, stride, w, h)
}

func jointMoments(a []byte, aStride int, b []byte, bStride, w, h int) (m [5]int) {
	if w != 8 || h != 8 {
		return jointMomentsGo(a, aStride, b, bStride, w, h)
	}
	jointMoments8x8(check(a, aStride, w, h), aStride, check(b, bStride, w, h), bStride, &m)
	return m
}
