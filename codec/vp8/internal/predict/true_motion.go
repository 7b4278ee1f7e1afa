package predict

// trueMotionGo predicts a size x size block as Intra does in the mode TMPred.
func trueMotionGo(dst []byte, dstStride int, pix []byte, at, stride, size int) {
	above := pix[at-stride : at-stride+size]
	corner := int32(pix[at-stride-1])
	for y := range size {
		l := int32(pix[at+y*stride-1]) - corner
		row := dst[y*dstStride:][:len(above)]
		for x, a := range above {
			row[x] = clip(l + int32(a))
		}
	}
}
