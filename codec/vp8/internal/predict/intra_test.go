package predict

import (
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/picture"
)

// The tests of intra prediction compare with formulas for each pixel, written from RFC 6386, section 12, and not from the code.
// p(x, y) is the pixel at column x and row y of the block; -1 is the column to its left and the row above.

// A surround has a block in the middle of random pixels.
const (
	stride = 40
	origin = 5*stride + 6 // of the block
)

func drawSurround(t *rapid.T) []byte {
	// Few different values, so that sums and differences reach their extremes.
	pixel := rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 1, 254, 255}))
	return rapid.SliceOfN(pixel, 25*stride, 25*stride).Draw(t, "pixels")
}

func clamped(v int) byte { return byte(min(max(v, 0), 255)) }

func TestIntra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pix := drawSurround(t)
		p := func(x, y int) int { return int(pix[origin+y*stride+x]) }
		size := rapid.SampledFrom([]int{8, 16}).Draw(t, "size")
		hasAbove, hasLeft := rapid.Bool().Draw(t, "above"), rapid.Bool().Draw(t, "left")

		dc, n := 0, 0
		for i := range size {
			if hasAbove {
				dc, n = dc+p(i, -1), n+1
			}
			if hasLeft {
				dc, n = dc+p(-1, i), n+1
			}
		}
		if n == 0 {
			dc = 128
		} else {
			dc = (dc + n/2) / n
		}
		for mode, want := range map[uint8]func(x, y int) int{
			entropy.DCPred: func(x, y int) int { return dc },
			entropy.VPred:  func(x, y int) int { return p(x, -1) },
			entropy.HPred:  func(x, y int) int { return p(-1, y) },
			entropy.TMPred: func(x, y int) int { return p(-1, y) + p(x, -1) - p(-1, -1) },
		} {
			out := make([]byte, 20*stride)
			Intra(out, stride, pix, origin, stride, size, mode, hasAbove, hasLeft)
			for i, v := range out {
				x, y := i%stride, i/stride
				if x >= size || y >= size {
					if v != 0 {
						t.Fatalf("mode %d: pixel %d,%d outside the block was written", mode, x, y)
					}
				} else if v != clamped(want(x, y)) {
					t.Fatalf("mode %d: pixel %d,%d is %d, want %d", mode, x, y, v, clamped(want(x, y)))
				}
			}
		}
	})
}

// TestIntraInPlace: the codec predicts into the picture that it predicts from.
func TestIntraInPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pix := drawSurround(t)
		for mode := uint8(entropy.DCPred); mode <= entropy.TMPred; mode++ {
			apart := make([]byte, 16*stride)
			Intra(apart, stride, pix, origin, stride, 16, mode, true, true)
			inPlace := append([]byte(nil), pix...)
			Intra(inPlace[origin:], stride, inPlace, origin, stride, 16, mode, true, true)
			for y := range 16 {
				for x := range 16 {
					if inPlace[origin+y*stride+x] != apart[y*stride+x] {
						t.Fatalf("mode %d: pixel %d,%d differs in place", mode, x, y)
					}
				}
			}
		}
	})
}

// blockModes gives each mode of 4x4 blocks as a formula for the pixel at x, y. The diagonal ones follow lines of pixels along
// the edge, as in H.264, from which they come; where VP8 differs it says so.
func blockModes(p func(x, y int) int) map[uint8]func(x, y int) int {
	avg2 := func(a, b int) int { return (a + b + 1) >> 1 }
	avg3 := func(a, b, c int) int { return (a + 2*b + c + 2) >> 2 }
	above := func(x int) int { return p(min(x, 7), -1) } // -1 is the corner; the last pixel goes on
	left := func(y int) int { return p(-1, min(y, 3)) }  // -1 is the corner; the last pixel goes on
	corner := avg3(left(0), above(-1), above(0))         // where the two edges meet
	above3 := func(x int) int { return avg3(above(x-1), above(x), above(x+1)) }
	left3 := func(y int) int { return avg3(left(y-1), left(y), left(y+1)) }
	dc := 4
	for i := range 4 {
		dc += above(i) + left(i)
	}
	return map[uint8]func(x, y int) int{
		entropy.BDCPred: func(x, y int) int { return dc >> 3 },
		entropy.BTMPred: func(x, y int) int { return int(clamped(left(y) + above(x) - above(-1))) },
		entropy.BVEPred: func(x, y int) int { return above3(x) },
		entropy.BHEPred: func(x, y int) int { return left3(y) },
		entropy.BLDPred: func(x, y int) int { return above3(x + y + 1) },
		entropy.BRDPred: func(x, y int) int {
			switch {
			case x > y:
				return above3(x - y - 1)
			case x < y:
				return left3(y - x - 1)
			}
			return corner
		},
		entropy.BVRPred: func(x, y int) int {
			switch z := 2*x - y; {
			case z < -1:
				return left3(y - 2)
			case z == -1:
				return corner
			case z%2 == 0:
				return avg2(above(x-y/2-1), above(x-y/2))
			}
			return above3(x - y/2 - 1)
		},
		entropy.BVLPred: func(x, y int) int {
			switch {
			case x == 3 && y >= 2: // VP8's own
				return above3(y + 3)
			case y%2 == 0:
				return avg2(above(x+y/2), above(x+y/2+1))
			}
			return above3(x + y/2 + 1)
		},
		entropy.BHDPred: func(x, y int) int {
			switch z := 2*y - x; {
			case z < -1:
				return above3(x - 2)
			case z == -1:
				return corner
			case z%2 == 0:
				return avg2(left(y-x/2-1), left(y-x/2))
			}
			return left3(y - x/2 - 1)
		},
		entropy.BHUPred: func(x, y int) int {
			if z := x + 2*y; z%2 == 0 {
				return avg2(left(y+x/2), left(y+x/2+1))
			}
			return left3(y + x/2 + 1)
		},
	}
}

func TestIntra4x4(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pix := drawSurround(t)
		aboveRight := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "above right")
		var e Edge
		e.Gather(pix, origin, stride, aboveRight)
		modes := blockModes(func(x, y int) int {
			if x > 3 {
				return int(aboveRight[x-4])
			}
			return int(pix[origin+y*stride+x])
		})
		if len(modes) != entropy.NumBModes {
			t.Fatalf("%d formulas for %d modes", len(modes), entropy.NumBModes)
		}
		for mode, want := range modes {
			out := make([]byte, 6*stride)
			Intra4x4(out, stride, &e, mode)
			for i, v := range out {
				x, y := i%stride, i/stride
				if x > 3 || y > 3 {
					if v != 0 {
						t.Fatalf("mode %d: pixel %d,%d outside the block was written", mode, x, y)
					}
				} else if int(v) != want(x, y) {
					t.Fatalf("mode %d: pixel %d,%d is %d, want %d", mode, x, y, v, want(x, y))
				}
			}
		}
	})
}

// TestAboveRight: within a picture the pixels above and to the right are those of the row above; beyond its right edge the last
// pixel of that row goes on, and above the picture they are 127.
func TestAboveRight(t *testing.T) {
	pic := picture.NewPool(48, 48).Get()
	y := &pic.Y
	for i := range y.Pix {
		y.Pix[i] = byte(i*7 + i>>8)
	}
	pic.IntraEdge()
	for row := range 3 {
		for col := range 3 {
			got := AboveRight(y, col, row)
			for i, v := range got {
				want := y.Pix[y.At(min(col*16+16+i, 47), row*16-1)]
				if row == 0 {
					want = 127
				}
				if v != want {
					t.Errorf("macroblock %d,%d: pixel %d is %d, want %d", col, row, i, v, want)
				}
			}
		}
	}
}
