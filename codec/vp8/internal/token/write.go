package token

import "salsify/codec/vp8/internal/boolcoder"

// End finds a block's end: the coding position after its last coefficient that is not zero, or 0.
func End(c *[16]int16) uint8 {
	for n := 15; n >= 0; n-- {
		if c[ZigZag[n]] != 0 {
			return uint8(n + 1)
		}
	}
	return 0
}

// ContextOf gives the context of a block.
func ContextOf(above, left *Context, b int) int {
	return int(above[aboveIndex[b]] + left[leftIndex[b]])
}

// SetContext says of a block whether it has tokens.
func SetContext(above, left *Context, b int, end uint8) {
	above[aboveIndex[b]] = min(end, 1)
	left[leftIndex[b]] = min(end, 1)
}

// tree is the part of the token tree behind the end-of-block flag; its probabilities are those from index 1 on.
var tree = []int8{-0, 2, -1, 4, 6, 10, -2, 8, -3, -4, 12, 14, -cat1, -cat2, 16, 18, -cat3, -(cat3 + 1), -(cat3 + 2), -cat6}

var paths = boolcoder.Paths(tree, numTokens)
