package boolcoder

import "math"

// CostShift: costs are counted in 1/256 bit.
const CostShift = 8

// costs[p] is the cost of a false at probability p, in 1/256 bit. The probability 0 never occurs in what we write.
var costs = func() (t [257]uint16) {
	for p := 1; p <= 256; p++ {
		t[p] = uint16(math.Round(-math.Log2(float64(p)/256) * (1 << CostShift)))
	}
	t[0] = t[1]
	return t
}()

// Cost0 is the cost of coding false with probability p, in 1/256 bit.
func Cost0(p uint8) int { return int(costs[p]) }

// Cost1 is the cost of coding true with probability p, in 1/256 bit.
func Cost1(p uint8) int { return int(costs[256-int(p)]) }

// Cost is the cost of coding b with probability p, in 1/256 bit.
func Cost(b bool, p uint8) int {
	if b {
		return Cost1(p)
	}
	return Cost0(p)
}

// PathCost is the cost of coding a path with the tree's probabilities, in 1/256 bit.
func PathCost(p *Path, probs []uint8) int {
	c := 0
	for i := range int(p.Len) {
		c += Cost(p.Bits>>(uint(p.Len)-1-uint(i))&1 != 0, probs[p.Node[i]])
	}
	return c
}

// CountCost is the cost of n0 falses and n1 trues with probability p, in 1/256 bit.
func CountCost(n0, n1 int, p uint8) int { return n0*Cost0(p) + n1*Cost1(p) }

// BestProbability is the probability, 1 to 255, that codes n0 falses and n1 trues in the fewest bits.
func BestProbability(n0, n1 int) uint8 {
	n := n0 + n1
	if n == 0 {
		return 128
	}
	p := (n0*256 + n/2) / n
	return uint8(min(max(p, 1), 255))
}
