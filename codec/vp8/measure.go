package vp8

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/picture"
)

// compare gives the squared error and the mean SSIM of the visible luma. The SSIM is an estimate in that its 8x8 windows do not
// overlap and those that the picture cuts off are left out; a picture smaller than a window counts as a window.
func compare(a, b *picture.Picture, width, height int) (squaredErr uint64, ssim float64) {
	var sum float64
	windows := 0
	var row [32]float64 // SSIMs: rows are measured in stretches of that many windows
	for y := 0; y < height; y += 8 {
		h := min(8, height-y)
		for x := 0; x < width; x += 8 * len(row) {
			w := min(8*len(row), width-x)
			nx, ny := x+8*len(row), y
			if nx >= width {
				nx, ny = 0, y+8
			}
			if ny+8 <= height {
				for i := nx; i < min(nx+8*len(row), width); i += 64 {
					a.Y.Prefetch(i, ny, 8)
					b.Y.Prefetch(i, ny, 8)
				}
			}
			squaredErr += uint64(distortion.SSIMs(row[:], a.Y.Pix[a.Y.At(x, y):], a.Y.Stride, b.Y.Pix[b.Y.At(x, y):], b.Y.Stride, w, h))
			if h < 8 && height > 8 {
				continue
			}
			whole := row[:w/8]
			if width < 8 {
				whole = row[:1]
			}
			for _, s := range whole {
				sum += s
			}
			windows += len(whole)
		}
	}
	return squaredErr, sum / float64(windows)
}
