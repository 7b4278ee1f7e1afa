//go:build !amd64 || noasm

package loopfilter

func simpleEdge(pix []byte, at, across, along int, limit int32) {
	simpleEdgeGo(pix, at, across, along, limit)
}

func macroblockEdge(pix []byte, at, across, along, n int, p *params) {
	macroblockEdgeGo(pix, at, across, along, n, p)
}

func macroblockEdges(u, v []byte, at, across, along int, p *params) {
	macroblockEdgesGo(u, v, at, across, along, p)
}

func blockEdge(pix []byte, at, across, along, n int, p *params) {
	blockEdgeGo(pix, at, across, along, n, p)
}

func blockEdges(u, v []byte, at, across, along int, p *params) {
	blockEdgesGo(u, v, at, across, along, p)
}

func normalMacroblock(b *block, p *params, which edges) { normalEdges(b, p, which) }
func simpleMacroblock(b *block, p *params, which edges) { simpleEdges(b, p, which) }
