package vp8

import (
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/rdo"
)

// goldenInterval is after how many frames GOLDEN is refreshed; what it held moves on to ALTREF. The two then show the scene as
// it was, on average, one and two intervals ago: what was covered since can be predicted from them.
const goldenInterval = 12

// effort is what an effort does.
type effort struct {
	rdo        rdo.Speed
	filterRows int  // every how many rows of macroblocks are filtered in the search for the loop filter
	filterStep int  // the level's first step in that search
	sharpness  bool // its sharpness is searched too
	stillAsIs  bool // what stays where it is is not filtered
}

// How the loop filter's level differs by reference and mode: more where the error is new, less where it was filtered before. The
// values are those that libvpx uses, and 1 % of the bits better than none; to leave out what does not move costs 5 % instead.
var (
	usualDeltas = header.Deltas{
		Ref:  [header.NumRefs]int8{header.Intra: 2, header.Golden: -2, header.AltRef: -2},
		Mode: [4]int8{4, -2, 2, 4},
	}
	stillDeltas = header.Deltas{
		Ref:  usualDeltas.Ref,
		Mode: [4]int8{4, -63, 2, 4},
	}
)

var efforts = [MaxEffort + 1]effort{
	0: {
		rdo: rdo.Speed{
			Quick: 36, Step: 1, Guess: true, KeyBModes: 1, IntraModes: 1, EarlySkip: true,
		},
		filterRows: 16,
		filterStep: 1,
		stillAsIs:  true,
	},
	1: {
		rdo: rdo.Speed{
			Quick: 28, Step: 2, Guess: true, KeyBModes: 2, IntraModes: 1, EarlySkip: true,
		},
		filterRows: 16,
		filterStep: 1,
	},
	2: {
		rdo: rdo.Speed{
			Refs: 1, Step: 8, Subpel: true, Candidates: 1,
			KeyBModes: 2, IntraGate: 8, IntraModes: 1, EarlySkip: true,
		},
		filterRows: 16,
		filterStep: 1,
	},
	3: {
		rdo: rdo.Speed{
			Refs: 1, Step: 8, Subpel: true, Diagonals: true, Candidates: 1,
			KeyBModes: 2, IntraGate: 10, IntraModes: 1, EarlySkip: true,
		},
		filterRows: 8,
		filterStep: 2,
	},
	4: {
		rdo: rdo.Speed{
			Refs: 1, Step: 8, Subpel: true, Candidates: 1,
			KeyBModes: 2, IntraGate: 10, IntraModes: 1, BModes: 1, EarlySkip: true,
		},
		filterRows: 8,
		filterStep: 2,
	},
	5: {
		rdo: rdo.Speed{
			Refs: 1, Step: 8, Subpel: true, Diagonals: true, Candidates: 1,
			KeyBModes: 3, IntraGate: 10, IntraModes: 1, BModes: 1, EarlySkip: true,
		},
		filterRows: 8,
		filterStep: 2,
	},
	6: {
		rdo: rdo.Speed{
			Refs: 2, Step: 8, Subpel: true, Diagonals: true, Candidates: 2,
			KeyBModes: 3, IntraGate: 11, IntraModes: 1, BModes: 2, EarlySkip: true,
		},
		filterRows: 8,
		filterStep: 2,
	},
	7: {
		rdo: rdo.Speed{
			Refs: 2, Step: 8, Subpel: true, Diagonals: true, Candidates: 2, Splits: 1, SplitGate: 48,
			KeyBModes: 3, IntraGate: 12, IntraModes: 1, BModes: 2, EarlySkip: true,
		},
		filterRows: 8,
		filterStep: 2,
	},
	8: {
		rdo: rdo.Speed{
			Refs: 2, Step: 8, Subpel: true, Diagonals: true, Candidates: 3, Splits: 1, SplitGate: 32,
			KeyBModes: 5, IntraGate: 16, IntraModes: 1, BModes: 3, Trellis: true, EarlySkip: true,
		},
		filterRows: 4,
		filterStep: 2,
	},
	9: {
		rdo: rdo.Speed{
			Refs: 3, Step: 8, Subpel: true, Diagonals: true, Candidates: 3, Splits: 2, SplitGate: 16,
			KeyBModes: 5, IntraGate: 20, IntraModes: 2, BModes: 3, Trellis: true, EarlySkip: true,
		},
		filterRows: 4,
		filterStep: 2,
		sharpness:  true,
	},
	10: {
		rdo: rdo.Speed{
			Refs: 3, Step: 16, Subpel: true, Diagonals: true, Candidates: 6, Splits: 2, SplitGate: 4,
			KeyBModes: 10, IntraGate: 64, IntraModes: 3, BModes: 5, Trellis: true,
		},
		filterRows: 1,
		filterStep: 2,
		sharpness:  true,
	},
}

func (e *encoder) effort() *effort { return &efforts[e.level] }

// Probabilities of a frame's own symbols, for the costs before any frame has been counted.
const (
	firstProbSkip   = 128
	firstProbIntra  = 16
	firstProbLast   = 230
	firstProbGolden = 128
)

// plan does step 2.
func (e *encoder) plan(quantizer int) {
	s := e.state
	key := !s.HasPicture() || e.options.KeyFrame
	f := header.Frame{
		Key:          key,
		Show:         true,
		Partitions:   max(e.options.TokenPartitions, 1),
		Quantizers:   header.Quantizers{Base: quantizer},
		RefreshLast:  true,
		RefreshProbs: true,
		UseSkip:      true,
		ProbSkip:     orDefault(s.memory.ProbSkip, firstProbSkip),
		Context:      *s.context,
	}
	e.rdo.Refs = [header.NumRefs]*picture.Picture{}
	if key {
		f.Width, f.Height = s.width, s.height
		f.RefreshGolden, f.RefreshAltRef = true, true
		f.Context = header.Context{Probs: entropy.Default}
	} else {
		f.ProbIntra = orDefault(s.memory.ProbIntra, firstProbIntra)
		f.ProbLast = orDefault(s.memory.ProbLast, firstProbLast)
		f.ProbGolden = orDefault(s.memory.ProbGolden, firstProbGolden)
		if s.memory.GoldenAge >= goldenInterval {
			f.RefreshGolden = true
			f.CopyToAltRef = header.CopyOther
		}
		for i := header.Last; i < header.NumRefs; i++ {
			ref := s.refs[i]
			if ref != e.rdo.Refs[header.Last] && ref != e.rdo.Refs[header.Golden] {
				e.rdo.Refs[i] = ref
			}
		}
	}
	e.header = f
	e.planSegments()
}

// planFilter has the loop filter's level differ by reference and mode, once the effort is known that the macroblocks took.
func (e *encoder) planFilter() {
	deltas := &usualDeltas
	if e.effort().stillAsIs {
		deltas = &stillDeltas
	}
	f := &e.header
	f.UseDeltas, f.UpdateDeltas = true, f.Key || e.state.context.Deltas != *deltas
	f.Context.Deltas = *deltas
}

// orDefault gives a probability of the frame before, if there was one.
func orDefault(p, first uint8) uint8 {
	if p == 0 {
		return first
	}
	return p
}
