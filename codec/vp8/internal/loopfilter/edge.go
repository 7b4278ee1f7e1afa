package loopfilter

//go:generate go run -C ../_generate . loopfilter

// The edge filters. An edge lies between pix[at-across] and pix[at]; its n places are along apart. Pixels are named as in the
// RFC: p3 p2 p1 p0 | q0 q1 q2 q3. The functions whose name ends in Go define what kernels in assembly do 16 places at a time.

func abs(v int32) int32 {
	m := v >> 31
	return (v ^ m) - m
}

// clampS keeps a value within a signed byte.
func clampS(v int32) int32 {
	if uint32(v+128) > 255 {
		if v < 0 {
			return -128
		}
		return 127
	}
	return v
}

// signed and pixel turn a pixel into the signed value that the filters work on, and back.
func signed(p byte) int32 { return int32(p) - 128 }
func pixel(v int32) byte  { return byte(clampS(v) + 128) }

// common adjusts the two pixels at the edge by a filter value and returns the adjustment of q0 (section 15.2).
func common(pix []byte, ip0, iq0 int, a, p0, q0 int32) int32 {
	f1 := min(a+4, 127) >> 3
	f2 := min(a+3, 127) >> 3
	pix[iq0] = pixel(q0 - f1)
	pix[ip0] = pixel(p0 + f2)
	return f1
}

// simpleEdgeGo filters 16 places of a luma edge (section 15.2).
func simpleEdgeGo(pix []byte, at, across, along int, limit int32) {
	for range 16 {
		p1, p0, q0, q1 := signed(pix[at-2*across]), signed(pix[at-across]), signed(pix[at]), signed(pix[at+across])
		if abs(p0-q0)*2+abs(p1-q1)>>1 <= limit {
			common(pix, at-across, at, clampS(clampS(p1-q1)+3*(q0-p0)), p0, q0)
		}
		at += along
	}
}

// macroblockEdgeGo filters the edge between two macroblocks (section 15.3).
func macroblockEdgeGo(pix []byte, at, across, along, n int, p *params) {
	edge, interior, highVar := p.edge, p.interior, p.highVar
	for ; n > 0; n-- {
		p3, p2, p1, p0 := signed(pix[at-4*across]), signed(pix[at-3*across]), signed(pix[at-2*across]), signed(pix[at-across])
		q0, q1, q2, q3 := signed(pix[at]), signed(pix[at+across]), signed(pix[at+2*across]), signed(pix[at+3*across])
		dp, dq := abs(p1-p0), abs(q1-q0)
		if abs(p0-q0)*2+abs(p1-q1)>>1 <= edge && dp <= interior && dq <= interior &&
			abs(p3-p2) <= interior && abs(p2-p1) <= interior && abs(q2-q1) <= interior && abs(q3-q2) <= interior {
			w := clampS(clampS(p1-q1) + 3*(q0-p0))
			if dp > highVar || dq > highVar {
				common(pix, at-across, at, w, p0, q0)
			} else {
				a := clampS((27*w + 63) >> 7)
				pix[at] = pixel(q0 - a)
				pix[at-across] = pixel(p0 + a)
				a = clampS((18*w + 63) >> 7)
				pix[at+across] = pixel(q1 - a)
				pix[at-2*across] = pixel(p1 + a)
				a = clampS((9*w + 63) >> 7)
				pix[at+2*across] = pixel(q2 - a)
				pix[at-3*across] = pixel(p2 + a)
			}
		}
		at += along
	}
}

// blockEdgeGo filters the edge between two blocks of a macroblock (section 15.3).
func blockEdgeGo(pix []byte, at, across, along, n int, p *params) {
	edge, interior, highVar := p.subEdge, p.interior, p.highVar
	for ; n > 0; n-- {
		p3, p2, p1, p0 := signed(pix[at-4*across]), signed(pix[at-3*across]), signed(pix[at-2*across]), signed(pix[at-across])
		q0, q1, q2, q3 := signed(pix[at]), signed(pix[at+across]), signed(pix[at+2*across]), signed(pix[at+3*across])
		dp, dq := abs(p1-p0), abs(q1-q0)
		if abs(p0-q0)*2+abs(p1-q1)>>1 <= edge && dp <= interior && dq <= interior &&
			abs(p3-p2) <= interior && abs(p2-p1) <= interior && abs(q2-q1) <= interior && abs(q3-q2) <= interior {
			if dp > highVar || dq > highVar {
				common(pix, at-across, at, clampS(clampS(p1-q1)+3*(q0-p0)), p0, q0)
			} else {
				a := (common(pix, at-across, at, clampS(3*(q0-p0)), p0, q0) + 1) >> 1
				pix[at+across] = pixel(q1 - a)
				pix[at-2*across] = pixel(p1 + a)
			}
		}
		at += along
	}
}

// Pixels on each side of an edge that the filters look at.
const (
	normalReach = 4
	simpleReach = 2
)

// How long a macroblock's edges are, in luma and in the chroma planes.
const (
	lumaPlaces   = 16
	chromaPlaces = 8
)

// macroblockEdgesGo and blockEdgesGo filter the same edge in two planes.
func macroblockEdgesGo(u, v []byte, at, across, along int, p *params) {
	macroblockEdgeGo(u, at, across, along, chromaPlaces, p)
	macroblockEdgeGo(v, at, across, along, chromaPlaces, p)
}

func blockEdgesGo(u, v []byte, at, across, along int, p *params) {
	blockEdgeGo(u, at, across, along, chromaPlaces, p)
	blockEdgeGo(v, at, across, along, chromaPlaces, p)
}

// block is a macroblock of a picture. Its first pixels are y[at], u[chromaAt] and v[chromaAt]. Without u and v it is only luma.
type block struct {
	y                      []byte
	at, stride             int
	u, v                   []byte
	chromaAt, chromaStride int
}

// edges are those edges of a macroblock that are filtered.
type edges int

const (
	leftEdge   edges = 1 << iota // towards the macroblock at the left
	topEdge                      // towards the one above
	innerEdges                   // between its blocks
)

// normalEdges filters a macroblock, the upright edges first (section 15.3).
func normalEdges(b *block, p *params, which edges) {
	luma := [...]direction{{leftEdge, 1, b.stride}, {topEdge, b.stride, 1}}
	chroma := [...]direction{{leftEdge, 1, b.chromaStride}, {topEdge, b.chromaStride, 1}}
	for i := range luma {
		d := &luma[i]
		if which&d.outer != 0 {
			macroblockEdge(b.y, b.at, d.across, d.along, lumaPlaces, p)
		}
		if which&innerEdges != 0 {
			for x := 4; x < lumaPlaces; x += 4 {
				blockEdge(b.y, b.at+x*d.across, d.across, d.along, lumaPlaces, p)
			}
		}
		if b.u == nil {
			continue
		}
		d = &chroma[i]
		if which&d.outer != 0 {
			macroblockEdges(b.u, b.v, b.chromaAt, d.across, d.along, p)
		}
		if which&innerEdges != 0 {
			blockEdges(b.u, b.v, b.chromaAt+4*d.across, d.across, d.along, p)
		}
	}
}

// simpleEdges filters a macroblock with the simple filter, which leaves chroma alone (section 15.2).
func simpleEdges(b *block, p *params, which edges) {
	for _, d := range [...]direction{{leftEdge, 1, b.stride}, {topEdge, b.stride, 1}} {
		if which&d.outer != 0 {
			simpleEdge(b.y, b.at, d.across, d.along, p.edge)
		}
		if which&innerEdges != 0 {
			for x := 4; x < lumaPlaces; x += 4 {
				simpleEdge(b.y, b.at+x*d.across, d.across, d.along, p.subEdge)
			}
		}
	}
}

// direction is one of the two in which edges run.
type direction struct {
	outer         edges // the edge towards another macroblock
	across, along int
}
