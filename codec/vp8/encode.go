package vp8

import (
	"fmt"
	"image"
	"sync"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/rdo"
	"salsify/codec/vp8/internal/token"
)

// How a picture is encoded:
//
//  1. The source picture is copied into whole macroblocks.
//  2. plan decides what the frame is: key or not, which references it refreshes, its segments and quantizers.
//  3. rdo codes every macroblock: modes, vectors, levels and the reconstruction.
//  4. The loop filter's level and sharpness are chosen by measuring what they leave of the error.
//  5. The probabilities that suit the frame's symbols best are chosen, where their update pays.
//  6. The partitions are written.
//  7. The next State is made, as Decode would make it.
//
// With a byte budget the steps 3 to 6 are done again with better quantizers; see budget.go.

// Efforts of Encode.
const (
	MinEffort     = 0  // the fastest
	DefaultEffort = 5  // for real time
	MaxEffort     = 10 // the best picture for the bytes
)

// Options say how Encode encodes.
type Options struct {
	Quantizer       int  // quantizer index, 0 (best) to 127
	FrameBytes      int  // if above 0: the best picture of at most that many bytes, and Quantizer is not used
	Effort          int  // MinEffort to MaxEffort
	Goroutines      int  // how many goroutines may work at once; 0 is 1. Never changes the bytes
	TokenPartitions int  // 1, 2, 4 or 8; 0 is 1
	KeyFrame        bool // ask for a key frame
}

func (o *Options) check() error {
	switch {
	case o.FrameBytes < 0:
		return fmt.Errorf("%w: FrameBytes is %d", ErrOptions, o.FrameBytes)
	case o.FrameBytes == 0 && (o.Quantizer < 0 || o.Quantizer > quant.MaxIndex):
		return fmt.Errorf("%w: Quantizer is %d, not 0 to %d", ErrOptions, o.Quantizer, quant.MaxIndex)
	case o.Effort < MinEffort || o.Effort > MaxEffort:
		return fmt.Errorf("%w: Effort is %d, not %d to %d", ErrOptions, o.Effort, MinEffort, MaxEffort)
	case o.Goroutines < 0:
		return fmt.Errorf("%w: Goroutines is %d", ErrOptions, o.Goroutines)
	}
	switch o.TokenPartitions {
	case 0, 1, 2, 4, 8:
		return nil
	}
	return fmt.Errorf("%w: TokenPartitions is %d, not 1, 2, 4 or 8", ErrOptions, o.TokenPartitions)
}

// Stats tell what Encode did.
type Stats struct {
	Info        FrameInfo
	HeaderBytes int     // of frame tag, start code, frame header and partition sizes
	ModeBytes   int     // of modes and vectors, the rest of the first partition
	TokenBytes  [8]int  // of each token partition
	SquaredErr  uint64  // sum of the squared errors of the visible luma pixels
	SSIM        float64 // estimate of the luma SSIM, up to 1: the mean over 8x8 windows that do not overlap
}

// Encode encodes a picture from State s: a key frame if s holds no picture or the options ask for one, else an interframe. The
// picture must have 4:2:0 subsampling and the State's size; it may lie anywhere in its buffer. Encode returns the frame, the
// State that decoding the frame gives, whose Picture is the encoder's reconstruction, and statistics. The same arguments give
// the same bytes, on every machine and with any number of goroutines.
//
// Errors wrap ErrOptions, ErrSize, ErrReleased or, if no frame is as small as FrameBytes asks, ErrBudget.
func Encode(s *State, src *image.YCbCr, o Options) (frame []byte, next *State, stats Stats, err error) {
	if err := o.check(); err != nil {
		return nil, nil, Stats{}, err
	}
	if err := s.use(); err != nil {
		return nil, nil, Stats{}, err
	}
	defer s.unuse()
	if err := checkSource(s, src); err != nil {
		return nil, nil, Stats{}, err
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.begin(s, src, &o)
	defer e.end()
	var a *attempt
	if o.FrameBytes > 0 {
		a, err = e.fit(o.FrameBytes)
	} else {
		a, err = e.encode(o.Quantizer)
	}
	if err != nil {
		return nil, nil, Stats{}, err
	}
	a.stats.SquaredErr, a.stats.SSIM = compare(e.source, a.picture, s.width, s.height)
	return a.frame, s.next(&a.header, a.frame, a.picture, s.pool, a.segments), a.stats, nil
}

func checkSource(s *State, src *image.YCbCr) error {
	if src == nil || src.Rect.Dx() != s.width || src.Rect.Dy() != s.height {
		return fmt.Errorf("%w: the picture is not of the state's %dx%d", ErrSize, s.width, s.height)
	}
	if src.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return fmt.Errorf("%w: the picture is %v, not 4:2:0", ErrSize, src.SubsampleRatio)
	}
	if src.YStride < s.width || src.CStride < (s.width+1)/2 {
		return fmt.Errorf("%w: the picture's strides are smaller than its width", ErrSize)
	}
	// What copySource reads.
	needY := src.YOffset(src.Rect.Min.X, src.Rect.Min.Y) + (s.height-1)*src.YStride + s.width
	needC := src.COffset(src.Rect.Min.X, src.Rect.Min.Y) + (s.height-1)/2*src.CStride + (s.width+1)/2
	if len(src.Y) < needY || len(src.Cb) < needC || len(src.Cr) < needC {
		return fmt.Errorf("%w: the picture's planes are shorter than its bounds and strides say", ErrSize)
	}
	return nil
}

// encoder is the working memory of an Encode.
type encoder struct {
	state    *State
	options  *Options
	source   *picture.Picture
	header   header.Frame
	rdo      rdo.Frame
	costs    rdo.Costs
	coders   []*rdo.Coder
	trial    *picture.Picture // for step 4, and, with a budget, what the best attempt decodes to
	tokens   token.Counts
	modes    mode.Counts
	above    []token.Context
	writers  [8]boolcoder.Writer
	parts    [8][]byte
	first    []byte
	sizes    struct{ header, first int }
	activity []uint16 // of each macroblock; see segments.go
	segmap   []uint8  // the segment of each macroblock
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// begin does step 1 and gets everything ready.
func (e *encoder) begin(s *State, src *image.YCbCr, o *Options) {
	e.state, e.options = s, o
	e.source = s.pool.Get()
	copySource(e.source, src)
	cols, rows := (s.width+15)/16, (s.height+15)/16
	e.rdo.Reset(cols, rows)
	e.rdo.Source = e.source
	e.rdo.Costs = &e.costs
	e.trial = s.pool.Get()
	if cap(e.above) < cols {
		e.above = make([]token.Context, cols)
	}
	e.above = e.above[:cols]
	for len(e.coders) < min(max(o.Goroutines, 1), rows) {
		e.coders = append(e.coders, new(rdo.Coder))
	}
}

// end lets go of the pictures.
func (e *encoder) end() {
	e.source.Drop()
	e.trial.Drop()
	e.source, e.trial = nil, nil
	e.rdo.Source, e.rdo.Recon = nil, nil
	e.rdo.Refs = [header.NumRefs]*picture.Picture{}
	e.state, e.options = nil, nil
}

// copySource copies the visible picture and repeats its last column and row up to whole macroblocks.
func copySource(dst *picture.Picture, src *image.YCbCr) {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	x, y := src.Rect.Min.X, src.Rect.Min.Y
	copyPlane(&dst.Y, src.Y[src.YOffset(x, y):], src.YStride, w, h)
	copyPlane(&dst.U, src.Cb[src.COffset(x, y):], src.CStride, (w+1)/2, (h+1)/2)
	copyPlane(&dst.V, src.Cr[src.COffset(x, y):], src.CStride, (w+1)/2, (h+1)/2)
}

func copyPlane(dst *picture.Plane, src []byte, stride, w, h int) {
	for y := range dst.Height {
		row := dst.Pix[dst.At(0, y):][:dst.Width]
		n := copy(row, src[min(y, h-1)*stride:][:w])
		for x := n; x < len(row); x++ {
			row[x] = row[n-1]
		}
	}
}

// encode does the steps 2 to 6 with one quantizer index. The attempt's picture has one holder, for the State that it becomes.
func (e *encoder) encode(quantizer int) (*attempt, error) {
	e.plan(quantizer)
	e.rdo.Recon = e.state.pool.Get()
	e.codeMacroblocks()
	e.chooseFilter()
	e.chooseProbabilities()
	frame, err := e.write()
	if err != nil {
		e.rdo.Recon.Drop()
		return nil, err
	}
	return &attempt{frame: frame, header: e.header, picture: e.rdo.Recon, segments: e.segmentMap(), stats: e.stats()}, nil
}

// codeMacroblocks does step 3. With several goroutines each takes every n-th row; a row stays two macroblocks behind the one
// above, which is as far as prediction looks to the right.
func (e *encoder) codeMacroblocks() {
	f := &e.rdo
	f.Header = &e.header
	e.costs.Set(&e.header)
	f.Start()
	n := min(max(e.options.Goroutines, 1), f.Modes.Rows)
	if n == 1 {
		nothing := func(int) {}
		for row := range f.Modes.Rows {
			f.Row(e.coders[0], row, nothing, nothing)
		}
		return
	}
	progress := make([]rowProgress, f.Modes.Rows+1) // [0] is above the first row
	for i := range progress {
		progress[i].ready = sync.NewCond(&progress[i].Mutex)
	}
	progress[0].done = f.Modes.Cols
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for row := i; row < f.Modes.Rows; row += n {
				f.Row(e.coders[i], row, progress[row].wait, progress[row+1].advance)
			}
		})
	}
	all.Wait()
}

// rowProgress is how many macroblocks of a row are done.
type rowProgress struct {
	sync.Mutex
	ready *sync.Cond
	done  int
}

func (p *rowProgress) wait(n int) {
	p.Lock()
	for p.done < n {
		p.ready.Wait()
	}
	p.Unlock()
}

func (p *rowProgress) advance(n int) {
	p.Lock()
	p.done = n
	p.Unlock()
	p.ready.Signal()
}

// write does step 6.
func (e *encoder) write() ([]byte, error) {
	f := &e.header
	cols, rows := e.rdo.Modes.Cols, e.rdo.Modes.Rows
	var w boolcoder.Writer
	w.Reset(e.first[:0])
	f.Write(&w, &e.state.context)
	e.sizes.header = w.Len()
	for i := range f.Partitions {
		e.writers[i].Reset(e.parts[i][:0])
	}
	clear(e.above)
	for row := range rows {
		var left token.Context
		tokens := &e.writers[row%f.Partitions]
		for col := range cols {
			a := e.rdo.Modes.Around(col, row)
			mode.Write(&w, f, &a)
			if m := a.Here; m.Skip {
				token.Skip(&e.above[col], &left, m.HasY2())
			} else {
				i := row*cols + col
				token.Write(tokens, &f.Context.Probs.Coeff, &e.above[col], &left, m.HasY2(), &e.rdo.Coeffs[i], &e.rdo.Ends[i])
			}
		}
	}
	e.first = w.Finish()
	for i := range f.Partitions {
		e.parts[i] = e.writers[i].Finish()
	}
	frame, err := f.Assemble(e.first, e.parts[:f.Partitions])
	if err != nil {
		return nil, fmt.Errorf("%w: at quantizer %d its %v; take a coarser one", ErrSize, f.Quantizers.Base, err)
	}
	return frame, nil
}

func (e *encoder) segmentMap() []uint8 {
	switch {
	case e.header.UpdateMap:
		return append([]uint8(nil), e.segmap...)
	case e.header.Key:
		return nil
	}
	return e.state.segments
}

// stats counts up what is known without the picture.
func (e *encoder) stats() Stats {
	f := &e.header
	st := Stats{Info: headerInfo(e.state, f)}
	for row := range e.rdo.Modes.Rows {
		for col := range e.rdo.Modes.Cols {
			st.Info.count(e.rdo.Modes.At(col, row))
		}
	}
	st.HeaderBytes = f.TagSize() + e.sizes.header
	st.ModeBytes = len(e.first) - e.sizes.header
	for i := range f.Partitions {
		st.TokenBytes[i] = len(e.parts[i])
	}
	return st
}
