package header

import (
	"errors"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// ErrTooLarge: a partition is larger than its size field can tell.
var ErrTooLarge = errors.New("partition is too large for the format")

// Write writes the frame header proper, in the order in which read reads it. Of f.Context, what differs from before is sent;
// f.UpdateSegment, f.UpdateDeltas say whether segments and deltas are. The motion vector probabilities in f.Context.Probs must
// be expressible (see MVProb).
func (f *Frame) Write(w *boolcoder.Writer, before *Context) {
	if f.Key {
		before = &Context{Probs: entropy.Default}
		w.Flag(f.ColorSpace)
		w.Flag(f.NoClamp)
	}
	w.Flag(f.Segmentation)
	if f.Segmentation {
		f.writeSegmentation(w)
	}
	w.Flag(f.SimpleFilter)
	w.Literal(f.FilterLevel, 6)
	w.Literal(f.Sharpness, 3)
	w.Flag(f.UseDeltas)
	if f.UseDeltas {
		w.Flag(f.UpdateDeltas)
	}
	if f.UpdateDeltas {
		writeDeltas(w, &before.Deltas.Ref, &f.Context.Deltas.Ref)
		writeDeltas(w, &before.Deltas.Mode, &f.Context.Deltas.Mode)
	}
	log2 := 0
	for 1<<log2 < f.Partitions {
		log2++
	}
	w.Literal(log2, 2)
	w.Literal(f.Quantizers.Base, 7)
	for _, d := range []int{f.Quantizers.Y1DC, f.Quantizers.Y2DC, f.Quantizers.Y2AC, f.Quantizers.UVDC, f.Quantizers.UVAC} {
		w.OptionalSigned(d, 4)
	}
	if f.Key {
		w.Flag(f.RefreshProbs)
	} else {
		w.Flag(f.RefreshGolden)
		w.Flag(f.RefreshAltRef)
		if !f.RefreshGolden {
			w.Literal(int(f.CopyToGolden), 2)
		}
		if !f.RefreshAltRef {
			w.Literal(int(f.CopyToAltRef), 2)
		}
		w.Flag(f.SignBias[Golden])
		w.Flag(f.SignBias[AltRef])
		w.Flag(f.RefreshProbs)
		w.Flag(f.RefreshLast)
	}
	old, probs := &before.Probs, &f.Context.Probs
	for i := range probs.Coeff {
		for j := range probs.Coeff[i] {
			for k := range probs.Coeff[i][j] {
				for l, p := range probs.Coeff[i][j][k] {
					differs := p != old.Coeff[i][j][k][l]
					w.Bool(differs, entropy.CoeffUpdate[i][j][k][l])
					if differs {
						w.Literal(int(p), 8)
					}
				}
			}
		}
	}
	w.Flag(f.UseSkip)
	if f.UseSkip {
		w.Literal(int(f.ProbSkip), 8)
	}
	if f.Key {
		return
	}
	w.Literal(int(f.ProbIntra), 8)
	w.Literal(int(f.ProbLast), 8)
	w.Literal(int(f.ProbGolden), 8)
	writeModeProbs(w, old.YMode[:], probs.YMode[:])
	writeModeProbs(w, old.UVMode[:], probs.UVMode[:])
	for i := range probs.MV {
		for j, p := range probs.MV[i] {
			differs := p != old.MV[i][j]
			w.Bool(differs, entropy.MVUpdate[i][j])
			if differs {
				w.Literal(int(p)>>1, 7)
			}
		}
	}
}

// MVProb is the motion vector probability nearest to p that a header can express: an even one or 1.
func MVProb(p uint8) uint8 { return max(p&^1, 1) }

func writeModeProbs(w *boolcoder.Writer, old, probs []uint8) {
	differs := string(old) != string(probs)
	w.Flag(differs)
	if differs {
		for _, p := range probs {
			w.Literal(int(p), 8)
		}
	}
}

func writeDeltas(w *boolcoder.Writer, old, deltas *[4]int8) {
	for i, d := range deltas {
		w.Flag(d != old[i])
		if d != old[i] {
			w.Signed(int(d), 6)
		}
	}
}

func (f *Frame) writeSegmentation(w *boolcoder.Writer) {
	w.Flag(f.UpdateMap)
	w.Flag(f.UpdateSegment)
	if f.UpdateSegment {
		w.Flag(f.Context.Segments.Absolute)
		for _, q := range f.Context.Segments.Quantizer {
			w.OptionalSigned(int(q), 7)
		}
		for _, l := range f.Context.Segments.Filter {
			w.OptionalSigned(int(l), 6)
		}
	}
	if f.UpdateMap {
		for _, p := range f.SegmentProbs {
			w.Flag(p != 255)
			if p != 255 {
				w.Literal(int(p), 8)
			}
		}
	}
}

// TagSize is how many bytes of the frame stand outside its partitions.
func (f *Frame) TagSize() int {
	size := tagSize + 3*(f.Partitions-1)
	if f.Key {
		size += keyStartSize
	}
	return size
}

// Assemble puts a frame together from its first partition and its token partitions.
func (f *Frame) Assemble(first []byte, tokens [][]byte) ([]byte, error) {
	if len(first) > maxFirstSize {
		return nil, ErrTooLarge
	}
	size := f.TagSize() + len(first)
	for i, t := range tokens {
		if i < len(tokens)-1 && len(t) > maxTokensSize {
			return nil, ErrTooLarge
		}
		size += len(t)
	}
	tag := f.Version<<1 | len(first)<<5
	if !f.Key {
		tag |= 1
	}
	if f.Show {
		tag |= 1 << 4
	}
	out := append(make([]byte, 0, size), byte(tag), byte(tag>>8), byte(tag>>16))
	if f.Key {
		w, h := f.Width|f.HorizontalScale<<14, f.Height|f.VerticalScale<<14
		out = append(out, 0x9d, 0x01, 0x2a, byte(w), byte(w>>8), byte(h), byte(h>>8))
	}
	out = append(out, first...)
	for _, t := range tokens[:len(tokens)-1] {
		out = append(out, byte(len(t)), byte(len(t)>>8), byte(len(t)>>16))
	}
	for _, t := range tokens {
		out = append(out, t...)
	}
	return out, nil
}
