package mode

import (
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// wide are bounds that no vector of a test reaches.
var wide = Bounds{MinX: -30000, MaxX: 30000, MinY: -30000, MaxY: 30000}

func TestFindNear(t *testing.T) {
	intra := Macroblock{}
	inter := func(x, y int16) Macroblock {
		return Macroblock{Ref: header.Last, YMode: entropy.NewMV, MV: MV{x, y}}
	}
	split := func(x, y int16) Macroblock {
		return Macroblock{Ref: header.Last, YMode: entropy.SplitMV, MV: MV{x, y}}
	}
	golden := func(x, y int16) Macroblock {
		return Macroblock{Ref: header.Golden, YMode: entropy.NewMV, MV: MV{x, y}}
	}
	a, b, c, zero := inter(4, -8), inter(12, 20), inter(-40, 0), inter(0, 0)
	for _, test := range []struct {
		name                   string
		above, left, aboveLeft Macroblock
		nearest, near, best    MV
		weights                [4]int // of the rows of ModeContexts for ZERO, NEAREST, NEAR and SPLIT
	}{
		{"all intra", intra, intra, intra, MV{}, MV{}, MV{}, [4]int{0, 0, 0, 0}},
		{"above alone", a, intra, intra, a.MV, MV{}, a.MV, [4]int{0, 2, 0, 0}},
		{"left alone", intra, a, intra, a.MV, MV{}, a.MV, [4]int{0, 2, 0, 0}},
		{"corner alone", intra, intra, a, a.MV, MV{}, a.MV, [4]int{0, 1, 0, 0}},
		{"all the same", a, a, a, a.MV, MV{}, a.MV, [4]int{0, 5, 0, 0}},
		{"all zero", zero, zero, zero, MV{}, MV{}, MV{}, [4]int{5, 0, 0, 0}},
		{"all different", a, b, c, a.MV, b.MV, a.MV, [4]int{0, 2, 2, 0}},
		{"the corner agrees with above", a, b, a, a.MV, b.MV, a.MV, [4]int{0, 3, 2, 0}},
		{"the corner agrees with left, which becomes nearest", a, b, b, b.MV, a.MV, b.MV, [4]int{0, 3, 2, 0}},
		{"zero above, so left and corner are the vectors", zero, a, b, a.MV, b.MV, a.MV, [4]int{2, 2, 1, 0}},
		{"zero has more weight: best is no motion", zero, zero, a, a.MV, MV{}, MV{}, [4]int{4, 1, 0, 0}},
		{"as much weight as zero is enough", a, zero, intra, a.MV, MV{}, a.MV, [4]int{2, 2, 0, 0}},
		{"split above", split(4, 4), intra, intra, MV{4, 4}, MV{}, MV{4, 4}, [4]int{0, 2, 0, 2}},
		{"split left and in the corner", intra, split(4, 4), split(8, 8), MV{4, 4}, MV{8, 8}, MV{4, 4}, [4]int{0, 2, 1, 3}},
		{"split everywhere", split(4, 4), split(4, 4), split(4, 4), MV{4, 4}, MV{}, MV{4, 4}, [4]int{0, 5, 0, 5}},
		{"the other sign", golden(4, -8), intra, intra, MV{-4, 8}, MV{}, MV{-4, 8}, [4]int{0, 2, 0, 0}},
		{"the other sign makes two vectors one", golden(-4, 8), a, intra, a.MV, MV{}, a.MV, [4]int{0, 4, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			around := Around{Above: &test.above, Left: &test.left, AboveLeft: &test.aboveLeft, Bounds: wide}
			signBias := [header.NumRefs]bool{header.Golden: true}
			got := FindNear(&around, header.Last, &signBias)
			if got.Nearest != test.nearest || got.Near != test.near || got.Best != test.best {
				t.Errorf("nearest %v, near %v, best %v; want %v, %v, %v", got.Nearest, got.Near, got.Best, test.nearest, test.near, test.best)
			}
			for i, w := range test.weights {
				if got.probs[i] != entropy.ModeContexts[w][i] {
					t.Errorf("probability %d is %d, want %d for the weight %d", i, got.probs[i], entropy.ModeContexts[w][i], w)
				}
			}
		})
	}
}

// TestSignBias: a neighbour's vector is turned around if one of the two references has the bias and the other has not.
func TestSignBias(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var bias [header.NumRefs]bool
		for ref := header.Last; ref < header.NumRefs; ref++ {
			bias[ref] = rapid.Bool().Draw(t, "bias")
		}
		here, theirs := rapid.Uint8Range(1, 3).Draw(t, "here"), rapid.Uint8Range(1, 3).Draw(t, "there")
		mv := MV{rapid.Int16Range(1, 99).Draw(t, "x"), rapid.Int16Range(-99, 99).Draw(t, "y")}
		neighbour, border := Macroblock{Ref: theirs, YMode: entropy.NewMV, MV: mv}, Macroblock{}
		want := mv
		if bias[here] != bias[theirs] {
			want = MV{-mv.X, -mv.Y}
		}
		around := Around{Above: &border, Left: &neighbour, AboveLeft: &border, Bounds: wide}
		if got := FindNear(&around, here, &bias); got.Nearest != want || got.Best != want {
			t.Fatalf("nearest %v, best %v, want %v", got.Nearest, got.Best, want)
		}
	})
}

// TestBounds: a predicted vector may move a macroblock out of the picture, but not by more than a pixel row or column away from
// it: by 16 pixels, 64 quarters.
func TestBounds(t *testing.T) {
	var m Map
	m.Reset(5, 3)
	for _, test := range []struct {
		col, row int
		want     Bounds
	}{
		{0, 0, Bounds{MinX: -64, MaxX: 4*64 + 64, MinY: -64, MaxY: 2*64 + 64}},
		{4, 2, Bounds{MinX: -4*64 - 64, MaxX: 64, MinY: -2*64 - 64, MaxY: 64}},
		{1, 1, Bounds{MinX: -128, MaxX: 3*64 + 64, MinY: -128, MaxY: 128}},
	} {
		if got := m.Around(test.col, test.row).Bounds; got != test.want {
			t.Errorf("macroblock %d,%d: bounds %+v, want %+v", test.col, test.row, got, test.want)
		}
	}
	// In the widest picture the distance in quarter pixels does not fit 16 bits: the bound is then beyond all vectors.
	m.Reset(1024, 1)
	if got := m.Around(0, 0).Bounds.MaxX; got != 1<<15-1 {
		t.Errorf("in a picture of 16384 pixels: the bound to the right is %d, want %d", got, 1<<15-1)
	}
}

func TestClamp(t *testing.T) {
	b := Bounds{MinX: -64, MaxX: 128, MinY: -192, MaxY: 64}
	for _, test := range []struct{ v, want MV }{
		{MV{0, 0}, MV{0, 0}}, {MV{-64, 64}, MV{-64, 64}}, {MV{-65, 65}, MV{-64, 64}}, {MV{129, -193}, MV{128, -192}},
		{MV{-32768, 32767}, MV{-64, 64}}, {MV{32767, -32768}, MV{128, -192}},
	} {
		if got := b.Clamp(test.v); got != test.want {
			t.Errorf("%v is clamped to %v, want %v", test.v, got, test.want)
		}
	}
	// All three suggestions are clamped.
	far, border := Macroblock{Ref: header.Last, YMode: entropy.NewMV, MV: MV{999, 999}}, Macroblock{}
	further := Macroblock{Ref: header.Last, YMode: entropy.NewMV, MV: MV{-999, -999}}
	near := FindNear(&Around{Above: &far, Left: &further, AboveLeft: &border, Bounds: b}, header.Last, new([header.NumRefs]bool))
	if near.Nearest != (MV{128, 64}) || near.Near != (MV{-64, -192}) || near.Best != near.Nearest {
		t.Errorf("suggestions %v, %v, %v are not clamped", near.Nearest, near.Near, near.Best)
	}
}

// TestBorder: outside the picture macroblocks are intra coded with DC prediction, also after the map was used for another size.
func TestBorder(t *testing.T) {
	var m Map
	for _, size := range [][2]int{{3, 2}, {2, 3}, {1, 5}, {5, 1}, {3, 2}} {
		m.Reset(size[0], size[1])
		for row := range m.Rows {
			for col := range m.Cols {
				a := m.Around(col, row)
				for _, n := range []struct {
					outside bool
					mb      *Macroblock
				}{{row == 0, a.Above}, {col == 0, a.Left}, {row == 0 || col == 0, a.AboveLeft}} {
					if n.outside && (n.mb.Ref != header.Intra || n.mb.YMode != entropy.DCPred || n.mb.MV != MV{}) {
						t.Fatalf("%v: the border at %d,%d is %+v", size, col, row, n.mb)
					}
				}
				*a.Here = Macroblock{Ref: header.AltRef, YMode: entropy.SplitMV, MV: MV{1, 1}}
			}
		}
	}
}

func TestNeighbours(t *testing.T) {
	var m Map
	m.Reset(4, 3)
	for row := 1; row < 3; row++ {
		for col := 1; col < 4; col++ {
			a := m.Around(col, row)
			if a.Here != m.At(col, row) || a.Left != m.At(col-1, row) || a.Above != m.At(col, row-1) || a.AboveLeft != m.At(col-1, row-1) {
				t.Errorf("macroblock %d,%d has other neighbours", col, row)
			}
		}
	}
}

// writeComponent writes a vector component in the way of RFC 6386, section 17.2.
func writeComponent(w *boolcoder.Writer, v int, p *[entropy.NumMVProbs]uint8) {
	x := max(v, -v)
	if x < 8 {
		w.Bool(false, p[entropy.MVIsLong])
		w.Path(&entropy.ShortMVPaths[x], p[entropy.MVShort:])
	} else {
		w.Bool(true, p[entropy.MVIsLong])
		for i := range 3 {
			w.Bool(x>>i&1 != 0, p[entropy.MVLong+i])
		}
		for i := entropy.MVLongBits - 1; i > 3; i-- {
			w.Bool(x>>i&1 != 0, p[entropy.MVLong+i])
		}
		if x&0xfff0 != 0 {
			w.Bool(x>>3&1 != 0, p[entropy.MVLong+3])
		}
	}
	if x != 0 {
		w.Bool(v < 0, p[entropy.MVSign])
	}
}

func TestVectorComponents(t *testing.T) {
	var w boolcoder.Writer
	w.Reset(nil)
	p := &entropy.Default.MV[0]
	for v := -entropy.MVMax; v <= entropy.MVMax; v++ {
		writeComponent(&w, v, p)
	}
	r := boolcoder.NewReader(w.Finish())
	for v := -entropy.MVMax; v <= entropy.MVMax; v++ {
		if got := readMVComponent(&r, p); int(got) != v {
			t.Fatalf("component %d comes back as %d", v, got)
		}
	}
}

// drawFrame draws a header as far as modes depend on it.
func drawFrame(t *rapid.T) *header.Frame {
	prob := rapid.Uint8Range(1, 255)
	f := &header.Frame{
		Key: rapid.Bool().Draw(t, "key"), UpdateMap: rapid.Bool().Draw(t, "map"), UseSkip: rapid.Bool().Draw(t, "skip"),
		ProbSkip: prob.Draw(t, "skip"), ProbIntra: prob.Draw(t, "intra"), ProbLast: prob.Draw(t, "last"), ProbGolden: prob.Draw(t, "golden"),
		Context: header.Context{Probs: entropy.Default},
	}
	for i := range f.SegmentProbs {
		f.SegmentProbs[i] = prob.Draw(t, "segment")
	}
	f.SignBias[header.Golden], f.SignBias[header.AltRef] = rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "bias")
	return f
}

// drawMacroblock draws a macroblock that can be coded at its place.
func drawMacroblock(t *rapid.T, f *header.Frame, a *Around) {
	m := a.Here
	*m = Macroblock{Segment: m.Segment}
	if f.UpdateMap {
		m.Segment = rapid.Uint8Range(0, 3).Draw(t, "segment")
	}
	m.Skip = f.UseSkip && rapid.Bool().Draw(t, "skip")
	if f.Key || rapid.IntRange(0, 3).Draw(t, "intra") == 0 {
		m.YMode, m.UVMode = rapid.Uint8Range(0, entropy.BPred).Draw(t, "luma"), rapid.Uint8Range(0, entropy.TMPred).Draw(t, "chroma")
		if m.YMode == entropy.BPred {
			for b := range m.BModes {
				m.BModes[b] = rapid.Uint8Range(0, entropy.NumBModes-1).Draw(t, "block")
			}
		}
		return
	}
	difference := func() MV {
		component := rapid.OneOf(rapid.Int16Range(-9, 9), rapid.Int16Range(-entropy.MVMax, entropy.MVMax))
		return MV{component.Draw(t, "x"), component.Draw(t, "y")}
	}
	m.Ref = rapid.Uint8Range(header.Last, header.AltRef).Draw(t, "ref")
	near := FindNear(a, m.Ref, &f.SignBias)
	m.YMode = rapid.Uint8Range(entropy.NearestMV, entropy.SplitMV).Draw(t, "mode")
	switch m.YMode {
	case entropy.NearestMV:
		m.MV = near.Nearest
	case entropy.NearMV:
		m.MV = near.Near
	case entropy.NewMV:
		m.MV = near.Best.Add(difference())
	case entropy.SplitMV:
		m.Split = rapid.Uint8Range(0, entropy.NumSplits-1).Draw(t, "shape")
		for part, b := range entropy.SplitFirst[m.Split] {
			left, above := a.SubMVContext(int(b))
			m.Fill(part, rapid.SampledFrom([]MV{left, above, {}, near.Best.Add(difference())}).Draw(t, "vector"))
		}
		m.MV = m.MVs[15]
	}
}

// said is a macroblock without what means nothing in its mode.
func said(m *Macroblock) Macroblock {
	out := *m
	if m.YMode != entropy.BPred {
		out.BModes = [16]uint8{}
	}
	if m.YMode != entropy.SplitMV {
		out.MVs, out.Split = [16]MV{}, 0
	}
	if m.Ref != header.Intra {
		out.UVMode = 0
	}
	return out
}

// TestReadUndoesWrite reads a whole map of macroblocks that was written, into a map that still holds another frame's.
func TestReadUndoesWrite(t *testing.T) {
	var got Map
	rapid.Check(t, func(t *rapid.T) {
		f := drawFrame(t)
		cols, rows := rapid.IntRange(1, 4).Draw(t, "columns"), rapid.IntRange(1, 3).Draw(t, "rows")
		var want Map
		want.Reset(cols, rows)
		got.Reset(cols, rows)
		var w boolcoder.Writer
		w.Reset(nil)
		for row := range rows {
			for col := range cols {
				a := want.Around(col, row)
				a.Here.Segment = rapid.Uint8Range(0, 3).Draw(t, "segment before")
				got.At(col, row).Segment = a.Here.Segment
				drawMacroblock(t, f, &a)
				write(&w, f, &a)
			}
		}
		r := boolcoder.NewReader(w.Finish())
		for row := range rows {
			for col := range cols {
				a := got.Around(col, row)
				Read(&r, f, &a)
				if said(a.Here) != said(want.At(col, row)) {
					t.Fatalf("macroblock %d,%d is read as\n%+v, written as\n%+v", col, row, said(a.Here), said(want.At(col, row)))
				}
			}
		}
		if r.Overrun() != 0 {
			t.Fatal("more was read than written")
		}
	})
}

// FuzzRead reads modes from any bytes, under headers of any kind. What comes out must be within the format's limits, and the
// same again in a fresh map.
func FuzzRead(f *testing.F) {
	f.Add(uint8(0), uint8(0x21), []byte{1, 2, 3}, []byte{})
	f.Add(uint8(0b1111), uint8(0x33), []byte{200, 100, 50, 25}, []byte("some bytes that stand for macroblock modes of a key frame"))
	f.Add(uint8(0b11010), uint8(0x33), []byte{1, 255, 128, 64, 3, 99}, []byte("some bytes that stand for macroblock modes of an interframe"))
	f.Add(uint8(0b11110), uint8(0x14), []byte{5}, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	var used Map // keeps what earlier inputs left, like a decoder's
	f.Fuzz(func(t *testing.T, flags, size uint8, probs, data []byte) {
		next := func() uint8 { // the probabilities in turn, any byte
			if len(probs) == 0 {
				return 128
			}
			p := probs[0]
			probs = append(probs[1:], p)
			return p
		}
		probs = append([]byte(nil), probs...)
		fr := &header.Frame{
			Key: flags&1 != 0, UpdateMap: flags&2 != 0, UseSkip: flags&4 != 0,
			SegmentProbs: [3]uint8{next(), next(), next()},
			ProbSkip:     next(), ProbIntra: next(), ProbLast: next(), ProbGolden: next(),
			Context: header.Context{Probs: entropy.Default},
		}
		fr.SignBias[header.Golden], fr.SignBias[header.AltRef] = flags&8 != 0, flags&16 != 0
		for i := range fr.Context.Probs.MV {
			for j := range fr.Context.Probs.MV[i] {
				fr.Context.Probs.MV[i][j] = next()
			}
		}
		for i := range fr.Context.Probs.YMode {
			fr.Context.Probs.YMode[i] = next()
		}
		cols, rows := int(size&7)+1, int(size>>4&7)+1
		var fresh Map
		fresh.Reset(cols, rows)
		used.Reset(cols, rows)
		r, again := boolcoder.NewReader(data), boolcoder.NewReader(data)
		over := 0
		for row := range rows {
			for col := range cols {
				a, b := used.Around(col, row), fresh.Around(col, row)
				a.Here.Segment, b.Here.Segment = 2, 2
				Read(&r, fr, &a)
				Read(&again, fr, &b)
				m := a.Here
				if said(m) != said(b.Here) {
					t.Fatalf("macroblock %d,%d depends on what the map held before", col, row)
				}
				checkLimits(t, fr, &a)
				if n := r.Overrun(); n < over {
					t.Fatalf("the overrun fell from %d to %d", over, n)
				} else {
					over = n
				}
			}
		}
	})
}

func checkLimits(t *testing.T, f *header.Frame, a *Around) {
	m := a.Here
	switch {
	case m.Segment > 3, !f.UpdateMap && m.Segment != 2, m.Skip && !f.UseSkip, m.Ref >= header.NumRefs, f.Key && m.Ref != header.Intra:
		t.Fatalf("out of limits: %+v", m)
	case m.Ref == header.Intra:
		if m.YMode > entropy.BPred || m.UVMode > entropy.TMPred || m.MV != (MV{}) {
			t.Fatalf("out of limits: %+v", m)
		}
		for _, b := range m.BModes {
			if m.YMode == entropy.BPred && b >= entropy.NumBModes {
				t.Fatalf("out of limits: %+v", m)
			}
		}
		return
	}
	// As far as a vector may be from one within bounds.
	near := func(v MV) bool {
		b := a.Bounds.Clamp(v)
		d := MV{v.X - b.X, v.Y - b.Y}
		return max(d.X, -d.X, d.Y, -d.Y) <= entropy.MVMax
	}
	switch m.YMode {
	case entropy.ZeroMV:
		if m.MV != (MV{}) {
			t.Fatalf("out of limits: %+v", m)
		}
	case entropy.NearestMV, entropy.NearMV:
		if a.Bounds.Clamp(m.MV) != m.MV {
			t.Fatalf("%v is not within bounds", m.MV)
		}
	case entropy.NewMV:
		if !near(m.MV) {
			t.Fatalf("%v cannot be coded", m.MV)
		}
	case entropy.SplitMV:
		if m.Split >= entropy.NumSplits || m.MV != m.MVs[15] {
			t.Fatalf("out of limits: %+v", m)
		}
	default:
		t.Fatalf("out of limits: %+v", m)
	}
}
