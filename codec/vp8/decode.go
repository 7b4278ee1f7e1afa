package vp8

import (
	"errors"
	"fmt"
	"image"
	"sync"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/loopfilter"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/predict"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
	"salsify/codec/vp8/internal/transform"
)

// How a frame is decoded:
//
//  1. header.Parse reads the frame header and finds the partitions.
//  2. mode.Read reads how every macroblock is predicted, all from the first partition.
//  3. Row by row, token.Read reads the coefficients of a macroblock from the row's token partition,
//  4. predict makes its prediction from neighbours or from a reference picture,
//  5. and transform adds the residue.
//  6. loopfilter smooths each row once the row below has been predicted from it.
//  7. The picture gets its border, and with it the next State is made.

// Decode decodes one frame (what a container or an RTP depacketizer gives as one VP8 frame) from State s. It returns the State
// to decode the next frame from and the picture, which is nil if the frame is not to be shown, and which is valid until next is
// released. On an error, which wraps one of the errors of this package, s is as before and can be decoded from again.
func Decode(s *State, frame []byte) (next *State, shown *image.YCbCr, err error) {
	if err := s.use(); err != nil {
		return nil, nil, err
	}
	defer s.unuse()
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	if err := d.readModes(s, frame); err != nil {
		return nil, nil, err
	}
	pool := s.poolFor(&d.frame)
	pic := pool.Get()
	if err := d.readPicture(s, pic); err != nil {
		pic.Drop()
		return nil, nil, err
	}
	next = s.next(&d.frame, frame, pic, pool, d.segmentMap(s))
	if d.frame.Show {
		shown = next.Picture()
	}
	return next, shown, nil
}

// decoder is the working memory of a Decode.
type decoder struct {
	frame  header.Frame
	tokens [][]byte
	modes  mode.Map

	readers [8]boolcoder.Reader // one a token partition
	above   []token.Context     // one a macroblock column
	left    token.Context
	coeffs  token.Coeffs
	ends    token.Ends
	steps   [4]quant.Steps // by segment
	filter  *predict.Filter
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// readModes does steps 1 and 2.
func (d *decoder) readModes(s *State, data []byte) error {
	f, r, tokens, err := header.Parse(data, &s.context)
	switch {
	case errors.Is(err, header.ErrTruncated):
		return fmt.Errorf("%w: %d bytes do not hold its header and partitions", ErrTruncated, len(data))
	case errors.Is(err, header.ErrSize):
		return fmt.Errorf("%w: a key frame of %dx%d", ErrSize, f.Width, f.Height)
	case err != nil:
		return fmt.Errorf("%w: %v", ErrFormat, err)
	case !f.Key && !s.HasPicture():
		return ErrNoReference
	}
	d.frame, d.tokens = f, tokens
	width, height := s.width, s.height
	if f.Key {
		width, height = f.Width, f.Height
	}
	cols, rows := (width+15)/16, (height+15)/16
	d.modes.Reset(cols, rows)
	i := 0
	for row := range rows {
		for col := range cols {
			a := d.modes.Around(col, row)
			a.Here.Segment = 0
			if s.segments != nil && !f.Key {
				a.Here.Segment = s.segments[i]
			}
			i++
			mode.Read(&r, &f, &a)
		}
		if r.Overrun() > 0 {
			return fmt.Errorf("%w: the first partition ends in macroblock row %d of %d", ErrTruncated, row, rows)
		}
	}
	return nil
}

// readPicture does steps 3 to 7, into pic.
func (d *decoder) readPicture(s *State, pic *picture.Picture) error {
	f := &d.frame
	for i, data := range d.tokens {
		d.readers[i] = boolcoder.NewReader(data)
	}
	cols, rows := d.modes.Cols, d.modes.Rows
	if cap(d.above) < cols {
		d.above = make([]token.Context, cols)
	}
	d.above = d.above[:cols]
	clear(d.above)
	d.steps = quant.Segments(f)
	d.filter = &predict.Bilinear
	if f.Version == 0 || f.Version > 3 {
		d.filter = &predict.SixTap
	}
	var filter loopfilter.Filter
	filter.Set(f)
	pic.IntraEdge()
	for row := range rows {
		d.left = token.Context{}
		r := &d.readers[row%f.Partitions]
		for col := range cols {
			m := d.modes.At(col, row)
			coded := false
			if !m.Skip {
				coded = token.Read(r, &f.Context.Probs.Coeff, &d.above[col], &d.left, m.HasY2(), &d.coeffs, &d.ends)
				m.Skip = !coded // for the loop filter, a macroblock without coefficients is one that says so
			} else {
				token.Skip(&d.above[col], &d.left, m.HasY2())
			}
			d.reconstruct(s, pic, m, col, row, coded)
		}
		if r.Overrun() > 0 {
			return fmt.Errorf("%w: a token partition ends in macroblock row %d of %d", ErrTruncated, row, rows)
		}
		if f.FilterLevel > 0 && row > 0 {
			filter.Row(pic, &d.modes, row-1)
		}
	}
	if f.FilterLevel > 0 {
		filter.Row(pic, &d.modes, rows-1)
	}
	pic.ExtendBorder()
	return nil
}

// reconstruct does steps 4 and 5 for one macroblock. Where there are coefficients, it leaves them zero.
func (d *decoder) reconstruct(s *State, pic *picture.Picture, m *mode.Macroblock, col, row int, coded bool) {
	y, u, v := &pic.Y, &pic.U, &pic.V
	ya, ca := y.At(col*16, row*16), u.At(col*8, row*8)
	steps := &d.steps[m.Segment]
	if m.Ref != header.Intra {
		ref := s.refs[m.Ref]
		predict.Macroblock(d.filter, pic, ref, m, col, row, d.frame.Version == 3)
	} else {
		predict.Intra(u.Pix[ca:], u.Stride, u.Pix, ca, u.Stride, 8, m.UVMode, row > 0, col > 0)
		predict.Intra(v.Pix[ca:], v.Stride, v.Pix, ca, v.Stride, 8, m.UVMode, row > 0, col > 0)
		if m.YMode == entropy.BPred {
			d.reconstruct4x4(pic, m, col, row, coded)
		} else {
			predict.Intra(y.Pix[ya:], y.Stride, y.Pix, ya, y.Stride, 16, m.YMode, row > 0, col > 0)
		}
	}
	if !coded {
		return
	}
	c := &d.coeffs
	if m.YMode != entropy.BPred {
		var dcs *[16]int16
		if m.HasY2() {
			dcs = new([16]int16)
			transform.DequantizedWHT(c.Block(token.Y2), steps.Y2, dcs)
		}
		dst := y.Pix[ya:]
		transform.AddLuma(c[:], d.ends[:], steps.Y1, dcs, dst, y.Stride, dst, y.Stride)
	}
	dstU, dstV := u.Pix[ca:], v.Pix[ca:]
	transform.AddChroma(c[16*token.FirstU:], d.ends[token.FirstU:], steps.UV, dstU, dstV, u.Stride, dstU, dstV, u.Stride)
	*c = token.Coeffs{}
}

// reconstruct4x4 predicts the luma blocks of a BPred macroblock, each from those before it.
func (d *decoder) reconstruct4x4(pic *picture.Picture, m *mode.Macroblock, col, row int, coded bool) {
	y := &pic.Y
	ya := y.At(col*16, row*16)
	aboveRight := predict.AboveRight(y, col, row)
	steps := d.steps[m.Segment].Y1
	for b := range token.FirstU {
		at := ya + (b>>2)*4*y.Stride + (b&3)*4
		var e predict.Edge
		if b&3 == 3 {
			e.Gather(y.Pix, at, y.Stride, aboveRight[:])
		} else {
			e.Gather(y.Pix, at, y.Stride, y.Pix[at-y.Stride+4:])
		}
		predict.Intra4x4(y.Pix[at:], y.Stride, &e, m.BModes[b])
		if coded {
			addResidue(d.coeffs.Block(b), d.ends[b], steps, y.Pix[at:], y.Stride)
		}
	}
}

// addResidue dequantizes a block, adds its inverse transform to the prediction at dst and leaves the coefficients zero.
func addResidue(c *[16]int16, end uint8, steps [2]int16, dst []byte, stride int) {
	transform.AddResidue(c, end, steps, dst, stride)
	if end > 1 {
		*c = [16]int16{}
	} else {
		c[0] = 0
	}
}

// segmentMap is the map that the frame leaves.
func (d *decoder) segmentMap(s *State) []uint8 {
	switch {
	case d.frame.UpdateMap:
		segments := make([]uint8, 0, d.modes.Cols*d.modes.Rows)
		for row := range d.modes.Rows {
			for col := range d.modes.Cols {
				segments = append(segments, d.modes.At(col, row).Segment)
			}
		}
		return segments
	case d.frame.Key:
		return nil
	}
	return s.segments
}
