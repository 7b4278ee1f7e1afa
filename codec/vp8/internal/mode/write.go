package mode

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// Counts are how often the bools of the modes came out false and true, for the probabilities that a frame can choose.
type Counts struct {
	Skip, Inter, NotLast, AltRef [2]int
	Segment                      [3][2]int
	YMode                        [entropy.NumYModes - 1][2]int // of interframes
	UVMode                       [entropy.NumUVModes - 1][2]int
	MV                           [2][entropy.NumMVProbs][2]int
}

// Write writes the macroblock a.Here in the way that Read reads it.
func Write(w *boolcoder.Writer, f *header.Frame, a *Around) {
	m := a.Here
	if f.UpdateMap {
		w.Path(&entropy.SegmentIDPaths[m.Segment], f.SegmentProbs[:])
	}
	if f.UseSkip {
		w.Bool(m.Skip, f.ProbSkip)
	}
	switch {
	case f.Key:
		w.Path(&entropy.KeyYModePaths[m.YMode], entropy.KeyYMode[:])
		if m.YMode == entropy.BPred {
			for b, mode := range m.BModes {
				w.Path(&entropy.BModePaths[mode], a.keyBModeProbs(b)[:])
			}
		}
		w.Path(&entropy.UVModePaths[m.UVMode], entropy.KeyUVMode[:])
	case m.Ref == header.Intra:
		w.Bool(false, f.ProbIntra)
		w.Path(&entropy.YModePaths[m.YMode], f.Context.Probs.YMode[:])
		if m.YMode == entropy.BPred {
			for _, mode := range m.BModes {
				w.Path(&entropy.BModePaths[mode], entropy.BMode[:])
			}
		}
		w.Path(&entropy.UVModePaths[m.UVMode], f.Context.Probs.UVMode[:])
	default:
		writeInter(w, f, a)
	}
}

func writeInter(w *boolcoder.Writer, f *header.Frame, a *Around) {
	m := a.Here
	w.Bool(true, f.ProbIntra)
	w.Bool(m.Ref != header.Last, f.ProbLast)
	if m.Ref != header.Last {
		w.Bool(m.Ref == header.AltRef, f.ProbGolden)
	}
	near := FindNear(a, m.Ref, &f.SignBias)
	w.Path(&refPaths[m.YMode-entropy.NearestMV], near.probs[:])
	switch m.YMode {
	case entropy.NewMV:
		writeMV(w, m.MV.Sub(near.Best), &f.Context.Probs)
	case entropy.SplitMV:
		w.Path(&entropy.SplitPaths[m.Split], entropy.Split[:])
		for _, b := range entropy.SplitFirst[m.Split] {
			left, above := a.SubMVContext(int(b))
			ref := subMVRefOf(m.MVs[b], left, above)
			w.Path(&entropy.SubMVRefPaths[ref], subMVProbs(left, above)[:])
			if ref == entropy.New4x4 {
				writeMV(w, m.MVs[b].Sub(near.Best), &f.Context.Probs)
			}
		}
	}
}

// refPaths are the paths to the inter modes, from entropy.NearestMV on.
var refPaths = func() (paths [5]boolcoder.Path) {
	const first = entropy.NearestMV
	tree := []int8{-(entropy.ZeroMV - first), 2, -(entropy.NearestMV - first), 4, -(entropy.NearMV - first), 6, -(entropy.NewMV - first), -(entropy.SplitMV - first)}
	copy(paths[:], boolcoder.Paths(tree, len(paths)))
	return paths
}()

// subMVRefOf is how a block's vector is coded, given its neighbours': the first way that gives it.
func subMVRefOf(mv, left, above MV) int {
	switch mv {
	case left:
		return entropy.Left4x4
	case above:
		return entropy.Above4x4
	case MV{}:
		return entropy.Zero4x4
	}
	return entropy.New4x4
}

func writeMV(w *boolcoder.Writer, d MV, probs *entropy.Probs) {
	component := func(v int16, p *[entropy.NumMVProbs]uint8) {
		visitMV(v, func(i int, bit bool) { w.Bool(bit, p[i]) })
	}
	component(d.Y, &probs.MV[0])
	component(d.X, &probs.MV[1])
}

// visitMV calls f for each bool of a vector component, with the index of its probability (section 17.2).
func visitMV(d int16, f func(i int, bit bool)) {
	v := int(max(d, -d))
	if v < len(entropy.ShortMVPaths) {
		f(entropy.MVIsLong, false)
		p := &entropy.ShortMVPaths[v]
		for i := range int(p.Len) {
			f(entropy.MVShort+int(p.Node[i]), p.Bits>>(int(p.Len)-1-i)&1 != 0)
		}
	} else {
		f(entropy.MVIsLong, true)
		for i := range 3 {
			f(entropy.MVLong+i, v>>i&1 != 0)
		}
		for i := entropy.MVLongBits - 1; i > 3; i-- {
			f(entropy.MVLong+i, v>>i&1 != 0)
		}
		if v > 15 {
			f(entropy.MVLong+3, v>>3&1 != 0)
		}
	}
	if v != 0 {
		f(entropy.MVSign, d < 0)
	}
}

// Count counts the bools that Write would write.
func (n *Counts) Count(f *header.Frame, a *Around) {
	m := a.Here
	count := func(c *[2]int, bit bool) {
		if bit {
			c[1]++
		} else {
			c[0]++
		}
	}
	path := func(c [][2]int, p *boolcoder.Path) {
		for i := range int(p.Len) {
			count(&c[p.Node[i]], p.Bits>>(int(p.Len)-1-i)&1 != 0)
		}
	}
	mv := func(d MV) {
		visitMV(d.Y, func(i int, bit bool) { count(&n.MV[0][i], bit) })
		visitMV(d.X, func(i int, bit bool) { count(&n.MV[1][i], bit) })
	}
	path(n.Segment[:], &entropy.SegmentIDPaths[m.Segment])
	count(&n.Skip, m.Skip)
	if f.Key {
		return
	}
	count(&n.Inter, m.Ref != header.Intra)
	if m.Ref == header.Intra {
		path(n.YMode[:], &entropy.YModePaths[m.YMode])
		path(n.UVMode[:], &entropy.UVModePaths[m.UVMode])
		return
	}
	count(&n.NotLast, m.Ref != header.Last)
	if m.Ref != header.Last {
		count(&n.AltRef, m.Ref == header.AltRef)
	}
	switch m.YMode {
	case entropy.NewMV:
		mv(m.MV.Sub(FindNear(a, m.Ref, &f.SignBias).Best))
	case entropy.SplitMV:
		near := FindNear(a, m.Ref, &f.SignBias)
		for _, b := range entropy.SplitFirst[m.Split] {
			left, above := a.SubMVContext(int(b))
			if subMVRefOf(m.MVs[b], left, above) == entropy.New4x4 {
				mv(m.MVs[b].Sub(near.Best))
			}
		}
	}
}
