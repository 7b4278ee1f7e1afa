//go:build !amd64 || noasm

package token

func (c *Costs) luma(kind, first int, above, left *Context, levels *Coeffs, ends *Ends) int {
	return c.lumaGo(kind, first, above, left, levels, ends)
}

func (c *Costs) chroma(above, left *Context, levels *Coeffs, ends *Ends) int {
	return c.chromaGo(above, left, levels, ends)
}
