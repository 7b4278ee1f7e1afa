// Package motion searches the reference pictures for where a block came from.
package motion

import (
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/predict"
)

// Block is a block of the source picture and where it is looked for.
type Block struct {
	Src    []byte // from its first pixel on
	Stride int
	X, Y   int // of its first pixel, in the picture
	W, H   int
	Ref    *picture.Plane
	Filter *predict.Filter

	Predicted mode.MV     // vectors are coded as differences to it
	Cost      *mode.Costs // what such a difference costs
	Lambda    int         // what a bit is worth, in units of SAD, times 16
}

// Result is a vector, how far the source is from there, and that with the vector's cost added.
type Result struct {
	MV         mode.MV
	Distortion int // SAD after Integer, the chosen metric after Refine
	WithMVCost int
	sides      [4]int // the SADs one pixel beside, in the order of diamond, for Guess; all 0: not known
}

// costShift: Lambda is in 1/16, costs are in 1/256.
const costShift = 4 + 8

func (b *Block) mvCost(v mode.MV) int { return b.Lambda * b.Cost.MV(v.Sub(b.Predicted)) >> costShift }

// Positions that a search may take keep the block and the reach of the interpolation within the border.
func (b *Block) inside(x, y int) bool {
	const margin = picture.Border - 4
	return x >= -margin && y >= -margin && x+b.W <= b.Ref.Width+margin && y+b.H <= b.Ref.Height+margin
}

// try measures a whole-pixel vector, given in pixels, and keeps it if it is better.
func (b *Block) try(best *Result, dx, dy int) bool {
	x, y := b.X+dx, b.Y+dy
	if !b.inside(x, y) {
		return false
	}
	v := mode.MV{X: int16(dx * 4), Y: int16(dy * 4)}
	cost := b.mvCost(v)
	if cost >= best.WithMVCost {
		return false
	}
	sad := distortion.SAD(b.Src, b.Stride, b.Ref.Pix[b.Ref.At(x, y):], b.Ref.Stride, b.W, b.H, best.WithMVCost-cost)
	if sad+cost >= best.WithMVCost {
		return false
	}
	*best = Result{MV: v, Distortion: sad, WithMVCost: sad + cost}
	return true
}

// tryRing tries four vectors around a centre, and tells whether one was better, and their SADs unless one is at the picture's edge.
func (b *Block) tryRing(best *Result, cx, cy, step int, ring *[4][2]int) (sads [4]int, better bool) {
	if !b.inside(b.X+cx-step, b.Y+cy-step) || !b.inside(b.X+cx+step, b.Y+cy+step) {
		for _, d := range ring {
			better = b.try(best, cx+d[0]*step, cy+d[1]*step) || better
		}
		return sads, better
	}
	var at [4]int
	for i, d := range ring {
		at[i] = b.Ref.At(b.X+cx+d[0]*step, b.Y+cy+d[1]*step)
	}
	distortion.SADs(&sads, b.Src, b.Stride, b.Ref.Pix, &at, b.Ref.Stride, b.W, b.H)
	for i, d := range ring {
		if sads[i] >= best.WithMVCost {
			continue
		}
		v := mode.MV{X: int16((cx + d[0]*step) * 4), Y: int16((cy + d[1]*step) * 4)}
		if cost := sads[i] + b.mvCost(v); cost < best.WithMVCost {
			*best, better = Result{MV: v, Distortion: sads[i], WithMVCost: cost}, true
		}
	}
	return sads, better
}

// Integer searches whole-pixel vectors: first the candidates, then around the best of them in ever smaller steps, from step
// pixels (a power of two) down. Vectors beside the best are tried diagonally too, unless the step was 1 to begin with.
func (b *Block) Integer(candidates []mode.MV, step int) Result {
	best := Result{WithMVCost: 1 << 40}
	b.try(&best, 0, 0)
	var before [2]int // the last one tried: neighbours mostly moved alike
	for _, c := range candidates {
		if at := [2]int{(int(c.X) + 2) >> 2, (int(c.Y) + 2) >> 2}; at != before && at != [2]int{} {
			b.try(&best, at[0], at[1])
			before = at
		}
	}
	diagonals := step > 1
	for ; step > 0; step >>= 1 {
		// At each step size the centre follows the best neighbour as long as there is one.
		for range maxMoves {
			cx, cy := int(best.MV.X>>2), int(best.MV.Y>>2)
			sads, better := b.tryRing(&best, cx, cy, step, &diamond)
			if !better {
				best.sides = sads
				break
			}
		}
	}
	if diagonals {
		cx, cy := int(best.MV.X>>2), int(best.MV.Y>>2)
		b.tryRing(&best, cx, cy, 1, &corners)
	}
	return best
}

// Column goes on from what Integer found: it tries every whole-pixel vector straight up and down, up to reach pixels far. Steps from pixel
// to pixel do not lead there in a text, where each line fits others a little.
func (b *Block) Column(from Result, reach int) Result {
	for dy := -reach; dy <= reach; dy++ {
		b.try(&from, 0, dy)
	}
	return from
}

// Guess gives, for what Integer found, where the best vector is likely to be, up to half a pixel beside. In each direction, the SAD is
// taken to fall and to rise in two straight lines, as steep as it is on the steeper side.
func (r *Result) Guess() mode.MV {
	if r.sides == [4]int{} {
		return r.MV
	}
	lowest := func(before, after int) int16 {
		slope := max(before, after) - r.Distortion // a pixel
		if slope <= 0 {
			return 0
		}
		// Half of (before-after)/slope pixels away, rounded to quarters.
		return int16(min(max((4*(before-after)+5*slope)/(2*slope)-2, -2), 2))
	}
	return r.MV.Add(mode.MV{X: lowest(r.sides[1], r.sides[2]), Y: lowest(r.sides[0], r.sides[3])})
}

// maxMoves bounds how far the centre moves at one step size.
const maxMoves = 16

var (
	diamond = [4][2]int{{0, -1}, {-1, 0}, {1, 0}, {0, 1}}
	corners = [4][2]int{{-1, -1}, {1, -1}, {-1, 1}, {1, 1}}
)

// Metric is how Refine compares.
type Metric func(a []byte, aStride int, b []byte, bStride, w, h int) int

// Scratch takes four predictions of up to 16x16 pixels, 16 a row.
type Scratch [4 * 256]byte

// Refine improves a whole-pixel vector by half and then by quarter pixels. It measures all vectors anew, by their SATD.
func (b *Block) Refine(from mode.MV, diagonals bool, scratch *Scratch) Result {
	measure := func(v mode.MV) Result {
		d := b.Distortion(v, distortion.SATD, (*[256]byte)(scratch[:]))
		return Result{MV: v, Distortion: d, WithMVCost: d + b.mvCost(v)}
	}
	best := measure(from)
	for step := int16(2); step > 0; step >>= 1 {
		centre := best.MV
		var satds, sides [4]int
		b.sides(&satds, centre, step, scratch)
		for i, d := range diamond {
			v := centre.Add(mode.MV{X: int16(d[0]) * step, Y: int16(d[1]) * step})
			sides[i] = satds[i] + b.mvCost(v)
			if sides[i] < best.WithMVCost {
				best = Result{MV: v, Distortion: satds[i], WithMVCost: sides[i]}
			}
		}
		if diagonals {
			// Only the diagonal between the better sides can be worth a look.
			d := mode.MV{X: step, Y: step}
			if sides[0] < sides[3] {
				d.Y = -step
			}
			if sides[1] < sides[2] {
				d.X = -step
			}
			if r := measure(centre.Add(d)); r.WithMVCost < best.WithMVCost {
				best = r
			}
		}
	}
	return best
}

// sides measures the four vectors around a centre, in the order of diamond.
func (b *Block) sides(satds *[4]int, centre mode.MV, step int16, scratch *Scratch) {
	if b.W != 16 || b.H != 16 {
		for i, d := range diamond {
			v := centre.Add(mode.MV{X: int16(d[0]) * step, Y: int16(d[1]) * step})
			satds[i] = b.Distortion(v, distortion.SATD, (*[256]byte)(scratch[:]))
		}
		return
	}
	if step == 2 {
		b.Filter.HalfPixels((*[4 * 256]byte)(scratch), b.Ref, b.X+int(centre.X)>>2, b.Y+int(centre.Y)>>2)
	} else {
		for i, d := range diamond {
			x, y := int(centre.X)+d[0]*int(step), int(centre.Y)+d[1]*int(step)
			b.Filter.Inter(scratch[i*256:], 16, b.Ref, b.X*8+x*2, b.Y*8+y*2, 16, 16)
		}
	}
	distortion.SATDs16(satds, b.Src, b.Stride, scratch[:], &[4]int{0, 256, 512, 768}, 16)
}

// Whole tells whether a vector points at whole pixels that are all there, and where the first of them is in the reference.
func (b *Block) Whole(v mode.MV) (at int, ok bool) {
	x, y := b.X+int(v.X)>>2, b.Y+int(v.Y)>>2
	if (v.X|v.Y)&3 != 0 || !b.inside(x, y) {
		return 0, false
	}
	return b.Ref.At(x, y), true
}

// Distortion measures one vector, which may point anywhere.
func (b *Block) Distortion(v mode.MV, metric Metric, scratch *[256]byte) int {
	if at, ok := b.Whole(v); ok {
		return metric(b.Src, b.Stride, b.Ref.Pix[at:], b.Ref.Stride, b.W, b.H)
	}
	b.Filter.Inter(scratch[:], 16, b.Ref, b.X*8+int(v.X)*2, b.Y*8+int(v.Y)*2, b.W, b.H)
	return metric(b.Src, b.Stride, scratch[:], 16, b.W, b.H)
}
