package rdo

import (
	"bytes"
	"slices"
	"testing"

	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/token"
)

// framesForLevels are frames with all kinds of macroblocks, coded at each speed of the tests.
func framesForLevels(t *testing.T, quantizer int, check func(t *testing.T, f *Frame, speed *Speed)) {
	refs := []*picture.Picture{texture(1, 20), texture(2, 20), texture(3, 20)}
	for _, speed := range []*Speed{&thorough, &middling, &hasty, &quick} {
		for _, src := range []*picture.Picture{texture(4, 10), moved(refs[0], mode.MV{X: 9, Y: 6})} {
			for n := range 4 {
				f := newFrame(src, quantizer, refs[:n]...)
				code(f, speed, nil)
				check(t, f, speed)
			}
		}
	}
}

// TestLevelsAgain: with the same quantizers, levels and reconstruction come out as they were.
func TestLevelsAgain(t *testing.T) {
	for _, q := range []int{2, 40, 90} {
		framesForLevels(t, q, func(t *testing.T, f *Frame, speed *Speed) {
			var modes []mode.Macroblock
			for i := range cols * rows {
				modes = append(modes, *f.Modes.At(i%cols, i/cols))
			}
			coeffs, ends, first := slices.Clone(f.Coeffs), slices.Clone(f.Ends), f.Recon
			f.Recon = pool.Get()
			f.Start()
			new(Coder).Levels(Task{f, speed}, Thrift{})
			for i := range modes {
				m := f.Modes.At(i%cols, i/cols)
				if !m.HasY2() { // then the levels of that block are undefined
					*f.Coeffs[i].Block(token.Y2), *coeffs[i].Block(token.Y2) = [16]int16{}, [16]int16{}
				}
				if *m != modes[i] || !m.Skip && (f.Ends[i] != ends[i] || f.Coeffs[i] != coeffs[i]) {
					t.Fatalf("quantizer %d, macroblock %d: %+v was %+v, or levels differ", q, i, *m, modes[i])
				}
			}
			for y := range first.Y.Height {
				at := first.Y.At(0, y)
				if !bytes.Equal(f.Recon.Y.Pix[at:at+first.Y.Width], first.Y.Pix[at:at+first.Y.Width]) {
					t.Fatalf("quantizer %d: line %d of the reconstruction is another", q, y)
				}
			}
		})
	}
}

// TestThrift: the more of a segment's macroblocks are thrifty, the less the frame takes, but for what one that goes without does to its
// neighbours.
func TestThrift(t *testing.T) {
	framesForLevels(t, 4, func(t *testing.T, f *Frame, speed *Speed) {
		var first, before int
		for eighths := range 9 {
			f.Recon = pool.Get()
			f.Start()
			new(Coder).Levels(Task{f, speed}, Thrift{Segment: 0, Eighths: eighths})
			rate := 0
			above := make([]token.Context, cols)
			for row := range rows {
				var left token.Context
				for col := range cols {
					if m := f.Modes.At(col, row); m.Skip {
						token.Skip(&above[col], &left, m.HasY2())
					} else {
						rate += tokenRate(f, m.HasY2(), row*cols+col, &above[col], &left)
					}
				}
			}
			if eighths == 0 {
				first, before = rate, rate
			}
			if rate > before+before/100 {
				t.Fatalf("%d eighths take %d, one less %d", eighths, rate, before)
			}
			before = rate
		}
		if before > first-first/50 {
			t.Errorf("all thrifty take %d, without thrift %d", before, first)
		}
	})
}
