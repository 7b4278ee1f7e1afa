package convert

import (
	"errors"
	"image"
	"testing"
)

// FuzzArguments gives any sizes, strides and lengths. What is refused is refused with an error of the package, what is there is
// not.
func FuzzArguments(f *testing.F) {
	f.Add(uint8(0), int16(5), int16(3), int16(5), int16(3), int32(12), uint16(15), uint16(6), uint16(36), int8(0), int8(0))
	f.Add(uint8(3), int16(33), int16(3), int16(40), int16(20), int32(150), uint16(120), uint16(40), uint16(500), int8(3), int8(1))
	f.Add(uint8(5), int16(64), int16(2), int16(64), int16(32), int32(64), uint16(128), uint16(32), uint16(128), int8(1), int8(0))
	f.Fuzz(func(t *testing.T, which uint8, width, height, yStride, cStride int16, stride int32, yLen, cLen, srcLen uint16,
		order, matrix int8) {
		p := &image.YCbCr{
			Y: make([]byte, yLen), Cb: make([]byte, cLen), Cr: make([]byte, cLen), YStride: int(yStride), CStride: int(cStride),
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rectangle{Max: image.Pt(int(width), int(height))},
		}
		src := make([]byte, srcLen)
		// there tells whether rows are there, in numbers that cannot overflow.
		there := func(n int, stride, width, height int64) bool {
			return stride >= width && (height-1)*stride+width <= int64(n)
		}
		w, h, s := int64(width), int64(height), int64(stride)
		good := w > 0 && h > 0 && w <= MaxSize && h <= MaxSize &&
			there(len(p.Y), int64(yStride), w, h) && there(len(p.Cb), int64(cStride), (w+1)/2, (h+1)/2)
		known := matrix == int8(BT601) || matrix == int8(BT709)
		var err error
		switch which % 6 {
		case 0:
			err = FromYUYV(p, src, int(s))
			good = good && there(len(src), s, (w+1)/2*4, h)
		case 1:
			err = FromUYVY(p, src, int(s))
			good = good && there(len(src), s, (w+1)/2*4, h)
		case 2:
			err = FromNV12(p, src, int(s), src, int(s))
			good = good && there(len(src), s, w, h) && there(len(src), s, (w+1)/2*2, (h+1)/2)
		case 3:
			n := int64(3)
			if order >= int8(RGBA) {
				n = 4
			}
			err = FromRGB(p, src, int(s), Order(order), Matrix(matrix))
			good = good && known && order >= 0 && order <= int8(BGRA) && there(len(src), s, n*w, h)
		case 4:
			err = ToRGB(src, int(s), Order(order), p, Matrix(matrix))
			good = good && known && (order == int8(RGBA) || order == int8(BGRA)) && there(len(src), s, 4*w, h)
		case 5:
			scaler := Scaler{Filter: Filter(matrix)}
			err = scaler.ScalePlane(Plane{src, int(s), int(order), int(order)}, Plane{p.Y, int(yStride), int(width), int(height)})
			good = known && w > 0 && h > 0 && w <= MaxSize && h <= MaxSize && there(len(p.Y), int64(yStride), w, h) &&
				order > 0 && there(len(src), s, int64(order), int64(order))
		}
		if good != (err == nil) {
			t.Fatalf("error %v, but the arguments are good: %v", err, good)
		}
		if err != nil && !errors.Is(err, ErrSize) && !errors.Is(err, ErrPixels) && !errors.Is(err, ErrFormat) {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}
