package convert

import "image"

// Where luma is in each two bytes of packed 4:2:2; chroma is the other one.
const (
	lumaFirst   = 0 // YUYV
	chromaFirst = 1 // UYVY
)

func fromPacked(dst *image.YCbCr, src []byte, stride, luma int, name string) error {
	to, err := planesOf(dst, "picture to fill")
	if err != nil {
		return err
	}
	from := Plane{src, stride, 4 * to.cb.Width, to.y.Height}
	if err := from.check("pixels", name); err != nil {
		return err
	}
	for y := 0; y < to.y.Height; y += 2 {
		next := min(y+1, to.y.Height-1)
		packedRows(to.y.row(y), to.y.row(next), to.cb.row(y/2), to.cr.row(y/2), from.row(y), from.row(next), luma)
	}
	return nil
}

// packedRowsGo takes two rows of packed 4:2:2 apart: into two rows of luma, and one each of Cb and Cr with the mean of both. Luma
// may be of an odd width; then the last byte of luma in the source is left out.
func packedRowsGo(y0, y1, cb, cr, src0, src1 []byte, luma int) {
	chroma := luma ^ 1
	for i := range cb {
		a, b := src0[4*i:][:4], src1[4*i:][:4]
		y0[2*i], y1[2*i] = a[luma], b[luma]
		if 2*i+1 < len(y0) {
			y0[2*i+1], y1[2*i+1] = a[luma+2], b[luma+2]
		}
		cb[i] = byte((int(a[chroma]) + int(b[chroma]) + 1) / 2)
		cr[i] = byte((int(a[chroma+2]) + int(b[chroma+2]) + 1) / 2)
	}
}

// splitGo puts the bytes of src into a and b by turns.
func splitGo(a, b, src []byte) {
	for i := range a {
		a[i], b[i] = src[2*i], src[2*i+1]
	}
}
