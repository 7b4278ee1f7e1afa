// Package kerneltest helps to compare kernels in assembly with the plain Go that defines them. The race detector and bounds
// checks do not see what assembly does; memory next to pages that cannot be touched does.
package kerneltest

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/simd"
)

// Levels runs a test once for each level of vector instructions that the CPU has, with no more than those in use.
func Levels(t *testing.T, test func(t *testing.T)) {
	has := simd.Has
	defer func() { simd.Has = has }()
	for l := range has {
		level := simd.Level(l)
		t.Run(level.String(), func(t *testing.T) {
			if !has[level] {
				t.Skipf("this CPU, or this build, has no %v", level)
			}
			keepTo(level, has)
			test(t)
		})
	}
}

// keepTo lets kernels use no more than a level, of what the CPU has.
func keepTo(level simd.Level, has [len(simd.Has)]bool) {
	for l := range has {
		simd.Has[l] = has[l] && simd.Level(l) <= level
	}
}

// withoutKernels is how Compare names what is measured in plain Go.
const withoutKernels = "plain"

// Compare benchmarks the plain Go that defines a function, and the function itself at each level of vector instructions, as
// NAME/plain, NAME/baseline and so on. It reports how many times as fast as plain Go each one is. bytes are those of the pixels, or of
// what else it is about. Where the function is plain Go at the baseline, plain is nil.
func Compare(b *testing.B, name string, bytes int, plain, function func()) {
	plainTime := 0.0 // of a call, in ns
	run := func(how string, f func()) {
		b.Run(name+"/"+how, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bytes))
			for b.Loop() {
				f()
			}
			each := float64(b.Elapsed()) / float64(b.N)
			if how == withoutKernels {
				plainTime = each
			} else if plainTime > 0 {
				b.ReportMetric(plainTime/each, "times-plain")
			}
		})
	}
	if plain != nil {
		run(withoutKernels, plain)
	}
	has := simd.Has
	defer func() { simd.Has = has }()
	for l := range has {
		if !has[l] {
			continue
		}
		level := simd.Level(l)
		keepTo(level, has)
		if level == simd.Baseline && plain == nil {
			run(withoutKernels, function)
		} else {
			run(level.String(), function)
		}
	}
}

// Block is a block of pixels in rows Stride apart, from Pix[0] on to the last byte of Pix.
type Block struct {
	Pix    []byte
	Stride int
}

// Memory is a stretch of memory between pages that cannot be touched, for many blocks one after the other.
type Memory struct {
	rng        *rand.Rand
	start, end []byte // the same number of bytes, at either kind of edge
}

// NewMemory gives memory for blocks of up to n bytes.
func NewMemory(t testing.TB, rng *rand.Rand, n int) *Memory {
	return &Memory{rng, atStart(t, n), atEnd(t, n)}
}

// Bytes gives n bytes of some kind of content, right behind or right before memory that cannot be touched.
func (m *Memory) Bytes(n int) []byte {
	var p []byte
	if m.rng.IntN(4) == 0 {
		p = m.start[:n:n]
	} else {
		p = m.end[len(m.end)-n:]
	}
	Fill(m.rng, p)
	return p
}

// Block gives a w x h block with a random stride of up to w + maxGap.
func (m *Memory) Block(w, h, maxGap int) Block {
	stride := w + m.rng.IntN(maxGap+1)
	return Block{m.Bytes((h-1)*stride + w), stride}
}

// Fill fills pixels with noise of some kind: any values, extreme ones, or nearly equal ones.
func Fill(rng *rand.Rand, p []byte) {
	kind, base := rng.IntN(5), rng.IntN(256)
	for i := range p {
		switch kind {
		case 0, 1:
			p[i] = byte(rng.Uint32())
		case 2:
			p[i] = byte(-int(rng.Uint32() & 1))
		case 3:
			p[i] = byte(base)
		default:
			p[i] = byte(min(max(base+rng.IntN(9)-4, 0), 255))
		}
	}
}

// Words fills coefficients with noise of some kind: any values up to limit, extreme ones, small ones, or few.
func Words(rng *rand.Rand, c []int16, limit int) {
	kind := rng.IntN(5)
	for i := range c {
		v := 0
		switch kind {
		case 0:
			v = rng.IntN(2*limit+1) - limit
		case 1:
			v = limit
			if rng.IntN(2) == 0 {
				v = -limit
			}
		case 2:
			v = rng.IntN(2*min(limit, 20)+1) - min(limit, 20)
		case 3:
			if rng.IntN(8) == 0 {
				v = rng.IntN(2*limit+1) - limit
			}
		default:
			if rng.IntN(3) == 0 {
				v = rng.IntN(3) - 1
			}
		}
		c[i] = int16(v)
	}
}
