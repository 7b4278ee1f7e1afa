package vp8

import (
	"fmt"
	"math/bits"
	"slices"

	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/rdo"
)

// How the candidates of a picture are made to fit their byte budgets:
//
//  1. All are coded side by side: the first with the quantizer of the last frame, the others with coarser or finer ones, by how
//     their budgets compare with the first one's.
//  2. The bytes of each are counted. One that fits and leaves no more than a tenth of its budget is good.
//  3. For each of the others the quantizer is chosen at which it should take most of its budget. The logarithm of the size is
//     taken to be linear in that of the step, with the usual slope at first and then with that between attempts; where this does not
//     help, the middle of what is left is taken.
//  4. Near the quantizer that the modes were chosen for, only levels are chosen anew (rdo/levels.go). Further away modes are too;
//     vectors are not searched again. Then on with step 2, until all are good or nothing is left to try.
//
// From one quantizer index to the next, the size changes by 2 % (coarse) to 25 % (fine). So there are positions between them: at
// these, one, two or three of the four segments have the coarser one, the busiest ones first. The flattest segment may have most of the
// bits; so, with fine quantizers, the segment whose turn is next may have a part of its macroblocks coded with fewer bits.

const (
	// A frame that uses goodPercent of its budget is good enough; others aim at aimPercent.
	goodPercent = 90
	aimPercent  = 95
	// maxAttempts bounds the work; two or three are usual. After maxEstimates without success, as at a scene cut, the coarsest quantizer is
	// taken for the other end of the interpolation.
	maxAttempts  = 9
	maxEstimates = 3
	// maxFrameBytes is more than any frame takes; larger budgets are cut to it, for the arithmetic.
	maxFrameBytes = 1 << 30
	// firstQuantizer is for the first frame of all.
	firstQuantizer = 48
	// filterBytes is what the choice of the loop filter may take from a frame whose bytes were counted before it. It has as many bits
	// whatever it is; only how they are rounded to bytes may change.
	filterBytes = 2
)

// Positions are quantizer indices and what is between them.
const (
	perSegment  = 8 // none to seven eighths of the next segment's macroblocks are thrifty
	perIndex    = 4 * perSegment
	maxPosition = quant.MaxIndex * perIndex
	// thriftBelow is the quantizer index from which on a segment is a small enough step as a whole: the size changes by 8 % an index.
	thriftBelow = 40
)

// logScale is an octave in logarithms (fineLog2).
const logScale = 1 << 12

// logSteps are the logarithms of the AC step by position.
var logSteps = func() (t [maxPosition + 1]int) {
	step := func(index int) int { return fineLog2(int(quant.At(index, &header.Quantizers{}).Y1[1])) }
	for i := range t {
		here, next := step(i/perIndex), step(min(i/perIndex+1, quant.MaxIndex))
		t[i] = here + (next-here)*(i%perIndex)/perIndex
	}
	return t
}()

// Slopes: how the logarithm of the size falls as that of the step grows, in 1/slopeScale. On the clips they are from 1 to 6: steepest
// where noise vanishes.
const (
	slopeScale = 16
	usualSlope = 40
	leastSlope = 16
	mostSlope  = 96
	// leastRun is how far apart the steps of two attempts must be for a slope, in logarithms.
	leastRun = logScale / 16
)

// modesReach is how far the step may be from the one that the modes were chosen for, in logarithms: half an octave.
const modesReach = logScale / 2

// attempt is an encoded frame.
type attempt struct {
	frame    []byte
	header   header.Frame
	picture  *picture.Picture
	segments *segmentMap
	stats    Stats
}

// drop lets go of an attempt that is not wanted.
func (a *attempt) drop() {
	a.picture.Drop()
	a.segments.drop()
}

// point is what an attempt showed: the bytes of a frame at a position.
type point struct{ position, bytes int }

// search is a candidate's way to its budget.
type search struct {
	*encoder
	budget     int     // bytes
	position   int     // of the next attempt
	modesFor   int     // the position that the modes were chosen for
	fits, over point   // the finest that is known to fit, and the coarsest that is known not to
	points     []point // all attempts so far
}

// fitTogether does the steps 2 to 7 of encoding for encoders of one picture that have byte budgets.
func fitTogether(all []*encoder, goroutines int) {
	var todo []*search
	for _, e := range all {
		todo = append(todo, newSearch(e, all[0]))
	}
	for len(todo) > 0 {
		code(todo, goroutines)
		inParallel(len(todo), goroutines, func(i int) { todo[i].judge() })
		todo = slices.DeleteFunc(todo, (*search).ended)
	}
	deliver(all, goroutines)
}

// newSearch begins with a position for step 1.
func newSearch(e, first *encoder) *search {
	s := &search{
		encoder:  e,
		budget:   min(e.options.FrameBytes, maxFrameBytes),
		position: firstQuantizer * perIndex,
		fits:     point{position: maxPosition + 1},
		over:     point{position: -1},
	}
	if e.state.HasPicture() {
		s.position = int(e.state.memory.Quantizer) * perIndex
	}
	if e != first {
		e.leader = first // until its own activity is measured
		aim := fineLog2(min(first.options.FrameBytes, maxFrameBytes)) - fineLog2(s.budget)
		s.position = positionOf(logSteps[s.position] + aim*slopeScale/usualSlope)
	}
	return s
}

// code does the steps 1 and 4.
func code(todo []*search, goroutines int) {
	var anew []*encoder
	var near []*search
	for _, s := range todo {
		if s.keepsModes() {
			near = append(near, s)
			continue
		}
		if s.position == maxPosition {
			s.rdo.ForgetVectors() // those that finer attempts found are worth their bits there, not here
		}
		s.modesFor = s.position
		s.startAt(s.position)
		anew = append(anew, s.encoder)
	}
	if len(anew) > 0 {
		codeMacroblocks(anew, goroutines)
	}
	inParallel(len(near), goroutines, func(i int) { near[i].codeLevels() })
}

// keepsModes tells whether only levels are to be chosen. Of a frame that may turn out to be impossible, everything is.
func (s *search) keepsModes() bool {
	return len(s.points) > 0 && s.position < maxPosition && abs(logSteps[s.position]-logSteps[s.modesFor]) <= modesReach
}

// startAt is start for a position.
func (e *encoder) startAt(position int) {
	e.start(position / perIndex)
	e.leader = e // what is known of the source needs not be measured again
	f := &e.header
	coarser := position % perIndex / perSegment
	if coarser == 0 || !f.Segmentation {
		return
	}
	indices := &f.Context.Segments.Quantizer
	for i := len(indices) - coarser; i < len(indices); i++ {
		if quant.SegmentIndex(f, i) < quant.MaxIndex {
			indices[i]++
			e.rdo.Plan[i] = rdo.NewPlan(quant.SegmentIndex(f, i), &f.Quantizers)
		}
	}
	f.UpdateSegment = true
}

// codeLevels codes all macroblocks with the modes that they have.
func (s *search) codeLevels() {
	level := s.level
	s.startAt(s.position)
	s.level = level // the modes are of that effort
	w := rowWorkers.Get().(*rowWorker)
	defer rowWorkers.Put(w)
	thrift := rdo.Thrift{Segment: len(s.rdo.Plan) - 1 - s.position%perIndex/perSegment}
	if s.position < thriftBelow*perIndex {
		thrift.Eighths = s.position % perSegment
	}
	s.planFilter()
	w.coder.Levels(rdo.Task{Frame: &s.rdo, Speed: &s.effort().rdo}, thrift)
}

// judge does step 2 and, if there is to be another attempt, step 3.
func (s *search) judge() {
	a, bytes, err := s.complete()
	here := point{s.position, bytes}
	s.points = append(s.points, here)
	if bytes <= s.budget {
		s.fits = here
		if s.result != nil {
			s.result.drop()
		}
		s.result = a
	} else {
		s.over = here
		if a != nil {
			a.drop()
		}
	}
	switch {
	case !s.ended():
		s.position = s.next()
	case s.result != nil:
	case err != nil:
		s.err = err
	default:
		s.err = fmt.Errorf("%w of %d bytes, even with quantizer %d; allow more, or a smaller picture", ErrBudget, s.budget, quant.MaxIndex)
	}
}

// complete gives the frame of the macroblocks that were coded, and its bytes; of a frame that is surely too large only these. One
// that is too large even for the format has an error.
func (s *search) complete() (a *attempt, bytes int, err error) {
	s.chooseProbabilities()
	frame, err := s.write()
	if err != nil {
		s.rdo.Recon.Drop()
		return nil, maxFrameBytes, err
	}
	if len(frame) > s.budget+filterBytes {
		s.rdo.Recon.Drop()
		return nil, len(frame), nil
	}
	s.chooseFilter()
	if a, err = s.attempt(); err != nil {
		return nil, maxFrameBytes, err
	}
	return a, len(a.frame), nil
}

// ended tells whether there is to be no other attempt.
func (s *search) ended() bool {
	return s.fits.bytes*100 >= s.budget*goodPercent || s.fits.position-s.over.position <= 1 || len(s.points) >= maxAttempts
}

// next does step 3: it gives the position, between those that are known to fit and not to, at which the frame should use its budget.
func (s *search) next() int {
	switch {
	case s.result != nil:
	case len(s.points) >= maxEstimates:
		return maxPosition
	case s.over.bytes == maxFrameBytes:
		return (s.over.position + maxPosition + 1) / 2
	}
	aim := fineLog2(max(s.budget*aimPercent/100, 1))
	finest, coarsest := s.over.position+1, s.fits.position-1
	if s.result == nil || s.over.position < 0 {
		return min(max(s.secant(aim), finest), coarsest)
	}
	n := len(s.points)
	if (s.points[n-1].bytes <= s.budget) == (s.points[n-2].bytes <= s.budget) {
		return (finest + coarsest) / 2 // neither line finds it
	}
	if position := s.secant(aim); position >= finest && position <= coarsest {
		return position
	}
	return min(max(line(s.over, s.fits, aim), finest), coarsest)
}

// secant gives the position for an aim (in fineLog2) on the line through the two attempts that came nearest; of the usual slope where
// there is only one, or the two are near each other.
func (s *search) secant(aim int) int {
	distance := func(p point) int { return abs(fineLog2(p.bytes) - aim) }
	near, other := s.points[0], s.points[0]
	for i, p := range s.points[1:] {
		if distance(p) <= distance(near) {
			near, other = p, near
		} else if i == 0 || distance(p) < distance(other) {
			other = p
		}
	}
	if abs(logSteps[near.position]-logSteps[other.position]) < leastRun {
		return positionOf(logSteps[near.position] + (fineLog2(near.bytes)-aim)*slopeScale/usualSlope)
	}
	return line(near, other, aim)
}

// line gives the position for an aim on the line through two points.
func line(a, b point, aim int) int {
	run := logSteps[b.position] - logSteps[a.position]
	if run == 0 {
		return a.position
	}
	slope := min(max((fineLog2(a.bytes)-fineLog2(b.bytes))*slopeScale/run, leastSlope), mostSlope)
	return positionOf(logSteps[a.position] + (fineLog2(a.bytes)-aim)*slopeScale/slope)
}

// positionOf is the finest position whose step has at least that logarithm.
func positionOf(logStep int) int {
	position, _ := slices.BinarySearch(logSteps[:], logStep)
	return min(position, maxPosition)
}

// fineLog2 is the binary logarithm of a number above 0, in 1/logScale.
func fineLog2(v int) int {
	exponent := bits.Len(uint(v)) - 1
	m := uint64(v) << (63 - exponent) // from 1 to 2, with 63 bits behind the point
	log := exponent
	for bit := 1; bit < logScale; bit <<= 1 {
		m, _ = bits.Mul64(m, m) // from 1 to 4, with 62
		log <<= 1
		if m>>63 != 0 {
			log++
		} else {
			m <<= 1
		}
	}
	return log
}
