package vp8

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/picture"
)

// Constants of SSIM for 8-bit pixels (Wang et al., 2004): (0.01*255)^2 and (0.03*255)^2, times 64^2 for sums over 8x8 pixels.
const (
	ssimC1 = 26634  // 6.5025 * 4096
	ssimC2 = 239708 // 58.5225 * 4096
)

// compare gives the squared error and the mean SSIM of the visible luma. The SSIM is an estimate in that its 8x8 windows do not
// overlap and those that the picture cuts off are left out; a picture smaller than a window counts as a window.
func compare(a, b *picture.Picture, width, height int) (squaredErr uint64, ssim float64) {
	var sum float64
	windows := 0
	for y := 0; y < height; y += 8 {
		for x := 0; x < width; x += 8 {
			w, h := min(8, width-x), min(8, height-y)
			sse, s := compareBlock(a.Y.Pix[a.Y.At(x, y):], b.Y.Pix[b.Y.At(x, y):], a.Y.Stride, w, h)
			squaredErr += uint64(sse)
			if (w == 8 || width < 8) && (h == 8 || height < 8) {
				sum += s
				windows++
			}
		}
	}
	return squaredErr, sum / float64(windows)
}

func compareBlock(a, b []byte, stride, w, h int) (sse int, ssim float64) {
	sa, sb, saa, sbb, sab := distortion.JointMoments(a, stride, b, stride, w, h)
	n := w * h
	varA, varB, cov := n*saa-sa*sa, n*sbb-sb*sb, n*sab-sa*sb
	c1, c2 := ssimC1*n*n/4096, ssimC2*n*n/4096
	num := float64(2*sa*sb+c1) * float64(2*cov+c2)
	den := float64(sa*sa+sb*sb+c1) * float64(varA+varB+c2)
	return saa + sbb - 2*sab, num / den
}
