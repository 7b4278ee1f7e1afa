// Package rdo chooses how each macroblock of a frame is coded: by rate and distortion together, with the real costs of modes,
// vectors and tokens.
package rdo

import (
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/predict"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
)

// Frame is a frame that is being encoded. Its first part is given, its second is what Rows makes.
type Frame struct {
	Header *header.Frame
	Source *picture.Picture                 // with a border
	Refs   [header.NumRefs]*picture.Picture // those that may be predicted from; nil where absent or equal to an earlier one
	Costs  *Costs
	Plan   [4]Plan // by segment

	Modes   mode.Map                // Segment of each macroblock is given
	Recon   *picture.Picture        // with IntraEdge; before the loop filter
	Symbols []Symbols               // of each row
	Vectors [][header.NumRefs]Found // what motion search found, kept for the next pass over the same picture
	above   []token.Context
}

// Symbols are what is written of a row of macroblocks. They fill a cache line, since goroutines make neighbouring rows at once.
type Symbols struct {
	Modes  mode.Stream
	Tokens token.Stream
	_      [picture.CacheLine - 48]byte
}

// Found is the vector that the search found in a reference.
type Found struct {
	MV    mode.MV
	Valid bool
}

// Costs are the costs of everything that a frame's probabilities govern.
type Costs struct {
	Modes  mode.Costs
	Tokens token.Costs
}

// Set works out the costs for the probabilities in a frame's header.
func (c *Costs) Set(f *header.Frame) {
	c.Modes.Set(f)
	c.Tokens.Set(&f.Context.Probs.Coeff)
}

// Plan is how the macroblocks of one segment are coded.
type Plan struct {
	Y1, Y2, UV quant.Quantizer
	Lambda     quant.Lambda
	SADLambda  int // what a bit is worth in units of SAD, times 16
}

// Lambda in proportion to the square of the AC step: what Lagrangian theory gives for high rates, with a factor that was
// tuned on the clips for the least rate at the same SSIM.
const (
	lambdaFactor = 280 // of step^2, in 1/1024
	lambdaShift  = 10
)

// NewPlan prepares the coding with a quantizer index.
func NewPlan(index int, q *header.Quantizers) Plan {
	steps := quant.At(index, q)
	ac := int(steps.Y1[1])
	lambda := max(ac*ac*lambdaFactor>>lambdaShift, 1)
	return Plan{
		Y1:        quant.NewQuantizer(steps.Y1),
		Y2:        quant.NewQuantizer(steps.Y2),
		UV:        quant.NewQuantizer(steps.UV),
		Lambda:    quant.Lambda(lambda),
		SADLambda: max(sqrt(lambda*16), 1),
	}
}

// sqrt is the integer square root.
func sqrt(v int) int {
	r := 0
	for b := 1 << 20; b > 0; b >>= 1 {
		if (r+b)*(r+b) <= v {
			r += b
		}
	}
	return r
}

// Speed is how much work the choice may take.
type Speed struct {
	Refs       int  // how many references are searched, LAST first
	Step       int  // pixels: first step of the whole-pixel search
	Subpel     bool // vectors have fractions
	Diagonals  bool // of them, diagonal ones too
	Candidates int  // how many inter candidates are coded on trial
	Splits     int  // split shapes to try: 0 none, 1 the 8x8 ones, 2 also 4x4
	SplitGate  int  // bits that the tokens of the whole macroblock must take for splits to be tried
	BModes     int  // 4x4 modes to code on trial for each block, 0 to do without BPred on interframes
	KeyBModes  int  // the same on key frames, at least 1
	IntraModes int  // 16x16 modes to code on trial
	IntraGate  int  // intra modes are looked at if the best one's SATD is below so many eighths of the best inter one's
	Trellis    bool // the levels of the chosen mode come from the trellis
	// Quick, if above 0: interframes' macroblocks are coded without trials, as quick.go says, and chroma modes are chosen by SATD; how good
	// is enough there, and for a 16x16 intra mode of a key frame.
	Quick     int
	Guess     bool // fractions of vectors are not searched but guessed
	EarlySkip bool // a macroblock that the first candidate, or a 16x16 intra mode, predicts well enough is not looked at further
}

// Reset makes room for a picture of cols x rows macroblocks and forgets the vectors.
func (f *Frame) Reset(cols, rows int) {
	f.Modes.Reset(cols, rows)
	n := cols * rows
	if cap(f.Vectors) < n {
		f.Vectors = make([][header.NumRefs]Found, n)
	}
	f.Vectors = f.Vectors[:n]
	f.ForgetVectors()
	if cap(f.Symbols) < rows {
		f.Symbols = make([]Symbols, rows)
	}
	f.Symbols = f.Symbols[:rows]
	if cap(f.above) < cols {
		f.above = make([]token.Context, cols)
	}
	f.above = f.above[:cols]
}

// ForgetVectors makes the next pass search anew.
func (f *Frame) ForgetVectors() { clear(f.Vectors) }

// Start begins a pass over the macroblocks.
func (f *Frame) Start() {
	clear(f.above)
	for i := range f.Symbols {
		f.Symbols[i].Modes.Reset()
		f.Symbols[i].Tokens.Reset()
	}
	f.Recon.IntraEdge()
}

// Task is a frame to code a row of, and how much work that may take.
type Task struct {
	Frame *Frame
	Speed *Speed
}

// Row codes one row of macroblocks of frames that are made of one picture and predicted from the same references; what the first
// learns serves the others. Before a macroblock it calls wait with the number of macroblocks of the row above that must be
// finished, and after it done with the number that are.
func (c *Coder) Row(tasks []Task, row int, wait, done func(n int)) {
	for len(c.coders) < len(tasks) {
		c.coders = append(c.coders, &coder{known: &c.known})
	}
	coders := c.coders[:len(tasks)]
	for i, k := range coders {
		k.left = token.Context{}
		s := &tasks[i].Frame.Symbols[row]
		s.Modes.Reserve(k.modeSize + k.modeSize/4)
		s.Tokens.Reserve(k.tokenSize + k.tokenSize/4)
	}
	cols := tasks[0].Frame.Modes.Cols
	for col := range cols {
		wait(min(col+2, cols))
		c.known.forget()
		tasks[0].Frame.prefetch(col+ahead, row)
		for i, k := range coders {
			k.code(tasks[i], col, row)
		}
		done(col + 1)
	}
	for i, k := range coders {
		s := &tasks[i].Frame.Symbols[row]
		k.modeSize, k.tokenSize = s.Modes.Size(), s.Tokens.Size()
	}
}

// ahead is how many macroblocks before they are needed pixels are fetched into the cache. It was measured: encoding takes 3 to 10 %
// less time with it, and as much with twice that.
const ahead = 4

// prefetch fetches a macroblock's pixels, those where LAST has it, and what will be written.
func (f *Frame) prefetch(col, row int) {
	f.Source.PrefetchMacroblock(col, row)
	f.Recon.PrefetchMacroblock(col, row)
	if last := f.Refs[header.Last]; last != nil {
		last.PrefetchMacroblock(col, row)
	}
}

// filter is the interpolation of the frames that we encode: bitstream version 0.
var filter = &predict.SixTap

// lumaKind is the kind of the luma blocks of a macroblock, and the first position of their coefficients.
func lumaKind(hasY2 bool) (kind, first int) {
	if hasY2 {
		return entropy.BlockYAfterY2, 1
	}
	return entropy.BlockYWithDC, 0
}
