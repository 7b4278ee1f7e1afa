package rdo

import (
	"slices"

	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/predict"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
	"salsify/codec/vp8/internal/transform"
)

// The working area of 4x4 reconstruction: the macroblock with a row above (4 pixels longer), a column to the left and the
// corner.
const (
	workStride = 32
	workOrigin = workStride + 8
	workSize   = 17 * workStride
)

// tryIntra does step 4.
func (c *coder) tryIntra() {
	costs := &c.f.Costs.Modes
	if c.best.score < infinite && c.sourceIntra()*8 > c.interCost*c.speed.IntraGate {
		return
	}
	// Rank the 16x16 modes.
	var rank [4]int
	for m := range rank {
		t := c.other
		t.YMode = uint8(m)
		c.predictIntra(t)
		rank[m] = c.satd(t.p) + c.plan.SADLambda*costs.YMode[m]>>sadShift
	}
	goodEnough := c.speed.Quick > 0 && slices.Min(rank[:]) <= c.enough()
	uvMode, uvRate := c.chooseChroma(c.other)
	for range c.speed.IntraModes {
		best := 0
		for m := range rank {
			if rank[m] < rank[best] {
				best = m
			}
		}
		rank[best] = infinite
		t := c.other
		t.Ref, t.YMode, t.UVMode, t.MV = header.Intra, uint8(best), uvMode, mode.MV{}
		t.rate = costs.Ref[header.Intra] + costs.YMode[best] + uvRate
		c.predictIntra(t)
		c.predictIntraChroma(t, uvMode)
		c.scoreWhole(t)
		c.keep()
	}
	if goodEnough || c.speed.EarlySkip && c.best.Skip {
		return // what one mode predicts so well, one a block hardly predicts better
	}
	if c.f.Header.Key || c.speed.BModes > 0 {
		c.tryBPred(uvMode, uvRate)
	}
}

// chooseChroma finds the best chroma mode, by trial where there is time; t is overwritten.
func (c *coder) chooseChroma(t *trial) (uvMode uint8, rate int) {
	if c.speed.Quick > 0 {
		return c.chooseChromaQuick(t)
	}
	best := infinite
	costs := &c.f.Costs.Modes.UVMode
	t.Ref = header.Intra // for the dead zone
	for m := range costs {
		c.predictIntraChroma(t, uint8(m))
		dist := c.quantizeChroma(t)
		if s := c.weigh(costs[m]+c.chromaRate(t), dist); s < best {
			best, uvMode, rate = s, uint8(m), costs[m]
		}
	}
	return uvMode, rate
}

// chooseChromaQuick finds the best chroma mode by SATD; t is overwritten.
func (c *coder) chooseChromaQuick(t *trial) (uvMode uint8, rate int) {
	best := infinite
	costs := &c.f.Costs.Modes.UVMode
	s := &c.source
	for m := range costs {
		c.predictIntraChroma(t, uint8(m))
		p := t.p
		satd := distortion.SATD(s.U, s.ChromaStride, p.U, p.ChromaStride, 8, 8) + distortion.SATD(s.V, s.ChromaStride, p.V, p.ChromaStride, 8, 8)
		if cost := satd + c.plan.SADLambda*costs[m]>>sadShift; cost < best {
			best, uvMode, rate = cost, uint8(m), costs[m]
		}
	}
	return uvMode, rate
}

// tryBPred chooses a mode for each 4x4 block, in order, each predicted from the reconstruction of those before.
func (c *coder) tryBPred(uvMode uint8, uvRate int) {
	t := c.other
	costs := c.f.Costs
	t.Ref, t.YMode, t.UVMode, t.MV, t.Skip, t.placed = header.Intra, entropy.BPred, uvMode, mode.MV{}, false, false
	t.rate = costs.Modes.Ref[header.Intra] + costs.Modes.YMode[entropy.BPred] + uvRate
	c.predictIntraChroma(t, uvMode)
	distC := c.quantizeChroma(t)
	t.score = c.weigh(t.rate+costs.Modes.Skip[0]+c.chromaRate(t), distC)
	t.ends[token.Y2] = 0
	a := c.around
	a.Here = &t.Macroblock
	aboveRight := c.fillWork()
	above, left := *c.above, c.left
	modes := c.speed.BModes
	if c.f.Header.Key {
		modes = c.speed.KeyBModes
	}
	for b := range token.FirstU {
		if t.score >= c.best.score {
			return
		}
		at := workOrigin + lumaAt(b, workStride)
		var e predict.Edge
		c.gather(&e, b, at, aboveRight[:])
		src := c.source.Y[lumaAt(b, c.source.Stride):]
		// Rank the modes by SATD, unless all are coded on trial.
		var pred [entropy.NumBModes][16]byte
		var rank [entropy.NumBModes]int
		rate := costs.Modes.BlockModes(c.f.Header.Key, &a, b)
		predict.Intra4x4All(&pred, &e)
		distortion.SATDs(rank[:], src, c.source.Stride, pred[:])
		for m := range rank {
			rank[m] += c.plan.SADLambda * rate[m] >> sadShift
		}
		ctx := token.ContextOf(&above, &left, b)
		best := infinite
		for range modes {
			m := 0
			for i := range rank {
				if rank[i] < rank[m] {
					m = i
				}
			}
			rank[m] = infinite
			var coeffs, levels [16]int16
			transform.ForwardDCT(src, c.source.Stride, pred[m][:], 4, &coeffs)
			end, err := c.plan.Y1.Quantize(&coeffs, &levels, 0, quant.RoundIntra)
			tokens := costs.Tokens.Block(entropy.BlockYWithDC, ctx, 0, end, &levels)
			if s := c.weigh(rate[m]+tokens, err<<quant.CoeffShift); s < best {
				best = s
				t.BModes[b] = uint8(m)
				t.ends[b] = end
				*t.levels.Block(b) = levels
			}
		}
		t.score += best
		t.rate += rate[t.BModes[b]]
		c.placeBlock(t, b, at, pred[t.BModes[b]][:])
		token.SetContext(&above, &left, b, t.ends[b])
	}
	t.placed = true
	c.keep()
}

// fillWork copies the surroundings of the macroblock into the working area and returns the 4 pixels above and to the right.
func (c *coder) fillWork() [4]byte {
	y := &c.f.Recon.Y
	at := y.At(c.col*16, c.row*16)
	copy(c.work[workOrigin-workStride-1:][:17], y.Pix[at-y.Stride-1:])
	aboveRight := predict.AboveRight(y, c.col, c.row)
	copy(c.work[workOrigin-workStride+16:], aboveRight[:])
	for r := range 16 {
		c.work[workOrigin+r*workStride-1] = y.Pix[at+r*y.Stride-1]
	}
	return aboveRight
}

func (c *coder) gather(e *predict.Edge, b, at int, aboveRight []byte) {
	if b&3 != 3 {
		aboveRight = c.work[at-workStride+4:]
	}
	e.Gather(c.work[:], at, workStride, aboveRight)
}

// placeBlock reconstructs a 4x4 block in the working area.
func (c *coder) placeBlock(t *trial, b, at int, pred []byte) {
	for r := range 4 {
		copy(c.work[at+r*workStride:][:4], pred[r*4:])
	}
	transform.AddResidue(t.levels.Block(b), t.ends[b], c.plan.Y1.Steps, c.work[at:], workStride)
}

// refineBPred codes the blocks of the best trial again with their modes, now with the trellis if there is to be one, and leaves
// the reconstruction in the working area, unless all is as tryBPred left it.
func (c *coder) refineBPred(t *trial) {
	if t.Skip = !t.anyEnd(); t.placed && !c.speed.Trellis {
		return
	}
	costs := &c.f.Costs.Tokens
	above, left := *c.above, c.left
	aboveRight := c.fillWork()
	for b := range token.FirstU {
		at := workOrigin + lumaAt(b, workStride)
		var e predict.Edge
		c.gather(&e, b, at, aboveRight[:])
		var pred [16]byte
		predict.Intra4x4(pred[:], 4, &e, t.BModes[b])
		coeffs := t.p.coeffs.Block(b)
		transform.ForwardDCT(c.source.Y[lumaAt(b, c.source.Stride):], c.source.Stride, pred[:], 4, coeffs)
		if c.speed.Trellis {
			ctx := token.ContextOf(&above, &left, b)
			t.ends[b] = c.plan.Y1.Trellis(coeffs, t.levels.Block(b), 0, ctx, &costs[entropy.BlockYWithDC], c.plan.Lambda, quant.CoeffShift)
		} else {
			t.ends[b], _ = c.plan.Y1.Quantize(coeffs, t.levels.Block(b), 0, quant.RoundIntra)
		}
		c.placeBlock(t, b, at, pred[:])
		token.SetContext(&above, &left, b, t.ends[b])
	}
	if c.speed.Trellis {
		for b := token.FirstU; b < token.Y2; b++ {
			ctx := token.ContextOf(&above, &left, b)
			t.ends[b] = c.plan.UV.Trellis(t.p.coeffs.Block(b), t.levels.Block(b), 0, ctx, &costs[entropy.BlockChroma], c.plan.Lambda, quant.CoeffShift)
			token.SetContext(&above, &left, b, t.ends[b])
		}
	}
	t.ends[token.Y2] = 0
	t.Skip = !t.anyEnd()
}
