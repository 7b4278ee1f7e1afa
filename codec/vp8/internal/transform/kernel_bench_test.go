package transform

import "testing"

func BenchmarkForwardDCT(b *testing.B) {
	p, q := make([]byte, 64*16), make([]byte, 64*16)
	for i := range p {
		p[i], q[i] = byte(i*i>>3), byte(i*i>>2)
	}
	out := make([]int16, 256)
	one := (*[16]int16)(out)
	b.Run("1/kernel", func(b *testing.B) {
		for b.Loop() {
			ForwardDCT(p, 64, q, 64, one)
		}
	})
	b.Run("1/plain", func(b *testing.B) {
		for b.Loop() {
			forwardDCTGo(p, 64, q, 64, one)
		}
	})
	b.Run("16/kernel", func(b *testing.B) {
		for b.Loop() {
			ForwardDCTs(p, 64, q, 64, 16, 16, out)
		}
	})
	b.Run("16/plain", func(b *testing.B) {
		for b.Loop() {
			forwardDCTsGo(p, 64, q, 64, 16, 16, out)
		}
	})
}

func BenchmarkInverseDCT(b *testing.B) {
	dst := make([]byte, 64*4)
	in := [16]int16{100, -30, 20, 5, 7, 3}
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			AddInverseDCT(&in, dst, 64)
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			addInverseDCTGo(&in, dst, 64)
		}
	})
	b.Run("DC/kernel", func(b *testing.B) {
		for b.Loop() {
			AddDC(7, dst, 64)
		}
	})
	b.Run("DC/plain", func(b *testing.B) {
		for b.Loop() {
			addToBlockGo(1, dst, 64)
		}
	})
}

func BenchmarkForwardWHT(b *testing.B) {
	var coeffs [256]int16
	var out [16]int16
	for i := range coeffs {
		coeffs[i] = int16(i*37%255 - 100)
	}
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			ForwardWHT(coeffs[:], &out)
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			forwardWHTGo(coeffs[:], &out)
		}
	})
}

func BenchmarkAddDequantized(b *testing.B) {
	dst := make([]byte, 64*4)
	levels := [16]int16{10, -3, 2, 5, 7, 3}
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			AddDequantized(&levels, [2]int16{10, 12}, dst, 64)
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			addDequantizedGo(&levels, [2]int16{10, 12}, dst, 64)
		}
	})
}
