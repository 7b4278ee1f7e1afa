package transform

import (
	"testing"

	"salsify/codec/internal/kerneltest"
)

// residue gives two areas of 64 pixels a row.
func residue() (p, q []byte) {
	p, q = make([]byte, 64*16), make([]byte, 64*16)
	for i := range p {
		p[i] = byte(i * i >> 3)
		q[i] = p[i] + byte(i*7919>>4&15) - 7
	}
	return p, q
}

func BenchmarkForward(b *testing.B) {
	p, q := residue()
	coeffs := make([]int16, 256)
	one, y2 := (*[16]int16)(coeffs), new([16]int16)
	kerneltest.Compare(b, "block", 16, func() { forwardDCTGo(p, 64, q, 64, one) }, func() { ForwardDCT(p, 64, q, 64, one) })
	kerneltest.Compare(b, "luma", 256, func() { forwardLumaGo(p, 64, q, 64, coeffs, y2) }, func() { ForwardLuma(p, 64, q, 64, coeffs, y2) })
	kerneltest.Compare(b, "chroma", 128, func() { forwardChromaGo(p, p[8:], 64, q, q[8:], 64, coeffs) },
		func() { ForwardChroma(p, p[8:], 64, q, q[8:], 64, coeffs) })
}

func BenchmarkBound(b *testing.B) {
	p, q := residue()
	kerneltest.Compare(b, "luma", 256, func() { boundLumaGo(p, 64, q, 64) }, func() { BoundLuma(p, 64, q, 64) })
	kerneltest.Compare(b, "chroma", 128, func() { boundChromaGo(p, p[8:], 64, q, q[8:], 64) },
		func() { BoundChroma(p, p[8:], 64, q, q[8:], 64) })
}

func BenchmarkInverse(b *testing.B) {
	dst := make([]byte, 64*4)
	in, dcs := [16]int16{100, -30, 20, 5, 7, 3}, new([16]int16)
	steps := [2]int16{10, 12}
	kerneltest.Compare(b, "block", 16, func() { addDequantizedGo(&in, steps, dst, 64) }, func() { AddResidue(&in, 16, steps, dst, 64) })
	kerneltest.Compare(b, "DC", 16, func() { addToBlockGo(1, dst, 64) }, func() { AddResidue(&in, 1, steps, dst, 64) })
	kerneltest.Compare(b, "WHT", 256, func() { dequantizedWHTGo(&in, steps, dcs) }, func() { DequantizedWHT(&in, steps, dcs) })
}

// BenchmarkAdd has macroblocks whose blocks have all coefficients, and ones that only have the first.
func BenchmarkAdd(b *testing.B) {
	pred, dst := residue()
	levels, steps := make([]int16, 256), [2]int16{10, 12}
	for i := range levels {
		levels[i] = int16(i*37%7 - 3)
	}
	for name, end := range map[string]uint8{"all": 16, "DC": 1} {
		var ends [16]uint8
		for i := range ends {
			ends[i] = end
		}
		kerneltest.Compare(b, name+"/luma", 256, func() { addLumaGo(levels, ends[:], steps, nil, pred, 64, dst, 64) },
			func() { AddLuma(levels, ends[:], steps, nil, pred, 64, dst, 64) })
		kerneltest.Compare(b, name+"/chroma", 128, func() { addChromaGo(levels, ends[:8], steps, pred, pred[8:], 64, dst, dst[8:], 64) },
			func() { AddChroma(levels, ends[:], steps, pred, pred[8:], 64, dst, dst[8:], 64) })
	}
}
