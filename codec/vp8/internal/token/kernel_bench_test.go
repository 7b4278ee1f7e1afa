package token

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// benchmarkMacroblocks are macroblocks with few, small levels, as at middling quantizers.
func benchmarkMacroblocks() (levels []Coeffs, ends []Ends) {
	const count = 500
	rng := rand.New(rand.NewPCG(1, 2))
	levels, ends = make([]Coeffs, count), make([]Ends, count)
	for i := range levels {
		for b := range NumBlocks {
			block := levels[i].Block(b)
			first := 0
			if b < FirstU {
				first = 1
			}
			for pos := first; pos < 16 && rng.IntN(4) > 0; pos++ {
				if rng.IntN(3+2*pos) > 0 {
					continue
				}
				v := int16(1)
				for rng.IntN(3) == 0 {
					v++
				}
				block[ZigZag[pos]] = v * int16(1-2*rng.IntN(2))
			}
			ends[i][b] = End(block)
		}
	}
	return levels, ends
}

// eachMacroblock calls f with the contexts of macroblocks in a row.
func eachMacroblock(count int, f func(i int, above, left *Context)) {
	var left Context
	for i := range count {
		var above Context
		f(i, &above, &left)
	}
}

// BenchmarkMacroblock prices, collects, counts, writes and reads the tokens of macroblocks: a byte of SetBytes is a macroblock.
func BenchmarkMacroblock(b *testing.B) {
	levels, ends := benchmarkMacroblocks()
	count := len(levels)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(count))
			for b.Loop() {
				f()
			}
		})
	}
	var costs Costs
	costs.Set(&entropy.DefaultCoeff)
	kerneltest.Compare(b, "costs", count, func() {
		eachMacroblock(count, func(i int, above, left *Context) {
			costs.lumaGo(entropy.BlockYAfterY2, 1, above, left, &levels[i], &ends[i])
			costs.chromaGo(above, left, &levels[i], &ends[i])
		})
	}, func() {
		eachMacroblock(count, func(i int, above, left *Context) {
			costs.luma(entropy.BlockYAfterY2, 1, above, left, &levels[i], &ends[i])
			costs.chroma(above, left, &levels[i], &ends[i])
		})
	})
	var s Stream
	run("add", func() {
		s.Reset()
		eachMacroblock(count, func(i int, above, left *Context) { s.Add(above, left, true, &levels[i], &ends[i]) })
	})
	run("count", func() {
		var n Counts
		s.Count(&n)
	})
	var w boolcoder.Writer
	var table boolcoder.Table
	SetTable(&table, &entropy.DefaultCoeff)
	buf := make([]byte, 0, 1<<20)
	run("write", func() {
		w.Reset(buf)
		s.Write(&w, &table)
	})
	data := w.Finish()
	read := func(f func(r *boolcoder.Reader, probs *entropy.CoeffProbs, above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) bool) func() {
		var r boolcoder.Reader
		var above, left Context
		var c Coeffs
		var ends Ends
		return func() {
			r, left = boolcoder.NewReader(data), Context{}
			for range count {
				above = Context{}
				f(&r, &entropy.DefaultCoeff, &above, &left, true, &c, &ends)
				for b, end := range ends {
					if end > 0 {
						*c.Block(b) = [16]int16{}
					}
				}
			}
		}
	}
	kerneltest.Compare(b, "read", count, read(readGo), read(Read))
}
