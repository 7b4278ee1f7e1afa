package transform

//go:generate go run -C ../_generate . transform

// Factors of the forward DCT in 2.14 fixed point: sqrt(2)*cos(pi/8) and sqrt(2)*sin(pi/8).
const (
	fwdCos = 21407
	fwdSin = 8867
)

// ForwardDCT transforms a 4x4 block of differences a-b. Coefficients are twice those of the orthonormal DCT, which is what
// AddResidue undoes: squared errors of coefficients are 4 times those of pixels.
func ForwardDCT(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	forwardOne(a, aStride, b, bStride, out)
}

// forwardDCTsGo transforms all 4x4 blocks of an area w pixels wide and h pixels high, multiples of 4. Their coefficients are put
// into out one block after the other, row by row.
func forwardDCTsGo(a []byte, aStride int, b []byte, bStride, w, h int, out []int16) {
	for y := 0; y < h; y += 4 {
		for x := 0; x < w; x += 4 {
			forwardDCTGo(a[y*aStride+x:], aStride, b[y*bStride+x:], bStride, (*[16]int16)(out))
			out = out[16:]
		}
	}
}

// forwardDCTGo has 3 more bits between the rows and the columns, and all sums but those of products fit in 16 bits: the kernel's
// words.
func forwardDCTGo(a []byte, aStride int, b []byte, bStride int, out *[16]int16) {
	var t [16]int32
	for y := range 4 {
		ra, rb := a[y*aStride:y*aStride+4:y*aStride+4], b[y*bStride:y*bStride+4:y*bStride+4]
		d0, d1 := int32(ra[0])-int32(rb[0]), int32(ra[1])-int32(rb[1])
		d2, d3 := int32(ra[2])-int32(rb[2]), int32(ra[3])-int32(rb[3])
		s0, s1, s2, s3 := d0+d3, d1+d2, d1-d2, d0-d3
		t[4*y] = (s0 + s1) << 3
		t[4*y+2] = (s0 - s1) << 3
		t[4*y+1] = (s3*fwdCos + s2*fwdSin + 1<<10) >> 11
		t[4*y+3] = (s3*fwdSin - s2*fwdCos + 1<<10) >> 11
	}
	for x := range 4 {
		d0, d1, d2, d3 := t[x], t[4+x], t[8+x], t[12+x]
		s0, s1, s2, s3 := d0+d3, d1+d2, d1-d2, d0-d3
		out[x] = int16((s0 + s1 + 8) >> 4)
		out[8+x] = int16((s0 - s1 + 8) >> 4)
		out[4+x] = int16((s3*fwdCos + s2*fwdSin + 1<<17) >> 18)
		out[12+x] = int16((s3*fwdSin - s2*fwdCos + 1<<17) >> 18)
	}
}

// forwardWHTGo transforms the DC coefficients of the 16 luma blocks, dc[16*i] of block i. Its coefficients, too, are twice those
// of the orthonormal transform: squared errors of theirs are 4 times those of the DC coefficients, 16 times those of pixels. It has
// sums of 16 bits, which is enough for what ForwardDCT makes.
func forwardWHTGo(dc []int16, out *[16]int16) {
	_ = dc[240]
	var t [16]int16
	for y := range 4 {
		i0, i1, i2, i3 := dc[64*y], dc[64*y+16], dc[64*y+32], dc[64*y+48]
		a, b, c, d := i0+i3, i1+i2, i1-i2, i0-i3
		t[4*y], t[4*y+1], t[4*y+2], t[4*y+3] = a+b, c+d, a-b, d-c
	}
	for x := range 4 {
		a, b, c, d := t[x]+t[12+x], t[4+x]+t[8+x], t[4+x]-t[8+x], t[x]-t[12+x]
		out[x], out[4+x], out[8+x], out[12+x] = half(a+b), half(c+d), half(a-b), half(d-c)
	}
}

// half halves with rounding away from zero, so that a coefficient and its negative stay each other's negatives.
func half(v int16) int16 { return (v + 1 + v>>15) >> 1 }

// Peaks are the largest magnitudes of the coefficients of some blocks: [0] of the DC coefficients, [1] of the others, as steps
// of quantizers are.
type Peaks [2]int

// ForwardLuma transforms the differences a-b of a macroblock's 16x16 luma pixels: the coefficients of its 16 blocks, one after the
// other, as ForwardDCT gives them, and those of the Walsh-Hadamard transform of their DC coefficients, which are twice those of the
// orthonormal one: squared errors of theirs are 16 times those of pixels. It returns the peaks of both.
func ForwardLuma(a []byte, aStride int, b []byte, bStride int, coeffs []int16, y2 *[16]int16) (y1Peaks, y2Peaks Peaks) {
	return forwardLuma(a, aStride, b, bStride, coeffs[:256], y2)
}

func forwardLumaGo(a []byte, aStride int, b []byte, bStride int, coeffs []int16, y2 *[16]int16) (y1Peaks, y2Peaks Peaks) {
	forwardDCTsGo(a, aStride, b, bStride, 16, 16, coeffs)
	forwardWHTGo(coeffs, y2)
	return peaksGo(coeffs), peaksGo(y2[:])
}

// ForwardChroma transforms the differences of a macroblock's 8x8 pixels of U and of V, four blocks of each. It returns their peaks.
func ForwardChroma(aU, aV []byte, aStride int, bU, bV []byte, bStride int, coeffs []int16) Peaks {
	return forwardChroma(aU, aV, aStride, bU, bV, bStride, coeffs[:128])
}

func forwardChromaGo(aU, aV []byte, aStride int, bU, bV []byte, bStride int, coeffs []int16) Peaks {
	forwardDCTsGo(aU, aStride, bU, bStride, 8, 8, coeffs)
	forwardDCTsGo(aV, aStride, bV, bStride, 8, 8, coeffs[64:])
	return peaksGo(coeffs)
}

func peaksGo(coeffs []int16) (p Peaks) {
	for ; len(coeffs) >= 16; coeffs = coeffs[16:] {
		p[0] = max(p[0], int(coeffs[0]), -int(coeffs[0]))
		for _, c := range coeffs[1:16] {
			p[1] = max(p[1], int(c), -int(c))
		}
	}
	return p
}
