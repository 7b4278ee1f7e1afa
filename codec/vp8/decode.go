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
//  3. Row by row, token.Read reads the coefficients of the row's macroblocks from its token partition,
//  4. predict makes their prediction from neighbours or from a reference picture,
//  5. and transform adds the residue.
//  6. loopfilter smooths the rows above: all that is predicted from them is there by now.
//  7. Rows that have changed for the last time get their border.
//  8. The next State is made.

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

	readers  [8]boolcoder.Reader // one a token partition
	above    []token.Context     // one a macroblock column
	steps    [4]quant.Steps      // by segment
	inter    *predict.Filter
	loop     loopfilter.Filter
	coeffs   []token.Coeffs // of a row's macroblocks that have any, one after the other; zero between rows
	ends     []token.Ends
	bordered int // how many rows have their border
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// readModes does steps 1 and 2.
func (d *decoder) readModes(s *State, data []byte) error {
	f, r, tokens, err := header.Parse(data, s.context)
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
	var segments []uint8
	if !f.Key {
		segments = s.segments.of()
	}
	for row := range rows {
		for col := range cols {
			a := d.modes.Around(col, row)
			a.Here.Segment = 0
			if segments != nil {
				a.Here.Segment = segments[i]
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
		d.coeffs, d.ends = make([]token.Coeffs, cols), make([]token.Ends, cols)
	}
	d.above = d.above[:cols]
	clear(d.above)
	d.steps = quant.Segments(f)
	d.inter = &predict.Bilinear
	if f.Version == 0 || f.Version > 3 {
		d.inter = &predict.SixTap
	}
	d.loop.Set(f)
	d.bordered = 0
	for row := range rows {
		if err := d.readTokens(row); err != nil {
			return err
		}
		pic.IntraEdgeRow(row)
		d.predictRow(s, pic, row)
		d.finish(pic, row)
	}
	return nil
}

// finish does steps 6 and 7 as far as they can be done once a row is predicted. Rows are smoothed in pairs: it is faster.
func (d *decoder) finish(pic *picture.Picture, row int) {
	last := row == d.modes.Rows-1
	odd := row&1 != 0
	if odd && !last {
		return
	}
	if d.frame.FilterLevel > 0 {
		if !odd && row > 0 {
			d.loop.Pair(pic, &d.modes, row-2)
		}
		switch {
		case last && odd:
			d.loop.Pair(pic, &d.modes, row-1)
		case last:
			d.loop.Row(pic, &d.modes, row)
		}
	}
	finished := row - 1 // the rows before that; the row row-1 changes when this one is smoothed
	if last {
		finished = d.modes.Rows
	}
	for ; d.bordered < finished; d.bordered++ {
		pic.ExtendRow(d.bordered)
	}
}

// readTokens does step 3 for a row.
func (d *decoder) readTokens(row int) error {
	r := &d.readers[row%d.frame.Partitions]
	probs := &d.frame.Context.Probs.Coeff
	var left token.Context
	n := 0
	for col := range d.modes.Cols {
		m := d.modes.At(col, row)
		if m.Skip {
			token.Skip(&d.above[col], &left, m.HasY2())
			continue
		}
		if token.Read(r, probs, &d.above[col], &left, m.HasY2(), &d.coeffs[n], &d.ends[n]) {
			n++
		} else {
			m.Skip = true // for the loop filter, a macroblock without coefficients is one that says so
		}
	}
	if r.Overrun() > 0 {
		clear(d.coeffs[:n])
		return fmt.Errorf("%w: a token partition ends in macroblock row %d of %d", ErrTruncated, row, d.modes.Rows)
	}
	return nil
}

// longRun is how many macroblocks are copied faster as one than one by one.
const longRun = 8

// predictRow does steps 4 and 5 for a row. It leaves the coefficients zero.
func (d *decoder) predictRow(s *State, pic *picture.Picture, row int) {
	cols := d.modes.Cols
	coded := 0
	for col := 0; col < cols; {
		run := d.still(col, row)
		if run >= longRun {
			predict.Copy(pic, s.refs[d.modes.At(col, row).Ref], col, row, run)
			col += run
			continue
		}
		for end := col + max(run, 1); col < end; col++ {
			m := d.modes.At(col, row)
			if m.Skip {
				d.reconstruct(s, pic, m, col, row, nil, nil)
			} else {
				d.reconstruct(s, pic, m, col, row, &d.coeffs[coded], &d.ends[coded])
				coded++
			}
		}
	}
}

// still gives how many macroblocks of a row from col on are the same as in one reference picture.
func (d *decoder) still(col, row int) int {
	first := d.modes.At(col, row)
	n := 0
	for m := first; m.Skip && m.YMode == entropy.ZeroMV && m.Ref == first.Ref; m = d.modes.At(col+n, row) {
		if n++; col+n == d.modes.Cols {
			break
		}
	}
	return n
}

// reconstruct does steps 4 and 5 for one macroblock. c is nil where there are no coefficients; else it is left zero.
func (d *decoder) reconstruct(s *State, pic *picture.Picture, m *mode.Macroblock, col, row int,
	c *token.Coeffs, ends *token.Ends) {
	y, u, v := &pic.Y, &pic.U, &pic.V
	ya, ca := y.At(col*16, row*16), u.At(col*8, row*8)
	steps := &d.steps[m.Segment]
	if m.Ref != header.Intra {
		predict.Macroblock(d.inter, pic, s.refs[m.Ref], m, col, row, d.frame.Version == 3)
	} else {
		predict.Intra(u.Pix[ca:], u.Stride, u.Pix, ca, u.Stride, 8, m.UVMode, row > 0, col > 0)
		predict.Intra(v.Pix[ca:], v.Stride, v.Pix, ca, v.Stride, 8, m.UVMode, row > 0, col > 0)
		if m.YMode == entropy.BPred {
			reconstruct4x4(y, m, col, row, c, ends, steps.Y1)
		} else {
			predict.Intra(y.Pix[ya:], y.Stride, y.Pix, ya, y.Stride, 16, m.YMode, row > 0, col > 0)
		}
	}
	if c == nil {
		return
	}
	if m.YMode != entropy.BPred && ends.Luma() {
		var dcs *[16]int16
		if m.HasY2() {
			dcs = new([16]int16)
			transform.DequantizedWHT(c.Block(token.Y2), steps.Y2, dcs)
		}
		dst := y.Pix[ya:]
		transform.AddLuma(c[:], ends[:], steps.Y1, dcs, dst, y.Stride, dst, y.Stride)
	}
	if ends.Chroma() {
		dstU, dstV := u.Pix[ca:], v.Pix[ca:]
		transform.AddChroma(c[16*token.FirstU:], ends[token.FirstU:], steps.UV, dstU, dstV, u.Stride, dstU, dstV, u.Stride)
	}
	*c = token.Coeffs{}
}

// reconstruct4x4 makes the luma blocks of a BPred macroblock, each predicted from those before it.
func reconstruct4x4(y *picture.Plane, m *mode.Macroblock, col, row int, c *token.Coeffs, ends *token.Ends, steps [2]int16) {
	ya := y.At(col*16, row*16)
	aboveRight := predict.AboveRight(y, col, row)
	for b := range token.FirstU {
		at := ya + (b>>2)*4*y.Stride + (b&3)*4
		var e predict.Edge
		if b&3 == 3 {
			e.Gather(y.Pix, at, y.Stride, aboveRight[:])
		} else {
			e.Gather(y.Pix, at, y.Stride, y.Pix[at-y.Stride+4:])
		}
		predict.Intra4x4(y.Pix[at:], y.Stride, &e, m.BModes[b])
		if c != nil {
			transform.AddResidue(c.Block(b), ends[b], steps, y.Pix[at:], y.Stride)
		}
	}
}

// segmentMap is the map that the frame leaves, with a holder more.
func (d *decoder) segmentMap(s *State) *segmentMap {
	switch {
	case d.frame.UpdateMap:
		m := newSegmentMap(d.modes.Cols * d.modes.Rows)
		for row := range d.modes.Rows {
			for col := range d.modes.Cols {
				m.ids[row*d.modes.Cols+col] = d.modes.At(col, row).Segment
			}
		}
		return m
	case d.frame.Key:
		return nil
	}
	return s.segments.hold()
}
