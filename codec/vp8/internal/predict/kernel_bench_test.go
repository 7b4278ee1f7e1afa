package predict

import (
	"fmt"
	"testing"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

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

// BenchmarkInter predicts with two fractions of six taps, the dearest, of one, and with none; and with two of the bilinear filter.
func BenchmarkInter(b *testing.B) {
	ref := &benchmarkPicture().Y
	var dst [256]byte
	const x, y = 8, 8
	for _, n := range []int{16, 8, 4} {
		for _, c := range []struct {
			name   string
			filter *Filter
			fx, fy int
		}{{"both", &SixTap, 2, 2}, {"rows", &SixTap, 2, 0}, {"columns", &SixTap, 0, 2}, {"bilinear", &Bilinear, 2, 2}, {"copy", &SixTap, 0, 0}} {
			kerneltest.Compare(b, fmt.Sprintf("%dx%d/%s", n, n, c.name), n*n,
				func() { c.filter.interpolateGo(dst[:], 16, ref.Pix, ref.At(x, y), ref.Stride, n, n, c.fx, c.fy) },
				func() { c.filter.Inter(dst[:], 16, ref, x*8+c.fx, y*8+c.fy, n, n) })
		}
	}
}

// BenchmarkHalfPixels makes four predictions.
func BenchmarkHalfPixels(b *testing.B) {
	ref := &benchmarkPicture().Y
	const x, y = 20, 20
	var out [4 * 256]byte
	kerneltest.Compare(b, "16x16", len(out), func() {
		for i, p := range halfPixelPlaces {
			at := ref.At(x+p.x-1, y+p.y-1)
			SixTap.interpolateGo(out[i*256:], maxBlock, ref.Pix, at, ref.Stride, maxBlock, maxBlock, p.fx, p.fy)
		}
	}, func() { SixTap.HalfPixels(&out, ref, x, y) })
}

// BenchmarkInterMacroblock predicts whole macroblocks: moved by fractions, and not at all.
func BenchmarkInterMacroblock(b *testing.B) {
	ref := benchmarkPicture()
	var y [256]byte
	var u, v [64]byte
	for _, c := range []struct {
		name string
		mv   mode.MV
	}{{"moved", mode.MV{X: 1, Y: 1}}, {"copy", mode.MV{}}} {
		fx, fy := int(c.mv.X), int(c.mv.Y)
		plain := func(dst []byte, stride int, from *picture.Plane, at, n, fx, fy int) {
			SixTap.interpolateGo(dst, stride, from.Pix, from.At(at, at), from.Stride, n, n, fx, fy)
		}
		kerneltest.Compare(b, c.name, len(y)+len(u)+len(v), func() {
			plain(y[:], 16, &ref.Y, 16, 16, 2*fx, 2*fy)
			plain(u[:], 8, &ref.U, 8, 8, fx, fy)
			plain(v[:], 8, &ref.V, 8, 8, fx, fy)
		}, func() { SixTap.InterMacroblock(y[:], u[:], v[:], 16, 8, ref, c.mv, 1, 1, false) })
	}
}

func BenchmarkIntra4x4All(b *testing.B) {
	e := Edge{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130}
	var out [entropy.NumBModes][16]byte
	kerneltest.Compare(b, "4x4", len(out)*len(out[0]), func() { intra4x4AllGo(&out, &e) }, func() { Intra4x4All(&out, &e) })
}

func BenchmarkIntra(b *testing.B) {
	const at, stride = 41, 40
	pix := make([]byte, 40*40)
	var dst [256]byte
	for _, size := range []int{16, 8} {
		for _, mode := range intraModes {
			kerneltest.Compare(b, fmt.Sprintf("%dx%d/%s", size, size, intraNames[mode]), size*size,
				func() { intraGo(dst[:], size, pix, at, stride, size, mode, true, true) },
				func() { Intra(dst[:], size, pix, at, stride, size, mode, true, true) })
		}
	}
}

var intraNames = map[uint8]string{entropy.DCPred: "DC", entropy.VPred: "V", entropy.HPred: "H", entropy.TMPred: "TM"}
