package v4l2

import (
	"bytes"
	"fmt"
	"image"

	"github.com/gen2brain/jpegn"

	"salsify/codec/convert"
)

// decodeJPEG decodes a picture of a stream of JPEGs into dst, which has its size. What comes over a cable is not to be trusted: the
// header is checked before the decoder takes memory, and a picture without an end is refused, for half of it would be grey.
//
// JPEG is of full range (JFIF 1.02); the result is of limited range, as all pictures here are.
func decodeJPEG(dst *image.YCbCr, data []byte) error {
	width, height := dst.Rect.Dx(), dst.Rect.Dy()
	if err := checkJPEG(data, width, height); err != nil {
		return err
	}
	decoded, err := jpegn.Decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPicture, err)
	}
	if decoded.Bounds() != image.Rect(0, 0, width, height) {
		return fmt.Errorf("%w: its size is %v", ErrPicture, decoded.Bounds().Size())
	}
	switch p := decoded.(type) {
	case *image.YCbCr:
		fromYCbCr(dst, p)
	case *image.Gray:
		mapRows(dst.Y, dst.YStride, p.Pix, p.Stride, width, height, &limitLuma)
		fillRows(dst.Cb, dst.CStride, (width+1)/2, (height+1)/2, 128)
		fillRows(dst.Cr, dst.CStride, (width+1)/2, (height+1)/2, 128)
	case *image.RGBA: // of red, green and blue, or with factors of subsampling that have no name
		return convert.FromRGB(dst, p.Pix, p.Stride, convert.RGBA, convert.BT601)
	default:
		return fmt.Errorf("%w: a JPEG of %T", ErrPicture, decoded)
	}
	return nil
}

func fillRows(dst []byte, stride, width, height int, value byte) {
	for y := range height {
		row := dst[y*stride:][:width]
		for x := range row {
			row[x] = value
		}
	}
}

// fromYCbCr takes a picture of any subsampling and of full range. Chroma is the mean of what lies on four pixels.
func fromYCbCr(dst, src *image.YCbCr) {
	width, height := dst.Rect.Dx(), dst.Rect.Dy()
	chromaWidth, chromaHeight := (width+1)/2, (height+1)/2
	mapRows(dst.Y, dst.YStride, src.Y, src.YStride, width, height, &limitLuma)
	for _, c := range [2]struct{ dst, src []byte }{{dst.Cb, src.Cb}, {dst.Cr, src.Cr}} {
		switch src.SubsampleRatio {
		case image.YCbCrSubsampleRatio420:
			mapRows(c.dst, dst.CStride, c.src, src.CStride, chromaWidth, chromaHeight, &limitChroma)
		case image.YCbCrSubsampleRatio422: // what most cameras send
			for y := range chromaHeight {
				meanOfTwo(c.dst[y*dst.CStride:][:chromaWidth], c.src[2*y*src.CStride:], c.src[min(2*y+1, height-1)*src.CStride:])
			}
		default:
			for y := range chromaHeight {
				for x := range chromaWidth {
					left, right, top, bottom := 2*x, min(2*x+1, width-1), 2*y, min(2*y+1, height-1)
					sum := int(c.src[src.COffset(left, top)]) + int(c.src[src.COffset(right, top)]) +
						int(c.src[src.COffset(left, bottom)]) + int(c.src[src.COffset(right, bottom)])
					c.dst[y*dst.CStride+x] = limitChroma[(sum+2)/4]
				}
			}
		}
	}
}

// meanOfTwo makes a row of chroma of two, rounded up from halves as package convert does.
func meanOfTwo(dst, upper, lower []byte) {
	upper, lower = upper[:len(dst)], lower[:len(dst)]
	for x := range dst {
		dst[x] = limitChroma[(int(upper[x])+int(lower[x])+1)/2]
	}
}

// Markers of JPEG (ITU-T T.81, table B.1), the second of their two bytes; the first is 0xff.
const (
	markerStart     = 0xd8 // SOI
	markerEnd       = 0xd9 // EOI
	markerScan      = 0xda // SOS
	markerBaseline  = 0xc0 // SOF0
	markerExtended  = 0xc1 // SOF1
	markerFrameLast = 0xcf
	markerTables    = 0xc4 // DHT, in the middle of the SOFs, as the next two are
	markerReserved  = 0xc8 // JPG
	markerArith     = 0xcc // DAC
	fill            = 0xff
)

// checkJPEG tells whether data is a sequential JPEG of this size, with an end, as far as can be said without decoding.
func checkJPEG(data []byte, width, height int) error {
	if len(data) < 2 || data[0] != fill || data[1] != markerStart {
		return fmt.Errorf("%w: it is not a JPEG", ErrPicture)
	}
	sized := false
	for at := 2; ; {
		for at+1 < len(data) && data[at] == fill && data[at+1] == fill { // any number may stand before a marker
			at++
		}
		if at+4 > len(data) || data[at] != fill {
			return fmt.Errorf("%w: the header of its JPEG ends at byte %d", ErrPicture, at)
		}
		marker, length := data[at+1], int(data[at+2])<<8|int(data[at+3])
		body := data[at+4:]
		if length < 2 || length-2 > len(body) {
			return fmt.Errorf("%w: the header of its JPEG is cut short", ErrPicture)
		}
		body = body[:length-2]
		at += 2 + length
		switch {
		case marker == markerTables || marker == markerReserved || marker == markerArith: // among the frames by number only
		case marker == markerBaseline || marker == markerExtended:
			const precision, heightAt, widthAt, fixed = 0, 1, 3, 6
			if len(body) < fixed || sized {
				return fmt.Errorf("%w: its JPEG has no one size", ErrPicture)
			}
			h, w := int(body[heightAt])<<8|int(body[heightAt+1]), int(body[widthAt])<<8|int(body[widthAt+1])
			if w != width || h != height || body[precision] != 8 {
				return fmt.Errorf("%w: its JPEG is %dx%d of %d bits, not %dx%d of 8", ErrPicture, w, h, body[precision], width, height)
			}
			sized = true
		case marker >= markerBaseline && marker <= markerFrameLast:
			// Progressive and others: no camera sends them, and they take much more memory and time.
			return fmt.Errorf("%w: its JPEG is of kind %#x, which no camera sends", ErrPicture, marker)
		case marker == markerScan:
			if !sized {
				return fmt.Errorf("%w: its JPEG has no size", ErrPicture)
			}
			if bytes.LastIndex(data[at:], []byte{fill, markerEnd}) < 0 {
				return fmt.Errorf("%w: its JPEG is cut short after %d bytes", ErrPicture, len(data))
			}
			return nil
		}
	}
}
