package transform

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
)

const (
	maxGap   = 40
	maxBytes = 1 << 12
	trials   = 20000
)

func TestForwardDCTKernels(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		ma, mb := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		for range trials {
			a, b := ma.Block(4, 4, maxGap), mb.Block(4, 4, maxGap)
			got := newWords(16)
			var want [16]int16
			ForwardDCT(a.Pix, a.Stride, b.Pix, b.Stride, (*[16]int16)(got.inside()))
			forwardDCTGo(a.Pix, a.Stride, b.Pix, b.Stride, &want)
			if [16]int16(got.inside()) != want || !got.intact() {
				t.Fatalf("%d, want %d", got, want)
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
			AddResidue(&c, 16, [2]int16{1, 1}, back[:], 4)
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

func TestDequantizedKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	m := kerneltest.NewMemory(t, rng, maxBytes)
	for range trials {
		dst := m.Block(4, 4, maxGap)
		var levels [16]int16
		kerneltest.Words(rng, levels[:], []int{10, 100, 2000, 1<<15 - 1}[rng.IntN(4)])
		steps := [2]int16{1, 1}
		if rng.IntN(2) == 0 {
			steps = [2]int16{int16(rng.IntN(500)), int16(rng.IntN(500))}
		}
		want := bytes.Clone(dst.Pix)
		addDequantizedGo(&levels, steps, want, dst.Stride)
		before := levels
		AddResidue(&levels, 16, steps, dst.Pix, dst.Stride)
		if !bytes.Equal(dst.Pix, want) || levels != before {
			t.Fatalf("%d times %d: differs", levels, steps)
		}
	}
}

// TestForwardWHT: within the range of ForwardDCT nothing overflows.
func TestForwardWHT(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var coeffs [256]int16
	for range trials {
		kerneltest.Words(rng, coeffs[:], []int{10, 2040}[rng.IntN(2)])
		var got [16]int16
		forwardWHTGo(coeffs[:241], &got)
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
		AddResidue(&[16]int16{int16(dc)}, 1, [2]int16{1, 1}, dst.Pix, dst.Stride)
		if !bytes.Equal(dst.Pix, want) {
			t.Fatalf("%d: differs", dc)
		}
	}
}

// TestShortBlocks has blocks that are not all there, and strides that lead out of them.
func TestShortBlocks(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		whole, one := make([]byte, 1024), new([16]int16)
		for _, stride := range []int{4, 5, 1 << 60, -20} {
			short := make([]byte, 3*4+3)
			for name, f := range map[string]func(){
				"AddResidue":     func() { AddResidue(one, 16, [2]int16{1, 1}, short, stride) },
				"AddResidue, DC": func() { AddResidue(&[16]int16{100}, 1, [2]int16{1, 1}, short, stride) },
				"ForwardDCT":     func() { ForwardDCT(short, stride, whole, 4, one) },
				"ForwardDCT, b":  func() { ForwardDCT(whole, 4, short, stride, one) },
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
