package boolcoder

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// BenchmarkBools encodes and decodes bools that are as likely as their probabilities say: a byte of SetBytes is a bool.
func BenchmarkBools(b *testing.B) {
	const count = 100000
	rng := rand.New(rand.NewPCG(1, 2))
	var table Table
	for i := range table {
		table[i] = uint8(1 + rng.IntN(255))
	}
	var list List
	for range count {
		c := uint16(2 * rng.IntN(TableSize))
		if rng.IntN(256) >= int(table[c>>1]) {
			c++
		}
		list = binary.LittleEndian.AppendUint16(list, c)
	}
	at := func(i int) (bit bool, p uint8) {
		c := binary.LittleEndian.Uint16(list[2*i:])
		return c&1 != 0, table[c>>1]
	}
	var w Writer
	buf := make([]byte, 0, count)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(count)
			for b.Loop() {
				f()
			}
		})
	}
	run("write", func() {
		w.Reset(buf)
		for i := range count {
			w.Bool(at(i))
		}
	})
	run("write/list", func() {
		w.Reset(buf)
		w.List(list, &table)
	})
	data := w.Finish()
	run("read", func() {
		r := NewReader(data)
		for i := range count {
			_, p := at(i)
			r.Bool(p)
		}
	})
	run("read/run", func() {
		r := NewReader(data)
		s := r.Begin()
		for i := range count {
			if !s.Ready() {
				s = r.Fill(s)
			}
			_, p := at(i)
			s, _ = s.Bool(p)
		}
	})
}
