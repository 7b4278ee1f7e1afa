package v4l2

import (
	"errors"
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// scene is a picture of 4:4:4 from which formats are made: chroma is the same for four pixels, so that nothing is lost.
func scene(width, height int) func(x, y int) colour {
	return func(x, y int) colour {
		return colour{byte(17*x + 31*y), byte(40 + 5*(x/2) + 11*(y/2)), byte(200 - 7*(x/2) + 3*(y/2))}
	}
}

// colour is one of Y, Cb and Cr.
type colour [3]byte

// pack makes the memory of a camera in a format.
func pack(l layout, of func(x, y int) colour) []byte {
	size := l.stride * l.height
	out := make([]byte, size, 2*size)
	chroma := func(component int, out []byte, stride, step int) {
		for y := 0; y < l.height; y += 2 {
			for x := 0; x < l.width; x += 2 {
				out[y/2*stride+x/2*step] = of(x, y)[component]
			}
		}
	}
	for y := range l.height {
		for x := range l.width {
			switch c := of(x, y); l.format {
			case YUYV:
				out[y*l.stride+2*x], out[y*l.stride+2*x+1] = c[0], c[1+x%2]
			case UYVY:
				out[y*l.stride+2*x+1], out[y*l.stride+2*x] = c[0], c[1+x%2]
			default:
				out[y*l.stride+x] = c[0]
			}
		}
	}
	switch half := size / 4; l.format {
	case NV12:
		out = out[:size+2*half]
		chroma(1, out[size:], l.stride, 2)
		chroma(2, out[size+1:], l.stride, 2)
	case YU12:
		out = out[:size+2*half]
		chroma(1, out[size:], l.stride/2, 1)
		chroma(2, out[size+half:], l.stride/2, 1)
	case YV12:
		out = out[:size+2*half]
		chroma(2, out[size:], l.stride/2, 1)
		chroma(1, out[size+half:], l.stride/2, 1)
	}
	return out
}

// strideOf is that of a format's rows, with some more.
func strideOf(format Format, width, more int) int {
	if format == YUYV || format == UYVY {
		return 2*width + more
	}
	return width + more
}

func TestFill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := layout{
			format: rapid.SampledFrom(preferred[:rank(MJPEG)]).Draw(t, "format"),
			width:  2 * rapid.IntRange(1, 50).Draw(t, "half width"), height: 2 * rapid.IntRange(1, 20).Draw(t, "half height"),
			fullRange: rapid.Bool().Draw(t, "full range"),
		}
		l.stride = strideOf(l.format, l.width, 2*rapid.IntRange(0, 20).Draw(t, "more"))
		of := scene(l.width, l.height)
		data := pack(l, of)
		p := image.NewYCbCr(image.Rect(0, 0, l.width, l.height), image.YCbCrSubsampleRatio420)
		if err := l.fill(p, data); err != nil {
			t.Fatal(err)
		}
		for y := range l.height {
			for x := range l.width {
				want := of(x, y)
				if l.fullRange {
					want = colour{limitLuma[want[0]], limitChroma[want[1]], limitChroma[want[2]]}
				}
				if got := (colour{p.Y[p.YOffset(x, y)], p.Cb[p.COffset(x, y)], p.Cr[p.COffset(x, y)]}); got != want {
					t.Fatalf("at %d,%d: %v, want %v", x, y, got, want)
				}
			}
		}
		if short := rapid.IntRange(0, len(data)/2).Draw(t, "length"); l.fill(p, data[:short]) == nil {
			t.Fatalf("%d of %d bytes are enough", short, len(data))
		}
	})
}

func TestFillOfUnknownFormat(t *testing.T) {
	p := image.NewYCbCr(image.Rect(0, 0, 16, 16), image.YCbCrSubsampleRatio420)
	if err := (layout{format: 5, width: 16, height: 16}).fill(p, make([]byte, 4096)); !errors.Is(err, ErrPicture) {
		t.Errorf("%v", err)
	}
}

func TestLimitedRange(t *testing.T) {
	for i := range 256 {
		luma, chroma := 16+float64(i)*219/255, 128+(float64(i)-128)*224/255
		if math.Abs(float64(limitLuma[i])-luma) > 0.5 || math.Abs(float64(limitChroma[i])-chroma) > 0.5 {
			t.Errorf("%d becomes %d and %d, want %.2f and %.2f", i, limitLuma[i], limitChroma[i], luma, chroma)
		}
	}
	if limitLuma[0] != 16 || limitLuma[255] != 235 || limitChroma[128] != 128 {
		t.Error("black, white or grey has moved")
	}
}

func BenchmarkFill(b *testing.B) {
	for _, format := range preferred[:rank(MJPEG)] {
		for _, full := range []bool{false, true} {
			name := format.String()
			if full {
				name += "-full-range"
			}
			b.Run(name, func(b *testing.B) {
				l := layout{format: format, width: 1280, height: 720, stride: strideOf(format, 1280, 0), fullRange: full}
				data := pack(l, scene(l.width, l.height))
				p := image.NewYCbCr(image.Rect(0, 0, l.width, l.height), image.YCbCrSubsampleRatio420)
				b.ReportAllocs()
				for b.Loop() {
					if err := l.fill(p, data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
