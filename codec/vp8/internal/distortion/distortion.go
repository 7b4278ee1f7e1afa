// Package distortion measures how far a prediction or a reconstruction is from the source picture.
package distortion

//go:generate go run -C ../_generate . distortion

// Blocks are given by the slice that starts at their first pixel and the distance of their rows, their size by width w and
// height h. The functions whose name ends in Go define the results; kernels in assembly do the sizes that matter.

// SAD is the sum of absolute differences of two blocks, or limit+1 if it is above limit.
func SAD(a []byte, aStride int, b []byte, bStride, w, h, limit int) int {
	return sad(a, aStride, b, bStride, w, h, limit)
}

func sadGo(a []byte, aStride int, b []byte, bStride, w, h, limit int) int {
	sum := 0
	for y := range h {
		ra := a[y*aStride:][:w:w]
		rb := b[y*bStride:][:len(ra):len(ra)]
		s := 0
		for x, p := range ra {
			d := int(p) - int(rb[x])
			m := d >> 63
			s += (d ^ m) - m
		}
		if sum += s; sum > limit {
			return limit + 1
		}
	}
	return sum
}

// SADs gives the SADs of a block and four blocks of b that start at the indices in at.
func SADs(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride, w, h int) {
	sads(out, a, aStride, b, at, bStride, w, h)
}

func sadsGo(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride, w, h int) {
	for i, start := range at {
		out[i] = SAD(a, aStride, b[start:], bStride, w, h, w*h*255)
	}
}

// SSE is the sum of squared differences of two blocks.
func SSE(a []byte, aStride int, b []byte, bStride, w, h int) int {
	return sse(a, aStride, b, bStride, w, h)
}

func sseGo(a []byte, aStride int, b []byte, bStride, w, h int) int {
	sum := 0
	for y := range h {
		ra := a[y*aStride:][:w:w]
		rb := b[y*bStride:][:len(ra):len(ra)]
		s := 0
		for x, p := range ra {
			d := int32(p) - int32(rb[x])
			s += int(d * d)
		}
		sum += s
	}
	return sum
}

// SATD is the sum of the absolute values of the 4x4 Hadamard transforms of the differences of two blocks, halved: near to a SAD
// in size, and nearer than that to what the differences cost to code. Widths and heights are multiples of 4.
func SATD(a []byte, aStride int, b []byte, bStride, w, h int) int {
	return satd(a, aStride, b, bStride, w, h)
}

func satdGo(a []byte, aStride int, b []byte, bStride, w, h int) int {
	sum := int32(0)
	for y := 0; y < h; y += 4 {
		for x := 0; x < w; x += 4 {
			sum += hadamard(a[y*aStride+x:], aStride, b[y*bStride+x:], bStride)
		}
	}
	return int(sum) / 2
}

func hadamard(a []byte, aStride int, b []byte, bStride int) int32 {
	var t [16]int32
	for y := range 4 {
		ra, rb := a[y*aStride:y*aStride+4:y*aStride+4], b[y*bStride:y*bStride+4:y*bStride+4]
		d0, d1 := int32(ra[0])-int32(rb[0]), int32(ra[1])-int32(rb[1])
		d2, d3 := int32(ra[2])-int32(rb[2]), int32(ra[3])-int32(rb[3])
		s0, s1, s2, s3 := d0+d2, d1+d3, d0-d2, d1-d3
		t[4*y], t[4*y+1], t[4*y+2], t[4*y+3] = s0+s1, s0-s1, s2+s3, s2-s3
	}
	sum := int32(0)
	for x := range 4 {
		d0, d1, d2, d3 := t[x], t[4+x], t[8+x], t[12+x]
		s0, s1, s2, s3 := d0+d2, d1+d3, d0-d2, d1-d3
		sum += abs(s0+s1) + abs(s0-s1) + abs(s2+s3) + abs(s2-s3)
	}
	return sum
}

func abs(v int32) int32 {
	m := v >> 31
	return (v ^ m) - m
}

// SATDs gives the SATD of a 4x4 block and each of several predictions of it, which are 4 pixels a row.
func SATDs(out []int, src []byte, stride int, predictions [][16]byte) {
	satds(out, src, stride, predictions)
}

func satdsGo(out []int, src []byte, stride int, predictions [][16]byte) {
	out = out[:len(predictions)]
	for i := range predictions {
		out[i] = SATD(src, stride, predictions[i][:], 4, 4, 4)
	}
}

// Variance is n squared times the variance of a block of n pixels: n times the sum of squares less the square of the sum.
func Variance(a []byte, stride, w, h int) int {
	sum, squares := moments(a, stride, w, h)
	return w*h*squares - sum*sum
}

// momentsGo gives the sum of a block's pixels and the sum of their squares.
func momentsGo(a []byte, stride, w, h int) (sum, squares int) {
	for y := range h {
		for _, p := range a[y*stride:][:w] {
			sum += int(p)
			squares += int(p) * int(p)
		}
	}
	return sum, squares
}

// JointMoments gives the sums of two blocks' pixels, of their squares, and of the products of pixels in the same place.
func JointMoments(a []byte, aStride int, b []byte, bStride, w, h int) (sumA, sumB, squaresA, squaresB, products int) {
	m := jointMoments(a, aStride, b, bStride, w, h)
	return m[0], m[1], m[2], m[3], m[4]
}

func jointMomentsGo(a []byte, aStride int, b []byte, bStride, w, h int) (m [5]int) {
	for y := range h {
		ra, rb := a[y*aStride:][:w], b[y*bStride:][:w]
		for x, p := range ra {
			va, vb := int(p), int(rb[x])
			m[0] += va
			m[1] += vb
			m[2] += va * va
			m[3] += vb * vb
			m[4] += va * vb
		}
	}
	return m
}
