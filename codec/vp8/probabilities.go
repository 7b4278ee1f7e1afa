package vp8

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/token"
)

// chooseProbabilities does step 5: it counts the frame's symbols and chooses the probabilities that code them, and their own
// updates, in the fewest bits.
func (e *encoder) chooseProbabilities() {
	tokens, modes := e.count()
	f, probs := &e.header, &e.header.Context.Probs
	for kind := range probs.Coeff {
		for band := range probs.Coeff[kind] {
			for ctx := range probs.Coeff[kind][band] {
				for i := range probs.Coeff[kind][band][ctx] {
					p := &probs.Coeff[kind][band][ctx][i]
					n0, n1 := tokens.Of(kind, band, ctx, i)
					*p = update(*p, n0, n1, entropy.CoeffUpdate[kind][band][ctx][i], 8, boolcoder.BestProbability)
				}
			}
		}
	}
	f.ProbSkip = best(modes.Skip())
	for i, n := range modes.Segment() {
		if f.SegmentProbs[i] = 255; n[1] > 0 {
			f.SegmentProbs[i] = best(n)
		}
	}
	if f.Key {
		return
	}
	f.ProbIntra = best(modes.Inter())
	f.ProbLast = best(modes.NotLast())
	f.ProbGolden = best(modes.AltRef())
	updateAll(probs.YMode[:], modes.YMode())
	updateAll(probs.UVMode[:], modes.UVMode())
	for i := range probs.MV {
		for j, n := range modes.MV(i) {
			p := &probs.MV[i][j]
			*p = update(*p, n[0], n[1], entropy.MVUpdate[i][j], 7, bestMVProb)
		}
	}
}

// best is the best probability for bools that came out false and true so often.
func best(n [2]int) uint8 { return boolcoder.BestProbability(n[0], n[1]) }

// bestMVProb is the best probability that a header can express for motion vectors.
func bestMVProb(n0, n1 int) uint8 { return header.MVProb(boolcoder.BestProbability(n0, n1)) }

// update gives the probability to use for n0 falses and n1 trues: old, or the best one if it saves more than sending its bits
// takes. notUpdated is the probability that a frame does not send it.
func update(old uint8, n0, n1 int, notUpdated uint8, bits int, best func(n0, n1 int) uint8) uint8 {
	if n0+n1 == 0 {
		return old
	}
	p := best(n0, n1)
	saved := boolcoder.CountCost(n0, n1, old) - boolcoder.CountCost(n0, n1, p)
	spent := bits<<boolcoder.CostShift + boolcoder.Cost1(notUpdated) - boolcoder.Cost0(notUpdated)
	if saved > spent {
		return p
	}
	return old
}

// updateAll does the same for probabilities that are sent all or none, at 8 bits each.
func updateAll(probs []uint8, counts [][2]int) {
	saved := 0
	for i, n := range counts {
		saved += boolcoder.CountCost(n[0], n[1], probs[i]) - boolcoder.CountCost(n[0], n[1], best(n))
	}
	if saved <= len(probs)*8<<boolcoder.CostShift {
		return
	}
	for i, n := range counts {
		probs[i] = best(n)
	}
}

// count counts the symbols.
func (e *encoder) count() (*token.Counts, *mode.Counts) {
	e.counts.tokens, e.counts.modes = token.Counts{}, mode.Counts{}
	for i := range e.rdo.Symbols {
		s := &e.rdo.Symbols[i]
		s.Tokens.Count(&e.counts.tokens)
		s.Modes.Count(&e.counts.modes)
	}
	return &e.counts.tokens, &e.counts.modes
}
