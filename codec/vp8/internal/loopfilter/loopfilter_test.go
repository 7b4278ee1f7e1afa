package loopfilter

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// The tests compare with the loop filter as RFC 6386, section 15, has it, one pixel position after the other: signed values of
// 8 bits, saturated after each step.

func c(v int) int { return min(max(v, -128), 127) }

func magnitude(v int) int { return max(v, -v) }

// edgePixels are the pixels across an edge: P3 P2 P1 P0 | Q0 Q1 Q2 Q3 at indices 0 to 7.
type edgePixels [8]byte

func (e *edgePixels) s(i int) int { return int(e[i]) - 128 }

func (e *edgePixels) set(i, v int) { e[i] = byte(c(v) + 128) }

// commonAdjust is common_adjust of section 15.2.
func (e *edgePixels) commonAdjust(useOuterTaps bool) int {
	p1, p0, q0, q1 := e.s(2), e.s(3), e.s(4), e.s(5)
	a := 3 * (q0 - p0)
	if useOuterTaps {
		a += c(p1 - q1)
	}
	a = c(a)
	b := c(a+3) >> 3
	a = c(a+4) >> 3
	e.set(4, q0-a)
	e.set(3, p0+b)
	return a
}

func (e *edgePixels) step() int {
	return magnitude(e.s(3)-e.s(4))*2 + magnitude(e.s(2)-e.s(5))>>1
}

func (e *edgePixels) simple(limit int) {
	if e.step() <= limit {
		e.commonAdjust(true)
	}
}

func (e *edgePixels) filterYes(interior, edge int) bool {
	if e.step() > edge {
		return false
	}
	for _, i := range []int{0, 1, 2, 4, 5, 6} {
		if magnitude(e.s(i)-e.s(i+1)) > interior {
			return false
		}
	}
	return true
}

func (e *edgePixels) highVariance(threshold int) bool {
	return magnitude(e.s(2)-e.s(3)) > threshold || magnitude(e.s(5)-e.s(4)) > threshold
}

// subblock is subblock_filter of section 15.3.
func (e *edgePixels) subblock(threshold, interior, edge int) {
	if !e.filterYes(interior, edge) {
		return
	}
	hv := e.highVariance(threshold)
	a := (e.commonAdjust(hv) + 1) >> 1
	if !hv {
		e.set(5, e.s(5)-a)
		e.set(2, e.s(2)+a)
	}
}

// macroblock is MBfilter of section 15.3.
func (e *edgePixels) macroblock(threshold, interior, edge int) {
	if !e.filterYes(interior, edge) {
		return
	}
	if e.highVariance(threshold) {
		e.commonAdjust(true)
		return
	}
	p2, p1, p0, q0, q1, q2 := e.s(1), e.s(2), e.s(3), e.s(4), e.s(5), e.s(6)
	w := c(c(p1-q1) + 3*(q0-p0))
	a := c((27*w + 63) >> 7)
	e.set(4, q0-a)
	e.set(3, p0+a)
	a = c((18*w + 63) >> 7)
	e.set(5, q1-a)
	e.set(2, p1+a)
	a = c((9*w + 63) >> 7)
	e.set(6, q2-a)
	e.set(1, p2+a)
}

// drawEdge draws pixels that often lie close to each other, so that all branches are taken.
func drawEdge(t *rapid.T) (e edgePixels) {
	base, spread := rapid.IntRange(0, 255).Draw(t, "base"), rapid.SampledFrom([]int{1, 3, 10, 60, 255}).Draw(t, "spread")
	for i := range e {
		e[i] = byte(min(max(base+rapid.IntRange(-spread, spread).Draw(t, "pixel"), 0), 255))
	}
	return e
}

func TestOneEdge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEdge(t)
		p := params{
			edge: rapid.Int32Range(0, 200).Draw(t, "edge"), subEdge: rapid.Int32Range(0, 200).Draw(t, "subedge"),
			interior: rapid.Int32Range(1, 63).Draw(t, "interior"), highVar: rapid.Int32Range(0, 3).Draw(t, "high variance"),
		}
		along := rapid.Bool().Draw(t, "horizontal edge")
		for name, test := range map[string]struct {
			code   func(pix []byte, at, across, along int)
			rfc    func(e *edgePixels)
			places int
		}{
			"simple": {
				func(pix []byte, at, across, along int) { simpleEdge(pix, at, across, along, p.edge) },
				func(e *edgePixels) { e.simple(int(p.edge)) }, 16,
			},
			"macroblock": {
				func(pix []byte, at, across, along int) { macroblockEdge(pix, at, across, along, 8, &p) },
				func(e *edgePixels) { e.macroblock(int(p.highVar), int(p.interior), int(p.edge)) }, 8,
			},
			"block": {
				func(pix []byte, at, across, along int) { blockEdge(pix, at, across, along, 8, &p) },
				func(e *edgePixels) { e.subblock(int(p.highVar), int(p.interior), int(p.subEdge)) }, 8,
			},
		} {
			// The same pixels across every place of the edge, upright or lying.
			pix := make([]byte, 16*16)
			index := func(i, place int) int {
				if along {
					return i*16 + place
				}
				return place*16 + i
			}
			for place := range test.places {
				for i, v := range e {
					pix[index(i, place)] = v
				}
			}
			want := e
			test.rfc(&want)
			if along {
				test.code(pix, 4*16, 16, 1)
			} else {
				test.code(pix, 4, 1, 16)
			}
			for place := range test.places {
				for i, v := range want {
					if got := pix[index(i, place)]; got != v {
						t.Fatalf("%s filter of %v: pixel %d of place %d is %d, want %d", name, e, i, place, got, v)
					}
				}
			}
		}
	})
}

// TestEveryStep filters edges of every height between flat sides, which random pixels do not all have.
func TestEveryStep(t *testing.T) {
	p := params{edge: 1000, subEdge: 1000, interior: 1000}
	for left := range 256 {
		for right := range 256 {
			l, r := byte(left), byte(right)
			e := edgePixels{l, l, l, l, r, r, r, r}
			got, want := e, e
			macroblockEdge(got[:], 4, 1, 8, 1, &p)
			want.macroblock(0, 1000, 1000)
			if got != want {
				t.Fatalf("macroblock edge from %d to %d: %v, want %v", left, right, got, want)
			}
			got, want = e, e
			blockEdge(got[:], 4, 1, 8, 1, &p)
			want.subblock(0, 1000, 1000)
			if got != want {
				t.Fatalf("block edge from %d to %d: %v, want %v", left, right, got, want)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	for level := 1; level < 64; level++ {
		for sharpness := range 8 {
			for _, key := range []bool{true, false} {
				got := limits(level, sharpness, key)
				interior, threshold := limitsOf(&header.Frame{Sharpness: sharpness, Key: key}, level)
				want := params{
					edge: int32((level+2)*2 + interior), subEdge: int32(level*2 + interior),
					interior: int32(interior), highVar: int32(threshold),
				}
				if got != want {
					t.Errorf("level %d, sharpness %d, key frame %v: %+v, want %+v", level, sharpness, key, got, want)
				}
			}
		}
	}
}

// TestLevels compares the level of each kind of macroblock.
func TestLevels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frameOf(t)
		var filter Filter
		filter.Set(f)
		for range 50 {
			m := drawMacroblock(t, f.Key)
			want := levelOf(f, &m)
			p := filter.of(&m)
			if (p == nil) != (want == 0) || p != nil && p != &filter.params[want] {
				t.Fatalf("macroblock %+v: not the limits of level %d", m, want)
			}
		}
	})
}

// frameOf draws a frame header as far as the loop filter reads it.
func frameOf(t *rapid.T) *header.Frame {
	f := &header.Frame{
		Key: rapid.Bool().Draw(t, "key"), SimpleFilter: rapid.Bool().Draw(t, "simple"),
		FilterLevel: rapid.IntRange(1, 63).Draw(t, "level"), Sharpness: rapid.IntRange(0, 7).Draw(t, "sharpness"),
		Segmentation: rapid.Bool().Draw(t, "segmentation"), UseDeltas: rapid.Bool().Draw(t, "deltas"),
	}
	f.Context.Segments.Absolute = rapid.Bool().Draw(t, "absolute")
	for i := range 4 {
		f.Context.Segments.Filter[i] = rapid.Int8Range(-63, 63).Draw(t, "segment level")
		f.Context.Deltas.Ref[i] = rapid.Int8Range(-63, 63).Draw(t, "ref delta")
		f.Context.Deltas.Mode[i] = rapid.Int8Range(-63, 63).Draw(t, "mode delta")
	}
	return f
}

// drawMacroblock draws a macroblock as far as the loop filter looks at it.
func drawMacroblock(t *rapid.T, key bool) mode.Macroblock {
	m := mode.Macroblock{Segment: rapid.Uint8Range(0, 3).Draw(t, "segment"), Skip: rapid.Bool().Draw(t, "skip")}
	if !key {
		m.Ref = rapid.Uint8Range(0, 3).Draw(t, "ref")
	}
	if m.Ref == header.Intra {
		m.YMode = rapid.Uint8Range(entropy.DCPred, entropy.BPred).Draw(t, "intra mode")
	} else {
		m.YMode = rapid.Uint8Range(entropy.NearestMV, entropy.SplitMV).Draw(t, "inter mode")
	}
	return m
}

// levelOf is the level of a macroblock by section 9.6 and 15.2 with the deltas of section 9.3.
func levelOf(f *header.Frame, m *mode.Macroblock) int {
	limit := func(v int) int { return min(max(v, 0), 63) }
	level := f.FilterLevel
	if f.Segmentation {
		if !f.Context.Segments.Absolute {
			level += int(f.Context.Segments.Filter[m.Segment])
		} else {
			level = int(f.Context.Segments.Filter[m.Segment])
		}
		level = limit(level)
	}
	if !f.UseDeltas {
		return level
	}
	level += int(f.Context.Deltas.Ref[m.Ref])
	switch m.YMode {
	case entropy.BPred:
		level += int(f.Context.Deltas.Mode[0])
	case entropy.ZeroMV:
		level += int(f.Context.Deltas.Mode[1])
	case entropy.NearestMV, entropy.NearMV, entropy.NewMV:
		level += int(f.Context.Deltas.Mode[2])
	case entropy.SplitMV:
		level += int(f.Context.Deltas.Mode[3])
	}
	return limit(level)
}

// limitsOf gives interior limit and high variance threshold of a level (sections 15.2 and 15.3).
func limitsOf(f *header.Frame, level int) (interior, threshold int) {
	interior = level
	if f.Sharpness > 0 {
		if f.Sharpness > 4 {
			interior >>= 2
		} else {
			interior >>= 1
		}
		interior = min(interior, 9-f.Sharpness)
	}
	if f.Key {
		switch {
		case level >= 40:
			threshold = 2
		case level >= 15:
			threshold = 1
		}
	} else {
		switch {
		case level >= 40:
			threshold = 3
		case level >= 20:
			threshold = 2
		case level >= 15:
			threshold = 1
		}
	}
	return max(interior, 1), threshold
}

// filterPlane filters one plane in the way of section 15: all of a macroblock's edges, then the next macroblock's, in raster order.
func filterPlane(f *header.Frame, modes *mode.Map, pl *picture.Plane, size int) {
	apply := func(at, across int, filter func(e *edgePixels)) {
		var e edgePixels
		for i := range e {
			e[i] = pl.Pix[at+(i-4)*across]
		}
		filter(&e)
		for i := range e {
			pl.Pix[at+(i-4)*across] = e[i]
		}
	}
	for row := range modes.Rows {
		for col := range modes.Cols {
			m := modes.At(col, row)
			level := levelOf(f, m)
			if level == 0 {
				continue
			}
			interior, threshold := limitsOf(f, level)
			outer := func(e *edgePixels) { e.macroblock(threshold, interior, (level+2)*2+interior) }
			inner := func(e *edgePixels) { e.subblock(threshold, interior, level*2+interior) }
			if f.SimpleFilter {
				outer = func(e *edgePixels) { e.simple((level+2)*2 + interior) }
				inner = func(e *edgePixels) { e.simple(level*2 + interior) }
			}
			at := pl.At(col*size, row*size)
			hasInner := !m.Skip || m.YMode == entropy.BPred || m.YMode == entropy.SplitMV
			for _, d := range []struct {
				across, along int
				first         bool // the edge is the picture's
			}{{1, pl.Stride, col == 0}, {pl.Stride, 1, row == 0}} {
				for k := 0; k < size; k += 4 {
					for i := range size {
						if k == 0 && !d.first {
							apply(at+i*d.along, d.across, outer)
						} else if k > 0 && hasInner {
							apply(at+k*d.across+i*d.along, d.across, inner)
						}
					}
				}
			}
		}
	}
}

// drawPicture draws a picture with enough flat parts that the filters act.
func drawPicture(t *rapid.T, cols, rows int) *picture.Picture {
	pic := picture.NewPool(cols*16, rows*16).Get()
	for _, pl := range []*picture.Plane{&pic.Y, &pic.U, &pic.V} {
		x, spread := rapid.Uint32().Draw(t, "seed"), rapid.SampledFrom([]uint32{1, 4, 12, 40, 256}).Draw(t, "spread")
		for i := range pl.Pix {
			x = x*1664525 + 1013904223
			pl.Pix[i] = byte(100 + x>>16%spread)
		}
	}
	return pic
}

func clone(pic *picture.Picture) *picture.Picture {
	out := picture.NewPool(pic.Visible.Rect.Dx(), pic.Visible.Rect.Dy()).Get()
	copy(out.Y.Pix, pic.Y.Pix)
	copy(out.U.Pix, pic.U.Pix)
	copy(out.V.Pix, pic.V.Pix)
	return out
}

func equal(a, b *picture.Picture) bool {
	return bytes.Equal(a.Y.Pix, b.Y.Pix) && bytes.Equal(a.U.Pix, b.U.Pix) && bytes.Equal(a.V.Pix, b.V.Pix)
}

func TestWholePicture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols, rows := rapid.IntRange(1, 4).Draw(t, "columns"), rapid.IntRange(1, 4).Draw(t, "rows")
		f := frameOf(t)
		var modes mode.Map
		modes.Reset(cols, rows)
		for row := range rows {
			for col := range cols {
				*modes.At(col, row) = drawMacroblock(t, f.Key)
			}
		}
		got := drawPicture(t, cols, rows)
		want, luma, pairs := clone(got), clone(got), clone(got)
		var filter Filter
		filter.Set(f)
		for row := range rows {
			filter.Row(got, &modes, row)
			filter.LumaRow(luma, &modes, row)
			switch {
			case row%2 == 1:
				filter.Pair(pairs, &modes, row-1)
			case row == rows-1:
				filter.Row(pairs, &modes, row)
			}
		}
		if !equal(pairs, got) {
			t.Fatal("Pair differs from Row")
		}
		filterPlane(f, &modes, &want.Y, 16)
		if !bytes.Equal(got.Y.Pix, want.Y.Pix) {
			t.Fatal("the luma differs")
		}
		if !bytes.Equal(luma.Y.Pix, want.Y.Pix) {
			t.Fatal("LumaRow differs from Row")
		}
		if !f.SimpleFilter {
			filterPlane(f, &modes, &want.U, 8)
			filterPlane(f, &modes, &want.V, 8)
		}
		if !bytes.Equal(got.U.Pix, want.U.Pix) || !bytes.Equal(got.V.Pix, want.V.Pix) {
			t.Fatal("the chroma differs")
		}
	})
}

// TestLevelZero: macroblocks whose level comes out as 0 are left alone, though the frame's is not 0.
func TestLevelZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frameOf(t)
		f.Segmentation, f.UseDeltas = true, false
		f.Context.Segments = header.Segments{Absolute: true}
		var modes mode.Map
		modes.Reset(2, 2)
		for i := range 4 {
			*modes.At(i%2, i/2) = drawMacroblock(t, f.Key)
		}
		pic := drawPicture(t, 2, 2)
		before := clone(pic)
		for row := range 2 {
			var filter Filter
			filter.Set(f)
			filter.Row(pic, &modes, row)
		}
		if !equal(pic, before) {
			t.Fatal("level 0 changed the picture")
		}
	})
}

// TestConstantStays: where there is no edge there is nothing to smooth.
func TestConstantStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frameOf(t)
		var modes mode.Map
		modes.Reset(2, 2)
		for i := range 4 {
			*modes.At(i%2, i/2) = drawMacroblock(t, f.Key)
		}
		pic := picture.NewPool(32, 32).Get()
		value := rapid.Byte().Draw(t, "value")
		for _, pl := range []*picture.Plane{&pic.Y, &pic.U, &pic.V} {
			for i := range pl.Pix {
				pl.Pix[i] = value
			}
		}
		before := clone(pic)
		for row := range 2 {
			var filter Filter
			filter.Set(f)
			filter.Row(pic, &modes, row)
		}
		if !equal(pic, before) {
			t.Fatalf("a picture of %d everywhere changed", value)
		}
	})
}
