package quality

import (
	"image"
	"math"
)

// SSIM of a plane, in the order it is computed:
//
//  1. The planes are cut into 4x4 blocks from the top left; what is left over on the right and at the bottom is not looked at.
//  2. Each block gives four sums: of both planes' samples, of all squares, and of the products (blockSums).
//  3. Each 2x2 group of blocks is an 8x8 window, so windows overlap by half. Its four sums give its SSIM (windowSSIM).
//  4. The mean over the windows, but for those that touch a rectangle which does not count, is the plane's SSIM.
//
// Only two rows of blocks are held at a time.

// The two constants that keep the quotient steady where a window is dark or flat, (k*255)^2 with k = 0.01 and 0.03 as in the
// paper. The sums of a window of 64 samples are not divided by their number, so the constants are scaled instead: by 64 for a
// product of two sums, and by 64*63 for a variance made with the sample (n-1) denominator. Rounded to whole numbers.
const (
	c1 = 416    // .01*.01*255*255*64 + .5
	c2 = 235963 // .03*.03*255*255*64*63 + .5
)

// block is the side of the smallest unit that is summed, in pixels; a window is two blocks wide and high.
const block = 4

// blockSums are the sums over a 4x4 block, or over the four of a window. The largest intermediate result of a window is
// 64 * 2*64*255^2 = 532 million, which fits 32 bits.
type blockSums struct {
	a, b    int32 // of the samples of either plane
	squares int32 // of the squares of both planes
	product int32 // of the products
}

// ssimRows holds the sums of two rows of blocks, kept between frames to allocate nothing.
type ssimRows struct {
	above, below []blockSums
}

// ssim returns the mean SSIM of two planes of the same size, of the windows outside of the rectangles; NaN if there is none.
func (r *ssimRows) ssim(a, b plane, except []image.Rectangle) float64 {
	columns, rows := a.width/block, a.height/block
	if columns < 2 || rows < 2 {
		return math.NaN()
	}
	if cap(r.above) < columns {
		r.above, r.below = make([]blockSums, columns), make([]blockSums, columns)
	}
	r.above, r.below = r.above[:columns], r.below[:columns]

	sumRow(r.below, a, b, 0)
	var sum float64
	windows := 0
	var room [4]span
	for row := 1; row < rows; row++ {
		r.above, r.below = r.below, r.above
		sumRow(r.below, a, b, row*block)
		for _, s := range outside(room[:0], columns*block, (row-1)*block, (row+1)*block, except) {
			// The whole blocks in it. A window takes two.
			from, to := (s.from+block-1)/block, s.to/block
			if to-from >= 2 {
				sum += windowRow(r.above[from:to], r.below[from:to])
				windows += to - from - 1
			}
		}
	}
	return sum / float64(windows)
}

// sumRow fills dst with the sums of the row of blocks that begins at line y.
func sumRow(dst []blockSums, a, b plane, y int) {
	clear(dst)
	for line := y; line < y+block; line++ {
		rowA, rowB := a.row(line), b.row(line)
		for i := range dst {
			// Four samples by array, so that one check of the bounds serves them all.
			pa, pb := [block]byte(rowA[i*block:]), [block]byte(rowB[i*block:])
			a0, a1, a2, a3 := int32(pa[0]), int32(pa[1]), int32(pa[2]), int32(pa[3])
			b0, b1, b2, b3 := int32(pb[0]), int32(pb[1]), int32(pb[2]), int32(pb[3])
			s := &dst[i]
			s.a += a0 + a1 + a2 + a3
			s.b += b0 + b1 + b2 + b3
			s.squares += a0*a0 + a1*a1 + a2*a2 + a3*a3 + b0*b0 + b1*b1 + b2*b2 + b3*b3
			s.product += a0*b0 + a1*b1 + a2*b2 + a3*b3
		}
	}
}

// windowRow returns the sum of the SSIM of all windows between two rows of blocks.
func windowRow(above, below []blockSums) float64 {
	below = below[:len(above)]
	var sum float64
	left := add(above[0], below[0])
	for i := 1; i < len(above); i++ {
		right := add(above[i], below[i])
		sum += float64(windowSSIM(add(left, right)))
		left = right
	}
	return sum
}

func add(x, y blockSums) blockSums {
	return blockSums{x.a + y.a, x.b + y.b, x.squares + y.squares, x.product + y.product}
}

// windowSSIM is the SSIM of one window: luminance term times structure term. Floats are 32 bits wide, as in ffmpeg; each
// conversion also keeps the compiler from fusing a product and a sum, so the result is the same on every machine.
func windowSSIM(s blockSums) float32 {
	variances := s.squares*64 - s.a*s.a - s.b*s.b
	covariance := s.product*64 - s.a*s.b
	luminance := float32(2*s.a*s.b + c1)
	structure := float32(2*covariance + c2)
	return float32(luminance*structure) / float32(float32(s.a*s.a+s.b*s.b+c1)*float32(variances+c2))
}
