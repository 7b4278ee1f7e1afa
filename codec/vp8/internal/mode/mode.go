// Package mode has the modes of macroblocks: how each is predicted, and how that is read from and written to the first
// partition (RFC 6386, sections 8, 9.3, 10, 11, 16, 17 and 19.3).
package mode

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// MV is a motion vector in quarter luma pixels.
type MV struct{ X, Y int16 }

// Add adds two vectors. Components wrap at 16 bits, which only a hostile stream reaches.
func (v MV) Add(w MV) MV { return MV{v.X + w.X, v.Y + w.Y} }

// Sub subtracts a vector.
func (v MV) Sub(w MV) MV { return MV{v.X - w.X, v.Y - w.Y} }

// Neg turns a vector around.
func (v MV) Neg() MV { return MV{-v.X, -v.Y} }

// Macroblock says how one macroblock is predicted.
type Macroblock struct {
	YMode   uint8 // entropy.DCPred to entropy.SplitMV
	UVMode  uint8 // of an intra macroblock
	Ref     uint8 // header.Intra, Last, Golden or AltRef
	Segment uint8 // 0 to 3
	Split   uint8 // shape of a SplitMV macroblock
	Skip    bool  // has no coefficients
	MV      MV    // of an inter macroblock; of the last block, where it is split; 0 of an intra one
	BModes  [16]uint8
	MVs     [16]MV // of a SplitMV macroblock
}

// HasY2 tells whether the luma DC coefficients are in a block of their own.
func (m *Macroblock) HasY2() bool { return m.YMode != entropy.BPred && m.YMode != entropy.SplitMV }

// blockMV is the vector of a block, as its neighbours see it.
func (m *Macroblock) blockMV(b int) MV {
	if m.YMode == entropy.SplitMV {
		return m.MVs[b]
	}
	return m.MV
}

// impliedBMode is the block mode that stands for a whole-macroblock mode as context of its neighbours (section 11.3).
var impliedBMode = [...]uint8{
	entropy.DCPred: entropy.BDCPred,
	entropy.VPred:  entropy.BVEPred,
	entropy.HPred:  entropy.BHEPred,
	entropy.TMPred: entropy.BTMPred,
}

// blockMode is the mode of a block of an intra macroblock, as its neighbours see it.
func (m *Macroblock) blockMode(b int) uint8 {
	if m.YMode == entropy.BPred {
		return m.BModes[b]
	}
	return impliedBMode[m.YMode]
}

// Map holds the macroblocks of a picture, with a row above and a column to the left of it that count as intra coded, so that
// every macroblock has neighbours.
type Map struct {
	Cols, Rows int // macroblocks
	mbs        []Macroblock
}

// Reset makes m a map of the given size; what it holds is then undefined, but for the border.
func (m *Map) Reset(cols, rows int) {
	if n := (cols + 1) * (rows + 1); len(m.mbs) != n || m.Cols != cols {
		m.mbs = make([]Macroblock, n)
	}
	m.Cols, m.Rows = cols, rows
}

// index of a macroblock; -1 is the border.
func (m *Map) index(col, row int) int { return (row+1)*(m.Cols+1) + col + 1 }

// At gives the macroblock at a column and row.
func (m *Map) At(col, row int) *Macroblock { return &m.mbs[m.index(col, row)] }

// Around gives a macroblock and its neighbours.
func (m *Map) Around(col, row int) Around {
	var a Around
	m.Look(&a, col, row)
	return a
}

// Look is Around into memory that is there already.
func (m *Map) Look(a *Around, col, row int) {
	i := m.index(col, row)
	up := i - m.Cols - 1
	a.Here, a.Left, a.Above, a.AboveLeft = &m.mbs[i], &m.mbs[i-1], &m.mbs[up], &m.mbs[up-1]
	a.Bounds.set(m, col, row)
}

// Around is a macroblock with what its coding depends on.
type Around struct {
	Here, Left, Above, AboveLeft *Macroblock
	Bounds                       Bounds
}

// Bounds limit the vectors that are predicted from neighbours, so that the macroblock they point to still touches the picture
// (section 16.3).
type Bounds struct{ MinX, MaxX, MinY, MaxY int16 }

// margin is how far beyond the picture's edge a predicted vector may move a macroblock, in quarter pixels: by its own size.
const margin = 16 << 2

func (b *Bounds) set(m *Map, col, row int) {
	const quarter = 16 << 2 // quarter pixels a macroblock
	b.MinX, b.MaxX = clamp16(-col*quarter-margin), clamp16((m.Cols-1-col)*quarter+margin)
	b.MinY, b.MaxY = clamp16(-row*quarter-margin), clamp16((m.Rows-1-row)*quarter+margin)
}

func clamp16(v int) int16 { return int16(min(max(v, -1<<15), 1<<15-1)) }

// Clamp brings a vector into the bounds.
func (b *Bounds) Clamp(v MV) MV {
	return MV{X: min(max(v.X, b.MinX), b.MaxX), Y: min(max(v.Y, b.MinY), b.MaxY)}
}

// Near are the vectors that a macroblock's neighbours suggest (section 16.3).
type Near struct {
	Nearest, Near, Best MV // within bounds
	probs               [4]uint8
}

// FindNear looks at the neighbours above, left and above left.
func FindNear(a *Around, ref uint8, signBias *[header.NumRefs]bool) Near {
	var mvs [4]MV // 0: no motion; then up to three different vectors
	var weight [4]int
	n := 0
	for i, nb := range [3]*Macroblock{a.Above, a.Left, a.AboveLeft} {
		if nb.Ref == header.Intra {
			continue
		}
		w := 2
		if i == 2 {
			w = 1
		}
		mv := nb.MV
		if mv == (MV{}) {
			weight[0] += w
			continue
		}
		if signBias[nb.Ref] != signBias[ref] {
			mv = mv.Neg()
		}
		if mv != mvs[n] { // mvs[0] is no motion, so the first one always differs
			n++
			mvs[n] = mv
		}
		weight[n] += w
	}
	if weight[3] > 0 && mvs[3] == mvs[1] {
		weight[1]++
	}
	if weight[2] > weight[1] {
		weight[1], weight[2] = weight[2], weight[1]
		mvs[1], mvs[2] = mvs[2], mvs[1]
	}
	best := mvs[0]
	if weight[1] >= weight[0] {
		best = mvs[1]
	}
	split := 0
	if a.Above.YMode == entropy.SplitMV {
		split += 2
	}
	if a.Left.YMode == entropy.SplitMV {
		split += 2
	}
	if a.AboveLeft.YMode == entropy.SplitMV {
		split++
	}
	ctx := &entropy.ModeContexts
	return Near{
		Nearest: a.Bounds.Clamp(mvs[1]),
		Near:    a.Bounds.Clamp(mvs[2]),
		Best:    a.Bounds.Clamp(best),
		probs:   [4]uint8{ctx[weight[0]][0], ctx[weight[1]][1], ctx[weight[2]][2], ctx[split][3]},
	}
}

// SubMVContext gives the vectors to the left of and above block b of a SplitMV macroblock, which are cheap to take over.
func (a *Around) SubMVContext(b int) (left, above MV) {
	if b&3 == 0 {
		left = a.Left.blockMV(b + 3)
	} else {
		left = a.Here.MVs[b-1]
	}
	if b < 4 {
		above = a.Above.blockMV(b + 12)
	} else {
		above = a.Here.MVs[b-4]
	}
	return left, above
}

// subMVProbs are the probabilities of block b's kind of vector, given its neighbours'.
func subMVProbs(left, above MV) *[entropy.NumSubMVRefs - 1]uint8 {
	return entropy.SubMVRef(left == MV{}, above == MV{}, left == above)
}

// keyBModeContext gives the modes to the left of and above block b, which its mode's probabilities on a key frame depend on.
func (a *Around) keyBModeContext(b int) (left, above uint8) {
	if b&3 == 0 {
		left = a.Left.blockMode(b + 3)
	} else {
		left = a.Here.BModes[b-1]
	}
	if b < 4 {
		above = a.Above.blockMode(b + 12)
	} else {
		above = a.Here.BModes[b-4]
	}
	return left, above
}

func (a *Around) keyBModeProbs(b int) *[entropy.NumBModes - 1]uint8 {
	left, above := a.keyBModeContext(b)
	return &entropy.KeyBMode[above][left]
}

// still is how much the neighbours speak for no motion: 0 to 5, the first index of entropy.ModeContexts (section 16.3).
func (a *Around) still() int {
	weight := 0
	if a.Above.Ref != header.Intra && a.Above.MV == (MV{}) {
		weight += 2
	}
	if a.Left.Ref != header.Intra && a.Left.MV == (MV{}) {
		weight += 2
	}
	if a.AboveLeft.Ref != header.Intra && a.AboveLeft.MV == (MV{}) {
		weight++
	}
	return weight
}

// Read reads the macroblock a.Here. Where the frame does not carry segments it keeps the one in a.Here.
func Read(r *boolcoder.Reader, f *header.Frame, a *Around) {
	m := a.Here
	if f.UpdateMap {
		m.Segment = uint8(r.Tree(entropy.SegmentIDTree, f.SegmentProbs[:]))
	}
	m.Skip, m.MV, m.Ref = false, MV{}, header.Intra
	// Most macroblocks of most frames do not move, and are said with no more than ReadyBools.
	s := r.Begin()
	if !s.Ready() {
		s = r.Fill(s)
	}
	if f.UseSkip {
		s, m.Skip = s.Bool(f.ProbSkip)
	}
	if f.Key {
		r.End(s)
		readKeyIntra(r, a)
		return
	}
	var bit bool
	if s, bit = s.Bool(f.ProbIntra); !bit {
		r.End(s)
		readIntra(r, f, m)
		return
	}
	m.Ref = header.Last
	if s, bit = s.Bool(f.ProbLast); bit {
		m.Ref = header.Golden
		if s, bit = s.Bool(f.ProbGolden); bit {
			m.Ref = header.AltRef
		}
		s = r.Fill(s)
	}
	s, bit = s.Bool(entropy.ModeContexts[a.still()][0])
	r.End(s)
	m.YMode = entropy.ZeroMV
	if bit {
		readMoved(r, f, a)
	}
}

// readKeyIntra reads the modes of a key frame's macroblock.
func readKeyIntra(r *boolcoder.Reader, a *Around) {
	m := a.Here
	m.YMode = uint8(r.Tree(entropy.KeyYModeTree, entropy.KeyYMode[:]))
	if m.YMode == entropy.BPred {
		for b := range m.BModes {
			m.BModes[b] = uint8(r.Tree(entropy.BModeTree, a.keyBModeProbs(b)[:]))
		}
	}
	m.UVMode = uint8(r.Tree(entropy.UVModeTree, entropy.KeyUVMode[:]))
}

// readIntra reads the modes of an interframe's intra macroblock.
func readIntra(r *boolcoder.Reader, f *header.Frame, m *Macroblock) {
	m.YMode = uint8(r.Tree(entropy.YModeTree, f.Context.Probs.YMode[:]))
	if m.YMode == entropy.BPred {
		for b := range m.BModes {
			m.BModes[b] = uint8(r.Tree(entropy.BModeTree, entropy.BMode[:]))
		}
	}
	m.UVMode = uint8(r.Tree(entropy.UVModeTree, f.Context.Probs.UVMode[:]))
}

// readMoved reads the vectors of an inter macroblock that is known not to be in ZeroMV.
func readMoved(r *boolcoder.Reader, f *header.Frame, a *Around) {
	m := a.Here
	near := FindNear(a, m.Ref, &f.SignBias)
	switch {
	case !r.Bool(near.probs[1]):
		m.YMode, m.MV = entropy.NearestMV, near.Nearest
	case !r.Bool(near.probs[2]):
		m.YMode, m.MV = entropy.NearMV, near.Near
	case !r.Bool(near.probs[3]):
		m.YMode, m.MV = entropy.NewMV, near.Best.Add(readMV(r, &f.Context.Probs))
	default:
		m.YMode = entropy.SplitMV
		readSplit(r, f, a, near.Best)
		m.MV = m.MVs[15]
	}
}

func readSplit(r *boolcoder.Reader, f *header.Frame, a *Around, best MV) {
	m := a.Here
	m.Split = uint8(r.Tree(entropy.SplitTree, entropy.Split[:]))
	for part, b := range entropy.SplitFirst[m.Split] {
		left, above := a.SubMVContext(int(b))
		var mv MV
		switch r.Tree(entropy.SubMVRefTree, subMVProbs(left, above)[:]) {
		case entropy.Left4x4:
			mv = left
		case entropy.Above4x4:
			mv = above
		case entropy.New4x4:
			mv = best.Add(readMV(r, &f.Context.Probs))
		}
		m.Fill(part, mv)
	}
}

// Fill gives the blocks of one part of a SplitMV macroblock their vector.
func (m *Macroblock) Fill(part int, mv MV) {
	if m.Split == entropy.Split4x4 {
		m.MVs[part] = mv
		return
	}
	for b, p := range entropy.SplitOf[m.Split] {
		if int(p) == part {
			m.MVs[b] = mv
		}
	}
}

func readMV(r *boolcoder.Reader, probs *entropy.Probs) MV {
	y := readMVComponent(r, &probs.MV[0])
	x := readMVComponent(r, &probs.MV[1])
	return MV{X: x, Y: y}
}

// readMVComponent reads one component of a vector's difference (section 17.2).
func readMVComponent(r *boolcoder.Reader, p *[entropy.NumMVProbs]uint8) int16 {
	v := 0
	if r.Bool(p[entropy.MVIsLong]) {
		for i := range 3 {
			v |= r.Bit(p[entropy.MVLong+i]) << i
		}
		for i := entropy.MVLongBits - 1; i > 3; i-- {
			v |= r.Bit(p[entropy.MVLong+i]) << i
		}
		// A long magnitude is at least 8: where no higher bit says so, bit 3 must.
		if v&^15 == 0 || r.Bool(p[entropy.MVLong+3]) {
			v |= 8
		}
	} else {
		v = r.Tree(entropy.ShortMVTree, p[entropy.MVShort:entropy.MVLong])
	}
	if v != 0 && r.Bool(p[entropy.MVSign]) {
		v = -v
	}
	return int16(v)
}
