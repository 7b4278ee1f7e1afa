package distortion

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
)

// sink keeps results alive.
var sink int

// blocks gives two pictures 64 pixels wide and 24 high that are nearly the same.
func blocks() (p, q []byte) {
	rng := rand.New(rand.NewPCG(1, 1))
	p, q = make([]byte, 64*24), make([]byte, 64*24)
	kerneltest.Fill(rng, p)
	for i := range q {
		q[i] = p[i] + byte(rng.IntN(8))
	}
	return p, q
}

// compareSizes benchmarks a function of two blocks in the sizes that the encoder measures.
func compareSizes(b *testing.B, plain, kernel func(p, q []byte, w, h int) int) {
	p, q := blocks()
	for _, size := range sizes[:5] {
		w, h := size[0], size[1]
		kerneltest.Compare(b, fmt.Sprintf("%dx%d", w, h), w*h, func() { sink += plain(p, q, w, h) }, func() { sink += kernel(p, q, w, h) })
	}
}

func BenchmarkSAD(b *testing.B) {
	compareSizes(b,
		func(p, q []byte, w, h int) int { return sadGo(p, 64, q, 64, w, h, 1<<40) },
		func(p, q []byte, w, h int) int { return SAD(p, 64, q, 64, w, h, 1<<40) })
}

func BenchmarkSADs(b *testing.B) {
	p, q := blocks()
	var out [4]int
	at := [4]int{0, 1, 64, 65}
	for _, w := range []int{16, 8} {
		kerneltest.Compare(b, fmt.Sprintf("%dx%d", w, w), 4*w*w,
			func() {
				for i := range at {
					out[i] = sadGo(p, 64, q[at[i]:], 64, w, w, 1<<40)
				}
			},
			func() { SADs(&out, p, 64, q, &at, 64, w, w) })
	}
}

func BenchmarkMacroblockSSE(b *testing.B) {
	p, q := blocks()
	x, y := Macroblock{p, p[16:], p[24:], 64, 64}, Macroblock{q, q[16:], q[24:], 64, 64}
	kerneltest.Compare(b, "macroblock", 16*16*3/2, func() { sink += sseMacroblockGo(&x, &y) }, func() { sink += MacroblockSSE(&x, &y) })
}

func BenchmarkSSE(b *testing.B) {
	p, q := make([]byte, 1280*720), make([]byte, 1280*720)
	kerneltest.Compare(b, "1280x720", 1280*720,
		func() { sink += sseGo(p, 1280, q, 1280, 1280, 720) }, func() { sink += SSE(p, 1280, q, 1280, 1280, 720) })
}

func BenchmarkSATD(b *testing.B) {
	compareSizes(b,
		func(p, q []byte, w, h int) int { return satdGo(p, 64, q, 64, w, h) },
		func(p, q []byte, w, h int) int { return SATD(p, 64, q, 64, w, h) })
}

func BenchmarkSATDs16(b *testing.B) {
	p, q := blocks()
	var out [4]int
	at := [4]int{0, 1, 64, 65}
	kerneltest.Compare(b, "16x16", 4*16*16,
		func() { satds16Go(&out, p, 64, q, &at, 64) }, func() { SATDs16(&out, p, 64, q, &at, 64) })
}

func BenchmarkSATDs(b *testing.B) {
	var predictions [10][16]byte
	var out [10]int
	src := make([]byte, 256)
	kerneltest.Compare(b, "4x4", 10*16,
		func() { satdsGo(out[:], src, 64, predictions[:]) }, func() { SATDs(out[:], src, 64, predictions[:]) })
}

func BenchmarkVariances(b *testing.B) {
	p, _ := blocks()
	var out [4]int
	kerneltest.Compare(b, "16x16", 16*16, func() { variancesGo(&out, p, 64) }, func() { Variances(&out, p, 64) })
}

func BenchmarkSSIMs(b *testing.B) {
	p, q := blocks()
	var out [8]float64
	kerneltest.Compare(b, "64x8", 64*8,
		func() { sink += ssimsGo(out[:], p, 64, q, 64, 64, 8) }, func() { sink += SSIMs(out[:], p, 64, q, 64, 64, 8) })
}
