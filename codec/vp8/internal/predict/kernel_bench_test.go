package predict

import (
	"fmt"
	"testing"

	"salsify/codec/internal/simd"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// benchmark runs plain Go and, at each level of vector instructions that there is, what uses kernels. Each makes so many pixels.
func benchmark(b *testing.B, pixels int, plain, kernel func()) {
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(pixels))
			for b.Loop() {
				f()
			}
		})
	}
	run("go", plain)
	has := simd.Has
	defer func() { simd.Has = has }()
	for l := range has {
		if level := simd.Level(l); has[level] {
			for above := range has {
				simd.Has[above] = has[above] && simd.Level(above) <= level
			}
			run(level.String(), kernel)
		}
	}
}

// benchmarkPicture is a picture with something in it.
func benchmarkPicture() *picture.Picture {
	pic := picture.NewPool(64, 64).Get()
	for _, pix := range [][]byte{pic.Y.Pix, pic.U.Pix, pic.V.Pix} {
		for i := range pix {
			pix[i] = byte(i * i >> 4)
		}
	}
	return pic
}

// BenchmarkInter predicts with two fractions of six taps, the dearest, of one, of four taps, and with none.
func BenchmarkInter(b *testing.B) {
	ref := &benchmarkPicture().Y
	var dst [256]byte
	const x, y = 8, 8
	for _, size := range sizes[:5] {
		w, h := size[0], size[1]
		for _, frac := range [][2]int{{2, 2}, {2, 0}, {0, 2}, {1, 1}, {0, 0}} {
			fx, fy := frac[0], frac[1]
			b.Run(fmt.Sprintf("%dx%d/%d,%d", w, h, fx, fy), func(b *testing.B) {
				benchmark(b, w*h,
					func() { SixTap.interpolateGo(dst[:], 16, ref.Pix, ref.At(x, y), ref.Stride, w, h, fx, fy) },
					func() { SixTap.Inter(dst[:], 16, ref, x*8+fx, y*8+fy, w, h) })
			})
		}
	}
}

// BenchmarkHalfPixels has in the place of plain Go four predictions one by one.
func BenchmarkHalfPixels(b *testing.B) {
	ref := &benchmarkPicture().Y
	var out [4 * 256]byte
	benchmark(b, 4*256, func() { SixTap.halfPixelsGo(&out, ref, 20, 20) }, func() { SixTap.HalfPixels(&out, ref, 20, 20) })
}

// BenchmarkInterMacroblock predicts whole macroblocks: moved by fractions, and not at all. In the place of plain Go is each plane
// on its own.
func BenchmarkInterMacroblock(b *testing.B) {
	ref := benchmarkPicture()
	var y [256]byte
	var u, v [64]byte
	for _, mv := range []mode.MV{{X: 1, Y: 1}, {}} {
		b.Run(fmt.Sprintf("%d,%d", mv.X, mv.Y), func(b *testing.B) {
			x8, y8 := 64+int(mv.X), 64+int(mv.Y)
			benchmark(b, len(y)+len(u)+len(v), func() {
				SixTap.Inter(y[:], 16, &ref.Y, 2*x8, 2*y8, 16, 16)
				SixTap.Inter(u[:], 8, &ref.U, x8, y8, 8, 8)
				SixTap.Inter(v[:], 8, &ref.V, x8, y8, 8, 8)
			}, func() { SixTap.InterMacroblock(y[:], u[:], v[:], 16, 8, ref, mv, 1, 1, false) })
		})
	}
}

func BenchmarkIntra4x4All(b *testing.B) {
	e := Edge{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130}
	var out [entropy.NumBModes][16]byte
	benchmark(b, len(out)*len(out[0]), func() { intra4x4AllGo(&out, &e) }, func() { Intra4x4All(&out, &e) })
}

func BenchmarkIntra(b *testing.B) {
	const at, stride = 41, 40
	pix := make([]byte, 40*40)
	var dst [256]byte
	for _, size := range []int{16, 8} {
		for _, mode := range intraModes {
			b.Run(fmt.Sprintf("%dx%d/%d", size, size, mode), func(b *testing.B) {
				benchmark(b, size*size,
					func() { intraGo(dst[:], size, pix, at, stride, size, mode, true, true) },
					func() { Intra(dst[:], size, pix, at, stride, size, mode, true, true) })
			})
		}
	}
}
