package vp8

import (
	"fmt"
	"image"
	"math"
	"sync"
	"sync/atomic"
	"time"

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
//  1. The source picture is copied into whole macroblocks, unless it consists of them.
//  2. plan decides what the frame is: key or not, which references it refreshes, its segments and quantizers.
//  3. rdo codes every macroblock: modes, vectors, levels, their symbols and the reconstruction. A deadline may lower the effort here (pace.go).
//  4. The loop filter's level and sharpness are chosen by measuring what they leave of the error.
//  5. The probabilities that suit the frame's symbols best are chosen, where their update pays.
//  6. The partitions are written.
//  7. What was coded is compared with the source, if that is wanted, and the next State is made, as Decode would make it.
//
// With a byte budget the steps 3 to 6 are done again with better quantizers; see budget.go. Several frames of one picture are made
// side by side in step 3, macroblock by macroblock, and share what does not depend on the quantizer; see rdo/known.go.

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
	Unscored        bool // do without Stats' SquaredErr and SSIM, which takes 2 to 4 % less time at the lowest efforts

	// Deadline is when the frame should be ready; zero: whenever it is. Where the Effort would take longer, the rest of the frame is coded
	// with a lower one, so that the bytes depend on how fast the machine is; Stats say which. Even the lowest takes its time. Of the
	// options of EncodeAll the earliest holds for all. With FrameBytes it does not end the search for a frame that fits.
	Deadline time.Time
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
	SquaredErr  uint64  // sum of the squared errors of the visible luma pixels; 0 if Unscored
	Effort      int     // the lowest that a part of the frame was coded with: less than asked for if the Deadline was near
	SSIM        float64 // estimate of the luma SSIM, up to 1: the mean over 8x8 windows that do not overlap; NaN if Unscored
}

// Encode encodes a picture from State s: a key frame if s holds no picture or the options ask for one, else an interframe. The
// picture must have 4:2:0 subsampling and the State's size; it may lie anywhere in its buffer. Encode returns the frame, the
// State that decoding the frame gives, whose Picture is the encoder's reconstruction, and statistics. The same arguments give
// the same bytes, on every machine and with any number of goroutines, unless there is a Deadline.
//
// Errors wrap ErrOptions, ErrSize, ErrReleased or, if no frame is as small as FrameBytes asks, ErrBudget.
func Encode(s *State, src *image.YCbCr, o Options) (frame []byte, next *State, stats Stats, err error) {
	c := EncodeAll(s, src, []Options{o})[0]
	return c.Frame, c.State, c.Stats, c.Err
}

// Candidate is one of the frames that a picture is encoded to: what Encode returns.
type Candidate struct {
	Frame []byte
	State *State
	Stats Stats
	Err   error
}

// EncodeAll encodes a picture once for each of the options, as Encode does, but in less time: motion search and transforms are done
// once for all, with the first options. The first candidate is what Encode would make of its options; the others may differ a
// little from that, and are as good. Those with a byte budget share among themselves.
//
// The largest of the options' Goroutines holds for all candidates together. An error concerns its candidate only.
func EncodeAll(s *State, src *image.YCbCr, options []Options) []Candidate {
	candidates := make([]Candidate, len(options))
	fail := func(err error) []Candidate {
		for i := range candidates {
			candidates[i].Err = err
		}
		return candidates
	}
	if err := s.use(); err != nil {
		return fail(err)
	}
	defer s.unuse()
	if err := checkSource(s, src); err != nil {
		return fail(err)
	}
	source := s.sourceOf(src)
	defer source.Drop()
	goroutines := 1
	var together, budgeted []*encoder
	for i := range options {
		if err := options[i].check(); err != nil {
			candidates[i].Err = err
			continue
		}
		goroutines = max(goroutines, options[i].Goroutines)
		e := encoders.Get().(*encoder)
		e.begin(s, source, &options[i], &candidates[i])
		if options[i].FrameBytes > 0 {
			budgeted = append(budgeted, e)
		} else {
			together = append(together, e)
		}
	}
	encodeTogether(together, goroutines)
	fitTogether(budgeted, goroutines)
	return candidates
}

// encodeTogether does the steps 2 to 7 for encoders of one picture.
func encodeTogether(all []*encoder, goroutines int) {
	if len(all) == 0 {
		return
	}
	for i, e := range all {
		if i > 0 {
			e.leader = all[0]
		}
		e.start(e.options.Quantizer)
	}
	codeMacroblocks(all, goroutines)
	finish(all, goroutines)
	deliver(all, goroutines)
}

// finish does the steps 4 to 6 for encoders of one picture, with what does not need each other at the same time.
func finish(all []*encoder, goroutines int) {
	inParallel(2*len(all), goroutines, func(i int) {
		if e := all[i/2]; i%2 == 0 {
			e.chooseFilter()
		} else {
			e.chooseProbabilities()
		}
	})
	inParallel(len(all), goroutines, func(i int) { all[i].result, all[i].err = all[i].attempt() })
}

// inParallel calls f with 0 to n-1, in up to so many goroutines.
func inParallel(n, goroutines int, f func(i int)) {
	if n == 1 || goroutines == 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int32
	var all sync.WaitGroup
	for range min(n, goroutines) {
		all.Go(func() {
			for i := next.Add(1) - 1; int(i) < n; i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	all.Wait()
}

// deliver does step 7 for encoders of one picture and lets go of them.
func deliver(all []*encoder, goroutines int) {
	inParallel(len(all), goroutines, func(i int) { all[i].score() })
	for _, e := range all {
		e.deliver()
	}
}

// score compares what was coded with the source, unless nobody wants to know.
func (e *encoder) score() {
	a := e.result
	if e.err != nil {
		return
	}
	if a.stats.SSIM = math.NaN(); !e.options.Unscored {
		a.stats.SquaredErr, a.stats.SSIM = compare(e.source, a.picture, e.state.width, e.state.height)
	}
}

func (e *encoder) deliver() {
	s, c, a := e.state, e.candidate, e.result
	if e.err == nil {
		*c = Candidate{Frame: a.frame, State: s.next(&a.header, a.frame, a.picture, s.pool, a.segments), Stats: a.stats}
	} else {
		c.Err = e.err
	}
	e.end()
	encoders.Put(e)
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

// encoder is the working memory for one candidate.
type encoder struct {
	state     *State
	options   *Options
	candidate *Candidate
	result    *attempt // the last one, or err
	only      attempt  // what result is without a budget
	err       error
	leader    *encoder // the one before it of the same picture that has measured the source; nil: none
	source    *picture.Picture
	header    header.Frame
	level     int // the effort, or the lowest that the deadline made of it
	rdo       rdo.Frame
	costs     rdo.Costs
	trial     *picture.Picture // for step 4, and, with a budget, what the best attempt decodes to
	parts     [8][]byte
	first     []byte
	sizes     struct{ header, first int }
	activity  []uint16      // of each macroblock, or of those that were looked at; see segments.go
	measured  int           // every how many rows of macroblocks that is
	segmap    []uint8       // the segment of each macroblock
	progress  []rowProgress // of the rows of macroblocks; [0] is above the first
	pace      pace
	table     boolcoder.Table
	counts    struct {
		tokens token.Counts
		modes  mode.Counts
	}
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// begin gets everything ready.
func (e *encoder) begin(s *State, source *picture.Picture, o *Options, c *Candidate) {
	e.state, e.source, e.options, e.candidate = s, source, o, c
	cols, rows := (s.width+15)/16, (s.height+15)/16
	e.rdo.Reset(cols, rows)
	e.rdo.Source = e.source
	e.rdo.Costs = &e.costs
	e.trial = s.pool.Get()
}

// end lets go of the pictures.
func (e *encoder) end() {
	e.trial.Drop()
	e.source, e.trial = nil, nil
	e.rdo.Source, e.rdo.Recon = nil, nil
	e.rdo.Refs = [header.NumRefs]*picture.Picture{}
	e.state, e.options, e.candidate, e.leader, e.result, e.err = nil, nil, nil, nil, nil, nil
	e.only = attempt{}
}

// sourceOf does step 1. The picture has one holder.
func (s *State) sourceOf(src *image.YCbCr) *picture.Picture {
	if view := picture.ViewOf(src); view != nil {
		return view
	}
	p := s.pool.Get()
	copySource(p, src)
	return p
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

// start does step 2 and gets step 3 ready.
func (e *encoder) start(quantizer int) {
	e.level = e.options.Effort
	e.plan(quantizer)
	f := &e.rdo
	f.Recon = e.state.pool.Get()
	f.Header = &e.header
	e.costs.Set(&e.header)
	f.Start()
}

// attempt does step 6. The attempt's picture has one holder, for the State that it becomes.
func (e *encoder) attempt() (*attempt, error) {
	frame, err := e.write()
	if err != nil {
		e.rdo.Recon.Drop()
		return nil, err
	}
	a := &e.only
	if e.options.FrameBytes > 0 {
		a = new(attempt)
	}
	*a = attempt{frame: frame, header: e.header, picture: e.rdo.Recon, segments: e.segmentMap(), stats: e.stats()}
	return a, nil
}

// codeMacroblocks does step 3 for encoders of one picture. With several goroutines each takes every n-th row; a row stays two
// macroblocks behind the one above, which is as far as prediction looks to the right.
func codeMacroblocks(all []*encoder, goroutines int) {
	rows := all[0].rdo.Modes.Rows
	pace := &all[0].pace
	pace.setFor(all)
	n := min(max(goroutines, 1), rows)
	if n == 1 {
		nothing := func(int) {}
		w := rowWorkers.Get().(*rowWorker)
		defer rowWorkers.Put(w)
		for row := range rows {
			w.code(all, row, pace, nothing, nothing)
		}
	} else {
		all[0].resetProgress()
		var working sync.WaitGroup
		for first := range n {
			working.Go(func() { codeRows(all, first, n) })
		}
		working.Wait()
	}
	for _, e := range all {
		e.level = min(e.options.Effort, pace.lowest)
		e.planFilter()
	}
}

// codeRows codes every n-th row, in step with others.
func codeRows(all []*encoder, first, n int) {
	w := rowWorkers.Get().(*rowWorker)
	defer rowWorkers.Put(w)
	rows, cols, progress := all[0].rdo.Modes.Rows, all[0].rdo.Modes.Cols, all[0].progress
	for row := first; row < rows; row += n {
		w.code(all, row, &all[0].pace, func(n int) { progress[row].wait(n, cols) }, progress[row+1].advance)
	}
}

// rowWorker is the working memory of one goroutine that codes rows.
type rowWorker struct {
	coder rdo.Coder
	tasks []rdo.Task
}

var rowWorkers = sync.Pool{New: func() any { return new(rowWorker) }}

// code codes a row in all frames, at the pace's effort.
func (w *rowWorker) code(all []*encoder, row int, p *pace, wait, done func(n int)) {
	effort := p.begin()
	w.tasks = w.tasks[:0]
	for _, e := range all {
		w.tasks = append(w.tasks, rdo.Task{Frame: &e.rdo, Speed: &efforts[min(e.options.Effort, effort)].rdo})
	}
	w.coder.Row(w.tasks, row, wait, done)
	p.end(effort)
}

// resetProgress notes that no row is done, but what is above the first.
func (e *encoder) resetProgress() {
	rows, cols := e.rdo.Modes.Rows, e.rdo.Modes.Cols
	if len(e.progress) <= rows {
		e.progress = make([]rowProgress, rows+1)
		for i := range e.progress {
			e.progress[i].ready.L = &e.progress[i]
		}
	}
	for i := range e.progress {
		e.progress[i].done.Store(0)
	}
	e.progress[0].done.Store(int32(cols))
}

// rowProgress is how many macroblocks of a row are done.
type rowProgress struct {
	done    atomic.Int32
	waiting atomic.Bool
	sync.Mutex
	ready sync.Cond
}

// restAhead: who has to wait for the row above waits until it is so many macroblocks further ahead, rather than be woken for each.
const restAhead = 8

func (p *rowProgress) wait(n, of int) {
	if int(p.done.Load()) >= n {
		return
	}
	n = min(n+restAhead, of)
	p.Lock()
	p.waiting.Store(true) // before done is looked at again: advance does it the other way round, so that one sees the other
	for int(p.done.Load()) < n {
		p.ready.Wait()
	}
	p.waiting.Store(false)
	p.Unlock()
}

func (p *rowProgress) advance(n int) {
	p.done.Store(int32(n))
	if p.waiting.Load() {
		p.Lock()
		p.ready.Signal()
		p.Unlock()
	}
}

// write does step 6.
func (e *encoder) write() ([]byte, error) {
	f := &e.header
	var w boolcoder.Writer
	w.Reset(e.first[:0])
	f.Write(&w, e.state.context)
	e.sizes.header = w.Len()
	rows := e.rdo.Symbols
	mode.SetTable(&e.table, f)
	for i := range rows {
		rows[i].Modes.Write(&w, &e.table)
	}
	e.first = w.Finish()
	token.SetTable(&e.table, &f.Context.Probs.Coeff)
	for first := range f.Partitions {
		w.Reset(e.parts[first][:0])
		for i := first; i < len(rows); i += f.Partitions {
			rows[i].Tokens.Write(&w, &e.table)
		}
		e.parts[first] = w.Finish()
	}
	frame, err := f.Assemble(e.first, e.parts[:f.Partitions])
	if err != nil {
		return nil, fmt.Errorf("%w: at quantizer %d its %v; take a coarser one", ErrSize, f.Quantizers.Base, err)
	}
	return frame, nil
}

// segmentMap is the map that the frame leaves, with a holder more.
func (e *encoder) segmentMap() *segmentMap {
	switch {
	case e.header.UpdateMap:
		m := newSegmentMap(len(e.segmap))
		copy(m.ids, e.segmap)
		return m
	case e.header.Key:
		return nil
	}
	return e.state.segments.hold()
}

// stats counts up what is known without the picture.
func (e *encoder) stats() Stats {
	f := &e.header
	st := Stats{Info: headerInfo(e.state, f), Effort: e.level}
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
