package quant

// Dequantize multiplies a block's coefficients with their steps.
func Dequantize(c *[16]int16, steps [2]int16) {
	c[0] *= steps[0]
	for i := 1; i < 16; i++ {
		c[i] *= steps[1]
	}
}
