package quality

import (
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Windows that touch a rectangle do not count, nor do pixels in one: compared with a mean over all others, one by one.
func TestAddExcept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 40).Draw(t, "width"), rapid.IntRange(1, 40).Draw(t, "height")
		a := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		b := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		copy(a.Y, rapid.SliceOfN(rapid.Byte(), width*height, width*height).Draw(t, "a"))
		copy(b.Y, rapid.SliceOfN(rapid.Byte(), width*height, width*height).Draw(t, "b"))
		var except []image.Rectangle
		for range rapid.IntRange(0, 3).Draw(t, "rectangles") {
			x, y := rapid.IntRange(-5, 45).Draw(t, "x"), rapid.IntRange(-5, 45).Draw(t, "y")
			except = append(except, image.Rect(x, y, x+rapid.IntRange(0, 20).Draw(t, "w"), y+rapid.IntRange(0, 20).Draw(t, "h")))
		}
		touches := func(r image.Rectangle) bool {
			for _, e := range except {
				if e.Overlaps(r) {
					return true
				}
			}
			return false
		}
		var ssim, squares, windows, pixels float64
		for y := range height {
			for x := range width {
				if !touches(image.Rect(x, y, x+1, y+1)) {
					d := float64(a.Y[y*width+x]) - float64(b.Y[y*width+x])
					squares, pixels = squares+d*d, pixels+1
				}
				window := image.Rect(x, y, x+8, y+8)
				if x%4 == 0 && y%4 == 0 && window.In(a.Rect) && !touches(window) {
					var one Meter
					score, err := one.Add(a.SubImage(window).(*image.YCbCr), b.SubImage(window).(*image.YCbCr))
					if err != nil {
						t.Fatal(err)
					}
					ssim, windows = ssim+score.SSIM, windows+1
				}
			}
		}
		var m Meter
		got, err := m.AddExcept(a, b, except)
		if err != nil {
			t.Fatal(err)
		}
		same := func(got, sum, count float64) bool {
			return count == 0 && math.IsNaN(got) || count > 0 && math.Abs(got-sum/count) < 1e-9*max(1, sum/count)
		}
		if !same(got.SSIM, ssim, windows) || !same(got.MSE, squares, pixels) {
			t.Fatalf("%+v without %v, want SSIM %v and MSE %v", got, except, ssim/windows, squares/pixels)
		}
	})
}
