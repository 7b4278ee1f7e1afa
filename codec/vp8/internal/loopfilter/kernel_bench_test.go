package loopfilter

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
	"salsify/codec/vp8/internal/picture"
)

// BenchmarkMacroblock filters a row of macroblocks whose edges are such as quantizing makes. Each time it is copied from one that
// is not filtered; "copy only" is what this takes.
func BenchmarkMacroblock(b *testing.B) {
	const cols = 80
	rng := rand.New(rand.NewPCG(1, 1))
	pool := picture.NewPool(cols*16, 48)
	from, pic := pool.Get(), pool.Get()
	for _, pl := range []*picture.Plane{&from.Y, &from.U, &from.V} {
		for i := range pl.Pix {
			x, y := i%pl.Stride, i/pl.Stride
			pl.Pix[i] = byte(100 + (x/4*7+y/4*5)%9 + rng.IntN(3))
		}
	}
	p := &params{edge: 40, subEdge: 36, interior: 10, highVar: 1}
	row := func(filter func(b *block, p *params, which edges), which edges) func() {
		return func() {
			copyRow(&pic.Y, &from.Y, lumaPlaces)
			copyRow(&pic.U, &from.U, chromaPlaces)
			copyRow(&pic.V, &from.V, chromaPlaces)
			row := rowOf(pic, 1)
			for range cols {
				filter(&row, p, which)
				row.at += lumaPlaces
				row.chromaAt += chromaPlaces
			}
		}
	}
	const bytes = cols * 16 * 16 * 3 / 2
	for _, test := range []struct {
		name  string
		which edges
	}{{"outer", leftEdge | topEdge}, {"all", leftEdge | topEdge | innerEdges}} {
		kerneltest.Compare(b, "normal/"+test.name, bytes, row(plainNormal, test.which), row(normalMacroblock, test.which))
		kerneltest.Compare(b, "simple/"+test.name, bytes, row(plainSimple, test.which), row(simpleMacroblock, test.which))
	}
	copyOnly := row(func(*block, *params, edges) {}, 0)
	kerneltest.Compare(b, "copy only", bytes, copyOnly, copyOnly)
}

// copyRow copies the second row of macroblocks and what filtering changes above.
func copyRow(dst, src *picture.Plane, size int) {
	first, end := src.At(0, size-normalReach), src.At(src.Width, 2*size-1)
	copy(dst.Pix[first:end], src.Pix[first:end])
}
