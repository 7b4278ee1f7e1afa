package loopfilter

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
)

const (
	maxGap   = 40
	maxBytes = 1 << 12
	trials   = 20000
)

// TestEdgeKernels filters edges in memory that has nothing but the pixels that the filter looks at.
func TestEdgeKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	mu, mv := kerneltest.NewMemory(t, rng, maxBytes), kerneltest.NewMemory(t, rng, maxBytes)
	for range trials {
		p := &params{edge: rng.Int32N(194), subEdge: rng.Int32N(194), interior: rng.Int32N(64), highVar: rng.Int32N(4)}
		if rng.IntN(10) == 0 {
			p = &params{edge: rng.Int32N(300), subEdge: rng.Int32N(300), interior: rng.Int32N(300), highVar: rng.Int32N(300)}
		}
		n := 8 << rng.IntN(2)
		upright := rng.IntN(2) == 0
		for _, test := range []struct {
			name          string
			n, reach      int
			kernel, plain func(u, v []byte, at, across, along int)
		}{
			{
				"simple", 16, 2,
				func(u, _ []byte, at, across, along int) { simpleEdge(u, at, across, along, p.edge) },
				func(u, _ []byte, at, across, along int) { simpleEdgeGo(u, at, across, along, p.edge) },
			}, {
				"macroblock", n, 4,
				func(u, _ []byte, at, across, along int) { macroblockEdge(u, at, across, along, n, p) },
				func(u, _ []byte, at, across, along int) { macroblockEdgeGo(u, at, across, along, n, p) },
			}, {
				"block", n, 4,
				func(u, _ []byte, at, across, along int) { blockEdge(u, at, across, along, n, p) },
				func(u, _ []byte, at, across, along int) { blockEdgeGo(u, at, across, along, n, p) },
			}, {
				"chroma macroblock", 8, 4,
				func(u, v []byte, at, across, along int) { macroblockEdges(u, v, at, across, along, p) },
				func(u, v []byte, at, across, along int) { macroblockEdgesGo(u, v, at, across, along, p) },
			}, {
				"chroma block", 8, 4,
				func(u, v []byte, at, across, along int) { blockEdges(u, v, at, across, along, p) },
				func(u, v []byte, at, across, along int) { blockEdgesGo(u, v, at, across, along, p) },
			},
		} {
			w, h := test.n, 2*test.reach
			if upright {
				w, h = h, w
			}
			u := mu.Block(w, h, maxGap)
			v := mv.Bytes(len(u.Pix))
			ramp(rng, u.Pix)
			ramp(rng, v)
			at, across, along := test.reach*u.Stride, u.Stride, 1
			if upright {
				at, across, along = test.reach, 1, u.Stride
			}
			wantU, wantV := bytes.Clone(u.Pix), bytes.Clone(v)
			test.plain(wantU, wantV, at, across, along)
			test.kernel(u.Pix, v, at, across, along)
			if !bytes.Equal(u.Pix, wantU) || !bytes.Equal(v, wantV) {
				t.Fatalf("%s edge of %d places, upright %v, %+v: differs", test.name, test.n, upright, *p)
			}
		}
	}
}

// plainNormal and plainSimple are normalEdges and simpleEdges in plain Go.
func plainNormal(b *block, p *params, which edges) {
	plain := func(pix []byte, at, stride, size int) {
		for _, d := range [...]direction{{leftEdge, 1, stride}, {topEdge, stride, 1}} {
			if which&d.outer != 0 {
				macroblockEdgeGo(pix, at, d.across, d.along, size, p)
			}
			for x := 4; x < size && which&innerEdges != 0; x += 4 {
				blockEdgeGo(pix, at+x*d.across, d.across, d.along, size, p)
			}
		}
	}
	plain(b.y, b.at, b.stride, lumaPlaces)
	if b.u != nil {
		plain(b.u, b.chromaAt, b.chromaStride, chromaPlaces)
		plain(b.v, b.chromaAt, b.chromaStride, chromaPlaces)
	}
}

func plainSimple(b *block, p *params, which edges) {
	for _, d := range [...]direction{{leftEdge, 1, b.stride}, {topEdge, b.stride, 1}} {
		if which&d.outer != 0 {
			simpleEdgeGo(b.y, b.at, d.across, d.along, p.edge)
		}
		for x := 4; x < lumaPlaces && which&innerEdges != 0; x += 4 {
			simpleEdgeGo(b.y, b.at+x*d.across, d.across, d.along, p.subEdge)
		}
	}
}

// TestMacroblockKernels filters macroblocks, with all choices of edges, in memory that has nothing but the pixels that the
// filters look at.
func TestMacroblockKernels(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 1))
		var memory [3]*kerneltest.Memory
		for i := range memory {
			memory[i] = kerneltest.NewMemory(t, rng, maxBytes)
		}
		for range trials {
			p := &params{edge: rng.Int32N(194), subEdge: rng.Int32N(194), interior: rng.Int32N(64), highVar: rng.Int32N(4)}
			if rng.IntN(10) == 0 {
				const n = maxTestLimit + 1
				p = &params{edge: rng.Int32N(n), subEdge: rng.Int32N(n), interior: rng.Int32N(n), highVar: rng.Int32N(n)}
			}
			which := edges(rng.IntN(int(leftEdge | topEdge | innerEdges + 1)))
			left, top := 0, 0
			if which&leftEdge != 0 {
				left = normalReach
			}
			if which&topEdge != 0 {
				top = normalReach
			}
			// Each plane starts with its first pixel that is looked at; U and V lie alike.
			plane := func(m *kerneltest.Memory, size, stride int) (pix []byte, at int) {
				at = top*stride + left
				first := 0
				if top > 0 && left > 0 {
					first = left // nothing looks at the corner
				}
				pix = m.Bytes(at + (size-1)*stride + size - first)
				ramp(rng, pix)
				return pix, at - first
			}
			b := block{stride: left + lumaPlaces + rng.IntN(maxGap), chromaStride: left + chromaPlaces + rng.IntN(maxGap)}
			b.y, b.at = plane(memory[0], lumaPlaces, b.stride)
			if rng.IntN(4) > 0 {
				b.u, b.chromaAt = plane(memory[1], chromaPlaces, b.chromaStride)
				b.v, _ = plane(memory[2], chromaPlaces, b.chromaStride)
			}
			for name, f := range map[string][2]func(b *block, p *params, which edges){
				"normal": {normalMacroblock, plainNormal},
				"simple": {simpleMacroblock, plainSimple},
			} {
				want := b
				want.y, want.u, want.v = bytes.Clone(b.y), bytes.Clone(b.u), bytes.Clone(b.v)
				f[1](&want, p, which)
				f[0](&b, p, which)
				if !bytes.Equal(b.y, want.y) || !bytes.Equal(b.u, want.u) || !bytes.Equal(b.v, want.v) {
					t.Fatalf("%s filter, edges %03b, %+v: differs", name, which, *p)
				}
			}
		}
	})
}

// TestEveryFilterValue filters the macroblock edge with every height of the step at each level: the kernels round in different
// ways.
func TestEveryFilterValue(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		const stride = 2 * lumaPlaces
		for _, highVar := range []int32{0, maxTestLimit} {
			p := &params{edge: maxTestLimit, subEdge: maxTestLimit, interior: maxTestLimit, highVar: highVar}
			for above := range 256 {
				for below := range 256 {
					var got, want [stride * stride]byte
					for i := range got {
						got[i] = byte(above)
						if y := i / stride; y >= lumaPlaces {
							got[i] = byte(below)
						}
						if i%stride >= lumaPlaces {
							got[i] = byte(below) ^ got[i] ^ byte(above) // the other way round
						}
					}
					want = got
					const at = lumaPlaces*stride + lumaPlaces
					normalMacroblock(&block{y: got[:], at: at, stride: stride}, p, leftEdge|topEdge)
					plainNormal(&block{y: want[:], at: at, stride: stride}, p, leftEdge|topEdge)
					if got != want {
						t.Fatalf("edges from %d to %d: differs", above, below)
					}
				}
			}
		}
	})
}

// TestShortBlocks has macroblocks that are not all there.
func TestShortBlocks(t *testing.T) {
	kerneltest.Levels(t, func(t *testing.T) {
		const stride, all = 32, leftEdge | topEdge | innerEdges
		const lines = 3 * stride // more than what the simple filter does not look at
		const at, chromaAt = normalReach * stride, normalReach * stride
		luma, chroma := make([]byte, at+15*stride+16), make([]byte, chromaAt+7*stride+8)
		whole := block{luma, at, stride, chroma, chroma, chromaAt, stride}
		p := &params{edge: 40, subEdge: 40, interior: 20, highVar: 1}
		for name, f := range map[string]func(b *block, p *params, which edges){
			"normal": normalMacroblock, "simple": simpleMacroblock,
		} {
			f(&whole, p, all)
			for what, shorten := range map[string]func(b *block){
				"luma": func(b *block) { b.y = b.y[: len(b.y)-lines : len(b.y)-lines] },
				"U":    func(b *block) { b.u = b.u[: len(b.u)-1 : len(b.u)-1] },
				"V":    func(b *block) { b.v = b.v[: len(b.v)-1 : len(b.v)-1] },
			} {
				short := whole
				shorten(&short)
				if name == "simple" && what != "luma" {
					continue
				}
				if !panics(func() { f(&short, p, all) }) {
					t.Errorf("%s filter of too little %s: no panic", name, what)
				}
			}
			early := whole
			early.at -= lines
			if !panics(func() { f(&early, p, all) }) {
				t.Errorf("%s filter of too little above: no panic", name)
			}
		}
	})
}

// ramp makes pixels at times such that all branches of the filters are taken: slopes with some noise.
func ramp(rng *rand.Rand, p []byte) {
	if rng.IntN(4) == 0 {
		return
	}
	v, noise := rng.IntN(256), 1+rng.IntN(12)
	for i := range p {
		v = min(max(v+rng.IntN(2*noise+1)-noise, 0), 255)
		if rng.IntN(24) == 0 {
			v = rng.IntN(256)
		}
		p[i] = byte(v)
	}
}

// TestEveryStepOfKernels filters edges of every height: between flat sides, or with p0 and q0 between p1 and q1. Each place of an
// edge has another height.
func TestEveryStepOfKernels(t *testing.T) {
	const stride = 16
	p := &params{edge: maxTestLimit, subEdge: maxTestLimit, interior: maxTestLimit}
	filters := map[string][2]func(pix []byte){
		"macroblock": {
			func(pix []byte) { macroblockEdge(pix, 4*stride, stride, 1, 16, p) },
			func(pix []byte) { macroblockEdgeGo(pix, 4*stride, stride, 1, 16, p) },
		},
		"block": {
			func(pix []byte) { blockEdge(pix, 4*stride, stride, 1, 16, p) },
			func(pix []byte) { blockEdgeGo(pix, 4*stride, stride, 1, 16, p) },
		},
		"simple": {
			func(pix []byte) { simpleEdge(pix, 4*stride, stride, 1, p.edge) },
			func(pix []byte) { simpleEdgeGo(pix, 4*stride, stride, 1, p.edge) },
		},
	}
	for left := range 256 {
		for right := 0; right < 256; right += stride {
			for kind := range 2 {
				var before [8 * stride]byte
				for i := range before {
					y, place := i/stride, i%stride
					switch {
					case kind == 1 && (y == 3 || y == 4):
						before[i] = byte((left + right + place) / 2)
					case y < 4:
						before[i] = byte(left)
					default:
						before[i] = byte(right + place)
					}
				}
				for name, f := range filters {
					for _, highVar := range []int32{0, maxTestLimit} {
						p.highVar = highVar
						got, want := before, before
						f[0](got[:])
						f[1](want[:])
						if got != want {
							t.Fatalf("%s edge from %d to %d and on: differs", name, left, right)
						}
					}
				}
			}
		}
	}
}

// maxTestLimit is the highest limit of the kernels.
const maxTestLimit = 254

// TestShortEdges has edges that are not all there, and strides that lead out of them.
func TestShortEdges(t *testing.T) {
	const stride = 24
	p := &params{edge: 40, subEdge: 40, interior: 20, highVar: 1}
	for _, n := range []int{8, 16} {
		for _, across := range []int{1, stride} {
			along := 1 + stride - across
			size := 7*across + (n-1)*along + 1
			for name, f := range map[string]func(pix []byte, at, across, along int){
				"macroblock": func(pix []byte, at, across, along int) { macroblockEdge(pix, at, across, along, n, p) },
				"block":      func(pix []byte, at, across, along int) { blockEdge(pix, at, across, along, n, p) },
				"chroma macroblock": func(pix []byte, at, across, along int) {
					macroblockEdges(pix[:size], pix, at, across, along, p)
				},
				"chroma block": func(pix []byte, at, across, along int) {
					blockEdges(pix[:size], pix, at, across, along, p)
				},
				"simple": func(pix []byte, at, across, along int) { simpleEdge(pix, at, across, along, p.edge) },
			} {
				if name == "simple" && n == 8 || len(name) > 10 && n == 16 {
					continue
				}
				reach := 4
				if name == "simple" {
					reach = 2
				}
				size := (2*reach-1)*across + (n-1)*along + 1
				whole := make([]byte, 7*stride+15*stride+16)
				f(whole[:size:size], reach*across, across, along)
				if len(name) > 10 {
					continue // the first of the two planes is whole
				}
				if !panics(func() { f(whole[:size-1:size-1], reach*across, across, along) }) {
					t.Errorf("%s edge of %d places, across %d, too short: no panic", name, n, across)
				}
				if !panics(func() { f(whole[:size:size], reach*across-1, across, along) }) {
					t.Errorf("%s edge of %d places, across %d, too early: no panic", name, n, across)
				}
			}
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
