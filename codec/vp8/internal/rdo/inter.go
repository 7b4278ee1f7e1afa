package rdo

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/motion"
)

// candidate is an inter mode with a whole-macroblock vector.
type candidate struct {
	p     *prediction
	yMode uint8
	rate  int // of the mode and vector, in 1/256 bit
	cost  int // SATD and rate together
}

// tryInter does the steps 1 to 3.
func (c *coder) tryInter() {
	c.candidates = c.candidates[:0]
	refs := 0
	for ref := uint8(header.Last); ref < header.NumRefs; ref++ {
		if c.f.Refs[ref] == nil || refs == c.speed.Refs {
			continue
		}
		refs++
		c.add(ref, entropy.ZeroMV, mode.MV{})
		c.add(ref, entropy.NearestMV, c.near.Nearest)
		c.add(ref, entropy.NearMV, c.near.Near)
		if ref == header.Last && c.speed.EarlySkip && c.skipsEarly() {
			return
		}
		if !c.seemsNew() {
			c.add(ref, entropy.NewMV, c.search(ref))
		}
	}
	if c.seemsNew() {
		return
	}
	for range c.speed.Candidates {
		best := -1
		for i := range c.candidates {
			if c.candidates[i].cost < infinite && (best < 0 || c.candidates[i].cost < c.candidates[best].cost) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		c.try(&c.candidates[best])
		c.candidates[best].cost = infinite
	}
	if c.speed.Splits > 0 && !c.best.Skip && c.best.tokens > c.speed.SplitGate<<boolcoder.CostShift {
		c.trySplits()
	}
}

// After so many intra macroblocks in a row of macroblocks, seemsNew may tell that the next one is new too: fewer, and the edges of what
// moves suffer.
const newRun = 8

// seemsNew tells whether a macroblock is likely to show what no reference does, as after a scene cut: so were the ones around it, and its
// source predicts itself clearly better, by a quarter, than the vectors so far do. What is sampled is searched all the same, lest not
// having searched one macroblock be the reason not to search the next.
func (c *coder) seemsNew() bool {
	return c.intraRun >= newRun && c.around.Above.Ref == header.Intra && c.row > 0 && !c.sampled() && c.sourceIntra()*4 < c.interCost*3
}

// sampled tells of one macroblock in eight that it is; in every row and every column as many.
func (c *coder) sampled() bool { return (c.col+3*c.row)%8 == 0 }

// add ranks a candidate, unless an earlier one has the same vector into the same reference.
func (c *coder) add(ref, yMode uint8, mv mode.MV) {
	p := c.predictionOf(ref, mv)
	for i := range c.candidates {
		if c.candidates[i].p == p {
			return
		}
	}
	costs := &c.f.Costs.Modes
	rate := costs.Ref[ref] + c.near.Inter(yMode)
	if yMode == entropy.NewMV {
		rate += costs.MV(mv.Sub(c.near.Best))
	}
	cost := c.satd(p) + c.plan.SADLambda*rate>>sadShift
	c.candidates = append(c.candidates, candidate{p, yMode, rate, cost})
	c.interCost = min(c.interCost, cost)
}

// sadShift: SADLambda is in 1/16, rates are in 1/256 bit.
const sadShift = 4 + 8

// neverSkipped is the SATD of a macroblock's luma, in steps of the quantizer, from which on a residue is never worth leaving out: on
// the clips, in fewer than one case in a hundred.
const neverSkipped = 72

// skipsEarly tries the best candidate so far and tells whether it needs no residue.
func (c *coder) skipsEarly() bool {
	best := 0
	for i := range c.candidates {
		if c.candidates[i].cost < c.candidates[best].cost {
			best = i
		}
	}
	if c.satd(c.candidates[best].p) > neverSkipped*int(c.plan.Y1.Steps[1]) {
		return false
	}
	c.try(&c.candidates[best])
	c.candidates[best].cost = infinite
	return c.best.Skip
}

// try codes a candidate on trial.
func (c *coder) try(cand *candidate) {
	t := c.other
	t.p = cand.p
	t.YMode, t.Ref, t.MV, t.rate = cand.yMode, cand.p.ref, cand.p.mv, cand.rate
	c.scoreWhole(t)
	c.keep()
}

// A page that was scrolled is looked for up and down, where nothing like it was found near by, for a sample of the macroblocks: from
// these their neighbours have the vector.
const (
	unlike      = 16 * 256 // SAD of a macroblock's luma: a mean of 16 steps a pixel, far above noise
	scrollReach = 128      // pixels: a notch of a mouse wheel is about 100
)

// search finds the best vector into a reference.
func (c *coder) search(ref uint8) mode.MV {
	found := &c.f.Vectors[c.row*c.f.Modes.Cols+c.col][ref]
	if !found.Valid {
		if c.known.found[ref].Valid {
			*found = c.known.found[ref]
			return found.MV
		}
		c.block.Ref = &c.f.Refs[ref].Y
		starts := [...]mode.MV{c.near.Best, c.near.Nearest, c.near.Near, c.around.Left.MV, c.around.Above.MV, c.around.AboveLeft.MV}
		n := len(starts)
		if c.quick {
			n = 3
		}
		r := c.block.Integer(starts[:n], c.speed.Step)
		if ref == header.Last && r.Distortion > unlike && c.sampled() {
			r = c.block.Column(r, scrollReach)
		}
		switch {
		case c.speed.Guess:
			if v := r.Guess(); c.satd(c.predictionOf(ref, v)) < c.satd(c.predictionOf(ref, r.MV)) {
				r.MV = v
			}
		case c.speed.Subpel:
			r = c.block.Refine(r.MV, c.speed.Diagonals, &c.sides)
		}
		*found = Found{r.MV, true}
	}
	c.known.found[ref] = *found
	return found.MV
}

// trySplits does step 3, in the reference of the best trial: the shapes of 8x8 blocks first, and the finer one if they helped.
func (c *coder) trySplits() {
	ref, whole := c.best.Ref, c.best.MV
	if c.best.YMode == entropy.SplitMV || ref == header.Intra {
		return
	}
	helped := c.trySplit(ref, whole, entropy.Split8x8)
	helped = c.trySplit(ref, whole, entropy.Split16x8) || helped
	helped = c.trySplit(ref, whole, entropy.Split8x16) || helped
	if helped && c.speed.Splits > 1 {
		c.trySplit(ref, whole, entropy.Split4x4)
	}
}

// splitSize is the size of the parts of each split shape in pixels.
var splitSize = [entropy.NumSplits][2]int{{16, 8}, {8, 16}, {8, 8}, {4, 4}}

// trySplit gives each part of a split shape the vector that costs least, and codes the result on trial.
func (c *coder) trySplit(ref uint8, whole mode.MV, shape uint8) bool {
	t := c.other
	t.p = &t.own
	costs := &c.f.Costs.Modes
	t.YMode, t.Ref, t.Split = entropy.SplitMV, ref, shape
	// The neighbours within the macroblock are looked up in place.
	a := c.around
	a.Here = &t.Macroblock
	t.rate = costs.Ref[ref] + c.near.Inter(entropy.SplitMV) + costs.Split(int(shape))
	w, h := splitSize[shape][0], splitSize[shape][1]
	found := &c.known.splits[shape]
	searched := found.valid && found.ref == ref
	var before mode.MV // vector of the part before
	for part, first := range entropy.SplitFirst[shape] {
		x, y := int(first&3)*4, int(first>>2)*4
		b := motion.Block{
			Src: c.source.Y[y*c.source.Stride+x:], Stride: c.source.Stride, X: c.col*16 + x, Y: c.row*16 + y, W: w, H: h,
			Ref: &c.f.Refs[ref].Y, Filter: filter,
			Predicted: c.near.Best, Cost: costs, Lambda: c.plan.SADLambda,
		}
		left, above := a.SubMVContext(int(first))
		best, bestCost, bestRate := mode.MV{}, infinite, 0
		consider := func(mv mode.MV, distortion int) {
			rate := costs.SubMV(&a, int(first), mv, c.near.Best)
			if cost := distortion + c.plan.SADLambda*rate>>sadShift; cost < bestCost {
				best, bestCost, bestRate = mv, cost, rate
			}
		}
		for _, mv := range [...]mode.MV{left, above, {}} {
			consider(mv, b.Distortion(mv, distortion.SATD, &c.scratch))
		}
		r := &found.parts[part]
		if !searched {
			starts := [...]mode.MV{whole, best, before, c.near.Best}
			*r = b.Integer(starts[:], min(c.speed.Step, 4))
			if c.speed.Subpel {
				*r = b.Refine(r.MV, c.speed.Diagonals, &c.sides)
			}
		}
		consider(r.MV, r.Distortion)
		if whole != r.MV {
			consider(whole, b.Distortion(whole, distortion.SATD, &c.scratch))
		}
		t.Fill(part, best)
		t.rate += bestRate
		before = best
	}
	found.ref, found.valid = ref, true
	t.MV = t.MVs[15]
	if c.weigh(t.rate, 0) >= c.best.score {
		return false
	}
	c.predictSplit(t)
	c.scoreWhole(t)
	return c.keep()
}
