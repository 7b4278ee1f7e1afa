package header

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// drawSigned draws a number from -limit to limit, often 0.
func drawSigned(t *rapid.T, limit int, label string) int {
	return rapid.OneOf(rapid.Just(0), rapid.IntRange(-limit, limit)).Draw(t, label)
}

// drawContext draws what a frame may leave for the next.
func drawContext(t *rapid.T) *Context {
	c := &Context{Probs: entropy.Default}
	drawProbs(t, &c.Probs)
	drawSegments(t, &c.Segments)
	for i := range 4 {
		c.Deltas.Ref[i], c.Deltas.Mode[i] = int8(drawSigned(t, 63, "ref delta")), int8(drawSigned(t, 63, "mode delta"))
	}
	return c
}

func drawSegments(t *rapid.T, s *Segments) {
	s.Absolute = rapid.Bool().Draw(t, "absolute")
	for i := range 4 {
		s.Quantizer[i], s.Filter[i] = int8(drawSigned(t, 127, "segment quantizer")), int8(drawSigned(t, 63, "segment filter"))
	}
}

// drawProbs changes some of the probabilities.
func drawProbs(t *rapid.T, p *entropy.Probs) {
	for range rapid.IntRange(0, 20).Draw(t, "changes") {
		v := rapid.Byte().Draw(t, "probability")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			at := rapid.IntRange(0, 4*8*3*11-1).Draw(t, "coefficient probability")
			p.Coeff[at/264][at/33%8][at/11%3][at%11] = v
		case 1:
			p.MV[rapid.IntRange(0, 1).Draw(t, "axis")][rapid.IntRange(0, entropy.NumMVProbs-1).Draw(t, "vector probability")] = MVProb(v)
		case 2:
			p.YMode[rapid.IntRange(0, 3).Draw(t, "luma mode")] = v
		case 3:
			p.UVMode[rapid.IntRange(0, 2).Draw(t, "chroma mode")] = v
		}
	}
}

// drawFrame draws a header that can be expressed: what is not sent has the value that it then has.
func drawFrame(t *rapid.T, before *Context) *Frame {
	flag := func(label string) bool { return rapid.Bool().Draw(t, label) }
	number := func(limit int, label string) int { return rapid.IntRange(0, limit).Draw(t, label) }
	f := &Frame{
		Key: flag("key"), Version: number(7, "version"), Show: flag("show"), Context: *before,
		SimpleFilter: flag("simple"), FilterLevel: number(63, "level"), Sharpness: number(7, "sharpness"),
		Partitions: 1 << number(3, "partitions"), RefreshProbs: flag("refresh probabilities"),
		Quantizers: Quantizers{
			Base: number(127, "quantizer"), Y1DC: drawSigned(t, 15, "Y1DC"), Y2DC: drawSigned(t, 15, "Y2DC"),
			Y2AC: drawSigned(t, 15, "Y2AC"), UVDC: drawSigned(t, 15, "UVDC"), UVAC: drawSigned(t, 15, "UVAC"),
		},
	}
	if f.Key {
		f.Context = Context{Probs: entropy.Default}
		f.Width, f.Height = 1+number(300, "width"), 1+number(300, "height")
		f.HorizontalScale, f.VerticalScale = number(3, "horizontal scale"), number(3, "vertical scale")
		f.ColorSpace, f.NoClamp = flag("color space"), flag("clamp")
	}
	if f.Segmentation = flag("segmentation"); f.Segmentation {
		f.SegmentProbs = [3]uint8{255, 255, 255}
		if f.UpdateMap = flag("map"); f.UpdateMap {
			for i := range f.SegmentProbs {
				f.SegmentProbs[i] = rapid.Byte().Draw(t, "segment probability")
			}
		}
		if f.UpdateSegment = flag("segments"); f.UpdateSegment {
			drawSegments(t, &f.Context.Segments)
		}
	}
	if f.UseDeltas = flag("deltas"); f.UseDeltas {
		if f.UpdateDeltas = flag("update deltas"); f.UpdateDeltas {
			for i := range 4 {
				f.Context.Deltas.Ref[i], f.Context.Deltas.Mode[i] = int8(drawSigned(t, 63, "ref delta")), int8(drawSigned(t, 63, "mode delta"))
			}
		}
	}
	if f.UseSkip = flag("skip"); f.UseSkip {
		f.ProbSkip = rapid.Byte().Draw(t, "skip probability")
	}
	drawProbs(t, &f.Context.Probs)
	if f.Key { // sends no other probabilities
		f.Context.Probs.MV, f.Context.Probs.YMode, f.Context.Probs.UVMode = entropy.Default.MV, entropy.Default.YMode, entropy.Default.UVMode
		f.RefreshLast, f.RefreshGolden, f.RefreshAltRef = true, true, true
		return f
	}
	f.RefreshLast, f.RefreshGolden, f.RefreshAltRef = flag("LAST"), flag("GOLDEN"), flag("ALTREF")
	if !f.RefreshGolden {
		f.CopyToGolden = Copy(number(2, "to GOLDEN"))
	}
	if !f.RefreshAltRef {
		f.CopyToAltRef = Copy(number(2, "to ALTREF"))
	}
	f.SignBias[Golden], f.SignBias[AltRef] = flag("sign bias of GOLDEN"), flag("sign bias of ALTREF")
	f.ProbIntra, f.ProbLast, f.ProbGolden = rapid.Byte().Draw(t, "intra"), rapid.Byte().Draw(t, "last"), rapid.Byte().Draw(t, "golden")
	return f
}

// written gives a frame with a header, a mark where the modes of the macroblocks begin, room for those, and token partitions.
func written(t rapid.TB, f *Frame, before *Context, tokens [][]byte) []byte {
	var w boolcoder.Writer
	w.Reset(nil)
	f.Write(&w, before)
	w.Literal(mark, 20)
	for range (f.Width/16 + 1) * (f.Height/16 + 1) {
		w.Literal(0, 8)
	}
	data, err := f.Assemble(w.Finish(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const mark = 0xabcde

func TestWriteThenParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawContext(t)
		f := drawFrame(t, before)
		tokens := make([][]byte, f.Partitions)
		for i := range tokens {
			tokens[i] = rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "tokens")
		}
		untouched := *before
		data := written(t, f, before, tokens)
		got, modes, gotTokens, err := Parse(data, before)
		if err != nil {
			t.Fatal(err)
		}
		if *before != untouched {
			t.Fatal("the context before was changed")
		}
		got.FirstSize = 0
		if got != *f {
			t.Fatalf("parsed\n%+v, want\n%+v", got, *f)
		}
		if m := modes.Literal(20); m != mark {
			t.Fatalf("the modes begin with %x, want %x: the header was not read to its end", m, mark)
		}
		if len(gotTokens) != len(tokens) {
			t.Fatalf("%d token partitions, want %d", len(gotTokens), len(tokens))
		}
		for i := range tokens {
			if !bytes.Equal(gotTokens[i], tokens[i]) {
				t.Fatalf("token partition %d came back changed", i)
			}
		}
	})
}

// TestPrefixesAreTruncated: without all of what stands before the last token partition, a frame is truncated and nothing else.
func TestPrefixesAreTruncated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawContext(t)
		f := drawFrame(t, before)
		tokens := make([][]byte, f.Partitions)
		for i := range tokens {
			tokens[i] = make([]byte, 1+i)
		}
		data := written(t, f, before, tokens)
		last := len(data) - len(tokens[len(tokens)-1])
		n := rapid.IntRange(0, len(data)).Draw(t, "length")
		if _, _, _, err := Parse(data[:n], before); n < last && !errors.Is(err, ErrTruncated) || n >= last && err != nil {
			t.Fatalf("%d of %d bytes, %d before the last partition: error %v", n, len(data), last, err)
		}
	})
}

func TestNext(t *testing.T) {
	before := Context{Probs: entropy.Default}
	before.Probs.YMode[0] = 7
	before.Segments.Quantizer[1] = 5
	used := before
	used.Probs.YMode[0] = 9
	used.Segments.Quantizer[1] = 6
	used.Deltas.Ref[2] = 3
	for _, test := range []struct {
		key, refresh bool
		want         uint8 // the probability that is left
	}{{false, true, 9}, {false, false, 7}, {true, true, 9}, {true, false, entropy.Default.YMode[0]}} {
		f := Frame{Key: test.key, RefreshProbs: test.refresh, Context: used}
		next := f.Next(&before)
		if next.Probs.YMode[0] != test.want {
			t.Errorf("key %v, refresh %v: probability %d is left, want %d", test.key, test.refresh, next.Probs.YMode[0], test.want)
		}
		if next.Segments != used.Segments || next.Deltas != used.Deltas {
			t.Errorf("key %v, refresh %v: segments or deltas were not left as the frame used them", test.key, test.refresh)
		}
	}
}

func TestMVProb(t *testing.T) {
	for p := range 256 {
		q := MVProb(uint8(p))
		if q != 1 && q%2 != 0 || q == 0 || math.Abs(float64(q)-float64(p)) > 1 {
			t.Errorf("MVProb(%d) = %d", p, q)
		}
		if sent := max(q>>1<<1, 1); sent != q {
			t.Errorf("MVProb(%d) = %d comes back as %d", p, q, sent)
		}
	}
}

func TestTooLarge(t *testing.T) {
	f := Frame{Key: true, Width: 16, Height: 16}
	first, tokens := make([]byte, maxFirstSize), make([]byte, maxTokensSize)
	more := make([]byte, maxTokensSize+1)
	for _, test := range []struct {
		name   string
		first  []byte
		tokens [][]byte
		want   error
	}{
		{"as large as can be", first, [][]byte{tokens, nil}, nil},
		{"first partition", make([]byte, maxFirstSize+1), [][]byte{nil}, ErrTooLarge},
		{"token partition", nil, [][]byte{nil, more, nil}, ErrTooLarge},
		{"last token partition, which has no size", nil, [][]byte{nil, more}, nil},
	} {
		if _, err := f.Assemble(test.first, test.tokens); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
}

// TestMinModeBits: the modes of a key frame's macroblock cannot take fewer bits than minModeBits says, whatever they are, even
// with the rounding of the arithmetic coder. Else Parse would refuse frames that are right.
func TestMinModeBits(t *testing.T) {
	// The least that a path can take, over all states of the coder.
	least := func(p *boolcoder.Path, probs []uint8) (bits float64) {
		for i := range int(p.Len) {
			one := p.Bits>>(uint(p.Len)-1-uint(i))&1 != 0
			best := math.Inf(1)
			for rng := 128; rng < 256; rng++ {
				part := 1 + (rng-1)*int(probs[p.Node[i]])>>8
				if one {
					part = rng - part
				}
				best = min(best, math.Log2(float64(rng)/float64(part)))
			}
			bits += best
		}
		return bits
	}
	leastOf := func(paths []boolcoder.Path, probs []uint8) float64 {
		best := math.Inf(1)
		for i := range paths {
			best = min(best, least(&paths[i], probs))
		}
		return best
	}
	block := math.Inf(1)
	for above := range entropy.KeyBMode {
		for left := range entropy.KeyBMode[above] {
			block = min(block, leastOf(entropy.BModePaths, entropy.KeyBMode[above][left][:]))
		}
	}
	luma := math.Inf(1)
	for mode := range entropy.KeyYModePaths {
		bits := least(&entropy.KeyYModePaths[mode], entropy.KeyYMode[:])
		if mode == entropy.BPred {
			bits += 16 * block
		}
		luma = min(luma, bits)
	}
	if bits := luma + leastOf(entropy.UVModePaths, entropy.KeyUVMode[:]); bits < minModeBits {
		t.Errorf("a macroblock can take as little as %.2f bits, minModeBits is %d", bits, minModeBits)
	}
}

// FuzzParse parses any bytes. A header that is taken must be within the format's limits, and say the same when it is written
// and parsed again.
func FuzzParse(f *testing.F) {
	for seed := range 8 {
		before := Context{Probs: entropy.Default}
		fr := rapid.Custom(func(t *rapid.T) *Frame { return drawFrame(t, &before) }).Example(seed)
		tokens := make([][]byte, fr.Partitions)
		f.Add(written(f, fr, &before, tokens))
	}
	f.Add([]byte{})
	f.Add([]byte{0x10, 2, 0, 0x9d, 1, 0x2a, 1, 0, 1, 0})
	before := Context{Probs: entropy.Default}
	before.Segments.Filter[2], before.Deltas.Mode[1], before.Probs.MV[1][4] = -3, 5, 66
	f.Fuzz(func(t *testing.T, data []byte) {
		got, modes, tokens, err := Parse(data, &before)
		if err != nil {
			if !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrSize) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if modes.Overrun() != 0 {
			t.Fatal("the header goes beyond the first partition")
		}
		size := 3 + got.FirstSize + 3*(len(tokens)-1)
		if got.Key {
			size += 7
		}
		for _, p := range tokens {
			size += len(p)
		}
		if size != len(data) || len(tokens) != got.Partitions {
			t.Fatalf("%d partitions (%d are said), with all before them %d bytes of %d", len(tokens), got.Partitions, size, len(data))
		}
		if got.Key && (got.Width < 1 || got.Height < 1 || got.Width > MaxSize || got.Height > MaxSize) ||
			got.Quantizers.Base > 127 || got.FilterLevel > 63 || got.Sharpness > 7 || got.CopyToGolden > CopyOther || got.CopyToAltRef > CopyOther {
			t.Fatalf("out of limits: %+v", got)
		}
		if got.Width*got.Height > 1<<20 {
			return // written would make much room for modes
		}
		again, _, _, err := Parse(written(t, &got, &before, tokens), &before)
		if err != nil {
			t.Fatal(err)
		}
		again.FirstSize = got.FirstSize
		if again != got {
			t.Fatalf("written and parsed\n%+v, want\n%+v", again, got)
		}
	})
}
