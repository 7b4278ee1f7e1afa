package rdo

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
)

// TestSceneCut: where nothing of a picture is in the references, most macroblocks are not searched for there; where all of it has moved,
// they are.
func TestSceneCut(t *testing.T) {
	const cols, rows = 30, 8
	pool := picture.NewPool(cols*16, rows*16)
	rng := rand.New(rand.NewPCG(31, 1))
	old, other := pool.Get(), pool.Get()
	for i := range old.Y.Pix {
		old.Y.Pix[i] = byte(rng.IntN(256))
		other.Y.Pix[i] = byte(120 + rng.IntN(16))
	}
	moved := pool.Get()
	for y := range moved.Y.Height {
		copy(moved.Y.Pix[moved.Y.At(0, y):][:moved.Y.Width], old.Y.Pix[old.Y.At(3, y+2):])
	}
	for _, p := range []*picture.Picture{old, other, moved} {
		p.ExtendBorder()
	}
	searched := func(src *picture.Picture) (n int) {
		h := &header.Frame{
			UseSkip: true, ProbSkip: 128, ProbIntra: 60, ProbLast: 150, ProbGolden: 128,
			Quantizers: header.Quantizers{Base: 30}, Context: header.Context{Probs: entropy.Default},
		}
		f := &Frame{Header: h, Source: src, Costs: new(Costs), Recon: pool.Get()}
		f.Refs[header.Last] = old
		f.Costs.Set(h)
		for i := range f.Plan {
			f.Plan[i] = NewPlan(h.Quantizers.Base, &h.Quantizers)
		}
		f.Reset(cols, rows)
		f.Start()
		speed := middling
		speed.IntraGate, speed.EarlySkip = 12, false
		var c Coder
		for row := range rows {
			c.Row([]Task{{f, &speed}}, row, nothing, nothing)
		}
		for _, found := range f.Vectors {
			if found[header.Last].Valid {
				n++
			}
		}
		return n
	}
	if n := searched(other); n > cols*rows*6/10 { // the first of each row, the row at the top, and the sample
		t.Errorf("%d of %d macroblocks of a new scene were searched for", n, cols*rows)
	}
	if n := searched(moved); n < cols*rows*9/10 {
		t.Errorf("only %d of %d macroblocks that moved were searched for", n, cols*rows)
	}
}
