//go:build !amd64 || noasm

package quant

func (q *Quantizer) quantizeBlocks(c, levels []int16, ends []uint8, first, rounding int) (squaredError int) {
	return q.quantizeBlocksGo(c, levels, ends, first, rounding)
}
