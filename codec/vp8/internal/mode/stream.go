package mode

import (
	"encoding/binary"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// How modes come into the first partition:
//
//  1. Add turns the modes of each macroblock into bools, and notes with each which probability it has.
//  2. Count tells how often those came out false and true whose probabilities are to be chosen.
//  3. Write encodes them.

// Stream is the modes of macroblocks as bools. The zero Stream has none; Reset one to reuse its memory.
type Stream struct{ list boolcoder.List }

// Places of a frame's own probabilities. Those that are the same in all frames are at the place that is their value.
const (
	skipAt = 256 + iota
	interAt
	notLastAt
	altRefAt
	segmentAt
	yModeAt  = segmentAt + len(header.Frame{}.SegmentProbs)
	uvModeAt = yModeAt + entropy.NumYModes - 1
	mvAt     = uvModeAt + entropy.NumUVModes - 1
	numAt    = mvAt + 2*entropy.NumMVProbs
)

// Reset forgets all modes and keeps their memory.
func (s *Stream) Reset() { s.list = s.list[:0] }

// Size is the bytes that the modes take in memory.
func (s *Stream) Size() int { return len(s.list) }

// Reserve makes room for modes of that size where there never were any: to grow step by step takes several times the memory, and
// fresh memory takes time.
func (s *Stream) Reserve(size int) {
	if s.list == nil {
		s.list = make(boolcoder.List, 0, size)
	}
}

// Add appends the modes of the macroblock a.Here.
func (s *Stream) Add(f *header.Frame, a *Around) {
	m := a.Here
	if f.UpdateMap {
		s.path(&entropy.SegmentIDPaths[m.Segment], segmentAt)
	}
	if f.UseSkip {
		s.bool(skipAt, m.Skip)
	}
	switch {
	case f.Key:
		s.fixedPath(&entropy.KeyYModePaths[m.YMode], entropy.KeyYMode[:])
		if m.YMode == entropy.BPred {
			for b, mode := range m.BModes {
				s.fixedPath(&entropy.BModePaths[mode], a.keyBModeProbs(b)[:])
			}
		}
		s.fixedPath(&entropy.UVModePaths[m.UVMode], entropy.KeyUVMode[:])
	case m.Ref == header.Intra:
		s.bool(interAt, false)
		s.path(&entropy.YModePaths[m.YMode], yModeAt)
		if m.YMode == entropy.BPred {
			for _, mode := range m.BModes {
				s.fixedPath(&entropy.BModePaths[mode], entropy.BMode[:])
			}
		}
		s.path(&entropy.UVModePaths[m.UVMode], uvModeAt)
	default:
		s.addInter(f, a)
	}
}

func (s *Stream) addInter(f *header.Frame, a *Around) {
	m := a.Here
	s.bool(interAt, true)
	s.bool(notLastAt, m.Ref != header.Last)
	if m.Ref != header.Last {
		s.bool(altRefAt, m.Ref == header.AltRef)
	}
	if m.YMode == entropy.ZeroMV { // the most usual one
		s.bool(int(entropy.ModeContexts[a.still()][0]), false)
		return
	}
	near := FindNear(a, m.Ref, &f.SignBias)
	s.fixedPath(&refPaths[m.YMode-entropy.NearestMV], near.probs[:])
	switch m.YMode {
	case entropy.NewMV:
		s.mv(m.MV.Sub(near.Best))
	case entropy.SplitMV:
		s.fixedPath(&entropy.SplitPaths[m.Split], entropy.Split[:])
		for _, b := range entropy.SplitFirst[m.Split] {
			left, above := a.SubMVContext(int(b))
			ref := subMVRefOf(m.MVs[b], left, above)
			s.fixedPath(&entropy.SubMVRefPaths[ref], subMVProbs(left, above)[:])
			if ref == entropy.New4x4 {
				s.mv(m.MVs[b].Sub(near.Best))
			}
		}
	}
}

// mv appends a vector's difference to the predicted one.
func (s *Stream) mv(d MV) {
	s.mvComponent(d.Y, mvAt)
	s.mvComponent(d.X, mvAt+entropy.NumMVProbs)
}

// mvComponent appends one component of it, whose probabilities begin at a place (section 17.2).
func (s *Stream) mvComponent(d int16, at int) {
	v := int(max(d, -d))
	long := v >= len(entropy.ShortMVPaths)
	s.bool(at+entropy.MVIsLong, long)
	if !long {
		s.path(&entropy.ShortMVPaths[v], at+entropy.MVShort)
	} else {
		for i := range 3 {
			s.bool(at+entropy.MVLong+i, v>>i&1 != 0)
		}
		for i := entropy.MVLongBits - 1; i > 3; i-- {
			s.bool(at+entropy.MVLong+i, v>>i&1 != 0)
		}
		if v > 15 {
			s.bool(at+entropy.MVLong+3, v>>3&1 != 0)
		}
	}
	if v != 0 {
		s.bool(at+entropy.MVSign, d < 0)
	}
}

// bool appends a bool with the probability at a place.
func (s *Stream) bool(at int, bit bool) {
	c := uint16(2 * at)
	if bit {
		c++
	}
	s.list = binary.LittleEndian.AppendUint16(s.list, c)
}

// path appends the bools of a path through a tree whose probabilities begin at a place.
func (s *Stream) path(p *boolcoder.Path, at int) {
	for i := range int(p.Len) {
		s.bool(at+int(p.Node[i]), p.Bits>>(int(p.Len)-1-i)&1 != 0)
	}
}

// fixedPath does so with probabilities that are the same in all frames.
func (s *Stream) fixedPath(p *boolcoder.Path, probs []uint8) {
	for i := range int(p.Len) {
		s.bool(int(probs[p.Node[i]]), p.Bits>>(int(p.Len)-1-i)&1 != 0)
	}
}

// Counts are how often the bools of the modes came out false and true, in the places that a Stream has for them.
type Counts [numAt][2]int

// Count adds how often each bool is false and true.
func (s *Stream) Count(n *Counts) {
	for list := s.list; len(list) >= 2; list = list[2:] {
		c := binary.LittleEndian.Uint16(list)
		n[c>>1%uint16(numAt)][c&1]++
	}
}

// Skip counts how often macroblocks have no coefficients.
func (n *Counts) Skip() [2]int { return n[skipAt] }

// Inter counts how often they are predicted from a reference.
func (n *Counts) Inter() [2]int { return n[interAt] }

// NotLast counts how often that is not LAST.
func (n *Counts) NotLast() [2]int { return n[notLastAt] }

// AltRef counts how often it is ALTREF rather than GOLDEN.
func (n *Counts) AltRef() [2]int { return n[altRefAt] }

// Segment counts the bools of the segments' tree.
func (n *Counts) Segment() [][2]int { return n[segmentAt:yModeAt] }

// YMode counts the bools of the luma modes' tree, on interframes.
func (n *Counts) YMode() [][2]int { return n[yModeAt:uvModeAt] }

// UVMode counts the bools of the chroma modes' tree, on interframes.
func (n *Counts) UVMode() [][2]int { return n[uvModeAt:mvAt] }

// MV counts the bools of a component of vectors: 0 is the vertical one.
func (n *Counts) MV(component int) [][2]int {
	return n[mvAt+component*entropy.NumMVProbs:][:entropy.NumMVProbs]
}

// SetTable gives a table the probabilities of a frame, for Write.
func SetTable(t *boolcoder.Table, f *header.Frame) {
	for p := range 256 {
		t[p] = uint8(p)
	}
	probs := &f.Context.Probs
	t[skipAt], t[interAt], t[notLastAt], t[altRefAt] = f.ProbSkip, f.ProbIntra, f.ProbLast, f.ProbGolden
	copy(t[segmentAt:], f.SegmentProbs[:])
	copy(t[yModeAt:], probs.YMode[:])
	copy(t[uvModeAt:], probs.UVMode[:])
	copy(t[mvAt:], probs.MV[0][:])
	copy(t[mvAt+entropy.NumMVProbs:], probs.MV[1][:])
}

// Write encodes the modes.
func (s *Stream) Write(w *boolcoder.Writer, t *boolcoder.Table) { w.List(s.list, t) }
