package mode

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// Costs are what the modes of a frame cost with its probabilities, in 1/256 bit.
type Costs struct {
	Skip   [2]int              // that a macroblock has coefficients, that it has none
	Ref    [header.NumRefs]int // that it is predicted from there
	YMode  [entropy.BPred + 1]int
	UVMode [entropy.NumUVModes]int
	BMode  [entropy.NumBModes]int // on interframes; see BlockModes
	mv     [2][2*entropy.MVMax + 1]int32
	split  [entropy.NumSplits]int
}

// keyBMode are the costs of block modes on key frames, by the modes above and to the left.
var keyBMode = func() (c [entropy.NumBModes][entropy.NumBModes][entropy.NumBModes]int) {
	for above := range c {
		for left := range c[above] {
			for m := range c[above][left] {
				c[above][left][m] = boolcoder.PathCost(&entropy.BModePaths[m], entropy.KeyBMode[above][left][:])
			}
		}
	}
	return c
}()

// Set works out the costs for a frame's probabilities.
func (c *Costs) Set(f *header.Frame) {
	probs := &f.Context.Probs
	c.Skip = [2]int{boolcoder.Cost0(f.ProbSkip), boolcoder.Cost1(f.ProbSkip)}
	if f.Key {
		c.Ref = [header.NumRefs]int{}
		for m := range c.YMode {
			c.YMode[m] = boolcoder.PathCost(&entropy.KeyYModePaths[m], entropy.KeyYMode[:])
		}
		for m := range c.UVMode {
			c.UVMode[m] = boolcoder.PathCost(&entropy.UVModePaths[m], entropy.KeyUVMode[:])
		}
		return
	}
	inter := boolcoder.Cost1(f.ProbIntra)
	notLast := inter + boolcoder.Cost1(f.ProbLast)
	c.Ref = [header.NumRefs]int{
		header.Intra:  boolcoder.Cost0(f.ProbIntra),
		header.Last:   inter + boolcoder.Cost0(f.ProbLast),
		header.Golden: notLast + boolcoder.Cost0(f.ProbGolden),
		header.AltRef: notLast + boolcoder.Cost1(f.ProbGolden),
	}
	for m := range c.YMode {
		c.YMode[m] = boolcoder.PathCost(&entropy.YModePaths[m], probs.YMode[:])
	}
	for m := range c.UVMode {
		c.UVMode[m] = boolcoder.PathCost(&entropy.UVModePaths[m], probs.UVMode[:])
	}
	for m := range c.BMode {
		c.BMode[m] = boolcoder.PathCost(&entropy.BModePaths[m], entropy.BMode[:])
	}
	for s := range c.split {
		c.split[s] = boolcoder.PathCost(&entropy.SplitPaths[s], entropy.Split[:])
	}
	for i := range c.mv {
		setMV(&c.mv[i], &probs.MV[i])
	}
}

// setMV works out the costs of one component of the vectors' differences, from -entropy.MVMax on (section 17.2).
func setMV(costs *[2*entropy.MVMax + 1]int32, p *[entropy.NumMVProbs]uint8) {
	cost := func(i, bit int) int32 { return int32(boolcoder.Cost(bit&1 != 0, p[i])) }
	// Of a long magnitude, the bits 0 to 3, and those above. Bit 3 is not said where no higher one is set.
	const lowBits = 4
	var low [1 << lowBits]int32
	for v := range low {
		for i := range lowBits {
			low[v] += cost(entropy.MVLong+i, v>>i)
		}
	}
	var high [1 << (entropy.MVLongBits - lowBits)]int32
	for v := range high {
		for i := lowBits; i < entropy.MVLongBits; i++ {
			high[v] += cost(entropy.MVLong+i, v>>(i-lowBits))
		}
	}
	plus, minus := cost(entropy.MVSign, 0), cost(entropy.MVSign, 1)
	set := func(v int, c int32) { costs[entropy.MVMax+v], costs[entropy.MVMax-v] = c+plus, c+minus }
	for v := range entropy.ShortMVPaths {
		set(v, cost(entropy.MVIsLong, 0)+int32(boolcoder.PathCost(&entropy.ShortMVPaths[v], p[entropy.MVShort:])))
	}
	costs[entropy.MVMax] -= minus // 0 has no sign
	long := cost(entropy.MVIsLong, 1)
	for v := len(entropy.ShortMVPaths); v < len(low); v++ {
		set(v, long+low[v]+high[0]-cost(entropy.MVLong+3, 1))
	}
	for h := 1; h < len(high); h++ {
		v, rest := h<<lowBits, long+high[h]
		up, down := costs[entropy.MVMax+v:][:len(low)], costs[entropy.MVMax-v-(len(low)-1):][:len(low)]
		for l, c := range &low {
			up[l], down[len(low)-1-l] = c+rest+plus, c+rest+minus
		}
	}
}

// BlockModes are the costs of the modes for block b of the macroblock a.Here, whose earlier blocks have their modes.
func (c *Costs) BlockModes(key bool, a *Around, b int) *[entropy.NumBModes]int {
	if !key {
		return &c.BMode
	}
	left, above := a.keyBModeContext(b)
	return &keyBMode[above][left]
}

// Inter is the cost of an inter mode without its vectors.
func (n *Near) Inter(yMode uint8) int {
	return boolcoder.PathCost(&refPaths[yMode-entropy.NearestMV], n.probs[:])
}

// MV is the cost of a vector's difference to the predicted one; one that cannot be coded costs very much.
func (c *Costs) MV(d MV) int {
	x, y := int(d.X)+entropy.MVMax, int(d.Y)+entropy.MVMax
	if uint(x) > 2*entropy.MVMax || uint(y) > 2*entropy.MVMax {
		return unreachable
	}
	return int(c.mv[0][y] + c.mv[1][x])
}

// unreachable is more than any macroblock costs: a million bits.
const unreachable = 1 << 28

// Split is the cost of a split shape.
func (c *Costs) Split(shape int) int { return c.split[shape] }

// SubMV is the cost of the vector of block b, the first of its part in the macroblock a.Here, whose earlier parts are filled in.
func (c *Costs) SubMV(a *Around, b int, mv, best MV) int {
	left, above := a.SubMVContext(b)
	ref := subMVRefOf(mv, left, above)
	cost := boolcoder.PathCost(&entropy.SubMVRefPaths[ref], subMVProbs(left, above)[:])
	if ref == entropy.New4x4 {
		cost += c.MV(mv.Sub(best))
	}
	return cost
}
