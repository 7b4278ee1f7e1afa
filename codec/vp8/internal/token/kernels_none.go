//go:build !amd64 || noasm

package token

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

func read(r *boolcoder.Reader, probs *entropy.CoeffProbs, above, left *Context, hasY2 bool, c *Coeffs, ends *Ends) bool {
	return readGo(r, probs, above, left, hasY2, c, ends)
}

func (c *Costs) luma(kind, first int, above, left *Context, levels *Coeffs, ends *Ends) int {
	return c.lumaGo(kind, first, above, left, levels, ends)
}

func (c *Costs) chroma(above, left *Context, levels *Coeffs, ends *Ends) int {
	return c.chromaGo(above, left, levels, ends)
}
