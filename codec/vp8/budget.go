package vp8

import (
	"fmt"

	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/rdo"
)

// How a picture is made to fit a byte budget:
//
//  1. A first attempt is made with the quantizer of the last frame.
//  2. What its residues would take with every other quantizer is estimated from the transform coefficients that the attempt
//     left, requantized in a sample of the macroblocks, and scaled to what they did take.
//  3. The next attempt is with the finest quantizer that should fit, between those known to fit and not to fit. Vectors are not
//     searched again.
//  4. It ends when the frame fits and uses most of the budget, or when the next finer quantizer is known not to fit.

const (
	// goodShare of the budget, in 1/16: a frame that uses it is good enough. The next finer quantizer usually adds 2 to 4 %.
	goodShare = 15
	// maxAttempts bounds the work. Two or three are usual; one more than that tells how far off the estimate is.
	maxAttempts = 6
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
	e.rdo.KeepCoeffs = true
	defer func() { e.rdo.KeepCoeffs = false }()
	fits, tooFine := quant.MaxIndex+1, -1 // the finest that is known to fit and the coarsest that is known not to
	var best *attempt
	q := firstQuantizer
	if e.state.HasPicture() {
		q = int(e.state.memory.Quantizer)
	}
	for n := 1; ; n++ {
		a, err := e.encode(q)
		if err != nil {
			return nil, err
		}
		if len(a.frame) <= budget {
			fits = q
			if best != nil {
				best.picture.Drop()
			}
			best = a
			if len(a.frame)*16 >= budget*goodShare {
				break
			}
		} else {
			tooFine = q
			a.picture.Drop()
		}
		if fits-tooFine <= 1 || n >= maxAttempts && best != nil {
			break
		}
		q = e.estimateQuantizer(a, budget, tooFine+1, fits-1)
		if n >= maxAttempts-1 && best == nil {
			q = quant.MaxIndex // the last chance
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w of %d bytes, even with quantizer %d; allow more, or a smaller picture", ErrBudget, budget, quant.MaxIndex)
	}
	return best, nil
}

// estimateQuantizer does step 2 after the attempt a: the finest quantizer index from lo to hi whose frame should fit.
func (e *encoder) estimateQuantizer(a *attempt, budget, lo, hi int) int {
	tokens := 0
	for _, n := range a.stats.TokenBytes {
		tokens += n
	}
	rest := len(a.frame) - tokens
	done := max(e.estimateTokens(a.header.Quantizers.Base), 1)
	for lo < hi {
		q := (lo + hi) / 2
		if rest+tokens*e.estimateTokens(q)/done <= budget {
			hi = q
		} else {
			lo = q + 1
		}
	}
	return lo
}

// estimateTokens is in proportion to what the residues of the last attempt would take with a quantizer index.
func (e *encoder) estimateTokens(quantizer int) int {
	f := e.header
	f.Quantizers.Base = quantizer
	var plans [4]rdo.Plan
	for i := range plans {
		plans[i] = rdo.NewPlan(quant.SegmentIndex(&f, i), &f.Quantizers)
	}
	return e.rdo.EstimateTokens(&plans, sampleEvery)
}
