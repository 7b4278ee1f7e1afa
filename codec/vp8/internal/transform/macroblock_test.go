package transform

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
)

// macroblocks is how many random macroblocks each test of whole ones takes.
const macroblocks = 4000

// words gives coefficients between two that must stay as they are.
type words []int16

const untouched = -77

func newWords(n int) words {
	w := make(words, n+2)
	w[0], w[n+1] = untouched, untouched
	return w
}

func (w words) inside() []int16 { return w[1 : len(w)-1 : len(w)-1] }
func (w words) intact() bool    { return w[0] == untouched && w[len(w)-1] == untouched }

func TestForwardLuma(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 1))
		ma, mb := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		for range macroblocks {
			a, b := ma.Block(16, 16, maxGap), mb.Block(16, 16, maxGap)
			got, gotY2 := newWords(256), newWords(16)
			var want [256]int16
			var wantY2 [16]int16
			p, p2 := ForwardLuma(a.Pix, a.Stride, b.Pix, b.Stride, got.inside(), (*[16]int16)(gotY2.inside()))
			w, w2 := forwardLumaGo(a.Pix, a.Stride, b.Pix, b.Stride, want[:], &wantY2)
			if [256]int16(got.inside()) != want || [16]int16(gotY2.inside()) != wantY2 {
				t.Fatalf("%d and %d, want %d and %d", got, gotY2, want, wantY2)
			}
			if p != w || p2 != w2 {
				t.Fatalf("peaks %d and %d, want %d and %d", p, p2, w, w2)
			}
			if !got.intact() || !gotY2.intact() {
				t.Fatal("too much was written")
			}
		}
	})
}

func TestForwardChroma(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(12, 1))
		m := [4]*kerneltest.Memory{}
		for i := range m {
			m[i] = kerneltest.NewMemory(t, rng, maxBytes)
		}
		for range macroblocks {
			a, b := 8+rng.IntN(maxGap), 8+rng.IntN(maxGap)
			aU, aV, bU, bV := m[0].Bytes(7*a+8), m[1].Bytes(7*a+8), m[2].Bytes(7*b+8), m[3].Bytes(7*b+8)
			got := newWords(128)
			var want [128]int16
			p := ForwardChroma(aU, aV, a, bU, bV, b, got.inside())
			w := forwardChromaGo(aU, aV, a, bU, bV, b, want[:])
			if [128]int16(got.inside()) != want || p != w || !got.intact() {
				t.Fatalf("%d, peaks %d, want %d, %d", got, p, want, w)
			}
			energy, dc := BoundChroma(aU, aV, a, bU, bV, b)
			if e, d := boundChromaGo(aU, aV, a, bU, bV, b); energy != e || dc != d {
				t.Fatalf("an energy of %d and a DC of %d, want %d and %d", energy, dc, e, d)
			}
			if dc != p[0] || exceeds(p[1], energy) {
				t.Fatalf("an energy of %d and a DC of %d do not bound %d", energy, dc, p)
			}
		}
	})
}

// exceeds tells whether a magnitude is above a whole number that the energy says to be a bound.
func exceeds(magnitude, energy int) bool {
	return magnitude > 0 && energy <= 4*(magnitude-1)*(magnitude-1)
}

func TestBoundLuma(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 1))
		ma, mb := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		for range macroblocks {
			a, b := ma.Block(16, 16, maxGap), mb.Block(16, 16, maxGap)
			energy, y2 := BoundLuma(a.Pix, a.Stride, b.Pix, b.Stride)
			if e, p := boundLumaGo(a.Pix, a.Stride, b.Pix, b.Stride); energy != e || y2 != p {
				t.Fatalf("an energy of %d and peaks %d, want %d and %d", energy, y2, e, p)
			}
			var coeffs [256]int16
			var y2Coeffs [16]int16
			p, p2 := forwardLumaGo(a.Pix, a.Stride, b.Pix, b.Stride, coeffs[:], &y2Coeffs)
			if y2 != p2 || exceeds(p[1], energy) {
				t.Fatalf("an energy of %d and peaks %d do not bound %d and %d", energy, y2, p, p2)
			}
		}
	})
}

// TestBoundHolds tries it where it is tight: residues that are multiples of what one coefficient stands for, of all sizes, and all
// with differences of -1 to 1 in a row and in a column.
func TestBoundHolds(t *testing.T) {
	tight, worst := 0, 0.0
	try := func(d [16]int) {
		var a, b [16]byte
		for i, v := range d {
			a[i], b[i] = byte(max(v, 0)), byte(max(-v, 0))
		}
		energy, dc := energyOf(a[:], 4, b[:], 4)
		var c [16]int16
		forwardDCTGo(a[:], 4, b[:], 4, &c)
		p := peaksGo(c[:])
		if int(c[0]) != dc || exceeds(p[1], energy) {
			t.Fatalf("%d has the coefficients %d; an energy of %d and a DC of %d do not bound them", d, c, energy, dc)
		}
		exact := math.Sqrt(float64(energy)) / 2
		worst = max(worst, float64(p[1])-exact)
		if p[1] > 0 && float64(p[1]) > exact-1 {
			tight++
		}
	}
	var basis [4][4]float64
	for x := range 4 {
		basis[0][x] = 0.5
		for k := 1; k < 4; k++ {
			basis[k][x] = math.Sqrt2 / 2 * math.Cos(float64(2*x+1)*float64(k)*math.Pi/8)
		}
	}
	for k := 1; k < 16; k++ {
		for size := -600.0; size <= 600; size += 0.25 {
			var d [16]int
			for i := range d {
				d[i] = min(max(int(math.Round(size*basis[k/4][i/4]*basis[k%4][i%4])), -255), 255)
			}
			try(d)
		}
	}
	for n := range 3 * 3 * 3 * 3 * 3 * 3 * 3 {
		var d [16]int
		for _, i := range []int{0, 1, 2, 3, 4, 8, 12} {
			d[i] = n%3 - 1
			n /= 3
		}
		try(d)
	}
	t.Logf("a coefficient is up to %.3f above the bound; %d are within 1 of it", worst, tight)
	if worst > 0.7 || tight < 10000 {
		t.Error("the bound is not what it is said to be")
	}
}

func TestDequantizedWHT(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(14, 1))
		for range 5 * macroblocks {
			var levels, want [16]int16
			kerneltest.Words(rng, levels[:], []int{10, 100, 1<<15 - 1}[rng.IntN(3)])
			steps := [2]int16{int16(rng.IntN(500)), int16(rng.IntN(500))}
			got, before := newWords(16), levels
			DequantizedWHT(&levels, steps, (*[16]int16)(got.inside()))
			dequantizedWHTGo(&levels, steps, &want)
			if [16]int16(got.inside()) != want || levels != before || !got.intact() {
				t.Fatalf("%d times %d: %d, want %d", levels, steps, got, want)
			}
		}
	})
}

// levelsOf fills blocks with levels of which some have only a first one and some none, and gives their ends.
func levelsOf(rng *rand.Rand, blocks int) (levels []int16, ends []uint8) {
	levels, ends = make([]int16, 16*blocks), make([]uint8, blocks)
	limit := []int{10, 100, 1<<15 - 1}[rng.IntN(3)]
	few := rng.IntN(3) == 0
	for b := range blocks {
		block := levels[16*b : 16*b+16]
		kerneltest.Words(rng, block, limit)
		if kind := rng.IntN(4); kind == 0 || few && kind < 3 {
			clear(block[1:])
		}
		if rng.IntN(4) == 0 {
			clear(block)
		}
		for i, l := range block {
			if l != 0 && i > 0 {
				ends[b] = 16 // whatever the order, its end is above 1
			} else if l != 0 {
				ends[b] = 1
			}
		}
	}
	return levels, ends
}

// TestAddLuma has predictions in other memory and in place.
func TestAddLuma(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 1))
		ma, mb := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
		for range macroblocks {
			levels, ends := levelsOf(rng, 16)
			steps := [2]int16{int16(rng.IntN(300)), int16(rng.IntN(300))}
			pred, dst := ma.Block(16, 16, maxGap), mb.Block(16, 16, maxGap)
			if rng.IntN(2) == 0 {
				pred = dst
			}
			var dcs *[16]int16
			if rng.IntN(2) == 0 {
				dcs = new([16]int16)
				kerneltest.Words(rng, dcs[:], []int{30, 1000, 1<<15 - 1}[rng.IntN(3)])
			}
			want := bytes.Clone(dst.Pix)
			addLumaGo(levels, ends, steps, dcs, bytes.Clone(pred.Pix), pred.Stride, want, dst.Stride)
			AddLuma(levels, ends, steps, dcs, pred.Pix, pred.Stride, dst.Pix, dst.Stride)
			if !bytes.Equal(dst.Pix, want) {
				t.Fatalf("levels %d, ends %d, steps %d, DCs %d: differs", levels, ends, steps, dcs)
			}
		}
	})
}

func TestAddChroma(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(16, 1))
		m := [4]*kerneltest.Memory{}
		for i := range m {
			m[i] = kerneltest.NewMemory(t, rng, maxBytes)
		}
		for range macroblocks {
			levels, ends := levelsOf(rng, 8)
			steps := [2]int16{int16(rng.IntN(300)), int16(rng.IntN(300))}
			p, d := 8+rng.IntN(maxGap), 8+rng.IntN(maxGap)
			dstU, dstV := m[2].Bytes(7*d+8), m[3].Bytes(7*d+8)
			predU, predV := dstU, dstV
			if rng.IntN(2) == 0 {
				predU, predV = m[0].Bytes(7*p+8), m[1].Bytes(7*p+8)
			} else {
				p = d
			}
			wantU, wantV := bytes.Clone(dstU), bytes.Clone(dstV)
			addChromaGo(levels, ends, steps, bytes.Clone(predU), bytes.Clone(predV), p, wantU, wantV, d)
			AddChroma(levels, ends, steps, predU, predV, p, dstU, dstV, d)
			if !bytes.Equal(dstU, wantU) || !bytes.Equal(dstV, wantV) {
				t.Fatalf("levels %d, ends %d, steps %d: differs", levels, ends, steps)
			}
		}
	})
}

// addLumaGo is AddLuma in plain Go, with all coefficients of all blocks.
func addLumaGo(levels []int16, ends []uint8, steps [2]int16, dcs *[16]int16, pred []byte, predStride int, dst []byte, dstStride int) {
	copyBlock(pred, predStride, dst, dstStride, 16)
	for b := range ends {
		block := [16]int16(levels[16*b:])
		if dcs != nil {
			// A DC coefficient as it is, which steps of 1 leave alone.
			block[0] = dcs[b]
			steps[0] = 1
		}
		addDequantizedGo(&block, steps, dst[(b>>2)*4*dstStride+(b&3)*4:], dstStride)
	}
}

// addChromaGo is AddChroma in plain Go.
func addChromaGo(levels []int16, ends []uint8, steps [2]int16, predU, predV []byte, predStride int, dstU, dstV []byte, dstStride int) {
	copyBlock(predU, predStride, dstU, dstStride, 8)
	copyBlock(predV, predStride, dstV, dstStride, 8)
	for b := range 4 {
		at := (b>>1)*4*dstStride + (b&1)*4
		addDequantizedGo((*[16]int16)(levels[16*b:]), steps, dstU[at:], dstStride)
		addDequantizedGo((*[16]int16)(levels[64+16*b:]), steps, dstV[at:], dstStride)
	}
}

func TestShortMacroblocks(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		whole, coeffs, ends := make([]byte, 256), make([]int16, 256), make([]uint8, 16)
		var y2 [16]int16
		steps := [2]int16{4, 4}
		for _, stride := range []int{16, 1 << 60, -20} {
			short := make([]byte, 15*16+15)
			for name, f := range map[string]func(){
				"ForwardLuma":         func() { ForwardLuma(short, stride, whole, 16, coeffs, &y2) },
				"ForwardLuma, b":      func() { ForwardLuma(whole, 16, short, stride, coeffs, &y2) },
				"ForwardLuma, few":    func() { ForwardLuma(whole, 16, whole, 16, coeffs[:255:255], &y2) },
				"ForwardChroma":       func() { ForwardChroma(whole, short[:119:119], stride, whole, whole, 16, coeffs) },
				"ForwardChroma, b":    func() { ForwardChroma(whole, whole, 16, whole, short[:119:119], stride, coeffs) },
				"ForwardChroma, few":  func() { ForwardChroma(whole, whole, 16, whole, whole, 16, coeffs[:127:127]) },
				"BoundLuma":           func() { BoundLuma(short, stride, whole, 16) },
				"BoundLuma, b":        func() { BoundLuma(whole, 16, short, stride) },
				"BoundChroma":         func() { BoundChroma(short[:119:119], whole, stride, whole, whole, 16) },
				"BoundChroma, b":      func() { BoundChroma(whole, whole, 16, short[:119:119], whole, stride) },
				"AddLuma":             func() { AddLuma(coeffs, ends, steps, nil, short, stride, whole, 16) },
				"AddLuma, dst":        func() { AddLuma(coeffs, ends, steps, nil, whole, 16, short, stride) },
				"AddLuma, few levels": func() { AddLuma(coeffs[:255:255], ends, steps, nil, whole, 16, whole, 16) },
				"AddLuma, few ends":   func() { AddLuma(coeffs, ends[:15:15], steps, nil, whole, 16, whole, 16) },
				"AddChroma":           func() { AddChroma(coeffs, ends, steps, whole, short[:119:119], stride, whole, whole, 16) },
				"AddChroma, dst":      func() { AddChroma(coeffs, ends, steps, whole, whole, 16, short[:119:119], whole, stride) },
				"AddChroma, few":      func() { AddChroma(coeffs, ends[:7:7], steps, whole, whole, 16, whole, whole, 16) },
			} {
				if !panics(f) {
					t.Errorf("%s, stride %d: no panic", name, stride)
				}
			}
		}
	})
}
