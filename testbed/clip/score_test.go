package clip

import (
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"salsify/codec/convert"
	"salsify/testbed/quality"
)

// What happens to the codes does not count; anything else does.
func TestCompareLeavesOutCodes(t *testing.T) {
	v := open(t, Config{Source: "test:", Width: 640, Height: 360})
	a, b := v.NewPicture(), v.NewPicture()
	v.Picture(10, a)
	v.Picture(10, b)
	stamp(b, 0xFFFF_FFFF)
	var c Comparer
	if s, err := c.Compare(a, b); err != nil || s.SSIM != 1 || s.MSE != 0 {
		t.Errorf("with other codes: %+v, %v", s, err)
	}
	b.Y[b.YOffset(200, 5)] ^= 0x40
	s, err := c.Compare(a, b)
	// One pixel off by 64, of all that are not in codes of 160x24.
	if want := 64. * 64 / (640*360 - 2*160*24); err != nil || s.SSIM >= 1 || math.Abs(s.MSE-want) > 1e-9 {
		t.Errorf("with another pixel: %+v, %v; want an MSE of %v", s, err, want)
	}
}

func TestCompareSizes(t *testing.T) {
	v := open(t, Config{Source: "test:", Width: 640, Height: 360})
	a := v.NewPicture()
	v.Picture(10, a)
	var c Comparer
	for _, size := range []image.Point{{320, 180}, {480, 270}, {960, 540}, {641, 359}} {
		// Scaled there and back.
		b := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
		if err := (&convert.Scaler{Filter: convert.Bilinear}).ScalePlane(luma(b), luma(a)); err != nil {
			t.Fatal(err)
		}
		score, err := c.Compare(a, b)
		t.Logf("%v: SSIM %.4f, PSNR %.2f dB", size, score.SSIM, score.PSNR())
		if err != nil || !(score.SSIM > 0.7) {
			t.Errorf("%v: %+v, %v", size, score, err)
		}
	}
	if _, err := c.Compare(a, &image.YCbCr{SubsampleRatio: image.YCbCrSubsampleRatio420}); !errors.Is(err, quality.ErrMismatch) {
		t.Errorf("an empty picture: %v", err)
	}
}

func randomPicture(width, height int) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	random := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	for i := range p.Y {
		p.Y[i] = byte(random.Uint32())
	}
	return p
}

func BenchmarkCompare(b *testing.B) {
	v := open(b, Config{Source: "test:", Width: 1280, Height: 720})
	original := v.NewPicture()
	v.Picture(1, original)
	for name, size := range map[string]image.Point{"same": {1280, 720}, "scaled": {640, 360}} {
		b.Run(name, func(b *testing.B) {
			seen := randomPicture(size.X, size.Y)
			var c Comparer
			for b.Loop() {
				if _, err := c.Compare(original, seen); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
