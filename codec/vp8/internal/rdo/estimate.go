package rdo

import (
	"salsify/codec/vp8/internal/entropy"
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
		var above, left token.Context
		rate, any := 0, uint8(0)
		block := func(b, kind, first int, q *quant.Quantizer) {
			var levels [16]int16
			end, _ := q.Quantize(coeffs.Block(b), &levels, first, quant.RoundInter)
			any |= end
			rate += f.Costs.Tokens.Block(kind, token.ContextOf(&above, &left, b), first, end, &levels)
			token.SetContext(&above, &left, b, end)
		}
		kind, first := lumaKind(m.HasY2())
		if m.HasY2() {
			block(token.Y2, entropy.BlockY2, 0, &plan.Y2)
		}
		for b := range token.FirstU {
			block(b, kind, first, &plan.Y1)
		}
		for b := token.FirstU; b < token.Y2; b++ {
			block(b, entropy.BlockChroma, 0, &plan.UV)
		}
		if any != 0 { // else the macroblock is skipped
			total += rate
		}
	}
	return total
}
