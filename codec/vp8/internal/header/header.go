// Package header reads and writes what stands before the macroblocks in a VP8 frame: the frame tag, the start code and size of
// a key frame, the frame header and the sizes of the token partitions (RFC 6386, sections 9 and 19.2).
package header

import (
	"errors"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// Errors of Parse.
var (
	ErrTruncated = errors.New("frame is truncated")
	ErrFormat    = errors.New("frame is malformed")
	ErrSize      = errors.New("picture size is 0")
)

// Limits and sizes of the format.
const (
	MaxSize       = 1<<14 - 1 // pixels, width and height: 14 bits each
	tagSize       = 3         // bytes
	keyStartSize  = 7         // bytes: start code and size
	maxFirstSize  = 1<<19 - 1 // bytes of the first partition: 19 bits
	maxTokensSize = 1<<24 - 1 // bytes of a token partition but the last: 24 bits
)

// Reference pictures, the values of a macroblock's reference and the index of SignBias and Deltas.Ref.
const (
	Intra = iota
	Last
	Golden
	AltRef
	NumRefs
)

// Segments are the quantizers and filter levels of the four segments (section 9.3). They persist from frame to frame.
type Segments struct {
	Absolute  bool    // values replace the frame's; else they are added to them
	Quantizer [4]int8 // quantizer index, -127 to 127
	Filter    [4]int8 // loop filter level, -63 to 63
}

// Deltas adjust the loop filter level by reference picture and mode (section 9.6). They persist from frame to frame.
type Deltas struct {
	Ref  [NumRefs]int8 // -63 to 63, by reference
	Mode [4]int8       // -63 to 63: BPred; ZeroMV; NearestMV, NearMV and NewMV; SplitMV
}

// Context is what one frame's header leaves for the next.
type Context struct {
	Probs    entropy.Probs
	Segments Segments
	Deltas   Deltas
}

// Quantizers are the quantizer index of a frame and what is added to it by kind of coefficient (section 9.6).
type Quantizers struct {
	Base                         int // 0 to 127
	Y1DC, Y2DC, Y2AC, UVDC, UVAC int // -15 to 15
}

// Copy says what a reference that the frame itself does not refresh is replaced with (section 9.7).
type Copy int

// Copy values. CopyOther is ALTREF for GOLDEN, and GOLDEN for ALTREF.
const (
	CopyNone Copy = iota
	CopyLast
	CopyOther
)

// Frame is a frame's header.
type Frame struct {
	Key       bool
	Version   int // 0 to 3; the reserved 4 to 7 decode like 0
	Show      bool
	FirstSize int // bytes of the first partition

	Width, Height                  int // pixels; of key frames only
	HorizontalScale, VerticalScale int // 0 to 3; of key frames only
	ColorSpace, NoClamp            bool

	Segmentation  bool // the frame uses segments
	UpdateMap     bool // each macroblock carries its segment
	UpdateSegment bool // Segments are sent
	SegmentProbs  [3]uint8
	SimpleFilter  bool
	FilterLevel   int // 0 (off) to 63
	Sharpness     int // 0 to 7
	UseDeltas     bool
	UpdateDeltas  bool
	Partitions    int // token partitions: 1, 2, 4 or 8
	Quantizers    Quantizers

	RefreshLast, RefreshGolden, RefreshAltRef bool
	CopyToGolden, CopyToAltRef                Copy
	SignBias                                  [NumRefs]bool
	RefreshProbs                              bool // the probabilities persist beyond this frame

	UseSkip  bool // each macroblock carries a flag that it has no coefficients
	ProbSkip uint8

	ProbIntra, ProbLast, ProbGolden uint8 // of interframes

	Context Context // as this frame uses it
}

// Next gives what is left for the next frame, given what the previous frame left for this one.
func (f *Frame) Next(before *Context) Context {
	next := f.Context
	if !f.RefreshProbs {
		next.Probs = before.Probs
		if f.Key {
			next.Probs = entropy.Default
		}
	}
	return next
}

// minModeBits is a lower bound of what the modes of a key frame's macroblock take in the first partition. The fixed
// probabilities allow nothing below 3 bits: the cheapest luma mode is 2.6, the cheapest chroma mode 0.8.
const minModeBits = 3

// Parse reads a frame's header. It returns the reader of the first partition, which stands at the first macroblock's modes,
// and the token partitions.
func Parse(data []byte, before *Context) (f Frame, modes boolcoder.Reader, tokens [][]byte, err error) {
	if len(data) < tagSize {
		return f, modes, nil, ErrTruncated
	}
	tag := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
	f.Key = tag&1 == 0
	f.Version = tag >> 1 & 7
	f.Show = tag>>4&1 != 0
	f.FirstSize = tag >> 5
	data = data[tagSize:]
	f.Context = *before
	if f.Key {
		if len(data) < keyStartSize {
			return f, modes, nil, ErrTruncated
		}
		if data[0] != 0x9d || data[1] != 0x01 || data[2] != 0x2a {
			return f, modes, nil, ErrFormat
		}
		w, h := int(data[3])|int(data[4])<<8, int(data[5])|int(data[6])<<8
		f.Width, f.HorizontalScale = w&MaxSize, w>>14
		f.Height, f.VerticalScale = h&MaxSize, h>>14
		data = data[keyStartSize:]
		if f.Width == 0 || f.Height == 0 {
			return f, modes, nil, ErrSize
		}
		f.Context = Context{Probs: entropy.Default}
	}
	if f.FirstSize == 0 || f.FirstSize > len(data) {
		return f, modes, nil, ErrTruncated
	}
	if f.Key {
		// A few bytes that claim a huge picture are found out before anything of its size is allocated.
		macroblocks := ((f.Width + 15) / 16) * ((f.Height + 15) / 16)
		if f.FirstSize*8 < macroblocks*minModeBits {
			return f, modes, nil, ErrTruncated
		}
	}
	r := boolcoder.NewReader(data[:f.FirstSize])
	f.read(&r)
	if err := f.check(&r); err != nil {
		return f, modes, nil, err
	}
	tokens, err = splitTokens(data[f.FirstSize:], f.Partitions)
	return f, r, tokens, err
}

func (f *Frame) check(r *boolcoder.Reader) error {
	if r.Overrun() > 0 {
		return ErrTruncated
	}
	if f.CopyToGolden > CopyOther || f.CopyToAltRef > CopyOther {
		return ErrFormat
	}
	return nil
}

// read reads the frame header proper, in the order of RFC 6386, section 19.2.
func (f *Frame) read(r *boolcoder.Reader) {
	if f.Key {
		f.ColorSpace = r.Flag()
		f.NoClamp = r.Flag()
	}
	f.Segmentation = r.Flag()
	if f.Segmentation {
		f.readSegmentation(r)
	}
	f.SimpleFilter = r.Flag()
	f.FilterLevel = r.Literal(6)
	f.Sharpness = r.Literal(3)
	f.UseDeltas = r.Flag()
	if f.UseDeltas {
		f.UpdateDeltas = r.Flag()
	}
	if f.UpdateDeltas {
		for _, deltas := range []*[4]int8{&f.Context.Deltas.Ref, &f.Context.Deltas.Mode} {
			for i := range deltas {
				if r.Flag() {
					deltas[i] = int8(r.Signed(6))
				}
			}
		}
	}
	f.Partitions = 1 << r.Literal(2)
	f.Quantizers = Quantizers{
		Base: r.Literal(7),
		Y1DC: r.OptionalSigned(4),
		Y2DC: r.OptionalSigned(4),
		Y2AC: r.OptionalSigned(4),
		UVDC: r.OptionalSigned(4),
		UVAC: r.OptionalSigned(4),
	}
	if f.Key {
		f.RefreshGolden, f.RefreshAltRef = true, true
		f.RefreshProbs = r.Flag()
		f.RefreshLast = true
	} else {
		f.RefreshGolden = r.Flag()
		f.RefreshAltRef = r.Flag()
		if !f.RefreshGolden {
			f.CopyToGolden = Copy(r.Literal(2))
		}
		if !f.RefreshAltRef {
			f.CopyToAltRef = Copy(r.Literal(2))
		}
		f.SignBias[Golden] = r.Flag()
		f.SignBias[AltRef] = r.Flag()
		f.RefreshProbs = r.Flag()
		f.RefreshLast = r.Flag()
	}
	probs := &f.Context.Probs
	for i := range probs.Coeff {
		for j := range probs.Coeff[i] {
			for k := range probs.Coeff[i][j] {
				for l := range probs.Coeff[i][j][k] {
					if r.Bool(entropy.CoeffUpdate[i][j][k][l]) {
						probs.Coeff[i][j][k][l] = uint8(r.Literal(8))
					}
				}
			}
		}
	}
	f.UseSkip = r.Flag()
	if f.UseSkip {
		f.ProbSkip = uint8(r.Literal(8))
	}
	if f.Key {
		return
	}
	f.ProbIntra = uint8(r.Literal(8))
	f.ProbLast = uint8(r.Literal(8))
	f.ProbGolden = uint8(r.Literal(8))
	if r.Flag() {
		for i := range probs.YMode {
			probs.YMode[i] = uint8(r.Literal(8))
		}
	}
	if r.Flag() {
		for i := range probs.UVMode {
			probs.UVMode[i] = uint8(r.Literal(8))
		}
	}
	for i := range probs.MV {
		for j := range probs.MV[i] {
			if r.Bool(entropy.MVUpdate[i][j]) {
				probs.MV[i][j] = max(uint8(r.Literal(7))<<1, 1)
			}
		}
	}
}

func (f *Frame) readSegmentation(r *boolcoder.Reader) {
	f.UpdateMap = r.Flag()
	f.UpdateSegment = r.Flag()
	if f.UpdateSegment {
		f.Context.Segments.Absolute = r.Flag()
		for i := range f.Context.Segments.Quantizer {
			f.Context.Segments.Quantizer[i] = int8(r.OptionalSigned(7))
		}
		for i := range f.Context.Segments.Filter {
			f.Context.Segments.Filter[i] = int8(r.OptionalSigned(6))
		}
	}
	f.SegmentProbs = [3]uint8{255, 255, 255}
	if f.UpdateMap {
		for i := range f.SegmentProbs {
			if r.Flag() {
				f.SegmentProbs[i] = uint8(r.Literal(8))
			}
		}
	}
}

// splitTokens cuts what follows the first partition: three bytes of size for each token partition but the last, which takes
// the rest, and then the partitions (section 9.5).
func splitTokens(data []byte, n int) ([][]byte, error) {
	sizes := data
	if len(data) < 3*(n-1) {
		return nil, ErrTruncated
	}
	data = data[3*(n-1):]
	tokens := make([][]byte, n)
	for i := range n - 1 {
		size := int(sizes[3*i]) | int(sizes[3*i+1])<<8 | int(sizes[3*i+2])<<16
		if size > len(data) {
			return nil, ErrTruncated
		}
		tokens[i], data = data[:size], data[size:]
	}
	tokens[n-1] = data
	return tokens, nil
}
