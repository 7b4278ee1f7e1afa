package distortion

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"salsify/codec/internal/kerneltest"
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

func TestSADKernels(t *testing.T) { kerneltest.Levels(t, testSADKernels) }

func testSADKernels(t *testing.T) {
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

func TestSADsKernels(t *testing.T) { kerneltest.Levels(t, testSADsKernels) }

func testSADsKernels(t *testing.T) {
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

func TestSSIMKernels(t *testing.T) { kerneltest.Levels(t, testSSIMKernels) }

func testSSIMKernels(t *testing.T) {
	rng, ma, mb := pair(t, 7)
	for range trials {
		w, h := 1+rng.IntN(100), 8
		if rng.IntN(4) == 0 {
			h = 1 + rng.IntN(8)
		}
		a, b := ma.Block(w, h, maxGap), mb.Block(w, h, maxGap)
		n := (w + 7) / 8
		got, want := make([]float64, n+1), make([]float64, n+1)
		got[n], want[n] = -2, -2
		gotErr := SSIMs(got, a.Pix, a.Stride, b.Pix, b.Stride, w, h)
		wantErr := ssimsGo(want[:n], a.Pix, a.Stride, b.Pix, b.Stride, w, h)
		if !slices.Equal(got, want) || gotErr != wantErr {
			t.Fatalf("%dx%d: %v and %d, want %v and %d", w, h, got, gotErr, want, wantErr)
		}
	}
}

func TestSSIMOfExtremes(t *testing.T) { kerneltest.Levels(t, testSSIMOfExtremes) }

// testSSIMOfExtremes has the largest sums that there are, and windows whose SSIM is known.
func testSSIMOfExtremes(t *testing.T) {
	const w = 16384
	var black, white, check, negative [8 * w]byte
	for i := range white {
		white[i] = 255
		check[i] = byte(-(i ^ i/w) & 1 * 255)
		negative[i] = ^check[i]
	}
	// A white window's sum, squared; half of it is 64 times the variance of a check's and, with the sign changed, 64 times twice the
	// covariance with its negative.
	const large = 64 * 64 * 255 * 255
	const c1, c2 = float64(SSIMC1), float64(SSIMC2)
	for name, c := range map[string]struct {
		a, b       []byte
		squaredErr int
		ssim       float64
	}{
		"same":            {white[:], white[:], 0, 1},
		"black and white": {black[:], white[:], 255 * 255 * 8 * w, c1 / (large + c1)},
		"check":           {check[:], check[:], 0, 1},
		"check, negated":  {check[:], negative[:], 255 * 255 * 8 * w, (-large/2 + c2) / (large/2 + c2)},
		"check and black": {check[:], black[:], 255 * 255 * 8 * w / 2, c1 * c2 / ((large/4 + c1) * (large/4 + c2))},
	} {
		var got [w / 8]float64
		if err := SSIMs(got[:], c.a, w, c.b, w, w, 8); err != c.squaredErr {
			t.Errorf("%s: squared error %d, want %d", name, err, c.squaredErr)
		}
		for _, s := range got {
			if math.Abs(s-c.ssim) > 1e-12 {
				t.Errorf("%s: SSIM %v, want %v", name, s, c.ssim)
				break
			}
		}
	}
}

func TestSSEKernels(t *testing.T) { kerneltest.Levels(t, testSSEKernels) }

func testSSEKernels(t *testing.T) {
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
func TestSSEOfLargePlanes(t *testing.T) { kerneltest.Levels(t, testSSEOfLargePlanes) }

func testSSEOfLargePlanes(t *testing.T) {
	for _, size := range [][2]int{{16, 16380}, {8, 16380}, {16384, 7}, {16384, 1024}, {1 << 18, 3}, {1<<18 - 16, 3}} {
		w, h := size[0], size[1]
		black, white := make([]byte, w*h), make([]byte, w*h)
		for i := range white {
			white[i] = 255
		}
		if got, want := SSE(black, w, white, w, w, h), 255*255*w*h; got != want {
			t.Errorf("%dx%d: %d, want %d", w, h, got, want)
		}
	}
}

func TestSATDKernels(t *testing.T) { kerneltest.Levels(t, testSATDKernels) }

func testSATDKernels(t *testing.T) {
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

func TestSATDs16Kernels(t *testing.T) { kerneltest.Levels(t, testSATDs16Kernels) }

func testSATDs16Kernels(t *testing.T) {
	rng, ma, mb := pair(t, 8)
	for range trials {
		a, area := ma.Block(16, 16, maxGap), mb.Block(16+8, 16+8, maxGap)
		var at, got, want [4]int
		for i := range at {
			at[i] = rng.IntN(9)*area.Stride + rng.IntN(9)
			want[i] = satdGo(a.Pix, a.Stride, area.Pix[at[i]:], area.Stride, 16, 16)
		}
		SATDs16(&got, a.Pix, a.Stride, area.Pix, &at, area.Stride)
		if got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	}
}

// TestLargestSATD has blocks whose transform is as large as can be, everywhere and in one coefficient.
func TestLargestSATD(t *testing.T) { kerneltest.Levels(t, testLargestSATD) }

func testLargestSATD(t *testing.T) {
	var black, white, check [16 * 16]byte
	for i := range white {
		white[i] = 255
		check[i] = byte(-(i ^ i>>4) & 1 * 255)
	}
	for _, other := range [][]byte{white[:], check[:]} {
		want := satdGo(black[:], 16, other, 16, 16, 16)
		var got [4]int
		SATDs16(&got, black[:], 16, other, new([4]int), 16)
		if got != [4]int{want, want, want, want} {
			t.Errorf("%d, want %d", got, want)
		}
		for _, w := range []int{16, 8} {
			got, want := SATD(other, 16, black[:], 16, w, 16), satdGo(other, 16, black[:], 16, w, 16)
			if got != want {
				t.Errorf("%dx16: %d, want %d", w, got, want)
			}
		}
	}
}

func TestMacroblockSSEKernels(t *testing.T) { kerneltest.Levels(t, testMacroblockSSEKernels) }

func testMacroblockSSEKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	var planes [6]*kerneltest.Memory
	for i := range planes {
		planes[i] = kerneltest.NewMemory(t, rng, maxBytes)
	}
	macroblock := func(planes []*kerneltest.Memory) *Macroblock {
		y, chroma := planes[0].Block(16, 16, maxGap), planes[1].Block(8, 8, maxGap)
		return &Macroblock{y.Pix, chroma.Pix, planes[2].Bytes(7*chroma.Stride + 8), y.Stride, chroma.Stride}
	}
	for range trials {
		a, b := macroblock(planes[:3]), macroblock(planes[3:])
		if got, want := MacroblockSSE(a, b), sseMacroblockGo(a, b); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	}
}

// predictionsIn takes bytes as predictions of 4x4 blocks.
func predictionsIn(p []byte) [][16]byte {
	if len(p) == 0 {
		return nil
	}
	return unsafe.Slice((*[16]byte)(p), len(p)/16)
}

func TestSATDsKernel(t *testing.T) { kerneltest.Levels(t, testSATDsKernel) }

func testSATDsKernel(t *testing.T) {
	rng, ma, mb := pair(t, 4)
	for range trials {
		a := ma.Block(4, 4, maxGap)
		n := rng.IntN(12)
		if rng.IntN(2) == 0 {
			n = 10
		}
		predictions := predictionsIn(mb.Bytes(16 * n))
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

func TestVarianceKernels(t *testing.T) { kerneltest.Levels(t, testVarianceKernels) }

func testVarianceKernels(t *testing.T) {
	_, ma, _ := pair(t, 5)
	for range trials {
		a := ma.Block(16, 16, maxGap)
		var got, want [4]int
		Variances(&got, a.Pix, a.Stride)
		variancesGo(&want, a.Pix, a.Stride)
		if got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	}
}

// TestVariancesOfStripes has blocks whose variances are known: none, a quarter of 2 squared, a quarter of 255 squared.
func TestVariancesOfStripes(t *testing.T) {
	var p [256]byte
	for i := range p {
		switch block := i>>7<<1 | i>>3&1; block {
		case 0:
			p[i] = 7
		case 1, 2:
			p[i] = byte(2 * (i & 1))
		default:
			p[i] = byte(-(i >> 4 & 1))
		}
	}
	var got [4]int
	Variances(&got, p[:], 16)
	if want := [4]int{0, 64 * 64, 64 * 64, 64 * 64 * 255 * 255 / 4}; got != want {
		t.Errorf("%d, want %d", got, want)
	}
}

// TestShortBlocks has blocks that are not all there, and a stride that leads out of them.
func TestShortBlocks(t *testing.T) { kerneltest.Levels(t, testShortBlocks) }

func testShortBlocks(t *testing.T) {
	whole := make([]byte, 16*16)
	for _, size := range [][2]int{{16, 16}, {8, 8}, {4, 4}} {
		w, h := size[0], size[1]
		short := make([]byte, 16*(h-1)+w-1)
		measures := map[string]func(b []byte, stride int){
			"SAD":     func(b []byte, stride int) { SAD(whole, 16, b, stride, w, h, 1<<40) },
			"SADs":    func(b []byte, stride int) { SADs(new([4]int), whole, 16, b, new([4]int), stride, w, h) },
			"SADs, a": func(b []byte, stride int) { SADs(new([4]int), b, stride, whole, new([4]int), 16, w, h) },
			"SSE":     func(b []byte, stride int) { SSE(b, stride, whole, 16, w, h) },
			"SATD":    func(b []byte, stride int) { SATD(whole, 16, b, stride, w, h) },
		}
		if w == 16 {
			macroblock := Macroblock{whole, whole, whole, 16, 8}
			measures["Variances"] = func(b []byte, stride int) { Variances(new([4]int), b, stride) }
			measures["SATDs16"] = func(b []byte, stride int) { SATDs16(new([4]int), whole, 16, b, new([4]int), stride) }
			measures["SATDs16, a"] = func(b []byte, stride int) { SATDs16(new([4]int), b, stride, whole, new([4]int), 16) }
			measures["MacroblockSSE, luma"] = func(b []byte, stride int) {
				MacroblockSSE(&macroblock, &Macroblock{b, whole, whole, stride, 8})
			}
		}
		if w == 8 {
			macroblock := Macroblock{whole, whole, whole, 16, 8}
			measures["SSIMs"] = func(b []byte, stride int) { SSIMs(make([]float64, 1), whole, 16, b, stride, w, h) }
			measures["MacroblockSSE, chroma"] = func(b []byte, stride int) {
				MacroblockSSE(&Macroblock{whole, b, whole, 16, stride}, &macroblock)
			}
		}
		for name, measure := range measures {
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
