package rdo

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/predict"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
)

// trial is one way to code a macroblock, tried out.
type trial struct {
	mode.Macroblock
	p      *prediction
	own    prediction // of those that no other trial can share: of intra modes and of split vectors
	levels token.Coeffs
	ends   token.Ends
	rate   int  // of the modes, in 1/256 bit, without the skip flag
	tokens int  // rate of the tokens
	score  int  // rate and distortion together
	placed bool // of BPred: the luma blocks have their levels, and what they make is in the working area
}

// infinite is more than any score.
const infinite = 1 << 60

// block positions within a macroblock's prediction.
func lumaAt(b, stride int) int   { return (b>>2)*4*stride + (b&3)*4 }
func chromaAt(b, stride int) int { return (b>>1)*4*stride + (b&1)*4 }

// predictSplit makes the prediction of a trial with split vectors.
func (c *coder) predictSplit(t *trial) {
	ref := c.f.Refs[t.Ref]
	t.p.has = hasLuma | hasChroma
	t.p.inPixels()
	predict.LumaSplit(filter, t.p.Y, t.p.Stride, &ref.Y, &t.Macroblock, c.col, c.row)
	for b := range 4 {
		bx, by := b&1, b>>1
		cx, cy := predict.ChromaMV(&t.Macroblock, bx, by, false)
		at := chromaAt(b, 8)
		filter.InterUV(t.p.U[at:], t.p.V[at:], t.p.ChromaStride, ref, c.col*64+bx*32+cx, c.row*64+by*32+cy, 4)
	}
}

// inPixels has the prediction in pixels of its own.
func (p *prediction) inPixels() {
	p.Macroblock = distortion.Macroblock{Y: p.y[:], U: p.u[:], V: p.v[:], Stride: 16, ChromaStride: 8}
}

// predictIntra makes the luma prediction of a whole-macroblock intra mode.
func (c *coder) predictIntra(t *trial) {
	t.p = &t.own
	t.p.has = hasLuma
	t.p.inPixels()
	y := &c.f.Recon.Y
	predict.Intra(t.p.Y, t.p.Stride, y.Pix, y.At(c.col*16, c.row*16), y.Stride, 16, t.YMode, c.row > 0, c.col > 0)
}

// predictIntraChroma makes the chroma prediction of an intra mode.
func (c *coder) predictIntraChroma(t *trial, uvMode uint8) {
	t.p = &t.own
	t.p.inPixels()
	t.p.has = t.p.has&^(hasChromaCoeffs|hasSquaredErr) | hasChroma
	r := c.f.Recon
	at := r.U.At(c.col*8, c.row*8)
	predict.Intra(t.p.U, t.p.ChromaStride, r.U.Pix, at, r.U.Stride, 8, uvMode, c.row > 0, c.col > 0)
	predict.Intra(t.p.V, t.p.ChromaStride, r.V.Pix, at, r.V.Stride, 8, uvMode, c.row > 0, c.col > 0)
}

// rounding is the dead zone for a trial's residue.
func rounding(t *trial) int {
	if t.Ref == header.Intra {
		return quant.RoundIntra
	}
	return quant.RoundInter
}

// quantizeLuma transforms and quantizes the luma residue of a trial with a whole prediction. It returns the distortion, in the
// units of scores.
func (c *coder) quantizeLuma(t *trial) (dist int) {
	c.transformLuma(t.p)
	hasY2 := t.HasY2()
	round := rounding(t)
	t.ends[token.Y2] = 0
	if hasY2 {
		end, e := c.plan.Y2.Quantize(t.p.coeffs.Block(token.Y2), t.levels.Block(token.Y2), 0, round)
		t.ends[token.Y2] = end
		dist = e << quant.Y2Shift
	}
	_, first := lumaKind(hasY2)
	return dist + c.plan.Y1.QuantizeBlocks(t.p.coeffs[:], t.levels[:], t.ends[:token.FirstU], first, round)<<quant.CoeffShift
}

// quantizeChroma does the same with the chroma residue.
func (c *coder) quantizeChroma(t *trial) (dist int) {
	c.transformChroma(t.p)
	const from = 16 * token.FirstU
	return c.plan.UV.QuantizeBlocks(t.p.coeffs[from:], t.levels[from:], t.ends[token.FirstU:token.Y2], 0, rounding(t)) << quant.CoeffShift
}

// lumaRate is the rate of a trial's luma tokens.
func (c *coder) lumaRate(t *trial) (rate int) {
	above, left := *c.above, c.left
	return c.f.Costs.Tokens.Luma(&above, &left, t.HasY2(), &t.levels, &t.ends)
}

// chromaRate is the rate of a trial's chroma tokens.
func (c *coder) chromaRate(t *trial) (rate int) {
	above, left := *c.above, c.left
	return c.f.Costs.Tokens.Chroma(&above, &left, &t.levels, &t.ends)
}

// weigh puts rate and distortion together.
func (c *coder) weigh(rate, dist int) int { return dist + int(c.plan.Lambda)*rate }

// predictionError is the distortion if the prediction is left as it is.
func (c *coder) predictionError(t *trial) int {
	return c.squaredError(t.p) << quant.DistortionShift
}

// vanishes tells of a residue, without its coefficients, that all of them would have level 0. It does not see all such residues.
func (c *coder) vanishes(t *trial) bool {
	if t.Ref == header.Intra || !t.HasY2() {
		return false
	}
	round := rounding(t)
	luma, y2 := c.lumaBounds(t.p)
	if !c.plan.Y2.Zeroes(y2, round) || !c.plan.Y1.ZeroesWithin(luma, round) {
		return false
	}
	chroma, dc := c.chromaBounds(t.p)
	return c.plan.UV.ZeroesWithin(chroma, round) && c.plan.UV.Zeroes([2]int{dc, 0}, round)
}

// scoreWhole tries a trial whose prediction is whole, coded and skipped, and notes the better way.
func (c *coder) scoreWhole(t *trial) {
	skip := &c.f.Costs.Modes.Skip
	if c.vanishes(t) {
		t.ends = token.Ends{}
		t.Skip, t.score, t.tokens = true, c.weigh(t.rate+skip[1], c.predictionError(t)), 0
		return
	}
	dist := c.quantizeLuma(t) + c.quantizeChroma(t)
	if c.quick && t.ends.Blocks() >= manyBlocks {
		t.Skip = false
		return
	}
	skipped := c.weigh(t.rate+skip[1], c.predictionError(t))
	if !t.anyEnd() {
		t.Skip, t.score, t.tokens = true, skipped, 0
		return
	}
	t.tokens = c.lumaRate(t) + c.chromaRate(t)
	t.score = c.weigh(t.rate+skip[0]+t.tokens, dist)
	if t.Skip = skipped <= t.score; t.Skip {
		t.score = skipped
	}
}

// refine replaces the levels of a trial with a whole prediction by those of the trellis, and decides again whether to skip.
func (c *coder) refine(t *trial) {
	c.transformLuma(t.p)
	c.transformChroma(t.p)
	costs := &c.f.Costs.Tokens
	above, left := *c.above, c.left
	score := 0
	blocks := func(from, to, kind, first int, q *quant.Quantizer, shift uint) {
		score += q.QuantizeBlocks(t.p.coeffs[16*from:], t.levels[16*from:], t.ends[from:to], first, quant.RoundNearest) << shift
		for b := from; b < to; b++ {
			ctx := token.ContextOf(&above, &left, b)
			end, cost := q.TrellisFrom(t.ends[b], t.p.coeffs.Block(b), t.levels.Block(b), first, ctx, &costs[kind], c.plan.Lambda, shift)
			t.ends[b] = end
			score += cost
			token.SetContext(&above, &left, b, end)
		}
	}
	kind, first := lumaKind(t.HasY2())
	if t.HasY2() {
		blocks(token.Y2, token.NumBlocks, entropy.BlockY2, 0, &c.plan.Y2, quant.Y2Shift)
	}
	blocks(0, token.FirstU, kind, first, &c.plan.Y1, quant.CoeffShift)
	blocks(token.FirstU, token.Y2, entropy.BlockChroma, 0, &c.plan.UV, quant.CoeffShift)
	t.Skip = false
	skip := &c.f.Costs.Modes.Skip
	t.score = c.weigh(t.rate+skip[0], score)
	if s := c.weigh(t.rate+skip[1], c.predictionError(t)); s <= t.score {
		t.Skip, t.score = true, s
	}
}

// anyEnd tells whether a trial has tokens at all.
func (t *trial) anyEnd() bool { return t.ends != token.Ends{} }
