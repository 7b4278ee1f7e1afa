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
//
// With several goroutines the steps 2, 3, 4 with 5, and 6 with 7 are the stages of a pipeline. Each stage goes through the rows from top to
// bottom, at the same time as the others, and whoever is free does the next row of a stage that has all it needs.

// DecodeOptions say how to decode. They do not change what is decoded.
type DecodeOptions struct {
	Goroutines int // how many goroutines may work at once; 0 is 1, and more than 4 are of no use
}

// Decode decodes one frame (what a container or an RTP depacketizer gives as one VP8 frame) from State s. It returns the State
// to decode the next frame from and the picture, which is nil if the frame is not to be shown, and which is valid until next is
// released. On an error, which wraps one of the errors of this package, s is as before and can be decoded from again.
func Decode(s *State, frame []byte) (next *State, shown *image.YCbCr, err error) {
	return DecodeWith(s, frame, DecodeOptions{})
}

// DecodeWith is Decode with options. Wrong ones are an ErrOptions.
func DecodeWith(s *State, frame []byte, o DecodeOptions) (next *State, shown *image.YCbCr, err error) {
	if o.Goroutines < 0 {
		return nil, nil, fmt.Errorf("%w: Goroutines is %d", ErrOptions, o.Goroutines)
	}
	if err := s.use(); err != nil {
		return nil, nil, err
	}
	defer s.unuse()
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	if err := d.readHeader(s, frame); err != nil {
		return nil, nil, err
	}
	pool := s.poolFor(&d.frame)
	pic, err := d.readPicture(s, pool, min(max(o.Goroutines, 1), numStages))
	if err != nil {
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
	frame    header.Frame
	segments []uint8 // of the macroblocks, from the State; nil: all are in segment 0
	modes    mode.Map
	refs     [header.NumRefs]*picture.Picture // the State's
	pool     *picture.Pool                    // for pic
	pic      *picture.Picture                 // the frame's

	first    boolcoder.Reader    // of the first partition
	readers  [8]boolcoder.Reader // one a token partition
	above    []token.Context     // one a macroblock column
	steps    [4]quant.Steps      // by segment
	inter    *predict.Filter
	loop     loopfilter.Filter
	coeffs   [maxAhead]rowCoeffs // of the rows that are read and not yet reconstructed, in turns
	ahead    int                 // how many of coeffs are used
	bordered int                 // how many rows have their border
	pipeline pipeline            // where several goroutines are at work
}

// rowCoeffs are the coefficients of a row's macroblocks that have any, one after the other, and their ends. The coefficients are zero
// until the row is read and after it is reconstructed.
type rowCoeffs struct {
	coeffs []token.Coeffs
	ends   []token.Ends
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// readHeader does step 1.
func (d *decoder) readHeader(s *State, data []byte) error {
	f, first, tokens, err := header.Parse(data, s.context)
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
	d.frame, d.first = f, first
	for i, data := range tokens {
		d.readers[i] = boolcoder.NewReader(data)
	}
	width, height := s.width, s.height
	d.segments = s.segments.of()
	if f.Key {
		width, height = f.Width, f.Height
		d.segments = nil
	}
	d.modes.Reset((width+15)/16, (height+15)/16)
	return nil
}

// readModes does steps 1 and 2.
func (d *decoder) readModes(s *State, data []byte) error {
	if err := d.readHeader(s, data); err != nil {
		return err
	}
	return d.readAllModes()
}

// readAllModes does step 2.
func (d *decoder) readAllModes() error {
	for row := range d.modes.Rows {
		if err := d.readModeRow(row); err != nil {
			return err
		}
	}
	return nil
}

// readModeRow does step 2 for a row.
func (d *decoder) readModeRow(row int) error {
	r := d.first // a copy: what lies beside it is read by other goroutines, which its changes would slow down
	for col := range d.modes.Cols {
		a := d.modes.Around(col, row)
		a.Here.Segment = 0
		if d.segments != nil {
			a.Here.Segment = d.segments[row*d.modes.Cols+col]
		}
		mode.Read(&r, &d.frame, &a)
	}
	d.first = r
	if r.Overrun() > 0 {
		return fmt.Errorf("%w: the first partition ends in macroblock row %d of %d", ErrTruncated, row, d.modes.Rows)
	}
	return nil
}

// readPicture does steps 2 to 7.
func (d *decoder) readPicture(s *State, pool *picture.Pool, goroutines int) (*picture.Picture, error) {
	d.start(s, pool, goroutines)
	var err error
	if goroutines == 1 {
		err = d.alone()
	} else {
		err = d.together(s, goroutines)
	}
	pic := d.pic
	d.segments, d.refs, d.pool, d.pic = nil, [header.NumRefs]*picture.Picture{}, nil, nil
	if err == nil {
		return pic, nil
	}
	if pic != nil {
		pic.Drop()
	}
	for i := range d.coeffs {
		clear(d.coeffs[i].coeffs)
	}
	return nil, err
}

// start gets steps 2 to 7 ready.
func (d *decoder) start(s *State, pool *picture.Pool, goroutines int) {
	d.refs, d.pool = s.refs, pool
	cols := d.modes.Cols
	if cap(d.above) < cols {
		d.above = make([]token.Context, cols)
	}
	d.above = d.above[:cols]
	clear(d.above)
	d.ahead = 1
	if goroutines > 1 {
		d.ahead = maxAhead
	}
	for i := range d.ahead {
		if c := &d.coeffs[i]; len(c.coeffs) < cols {
			c.coeffs, c.ends = make([]token.Coeffs, cols), make([]token.Ends, cols)
		}
	}
	f := &d.frame
	d.steps = quant.Segments(f)
	d.inter = &predict.Bilinear
	if f.Version == 0 || f.Version > 3 {
		d.inter = &predict.SixTap
	}
	d.loop.Set(f)
	d.bordered = 0
}

// alone does steps 2 to 7 in one goroutine. It takes no picture before all modes are read: a few bytes that claim a huge one cost none.
func (d *decoder) alone() error {
	if err := d.readAllModes(); err != nil {
		return err
	}
	d.pic = d.pool.Get()
	for row := range d.modes.Rows {
		if err := d.readTokens(row); err != nil {
			return err
		}
		d.predictRow(row)
		d.finish(row)
	}
	return nil
}

// Stages of the pipeline.
const (
	stageModes   = iota // step 2
	stageTokens         // step 3
	stagePredict        // steps 4 and 5
	stageFilter         // steps 6 and 7
	numStages
)

// stageOrder is in which order one with nothing to do looks for work. Coefficients come first: they take longest where decoding takes
// long, one row after the other. Modes come last: they need nothing, so they are there when nothing else is.
var stageOrder = [numStages]int{stageTokens, stagePredict, stageFilter, stageModes}

const (
	// maxAhead is how many rows' coefficients there may be at once; a row of 720p takes 66 kB. Twice as many make decoding 3 to 5 % faster.
	maxAhead = 8
	// worthWaking is how many rows there must be for a goroutine that rests to be woken: until it is at work, another one does a few.
	worthWaking = 4
)

// pipeline is how far several goroutines have come with a frame.
type pipeline struct {
	sync.Mutex
	done    [numStages]int   // rows
	busy    [numStages]bool  // somebody does the stage's next row
	errs    [numStages]error // a stage that has one goes no further; the others do what they can without
	resting int              // goroutines that found nothing to do
	wake    sync.Cond        // for them
	working sync.WaitGroup
}

// together does steps 2 to 7 in several goroutines. Of two errors it returns the one that alone finds, which reads all modes before the
// first coefficients. It takes a picture of the State's size at once, another one as alone does.
func (d *decoder) together(s *State, goroutines int) error {
	p := &d.pipeline
	p.wake.L = p
	p.done, p.errs = [numStages]int{}, [numStages]error{}
	if d.pool == s.pool {
		d.pic = d.pool.Get()
	}
	for range goroutines - 1 {
		p.working.Go(d.doRows)
	}
	d.doRows()
	p.working.Wait()
	if err := p.errs[stageModes]; err != nil {
		return err
	}
	return p.errs[stageTokens]
}

// doRows does rows of whichever stages have some, until there are no more.
func (d *decoder) doRows() {
	p := &d.pipeline
	p.Lock()
	defer p.Unlock()
	for {
		stage := d.stageWith(1)
		if stage == numStages {
			if p.busy == [numStages]bool{} { // so nothing will come any more
				p.wake.Broadcast()
				return
			}
			p.resting++
			p.wake.Wait()
			p.resting--
			continue
		}
		p.busy[stage] = true
		if p.resting > 0 && d.stageWith(worthWaking) != numStages {
			p.wake.Signal()
		}
		row := p.done[stage]
		p.Unlock()
		err := d.do(stage, row)
		p.Lock()
		p.busy[stage] = false
		if err != nil {
			p.errs[stage] = err
		} else {
			p.done[stage]++
		}
		if d.pic == nil && p.done[stageModes] == d.modes.Rows {
			d.pic = d.pool.Get()
		}
	}
}

// stageWith gives the first stage in stageOrder that nobody is at and that has all that n rows more need, or numStages if there is none.
func (d *decoder) stageWith(n int) int {
	p := &d.pipeline
	end := [numStages]int{ // of the rows that each stage has all for
		stageModes:  d.modes.Rows,
		stageTokens: min(p.done[stageModes], p.done[stagePredict]+maxAhead),
		stageFilter: p.done[stagePredict],
	}
	if d.pic != nil {
		end[stagePredict] = p.done[stageTokens]
	}
	for _, stage := range stageOrder {
		if !p.busy[stage] && p.errs[stage] == nil && end[stage]-p.done[stage] >= n {
			return stage
		}
	}
	return numStages
}

// do does a row of a stage.
func (d *decoder) do(stage, row int) error {
	switch stage {
	case stageModes:
		return d.readModeRow(row)
	case stageTokens:
		return d.readTokens(row)
	case stagePredict:
		d.predictRow(row)
	case stageFilter:
		d.finish(row)
	}
	return nil
}

// finish does steps 6 and 7 as far as they can be done once a row is predicted. Rows are smoothed in pairs: it is faster.
func (d *decoder) finish(row int) {
	pic := d.pic
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
	at := &d.readers[row%d.frame.Partitions]
	r := *at // a copy, as in readModeRow
	into := &d.coeffs[row%d.ahead]
	probs := &d.frame.Context.Probs.Coeff
	var left token.Context
	n := 0
	for col := range d.modes.Cols {
		m := d.modes.At(col, row)
		if m.Skip {
			token.Skip(&d.above[col], &left, m.HasY2())
			continue
		}
		if token.Read(&r, probs, &d.above[col], &left, m.HasY2(), &into.coeffs[n], &into.ends[n]) {
			n++
		} else {
			m.Skip = true // for the loop filter, a macroblock without coefficients is one that says so
		}
	}
	*at = r
	if r.Overrun() > 0 {
		return fmt.Errorf("%w: a token partition ends in macroblock row %d of %d", ErrTruncated, row, d.modes.Rows)
	}
	return nil
}

// longRun is how many macroblocks are copied faster as one than one by one.
const longRun = 8

// prefetchAhead is how many macroblocks before they are made their pixels, and those of LAST, are fetched into the cache. It was
// measured: decoding takes 2 to 4 % less time with it, as much with twice that, and no less where only pixels of LAST are fetched.
const prefetchAhead = 4

// predictRow does steps 4 and 5 for a row. It leaves the coefficients zero.
func (d *decoder) predictRow(row int) {
	d.pic.IntraEdgeRow(row)
	cols := d.modes.Cols
	from := &d.coeffs[row%d.ahead]
	coded := 0
	for col := 0; col < cols; {
		run := d.still(col, row)
		if run >= longRun {
			predict.Copy(d.pic, d.refs[d.modes.At(col, row).Ref], col, row, run)
			col += run
			continue
		}
		for end := col + max(run, 1); col < end; col++ {
			d.pic.PrefetchMacroblock(col+prefetchAhead, row)
			if !d.frame.Key { // LAST may be of another size there
				d.refs[header.Last].PrefetchMacroblock(col+prefetchAhead, row)
			}
			m := d.modes.At(col, row)
			if m.Skip {
				d.reconstruct(m, col, row, nil, nil)
			} else {
				d.reconstruct(m, col, row, &from.coeffs[coded], &from.ends[coded])
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
func (d *decoder) reconstruct(m *mode.Macroblock, col, row int,
	c *token.Coeffs, ends *token.Ends) {
	pic := d.pic
	y, u, v := &pic.Y, &pic.U, &pic.V
	ya, ca := y.At(col*16, row*16), u.At(col*8, row*8)
	steps := &d.steps[m.Segment]
	if m.Ref != header.Intra {
		predict.Macroblock(d.inter, pic, d.refs[m.Ref], m, col, row, d.frame.Version == 3)
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
