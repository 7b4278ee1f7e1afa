package rdo

import (
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/token"
)

// How a macroblock of an interframe is coded where there is no time to code anything on trial (Speed.Quick):
//
//  1. If the frame before has it in the same place, well enough, it stays.
//  2. Else the neighbours' vectors are measured and, unless one of them is good enough, motion search goes on from there.
//  3. Where even that is far off, the 16x16 intra modes are measured too. What has the least SATD and rate is taken.
//  4. That is coded, with a residue or without.

const (
	// Up to Speed.Quick, the SATD of a macroblock's luma in AC steps, a prediction is good enough to stay or not to search for a better
	// one. It is where time goes: with 44, 40 and 28 for effort 0's 36, coding takes 3 % less, 1 to 2 % less and 2.5 % more time, for 6 and 3 %
	// more and 8 to 11 % fewer bits over 120 frames; with 80 for not to search, a fifth less with fine quantizers, for 10 to 25 % more. farOff is the same for not looking at intra modes, which is never done up to neverFarOff:
	// a mean difference of 4 steps a pixel.
	farOff      = 48
	neverFarOff = 4 * 256
	// visible is the SATD above which nothing is good enough, however coarse the quantizer: a mean difference of 6 steps a pixel.
	visible = 6 * 256
	// manyBlocks is how many blocks must have levels for these to be kept without their rate being counted: they mostly are.
	manyBlocks = 4
)

// codeQuick does that in c.best.
func (c *coder) codeQuick() {
	t := c.best
	t.YMode, t.Ref, t.MV = entropy.ZeroMV, header.Last, mode.MV{}
	t.p = c.predictionOf(header.Last, mode.MV{})
	if c.stays(t) {
		t.Skip, t.ends = true, token.Ends{}
		return
	}
	c.near = mode.FindNear(&c.around, header.Last, &c.f.Header.SignBias)
	c.block.Predicted = c.near.Best
	c.candidates = c.candidates[:0]
	c.add(header.Last, entropy.ZeroMV, mode.MV{})
	c.add(header.Last, entropy.NearestMV, c.near.Nearest)
	c.add(header.Last, entropy.NearMV, c.near.Near)
	if c.interCost > c.enough() && !c.seemsNew() {
		c.add(header.Last, entropy.NewMV, c.search(header.Last))
	}
	best := &c.candidates[0]
	for i := range c.candidates {
		if c.candidates[i].cost < best.cost {
			best = &c.candidates[i]
		}
	}
	t.p, t.YMode, t.MV, t.rate = best.p, best.yMode, best.p.mv, best.rate
	if best.cost > max(farOff*int(c.plan.Y1.Steps[1]), neverFarOff) && c.sourceIntra() < best.cost {
		c.intraQuick(t)
	}
	c.scoreWhole(t)
}

// enough is the SATD up to which a prediction is good enough.
func (c *coder) enough() int { return min(c.speed.Quick*int(c.plan.Y1.Steps[1]), visible) }

// stays does step 1. What tells most is that coefficients that the eye is sure to see, those of Y2 and chroma, are below twice what
// has level 0. Most residues like that would turn out not to be worth their bits.
func (c *coder) stays(t *trial) bool {
	if c.vanishes(t) {
		return true
	}
	round := rounding(t)
	_, y2 := c.lumaBounds(t.p)
	if !c.plan.Y2.Zeroes([2]int{y2[0] / 2, y2[1] / 2}, round) || c.satd(t.p) > c.enough() {
		return false
	}
	energy, dc := c.chromaBounds(t.p)
	return c.plan.UV.ZeroesWithin(energy/4, round) && c.plan.UV.Zeroes([2]int{dc / 2, 0}, round)
}

// intraQuick has the trial predicted with the 16x16 intra mode that is best by SATD, if that is better than what it is.
func (c *coder) intraQuick(t *trial) {
	o := c.other
	costs := &c.f.Costs.Modes
	least, yMode := c.interCost, uint8(entropy.NumYModes)
	for m := range uint8(entropy.BPred) {
		o.YMode = m
		c.predictIntra(o)
		if cost := c.satd(o.p) + c.plan.SADLambda*(costs.Ref[header.Intra]+costs.YMode[m])>>sadShift; cost < least {
			least, yMode = cost, m
		}
	}
	if yMode == entropy.NumYModes {
		return
	}
	t.Ref, t.YMode, t.UVMode, t.MV = header.Intra, yMode, yMode, mode.MV{}
	t.rate = costs.Ref[header.Intra] + costs.YMode[yMode] + costs.UVMode[yMode]
	c.predictIntra(t)
	c.predictIntraChroma(t, yMode)
}
