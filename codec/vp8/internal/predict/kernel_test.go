package predict

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/kerneltest"
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

// TestInterpolationExtremes has all combinations of black and white under the six taps: the largest and the smallest sums.
func TestInterpolationExtremes(t *testing.T) {
	const n, stride = 4, 32
	for _, filter := range []*Filter{&SixTap, &Bilinear} {
		for frac := 1; frac < 8; frac++ {
			for pattern := range 1 << 6 {
				across, down := make([]byte, 16*stride), make([]byte, 16*stride)
				for y := range 16 {
					for x := range stride {
						across[y*stride+x] = byte(-(pattern >> (x % 6) & 1))
						down[y*stride+x] = byte(-(pattern >> (y % 6) & 1))
					}
				}
				var got, want [16 * stride]byte
				at := reachBefore*stride + reachBefore
				filter.interpolate(got[:], stride, across, at, stride, n, n, frac, 0)
				filter.interpolateGo(want[:], stride, across, at, stride, n, n, frac, 0)
				filter.interpolate(got[n:], stride, down, at, stride, n, n, 0, frac)
				filter.interpolateGo(want[n:], stride, down, at, stride, n, n, 0, frac)
				if got != want {
					t.Fatalf("fraction %d/8, pattern %06b, bilinear %v: differs", frac, pattern, filter == &Bilinear)
				}
			}
		}
	}
}

// TestTapsFitKernels checks what the kernels take for granted: only the product of tap 3 may carry a sum beyond 16 bits, and
// only upwards, and where the outer taps are not used both are zero.
func TestTapsFitKernels(t *testing.T) {
	const last, white, bias = 3, 255, 64
	for _, filter := range []*Filter{&SixTap, &Bilinear} {
		for frac, taps := range filter {
			low, high := bias, bias
			for i, tap := range taps {
				if i == last {
					continue
				}
				low += white * min(int(tap), 0)
				high += white * max(int(tap), 0)
			}
			if frac != 0 && (low < -1<<15 || high >= 1<<15 || taps[last] < 0 || int(taps[last])*white >= 1<<15) {
				t.Errorf("fraction %d/8: sums from %d to %d and products up to %d*255 leave 16 bits", frac, low, high, taps[last])
			}
		}
	}
}

// TestInterAnywhere predicts from positions within and beyond the border.
func TestInterAnywhere(t *testing.T) {
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
	rng := rand.New(rand.NewPCG(5, 5))
	for range trials {
		var e Edge
		kerneltest.Fill(rng, e[:])
		var got [entropy.NumBModes][16]byte
		Intra4x4All(&got, &e)
		for mode := range got {
			var want [16]byte
			Intra4x4(want[:], 4, &e, uint8(mode))
			if got[mode] != want {
				t.Fatalf("mode %d of %d: %d, want %d", mode, e, got[mode], want)
			}
		}
	}
}

func TestTrueMotionKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	pixels, dsts := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
	for range trials {
		size := 8 << rng.IntN(2)
		// The row above with the corner, and the column to the left: the last pixel of each row of the block is not there.
		stride := size + 1 + rng.IntN(maxGap)
		pix := pixels.Bytes(size*stride + 1)
		dst := dsts.Block(size, size, maxGap)
		at := stride + 1
		want := bytes.Clone(dst.Pix)
		trueMotionGo(want, dst.Stride, pix, at, stride, size)
		trueMotion(dst.Pix, dst.Stride, pix, at, stride, size)
		if !bytes.Equal(dst.Pix, want) {
			t.Fatalf("%dx%d: differs", size, size)
		}
	}
}

func TestShortTrueMotion(t *testing.T) {
	long := make([]byte, 1024)
	for _, size := range []int{8, 16} {
		stride := size + 5
		end := size*stride + 1
		trueMotion(long, size, long[:end:end], stride+1, stride, size)
		for name, f := range map[string]func(){
			"pixels too short":      func() { trueMotion(long, size, long[:end-1:end-1], stride+1, stride, size) },
			"pixels begin too late": func() { trueMotion(long, size, long, stride, stride, size) },
			"destination too short": func() { trueMotion(long[:size*size-1:size*size-1], size, long, stride+1, stride, size) },
			"negative stride":       func() { trueMotion(long, size, long, stride+1, -stride, size) },
		} {
			if !panics(f) {
				t.Errorf("%d: %s: no panic", size, name)
			}
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
