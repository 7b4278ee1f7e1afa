package predict

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// Blocks that are predicted, and some that no kernel does.
var sizes = [][2]int{{16, 16}, {16, 8}, {8, 16}, {8, 8}, {4, 4}, {8, 4}, {4, 8}, {16, 3}, {12, 4}, {5, 7}}

const (
	maxGap   = 40
	maxBytes = 1 << 14
	trials   = 20000
)

func TestInterpolationKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	srcs, dsts := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		fx, fy := rng.IntN(8)*rng.IntN(2), rng.IntN(8)*rng.IntN(2)
		filter := []*Filter{&SixTap, &Bilinear}[rng.IntN(2)]
		// The source has nothing but what the filter reaches.
		left, above, cols, rows := 0, 0, w, h
		if fx != 0 {
			left, cols = reachBefore, w+reachBefore+reachAfter
		}
		if fy != 0 {
			above, rows = reachBefore, h+reachBefore+reachAfter
		}
		src, dst := srcs.Block(cols, rows, maxGap), dsts.Block(w, h, maxGap)
		at := above*src.Stride + left
		want := bytes.Clone(dst.Pix)
		filter.interpolateGo(want, dst.Stride, src.Pix, at, src.Stride, w, h, fx, fy)
		filter.interpolate(dst.Pix, dst.Stride, src.Pix, at, src.Stride, w, h, fx, fy)
		if !bytes.Equal(dst.Pix, want) {
			t.Fatalf("%dx%d at (%d/8, %d/8), bilinear %v: differs", w, h, fx, fy, filter == &Bilinear)
		}
	}
}

// reachPlane is a plane of nothing but what the filter reaches of a w x h block at (x, y) and at fractions beyond it. It begins at
// pix[0].
func reachPlane(pix []byte, stride, w, h int) (plane picture.Plane, x, y int) {
	const near = reachBefore - picture.Border // the first place whose reach is within the border
	const far = near + reachAfter - picture.Border
	return picture.Plane{Pix: pix, Origin: picture.Border * (stride + 1), Stride: stride, Width: w + far, Height: h + far}, near, near
}

// TestInterKernels predicts from planes of which there is nothing but what the filter reaches.
func TestInterKernels(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 7))
		srcs, others := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		dsts, dstsV := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		for range trials {
			size := sizes[rng.IntN(len(sizes))]
			w, h := size[0], size[1]
			fx, fy := rng.IntN(8)*rng.IntN(2), rng.IntN(8)*rng.IntN(2)
			filter := []*Filter{&SixTap, &Bilinear}[rng.IntN(2)]
			src, dst := srcs.Block(w+reachBefore+reachAfter, h+reachBefore+reachAfter, maxGap), dsts.Block(w, h, maxGap)
			plane, x, y := reachPlane(src.Pix, src.Stride, w, h)
			want := bytes.Clone(dst.Pix)
			filter.interpolateGo(want, dst.Stride, src.Pix, plane.At(x, y), src.Stride, w, h, fx, fy)
			if rng.IntN(2) == 0 || w != h {
				filter.Inter(dst.Pix, dst.Stride, &plane, x*8+fx, y*8+fy, w, h)
			} else {
				other := plane
				other.Pix = others.Bytes(len(src.Pix))
				dstV := dstsV.Bytes(len(dst.Pix))
				wantV := bytes.Clone(dstV)
				filter.interpolateGo(wantV, dst.Stride, other.Pix, plane.At(x, y), src.Stride, w, h, fx, fy)
				filter.InterUV(dst.Pix, dstV, dst.Stride, &picture.Picture{U: plane, V: other}, x*8+fx, y*8+fy, w)
				if !bytes.Equal(dstV, wantV) {
					t.Fatalf("%dx%d of V at (%d/8, %d/8), bilinear %v: differs", w, h, fx, fy, filter == &Bilinear)
				}
			}
			if !bytes.Equal(dst.Pix, want) {
				t.Fatalf("%dx%d at (%d/8, %d/8), bilinear %v: differs", w, h, fx, fy, filter == &Bilinear)
			}
		}
	})
}

// TestCopyMacroblock predicts a macroblock that has not moved, from planes of which there is nothing else.
func TestCopyMacroblock(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 9))
		var srcs, dsts [3]*kerneltest.Memory
		for i := range srcs {
			srcs[i], dsts[i] = kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		}
		for range trials / 10 {
			strides, dstStrides := [2]int{16 + rng.IntN(maxGap), 8 + rng.IntN(maxGap)}, [2]int{16 + rng.IntN(maxGap), 8 + rng.IntN(maxGap)}
			var ref picture.Picture
			var got, want [3][]byte
			for i, plane := range []*picture.Plane{&ref.Y, &ref.U, &ref.V} {
				size, kind := 16>>min(i, 1), min(i, 1)
				*plane = picture.Plane{Pix: srcs[i].Bytes((size-1)*strides[kind] + size), Stride: strides[kind], Width: size, Height: size}
				got[i] = dsts[i].Bytes((size-1)*dstStrides[kind] + size)
				want[i] = bytes.Clone(got[i])
				SixTap.interpolateGo(want[i], dstStrides[kind], plane.Pix, 0, plane.Stride, size, size, 0, 0)
			}
			SixTap.InterMacroblock(got[0], got[1], got[2], dstStrides[0], dstStrides[1], &ref, mode.MV{}, 0, 0, false)
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("plane %d, strides %d to %d: differs", i, strides, dstStrides)
				}
			}
		}
	})
}

// halfPixelPlaces are where the four blocks of HalfPixels begin, from a pixel above and to the left on.
var halfPixelPlaces = []struct{ x, y, fx, fy int }{{1, 0, 0, half}, {0, 1, half, 0}, {1, 1, half, 0}, {1, 1, 0, half}}

func TestHalfPixels(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 8))
		srcs := kerneltest.NewMemory(t, rng, maxBytes)
		const size = maxBlock + 1 // that begins a pixel before
		for range trials {
			filter := []*Filter{&SixTap, &Bilinear}[rng.IntN(2)]
			src := srcs.Block(size+reachBefore+reachAfter, size+reachBefore+reachAfter, maxGap)
			plane, x, y := reachPlane(src.Pix, src.Stride, size, size)
			var got, want [4 * 256]byte
			filter.HalfPixels(&got, &plane, x+1, y+1)
			for i, p := range halfPixelPlaces {
				filter.interpolateGo(want[i*256:], maxBlock, src.Pix, plane.At(x+p.x, y+p.y), src.Stride, maxBlock, maxBlock, p.fx, p.fy)
			}
			if got != want {
				t.Fatalf("bilinear %v: differs", filter == &Bilinear)
			}
		}
	})
}

// TestInterpolationExtremes has all combinations of black and white under the six taps: the largest and the smallest sums.
func TestInterpolationExtremes(t *testing.T) {
	const stride, rows = 32, maxReach
	kerneltest.Levels(t, func(t *testing.T) {
		for _, filter := range []*Filter{&SixTap, &Bilinear} {
			for frac := 1; frac < 8; frac++ {
				for pattern := range 1 << 6 {
					var across, down [rows * stride]byte
					for i := range across {
						across[i] = byte(-(pattern >> (i % stride % 6) & 1))
						down[i] = byte(-(pattern >> (i / stride % 6) & 1))
					}
					for _, n := range []int{16, 8, 4} {
						var got, want [2][maxBlock * maxBlock]byte
						plane, x, y := reachPlane(across[:], stride, n, n)
						filter.Inter(got[0][:], n, &plane, x*8+frac, y*8, n, n)
						filter.interpolateGo(want[0][:], n, across[:], plane.At(x, y), stride, n, n, frac, 0)
						plane.Pix = down[:]
						filter.Inter(got[1][:], n, &plane, x*8, y*8+frac, n, n)
						filter.interpolateGo(want[1][:], n, down[:], plane.At(x, y), stride, n, n, 0, frac)
						if got != want {
							t.Fatalf("%dx%d, fraction %d/8, pattern %06b, bilinear %v: differs", n, n, frac, pattern, filter == &Bilinear)
						}
					}
				}
			}
		}
	})
}

// TestShortInter has pictures and blocks that end too early, and strides that lead out of them.
func TestShortInter(t *testing.T) {
	const stride = 32
	long := make([]byte, 4096)
	kerneltest.Levels(t, func(t *testing.T) {
		for _, n := range []int{16, 8, 4} {
			end := (n+reachBefore+reachAfter-1)*stride + n + reachBefore + reachAfter
			run := func(dst []byte, dstStride int, pix []byte, stride int) func() {
				plane, x, y := reachPlane(pix, stride, n, n)
				pic := &picture.Picture{U: plane, V: plane}
				return func() {
					SixTap.Inter(dst, dstStride, &plane, x*8+2, y*8+2, n, n)
					SixTap.InterUV(dst, dst, dstStride, pic, x*8+2, y*8+2, n)
				}
			}
			run(long, n, long[:end:end], stride)()
			for name, f := range map[string]func(){
				"picture too short":         run(long, n, long[:end-1:end-1], stride),
				"picture with wrong stride": run(long, n, long[:end:end], stride+1),
				"negative stride":           run(long, n, long, -stride),
				"destination too short":     run(long[:n*n-1:n*n-1], n, long, stride),
				"negative dst stride":       run(long, -n, long, stride),
			} {
				if !panics(f) {
					t.Errorf("%dx%d, %s: no panic", n, n, name)
				}
			}
		}
	})
}

// TestTapsFitKernels checks what the kernels take for granted. With products of words only that of tap 3 may carry a sum beyond 16
// bits, and only upwards. With products of bytes no sum of a pair may, nor that of all pairs but the last, and where the first pair
// is zero all taps but the middle one are.
func TestTapsFitKernels(t *testing.T) {
	const last, white, bias = 3, 255, 64
	bounds := func(taps ...int8) (low, high int) {
		for _, tap := range taps {
			low += white * min(int(tap), 0)
			high += white * max(int(tap), 0)
		}
		return low, high
	}
	fits := func(low, high int) bool { return low >= -1<<15 && high < 1<<15 }
	for _, filter := range []*Filter{&SixTap, &Bilinear} {
		for frac, taps := range filter.taps {
			pairs := &filter.pairs[frac]
			if frac == 0 {
				if *pairs != (tapPairs{}) {
					t.Errorf("no fraction has pairs: %d", *pairs)
				}
				continue
			}
			low, high := bias, bias
			for i, tap := range taps {
				if i == last {
					continue
				}
				low += white * min(int(tap), 0)
				high += white * max(int(tap), 0)
			}
			if !fits(low, high) || taps[last] < 0 || int(taps[last])*white >= 1<<15 {
				t.Errorf("fraction %d/8: sums from %d to %d and products up to %d*255 leave 16 bits", frac, low, high, taps[last])
			}
			outer, first, second := pairs[0], pairs[1], pairs[2]
			for _, p := range [][]int8{outer[:2], first[:2], second[:2], {outer[0], outer[1], first[0], first[1]}} {
				if low, high := bounds(p...); !fits(low, high) {
					t.Errorf("fraction %d/8: sums of the taps %d from %d to %d leave 16 bits", frac, p, low, high)
				}
			}
			if low, _ := bounds(outer[0], outer[1], first[0], first[1], second[0], second[1]); low < -1<<15 {
				t.Errorf("fraction %d/8: the sum of all products may be %d", frac, low)
			}
			if first == [4]int8{} {
				t.Errorf("fraction %d/8: the first pair is zero", frac)
			}
		}
	}
}

// TestInterAnywhere predicts from positions within and beyond the border.
func TestInterAnywhere(t *testing.T) { kerneltest.Levels(t, testInterAnywhere) }

func testInterAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pic := picture.NewPool(40, 24).Get()
	ref := &pic.Y
	for y := range ref.Height {
		kerneltest.Fill(rng, ref.Pix[ref.At(0, y):][:ref.Width])
	}
	pic.ExtendBorder()
	pixel := func(x, y int) byte { return ref.Pix[ref.At(min(max(x, 0), ref.Width-1), min(max(y, 0), ref.Height-1))] }
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		x8, y8 := rng.IntN(2000)-800, rng.IntN(2000)-800
		// The same block out of a picture without end.
		var around [maxReach * maxReach]byte
		for y := range maxReach {
			for x := range maxReach {
				around[y*maxReach+x] = pixel(x8>>3+x-reachBefore, y8>>3+y-reachBefore)
			}
		}
		var got, want [maxBlock * maxBlock]byte
		SixTap.Inter(got[:], maxBlock, ref, x8, y8, w, h)
		SixTap.interpolateGo(want[:], maxBlock, around[:], reachBefore*maxReach+reachBefore, maxReach, w, h, x8&7, y8&7)
		if got != want {
			t.Fatalf("%dx%d at (%d/8, %d/8): differs", w, h, x8, y8)
		}
	}
}

// TestShortInterpolation has sources that end too early or begin too late, and strides that lead out of them.
func TestShortInterpolation(t *testing.T) {
	const stride, w, h = 32, 16, 16
	long := make([]byte, 4096)
	for _, frac := range [][2]int{{0, 0}, {2, 0}, {0, 2}, {2, 2}, {1, 1}} {
		fx, fy := frac[0], frac[1]
		end := (h-1)*stride + w
		at := 0
		if fx != 0 {
			at, end = at+reachBefore, end+reachBefore+reachAfter
		}
		if fy != 0 {
			at, end = at+reachBefore*stride, end+(reachBefore+reachAfter)*stride
		}
		run := func(dst []byte, dstStride int, src []byte, at, stride int) func() {
			return func() { SixTap.interpolate(dst, dstStride, src, at, stride, w, h, fx, fy) }
		}
		for name, f := range map[string]func(){
			"source too short":         run(long, w, long[:end-1:end-1], at, stride),
			"source begins too late":   run(long, w, long, at-1, stride),
			"source with wrong stride": run(long, w, long[:end:end], at, stride+1),
			"negative stride":          run(long, w, long, at, -stride),
			"destination too short":    run(long[:w*h-1:w*h-1], w, long, at, stride),
			"negative dst stride":      run(long, -w, long, at, stride),
		} {
			if !panics(f) {
				t.Errorf("(%d/8, %d/8), %s: no panic", fx, fy, name)
			}
		}
		run(long, w, long[:end:end], at, stride)()
	}
}

// TestIntra4x4All compares with Intra4x4, mode by mode.
func TestIntra4x4All(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 5))
		edges := kerneltest.NewMemory(t, rng, maxBytes)
		for range trials {
			e := (*Edge)(edges.Bytes(len(Edge{})))
			var got [entropy.NumBModes][16]byte
			Intra4x4All(&got, e)
			for mode := range got {
				var want [16]byte
				Intra4x4(want[:], 4, e, uint8(mode))
				if got[mode] != want {
					t.Fatalf("mode %d of %d: %d, want %d", mode, e, got[mode], want)
				}
			}
		}
	})
}

// intraModes are the modes of whole blocks.
var intraModes = []uint8{entropy.DCPred, entropy.VPred, entropy.HPred, entropy.TMPred}

func TestIntraKernels(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 6))
		pixels, dsts := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		for range trials {
			size, mode := 8<<rng.IntN(2), intraModes[rng.IntN(len(intraModes))]
			hasAbove, hasLeft := rng.IntN(4) > 0, rng.IntN(4) > 0
			// The row above with the corner, and the column to the left: the last pixel of each row of the block is not there.
			stride := size + 1 + rng.IntN(maxGap)
			pix := pixels.Bytes(size*stride + 1)
			dst := dsts.Block(size, size, maxGap)
			at := stride + 1
			want := bytes.Clone(dst.Pix)
			intraGo(want, dst.Stride, pix, at, stride, size, mode, hasAbove, hasLeft)
			Intra(dst.Pix, dst.Stride, pix, at, stride, size, mode, hasAbove, hasLeft)
			if !bytes.Equal(dst.Pix, want) {
				t.Fatalf("%dx%d, mode %d, above %v, left %v: differs", size, size, mode, hasAbove, hasLeft)
			}
		}
	})
}

func TestShortIntra(t *testing.T) {
	long := make([]byte, 1024)
	for _, size := range []int{8, 16} {
		for _, mode := range intraModes {
			stride := size + 5
			end := size*stride + 1
			run := func(dst, pix []byte, at, stride int) func() {
				return func() { Intra(dst, size, pix, at, stride, size, mode, true, true) }
			}
			run(long, long[:end:end], stride+1, stride)()
			for name, f := range map[string]func(){
				"pixels too short":      run(long, long[:end-1:end-1], stride+1, stride),
				"pixels begin too late": run(long, long, stride, stride),
				"destination too short": run(long[:size*size-1:size*size-1], long, stride+1, stride),
				"negative stride":       run(long, long, stride+1, -stride),
			} {
				if !panics(f) {
					t.Errorf("%d, mode %d: %s: no panic", size, mode, name)
				}
			}
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
