package predict

import (
	"fmt"
	"testing"
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
