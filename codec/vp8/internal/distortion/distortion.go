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

// SSE is the sum of squared differences of two blocks: stretches of rows of whole planes.
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

// Macroblock is where the pixels of a macroblock start in its three planes: 16x16 of luma, 8x8 of each kind of chroma.
type Macroblock struct {
	Y, U, V              []byte
	Stride, ChromaStride int // distances of the rows
}

// MacroblockSSE is the sum of squared differences of two macroblocks, of all three planes.
func MacroblockSSE(a, b *Macroblock) int { return sseMacroblock(a, b) }

func sseMacroblockGo(a, b *Macroblock) int {
	return sseGo(a.Y, a.Stride, b.Y, b.Stride, 16, 16) +
		sseGo(a.U, a.ChromaStride, b.U, b.ChromaStride, 8, 8) +
		sseGo(a.V, a.ChromaStride, b.V, b.ChromaStride, 8, 8)
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

// SATDs16 gives the SATDs of a block of 16x16 pixels and four blocks of b that start at the indices in at.
func SATDs16(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride int) {
	satds16(out, a, aStride, b, at, bStride)
}

func satds16Go(out *[4]int, a []byte, aStride int, b []byte, at *[4]int, bStride int) {
	for i, start := range at {
		out[i] = satdGo(a, aStride, b[start:], bStride, 16, 16)
	}
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

// Variances gives 64 squared times the variance of each 8x8 block of a macroblock's luma, in raster order.
func Variances(out *[4]int, a []byte, stride int) { variances(out, a, stride) }

func variancesGo(out *[4]int, a []byte, stride int) {
	for i := range out {
		out[i] = varianceGo(a[i>>1*8*stride+i&1*8:], stride)
	}
}

// varianceGo is n squared times the variance of a block of n pixels: n times the sum of squares less the square of the sum.
func varianceGo(a []byte, stride int) int {
	sum, squares := 0, 0
	for y := range 8 {
		for _, p := range a[y*stride:][:8] {
			sum += int(p)
			squares += int(p) * int(p)
		}
	}
	return 64*squares - sum*sum
}

// Constants of SSIM for 8-bit pixels (Wang et al., 2004): (0.01*255)^2 and (0.03*255)^2, times 64^2 for sums over 8x8 pixels.
const (
	SSIMC1 = 26634  // 6.5025 * 4096
	SSIMC2 = 239708 // 58.5225 * 4096
)

// SSIMs measures two blocks w pixels wide and h pixels high, at most 8, by windows of 8 columns next to each other: it gives the
// SSIM of each and the squared error of all. The last window is narrower if w is no multiple of 8.
func SSIMs(out []float64, a []byte, aStride int, b []byte, bStride, w, h int) (squaredErr int) {
	return ssims(out[:(w+7)/8], a, aStride, b, bStride, w, h)
}

func ssimsGo(out []float64, a []byte, aStride int, b []byte, bStride, w, h int) (squaredErr int) {
	for i := range out {
		x := 8 * i
		width := min(8, w-x)
		m := jointMomentsGo(a[x:], aStride, b[x:], bStride, width, h)
		e, s := ssim(&m, width*h)
		squaredErr += e
		out[i] = s
	}
	return squaredErr
}

// jointMomentsGo gives the sum of a window's pixels of a, of b, of the squares of both, and of the products of pixels in the same
// place.
func jointMomentsGo(a []byte, aStride int, b []byte, bStride, w, h int) (m [4]int32) {
	for y := range h {
		ra, rb := a[y*aStride:][:w], b[y*bStride:][:w]
		for x, p := range ra {
			va, vb := int32(p), int32(rb[x])
			m[0] += va
			m[1] += vb
			m[2] += va*va + vb*vb
			m[3] += va * vb
		}
	}
	return m
}

// ssim gives the squared error and the SSIM of a window of n pixels from its joint moments. All up to the factors are integers, so
// that floating point rounds the same everywhere.
func ssim(m *[4]int32, n int) (squaredErr int, ssim float64) {
	sa, sb, squares, products := int(m[0]), int(m[1]), int(m[2]), int(m[3])
	variances, cov := n*squares-sa*sa-sb*sb, n*products-sa*sb
	c1, c2 := SSIMC1*n*n/4096, SSIMC2*n*n/4096
	num := float64(2*sa*sb+c1) * float64(2*cov+c2)
	den := float64(sa*sa+sb*sb+c1) * float64(variances+c2)
	return squares - 2*products, num / den
}
