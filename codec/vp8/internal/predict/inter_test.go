package predict

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// randomPicture draws a picture with its border.
func randomPicture(t *rapid.T, width, height int) *picture.Picture {
	pic := picture.NewPool(width, height).Get()
	for _, pl := range []*picture.Plane{&pic.Y, &pic.U, &pic.V} {
		// A drawn seed and a cheap generator: drawing each pixel would take long.
		x := rapid.Uint32().Draw(t, "seed")
		for i := range pl.Pix {
			x = x*1664525 + 1013904223
			pl.Pix[i] = byte(x >> 24)
			if x>>16&3 == 0 {
				pl.Pix[i] = -byte(x >> 20 & 1) // 0 or 255
			}
		}
	}
	pic.ExtendBorder()
	return pic
}

// interpolated gives one pixel of a prediction by the definition: six taps in each direction, rows first, on a plane whose
// outermost pixels go on without end.
func interpolated(f *Filter, ref *picture.Plane, x8, y8 int) byte {
	at := func(x, y int) int {
		return int(ref.Pix[ref.At(min(max(x, 0), ref.Width-1), min(max(y, 0), ref.Height-1))])
	}
	tap := func(frac int, pixel func(i int) int) int {
		sum := 64
		for i, w := range f.taps[frac] {
			sum += int(w) * pixel(i-2)
		}
		return int(clamped(sum >> 7))
	}
	return byte(tap(y8&7, func(j int) int {
		return tap(x8&7, func(i int) int { return at(x8>>3+i, y8>>3+j) })
	}))
}

func TestFilters(t *testing.T) {
	for _, f := range []*Filter{&SixTap, &Bilinear} {
		for frac, taps := range f.taps {
			sum := 0
			for i, w := range taps {
				sum += int(w)
				if mirror := f.taps[(8-frac)%8]; frac > 0 && w != mirror[5-i] {
					t.Errorf("the taps of %d/8 are not those of %d/8 turned around", frac, 8-frac)
				}
			}
			if sum != 128 {
				t.Errorf("the taps of %d/8 sum to %d, want 128", frac, sum)
			}
		}
	}
}

// TestInter predicts from everywhere: inside, on the border, partly and wholly beyond it.
func TestInter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pic := randomPicture(t, rapid.IntRange(1, 70).Draw(t, "width"), rapid.IntRange(1, 70).Draw(t, "height"))
		ref := rapid.SampledFrom([]*picture.Plane{&pic.Y, &pic.U}).Draw(t, "plane")
		place := func(size int, label string) int {
			return rapid.OneOf(
				rapid.IntRange(-8, 8*size),              // inside
				rapid.IntRange(-50*8, -15*8),            // around the border's near end
				rapid.IntRange(8*(size-5), 8*(size+45)), // and its far end
				rapid.IntRange(-1<<17, 1<<17),           // as far as vectors may lead
			).Draw(t, label)
		}
		x8, y8 := place(ref.Width, "x"), place(ref.Height, "y")
		if rapid.Bool().Draw(t, "whole x") {
			x8 &^= 7
		}
		if rapid.Bool().Draw(t, "whole y") {
			y8 &^= 7
		}
		size := rapid.SampledFrom([]int{4, 8, 16}).Draw(t, "size")
		const outStride = 20
		for name, f := range map[string]*Filter{"six-tap": &SixTap, "bilinear": &Bilinear} {
			out := make([]byte, 20*outStride)
			f.Inter(out, outStride, ref, x8, y8, size, size)
			for i, v := range out {
				x, y := i%outStride, i/outStride
				if x >= size || y >= size {
					if v != 0 {
						t.Fatalf("%s: pixel %d,%d outside the block was written", name, x, y)
					}
				} else if want := interpolated(f, ref, x8+8*x, y8+8*y); v != want {
					t.Fatalf("%s: pixel %d,%d is %d, want %d", name, x, y, v, want)
				}
			}
		}
	})
}

// TestInterOfConstant: a picture of one value predicts that value, from anywhere.
func TestInterOfConstant(t *testing.T) {
	for _, value := range []byte{0, 1, 127, 254, 255} {
		pic := picture.NewPool(32, 32).Get()
		for i := range pic.Y.Pix {
			pic.Y.Pix[i] = value
		}
		for _, f := range []*Filter{&SixTap, &Bilinear} {
			for x8 := -300; x8 < 600; x8 += 13 {
				var out [256]byte
				f.Inter(out[:], 16, &pic.Y, x8, 500-x8, 16, 16)
				for i, v := range out {
					if v != value {
						t.Fatalf("pixel %d is %d, want %d", i, v, value)
					}
				}
			}
		}
	}
}

// drawVector draws a vector, in quarter pixels: short ones and some that lead far out.
func drawVector(t *rapid.T) mode.MV {
	component := rapid.OneOf(rapid.Int16Range(-20, 20), rapid.Int16Range(-400, 400), rapid.Int16())
	mv := mode.MV{X: component.Draw(t, "x"), Y: component.Draw(t, "y")}
	if rapid.Bool().Draw(t, "whole") { // pixels, of chroma too
		mv.X, mv.Y = mv.X&^7, mv.Y&^7
	}
	return mv
}

// drawInter draws an inter macroblock.
func drawInter(t *rapid.T) *mode.Macroblock {
	m := &mode.Macroblock{YMode: entropy.NewMV, Ref: header.Last, MV: drawVector(t)}
	if rapid.Bool().Draw(t, "split") {
		m.YMode = entropy.SplitMV
		m.Split = uint8(rapid.IntRange(0, entropy.NumSplits-1).Draw(t, "shape"))
		for part := range entropy.SplitFirst[m.Split] {
			mv := drawVector(t)
			for b, p := range entropy.SplitOf[m.Split] {
				if int(p) == part {
					m.MVs[b] = mv
				}
			}
		}
		m.MV = m.MVs[15]
	}
	return m
}

// chromaComponent gives the vector of a chroma block in eighths of a chroma pixel: of a whole macroblock its own, whose unit
// that is; of a split one the mean of the four luma blocks over it, halves away from zero.
func chromaComponent(vectors []int16, split, fullPixel bool) int {
	v := int(vectors[0])
	if split {
		sum := 0
		for _, c := range vectors {
			sum += int(c)
		}
		v = (max(sum, -sum) + 2) / 4
		if sum < 0 {
			v = -v
		}
	}
	if fullPixel {
		v = v >> 3 * 8 // down, also below zero
	}
	return v
}

// TestMacroblock compares whole macroblocks, pixel by pixel, with the definition: each luma pixel by the vector of its 4x4
// block, each chroma pixel by that of its own.
func TestMacroblock(t *testing.T) {
	const cols, rows = 3, 2
	rapid.Check(t, func(t *rapid.T) {
		ref, pic := randomPicture(t, cols*16, rows*16), picture.NewPool(cols*16, rows*16).Get()
		m := drawInter(t)
		fullPixel := rapid.Bool().Draw(t, "full pixel")
		f := rapid.SampledFrom([]*Filter{&SixTap, &Bilinear}).Draw(t, "filter")
		col, row := rapid.IntRange(0, cols-1).Draw(t, "column"), rapid.IntRange(0, rows-1).Draw(t, "row")
		split := m.YMode == entropy.SplitMV
		mv := func(b int) mode.MV {
			if split {
				return m.MVs[b]
			}
			return m.MV
		}
		Macroblock(f, pic, ref, m, col, row, fullPixel)
		for y := range 16 {
			for x := range 16 {
				v := mv(y/4*4 + x/4)
				px, py := col*16+x, row*16+y
				want := interpolated(f, &ref.Y, px*8+int(v.X)*2, py*8+int(v.Y)*2)
				if got := pic.Y.Pix[pic.Y.At(px, py)]; got != want {
					t.Fatalf("luma pixel %d,%d is %d, want %d", x, y, got, want)
				}
			}
		}
		for y := range 8 {
			for x := range 8 {
				b := y/4*8 + x/4*2 // the first of the four luma blocks
				var xs, ys []int16
				for _, i := range []int{b, b + 1, b + 4, b + 5} {
					xs, ys = append(xs, mv(i).X), append(ys, mv(i).Y)
				}
				px, py := col*8+x, row*8+y
				x8, y8 := px*8+chromaComponent(xs, split, fullPixel), py*8+chromaComponent(ys, split, fullPixel)
				if got, want := pic.U.Pix[pic.U.At(px, py)], interpolated(f, &ref.U, x8, y8); got != want {
					t.Fatalf("U pixel %d,%d is %d, want %d", x, y, got, want)
				}
				if got, want := pic.V.Pix[pic.V.At(px, py)], interpolated(f, &ref.V, x8, y8); got != want {
					t.Fatalf("V pixel %d,%d is %d, want %d", x, y, got, want)
				}
			}
		}
	})
}

// TestCopy: a run of macroblocks is what Macroblock makes of each without motion.
func TestCopy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols, rows := rapid.IntRange(1, 6).Draw(t, "columns"), rapid.IntRange(1, 3).Draw(t, "rows")
		ref, got := randomPicture(t, cols*16, rows*16), randomPicture(t, cols*16, rows*16)
		want := picture.NewPool(cols*16, rows*16).Get()
		copy(want.Y.Pix, got.Y.Pix)
		copy(want.U.Pix, got.U.Pix)
		copy(want.V.Pix, got.V.Pix)
		row, first := rapid.IntRange(0, rows-1).Draw(t, "row"), rapid.IntRange(0, cols-1).Draw(t, "first")
		n := rapid.IntRange(1, cols-first).Draw(t, "n")
		Copy(got, ref, first, row, n)
		for col := first; col < first+n; col++ {
			Macroblock(&SixTap, want, ref, &mode.Macroblock{YMode: entropy.ZeroMV, Ref: header.Last}, col, row, false)
		}
		if !bytes.Equal(got.Y.Pix, want.Y.Pix) || !bytes.Equal(got.U.Pix, want.U.Pix) || !bytes.Equal(got.V.Pix, want.V.Pix) {
			t.Fatalf("%d macroblocks from %d on, in row %d: differs", n, first, row)
		}
	})
}
