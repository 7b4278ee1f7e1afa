package rdo

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/motion"
	"salsify/codec/vp8/internal/token"
	"salsify/codec/vp8/internal/transform"
)

// How a macroblock is coded, of each frame in turn that is made of one picture:
//
//  1. Inter candidates are collected: no motion, the neighbours' vectors and what motion search finds, in each reference, and
//     ranked by the SATD of their luma prediction and the rate of their vectors. After a scene cut most are not searched for.
//  2. The best of them are coded on trial: predicted, transformed, quantized, and weighed by the rate of all their tokens.
//  3. Split vectors are tried around the best vector.
//  4. So are the 16x16 intra modes and, block by block, the 4x4 ones, if they stand a chance.
//  5. The winner's levels are chosen anew by the trellis, or dropped if that is better still.
//  6. It is reconstructed in place, for its neighbours to be predicted from.
//
// Frames of one picture have the same references. What the first of them learns of a macroblock the others know: see known.go.

// Coder is the working memory of one goroutine that codes macroblocks.
type Coder struct {
	known  known
	coders []*coder // one a frame
}

// coder codes the macroblocks of one frame.
type coder struct {
	f           *Frame
	speed       *Speed
	quick       bool // see quick.go
	known       *known
	plan        *Plan
	around      mode.Around
	near        mode.Near
	col, row    int
	source      distortion.Macroblock // the macroblock's pixels
	above       *token.Context
	left        token.Context
	best, other *trial // the best trial so far, and the one to try in
	trials      [2]trial
	block       motion.Block // the macroblock's luma, for motion search
	candidates  []candidate
	intraRun    int // how many macroblocks to the left of this one, up to the first that is not, are intra coded
	interCost   int // of the best inter candidate: SATD and rate
	modeSize    int // of the symbols of the row that it coded last, for the room of the next
	tokenSize   int
	scratch     [256]byte
	sides       motion.Scratch
	work        [workSize]byte // 4x4 intra reconstruction with its surroundings
}

// code codes one macroblock.
func (c *coder) code(t Task, col, row int) {
	c.speed = t.Speed
	c.begin(t.Frame, col, row)
	if c.quick {
		c.codeQuick()
		c.note()
		c.reconstruct()
		return
	}
	if !t.Frame.Header.Key {
		c.tryInter()
	}
	// A prediction that needs no residue is seldom beaten by an intra mode.
	if !(c.speed.EarlySkip && c.best.score < infinite && c.best.Skip) {
		c.tryIntra()
	}
	c.finish()
	c.reconstruct()
}

func (c *coder) begin(f *Frame, col, row int) {
	c.f, c.col, c.row = f, col, row
	f.Modes.Look(&c.around, col, row) // which is faster than to copy what was just written
	c.plan = &f.Plan[c.around.Here.Segment]
	if c.quick = c.speed.Quick > 0 && !f.Header.Key; !c.quick {
		c.near = mode.FindNear(&c.around, header.Last, &f.Header.SignBias)
	}
	if c.intraRun++; col == 0 || c.around.Left.Ref != header.Intra {
		c.intraRun = 0
	}
	src := f.Source
	s := &c.source
	s.Y, s.Stride = src.Y.Pix[src.Y.At(col*16, row*16):], src.Y.Stride
	s.U, s.V, s.ChromaStride = src.U.Pix[src.U.At(col*8, row*8):], src.V.Pix[src.V.At(col*8, row*8):], src.U.Stride
	c.above = &f.above[col]
	c.best, c.other = &c.trials[0], &c.trials[1]
	for i := range c.trials {
		c.trials[i].Segment = c.around.Here.Segment
	}
	c.best.score, c.interCost = infinite, infinite
	b := &c.block
	b.Src, b.Stride, b.X, b.Y, b.W, b.H = s.Y, s.Stride, col*16, row*16, 16, 16
	b.Filter, b.Cost, b.Lambda, b.Predicted = filter, &f.Costs.Modes, c.plan.SADLambda, c.near.Best
}

// keep makes the trial the best one if it is better, and tells whether it was.
func (c *coder) keep() bool {
	if c.other.score >= c.best.score {
		return false
	}
	c.best, c.other = c.other, c.best
	return true
}

// finish does step 5.
func (c *coder) finish() {
	t := c.best
	if t.YMode == entropy.BPred {
		c.refineBPred(t)
	} else {
		// Where all levels are 0 with the usual dead zone, the trellis seldom finds one that pays.
		if c.speed.Trellis && !(c.speed.EarlySkip && !t.anyEnd()) {
			c.refine(t)
		}
		if !t.anyEnd() {
			t.Skip = true
		}
	}
	c.note()
}

// note notes the macroblock's modes and levels, and their symbols.
func (c *coder) note() {
	t := c.best
	*c.around.Here = t.Macroblock
	symbols := &c.f.Symbols[c.row]
	symbols.Modes.Add(c.f.Header, &c.around)
	if t.Skip {
		token.Skip(c.above, &c.left, t.HasY2())
	} else {
		symbols.Tokens.Add(c.above, &c.left, t.HasY2(), &t.levels, &t.ends)
	}
}

// reconstruct does step 6.
func (c *coder) reconstruct() {
	t, r := c.best, c.f.Recon
	ya, ys := r.Y.At(c.col*16, c.row*16), r.Y.Stride
	ca, cs := r.U.At(c.col*8, c.row*8), r.U.Stride
	dstY, dstU, dstV := r.Y.Pix[ya:], r.U.Pix[ca:], r.V.Pix[ca:]
	if t.YMode == entropy.BPred {
		for y := range 16 {
			*(*[16]byte)(dstY[y*ys:]) = [16]byte(c.work[workOrigin+y*workStride:])
		}
	}
	if t.Skip && t.YMode == entropy.ZeroMV { // the most usual way
		filter.InterMacroblock(dstY, dstU, dstV, ys, cs, c.f.Refs[t.Ref], t.MV, c.col, c.row, false)
		return
	}
	if t.Skip {
		if t.YMode != entropy.BPred {
			for y := range 16 {
				*(*[16]byte)(dstY[y*ys:]) = [16]byte(t.p.Y[y*t.p.Stride:])
			}
		}
		for y := range 8 {
			*(*[8]byte)(dstU[y*cs:]) = [8]byte(t.p.U[y*t.p.ChromaStride:])
			*(*[8]byte)(dstV[y*cs:]) = [8]byte(t.p.V[y*t.p.ChromaStride:])
		}
		return
	}
	if t.YMode != entropy.BPred {
		var dcs *[16]int16
		if t.HasY2() {
			dcs = new([16]int16)
			transform.DequantizedWHT(t.levels.Block(token.Y2), c.plan.Y2.Steps, dcs)
		}
		transform.AddLuma(t.levels[:], t.ends[:], c.plan.Y1.Steps, dcs, t.p.Y, t.p.Stride, dstY, ys)
	}
	transform.AddChroma(t.levels[16*token.FirstU:], t.ends[token.FirstU:], c.plan.UV.Steps, t.p.U, t.p.V, t.p.ChromaStride, dstU, dstV, cs)
}
