package convert

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"salsify/codec/internal/kerneltest"
)

const (
	trials   = 2000
	maxWidth = 150 // some blocks of the widest kernel
	maxGap   = 40
)

// memories are stretches of memory between pages that cannot be touched, one for each row that a kernel looks at.
type memories struct {
	t     *testing.T
	rng   *rand.Rand
	given []*kerneltest.Memory
	used  int
}

func newMemories(t *testing.T) *memories {
	return &memories{t: t, rng: rand.New(rand.NewPCG(1, 1))}
}

// bytes gives n bytes of some content, other memory at each call until again is called.
func (m *memories) bytes(n int) []byte {
	if m.used == len(m.given) {
		m.given = append(m.given, kerneltest.NewMemory(m.t, m.rng, 4*(maxWidth+maxGap)*16))
	}
	m.used++
	return m.given[m.used-1].Bytes(n)
}

// words gives words from 0 to 255*128, as rows that are added up are.
func (m *memories) words(n int) []int16 {
	w := unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(m.bytes(2*n)))), n)
	for i := range w {
		w[i] = int16(m.rng.IntN(3)) * 255 * 64
		if m.rng.IntN(3) > 0 {
			w[i] = int16(m.rng.IntN(255*128 + 1))
		}
	}
	return w
}

func (m *memories) again() (width int) {
	m.used = 0
	return 1 + m.rng.IntN(maxWidth)
}

// same compares what a kernel and the Go that defines it made.
func same[T comparable](t *testing.T, name string, width int, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s, %d wide:\n%v, want\n%v", name, width, got, want)
	}
}

func TestPackedKernels(t *testing.T) { kerneltest.Levels(t, testPackedKernels) }

func testPackedKernels(t *testing.T) {
	m := newMemories(t)
	for range trials {
		w := m.again()
		chroma, luma := (w+1)/2, m.rng.IntN(2)
		got := [][]byte{m.bytes(w), m.bytes(w), m.bytes(chroma), m.bytes(chroma)}
		want := [][]byte{make([]byte, w), make([]byte, w), make([]byte, chroma), make([]byte, chroma)}
		src0, src1 := m.bytes(4*chroma), m.bytes(4*chroma)
		packedRows(got[0], got[1], got[2], got[3], src0, src1, luma)
		packedRowsGo(want[0], want[1], want[2], want[3], src0, src1, luma)
		for i, name := range []string{"upper luma", "lower luma", "Cb", "Cr"} {
			same(t, name, w, got[i], want[i])
		}
	}
}

func TestSplitKernel(t *testing.T) { kerneltest.Levels(t, testSplitKernel) }

func testSplitKernel(t *testing.T) {
	m := newMemories(t)
	for range trials {
		w := m.again()
		a, b, src := m.bytes(w), m.bytes(w), m.bytes(2*w)
		wantA, wantB := make([]byte, w), make([]byte, w)
		split(a, b, src)
		splitGo(wantA, wantB, src)
		same(t, "first", w, a, wantA)
		same(t, "second", w, b, wantB)
	}
}

func TestRGBKernels(t *testing.T) { kerneltest.Levels(t, testRGBKernels) }

func testRGBKernels(t *testing.T) {
	m := newMemories(t)
	for range trials {
		w := m.again()
		chroma, pixelBytes := (w+1)/2, 3+m.rng.IntN(2)
		f := &factorsFromRGB[m.rng.IntN(2)][m.rng.IntN(2)]
		got := [][]byte{m.bytes(w), m.bytes(w), m.bytes(chroma), m.bytes(chroma)}
		want := [][]byte{make([]byte, w), make([]byte, w), make([]byte, chroma), make([]byte, chroma)}
		src0, src1 := m.bytes(pixelBytes*w), m.bytes(pixelBytes*w)
		rgbRows(got[0], got[1], got[2], got[3], src0, src1, pixelBytes, f)
		rgbRowsGo(want[0], want[1], want[2], want[3], src0, src1, pixelBytes, f)
		for i, name := range []string{"upper luma", "lower luma", "Cb", "Cr"} {
			same(t, name, w, got[i], want[i])
		}
	}
}

func TestToRGBKernel(t *testing.T) { kerneltest.Levels(t, testToRGBKernel) }

func testToRGBKernel(t *testing.T) {
	m := newMemories(t)
	for range trials {
		w := m.again()
		f := &factorsToRGB[m.rng.IntN(2)][m.rng.IntN(2)]
		got, want := m.bytes(4*w), make([]byte, 4*w)
		y, first, second := m.bytes(w), m.bytes((w+1)/2), m.bytes((w+1)/2)
		toRGBRow(got, y, first, second, f)
		toRGBRowGo(want, y, first, second, f)
		same(t, "pixels", w, got, want)
	}
}

func TestMeanKernels(t *testing.T) { kerneltest.Levels(t, testMeanKernels) }

func testMeanKernels(t *testing.T) {
	m := newMemories(t)
	for range trials {
		w := m.again()
		got, want := m.bytes(w), make([]byte, w)
		src0, src1 := m.bytes(2*w), m.bytes(2*w)
		halveRow(got, src0, src1)
		halveRowGo(want, src0, src1)
		same(t, "half", w, got, want)

		w = m.again()
		got, want = m.bytes(w), make([]byte, w)
		stride := 4*w + m.rng.IntN(maxGap)
		src := m.bytes(3*stride + 4*w)
		quarterRow(got, src, stride)
		quarterRowGo(want, src, stride)
		same(t, "quarter", w, got, want)
	}
}

func TestWeighRowsKernel(t *testing.T) { kerneltest.Levels(t, testWeighRowsKernel) }

func testWeighRowsKernel(t *testing.T) {
	m := newMemories(t)
	for range trials {
		w := m.again()
		// Weights of one sum, as all are.
		weights := make([]int32, 1+m.rng.IntN(10))
		left := int32(oneWeight)
		for i := range weights[1:] {
			weights[i+1] = m.rng.Int32N(left + 1)
			left -= weights[i+1]
		}
		weights[0] = left
		stride := w + m.rng.IntN(maxGap)
		got, want := m.words(w), make([]int16, w)
		src := m.bytes((len(weights)-1)*stride + w)
		weighRows(got, src, stride, weights)
		weighRowsGo(want, src, stride, weights)
		same(t, "row", w, got, want)
	}
}

func TestWeighColumnsKernel(t *testing.T) { kerneltest.Levels(t, testWeighColumnsKernel) }

func testWeighColumnsKernel(t *testing.T) {
	m := newMemories(t)
	for range trials {
		var a axis
		a.prepare(m.again(), 1+m.rng.IntN(maxWidth), Filter(m.rng.IntN(2)))
		got, want := m.bytes(a.out), make([]byte, a.out)
		row := m.words(a.in + 2*a.pairs)
		weighColumns(got, row, &a)
		weighColumnsGo(want, row, &a, 0)
		same(t, "row", a.out, got, want)
	}
}

// Each function makes the same of a whole picture at each level, whatever its size.
func TestPicturesAtAllLevels(t *testing.T) {
	var first [][]byte
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 2))
		var all [][]byte
		for range 30 {
			all = append(all, convertAll(t, rng)...)
		}
		if first == nil {
			first = all
		}
		for i := range all {
			if !bytes.Equal(all[i], first[i]) {
				t.Fatalf("picture %d differs from that without vector instructions", i)
			}
		}
	})
}
