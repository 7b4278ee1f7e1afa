package motion_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/distortion"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/motion"
	"salsify/codec/vp8/internal/picture"
	"salsify/codec/vp8/internal/predict"
)

// size of the reference picture.
const width, height = 112, 96

// reference makes a picture of long waves, in which a search can see from afar where it goes down, and a little noise.
func reference(seed uint64) *picture.Picture {
	rng := rand.New(rand.NewPCG(seed, 1))
	phase := func() float64 { return rng.Float64() * 2 * math.Pi }
	a, b, c := phase(), phase(), phase()
	p := picture.NewPool(width, height).Get()
	for y := range height {
		for x := range width {
			x, y := float64(x), float64(y)
			waves := 45*math.Sin(x/6+a) + 45*math.Sin(y/6+b) + 20*math.Sin((x-2*y)/15+c)
			p.Y.Pix[p.Y.At(int(x), int(y))] = byte(126 + waves + 3*rng.Float64())
		}
	}
	p.ExtendBorder()
	return p
}

// costs are those of the format's first probabilities.
var costs = func() *mode.Costs {
	c := new(mode.Costs)
	c.Set(&header.Frame{ProbIntra: 1, ProbLast: 1, ProbGolden: 1, Context: header.Context{Probs: entropy.Default}})
	return c
}()

// blockFrom makes a block of the source picture at (x, y) that came from v away in the reference.
func blockFrom(ref *picture.Picture, x, y, w, h int, v mode.MV) *motion.Block {
	src := make([]byte, 16*16)
	predict.SixTap.Inter(src, 16, &ref.Y, x*8+int(v.X)*2, y*8+int(v.Y)*2, w, h)
	return &motion.Block{
		Src: src, Stride: 16, X: x, Y: y, W: w, H: h,
		Ref: &ref.Y, Filter: &predict.SixTap, Cost: costs, Lambda: 16,
	}
}

// places are in the middle, along each edge and in each corner.
var places = [][2]int{{48, 32}, {0, 32}, {96, 32}, {48, 0}, {48, 80}, {0, 0}, {96, 0}, {0, 80}, {96, 80}}

// directions, all eight of them.
var directions = [][2]int{{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}}

// asGood tells whether a search ended with no more than the vector that is known to be right costs: there the block is the same.
func asGood(b *motion.Block, r motion.Result, right mode.MV) bool {
	return r.WithMVCost <= b.Lambda*costs.MV(right.Sub(b.Predicted))>>12
}

// TestWholePixels: a block that moved by whole pixels is found, in any direction from anywhere, also if it came in over the edge
// of the picture: always if it moved by no more than a pixel, and with few exceptions if it moved further or if a candidate is
// near (the way down that a search takes may end elsewhere).
func TestWholePixels(t *testing.T) {
	searches, found, foundNear := 0, 0, 0
	for seed := range uint64(5) {
		ref := reference(seed)
		for _, place := range places {
			for _, d := range directions {
				for _, far := range []int{0, 1, 2, 3, 5, 8, 11} {
					v := mode.MV{X: int16(d[0] * far * 4), Y: int16(d[1] * far * 4)}
					b := blockFrom(ref, place[0], place[1], 16, 16, v)
					r := b.Integer(nil, 8)
					if r.MV.X%4 != 0 || r.MV.Y%4 != 0 {
						t.Fatalf("%v is not in whole pixels", r.MV)
					}
					if want := b.Distortion(r.MV, sad, new([256]byte)); r.Distortion != want {
						t.Errorf("at %v: %v with a distortion of %d, it is %d", place, r.MV, r.Distortion, want)
					}
					searches++
					if asGood(b, r, v) {
						found++
					} else if far <= 1 {
						t.Errorf("at %v: %v instead of %v", place, r.MV, v)
					}
					near := v.Add(mode.MV{X: int16(d[1] * 3), Y: int16(-d[0] * 5)})
					if r := b.Integer([]mode.MV{{X: 80, Y: 80}, near}, 2); asGood(b, r, v) {
						foundNear++
					}
				}
			}
		}
	}
	if found*100 < searches*90 || foundNear*100 < searches*97 {
		t.Errorf("of %d vectors %d were found, and %d from near by", searches, found, foundNear)
	}
}

func sad(a []byte, aStride int, b []byte, bStride, w, h int) int {
	return distortion.SAD(a, aStride, b, bStride, w, h, math.MaxInt)
}

// TestGuess: from SADs in whole pixels alone, most vectors are guessed to a quarter of a pixel in each direction, and what lies between
// is mostly better than what does not.
func TestGuess(t *testing.T) {
	guesses, near, better := 0, 0, 0
	for seed := range uint64(5) {
		ref := reference(seed)
		for _, place := range places[:1] { // at edges there is none
			for fraction := range int16(25) {
				v := mode.MV{X: 8 + fraction%5 - 2, Y: -4 + fraction/5 - 2}
				b := blockFrom(ref, place[0], place[1], 16, 16, v)
				r := b.Integer([]mode.MV{{X: 8, Y: -4}}, 1)
				guess := r.Guess()
				off := guess.Sub(v)
				if beside := guess.Sub(r.MV); max(beside.X, -beside.X, beside.Y, -beside.Y) > 2 {
					t.Errorf("%v is guessed as %v, from %v", v, guess, r.MV)
				}
				guesses++
				if max(off.X, -off.X, off.Y, -off.Y) <= 1 {
					near++
				}
				if b.Distortion(guess, distortion.SATD, new([256]byte)) <= b.Distortion(r.MV, distortion.SATD, new([256]byte)) {
					better++
				}
			}
		}
	}
	if near*100 < guesses*80 || better*100 < guesses*95 {
		t.Errorf("of %d vectors %d were guessed to a quarter, %d are better than in whole pixels", guesses, near, better)
	}
	// At the picture's edge not all SADs are known.
	const edge = 4 - picture.Border
	b := blockFrom(reference(9), edge, edge, 16, 16, mode.MV{X: 2, Y: 2})
	if r := b.Integer(nil, 1); r.MV != (mode.MV{}) || r.Guess() != r.MV {
		t.Errorf("at the edge %v is guessed from %v", r.Guess(), r.MV)
	}
}

// TestQuarterPixels: a block that moved by quarter pixels is found from the whole pixel next to it.
func TestQuarterPixels(t *testing.T) {
	for _, size := range [][2]int{{16, 16}, {16, 8}, {8, 16}, {8, 8}, {4, 4}} {
		for _, diagonals := range []bool{true, false} {
			searches, found := 0, 0
			for seed := range uint64(3) {
				ref := reference(seed)
				for _, place := range places {
					for _, d := range directions {
						for fraction := range int16(16) {
							whole := mode.MV{X: int16(d[0] * 12), Y: int16(d[1] * 12)}
							v := whole.Add(mode.MV{X: fraction%4 - 1, Y: fraction/4 - 1})
							b := blockFrom(ref, place[0], place[1], size[0], size[1], v)
							b.Predicted, b.Lambda = v, 1 // a flat place is the same in many directions
							r := b.Refine(whole, diagonals, new(motion.Scratch))
							if d := max(r.MV.X-whole.X, whole.X-r.MV.X, r.MV.Y-whole.Y, whole.Y-r.MV.Y); d > 3 {
								t.Errorf("%v is %d quarters from %v", r.MV, d, whole)
							}
							if want := b.Distortion(r.MV, distortion.SATD, new([256]byte)); r.Distortion != want {
								t.Errorf("at %v: %v with a distortion of %d, it is %d", place, r.MV, r.Distortion, want)
							}
							if start := b.Distortion(whole, distortion.SATD, new([256]byte)) + costs.MV(whole.Sub(v))>>12; r.WithMVCost > start {
								t.Errorf("at %v: %v, at %d, is worse than the start, at %d", place, r.MV, r.WithMVCost, start)
							}
							searches++
							if asGood(b, r, v) {
								found++
							}
						}
					}
				}
			}
			least := 60 // percent: without diagonals, half of the fractions are out of reach but for luck
			if diagonals {
				least = 90
			}
			if found*100 < searches*least {
				t.Errorf("%v, diagonals %v: %d of %d vectors were found", size, diagonals, found, searches)
			}
		}
	}
}

// TestLongVectors: a candidate far away is taken up, as far as the picture's border goes, and vectors beyond that are let be.
func TestLongVectors(t *testing.T) {
	ref := reference(9)
	const margin = picture.Border - 4
	for _, place := range places {
		for _, to := range [][2]int{{-margin, -margin}, {width + margin - 16, -margin}, {40, height + margin - 16}, {-20, 50}, {width + margin - 16, height + margin - 16}, {60, 20}} {
			v := mode.MV{X: int16(to[0]-place[0]) * 4, Y: int16(to[1]-place[1]) * 4}
			b := blockFrom(ref, place[0], place[1], 16, 16, v)
			b.Predicted = v
			if r := b.Integer([]mode.MV{v}, 4); !asGood(b, r, v) || r.Distortion != 0 {
				t.Errorf("at %v: %v instead of %v", place, r.MV, v)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.SampledFrom(places).Draw(t, "place")
		b := blockFrom(ref, place[0], place[1], 16, 16, mode.MV{})
		vector := rapid.Custom(func(t *rapid.T) mode.MV {
			return mode.MV{X: rapid.Int16().Draw(t, "x"), Y: rapid.Int16().Draw(t, "y")}
		})
		b.Predicted = vector.Draw(t, "predicted")
		r := b.Integer(rapid.SliceOfN(vector, 0, 6).Draw(t, "candidates"), 1<<rapid.IntRange(0, 5).Draw(t, "step"))
		x, y := place[0]+int(r.MV.X)/4, place[1]+int(r.MV.Y)/4
		if x < -margin || y < -margin || x+16 > width+margin || y+16 > height+margin {
			t.Fatalf("%v leads to %d,%d, outside the border", r.MV, x, y)
		}
		b.Refine(r.MV, true, new(motion.Scratch))
		b.Distortion(b.Predicted, distortion.SATD, new([256]byte)) // may point anywhere
	})
}

// TestCheapVectors: where all vectors are equally good, the one that costs nothing is taken.
func TestCheapVectors(t *testing.T) {
	ref := picture.NewPool(width, height).Get()
	for i := range ref.Y.Pix {
		ref.Y.Pix[i] = 99
	}
	for _, predicted := range []mode.MV{{}, {X: 20, Y: -12}, {X: -60, Y: 8}} {
		b := blockFrom(ref, 48, 32, 16, 16, mode.MV{})
		b.Predicted = predicted
		for _, candidates := range [][]mode.MV{nil, {predicted}, {{X: 4, Y: 4}, predicted, {X: -100}}} {
			r := b.Integer(candidates, 8)
			r = b.Refine(r.MV, true, new(motion.Scratch))
			if r.Distortion != 0 || candidates != nil && r.MV != predicted || costs.MV(r.MV.Sub(predicted)) > costs.MV(predicted) {
				t.Errorf("%v, predicted was %v", r.MV, predicted)
			}
		}
	}
}

// TestColumn: a block that went straight up or down by any number of pixels within reach is found, from wherever the search stands.
func TestColumn(t *testing.T) {
	ref := reference(11)
	for dy := -32; dy <= 32; dy++ {
		v := mode.MV{Y: int16(dy * 4)}
		b := blockFrom(ref, 48, 32, 16, 16, v)
		if r := b.Column(b.Integer(nil, 1), 32); r.Distortion != 0 || !asGood(b, r, v) {
			t.Errorf("%v instead of %v, with a SAD of %d", r.MV, v, r.Distortion)
		}
	}
	b := blockFrom(ref, 48, 32, 16, 16, mode.MV{Y: 20})
	best := b.Integer([]mode.MV{{Y: 20}}, 1)
	if r := b.Column(best, 3); r != best {
		t.Errorf("%+v became %+v", best, r)
	}
}
