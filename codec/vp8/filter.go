package vp8

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/loopfilter"
	"salsify/codec/vp8/internal/picture"
)

// chooseFilter does step 4 and filters the reconstruction. The level is searched from what a quantizer usually needs, in ever
// smaller steps, by filtering a copy of the luma and comparing it with the source.
func (e *encoder) chooseFilter() {
	f := &e.header
	errors := map[int]int{}
	try := func(level int) int {
		if err, ok := errors[level]; ok {
			return err
		}
		f.FilterLevel = level
		errors[level] = e.filteredError()
		return errors[level]
	}
	best := min(int(e.header.Quantizers.Base)*3/8, maxFilterLevel)
	for step := 8; step > 0; step >>= 1 {
		for _, level := range []int{best - step, best + step} {
			level = min(max(level, 0), maxFilterLevel)
			if try(level) < try(best) {
				best = level
			}
		}
	}
	f.FilterLevel = best
	if best > 0 {
		filter := loopfilter.New(f)
		for row := range e.rdo.Modes.Rows {
			filter.Row(e.rdo.Recon, &e.rdo.Modes, row)
		}
	}
	e.rdo.Recon.ExtendBorder()
}

// maxFilterLevel is the highest level of the format.
const maxFilterLevel = 63

// filteredError is the squared luma error that the filter of the header leaves.
func (e *encoder) filteredError() int {
	copyLuma(e.trial, e.rdo.Recon)
	if e.header.FilterLevel > 0 {
		filter := loopfilter.New(&e.header)
		for row := range e.rdo.Modes.Rows {
			filter.LumaRow(e.trial, &e.rdo.Modes, row)
		}
	}
	a, b := &e.source.Y, &e.trial.Y
	return distortion.SSE(a.Pix[a.Origin:], a.Stride, b.Pix[b.Origin:], b.Stride, a.Width, a.Height)
}

func copyLuma(dst, src *picture.Picture) {
	for y := range src.Y.Height {
		at := src.Y.At(0, y)
		copy(dst.Y.Pix[at:at+src.Y.Width], src.Y.Pix[at:])
	}
}
