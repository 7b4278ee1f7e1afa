package mode

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// That Read undoes Write is tested with Read. Here it is that the encoder's costs and counts are those of what Write writes.

// costOf puts the cost of a macroblock together from the parts that Costs knows, as the encoder does.
func costOf(c *Costs, f *header.Frame, a *Around) int {
	m := a.Here
	cost := 0
	if f.UpdateMap {
		cost += boolcoder.PathCost(&entropy.SegmentIDPaths[m.Segment], f.SegmentProbs[:])
	}
	if f.UseSkip {
		if m.Skip {
			cost += c.Skip[1]
		} else {
			cost += c.Skip[0]
		}
	}
	cost += c.Ref[m.Ref]
	if m.Ref == header.Intra {
		cost += c.YMode[m.YMode] + c.UVMode[m.UVMode]
		if m.YMode == entropy.BPred {
			for b, mode := range m.BModes {
				cost += c.BlockModes(f.Key, a, b)[mode]
			}
		}
		return cost
	}
	near := FindNear(a, m.Ref, &f.SignBias)
	cost += near.Inter(m.YMode)
	switch m.YMode {
	case entropy.NewMV:
		cost += c.MV(m.MV.Sub(near.Best))
	case entropy.SplitMV:
		cost += c.Split(int(m.Split))
		for _, b := range entropy.SplitFirst[m.Split] {
			cost += c.SubMV(a, int(b), m.MVs[b], near.Best)
		}
	}
	return cost
}

// drawMap draws a map of macroblocks.
func drawMap(t *rapid.T, f *header.Frame, cols, rows int) *Map {
	m := new(Map)
	m.Reset(cols, rows)
	for row := range rows {
		for col := range cols {
			a := m.Around(col, row)
			drawMacroblock(t, f, &a)
		}
	}
	return m
}

// costOfAll is the cost of a map under a header.
func costOfAll(m *Map, f *header.Frame) (total int) {
	var c Costs
	c.Set(f)
	for row := range m.Rows {
		for col := range m.Cols {
			a := m.Around(col, row)
			total += costOf(&c, f, &a)
		}
	}
	return total
}

// drawProbs draws the probabilities that a header has for modes and vectors.
func drawProbs(t *rapid.T, f *header.Frame, lo, hi uint8) {
	prob := rapid.Uint8Range(lo, hi)
	for _, p := range []*uint8{&f.ProbSkip, &f.ProbIntra, &f.ProbLast, &f.ProbGolden} {
		*p = prob.Draw(t, "probability")
	}
	probs := &f.Context.Probs
	for _, list := range [][]uint8{f.SegmentProbs[:], probs.YMode[:], probs.UVMode[:], probs.MV[0][:], probs.MV[1][:]} {
		for i := range list {
			list[i] = prob.Draw(t, "probability")
		}
	}
}

// write writes the macroblock a.Here as Read reads it.
func write(w *boolcoder.Writer, f *header.Frame, a *Around) {
	var s Stream
	var t boolcoder.Table
	SetTable(&t, f)
	s.Add(f, a)
	s.Write(w, &t)
}

// TestCostsAreWhatIsWritten: the costs that the encoder decides by are the bits that it then spends, on average over many maps:
// where a map says the same over and over, the coder's range moves in a circle in which some bools are cheaper than their cost.
func TestCostsAreWhatIsWritten(t *testing.T) {
	var cost, written [2]int // of key frames and of interframes
	maps := rapid.Custom(func(t *rapid.T) int {
		f := drawFrame(t)
		drawProbs(t, f, 60, 196)
		m := drawMap(t, f, 8, 8)
		var w boolcoder.Writer
		w.Reset(nil)
		for row := range m.Rows {
			for col := range m.Cols {
				a := m.Around(col, row)
				write(&w, f, &a)
			}
		}
		kind := 0
		if !f.Key {
			kind = 1
		}
		written[kind] += len(w.Finish())*8 - 16 // without what Finish adds
		cost[kind] += costOfAll(m, f)
		return kind
	})
	for seed := range 150 {
		maps.Example(seed)
	}
	for kind := range cost {
		spent, said := float64(written[kind]), float64(cost[kind])/(1<<boolcoder.CostShift)
		if spent < 10000 || math.Abs(said-spent) > 0.015*spent {
			t.Errorf("kind %d: the costs say %.0f bits, %.0f were written", kind, said, spent)
		}
	}
}

// TestCountsAreWhatIsWritten: what changes in the cost when the probabilities do is what the counts say, to the last 1/256 bit.
func TestCountsAreWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFrame(t)
		f.UseSkip, f.UpdateMap = true, true
		m := drawMap(t, f, 5, 4)
		var s Stream
		for row := range m.Rows {
			for col := range m.Cols {
				a := m.Around(col, row)
				s.Add(f, &a)
			}
		}
		var n Counts
		s.Count(&n)
		counted := func(f *header.Frame) (total int) {
			add := func(n [2]int, p uint8) { total += boolcoder.CountCost(n[0], n[1], p) }
			addAll := func(n [][2]int, p []uint8) {
				for i := range n {
					add(n[i], p[i])
				}
			}
			addAll(n.Segment(), f.SegmentProbs[:])
			add(n.Skip(), f.ProbSkip)
			if f.Key {
				return total
			}
			add(n.Inter(), f.ProbIntra)
			add(n.NotLast(), f.ProbLast)
			add(n.AltRef(), f.ProbGolden)
			addAll(n.YMode(), f.Context.Probs.YMode[:])
			addAll(n.UVMode(), f.Context.Probs.UVMode[:])
			addAll(n.MV(0), f.Context.Probs.MV[0][:])
			addAll(n.MV(1), f.Context.Probs.MV[1][:])
			return total
		}
		// What the header's probabilities do not govern cancels out.
		other := *f
		drawProbs(t, &other, 1, 255)
		want := costOfAll(m, f) - costOfAll(m, &other)
		if got := counted(f) - counted(&other); got != want {
			t.Fatalf("by the counts the cost changes by %d, by the modes by %d", got, want)
		}
	})
}

// TestStreamKeepsItsMemory: what has been large enough for a picture is not allocated again.
func TestStreamKeepsItsMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFrame(t)
		m := drawMap(t, f, 3, 3)
		var s Stream
		var first, again boolcoder.Writer
		var table boolcoder.Table
		SetTable(&table, f)
		add := func() {
			for row := range m.Rows {
				for col := range m.Cols {
					a := m.Around(col, row)
					s.Add(f, &a)
				}
			}
		}
		add()
		first.Reset(nil)
		s.Write(&first, &table)
		buf := make([]byte, 0, 2*first.Len())
		allocs := testing.AllocsPerRun(1, func() {
			s.Reset()
			add()
			again.Reset(buf)
			s.Write(&again, &table)
		})
		if allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
		if !bytes.Equal(first.Finish(), again.Finish()) {
			t.Error("behind Reset the same modes become other bytes")
		}
	})
}

// TestUnreachableVectors: a difference that the format cannot express costs more than everything else together.
func TestUnreachableVectors(t *testing.T) {
	var c Costs
	c.Set(&header.Frame{ProbIntra: 1, ProbLast: 1, ProbGolden: 1, Context: header.Context{Probs: entropy.Default}})
	const most = entropy.MVMax
	dearest := 0
	for _, d := range []MV{{most, most}, {-most, most}, {most, -most}, {-most, -most}, {most, 0}, {0, -most}, {0, 0}} {
		if cost := c.MV(d); cost <= 0 || cost > 100<<boolcoder.CostShift {
			t.Errorf("%v costs %d", d, cost)
		} else {
			dearest = max(dearest, cost)
		}
	}
	for _, d := range []MV{{most + 1, 0}, {-most - 1, 0}, {0, most + 1}, {0, -most - 1}, {math.MaxInt16, math.MinInt16}} {
		if cost := c.MV(d); cost < 10000*dearest {
			t.Errorf("%v costs only %d", d, cost)
		}
	}
}

// TestCheapestSubMV: a block's vector is written in a way that gives it, and the shortest of those names is not a new vector
// where a neighbour has it already.
func TestCheapestSubMV(t *testing.T) {
	var c Costs
	c.Set(&header.Frame{ProbIntra: 1, ProbLast: 1, ProbGolden: 1, Context: header.Context{Probs: entropy.Default}})
	here, left, above := Macroblock{}, Macroblock{Ref: header.Last, YMode: entropy.NewMV, MV: MV{4, 4}}, Macroblock{Ref: header.Last, YMode: entropy.NewMV, MV: MV{-80, 12}}
	a := Around{Here: &here, Left: &left, Above: &above, AboveLeft: new(Macroblock)}
	fresh := c.SubMV(&a, 0, MV{200, -300}, MV{})
	for _, known := range []MV{left.MV, above.MV, {}} {
		if cost := c.SubMV(&a, 0, known, MV{}); cost >= fresh {
			t.Errorf("%v, which a neighbour has, costs %d, a new vector %d", known, cost, fresh)
		}
	}
}
