package vp8

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/loopfilter"
	"salsify/codec/vp8/internal/picture"
)

// How the loop filter is chosen:
//
//  1. The search begins at the level of the last frame, moved as the quantizer has moved since, or at the one that the quantizer
//     usually needs.
//  2. Levels around the best so far are tried in ever smaller steps: each filters a copy of the luma, and what it leaves of the
//     squared error decides. Below the highest efforts a sample of the macroblock rows stands for all; at the lowest ones the
//     sample is smaller yet, and the level moves by one from frame to frame.
//  3. The sharpness is tried in the same way, at the level found.
//  4. The reconstruction is filtered for good.

// chooseFilter chooses the level and sharpness of the loop filter and filters the reconstruction.
func (e *encoder) chooseFilter() {
	f := &e.header
	e.searchFilter()
	if f.FilterLevel > 0 {
		var filter loopfilter.Filter
		filter.Set(f)
		for row := range e.rdo.Modes.Rows {
			filter.Row(e.rdo.Recon, &e.rdo.Modes, row)
		}
	}
	e.rdo.Recon.ExtendBorder()
}

// maxFilterLevel is the highest level of the format.
const maxFilterLevel = 63

// sharpnesses are those that are tried: in the format 1 to 4 halve the interior limit and 5 to 7 quarter it, each step lowering
// its bound by one.
var sharpnesses = [...]int{2, 4, 6}

// usualLevel is the filter level that frames with a quantizer index usually need.
func usualLevel(quantizer int) int { return quantizer * 3 / 8 }

// searchFilter does the steps 1 to 3.
func (e *encoder) searchFilter() {
	f := &e.header
	var measured [maxFilterLevel + 1]struct {
		done bool
		err  int
	}
	try := func(level int) int {
		m := &measured[level]
		if !m.done {
			f.FilterLevel = level
			m.done, m.err = true, e.filteredError()
		}
		return m.err
	}
	memory := &e.state.memory
	best, step := int(memory.FilterLevel), e.effort().filterStep
	if f.Key || best == 0 {
		best, step = usualLevel(f.Quantizers.Base), 8
	} else {
		// Candidates of one picture differ in quantizer, so the frame before may have had quite another.
		best += usualLevel(f.Quantizers.Base) - usualLevel(int(memory.Quantizer))
		best = min(max(best, 1), maxFilterLevel)
	}
	for ; step > 0; step >>= 1 {
		centre := best
		for _, level := range [...]int{centre - step, centre + step} {
			level = min(max(level, 0), maxFilterLevel)
			if try(level) < try(best) {
				best = level
			}
		}
	}
	f.FilterLevel = best
	if best == 0 || !e.effort().sharpness {
		return
	}
	least := try(best)
	chosen := 0
	for _, s := range sharpnesses {
		f.Sharpness = s
		if err := e.filteredError(); err < least {
			least, chosen = err, s
		}
	}
	f.Sharpness = chosen
}

// filteredError is the squared luma error that the filter of the header leaves in the sampled rows of macroblocks.
func (e *encoder) filteredError() int {
	rows := e.rdo.Modes.Rows
	every := e.effort().filterRows
	unfiltered := e.header.FilterLevel == 0
	var filter loopfilter.Filter
	filter.Set(&e.header)
	source, filtered := &e.source.Y, &e.trial.Y
	if unfiltered {
		filtered = &e.rdo.Recon.Y
	}
	sum := 0
	for row := min(every/2, rows-1); row < rows; row += every {
		// Filtering a row changes it and up to 3 lines above.
		top, bottom := max(row*16-filterReach, 0), row*16+16
		if every == 1 {
			bottom -= filterReach // the next row counts them
			if row == rows-1 {
				bottom += filterReach
			}
		}
		if !unfiltered {
			copyLuma(e.trial, e.rdo.Recon, max(row*16-copyReach, 0), row*16+16, every > 1 || row == 0)
			filter.LumaRow(e.trial, &e.rdo.Modes, row)
		}
		sum += distortion.SSE(source.Pix[source.At(0, top):], source.Stride, filtered.Pix[filtered.At(0, top):], filtered.Stride,
			source.Width, bottom-top)
	}
	return sum
}

// Lines above a macroblock row that its filtering changes, and that it looks at.
const (
	filterReach = 3
	copyReach   = 4
)

// copyLuma copies lines of luma; those above the macroblock row are only copied if they were not filtered before.
func copyLuma(dst, src *picture.Picture, top, bottom int, all bool) {
	if !all {
		top = bottom - 16
	}
	for y := top; y < bottom; y++ {
		at := src.Y.At(0, y)
		copy(dst.Y.Pix[at:at+src.Y.Width], src.Y.Pix[at:])
	}
}
