package token

import (
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// The tests compare with a reader of tokens written from RFC 6386, section 13, and not from the code.

// Tokens of section 13.2.
const (
	dctCat1 = 5 // 0 to 4 stand for themselves, then come 6 categories
	dctEOB  = 11
)

var coeffTree = []int8{-dctEOB, 2, -0, 4, -1, 6, 8, 12, -2, 10, -3, -4, 14, 16, -dctCat1, -6, 18, 20, -7, -8, -9, -10}

var categories = []struct {
	base  int
	extra []uint8
}{
	{5, []uint8{159}},
	{7, []uint8{165, 145}},
	{11, []uint8{173, 148, 140}},
	{19, []uint8{176, 155, 140, 135}},
	{35, []uint8{180, 157, 141, 134, 130}},
	{67, []uint8{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}},
}

var (
	rfcZigZag = []int{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}
	rfcBands  = []int{0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7}
)

// rfcBlock reads one block and tells where its tokens end.
func rfcBlock(r *boolcoder.Reader, probs *[8][3][11]uint8, ctx, first int, out *[16]int16) (end int) {
	afterZero := false
	for n := first; n < 16; n++ {
		p := &probs[rfcBands[n]][ctx]
		i := 0
		if afterZero {
			i = 2 // the end of the block cannot follow a zero
		}
		for {
			if i = int(coeffTree[i+r.Bit(p[i>>1])]); i <= 0 {
				break
			}
		}
		v := -i
		if v == dctEOB {
			return end
		}
		if v >= dctCat1 {
			c := categories[v-dctCat1]
			v = 0
			for _, q := range c.extra {
				v = v<<1 | r.Bit(q)
			}
			v += c.base
		}
		ctx, afterZero = min(v, 2), v == 0
		if v != 0 && r.Flag() {
			v = -v
		}
		out[rfcZigZag[n]] = int16(v)
		end = n + 1
	}
	return end
}

// rfcContext is what is known of one side: of the four luma lines, two lines of each chroma component, and Y2.
type rfcContext struct {
	y       [4]int
	u, v    [2]int
	y2      int
	general Context // the same in the package's form, where Skip and Read keep it
}

func (c *rfcContext) form() (out Context) {
	for i, v := range append(append(append(append([]int(nil), c.y[:]...), c.u[:]...), c.v[:]...), c.y2) {
		out[i] = uint8(v)
	}
	return out
}

// rfcMacroblock reads a macroblock.
func rfcMacroblock(r *boolcoder.Reader, probs *entropy.CoeffProbs, above, left *rfcContext, hasY2 bool, c *Coeffs, ends *Ends) bool {
	any := false
	*ends = Ends{}
	block := func(b, kind, first int, a, l *int) {
		end := rfcBlock(r, &probs[kind], *a+*l, first, c.Block(b))
		ends[b] = uint8(end)
		*a = min(end, 1)
		*l = *a
		any = any || end > 0
	}
	luma, first := 3, 0
	if hasY2 {
		block(24, 1, 0, &above.y2, &left.y2)
		luma, first = 0, 1
	}
	for b := range 16 {
		block(b, luma, first, &above.y[b%4], &left.y[b/4])
	}
	for b := range 4 {
		block(16+b, 2, 0, &above.u[b%2], &left.u[b/2])
	}
	for b := range 4 {
		block(20+b, 2, 0, &above.v[b%2], &left.v[b/2])
	}
	return any
}

// checkRead reads macroblocks from data in both ways.
func checkRead(t rapid.TB, data []byte, probs *entropy.CoeffProbs, kinds []byte) {
	r, rfc := boolcoder.NewReader(data), boolcoder.NewReader(data)
	var above, left rfcContext
	for i, kind := range kinds {
		hasY2 := kind&1 != 0
		if kind&2 != 0 { // without coefficients: all of what is known is 0, but Y2 only if there would be one
			Skip(&above.general, &left.general, hasY2)
			for _, c := range []*rfcContext{&above, &left} {
				c.y, c.u, c.v = [4]int{}, [2]int{}, [2]int{}
				if hasY2 {
					c.y2 = 0
				}
			}
		} else {
			var got, want Coeffs
			ends := Ends{3: 77, Y2: 99} // as another macroblock left them
			var wantEnds Ends
			any := Read(&r, probs, &above.general, &left.general, hasY2, &got, &ends)
			wantAny := rfcMacroblock(&rfc, probs, &above, &left, hasY2, &want, &wantEnds)
			if got != want || ends != wantEnds || any != wantAny {
				t.Fatalf("macroblock %d: coefficients %v with ends %v (any: %v), want %v with %v (%v)", i, got, ends, any, want, wantEnds, wantAny)
			}
			for j, v := range got {
				if v > MaxMagnitude || v < -MaxMagnitude {
					t.Fatalf("macroblock %d: coefficient %d is %d", i, j, v)
				}
			}
		}
		if above.general != above.form() || left.general != left.form() {
			t.Fatalf("macroblock %d: contexts %v and %v, want %v and %v", i, above.general, left.general, above.form(), left.form())
		}
		if r.Overrun() != rfc.Overrun() {
			t.Fatalf("macroblock %d: overrun of %d bits, want %d", i, r.Overrun(), rfc.Overrun())
		}
	}
}

// spread fills the probabilities from a few bytes.
func spread(few []byte) *entropy.CoeffProbs {
	probs := entropy.DefaultCoeff
	if len(few) == 0 {
		return &probs
	}
	n := 0
	for i := range probs {
		for j := range probs[i] {
			for k := range probs[i][j] {
				for l := range probs[i][j][k] {
					probs[i][j][k][l] = few[n%len(few)] + byte(n/len(few)*7)
					n++
				}
			}
		}
	}
	return &probs
}

func TestRead(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			data := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "data")
			probs := spread(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "probabilities"))
			kinds := rapid.SliceOfN(rapid.Byte(), 1, 6).Draw(t, "kinds")
			checkRead(t, data, probs, kinds)
		})
	})
}

// TestLargeCoefficients reads coefficients of each category's ends, which random data hardly ever has.
func TestLargeCoefficients(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		probs := &entropy.DefaultCoeff[entropy.BlockYWithDC]
		for _, v := range []int{1, 2, 3, 4, 5, 6, 7, 10, 11, 18, 19, 34, 35, 66, 67, 1000, MaxMagnitude} {
			for _, sign := range []int{1, -1} {
				var w boolcoder.Writer
				w.Reset(nil)
				writeRFC(&w, &probs[0][0], v, sign < 0)
				w.Bool(false, probs[1][min(v, 2)][0]) // end of block
				for b := 1; b < Y2; b++ {             // the others have no tokens
					kind, context := entropy.BlockYWithDC, 0
					if b >= FirstU {
						kind = entropy.BlockChroma
					} else if b == 1 || b == 4 {
						context = 1
					}
					w.Bool(false, entropy.DefaultCoeff[kind][0][context][0])
				}
				r := boolcoder.NewReader(w.Finish())
				var got, want Coeffs
				want[0] = int16(v * sign)
				var ends Ends
				var above, left Context
				if !Read(&r, &entropy.DefaultCoeff, &above, &left, false, &got, &ends) || got != want || ends != (Ends{1}) {
					t.Errorf("%d alone is read as %v, with the ends at %v", v*sign, got, ends)
				}
			}
		}
	})
}

// writeRFC writes one token that is not the end of the block, with its extra bits and sign.
func writeRFC(w *boolcoder.Writer, p *[11]uint8, v int, negative bool) {
	token, extra := v, []uint8(nil)
	for i, c := range categories {
		if v >= c.base {
			token, extra = dctCat1+i, c.extra
		}
	}
	path := boolcoder.Paths(coeffTree, dctEOB+1)[token]
	w.Path(&path, p[:])
	for i, q := range extra {
		w.Bool((v-categories[token-dctCat1].base)>>(len(extra)-1-i)&1 != 0, q)
	}
	w.Flag(negative)
}

// TestSkip: a macroblock without coefficients clears what is known, but for Y2 where it has no such block.
func TestSkip(t *testing.T) {
	for _, hasY2 := range []bool{true, false} {
		above, left := Context{1, 1, 1, 1, 1, 1, 1, 1, 1}, Context{0, 1, 0, 1, 0, 1, 0, 1, 1}
		want := Context{}
		if !hasY2 {
			want[8] = 1
		}
		if Skip(&above, &left, hasY2); above != want || left != want {
			t.Errorf("with Y2 %v: contexts %v and %v, want %v", hasY2, above, left, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{}, []byte{}, []byte{1, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{}, []byte{0, 1, 2, 3})
	f.Add([]byte("anything at all may stand for coefficients"), []byte{1, 255, 128, 0}, []byte{1, 1, 0})
	f.Add(make([]byte, 500), []byte{3, 200, 90, 254, 17}, []byte{1, 3, 1, 0, 2, 0})
	f.Fuzz(func(t *testing.T, data, few, kinds []byte) {
		checkRead(t, data, spread(few), kinds[:min(len(kinds), 20)])
	})
}

// TestEndsOfPlanes: each block counts for its plane.
func TestEndsOfPlanes(t *testing.T) {
	if e := new(Ends); e.Luma() || e.Chroma() || e.Blocks() != 0 {
		t.Error("blocks without tokens count")
	}
	var all Ends
	for b := range NumBlocks {
		all[b] = uint8(1 + b%16)
		if n := all.Blocks(); n != b+1 {
			t.Errorf("%d blocks count as %d", b+1, n)
		}
		var e Ends
		e[b] = 16
		chroma := b >= FirstU && b < Y2
		if e.Luma() == chroma || e.Chroma() != chroma {
			t.Errorf("block %d alone: luma %v, chroma %v", b, e.Luma(), e.Chroma())
		}
	}
}
