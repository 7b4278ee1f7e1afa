package rdo

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
)

// Speeds of the tests: everything that there is, and as little as possible.
var (
	thorough = Speed{Refs: 3, Step: 16, Subpel: true, Diagonals: true, Candidates: 6, Splits: 2, IntraModes: 4, BModes: 10, KeyBModes: 10, Trellis: true}
	middling = Speed{Refs: 2, Step: 8, Subpel: true, Diagonals: true, Candidates: 2, Splits: 1, IntraModes: 1, BModes: 2, KeyBModes: 3, Trellis: true, EarlySkip: true}
	hasty    = Speed{Refs: 1, Step: 4, Candidates: 1, IntraModes: 1, KeyBModes: 1, EarlySkip: true}
	quick    = Speed{Refs: 1, Step: 1, Guess: true, KeyBModes: 1, IntraModes: 1, Quick: 30, EarlySkip: true}
)

// Size of the pictures, in macroblocks.
const cols, rows = 7, 5

var pool = picture.NewPool(cols*16, rows*16)

// texture makes a picture of waves with noise on it.
func texture(seed uint64, noise float64) *picture.Picture {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := pool.Get()
	for _, pl := range []*picture.Plane{&p.Y, &p.U, &p.V} {
		a, b, c := rng.Float64()*6, rng.Float64()*6, rng.Float64()*6
		scale := float64(pl.Width) / (cols * 16)
		for y := range pl.Height {
			for x := range pl.Width {
				x, y := float64(x)/scale, float64(y)/scale
				v := 128 + 40*math.Sin(x/6+a) + 40*math.Sin(y/7+b) + 20*math.Sin((x-2*y)/9+c) + noise*rng.NormFloat64()
				pl.Pix[pl.At(int(x*scale), int(y*scale))] = byte(min(max(v, 0), 255))
			}
		}
	}
	p.ExtendBorder()
	return p
}

// moved is the picture that ref predicts exactly, with the vector v everywhere.
func moved(ref *picture.Picture, v mode.MV) *picture.Picture {
	p := pool.Get()
	for row := range rows {
		for col := range cols {
			filter.Inter(p.Y.Pix[p.Y.At(col*16, row*16):], p.Y.Stride, &ref.Y, col*128+int(v.X)*2, row*128+int(v.Y)*2, 16, 16)
			filter.Inter(p.U.Pix[p.U.At(col*8, row*8):], p.U.Stride, &ref.U, col*64+int(v.X), row*64+int(v.Y), 8, 8)
			filter.Inter(p.V.Pix[p.V.At(col*8, row*8):], p.V.Stride, &ref.V, col*64+int(v.X), row*64+int(v.Y), 8, 8)
		}
	}
	p.ExtendBorder()
	return p
}

// newFrame prepares a frame: a key frame if there are no references, LAST first.
func newFrame(src *picture.Picture, quantizer int, refs ...*picture.Picture) *Frame {
	h := &header.Frame{
		Key: len(refs) == 0, UseSkip: true, ProbSkip: 128, ProbIntra: 60, ProbLast: 150, ProbGolden: 128,
		Quantizers: header.Quantizers{Base: quantizer}, Context: header.Context{Probs: entropy.Default},
	}
	f := &Frame{Header: h, Source: src, Costs: new(Costs), Recon: pool.Get()}
	copy(f.Refs[header.Last:], refs)
	f.Costs.Set(h)
	for i := range f.Plan {
		f.Plan[i] = NewPlan(quantizer, &h.Quantizers)
	}
	f.Reset(cols, rows)
	for row := range rows {
		for col := range cols {
			f.Modes.At(col, row).Segment = 0
		}
	}
	return f
}

func nothing(int) {}

// code codes all macroblocks with so much work, and calls each, if it is given, after every one.
func code(f *Frame, speed *Speed, each func(c *coder, col, row int)) {
	f.Start()
	var c Coder
	for row := range rows {
		c.Row([]Task{{f, speed}}, row, nothing, func(n int) {
			if each != nil {
				each(c.coders[0], n-1, row)
			}
		})
	}
}

// sse is the squared error of a macroblock: of luma, and of all.
func sse(f *Frame, col, row int) (luma, all int) {
	plane := func(a, b *picture.Plane, size int) int {
		return distortion.SSE(a.Pix[a.At(col*size, row*size):], a.Stride, b.Pix[b.At(col*size, row*size):], b.Stride, size, size)
	}
	s, r := f.Source, f.Recon
	luma = plane(&s.Y, &r.Y, 16)
	return luma, luma + plane(&s.U, &r.U, 8) + plane(&s.V, &r.V, 8)
}

// TestMovedPicture: where a reference shows the same elsewhere, its vector is found, and nothing else is coded.
func TestMovedPicture(t *testing.T) {
	for _, v := range []mode.MV{{}, {X: 4}, {Y: -12}, {X: 9, Y: 6}, {X: -27, Y: -14}, {X: 3, Y: -1}} {
		for _, ref := range []uint8{header.Last, header.Golden, header.AltRef} {
			t.Run(fmt.Sprintf("%v,reference=%d", v, ref), func(t *testing.T) {
				refs := []*picture.Picture{texture(1, 20), texture(2, 20), texture(3, 20)}
				f := newFrame(moved(refs[ref-1], v), 20, refs...)
				right := 0
				code(f, &thorough, func(_ *coder, col, row int) {
					m := f.Modes.At(col, row)
					if luma, _ := sse(f, col, row); m.Ref == ref && m.MV == v && m.Skip && luma == 0 {
						right++
					}
				})
				if right < cols*rows*9/10 {
					t.Errorf("only %d of %d macroblocks are predicted as they could be", right, cols*rows)
				}
			})
		}
	}
}

// TestErrorGrows: the squared error of the reconstruction grows with the quantizer.
func TestErrorGrows(t *testing.T) {
	src, ref := texture(4, 10), texture(5, 10)
	for _, refs := range [][]*picture.Picture{nil, {ref}} {
		for _, speed := range []Speed{thorough, middling, hasty, quick} {
			before := int64(0)
			for _, q := range []int{0, 20, 50, 90, 127} {
				f := newFrame(src, q, refs...)
				code(f, &speed, nil)
				total := int64(0)
				for row := range rows {
					for col := range cols {
						luma, _ := sse(f, col, row)
						total += int64(luma)
					}
				}
				if total < before {
					t.Errorf("quantizer %d: an error of %d, less than the %d of a finer one", q, total, before)
				}
				before = total
			}
		}
	}
}

// TestScores: the score that decides is the squared error of the reconstruction and the bits that are written, weighed.
func TestScores(t *testing.T) {
	ref := texture(6, 4)
	near := moved(ref, mode.MV{X: 5, Y: -3})
	src := texture(7, 4)
	for _, pl := range [][2]*picture.Plane{{&src.Y, &near.Y}, {&src.U, &near.U}, {&src.V, &near.V}} {
		copy(pl[0].Pix[:len(pl[0].Pix)/2], pl[1].Pix) // the upper half is predictable
	}
	for _, refs := range [][]*picture.Picture{nil, {ref}} {
		for _, speed := range []Speed{thorough, middling} {
			for _, q := range []int{4, 30, 70, 120} {
				t.Run(fmt.Sprintf("references=%d,splits=%d,quantizer=%d", len(refs), speed.Splits, q), func(t *testing.T) {
					f := newFrame(src, q, refs...)
					modeRate := 0
					var scored, weighed [2]int // of macroblocks without and with a Y2 block
					above := make([]token.Context, cols)
					var left token.Context
					code(f, &speed, func(c *coder, col, row int) {
						if col == 0 {
							left = token.Context{}
						}
						m := f.Modes.At(col, row)
						rate := c.best.rate
						if m.Skip {
							rate += f.Costs.Modes.Skip[1]
							token.Skip(&above[col], &left, m.HasY2())
						} else {
							rate += f.Costs.Modes.Skip[0]
						}
						modeRate += rate
						if !m.Skip {
							rate += tokenRate(f.Costs, c.best, &above[col], &left)
						}
						_, all := sse(f, col, row)
						kind := 0
						if m.HasY2() {
							kind = 1
						}
						scored[kind] += c.best.score
						weighed[kind] += all<<quant.DistortionShift + int(c.plan.Lambda)*rate
					})
					// BPred macroblocks get their final levels after they were scored, and squared errors are of coefficients, which are
					// rounded.
					for kind, want := range weighed {
						if off := math.Abs(float64(scored[kind]) - float64(want)); off > 0.06*float64(want) {
							t.Errorf("kind %d: the scores are %d, error and rate together %d", kind, scored[kind], want)
						}
					}
					written, said := float64(len(writtenModes(f))*8-16), float64(modeRate)/(1<<boolcoder.CostShift)
					if math.Abs(written-said) > 0.02*written+8 {
						t.Errorf("the rates of the modes are %.0f bits, %.0f were written", said, written)
					}
				})
			}
		}
	}
}

// tokenRate is what the tokens of a trial cost.
func tokenRate(c *Costs, t *trial, above, left *token.Context) (rate int) {
	block := func(b, kind, first int) {
		rate += c.Tokens.Block(kind, token.ContextOf(above, left, b), first, t.ends[b], t.levels.Block(b))
		token.SetContext(above, left, b, t.ends[b])
	}
	kind, first := lumaKind(t.HasY2())
	if t.HasY2() {
		block(token.Y2, entropy.BlockY2, 0)
	}
	for b := range token.FirstU {
		block(b, kind, first)
	}
	for b := token.FirstU; b < token.Y2; b++ {
		block(b, entropy.BlockChroma, 0)
	}
	return rate
}

// written is all that a decoder gets to see of the macroblocks, and what it makes of them.
func written(f *Frame) []byte {
	out := append(writtenModes(f), writtenTokens(f)...)
	for _, pl := range []*picture.Plane{&f.Recon.Y, &f.Recon.U, &f.Recon.V} {
		for y := range pl.Height {
			out = append(out, pl.Pix[pl.At(0, y):][:pl.Width]...)
		}
	}
	return out
}

func writtenModes(f *Frame) []byte {
	var w boolcoder.Writer
	w.Reset(nil)
	var table boolcoder.Table
	mode.SetTable(&table, f.Header)
	for i := range f.Symbols {
		f.Symbols[i].Modes.Write(&w, &table)
	}
	return w.Finish()
}

func writtenTokens(f *Frame) []byte {
	var w boolcoder.Writer
	w.Reset(nil)
	var table boolcoder.Table
	token.SetTable(&table, &f.Header.Context.Probs.Coeff)
	for i := range f.Symbols {
		f.Symbols[i].Tokens.Write(&w, &table)
	}
	return w.Finish()
}

// TestRowsInStep: a row needs no more of the row above than it waits for. Here no macroblock is coded before it must be, so that
// what is beyond still belongs to another picture.
func TestRowsInStep(t *testing.T) {
	ref, src, other := texture(8, 15), texture(9, 15), texture(10, 60)
	for _, refs := range [][]*picture.Picture{nil, {ref}} {
		for _, speed := range []Speed{thorough, middling, hasty, quick} {
			inOrder := newFrame(src, 30, refs...)
			code(inOrder, &speed, nil)
			f := newFrame(other, 80, refs...)
			code(f, &speed, nil)
			f.Source, f.Plan, f.Header = src, inOrder.Plan, inOrder.Header
			clear(f.Vectors)
			f.Start()
			done := make([]int, rows)
			advance := make([]func() (int, bool), rows)
			for row := range rows {
				next, stop := iter.Pull(func(yield func(int) bool) {
					wait := func(n int) {
						for row > 0 && done[row-1] < n {
							advance[row-1]()
						}
					}
					new(Coder).Row([]Task{{f, &speed}}, row, wait, func(n int) {
						done[row] = n
						yield(n)
					})
				})
				defer stop()
				advance[row] = next
			}
			for col := range cols {
				advance[rows-1]()
				if ahead := done[rows-2] - done[rows-1]; done[rows-1] != col+1 || ahead > 1 {
					t.Fatalf("macroblock %d of the last row: %d are done, and %d more in the row above", col, done[rows-1], ahead)
				}
			}
			if !bytes.Equal(written(f), written(inOrder)) {
				t.Errorf("%d references, %+v: coded in step, the frame is another", len(refs), speed)
			}
		}
	}
}

// TestSecondPass: a pass over the same picture with other quantizers keeps the vectors and nothing else. With the first
// quantizers again, the frame is the first again; and with kept vectors it is about as good as with its own.
func TestSecondPass(t *testing.T) {
	ref, src := texture(11, 10), texture(12, 10)
	total := func(f *Frame) (sum int) {
		for i := range cols * rows {
			_, all := sse(f, i%cols, i/cols)
			sum += all
		}
		return sum
	}
	for _, q := range []int{10, 90} {
		f, other := newFrame(src, q, ref), newFrame(src, 100-q, ref)
		code(f, &middling, nil)
		first := written(f)
		plan := f.Plan
		f.Plan = other.Plan
		code(f, &middling, nil)
		code(other, &middling, nil)
		if ratio := float64(total(f)) / float64(total(other)); ratio > 1.03 {
			t.Errorf("quantizer %d: with the vectors of a pass with %d the error is %.3f times what it is without", 100-q, q, ratio)
		}
		f.Plan = plan
		code(f, &middling, nil)
		if !bytes.Equal(written(f), first) {
			t.Errorf("quantizer %d: the third pass makes another frame than the first", q)
		}
	}
}

// TestSegments: each macroblock is coded with the plan of its segment, and keeps the segment.
func TestSegments(t *testing.T) {
	src, ref := texture(13, 20), texture(14, 20)
	for _, refs := range [][]*picture.Picture{nil, {ref}} {
		f := newFrame(src, 0, refs...)
		quantizers := [4]int{2, 40, 80, 127}
		for i, q := range quantizers {
			f.Plan[i] = NewPlan(q, &f.Header.Quantizers)
		}
		for row := range rows {
			for col := range cols {
				f.Modes.At(col, row).Segment = uint8((col + row) % 4)
			}
		}
		var total [4]int
		code(f, &middling, func(_ *coder, col, row int) {
			segment := f.Modes.At(col, row).Segment
			if int(segment) != (col+row)%4 {
				t.Errorf("macroblock %d,%d: segment %d", col, row, segment)
			}
			luma, _ := sse(f, col, row)
			total[segment] += luma
		})
		if !(total[0]*4 < total[1] && total[1]*2 < total[2] && total[2] < total[3]) {
			t.Errorf("squared errors %v with quantizers %v", total, quantizers)
		}
	}
}

// TestPlans: the coarser the quantizer, the more a bit is worth.
func TestPlans(t *testing.T) {
	before := NewPlan(0, &header.Quantizers{})
	for q := range quant.MaxIndex + 1 {
		p := NewPlan(q, &header.Quantizers{})
		if p.Lambda < max(before.Lambda, 1) || p.SADLambda < max(before.SADLambda, 1) {
			t.Errorf("quantizer %d: lambda %d and %d, before it %d and %d", q, p.Lambda, p.SADLambda, before.Lambda, before.SADLambda)
		}
		if want := quant.At(q, &header.Quantizers{}); p.Y1.Steps != want.Y1 || p.Y2.Steps != want.Y2 || p.UV.Steps != want.UV {
			t.Errorf("quantizer %d: other steps", q)
		}
		before = p
	}
}

func TestSqrt(t *testing.T) {
	for _, v := range []int{0, 1, 2, 3, 4, 15, 16, 17, 99, 100, 1<<20 - 1, 1 << 20, 1<<40 - 1, 1 << 40} {
		if r := sqrt(v); r*r > v || (r+1)*(r+1) <= v {
			t.Errorf("the root of %d is given as %d", v, r)
		}
	}
}
