package rdo

import (
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/token"
)

// Thrift says for how many eighths of a segment's macroblocks bits are dearer than usual.
type Thrift struct{ Segment, Eighths int }

// dearer is how many times as dear. With the trellis, which they then always get, these macroblocks take about as much less as one
// quantizer index makes it where the steps are finest.
const dearer = 2

// Levels codes all macroblocks of a frame again, with other quantizers and with the modes and vectors that they have from the pass
// before: only their levels are chosen, and whether there are to be any. With the quantizers of that pass and no Thrift it changes
// nothing.
func (c *Coder) Levels(t Task, thrift Thrift) {
	if len(c.coders) == 0 {
		c.coders = append(c.coders, &coder{known: &c.known})
	}
	k := c.coders[0]
	dear, thorough := t.Frame.Plan[thrift.Segment], *t.Speed
	dear.Lambda *= dearer
	thorough.Trellis = true
	for row := range t.Frame.Modes.Rows {
		k.left = token.Context{}
		for col := range t.Frame.Modes.Cols {
			k.speed = t.Speed
			k.begin(t.Frame, col, row)
			// In every row and every column as many of eight.
			if int(k.around.Here.Segment) == thrift.Segment && (col+3*row)%8 < thrift.Eighths {
				k.speed, k.plan = &thorough, &dear
			}
			k.again()
			k.finish()
			k.reconstruct()
		}
	}
}

// again makes a trial of the modes and vectors that the macroblock has, and that the best one.
func (c *coder) again() {
	t := c.other
	c.best, c.other = t, c.best
	t.Macroblock = *c.around.Here
	t.p, t.own.has = &t.own, 0
	t.rate = 0 // of the modes: the same with levels and without
	switch {
	case t.YMode == entropy.BPred: // finish does the luma
		t.placed = false
		c.predictIntraChroma(t, t.UVMode)
		c.quantizeChroma(t)
		t.ends[token.Y2] = 0
		return
	case t.Ref == header.Intra:
		c.predictIntra(t)
		c.predictIntraChroma(t, t.UVMode)
	case t.YMode == entropy.SplitMV:
		c.predictSplit(t)
	default:
		t.own.ref, t.own.mv = t.Ref, t.MV
		if c.quick && t.YMode == entropy.ZeroMV && c.stays(t) {
			t.Skip, t.ends = true, token.Ends{}
			return
		}
	}
	c.scoreWhole(t)
}
