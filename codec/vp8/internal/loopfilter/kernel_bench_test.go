package loopfilter

import (
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8/internal/kerneltest"
)

func BenchmarkEdges(b *testing.B) {
	const stride = 64
	rng := rand.New(rand.NewPCG(1, 1))
	pix := make([]byte, 32*stride)
	kerneltest.Fill(rng, pix)
	for i := range pix {
		pix[i] = 100 + pix[i]%9
	}
	p := &params{edge: 40, subEdge: 36, interior: 10, highVar: 1}
	const at = 8*stride + 8
	for _, edge := range []struct {
		name          string
		kernel, plain func(across, along int)
	}{
		{"macroblock", func(across, along int) { macroblockEdge(pix, at, across, along, 16, p) }, func(across, along int) { macroblockEdgeGo(pix, at, across, along, 16, p) }},
		{"block", func(across, along int) { blockEdge(pix, at, across, along, 16, p) }, func(across, along int) { blockEdgeGo(pix, at, across, along, 16, p) }},
		{"simple", func(across, along int) { simpleEdge(pix, at, across, along, p.edge) }, func(across, along int) { simpleEdgeGo(pix, at, across, along, p.edge) }},
	} {
		for name, f := range map[string]func(across, along int){"kernel": edge.kernel, "plain": edge.plain} {
			b.Run(edge.name+"/upright/"+name, func(b *testing.B) {
				for b.Loop() {
					f(1, stride)
				}
			})
			b.Run(edge.name+"/lying/"+name, func(b *testing.B) {
				for b.Loop() {
					f(stride, 1)
				}
			})
		}
	}
}
