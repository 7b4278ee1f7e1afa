package transform

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"salsify/codec/internal/kerneltest"
)

const (
	maxGap   = 40
	maxBytes = 1 << 12
	trials   = 20000
)

func TestForwardKernels(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		ma, mb := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		sizes := [][2]int{{4, 4}, {8, 4}, {8, 8}, {16, 16}, {16, 8}, {24, 4}, {12, 8}}
		for range trials {
			size := sizes[rng.IntN(len(sizes))]
			w, h := size[0], size[1]
			a, b := ma.Block(w, h, maxGap), mb.Block(w, h, maxGap)
			got, want := make([]int16, w*h+1), make([]int16, w*h+1)
			got[w*h], want[w*h] = -77, -77
			if w == 4 {
				ForwardDCT(a.Pix, a.Stride, b.Pix, b.Stride, (*[16]int16)(got))
			} else {
				ForwardDCTs(a.Pix, a.Stride, b.Pix, b.Stride, w, h, got)
			}
			forwardDCTsGo(a.Pix, a.Stride, b.Pix, b.Stride, w, h, want)
			if !slices.Equal(got, want) {
				t.Fatalf("%dx%d: %d, want %d", w, h, got, want)
			}
		}
	})
}

// TestForwardExtremes has all combinations of the largest differences.
func TestForwardExtremes(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		for signs := range 1 << 16 {
			var a, b [16]byte
			for i := range a {
				a[i] = byte(-(signs >> i & 1))
				b[i] = ^a[i]
			}
			var got, want [16]int16
			ForwardDCT(a[:], 4, b[:], 4, &got)
			forwardDCTGo(a[:], 4, b[:], 4, &want)
			if got != want {
				t.Fatalf("signs %016b: %d, want %d", signs, got, want)
			}
		}
	})
}

// TestForwardIsAccurate compares the forward transform with one in real numbers, and forward and back with the pixels.
func TestForwardIsAccurate(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		var basis [4][4]float64
		for x := range 4 {
			basis[0][x] = 0.5
			for k := 1; k < 4; k++ {
				basis[k][x] = math.Sqrt2 / 2 * math.Cos(float64(2*x+1)*float64(k)*math.Pi/8)
			}
		}
		rng := rand.New(rand.NewPCG(2, 2))
		bias, square, worst := 0.0, 0.0, 0.0
		var off [3]int // how many pixels come back off by so much
		for range trials {
			var a, b [16]byte
			kerneltest.Fill(rng, a[:])
			kerneltest.Fill(rng, b[:])
			var c [16]int16
			ForwardDCT(a[:], 4, b[:], 4, &c)
			for k := range c {
				exact := 0.0
				for i := range a {
					exact += 2 * float64(int(a[i])-int(b[i])) * basis[k%4][i%4] * basis[k/4][i/4]
				}
				e := float64(c[k]) - exact
				bias += e
				square += e * e
				worst = max(worst, math.Abs(e))
			}
			back := b
			AddInverseDCT(&c, back[:], 4)
			for i := range a {
				d := int(a[i]) - int(back[i])
				off[min(max(d, -d), 2)]++
			}
		}
		bias /= 16 * trials
		square /= 16 * trials
		t.Logf("coefficients: mean error %.4f, squared %.4f, largest %.2f; pixels off by 0, 1, more: %d", bias, square, worst, off)
		// Rounding to whole numbers alone has a squared error of 1/12.
		// Halves, which a quarter of the coefficients has half the time, are rounded upwards.
		if math.Abs(bias) > 0.08 || square > 0.1 || worst > 0.7 || off[2] != 0 || off[1]*10 > off[0] {
			t.Error("not accurate")
		}
	})
}

func TestInverseKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	m := kerneltest.NewMemory(t, rng, maxBytes)
	for range trials {
		dst := m.Block(4, 4, maxGap)
		var in [16]int16
		kerneltest.Words(rng, in[:], []int{100, 2000, 1<<15 - 1}[rng.IntN(3)])
		want := bytes.Clone(dst.Pix)
		addInverseDCTGo(&in, want, dst.Stride)
		before := slices.Clone(dst.Pix)
		AddInverseDCT(&in, dst.Pix, dst.Stride)
		if !bytes.Equal(dst.Pix, want) {
			t.Fatalf("%d added to %d: %d, want %d", in, before, dst.Pix, want)
		}
	}
}

func TestDequantizedKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	m := kerneltest.NewMemory(t, rng, maxBytes)
	for range trials {
		dst := m.Block(4, 4, maxGap)
		var levels [16]int16
		kerneltest.Words(rng, levels[:], []int{10, 100, 1<<15 - 1}[rng.IntN(3)])
		steps := [2]int16{int16(rng.IntN(500)), int16(rng.IntN(500))}
		want := bytes.Clone(dst.Pix)
		addDequantizedGo(&levels, steps, want, dst.Stride)
		before := levels
		AddDequantized(&levels, steps, dst.Pix, dst.Stride)
		if !bytes.Equal(dst.Pix, want) || levels != before {
			t.Fatalf("%d times %d: differs", levels, steps)
		}
	}
}

func TestForwardWHTKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var coeffs [256]int16
	for range trials {
		limit := []int{10, 2040, 1<<15 - 1}[rng.IntN(3)]
		kerneltest.Words(rng, coeffs[:], limit)
		var got, want [16]int16
		ForwardWHT(coeffs[:241], &got)
		forwardWHTGo(coeffs[:241], &want)
		if got != want {
			t.Fatalf("%d, want %d", got, want)
		}
		if limit > 2040 {
			continue
		}
		// Within the range of ForwardDCT nothing overflows.
		sum := 0
		for b := range 16 {
			sum += int(coeffs[16*b])
		}
		if sum < 0 {
			sum--
		} else {
			sum++
		}
		if int(got[0]) != sum/2 {
			t.Fatalf("the first coefficient is %d, want %d", got[0], sum/2)
		}
	}
}

func TestAddDCKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	m := kerneltest.NewMemory(t, rng, maxBytes)
	for dc := math.MinInt16; dc <= math.MaxInt16; dc++ {
		dst := m.Block(4, 4, maxGap)
		want := bytes.Clone(dst.Pix)
		addToBlockGo(eighth(int16(dc)), want, dst.Stride)
		AddDC(int16(dc), dst.Pix, dst.Stride)
		if !bytes.Equal(dst.Pix, want) {
			t.Fatalf("%d: differs", dc)
		}
	}
}

// TestShortBlocks has blocks that are not all there, and strides that lead out of them.
func TestShortBlocks(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		whole, out := make([]byte, 1024), make([]int16, 16*16)
		one := (*[16]int16)(out)
		for _, stride := range []int{4, 5, 1 << 60, -20} {
			short := make([]byte, 3*4+3)
			for name, f := range map[string]func(){
				"AddInverseDCT":  func() { AddInverseDCT(one, short, stride) },
				"AddDequantized": func() { AddDequantized(one, [2]int16{1, 1}, short, stride) },
				"AddDC":          func() { AddDC(100, short, stride) },
				"ForwardDCT":     func() { ForwardDCT(short, stride, whole, 4, one) },
				"ForwardDCT, b":  func() { ForwardDCT(whole, 4, short, stride, one) },
				"ForwardDCTs":    func() { ForwardDCTs(make([]byte, 16*16-1), 12+stride, whole, 16, 16, 16, out) },
				"ForwardDCTs, b": func() { ForwardDCTs(whole, 16, make([]byte, 16*16-1), 12+stride, 16, 16, out) },
				"too few":        func() { ForwardDCTs(whole, 16, whole, 16, 16, 16, out[:255:255]) },
			} {
				if !panics(f) {
					t.Errorf("%s, stride %d: no panic", name, stride)
				}
			}
		}
	})
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
