package transform

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// block gives 4x4 pixels in the middle of others, and drawn ones differ so that a change outside is noticed.
const (
	stride = 11
	at     = 2*stride + 3
)

func drawPixels(t *rapid.T) []byte {
	return rapid.SliceOfN(rapid.Byte(), 8*stride, 8*stride).Draw(t, "pixels")
}

func drawCoeffs(t *rapid.T, limit int16) (c [16]int16) {
	copy(c[:], rapid.SliceOfN(rapid.OneOf(rapid.Just(int16(0)), rapid.Int16Range(-limit, limit)), 16, 16).Draw(t, "coefficients"))
	return c
}

func clamped(v int) byte { return byte(min(max(v, 0), 255)) }

func TestAddDCIsAddInverseDCT(t *testing.T) {
	base := make([]byte, 8*stride)
	for i := range base {
		base[i] = byte(i * 7)
	}
	for dc := math.MinInt16; dc <= math.MaxInt16; dc++ {
		a, b := bytes.Clone(base), bytes.Clone(base)
		AddDC(int16(dc), a[at:], stride)
		AddInverseDCT(&[16]int16{int16(dc)}, b[at:], stride)
		if !bytes.Equal(a, b) {
			t.Fatalf("DC %d: AddDC and AddInverseDCT differ", dc)
		}
	}
}

// TestInverseDCT compares with the transform in real numbers: sums of cosines, an eighth of them, rounded.
func TestInverseDCT(t *testing.T) {
	// basis[k][x] is what coefficient k adds at pixel x.
	var basis [4][4]float64
	for x := range 4 {
		basis[0][x] = 1
		for k := 1; k < 4; k++ {
			basis[k][x] = math.Sqrt2 * math.Cos(float64(2*x+1)*float64(k)*math.Pi/8)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		coeffs := drawCoeffs(t, 2000)
		before := drawPixels(t)
		got := bytes.Clone(before)
		AddInverseDCT(&coeffs, got[at:], stride)
		for y := range 8 {
			for x := range stride {
				i := y*stride + x
				bx, by := x-3, y-2
				if bx < 0 || bx > 3 || by < 0 || by > 3 {
					if got[i] != before[i] {
						t.Fatalf("the pixel %d,%d outside the block changed", bx, by)
					}
					continue
				}
				sum := 0.0
				for k, c := range coeffs {
					sum += float64(c) * basis[k%4][bx] * basis[k/4][by]
				}
				want := clamped(int(before[i]) + int(math.Floor(sum/8+0.5)))
				if d := int(got[i]) - int(want); d < -1 || d > 1 {
					t.Fatalf("pixel %d,%d is %d, want %d", bx, by, got[i], want)
				}
			}
		}
	})
}

// TestInverseWHT compares with the sum of signed coefficients that it stands for, which is exact.
func TestInverseWHT(t *testing.T) {
	signs := [4][4]int{{1, 1, 1, 1}, {1, 1, -1, -1}, {1, -1, -1, 1}, {1, -1, 1, -1}} // by output, then input
	rapid.Check(t, func(t *rapid.T) {
		coeffs := drawCoeffs(t, 2000)
		out := make([]int16, 400)
		for i := range out {
			out[i] = int16(i)
		}
		InverseWHT(&coeffs, out)
		for i, v := range out {
			b := i / 16
			if i%16 != 0 || b > 15 {
				if v != int16(i) {
					t.Fatalf("coefficient %d of block %d changed", i%16, b)
				}
				continue
			}
			sum := 3
			for k, c := range coeffs {
				sum += signs[b%4][k%4] * signs[b/4][k/4] * int(c)
			}
			if int(v) != sum>>3 {
				t.Fatalf("DC of block %d is %d, want %d", b, v, sum>>3)
			}
		}
	})
}

func TestInverseWHTOfDCIsFlat(t *testing.T) {
	for dc := -32768; dc < 32768; dc += 13 {
		var out [400]int16
		InverseWHT(&[16]int16{int16(dc)}, out[:])
		for b := range 16 {
			if int(out[16*b]) != (dc+3)>>3 {
				t.Fatalf("DC %d: block %d gets %d, want %d", dc, b, out[16*b], (dc+3)>>3)
			}
		}
	}
}

// TestExtremes: what only a hostile stream holds neither panics nor leaves the block.
func TestExtremes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coeffs := drawCoeffs(t, math.MaxInt16)
		before := drawPixels(t)
		got := bytes.Clone(before)
		AddInverseDCT(&coeffs, got[at:], stride)
		for y := range 4 {
			copy(got[at+y*stride:][:4], before[at+y*stride:])
		}
		if !bytes.Equal(got, before) {
			t.Fatal("pixels outside the block changed")
		}
		var out [400]int16
		InverseWHT(&coeffs, out[:])
	})
}
