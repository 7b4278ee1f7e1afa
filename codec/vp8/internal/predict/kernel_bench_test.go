package predict

import (
	"fmt"
	"testing"

	"salsify/codec/vp8/internal/entropy"
)

// BenchmarkInterpolation predicts with two fractions of six taps, the dearest, of four, and with none.
func BenchmarkInterpolation(b *testing.B) {
	src := make([]byte, 64*64)
	for i := range src {
		src[i] = byte(i * i >> 4)
	}
	var dst [16 * 16]byte
	const at, stride = 8*64 + 8, 64
	for _, size := range sizes[:5] {
		w, h := size[0], size[1]
		for _, frac := range [][2]int{{2, 2}, {2, 0}, {0, 2}, {1, 1}, {0, 0}} {
			fx, fy := frac[0], frac[1]
			name := fmt.Sprintf("%dx%d/%d,%d", w, h, fx, fy)
			b.Run(name+"/kernel", func(b *testing.B) {
				for b.Loop() {
					SixTap.interpolate(dst[:], 16, src, at, stride, w, h, fx, fy)
				}
			})
			b.Run(name+"/plain", func(b *testing.B) {
				for b.Loop() {
					SixTap.interpolateGo(dst[:], 16, src, at, stride, w, h, fx, fy)
				}
			})
		}
	}
}

func BenchmarkIntra4x4All(b *testing.B) {
	e := Edge{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130}
	var out [entropy.NumBModes][16]byte
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			Intra4x4All(&out, &e)
		}
	})
	b.Run("each", func(b *testing.B) {
		for b.Loop() {
			for mode := range out {
				Intra4x4(out[mode][:], 4, &e, uint8(mode))
			}
		}
	})
}

func BenchmarkTrueMotion(b *testing.B) {
	pix := make([]byte, 40*40)
	var dst [256]byte
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			trueMotion(dst[:], 16, pix, 41, 40, 16)
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			trueMotionGo(dst[:], 16, pix, 41, 40, 16)
		}
	})
}
