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

// compareRows runs trials of rows of random width, at each level of vector instructions.
func compareRows(t *testing.T, trial func(t *testing.T, m *memories, width int)) {
	kerneltest.Levels(t, func(t *testing.T) {
		m := &memories{t: t, rng: rand.New(rand.NewPCG(1, 1))}
		for range trials {
			m.used = 0
			trial(t, m, 1+m.rng.IntN(maxWidth))
		}
	})
}

// memories are stretches of memory between pages that cannot be touched, one for each row that a kernel looks at.
type memories struct {
	t     *testing.T
	rng   *rand.Rand
	given []*kerneltest.Memory
	used  int // in this trial
}

// bytes gives n bytes of some content, other memory at each call in a trial.
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

// twoRows are two rows of luma, and the one each of Cb and Cr that they have in common.
type twoRows [4][]byte

// twoRows gives memory for what a kernel and the Go that defines it make of two rows.
func (m *memories) twoRows(width int) (got, want twoRows) {
	for i := range got {
		n := width
		if i >= 2 {
			n = (width + 1) / 2
		}
		got[i], want[i] = m.bytes(n), make([]byte, n)
	}
	return got, want
}

func sameTwoRows(t *testing.T, width int, got, want twoRows) {
	t.Helper()
	for i, name := range []string{"upper luma", "lower luma", "Cb", "Cr"} {
		same(t, name, width, got[i], want[i])
	}
}

// same compares what a kernel and the Go that defines it made.
func same[T comparable](t *testing.T, name string, width int, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s, %d wide:\n%v, want\n%v", name, width, got, want)
	}
}

func TestPackedKernels(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		chroma, luma := (w+1)/2, m.rng.IntN(2)
		got, want := m.twoRows(w)
		src0, src1 := m.bytes(4*chroma), m.bytes(4*chroma)
		packedRows(got[0], got[1], got[2], got[3], src0, src1, luma)
		packedRowsGo(want[0], want[1], want[2], want[3], src0, src1, luma)
		sameTwoRows(t, w, got, want)
	})
}

func TestSplitKernel(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		a, b, src := m.bytes(w), m.bytes(w), m.bytes(2*w)
		wantA, wantB := make([]byte, w), make([]byte, w)
		split(a, b, src)
		splitGo(wantA, wantB, src)
		same(t, "first", w, a, wantA)
		same(t, "second", w, b, wantB)
	})
}

func TestRGBKernels(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		pixelBytes := 3 + m.rng.IntN(2)
		f := &factorsFromRGB[m.rng.IntN(2)][m.rng.IntN(2)]
		got, want := m.twoRows(w)
		src0, src1 := m.bytes(pixelBytes*w), m.bytes(pixelBytes*w)
		rgbRows(got[0], got[1], got[2], got[3], src0, src1, pixelBytes, f)
		rgbRowsGo(want[0], want[1], want[2], want[3], src0, src1, pixelBytes, f)
		sameTwoRows(t, w, got, want)
	})
}

func TestToRGBKernel(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		f := &factorsToRGB[m.rng.IntN(2)][m.rng.IntN(2)]
		got, want := m.bytes(4*w), make([]byte, 4*w)
		y, first, second := m.bytes(w), m.bytes((w+1)/2), m.bytes((w+1)/2)
		toRGBRow(got, y, first, second, f)
		toRGBRowGo(want, y, first, second, f)
		same(t, "pixels", w, got, want)
	})
}

func TestHalveKernel(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		got, want := m.bytes(w), make([]byte, w)
		src0, src1 := m.bytes(2*w), m.bytes(2*w)
		halveRow(got, src0, src1)
		halveRowGo(want, src0, src1)
		same(t, "half", w, got, want)
	})
}

func TestQuarterKernel(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		got, want := m.bytes(w), make([]byte, w)
		stride := 4*w + m.rng.IntN(maxGap)
		src := m.bytes(3*stride + 4*w)
		quarterRow(got, src, stride)
		quarterRowGo(want, src, stride)
		same(t, "quarter", w, got, want)
	})
}

func TestWeighRowsKernel(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
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
	})
}

func TestWeighColumnsKernel(t *testing.T) {
	compareRows(t, func(t *testing.T, m *memories, w int) {
		var a axis
		a.prepare(w, 1+m.rng.IntN(maxWidth), Filter(m.rng.IntN(2)))
		got, want := m.bytes(a.out), make([]byte, a.out)
		row := m.words(a.in + 2*a.pairs)
		weighColumns(got, row, &a)
		weighColumnsGo(want, row, &a, 0)
		same(t, "row", a.out, got, want)
	})
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
