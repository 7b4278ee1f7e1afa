package quant

import "testing"

func BenchmarkQuantize(b *testing.B) {
	q := NewQuantizer([2]int16{37, 41})
	var c, levels [16 * 16]int16
	for i := range c {
		c[i] = int16((i * 7919 % 401) - 200)
	}
	var ends [16]uint8
	one, oneLevels := (*[16]int16)(c[:]), (*[16]int16)(levels[:])
	b.Run("1/kernel", func(b *testing.B) {
		for b.Loop() {
			q.Quantize(one, oneLevels, 0, RoundInter)
		}
	})
	b.Run("1/plain", func(b *testing.B) {
		for b.Loop() {
			q.quantizeGo(one, oneLevels, 0, RoundInter)
		}
	})
	b.Run("16/kernel", func(b *testing.B) {
		for b.Loop() {
			q.QuantizeBlocks(c[:], levels[:], ends[:], 0, RoundInter)
		}
	})
	b.Run("16/plain", func(b *testing.B) {
		for b.Loop() {
			q.quantizeBlocksGo(c[:], levels[:], ends[:], 0, RoundInter)
		}
	})
}
