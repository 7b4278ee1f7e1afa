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

// Set makes lf the filter of a frame: it works out the levels and limits.
func (lf *Filter) Set(f *header.Frame) {
	lf.simple = f.SimpleFilter
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

// kinds are the kinds of the modes.
var kinds = [...]uint8{
	entropy.DCPred:    kindZero,
	entropy.VPred:     kindZero,
	entropy.HPred:     kindZero,
	entropy.TMPred:    kindZero,
	entropy.BPred:     kindBPred,
	entropy.NearestMV: kindMoved,
	entropy.NearMV:    kindMoved,
	entropy.ZeroMV:    kindZero,
	entropy.NewMV:     kindMoved,
	entropy.SplitMV:   kindSplit,
}

// of gives the limits of a macroblock, or nil if it is not filtered.
func (lf *Filter) of(m *mode.Macroblock) *params {
	level := lf.levels[m.Segment][m.Ref][kinds[m.YMode]]
	if level == 0 {
		return nil
	}
	return &lf.params[level]
}

// Row filters one row of macroblocks. The rows above must have been filtered before, the row itself and the one above it must
// be reconstructed, and nothing may be predicted from their unfiltered pixels any more.
func (lf *Filter) Row(pic *picture.Picture, modes *mode.Map, row int) {
	b := rowOf(pic, row)
	lf.row(&b, modes, row)
}

// lag is how many macroblocks a row stays behind the one above it in Pair: by then nothing that it looks at changes any more.
const lag = 2

// Pair filters a row and the one below it, as Row does one after the other. The filters of a macroblock wait for what those of
// the one before it leave in its first columns; with two rows side by side the CPU has something to do meanwhile.
func (lf *Filter) Pair(pic *picture.Picture, modes *mode.Map, row int) {
	upper, lower := rowOf(pic, row), rowOf(pic, row+1)
	for col := range modes.Cols + lag {
		if col < modes.Cols {
			lf.macroblock(&upper, modes, col, row)
		}
		if col >= lag {
			lf.macroblock(&lower, modes, col-lag, row+1)
		}
	}
}

// LumaRow filters the luma of a row as Row does, and leaves the chroma.
func (lf *Filter) LumaRow(pic *picture.Picture, modes *mode.Map, row int) {
	b := rowOf(pic, row)
	b.u, b.v = nil, nil
	lf.row(&b, modes, row)
}

// rowOf is the first macroblock of a row.
func rowOf(pic *picture.Picture, row int) block {
	return block{
		y: pic.Y.Pix, at: pic.Y.At(0, row*lumaPlaces), stride: pic.Y.Stride,
		u: pic.U.Pix, v: pic.V.Pix, chromaAt: pic.U.At(0, row*chromaPlaces), chromaStride: pic.U.Stride,
	}
}

// row filters a row from its first macroblock on.
func (lf *Filter) row(b *block, modes *mode.Map, row int) {
	for col := range modes.Cols {
		lf.macroblock(b, modes, col, row)
	}
}

// macroblock filters a macroblock and goes on to the next one of the row.
func (lf *Filter) macroblock(b *block, modes *mode.Map, col, row int) {
	m := modes.At(col, row)
	if p := lf.of(m); p != nil {
		var which edges
		if row > 0 {
			which = topEdge
		}
		if col > 0 {
			which |= leftEdge
		}
		if !m.Skip || !m.HasY2() {
			which |= innerEdges
		}
		if lf.simple {
			simpleMacroblock(b, p, which)
		} else {
			normalMacroblock(b, p, which)
		}
	}
	b.at += lumaPlaces
	b.chromaAt += chromaPlaces
}
