package vp8

import (
	"errors"
	"fmt"

	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/rdo"
)

// How a picture is made to fit a byte budget:
//
//  1. A first attempt is made with the quantizer of the last frame.
//  2. How large the frame would be with any other quantizer is estimated: from the transform coefficients that the attempt left,
//     requantized in a sample of the macroblocks, and scaled to what they did take. Between an attempt that fits and one that
//     does not, the logarithm of the size is taken to be linear in the quantizer index.
//  3. The next attempt is with the finest quantizer that should fit. Vectors are not searched again.
//  4. It ends when the frame fits and uses most of the budget, or when the next finer quantizer is known not to fit.

const (
	// goodShare of the budget, in 1/16: a frame that uses it is good enough. A step of the quantizer index changes the size by
	// 3 % (coarse) to 15 % (fine).
	goodShare = 14
	// maxAttempts bounds the work; two or three are usual. After maxEstimates without success, as at a scene cut, the coarsest
	// quantizer is taken for the other end of the interpolation.
	maxAttempts  = 9
	maxEstimates = 3
	// maxFrameBytes is more than any frame takes; larger budgets are cut to it, for the arithmetic.
	maxFrameBytes = 1 << 30
	// firstQuantizer is for the first frame of all.
	firstQuantizer = 48
	// sampleEvery: one macroblock in so many stands for all in an estimate. A prime, so as not to fall into step with columns.
	sampleEvery = 5
)

// attempt is an encoded frame.
type attempt struct {
	frame    []byte
	header   header.Frame
	picture  *picture.Picture
	segments []uint8
	stats    Stats
}

// fit encodes with the finest quantizer that makes a frame of at most budget bytes, as near as the attempts get.
func (e *encoder) fit(budget int) (*attempt, error) {
	budget = min(budget, maxFrameBytes)
	e.rdo.KeepCoeffs = true
	defer func() { e.rdo.KeepCoeffs = false }()
	fits := point{index: quant.MaxIndex + 1} // the finest that is known to fit
	over := point{index: -1}                 // the coarsest that is known not to
	var best *attempt
	q := firstQuantizer
	if e.state.HasPicture() {
		q = int(e.state.memory.Quantizer)
	}
	for n := 1; ; n++ {
		if q == quant.MaxIndex {
			e.rdo.ForgetVectors() // those that finer attempts found are worth their bits there, not here
		}
		a, err := e.encode(q)
		if errors.Is(err, ErrSize) && q < quant.MaxIndex {
			over = point{q, maxFrameBytes} // too large for the format, even
			q = (q + quant.MaxIndex + 1) / 2
			continue
		}
		if err != nil {
			return nil, err
		}
		if size := len(a.frame); size <= budget {
			fits = point{q, size}
			if best != nil {
				best.picture.Drop()
			}
			best = a
			if size*16 >= budget*goodShare {
				break
			}
		} else {
			over = point{q, size}
			a.picture.Drop()
		}
		if fits.index-over.index <= 1 || n >= maxAttempts {
			break
		}
		switch {
		case best != nil && over.index >= 0:
			q = between(over, fits, budget)
		case best == nil && n >= maxEstimates:
			q = quant.MaxIndex
		default:
			q = e.estimateQuantizer(a, budget, over.index+1, fits.index-1)
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w of %d bytes, even with quantizer %d; allow more, or a smaller picture", ErrBudget, budget, quant.MaxIndex)
	}
	return best, nil
}

// point is what an attempt showed: the bytes of a frame with a quantizer index.
type point struct{ index, bytes int }

// between gives the quantizer index strictly between two, at which the frame should just fit.
func between(over, fits point, budget int) int {
	// The logarithm's scale does not matter.
	high, low, aim := log2(over.bytes<<16), log2(fits.bytes<<16), log2(budget<<16)-1
	q := over.index + ((fits.index-over.index)*(high-aim)+(high-low)-1)/max(high-low, 1)
	return min(max(q, over.index+1), fits.index-1)
}

// estimateQuantizer does step 2 after the attempt a: the finest quantizer index from lo to hi whose frame should fit.
func (e *encoder) estimateQuantizer(a *attempt, budget, lo, hi int) int {
	tokens := 0
	for _, n := range a.stats.TokenBytes {
		tokens += n
	}
	// In logarithms, the tokens may change by this much. A frame without any room for tokens is aimed at 1/16 of it.
	room := max(budget-(len(a.frame)-tokens), budget/16, 1)
	change := log2(room<<16) - log2(max(tokens, 1)<<16)
	done := e.logTokens(a.header.Quantizers.Base)
	for lo < hi {
		q := (lo + hi) / 2
		if (e.logTokens(q)-done)*trellisSlope/4 <= change {
			hi = q
		} else {
			lo = q + 1
		}
	}
	return lo
}

// trellisSlope, in 1/4: how much faster than the estimate the size really changes with the quantizer, in logarithms, since the
// trellis and the mode decisions, which the estimate does without, drop more of the small levels the coarser it is. Measured on
// the clips: 1.6 to 2.1.
const trellisSlope = 7

// logTokens is the logarithm of what the residues of the last attempt would take with a quantizer index, but for a constant.
func (e *encoder) logTokens(quantizer int) int {
	f := e.header
	f.Quantizers.Base = quantizer
	var plans [4]rdo.Plan
	for i := range plans {
		plans[i] = rdo.NewPlan(quant.SegmentIndex(&f, i), &f.Quantizers)
	}
	return log2(e.rdo.EstimateTokens(&plans, sampleEvery) + 1)
}
