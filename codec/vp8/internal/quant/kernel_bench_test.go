package quant

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/token"
)

func BenchmarkQuantize(b *testing.B) {
	q := NewQuantizer([2]int16{37, 41})
	var c, levels [16 * 16]int16
	for i := range c {
		c[i] = int16((i * 7919 % 401) - 200)
	}
	var ends [16]uint8
	one, oneLevels := (*[16]int16)(c[:]), (*[16]int16)(levels[:])
	kerneltest.Compare(b, "1", 16, func() { q.quantizeGo(one, oneLevels, 0, RoundInter) }, func() { q.Quantize(one, oneLevels, 0, RoundInter) })
	kerneltest.Compare(b, "16", 256, func() { q.quantizeBlocksGo(c[:], levels[:], ends[:], 0, RoundInter) },
		func() { q.QuantizeBlocks(c[:], levels[:], ends[:], 0, RoundInter) })
}

// BenchmarkTrellis has blocks with few levels that are not zero, and with more and more: too many blocks for the branch prediction to
// learn them.
func BenchmarkTrellis(b *testing.B) {
	var costs token.Costs
	costs.Set(&entropy.DefaultCoeff)
	q := NewQuantizer([2]int16{30, 34})
	rng := rand.New(rand.NewPCG(5, 5))
	const blocks = 1 << 13
	for _, kind := range []struct {
		name string
		size float64 // of the first coefficients
	}{{"few", 16}, {"some", 40}, {"many", 120}} {
		coeffs := make([][16]int16, blocks)
		for i := range coeffs {
			for n, k := range token.ZigZag {
				coeffs[i][k] = int16(rng.NormFloat64() * kind.size / (1 + float64(n)/4))
			}
		}
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(16)
			var levels [16]int16
			for i := 0; b.Loop(); i++ {
				q.Trellis(&coeffs[i%blocks], &levels, 1, 0, &costs[entropy.BlockYAfterY2], 315, CoeffShift)
			}
		})
	}
}
