// Package loopfilter smooths the block edges of a decoded picture, whose result is shown and predicted from (RFC 6386,
// section 15).
package loopfilter

import (
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// Filter filters the pictures of one frame.
type Filter struct {
	simple bool
	levels [4][header.NumRefs][4]uint8 // by segment, reference and kind of mode
	params [64]params                  // by level
}

// params are the limits that a filter level stands for (section 15.2 to 15.4).
type params struct {
	edge     int32 // limit of the step across a macroblock's edge
	subEdge  int32 // across a block's edge within a macroblock
	interior int32 // of the differences on either side
	highVar  int32 // above this the edge counts as one of high variance
}

// Kinds of mode, the last index of levels and the index of header.Deltas.Mode.
const (
	kindBPred = iota
	kindZero  // and, of intra macroblocks, all modes but BPred: no delta
	kindMoved
	kindSplit
)

// New works out the levels and limits for a frame.
func New(f *header.Frame) *Filter {
	lf := &Filter{simple: f.SimpleFilter}
	for seg := range lf.levels {
		base := f.FilterLevel
		if f.Segmentation {
			if s := &f.Context.Segments; s.Absolute {
				base = int(s.Filter[seg])
			} else {
				base += int(s.Filter[seg])
			}
			base = clampLevel(base)
		}
		for ref := range lf.levels[seg] {
			for kind := range lf.levels[seg][ref] {
				level := base
				if f.UseDeltas {
					level += int(f.Context.Deltas.Ref[ref])
					if ref != header.Intra || kind == kindBPred {
						level += int(f.Context.Deltas.Mode[kind])
					}
				}
				lf.levels[seg][ref][kind] = uint8(clampLevel(level))
			}
		}
	}
	for level := range lf.params {
		lf.params[level] = limits(level, f.Sharpness, f.Key)
	}
	return lf
}

func clampLevel(l int) int { return min(max(l, 0), 63) }

func limits(level, sharpness int, key bool) params {
	interior := level
	if sharpness > 0 {
		interior >>= 1
		if sharpness > 4 {
			interior >>= 1
		}
		interior = min(interior, 9-sharpness)
	}
	interior = max(interior, 1)
	highVar := 0
	switch {
	case level >= 40:
		highVar = 2
	case level >= 15:
		highVar = 1
	}
	if !key && level >= 20 {
		highVar++
	}
	return params{
		edge:     int32((level+2)*2 + interior),
		subEdge:  int32(level*2 + interior),
		interior: int32(interior),
		highVar:  int32(highVar),
	}
}

func (lf *Filter) of(m *mode.Macroblock) *params {
	kind := kindMoved
	switch m.YMode {
	case entropy.BPred:
		kind = kindBPred
	case entropy.SplitMV:
		kind = kindSplit
	case entropy.ZeroMV, entropy.DCPred, entropy.VPred, entropy.HPred, entropy.TMPred:
		kind = kindZero
	}
	level := lf.levels[m.Segment][m.Ref][kind]
	if level == 0 {
		return nil
	}
	return &lf.params[level]
}

// Row filters one row of macroblocks. The rows above must have been filtered before, the row itself and the one above it must
// be reconstructed, and nothing may be predicted from their unfiltered pixels any more.
func (lf *Filter) Row(pic *picture.Picture, modes *mode.Map, row int) {
	lf.row(pic, modes, row, true)
}

// LumaRow filters the luma of a row as Row does, and leaves the chroma.
func (lf *Filter) LumaRow(pic *picture.Picture, modes *mode.Map, row int) {
	lf.row(pic, modes, row, false)
}

func (lf *Filter) row(pic *picture.Picture, modes *mode.Map, row int, chroma bool) {
	for col := range modes.Cols {
		m := modes.At(col, row)
		p := lf.of(m)
		if p == nil {
			continue
		}
		inner := !m.Skip || !m.HasY2()
		if lf.simple {
			simpleMacroblock(&pic.Y, col, row, p, inner)
			continue
		}
		normalPlane(&pic.Y, 16, col, row, p, inner)
		if chroma {
			normalPlane(&pic.U, 8, col, row, p, inner)
			normalPlane(&pic.V, 8, col, row, p, inner)
		}
	}
}

// normalPlane filters one component of a macroblock, size pixels wide and high.
func normalPlane(pl *picture.Plane, size, col, row int, p *params, inner bool) {
	at, s := pl.At(col*size, row*size), pl.Stride
	if col > 0 {
		macroblockEdge(pl.Pix, at, 1, s, size, p)
	}
	if inner {
		for i := 4; i < size; i += 4 {
			blockEdge(pl.Pix, at+i, 1, s, size, p)
		}
	}
	if row > 0 {
		macroblockEdge(pl.Pix, at, s, 1, size, p)
	}
	if inner {
		for i := 4; i < size; i += 4 {
			blockEdge(pl.Pix, at+i*s, s, 1, size, p)
		}
	}
}
func simpleMacroblock(y *picture.Plane, col, row int, p *params, inner bool) {
	at, s := y.At(col*16, row*16), y.Stride
	if col > 0 {
		simpleEdge(y.Pix, at, 1, s, p.edge)
	}
	if inner {
		for i := 4; i < 16; i += 4 {
			simpleEdge(y.Pix, at+i, 1, s, p.subEdge)
		}
	}
	if row > 0 {
		simpleEdge(y.Pix, at, s, 1, p.edge)
	}
	if inner {
		for i := 4; i < 16; i += 4 {
			simpleEdge(y.Pix, at+i*s, s, 1, p.subEdge)
		}
	}
}
