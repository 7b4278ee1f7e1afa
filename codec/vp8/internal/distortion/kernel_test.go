package distortion

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/kerneltest"
)

// Blocks that the encoder measures, and some that no kernel does.
var sizes = [][2]int{{16, 16}, {16, 8}, {8, 16}, {8, 8}, {4, 4}, {16, 4}, {8, 4}, {4, 8}, {12, 4}, {32, 12}, {20, 8}}

const (
	maxGap   = 40
	maxBytes = 1 << 16
	trials   = 3000
)

// pair gives memory for two blocks and a generator for their contents.
func pair(t *testing.T, seed uint64) (rng *rand.Rand, a, b *kerneltest.Memory) {
	rng = rand.New(rand.NewPCG(seed, 1))
	return rng, kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
}

func TestSADKernels(t *testing.T) {
	rng, ma, mb := pair(t, 1)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		a, b := ma.Block(w, h, maxGap), mb.Block(w, h, maxGap)
		limit := 1 << 40
		if rng.IntN(2) == 0 {
			limit = rng.IntN(w*h*100) - 10
		}
		got := SAD(a.Pix, a.Stride, b.Pix, b.Stride, w, h, limit)
		if want := sadGo(a.Pix, a.Stride, b.Pix, b.Stride, w, h, limit); got != want {
			t.Fatalf("%dx%d, limit %d: %d, want %d", w, h, limit, got, want)
		}
	}
}

func TestSADsKernels(t *testing.T) {
	rng, ma, mb := pair(t, 6)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		a, area := ma.Block(w, h, maxGap), mb.Block(w+8, h+8, maxGap)
		var at, got, want [4]int
		for i := range at {
			at[i] = rng.IntN(9)*area.Stride + rng.IntN(9)
			want[i] = sadGo(a.Pix, a.Stride, area.Pix[at[i]:], area.Stride, w, h, 1<<40)
		}
		SADs(&got, a.Pix, a.Stride, area.Pix, &at, area.Stride, w, h)
		if got != want {
			t.Fatalf("%dx%d: %d, want %d", w, h, got, want)
		}
	}
}

func TestJointMomentKernel(t *testing.T) {
	rng, ma, mb := pair(t, 7)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		if rng.IntN(2) == 0 {
			size = [2]int{8, 8}
		}
		w, h := size[0], size[1]
		a, b := ma.Block(w, h, maxGap), mb.Block(w, h, maxGap)
		got := jointMoments(a.Pix, a.Stride, b.Pix, b.Stride, w, h)
		if want := jointMomentsGo(a.Pix, a.Stride, b.Pix, b.Stride, w, h); got != want {
			t.Fatalf("%dx%d: %d, want %d", w, h, got, want)
		}
	}
}

func TestSSEKernels(t *testing.T) {
	rng, ma, mb := pair(t, 2)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		if rng.IntN(8) == 0 {
			w, h = 16*(1+rng.IntN(40)), 1+rng.IntN(20)
		}
		a, b := ma.Block(w, h, maxGap), mb.Block(w, h, maxGap)
		got := SSE(a.Pix, a.Stride, b.Pix, b.Stride, w, h)
		if want := sseGo(a.Pix, a.Stride, b.Pix, b.Stride, w, h); got != want {
			t.Fatalf("%dx%d: %d, want %d", w, h, got, want)
		}
	}
}

// TestSSEOfLargePlanes has the largest sums that there are.
func TestSSEOfLargePlanes(t *testing.T) {
	for _, size := range [][2]int{{16, 16380}, {8, 16380}, {16384, 7}, {16384, 1024}, {1 << 18, 3}, {1<<18 - 16, 3}} {
		w, h := size[0], size[1]
		black, white := make([]byte, w*h), make([]byte, w*h)
		for i := range white {
			white[i] = 255
		}
		if got, want := SSE(black, w, white, w, w, h), 255*255*w*h; got != want {
			t.Errorf("%dx%d: %d, want %d", w, h, got, want)
		}
		if got := Variance(white, w, w, h); got != 0 {
			t.Errorf("%dx%d: variance %d, want 0", w, h, got)
		}
	}
}

func TestSATDKernels(t *testing.T) {
	rng, ma, mb := pair(t, 3)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		a, b := ma.Block(w, h, maxGap), mb.Block(w, h, maxGap)
		got := SATD(a.Pix, a.Stride, b.Pix, b.Stride, w, h)
		if want := satdGo(a.Pix, a.Stride, b.Pix, b.Stride, w, h); got != want {
			t.Fatalf("%dx%d: %d, want %d", w, h, got, want)
		}
	}
}

func TestSATDsKernel(t *testing.T) {
	rng, ma, _ := pair(t, 4)
	for range trials {
		a := ma.Block(4, 4, maxGap)
		n := rng.IntN(12)
		predictions := make([][16]byte, n)
		for i := range predictions {
			kerneltest.Fill(rng, predictions[i][:])
		}
		got := make([]int, n+1)
		got[n] = -1
		SATDs(got, a.Pix, a.Stride, predictions)
		for i := range predictions {
			if want := satdGo(a.Pix, a.Stride, predictions[i][:], 4, 4, 4); got[i] != want {
				t.Fatalf("prediction %d of %d: %d, want %d", i, n, got[i], want)
			}
		}
		if got[n] != -1 {
			t.Fatalf("there is a result for prediction %d of %d", n, n)
		}
	}
}

func TestMomentKernels(t *testing.T) {
	rng, ma, _ := pair(t, 5)
	for range trials {
		size := sizes[rng.IntN(len(sizes))]
		w, h := size[0], size[1]
		a := ma.Block(w, h, maxGap)
		sum, squares := moments(a.Pix, a.Stride, w, h)
		wantSum, wantSquares := momentsGo(a.Pix, a.Stride, w, h)
		if sum != wantSum || squares != wantSquares {
			t.Fatalf("%dx%d: %d and %d, want %d and %d", w, h, sum, squares, wantSum, wantSquares)
		}
	}
}

// TestShortBlocks has blocks that are not all there, and a stride that leads out of them.
func TestShortBlocks(t *testing.T) {
	whole := make([]byte, 16*16)
	for _, size := range [][2]int{{16, 16}, {8, 8}, {4, 4}} {
		w, h := size[0], size[1]
		short := make([]byte, 16*(h-1)+w-1)
		for name, measure := range map[string]func(b []byte, stride int){
			"SAD":      func(b []byte, stride int) { SAD(whole, 16, b, stride, w, h, 1<<40) },
			"SADs":     func(b []byte, stride int) { SADs(new([4]int), whole, 16, b, new([4]int), stride, w, h) },
			"SADs, a":  func(b []byte, stride int) { SADs(new([4]int), b, stride, whole, new([4]int), 16, w, h) },
			"moments":  func(b []byte, stride int) { JointMoments(whole, 16, b, stride, w, h) },
			"SSE":      func(b []byte, stride int) { SSE(b, stride, whole, 16, w, h) },
			"SATD":     func(b []byte, stride int) { SATD(whole, 16, b, stride, w, h) },
			"Variance": func(b []byte, stride int) { Variance(b, stride, w, h) },
		} {
			for _, stride := range []int{16, 17, 1 << 60, -1, -16} {
				if !panics(func() { measure(short, stride) }) {
					t.Errorf("%s of %dx%d, stride %d: no panic", name, w, h, stride)
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
