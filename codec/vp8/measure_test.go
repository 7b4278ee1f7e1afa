package vp8

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/picture"
)

// TestCompare: what is measured in stretches of rows is what each window by itself gives, to the last bit.
func TestCompare(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range [][2]int{{1, 1}, {7, 40}, {40, 7}, {8, 8}, {17, 33}, {511, 9}, {512, 16}, {513, 16}, {1100, 20}} {
		width, height := size[0], size[1]
		pool := picture.NewPool(width, height)
		a, b := pool.Get(), pool.Get()
		for i := range a.Y.Pix {
			a.Y.Pix[i] = byte(rng.Uint32())
			b.Y.Pix[i] = a.Y.Pix[i] ^ byte(rng.Uint32()&rng.Uint32()&rng.Uint32())
		}
		var wantErr uint64
		var sum float64
		windows := 0
		for y := 0; y < height; y += 8 {
			for x := 0; x < width; x += 8 {
				w, h := min(8, width-x), min(8, height-y)
				var s [1]float64
				at := a.Y.At(x, y)
				wantErr += uint64(distortion.SSIMs(s[:], a.Y.Pix[at:], a.Y.Stride, b.Y.Pix[at:], b.Y.Stride, w, h))
				if (w == 8 || width < 8) && (h == 8 || height < 8) {
					sum += s[0]
					windows++
				}
			}
		}
		squaredErr, ssim := compare(a, b, width, height)
		if want := sum / float64(windows); squaredErr != wantErr || ssim != want {
			t.Errorf("%dx%d: squared error %d and SSIM %v, want %d and %v", width, height, squaredErr, ssim, wantErr, want)
		}
	}
}

// TestLog2: whole numbers at powers of two, and in between a line.
func TestLog2(t *testing.T) {
	for v, want := range map[int]int{1: 0, 2: 16, 3: 24, 4: 32, 5: 36, 7: 44, 1 << 28: 28 * 16, 1<<28 - 1: 28*16 - 1, 3 << 40: 41*16 + 8} {
		if got := log2(v); got != want {
			t.Errorf("log2(%d) is %d/16, want %d/16", v, got, want)
		}
	}
}
