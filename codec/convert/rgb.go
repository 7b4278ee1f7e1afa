package convert

import "math"

// lumaWeights are the shares of red and blue in luma, that ITU-R BT.601-7 (2.5.1) and BT.709-6 (3.2) give; green has the rest.
var lumaWeights = [...]struct{ red, blue float64 }{BT601: {0.299, 0.114}, BT709: {0.2126, 0.0722}}

// Limited range, in 8 bits (BT.601-7, 2.5.3): where luma and chroma have their zero, and how far their whole range reaches, of the
// 255 that red, green and blue have.
const (
	black, lumaRange    = 16, 219
	neutral, chromaSpan = 128, 224
	rgbRange            = 255
)

// Units of the factors, as powers of two. They are 16 bits wide with their sign: the largest from RGB is 0.62, the largest to RGB
// 2.12. A factor is off by half a unit at most, so that a result is off by less than 0.05 before it is rounded.
const (
	fromRGBBits = 15
	toRGBBits   = 13
)

// fromRGB are the factors of the three bytes of a pixel, in their order, in Y, Cb and Cr, in units of 2^-15. Each is there as
// often as a kernel takes it: first those of the first two bytes by turns, then those of the third, by turns with zero.
type fromRGB [3][2][16]int16

// of gives the factors in a component.
func (f *fromRGB) of(c int) triple {
	return triple{int32(f[c][0][0]), int32(f[c][0][1]), int32(f[c][1][0])}
}

// toRGB are the factors of luma and of the two kinds of chroma in the three bytes of a pixel, in units of 2^-13. The first kind of
// chroma is what the first byte is made of (Cr for red), the second what the third is made of. Each factor is there as often as a
// kernel takes it.
type toRGB struct {
	factors [4][16]int16 // of luma and of one kind of chroma by turns, for what the constants below say
	bias    [3][8]int32  // what is added to each byte's sum: it moves the zeros and rounds
}

// What the factors of toRGB are for.
const (
	inFirst      = iota // of luma and the first chroma, in the first byte
	inThird             // of luma and the second chroma, in the third byte
	inSecond            // of luma and the first chroma, in the second byte
	inSecondMore        // of nothing and the second chroma, in the second byte
)

// The factors by matrix and by what comes first, red or blue.
var (
	factorsFromRGB [len(lumaWeights)][2]fromRGB
	factorsToRGB   [len(lumaWeights)][2]toRGB
)

func init() {
	for m := range lumaWeights {
		for first := range 2 {
			factorsFromRGB[m][first] = newFromRGB(Matrix(m), first == 1)
			factorsToRGB[m][first] = newToRGB(Matrix(m), first == 1)
		}
	}
}

// newFromRGB works the factors out. Those of green are what is left to a whole, so that grey is free of chroma and white is 235.
func newFromRGB(m Matrix, blueFirst bool) (f fromRGB) {
	const luma, chroma = float64(lumaRange) / rgbRange, float64(chromaSpan) / rgbRange / 2
	w := lumaWeights[m]
	fixed := func(v float64) int { return int(math.Round(v * (1 << fromRGBBits))) }
	for c, v := range [3]struct{ whole, red, blue int }{
		{fixed(luma), fixed(luma * w.red), fixed(luma * w.blue)},
		{0, fixed(-chroma * w.red / (1 - w.blue)), fixed(chroma)},
		{0, fixed(chroma), fixed(-chroma * w.blue / (1 - w.red))},
	} {
		order := [3]int{v.red, v.whole - v.red - v.blue, v.blue}
		if blueFirst {
			order[0], order[2] = order[2], order[0]
		}
		for i := 0; i < len(f[c][0]); i += 2 {
			f[c][0][i], f[c][0][i+1], f[c][1][i] = int16(order[0]), int16(order[1]), int16(order[2])
		}
	}
	return f
}

func newToRGB(m Matrix, blueFirst bool) (f toRGB) {
	const luma, chroma = float64(rgbRange) / lumaRange, float64(rgbRange) / chromaSpan * 2
	w := lumaWeights[m]
	green := 1 - w.red - w.blue
	fixed := func(v float64) int { return int(math.Round(v * (1 << toRGBBits))) }
	y := fixed(luma)
	red, blue := fixed(chroma*(1-w.red)), fixed(chroma*(1-w.blue))
	greenOfRed, greenOfBlue := fixed(-chroma*(1-w.red)*w.red/green), fixed(-chroma*(1-w.blue)*w.blue/green)
	if blueFirst {
		red, blue, greenOfRed, greenOfBlue = blue, red, greenOfBlue, greenOfRed
	}
	for i, v := range [...][2]int{inFirst: {y, red}, inThird: {y, blue}, inSecond: {y, greenOfRed}, inSecondMore: {0, greenOfBlue}} {
		for j := range f.factors[i] {
			f.factors[i][j] = int16(v[j%2])
		}
	}
	for i, chromas := range [3]int{red, greenOfRed + greenOfBlue, blue} {
		for j := range f.bias[i] {
			f.bias[i][j] = int32(1<<toRGBBits/2 - black*y - neutral*chromas)
		}
	}
	return f
}

// What is added to the sums from RGB: the zero, and half a unit to round. Chroma is made of the sum of four pixels.
const (
	lumaBias   = black<<fromRGBBits + 1<<fromRGBBits/2
	chromaBits = fromRGBBits + 2
	chromaBias = neutral<<chromaBits + 1<<chromaBits/2
)

// rgbRowsGo makes two rows of luma and one each of Cb and Cr of two rows of pixels of pixelBytes each.
func rgbRowsGo(y0, y1, cb, cr, src0, src1 []byte, pixelBytes int, f *fromRGB) {
	inY, inCb, inCr := f.of(0), f.of(1), f.of(2)
	for i := range cb {
		x := 2 * i
		next := min(x+1, len(y0)-1)
		a, b := pixelAt(src0, x*pixelBytes), pixelAt(src0, next*pixelBytes)
		c, d := pixelAt(src1, x*pixelBytes), pixelAt(src1, next*pixelBytes)
		y0[x], y0[next] = byte((inY.times(a)+lumaBias)>>fromRGBBits), byte((inY.times(b)+lumaBias)>>fromRGBBits)
		y1[x], y1[next] = byte((inY.times(c)+lumaBias)>>fromRGBBits), byte((inY.times(d)+lumaBias)>>fromRGBBits)
		sum := triple{a.i + b.i + c.i + d.i, a.j + b.j + c.j + d.j, a.k + b.k + c.k + d.k}
		cb[i] = byte((inCb.times(sum) + chromaBias) >> chromaBits)
		cr[i] = byte((inCr.times(sum) + chromaBias) >> chromaBits)
	}
}

// triple has a number for each of the three bytes of a pixel.
type triple struct{ i, j, k int32 }

func pixelAt(p []byte, at int) triple {
	p = p[at:][:3]
	return triple{int32(p[0]), int32(p[1]), int32(p[2])}
}

func (t triple) times(u triple) int32 { return t.i*u.i + t.j*u.j + t.k*u.k }

// toRGBRowGo makes a row of pixels of four bytes of luma and of the two kinds of chroma.
func toRGBRowGo(dst, y, first, second []byte, f *toRGB) {
	for x, luma := range y {
		p := dst[4*x:][:4]
		l, c, d := int32(luma), int32(first[x/2]), int32(second[x/2])
		p[0] = clamp((f.sum(inFirst, l, c) + f.bias[0][0]) >> toRGBBits)
		p[1] = clamp((f.sum(inSecond, l, c) + f.sum(inSecondMore, l, d) + f.bias[1][0]) >> toRGBBits)
		p[2] = clamp((f.sum(inThird, l, d) + f.bias[2][0]) >> toRGBBits)
		p[3] = 255
	}
}

func (f *toRGB) sum(which int, luma, chroma int32) int32 {
	return luma*int32(f.factors[which][0]) + chroma*int32(f.factors[which][1])
}

func clamp(v int32) byte { return byte(min(max(v, 0), 255)) }
