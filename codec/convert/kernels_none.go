//go:build !amd64 || noasm

package convert

func packedRows(y0, y1, cb, cr, src0, src1 []byte, luma int) {
	packedRowsGo(y0, y1, cb, cr, src0, src1, luma)
}

func split(a, b, src []byte) { splitGo(a, b, src) }

func rgbRows(y0, y1, cb, cr, src0, src1 []byte, pixelBytes int, f *fromRGB) {
	rgbRowsGo(y0, y1, cb, cr, src0, src1, pixelBytes, f)
}

func toRGBRow(dst, y, first, second []byte, f *toRGB) { toRGBRowGo(dst, y, first, second, f) }

func halveRow(dst, src0, src1 []byte) { halveRowGo(dst, src0, src1) }

func quarterRow(dst, src []byte, stride int) { quarterRowGo(dst, src, stride) }

func weighRows(out []int16, src []byte, stride int, weights []int32) {
	weighRowsGo(out, src, stride, weights)
}

func weighColumns(out []byte, row []int16, a *axis) { weighColumnsGo(out, row, a, 0) }
