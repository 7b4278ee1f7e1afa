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

// TestOnlyDC: the residue of a block whose only level is the first is that of the whole transform.
func TestOnlyDC(t *testing.T) {
	base := make([]byte, 8*stride)
	for i := range base {
		base[i] = byte(i * 7)
	}
	for dc := math.MinInt16; dc <= math.MaxInt16; dc++ {
		a, b := bytes.Clone(base), bytes.Clone(base)
		AddResidue(&[16]int16{int16(dc)}, 1, [2]int16{1, 1}, a[at:], stride)
		AddResidue(&[16]int16{int16(dc)}, 2, [2]int16{1, 1}, b[at:], stride)
		if !bytes.Equal(a, b) {
			t.Fatalf("DC %d alone and among others differ", dc)
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
		AddResidue(&coeffs, 16, [2]int16{1, 1}, got[at:], stride)
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
		var out [16]int16
		DequantizedWHT(&coeffs, [2]int16{1, 1}, &out)
		for b, v := range out {
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
		var out [16]int16
		DequantizedWHT(&[16]int16{int16(dc)}, [2]int16{1, 1}, &out)
		for b := range 16 {
			if int(out[b]) != (dc+3)>>3 {
				t.Fatalf("DC %d: block %d gets %d, want %d", dc, b, out[b], (dc+3)>>3)
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
		AddResidue(&coeffs, 16, [2]int16{1, 1}, got[at:], stride)
		for y := range 4 {
			copy(got[at+y*stride:][:4], before[at+y*stride:])
		}
		if !bytes.Equal(got, before) {
			t.Fatal("pixels outside the block changed")
		}
		var out [16]int16
		DequantizedWHT(&coeffs, [2]int16{1, 1}, &out)
	})
}
