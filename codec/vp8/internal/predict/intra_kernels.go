//go:build amd64 && !noasm

package predict

import (
	"salsify/codec/internal/simd"
	"salsify/codec/vp8/internal/entropy"
)

// intra is Intra: kernels do the usual sizes, unless neighbours are not to be counted.
func intra(dst []byte, dstStride int, pix []byte, at, stride, size int, mode uint8, hasAbove, hasLeft bool) {
	if size != 16 && size != 8 || mode == entropy.DCPred && !(hasAbove && hasLeft) {
		intraGo(dst, dstStride, pix, at, stride, size, mode, hasAbove, hasLeft)
		return
	}
	corner := cornerOf(dst, dstStride, pix, at, stride, size)
	switch {
	case size == 16 && mode == entropy.DCPred:
		intraDC16(&dst[0], dstStride, &corner[0], stride)
	case size == 16 && mode == entropy.VPred:
		intraV16(&dst[0], dstStride, &corner[0], stride)
	case size == 16 && mode == entropy.HPred:
		intraH16(&dst[0], dstStride, &corner[0], stride)
	case size == 16 && mode == entropy.TMPred:
		intraTM16(&dst[0], dstStride, &corner[0], stride)
	case mode == entropy.DCPred:
		intraDC8(&dst[0], dstStride, &corner[0], stride)
	case mode == entropy.VPred:
		intraV8(&dst[0], dstStride, &corner[0], stride)
	case mode == entropy.HPred:
		intraH8(&dst[0], dstStride, &corner[0], stride)
	case mode == entropy.TMPred:
		intraTM8(&dst[0], dstStride, &corner[0], stride)
	}
}

func intra4x4All(out *[entropy.NumBModes][16]byte, e *Edge) {
	if simd.Has[simd.AVX2] {
		intra4x4AllAVX2(out, (*[13]byte)(e))
	} else {
		intra4x4AllGo(out, e)
	}
}
