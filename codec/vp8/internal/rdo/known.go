package rdo

import (
	"salsify/codec/vp8/internal/distortion"
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
	bounds
	distortion.Macroblock // its pixels: in the reference, where the vector is whole there, or else the following
	y                     [256]byte
	u, v                  [64]byte
	coeffs                token.Coeffs // of the residue; Y2 as if there were one
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
	hasSATD
	hasSquaredErr
	hasLumaBounds
	hasChromaBounds
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

// predictionOf gives the prediction from a reference with one vector. At first nothing of it is known.
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
	return p
}

// sourceIntra is the least SATD of the 16x16 intra modes, as if neighbours were reconstructed without loss: it tells whether any
// intra mode stands a chance. At the picture's edges, where the source has not all neighbours, it may always.
func (c *coder) sourceIntra() int {
	if c.row == 0 || c.col == 0 {
		return 0
	}
	if c.known.intra < 0 {
		y := &c.f.Source.Y
		at := y.At(c.col*16, c.row*16)
		least := infinite
		for m := range uint8(4) {
			predict.Intra(c.scratch[:], 16, y.Pix, at, y.Stride, 16, m, true, true)
			least = min(least, distortion.SATD(c.source.Y, c.source.Stride, c.scratch[:], 16, 16, 16))
		}
		c.known.intra = least
	}
	return c.known.intra
}

// needLuma makes the luma prediction unless it is there.
func (c *coder) needLuma(p *prediction) {
	if p.has&hasLuma != 0 {
		return
	}
	p.has |= hasLuma
	c.block.Ref = &c.f.Refs[p.ref].Y
	if at, ok := c.block.Whole(p.mv); ok {
		p.Y, p.Stride = c.block.Ref.Pix[at:], c.block.Ref.Stride
		return
	}
	p.Y, p.Stride = p.y[:], 16
	filter.Inter(p.Y, p.Stride, c.block.Ref, c.col*128+int(p.mv.X)*2, c.row*128+int(p.mv.Y)*2, 16, 16)
}

// needChroma makes the chroma prediction unless it is there.
func (c *coder) needChroma(p *prediction) {
	if p.has&hasChroma != 0 {
		return
	}
	p.has |= hasChroma
	ref := c.f.Refs[p.ref]
	if p.mv == (mode.MV{}) { // others are seldom whole in chroma
		at := ref.U.At(c.col*8, c.row*8)
		p.U, p.V, p.ChromaStride = ref.U.Pix[at:], ref.V.Pix[at:], ref.U.Stride
		return
	}
	p.U, p.V, p.ChromaStride = p.u[:], p.v[:], 8
	filter.InterUV(p.U, p.V, p.ChromaStride, ref, c.col*64+int(p.mv.X), c.row*64+int(p.mv.Y), 8)
}

// satd is the SATD of the luma prediction.
func (c *coder) satd(p *prediction) int {
	if p.has&hasSATD == 0 {
		c.needLuma(p)
		p.has |= hasSATD
		p.satd = distortion.SATD(c.source.Y, c.source.Stride, p.Y, p.Stride, 16, 16)
	}
	return p.satd
}

// transformLuma makes the coefficients of the luma residue unless they are there.
func (c *coder) transformLuma(p *prediction) {
	if p.has&hasLumaCoeffs == 0 {
		c.needLuma(p)
		p.has |= hasLumaCoeffs
		transform.ForwardLuma(c.source.Y, c.source.Stride, p.Y, p.Stride, p.coeffs[:], p.coeffs.Block(token.Y2))
	}
}

// transformChroma makes the coefficients of the chroma residue unless they are there.
func (c *coder) transformChroma(p *prediction) {
	if p.has&hasChromaCoeffs == 0 {
		c.needChroma(p)
		p.has |= hasChromaCoeffs
		transform.ForwardChroma(c.source.U, c.source.V, c.source.ChromaStride, p.U, p.V, p.ChromaStride, p.coeffs[16*token.FirstU:])
	}
}

// lumaBounds gives the bounds of the luma residue's coefficients.
func (c *coder) lumaBounds(p *prediction) (energy int, y2 transform.Peaks) {
	if p.has&hasLumaBounds == 0 {
		c.needLuma(p)
		p.has |= hasLumaBounds
		p.luma, p.y2 = transform.BoundLuma(c.source.Y, c.source.Stride, p.Y, p.Stride)
	}
	return p.luma, p.y2
}

// chromaBounds gives those of chroma.
func (c *coder) chromaBounds(p *prediction) (energy, dc int) {
	if p.has&hasChromaBounds == 0 {
		c.needChroma(p)
		p.has |= hasChromaBounds
		p.chroma, p.chromaDC = transform.BoundChroma(c.source.U, c.source.V, c.source.ChromaStride, p.U, p.V, p.ChromaStride)
	}
	return p.chroma, p.chromaDC
}

// squaredError is the squared error of the prediction as it is.
func (c *coder) squaredError(p *prediction) int {
	if p.has&hasSquaredErr == 0 {
		c.needLuma(p)
		c.needChroma(p)
		p.has |= hasSquaredErr
		p.squaredErr = distortion.MacroblockSSE(&c.source, &p.Macroblock)
	}
	return p.squaredErr
}
