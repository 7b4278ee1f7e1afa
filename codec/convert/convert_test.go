package convert

import (
	"bytes"
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// newPicture returns a picture of noise with gaps behind its rows.
func newPicture(rng *rand.Rand, width, height int) *image.YCbCr {
	p := &image.YCbCr{
		YStride: width + rng.IntN(20), CStride: (width+1)/2 + rng.IntN(20),
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, width, height),
	}
	chroma := (height-1)/2*p.CStride + (width+1)/2
	p.Y, p.Cb, p.Cr = noise(rng, (height-1)*p.YStride+width), noise(rng, chroma), noise(rng, chroma)
	return p
}

func noise(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// convertAll calls each function with noise and returns what they wrote.
func convertAll(t testing.TB, rng *rand.Rand) [][]byte {
	width, height := 1+rng.IntN(100), 1+rng.IntN(20)
	p := newPicture(rng, width, height)
	var all [][]byte
	done := func(name string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s, %dx%d: %v", name, width, height, err)
		}
		for _, plane := range [][]byte{p.Y, p.Cb, p.Cr} {
			all = append(all, bytes.Clone(plane))
		}
	}
	stride := 4*((width+1)/2) + rng.IntN(10)
	packed := noise(rng, stride*height)
	done("FromYUYV", FromYUYV(p, packed, stride))
	done("FromUYVY", FromUYVY(p, packed, stride))
	done("FromNV12", FromNV12(p, packed, width, packed, stride))
	for order := range BGRA + 1 {
		stride := order.PixelBytes()*width + rng.IntN(10)
		pixels := noise(rng, stride*height)
		done("FromRGB", FromRGB(p, pixels, stride, order, Matrix(rng.IntN(2))))
		if order >= RGBA {
			done("ToRGB", ToRGB(pixels, stride, order, p, Matrix(rng.IntN(2))))
			all = append(all, pixels)
		}
	}
	var s Scaler
	for range 4 {
		from := newPicture(rng, 1+rng.IntN(200), 1+rng.IntN(40))
		if rng.IntN(2) == 0 {
			factor := 2 + 2*rng.IntN(2)
			from = newPicture(rng, factor*width, factor*height)
		}
		s.Filter = Filter(rng.IntN(2))
		done("Scale", s.Scale(p, from))
	}
	return all
}

// Packed and semi-planar pictures of any size and stride, against what each sample is by itself. What is behind a row stays.
func TestFromPackedAndNV12(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		width, height := 1+rng.IntN(90), 1+rng.IntN(9)
		stride := 4*((width+1)/2) + rng.IntN(10)
		src := noise(rng, stride*height)
		chromaStride := 2*((width+1)/2) + rng.IntN(10)
		pairs := noise(rng, chromaStride*((height+1)/2))
		for name, c := range map[string]struct {
			convert func(p *image.YCbCr) error
			luma    func(x, y int) byte
			chroma  func(i, x, y int) byte // of Cb, 0, or Cr, 1
		}{
			"YUYV": {
				func(p *image.YCbCr) error { return FromYUYV(p, src, stride) },
				func(x, y int) byte { return src[y*stride+2*x] },
				func(i, x, y int) byte {
					upper, lower := src[2*y*stride+4*x+1+2*i], src[min(2*y+1, height-1)*stride+4*x+1+2*i]
					return byte((int(upper) + int(lower) + 1) >> 1)
				},
			},
			"UYVY": {
				func(p *image.YCbCr) error { return FromUYVY(p, src, stride) },
				func(x, y int) byte { return src[y*stride+2*x+1] },
				func(i, x, y int) byte {
					upper, lower := src[2*y*stride+4*x+2*i], src[min(2*y+1, height-1)*stride+4*x+2*i]
					return byte((int(upper) + int(lower) + 1) >> 1)
				},
			},
			"NV12": {
				func(p *image.YCbCr) error { return FromNV12(p, src, stride, pairs, chromaStride) },
				func(x, y int) byte { return src[y*stride+x] },
				func(i, x, y int) byte { return pairs[y*chromaStride+2*x+i] },
			},
		} {
			p := newPicture(rng, width, height)
			before := *p
			before.Y, before.Cb, before.Cr = bytes.Clone(p.Y), bytes.Clone(p.Cb), bytes.Clone(p.Cr)
			if err := c.convert(p); err != nil {
				t.Fatal(err)
			}
			for i, v := range p.Y {
				want := before.Y[i]
				if x, y := i%p.YStride, i/p.YStride; x < width {
					want = c.luma(x, y)
				}
				if v != want {
					t.Fatalf("%s, %dx%d: luma at %d of rows of %d is %d, want %d", name, width, height, i, p.YStride, v, want)
				}
			}
			for i := range p.Cb {
				want := [2]byte{before.Cb[i], before.Cr[i]}
				if x, y := i%p.CStride, i/p.CStride; x < (width+1)/2 {
					want = [2]byte{c.chroma(0, x, y), c.chroma(1, x, y)}
				}
				if got := [2]byte{p.Cb[i], p.Cr[i]}; got != want {
					t.Fatalf("%s, %dx%d: chroma at %d of rows of %d is %d, want %d", name, width, height, i, p.CStride, got, want)
				}
			}
		}
	}
}

// exact are the definitions of the standards in floating point, with red, green, blue from 0 to 255 and the three others as coded.
type exact struct{ red, blue float64 }

var exactly = [...]exact{BT601: {0.299, 0.114}, BT709: {0.2126, 0.0722}}

func (e exact) fromRGB(r, g, b float64) (y, cb, cr float64) {
	luma := (e.red*r + (1-e.red-e.blue)*g + e.blue*b) / 255
	return 16 + 219*luma, 128 + 224*(b/255-luma)/(2*(1-e.blue)), 128 + 224*(r/255-luma)/(2*(1-e.red))
}

func (e exact) toRGB(y, cb, cr float64) [3]float64 {
	luma := (y - 16) / 219
	r := luma + 2*(1-e.red)*(cr-128)/224
	b := luma + 2*(1-e.blue)*(cb-128)/224
	g := (luma - e.red*r - e.blue*b) / (1 - e.red - e.blue)
	limited := func(v float64) float64 { return min(max(255*v, 0), 255) }
	return [3]float64{limited(r), limited(g), limited(b)}
}

// tolerance is how far a result may be from the exact one: half of it is rounding.
const tolerance = 0.6

// places are where red, green and blue are in a pixel.
var places = [...][3]int{RGB24: {0, 1, 2}, BGR24: {2, 1, 0}, RGBA: {0, 1, 2}, BGRA: {2, 1, 0}}

// cornersOr gives bytes that are all of the corner values of their kind in turn, then random ones.
func cornersOr(rng *rand.Rand, p []byte, corners []byte, trial int) {
	for i := range p {
		if all := int(math.Pow(float64(len(corners)), float64(len(p)))); trial < all {
			p[i] = corners[trial/int(math.Pow(float64(len(corners)), float64(i)))%len(corners)]
		} else {
			p[i] = byte(rng.Uint32())
		}
	}
}

func TestFromRGBIsNearTheStandard(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var worst float64
	for trial := range 3000 {
		for matrix := range BT709 + 1 {
			for order := range BGRA + 1 {
				// Four pixels, the first ones all corners of the cube or two of its faces' middles.
				var pixels [4][3]byte
				for i := range pixels {
					cornersOr(rng, pixels[i][:], []byte{0, 1, 128, 254, 255}, trial)
				}
				if trial%2 == 1 {
					pixels[1], pixels[2] = [3]byte{255, 0, 255}, [3]byte{0, 255, 1}
				}
				n := order.PixelBytes()
				src := noise(rng, 4*n)
				var mean [3]float64
				for i, p := range pixels {
					for c, at := range places[order] {
						src[n*i+at] = p[c]
						mean[c] += float64(p[c]) / 4
					}
				}
				dst := newPicture(rng, 2, 2)
				if err := FromRGB(dst, src, 2*n, order, matrix); err != nil {
					t.Fatal(err)
				}
				_, cb, cr := exactly[matrix].fromRGB(mean[0], mean[1], mean[2])
				worst = max(worst, math.Abs(float64(dst.Cb[0])-cb), math.Abs(float64(dst.Cr[0])-cr))
				for i, p := range pixels {
					y, _, _ := exactly[matrix].fromRGB(float64(p[0]), float64(p[1]), float64(p[2]))
					worst = max(worst, math.Abs(float64(dst.Y[i/2*dst.YStride+i%2])-y))
				}
				if worst > tolerance {
					t.Fatalf("%v in order %d by matrix %d is off by %v", pixels, order, matrix, worst)
				}
			}
		}
	}
	t.Logf("off by at most %.3f", worst)
}

func TestToRGBIsNearTheStandard(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var worst float64
	for trial := range 10000 {
		for matrix := range BT709 + 1 {
			for _, order := range []Order{RGBA, BGRA} {
				var p [3]byte
				cornersOr(rng, p[:], []byte{0, 1, 16, 128, 235, 240, 254, 255}, trial)
				src := &image.YCbCr{Y: p[:1], Cb: p[1:2], Cr: p[2:], YStride: 1, CStride: 1,
					SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, 1, 1)}
				var dst [4]byte
				if err := ToRGB(dst[:], 4, order, src, matrix); err != nil {
					t.Fatal(err)
				}
				for c, want := range exactly[matrix].toRGB(float64(p[0]), float64(p[1]), float64(p[2])) {
					worst = max(worst, math.Abs(float64(dst[places[order][c]])-want))
				}
				if worst > tolerance || dst[3] != 255 {
					t.Fatalf("%v to order %d by matrix %d is %v, off by %v", p, order, matrix, dst, worst)
				}
			}
		}
	}
	t.Logf("off by at most %.3f", worst)
}

// Grey has no chroma, and comes back as it was, but for the rounding to fewer steps.
func TestGrey(t *testing.T) {
	for matrix := range BT709 + 1 {
		for v := range 256 {
			p := image.NewYCbCr(image.Rect(0, 0, 1, 1), image.YCbCrSubsampleRatio420)
			pixel := []byte{byte(v), byte(v), byte(v), 0}
			if err := FromRGB(p, pixel, 4, RGBA, matrix); err != nil {
				t.Fatal(err)
			}
			if p.Cb[0] != 128 || p.Cr[0] != 128 || v == 0 && p.Y[0] != 16 || v == 255 && p.Y[0] != 235 {
				t.Errorf("grey %d by matrix %d is %d, %d, %d", v, matrix, p.Y[0], p.Cb[0], p.Cr[0])
			}
			if err := ToRGB(pixel, 4, BGRA, p, matrix); err != nil {
				t.Fatal(err)
			}
			for _, c := range pixel[:3] {
				if c != pixel[0] || math.Abs(float64(c)-float64(v)) > 1 {
					t.Errorf("grey %d by matrix %d comes back as %v", v, matrix, pixel)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	p := newPicture(rng, 5, 3)
	short := *p
	short.Cr = short.Cr[:len(short.Cr)-1]
	narrow := *p
	narrow.YStride = 4
	other := image.NewYCbCr(image.Rect(0, 0, 5, 3), image.YCbCrSubsampleRatio422)
	empty := image.NewYCbCr(image.Rect(0, 0, 5, 0), image.YCbCrSubsampleRatio420)
	huge := &image.YCbCr{SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, MaxSize+1, 1)}
	src := make([]byte, 100)
	var s Scaler
	plane := Plane{make([]byte, 4), 2, 2, 2}
	for name, c := range map[string]struct{ got, want error }{
		"short chroma":         {FromYUYV(&short, src, 12), ErrPixels},
		"near rows":            {FromYUYV(&narrow, src, 12), ErrPixels},
		"4:2:2":                {FromYUYV(other, src, 12), ErrFormat},
		"empty":                {FromYUYV(empty, src, 12), ErrSize},
		"huge":                 {FromYUYV(huge, src, 12), ErrSize},
		"short YUYV":           {FromYUYV(p, src[:35], 12), ErrPixels},
		"near YUYV":            {FromYUYV(p, src, 11), ErrPixels},
		"negative stride":      {FromUYVY(p, src, -12), ErrPixels},
		"short luma of NV12":   {FromNV12(p, src[:14], 5, src, 6), ErrPixels},
		"short chroma of NV12": {FromNV12(p, src, 5, src[:11], 6), ErrPixels},
		"near chroma of NV12":  {FromNV12(p, src, 5, src, 5), ErrPixels},
		"order":                {FromRGB(p, src, 20, BGRA+1, BT601), ErrFormat},
		"negative order":       {FromRGB(p, src, 20, -1, BT601), ErrFormat},
		"matrix":               {FromRGB(p, src, 20, RGB24, BT709+1), ErrFormat},
		"short RGB":            {FromRGB(p, src[:44], 15, RGB24, BT601), ErrPixels},
		"near RGB":             {FromRGB(p, src, 19, BGRA, BT601), ErrPixels},
		"to 3 bytes":           {ToRGB(src, 20, RGB24, p, BT601), ErrFormat},
		"to some matrix":       {ToRGB(src, 20, RGBA, p, -1), ErrFormat},
		"to short RGB":         {ToRGB(src[:59], 20, RGBA, p, BT601), ErrPixels},
		"of nothing":           {ToRGB(src, 20, RGBA, empty, BT601), ErrSize},
		"scale 4:2:2":          {s.Scale(p, other), ErrFormat},
		"scale to 4:2:2":       {s.Scale(other, p), ErrFormat},
		"scale by what":        {(&Scaler{Filter: 2}).Scale(p, p), ErrFormat},
		"plane by what":        {(&Scaler{Filter: -1}).ScalePlane(plane, plane), ErrFormat},
		"empty plane":          {s.ScalePlane(plane, Plane{}), ErrSize},
		"to an empty plane":    {s.ScalePlane(Plane{Width: 1}, plane), ErrSize},
		"short plane":          {s.ScalePlane(plane, Plane{plane.Pix[:3], 2, 2, 2}), ErrPixels},
		"nothing is wrong":     {FromYUYV(p, src[:36], 12), nil},
		"nor here":             {FromRGB(p, src[:45], 15, RGB24, BT601), nil},
		"nor here either":      {s.ScalePlane(plane, Plane{src, 7, 7, 7}), nil},
	} {
		if !errors.Is(c.got, c.want) || c.want == nil && c.got != nil {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// Pictures of a camera come 60 times a second: none may leave garbage.
func TestNothingIsAllocated(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	p, small, quarter := newPicture(rng, 64, 48), newPicture(rng, 40, 30), newPicture(rng, 16, 12)
	pixels := noise(rng, 64*48*4)
	var s [3]Scaler
	run := func() {
		err := errors.Join(FromYUYV(p, pixels, 128), FromUYVY(p, pixels, 128), FromNV12(p, pixels, 64, pixels, 64),
			FromRGB(p, pixels, 192, RGB24, BT601), FromRGB(p, pixels, 256, BGRA, BT709), ToRGB(pixels, 256, BGRA, p, BT601),
			s[0].Scale(small, p), s[1].Scale(p, small), s[2].Scale(quarter, p))
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(10, run); n > 0 {
		t.Errorf("%v allocations for each picture", n)
	}
}
