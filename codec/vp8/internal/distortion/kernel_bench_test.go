package distortion

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/kerneltest"
)

// sink keeps results alive.
var sink int

// both benchmarks a function and the plain Go that defines it, on blocks of all sizes that the encoder measures.
func both(b *testing.B, kernel, plain func(p, q []byte, w, h int) int) {
	rng := rand.New(rand.NewPCG(1, 1))
	p, q := make([]byte, 64*16), make([]byte, 64*16)
	kerneltest.Fill(rng, p)
	for i := range q {
		q[i] = p[i] + byte(rng.IntN(8))
	}
	for _, size := range sizes[:5] {
		w, h := size[0], size[1]
		b.Run(fmt.Sprintf("%dx%d/kernel", w, h), func(b *testing.B) {
			for b.Loop() {
				sink += kernel(p, q, w, h)
			}
		})
		b.Run(fmt.Sprintf("%dx%d/plain", w, h), func(b *testing.B) {
			for b.Loop() {
				sink += plain(p, q, w, h)
			}
		})
	}
}

func BenchmarkSAD(b *testing.B) {
	both(b,
		func(p, q []byte, w, h int) int { return SAD(p, 64, q, 64, w, h, 1<<40) },
		func(p, q []byte, w, h int) int { return sadGo(p, 64, q, 64, w, h, 1<<40) })
}

func BenchmarkSADs(b *testing.B) {
	var out [4]int
	at := [4]int{0, 1, 64, 65}
	src, ref := make([]byte, 16*64), make([]byte, 18*64)
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			SADs(&out, src, 64, ref, &at, 64, 16, 16)
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			for i := range at {
				out[i] = sadGo(src, 64, ref[at[i]:], 64, 16, 16, 1<<40)
			}
		}
	})
}

func BenchmarkJointMoments(b *testing.B) {
	both(b,
		func(p, q []byte, w, h int) int { return jointMoments(p, 64, q, 64, w, h)[4] },
		func(p, q []byte, w, h int) int { return jointMomentsGo(p, 64, q, 64, w, h)[4] })
}

func BenchmarkSSE(b *testing.B) {
	both(b,
		func(p, q []byte, w, h int) int { return SSE(p, 64, q, 64, w, h) },
		func(p, q []byte, w, h int) int { return sseGo(p, 64, q, 64, w, h) })
}

func BenchmarkSATD(b *testing.B) {
	both(b,
		func(p, q []byte, w, h int) int { return SATD(p, 64, q, 64, w, h) },
		func(p, q []byte, w, h int) int { return satdGo(p, 64, q, 64, w, h) })
}

func BenchmarkVariance(b *testing.B) {
	both(b,
		func(p, q []byte, w, h int) int { return Variance(p, 64, w, h) },
		func(p, q []byte, w, h int) int {
			sum, squares := momentsGo(p, 64, w, h)
			return w*h*squares - sum*sum
		})
}

func BenchmarkSATDs(b *testing.B) {
	var predictions [10][16]byte
	var out [10]int
	src := make([]byte, 256)
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			SATDs(out[:], src, 64, predictions[:])
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			for i := range predictions {
				out[i] = satdGo(src, 64, predictions[i][:], 4, 4, 4)
			}
		}
	})
}

func BenchmarkSSEPlane(b *testing.B) {
	p, q := make([]byte, 1280*720), make([]byte, 1280*720)
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			sink += SSE(p, 1280, q, 1280, 1280, 720)
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			sink += sseGo(p, 1280, q, 1280, 1280, 720)
		}
	})
}
