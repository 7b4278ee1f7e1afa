package rdo

import (
	"salsify/codec/vp8/internal/quant"
	"salsify/codec/vp8/internal/token"
)

// EstimateTokens is about what the tokens of every n-th macroblock would take, in 1/256 bit, if the coefficients that the last
// pass kept were quantized with these plans.
func (f *Frame) EstimateTokens(plans *[4]Plan, every int) int {
	total := 0
	for i := every / 2; i < len(f.Kept); i += every {
		m := f.Modes.At(i%f.Modes.Cols, i/f.Modes.Cols)
		plan := &plans[m.Segment]
		coeffs := &f.Kept[i]
		var levels token.Coeffs
		var ends token.Ends
		hasY2 := m.HasY2()
		_, first := lumaKind(hasY2)
		plan.Y1.QuantizeBlocks(coeffs[:], levels[:], ends[:token.FirstU], first, quant.RoundInter)
		const chroma = 16 * token.FirstU
		plan.UV.QuantizeBlocks(coeffs[chroma:], levels[chroma:], ends[token.FirstU:token.Y2], 0, quant.RoundInter)
		if hasY2 {
			ends[token.Y2], _ = plan.Y2.Quantize(coeffs.Block(token.Y2), levels.Block(token.Y2), 0, quant.RoundInter)
		}
		if ends != (token.Ends{}) { // else the macroblock is skipped
			var above, left token.Context
			total += f.Costs.Tokens.Luma(&above, &left, hasY2, &levels, &ends) + f.Costs.Tokens.Chroma(&above, &left, &levels, &ends)
		}
	}
	return total
}
