package token_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/token"
)

// macroblock is one with its coefficients, or one that says it has none.
type macroblock struct {
	skip, hasY2 bool
	coeffs      token.Coeffs
	ends        token.Ends
}

// randomMacroblock makes anything from a single small coefficient to 400 large ones.
func randomMacroblock(rng *rand.Rand) *macroblock {
	m := &macroblock{skip: rng.IntN(8) == 0, hasY2: rng.IntN(2) == 0}
	if m.skip {
		return m
	}
	dense, large := rng.IntN(12), rng.IntN(12) // in twelfths
	for b := range token.NumBlocks {
		if b == token.Y2 && !m.hasY2 {
			continue
		}
		block := m.coeffs.Block(b)
		for i := range block {
			switch {
			case b < token.FirstU && m.hasY2 && i == 0: // is in Y2
			case rng.IntN(12) >= dense:
			case rng.IntN(12) >= large:
				block[i] = int16(rng.IntN(5) - 2)
			default:
				block[i] = int16(rng.IntN(2*token.MaxMagnitude+1) - token.MaxMagnitude)
			}
		}
		m.ends[b] = token.End(block)
	}
	return m
}

// randomProbs makes probabilities within bounds.
func randomProbs(rng *rand.Rand, lo, hi int) *entropy.CoeffProbs {
	probs := new(entropy.CoeffProbs)
	for i := range probs {
		for j := range probs[i] {
			for k := range probs[i][j] {
				for l := range probs[i][j][k] {
					probs[i][j][k][l] = uint8(lo + rng.IntN(hi-lo+1))
				}
			}
		}
	}
	return probs
}

// columns is how many macroblocks a row has in these tests.
const columns = 3

// inOrder calls f for each macroblock of a picture with the contexts above and to the left of it, which f updates.
func inOrder(macroblocks []*macroblock, f func(m *macroblock, above, left *token.Context)) {
	var above [columns]token.Context
	var left token.Context
	for i, m := range macroblocks {
		if i%columns == 0 {
			left = token.Context{}
		}
		f(m, &above[i%columns], &left)
	}
}

func writeAll(macroblocks []*macroblock, probs *entropy.CoeffProbs) []byte {
	var w boolcoder.Writer
	w.Reset(nil)
	streamOf(macroblocks).Write(&w, tableOf(probs))
	return w.Finish()
}

func countAll(macroblocks []*macroblock) *token.Counts {
	counts := new(token.Counts)
	streamOf(macroblocks).Count(counts)
	return counts
}

func streamOf(macroblocks []*macroblock) *token.Stream {
	s := new(token.Stream)
	addAll(s, macroblocks)
	return s
}

func addAll(s *token.Stream, macroblocks []*macroblock) {
	inOrder(macroblocks, func(m *macroblock, above, left *token.Context) {
		if m.skip {
			token.Skip(above, left, m.hasY2)
		} else {
			s.Add(above, left, m.hasY2, &m.coeffs, &m.ends)
		}
	})
}

// costAll is what the tokens cost.
func costAll(macroblocks []*macroblock, probs *entropy.CoeffProbs) (total int) {
	var costs token.Costs
	costs.Set(probs)
	inOrder(macroblocks, func(m *macroblock, above, left *token.Context) {
		if m.skip {
			token.Skip(above, left, m.hasY2)
			return
		}
		total += costs.Luma(above, left, m.hasY2, &m.coeffs, &m.ends) + costs.Chroma(above, left, &m.coeffs, &m.ends)
	})
	return total
}

func TestEnd(t *testing.T) {
	if end := token.End(new([16]int16)); end != 0 {
		t.Errorf("the end of no coefficients is %d", end)
	}
	for n, k := range token.ZigZag {
		var c [16]int16
		c[0], c[k] = 7, -1
		if end := token.End(&c); int(end) != n+1 {
			t.Errorf("the last coefficient at %d gives the end %d", n, end)
		}
	}
}

// TestReadUndoesWrite writes macroblocks and reads them back, with the same contexts on both sides all the way.
func TestReadUndoesWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var macroblocks []*macroblock
		for range rapid.IntRange(1, 3*columns).Draw(t, "macroblocks") {
			macroblocks = append(macroblocks, randomMacroblock(rng))
		}
		probs := randomProbs(rng, 1, 255)
		var s token.Stream
		type contexts struct{ above, left token.Context }
		var after []contexts
		inOrder(macroblocks, func(m *macroblock, above, left *token.Context) {
			if m.skip {
				token.Skip(above, left, m.hasY2)
			} else {
				s.Add(above, left, m.hasY2, &m.coeffs, &m.ends)
			}
			after = append(after, contexts{*above, *left})
		})
		var w boolcoder.Writer
		w.Reset(nil)
		s.Write(&w, tableOf(probs))
		r := boolcoder.NewReader(w.Finish())
		i := 0
		inOrder(macroblocks, func(m *macroblock, above, left *token.Context) {
			if m.skip {
				token.Skip(above, left, m.hasY2)
			} else {
				var got token.Coeffs
				var ends token.Ends
				any := token.Read(&r, probs, above, left, m.hasY2, &got, &ends)
				if got != m.coeffs || ends != m.ends || any != (m.ends != token.Ends{}) {
					t.Fatalf("macroblock %d comes back as %v with ends %v (any: %v), was %v with %v", i, got, ends, any, m.coeffs, m.ends)
				}
			}
			if (contexts{*above, *left}) != after[i] {
				t.Fatalf("macroblock %d leaves other contexts with the reader", i)
			}
			i++
		})
		if r.Overrun() != 0 {
			t.Fatal("more was read than written")
		}
	})
}

// TestCostsAreWhatIsWritten: the costs that the encoder decides by are the bits that it then spends.
func TestCostsAreWhatIsWritten(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var macroblocks []*macroblock
		for range 30 * columns {
			macroblocks = append(macroblocks, randomMacroblock(rng))
		}
		probs := randomProbs(rng, 40, 216)
		// The coder cuts its range into whole parts, which moves probabilities a little, small ones the most.
		written := float64(len(writeAll(macroblocks, probs))*8 - 16) // without what Finish adds
		cost := float64(costAll(macroblocks, probs)) / (1 << boolcoder.CostShift)
		if math.Abs(cost-written) > 0.02*written {
			t.Errorf("seed %d: the costs say %.0f bits, %.0f were written", seed, cost, written)
		}
	}
}

// TestCountsAreWhatIsWritten: what changes in the cost when the probabilities do is what the counts say, to the last 1/256 bit.
func TestCountsAreWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		var macroblocks []*macroblock
		for range 2 * columns {
			macroblocks = append(macroblocks, randomMacroblock(rng))
		}
		counts := countAll(macroblocks)
		counted := func(probs *entropy.CoeffProbs) (total int) {
			for i := range probs {
				for j := range probs[i] {
					for k := range probs[i][j] {
						for l, p := range probs[i][j][k] {
							falses, trues := counts.Of(i, j, k, l)
							total += boolcoder.CountCost(falses, trues, p)
						}
					}
				}
			}
			return total
		}
		a, b := randomProbs(rng, 1, 255), randomProbs(rng, 1, 255)
		// Signs and extra bits, whose probabilities are fixed, cancel out.
		want := costAll(macroblocks, a) - costAll(macroblocks, b)
		if got := counted(a) - counted(b); got != want {
			t.Fatalf("by the counts the cost changes by %d, by the tokens by %d", got, want)
		}
	})
}

func tableOf(probs *entropy.CoeffProbs) *boolcoder.Table {
	t := new(boolcoder.Table)
	token.SetTable(t, probs)
	return t
}

// TestStreamKeepsItsMemory: what has been large enough for a picture is not allocated again.
func TestStreamKeepsItsMemory(t *testing.T) {
	table := tableOf(&entropy.DefaultCoeff)
	rng := rand.New(rand.NewPCG(5, 5))
	var macroblocks []*macroblock
	for range 10 * columns {
		macroblocks = append(macroblocks, randomMacroblock(rng))
	}
	s := streamOf(macroblocks)
	var first, again boolcoder.Writer
	first.Reset(nil)
	s.Write(&first, table)
	buf := make([]byte, 0, 2*first.Len())
	allocs := testing.AllocsPerRun(3, func() {
		s.Reset()
		addAll(s, macroblocks)
		again.Reset(buf)
		s.Write(&again, table)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if !bytes.Equal(first.Finish(), again.Finish()) {
		t.Error("behind Reset the same tokens become other bytes")
	}
}

// TestBestProbabilitiesAreCheapest: the probabilities that the counts suggest make the partition shorter than any others.
func TestBestProbabilitiesAreCheapest(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var macroblocks []*macroblock
		for range 10 * columns {
			macroblocks = append(macroblocks, randomMacroblock(rng))
		}
		counts := countAll(macroblocks)
		best := new(entropy.CoeffProbs)
		for i := range best {
			for j := range best[i] {
				for k := range best[i][j] {
					for l := range best[i][j][k] {
						best[i][j][k][l] = boolcoder.BestProbability(counts.Of(i, j, k, l))
					}
				}
			}
		}
		least := len(writeAll(macroblocks, best))
		for _, other := range []*entropy.CoeffProbs{&entropy.DefaultCoeff, randomProbs(rng, 1, 255), randomProbs(rng, 100, 156)} {
			if n := len(writeAll(macroblocks, other)); n < least {
				t.Errorf("seed %d: %d bytes, with the best probabilities %d", seed, n, least)
			}
		}
	}
}
