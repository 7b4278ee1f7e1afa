//go:build amd64 && !noasm

package loopfilter

import "salsify/codec/internal/simd"

// Kernels take 8 places of an edge from each of two addresses: the halves of an edge of luma, an edge of U and the same one of V,
// or, of an edge that is only 8 places long, twice the same, which does it no harm.
const half = 8

// maxLimit is the highest limit that a kernel can tell from what saturates. No level has one as high.
const maxLimit = 254

// check panics unless all pixels of half an edge are within pix, and gives the address of its first place. Assembly sees
// neither lengths nor capacities.
func check(pix []byte, at, across, along, reach int) *byte {
	_ = pix[at-reach*across:][:(2*reach-1)*across+(half-1)*along+1]
	return &pix[at]
}

// kernel is a kernel of the normal filters.
type kernel func(a *byte, b *byte, stride int, edge int, interior int, highVar int)

// filter runs the kernel for an edge whose halves start at u[at] and v[bt], or tells that there is none.
func filter(u []byte, at int, v []byte, bt, across, along int, edge int32, p *params, upright, lying kernel) bool {
	stride, k := along, upright
	if across != 1 {
		stride, k = across, lying
	}
	if across != 1 && along != 1 ||
		uint32(edge) > maxLimit || uint32(p.interior) > maxLimit || uint32(p.highVar) > maxLimit {
		return false
	}
	a, b := check(u, at, across, along, normalReach), check(v, bt, across, along, normalReach)
	k(a, b, stride, int(edge), int(p.interior), int(p.highVar))
	return true
}

func macroblockEdge(pix []byte, at, across, along, n int, p *params) {
	if n != half && n != 2*half ||
		!filter(pix, at, pix, at+(n-half)*along, across, along, p.edge, p, macroblockUpright, macroblockLying) {
		macroblockEdgeGo(pix, at, across, along, n, p)
	}
}

func macroblockEdges(u, v []byte, at, across, along int, p *params) {
	if !filter(u, at, v, at, across, along, p.edge, p, macroblockUpright, macroblockLying) {
		macroblockEdgesGo(u, v, at, across, along, p)
	}
}

func blockEdge(pix []byte, at, across, along, n int, p *params) {
	if n != half && n != 2*half ||
		!filter(pix, at, pix, at+(n-half)*along, across, along, p.subEdge, p, blockUpright, blockLying) {
		blockEdgeGo(pix, at, across, along, n, p)
	}
}

func blockEdges(u, v []byte, at, across, along int, p *params) {
	if !filter(u, at, v, at, across, along, p.subEdge, p, blockUpright, blockLying) {
		blockEdgesGo(u, v, at, across, along, p)
	}
}

func simpleEdge(pix []byte, at, across, along int, limit int32) {
	if across != 1 && along != 1 || uint32(limit) > maxLimit {
		simpleEdgeGo(pix, at, across, along, limit)
		return
	}
	a, b := check(pix, at, across, along, simpleReach), check(pix, at+half*along, across, along, simpleReach)
	if across == 1 {
		simpleUpright(a, b, along, int(limit))
	} else {
		simpleLying(a, b, across, int(limit))
	}
}

// normalMacroblock is normalEdges, in one call where the CPU can.
func normalMacroblock(b *block, p *params, which edges) {
	switch {
	case !simd.Has[simd.AVX2]:
		normalEdges(b, p, which)
	case b.u == nil:
		lumaAVX2(b, p, which)
	default:
		normalAVX2(b.checkLuma(which), b.checkChroma(b.u, which), b.checkChroma(b.v, which), b.stride, b.chromaStride,
			&p.edge, int(which))
	}
}

// simpleMacroblock is simpleEdges, in one call where the CPU can and it pays.
func simpleMacroblock(b *block, p *params, which edges) {
	if simd.Has[simd.AVX2] && which&innerEdges != 0 {
		simpleAVX2(b.checkLuma(which), b.stride, &p.edge, int(which))
	} else {
		simpleEdges(b, p, which)
	}
}

// lumaAVX2 filters a macroblock of luma, and with it chroma that is not the picture's: flat, so that it stays.
func lumaAVX2(b *block, p *params, which edges) {
	const stride = normalReach + chromaPlaces
	var flat [stride * stride]byte
	chroma := &flat[normalReach*stride+normalReach]
	normalAVX2(b.checkLuma(which), chroma, chroma, b.stride, stride, &p.edge, int(which))
}

// checkLuma panics unless all pixels that the edges' filters look at are there, and gives the address of the first one of the
// macroblock. checkChroma does it for a chroma plane.
func (b *block) checkLuma(which edges) *byte {
	return checkBlock(b.y, b.at, b.stride, lumaPlaces, which)
}

func (b *block) checkChroma(plane []byte, which edges) *byte {
	return checkBlock(plane, b.chromaAt, b.chromaStride, chromaPlaces, which)
}

func checkBlock(pix []byte, at, stride, size int, which edges) *byte {
	first := at
	if which&leftEdge != 0 {
		first -= normalReach
	}
	if which&topEdge != 0 {
		first = min(first, at-normalReach*stride)
	}
	_ = pix[first:][:at-first+(size-1)*stride+size]
	return &pix[at]
}
