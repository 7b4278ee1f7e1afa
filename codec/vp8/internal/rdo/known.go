package rdo

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/motion"
	"salsify/codec/vp8/internal/predict"
	"salsify/codec/vp8/internal/token"
	"salsify/codec/vp8/internal/transform"
)

// What does not depend on the quantizer is found out once for a macroblock, by the first frame that asks, for all frames that are
// made of one picture:
//
//   - where motion search found it, whole and split;
//   - how well the source predicts itself;
//   - predictions from the references, their SATD and squared error, and the transform coefficients of the residue.
//
// What depends on the reconstruction of neighbours, as intra prediction does, is each frame's own.

// known is what is known of the macroblock that is being coded.
type known struct {
	found       [4]Found // by reference
	splits      [4]foundSplit
	intra       int           // what sourceIntra gives; below 0: not known
	keys        []uint64      // of the predictions that there are
	predictions []*prediction // and memory for more: four vectors into each of three references at most, for each frame
}

// foundSplit is where the search found the parts of a split shape.
type foundSplit struct {
	valid bool
	ref   uint8
	parts [16]motion.Result
}

// prediction is a way to predict a macroblock, and what is left of the source then.
type prediction struct {
	ref        uint8 // of inter predictions with one vector
	mv         mode.MV
	has        uint8 // which of the following are there
	satd       int   // of luma
	squaredErr int   // of luma and chroma
	bounds     bounds
	y          [256]byte
	u, v       [64]byte
	coeffs     token.Coeffs // of the residue; Y2 as if there were one
}

// bounds are what the residue's coefficients cannot exceed: see transform.BoundLuma and transform.BoundChroma.
type bounds struct {
	luma, chroma int // energies, for the AC coefficients
	y2           transform.Peaks
	chromaDC     int
}

// What a prediction has.
const (
	hasLuma = 1 << iota
	hasChroma
	hasLumaCoeffs
	hasChromaCoeffs
	hasSquaredErr
	hasBounds
)

// forget begins another macroblock.
func (k *known) forget() {
	k.keys = k.keys[:0]
	k.intra = -1
	for i := range k.found {
		k.found[i].Valid = false
	}
	for i := range k.splits {
		k.splits[i].valid = false
	}
}

// predictionOf gives the prediction from a reference with one vector. At first only its SATD is known.
func (c *coder) predictionOf(ref uint8, mv mode.MV) *prediction {
	k := c.known
	key := uint64(ref)<<32 | uint64(uint16(mv.X))<<16 | uint64(uint16(mv.Y))
	for i, have := range k.keys {
		if have == key {
			return k.predictions[i]
		}
	}
	if k.keys = append(k.keys, key); len(k.keys) > len(k.predictions) {
		k.predictions = append(k.predictions, new(prediction))
	}
	p := k.predictions[len(k.keys)-1]
	p.ref, p.mv, p.has = ref, mv, 0
	plane := &c.f.Refs[ref].Y
	c.block.Ref = plane
	if at, ok := c.block.Whole(mv); ok {
		p.satd = distortion.SATD(c.srcY, c.strideY, plane.Pix[at:], plane.Stride, 16, 16)
	} else {
		c.needLuma(p)
		p.satd = distortion.SATD(c.srcY, c.strideY, p.y[:], 16, 16, 16)
	}
	return p
}

// sourceIntra is the least SATD of the 16x16 intra modes, as if neighbours were reconstructed without loss: it tells whether any
// intra mode stands a chance.
func (c *coder) sourceIntra() int {
	if c.known.intra < 0 {
		y := &c.f.Source.Y
		at := y.At(c.col*16, c.row*16)
		least := infinite
		for m := range uint8(4) {
			if m != entropy.VPred && m != entropy.DCPred && c.col == 0 || m != entropy.HPred && m != entropy.DCPred && c.row == 0 {
				continue // the source has no such neighbour
			}
			predict.Intra(c.scratch[:], 16, y.Pix, at, y.Stride, 16, m, c.row > 0, c.col > 0)
			least = min(least, distortion.SATD(c.srcY, c.strideY, c.scratch[:], 16, 16, 16))
		}
		c.known.intra = least
	}
	return c.known.intra
}

// needLuma makes the luma prediction unless it is there.
func (c *coder) needLuma(p *prediction) {
	if p.has&hasLuma == 0 {
		p.has |= hasLuma
		filter.Inter(p.y[:], 16, &c.f.Refs[p.ref].Y, c.col*128+int(p.mv.X)*2, c.row*128+int(p.mv.Y)*2, 16, 16)
	}
}

// needChroma makes the chroma prediction unless it is there.
func (c *coder) needChroma(p *prediction) {
	if p.has&hasChroma == 0 {
		p.has |= hasChroma
		filter.InterUV(p.u[:], p.v[:], 8, c.f.Refs[p.ref], c.col*64+int(p.mv.X), c.row*64+int(p.mv.Y), 8)
	}
}

// transformLuma makes the coefficients of the luma residue unless they are there.
func (c *coder) transformLuma(p *prediction) {
	if p.has&hasLumaCoeffs == 0 {
		c.needLuma(p)
		p.has |= hasLumaCoeffs
		transform.ForwardLuma(c.srcY, c.strideY, p.y[:], 16, p.coeffs[:], p.coeffs.Block(token.Y2))
	}
}

// transformChroma makes the coefficients of the chroma residue unless they are there.
func (c *coder) transformChroma(p *prediction) {
	if p.has&hasChromaCoeffs == 0 {
		c.needChroma(p)
		p.has |= hasChromaCoeffs
		transform.ForwardChroma(c.srcU, c.srcV, c.strideUV, p.u[:], p.v[:], 8, p.coeffs[16*token.FirstU:])
	}
}

// residueBounds gives the bounds of the residue.
func (c *coder) residueBounds(p *prediction) *bounds {
	if p.has&hasBounds == 0 {
		c.needLuma(p)
		c.needChroma(p)
		p.has |= hasBounds
		b := &p.bounds
		b.luma, b.y2 = transform.BoundLuma(c.srcY, c.strideY, p.y[:], 16)
		b.chroma, b.chromaDC = transform.BoundChroma(c.srcU, c.srcV, c.strideUV, p.u[:], p.v[:], 8)
	}
	return &p.bounds
}

// squaredError is the squared error of the prediction as it is.
func (c *coder) squaredError(p *prediction) int {
	if p.has&hasSquaredErr == 0 {
		c.needLuma(p)
		c.needChroma(p)
		p.has |= hasSquaredErr
		p.squaredErr = distortion.MacroblockSSE(&c.source, &distortion.Macroblock{Y: p.y[:], U: p.u[:], V: p.v[:], Stride: 16, ChromaStride: 8})
	}
	return p.squaredErr
}
