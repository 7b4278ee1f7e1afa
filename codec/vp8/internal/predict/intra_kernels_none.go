//go:build !amd64 || noasm

package predict

import "salsify/codec/vp8/internal/entropy"

func intra(dst []byte, dstStride int, pix []byte, at, stride, size int, mode uint8, hasAbove, hasLeft bool) {
	intraGo(dst, dstStride, pix, at, stride, size, mode, hasAbove, hasLeft)
}

func intra4x4All(out *[entropy.NumBModes][16]byte, e *Edge) { intra4x4AllGo(out, e) }
