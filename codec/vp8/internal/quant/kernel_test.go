package quant

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"salsify/codec/internal/kerneltest"
)

// allSteps are pairs of all the steps that there are.
func allSteps() (steps [][2]int16) {
	for i := range MaxIndex + 1 {
		dc, ac := int16(dcSteps[i]), int16(acSteps[i])
		steps = append(steps, [2]int16{dc, ac}, [2]int16{2 * dc, max(int16(int(ac)*155/100), 8)}, [2]int16{min(dc, 132), ac})
	}
	return steps
}

// TestDivision checks the kernel's way to divide for all magnitudes, with up to a whole step added.
func TestDivision(t *testing.T) {
	for _, steps := range allSteps() {
		q := NewQuantizer(steps)
		for i, step := range steps {
			factor, shift := uint32(q.lanes[1][i]), uint32(q.lanes[2][i])
			for x := uint32(0); x <= 1<<15+uint32(step); x++ {
				if got := x * factor >> 16 * shift >> 16; got != x/uint32(step) {
					t.Fatalf("%d/%d gives %d", x, step, got)
				}
			}
		}
	}
}

// TestQuantizeKernel has every coefficient with some of the steps.
func TestQuantizeKernel(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		const blocks = 1 << 16 / 16
		var c, got, want [blocks * 16]int16
		for i := range c {
			c[i] = int16(i)
		}
		for i, steps := range allSteps() {
			if i%11 != 0 {
				continue
			}
			q := NewQuantizer(steps)
			for _, rounding := range []int{0, RoundInter, maxRounding} {
				for first := range 2 {
					var gotEnds, wantEnds [blocks]uint8
					e := q.QuantizeBlocks(c[:], got[:], gotEnds[:], first, rounding)
					if w := q.quantizeBlocksGo(c[:], want[:], wantEnds[:], first, rounding); e != w || got != want || gotEnds != wantEnds {
						t.Fatalf("steps %d, rounding %d, from %d: errors %d and %d, or levels or ends differ", steps, rounding, first, e, w)
					}
				}
			}
		}
	})
}

func TestQuantizeBlocks(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		steps := allSteps()
		coeffs, results := kerneltest.NewMemory(t, rng, 1024), kerneltest.NewMemory(t, rng, 1024)
		for range 20000 {
			n := rng.IntN(26)
			c, got := words(coeffs.Bytes(32*n)), words(results.Bytes(32*n))
			kerneltest.Words(rng, c, 1<<15-1)
			q := NewQuantizer(steps[rng.IntN(len(steps))])
			first, rounding := rng.IntN(2), rng.IntN(130)
			want := make([]int16, 16*n)
			gotEnds, wantEnds := make([]uint8, n+1), make([]uint8, n)
			gotEnds[n] = 99
			e := q.QuantizeBlocks(c, got, gotEnds[:n:n], first, rounding)
			if w := q.quantizeBlocksGo(c, want, wantEnds, first, rounding); e != w {
				t.Fatalf("steps %d, rounding %d, from %d: error %d, want %d", q.Steps, rounding, first, e, w)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("steps %d, rounding %d, from %d: coefficient %d gives %d, want %d", q.Steps, rounding, first, c[i], got[i], want[i])
				}
			}
			for b, end := range wantEnds {
				if gotEnds[b] != end {
					t.Fatalf("steps %d, rounding %d, from %d: block %d ends at %d, want %d", q.Steps, rounding, first, b, gotEnds[b], end)
				}
			}
			if gotEnds[n] != 99 {
				t.Fatal("an end too many was written")
			}
		}
	})
}

// words looks at bytes as words. Kernels take them at any address.
func words(p []byte) []int16 {
	if len(p) == 0 {
		return nil
	}
	return unsafe.Slice((*int16)(unsafe.Pointer(&p[0])), len(p)/2)
}

func TestShortBlocks(t *testing.T) {
	q := NewQuantizer([2]int16{10, 12})
	long, short, ends := make([]int16, 64), make([]int16, 63), make([]uint8, 4)
	for name, f := range map[string]func(){
		"coefficients": func() { q.QuantizeBlocks(short, long, ends, 0, RoundIntra) },
		"levels":       func() { q.QuantizeBlocks(long, short, ends, 0, RoundIntra) },
	} {
		if !panics(f) {
			t.Errorf("too few %s: no panic", name)
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
