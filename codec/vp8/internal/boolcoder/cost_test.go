package boolcoder

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

const bit = 1 << CostShift

func TestCosts(t *testing.T) {
	for p := 1; p < 256; p++ {
		zero, one := -math.Log2(float64(p)/256), -math.Log2(1-float64(p)/256)
		if got := Cost(false, uint8(p)); math.Abs(float64(got)-zero*bit) > 0.5 || got != Cost0(uint8(p)) {
			t.Errorf("false at %d costs %d, want %f", p, got, zero*bit)
		}
		if got := Cost(true, uint8(p)); math.Abs(float64(got)-one*bit) > 0.5 || got != Cost1(uint8(p)) {
			t.Errorf("true at %d costs %d, want %f", p, got, one*bit)
		}
	}
	if got, want := CountCost(3, 2, 100), 3*Cost0(100)+2*Cost1(100); got != want {
		t.Errorf("CountCost %d, want %d", got, want)
	}
}

// TestCostIsWhatTheWriterSpends writes many leaves, each as often as its probability has it, and compares the bytes with the
// sum of their costs.
func TestCostIsWhatTheWriterSpends(t *testing.T) {
	paths := Paths(exampleTree, 6)
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		probs := make([]uint8, 5)
		for i := range probs {
			probs[i] = uint8(1 + rng.IntN(255))
		}
		var w Writer
		w.Reset(nil)
		cost := 0
		for range 20000 {
			// A walk down the tree by chance.
			leaf := 0
			for i := 0; ; {
				b := 0
				if rng.IntN(256) >= int(probs[i>>1]) {
					b = 1
				}
				if i = int(exampleTree[i+b]); i <= 0 {
					leaf = -i
					break
				}
			}
			cost += PathCost(&paths[leaf], probs)
			w.Path(&paths[leaf], probs)
		}
		spent := 8*len(w.Finish()) - 32 // without what Finish adds
		if want := float64(cost) / bit; math.Abs(float64(spent)-want) > 0.015*want+16 {
			t.Errorf("probabilities %v: %d bits were spent, the costs say %.0f", probs, spent, want)
		}
	}
}

// TestBestProbability: no other probability is cheaper, but for rounding.
func TestBestProbability(t *testing.T) {
	if p := BestProbability(0, 0); p != 128 {
		t.Errorf("of no bools: %d, want 128", p)
	}
	rapid.Check(t, func(t *rapid.T) {
		n0 := rapid.IntRange(0, 1<<rapid.IntRange(0, 22).Draw(t, "size of n0")).Draw(t, "n0")
		n1 := rapid.IntRange(0, 1<<rapid.IntRange(0, 22).Draw(t, "size of n1")).Draw(t, "n1")
		best := BestProbability(n0, n1)
		if best == 0 {
			t.Fatal("probability 0")
		}
		exact := func(p int) float64 {
			return -float64(n0)*math.Log2(float64(p)/256) - float64(n1)*math.Log2(1-float64(p)/256)
		}
		for p := 1; p < 256; p++ {
			if exact(p) < exact(int(best))*(1-1e-3)-1 {
				t.Fatalf("%d falses and %d trues: %d takes %.1f bits, %d takes %.1f", n0, n1, best, exact(int(best)), p, exact(p))
			}
		}
	})
}
