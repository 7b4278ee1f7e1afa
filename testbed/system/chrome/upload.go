package chrome

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math"

	"salsify/capture/barcode"
	"salsify/testbed/clip"
)

const (
	// cellsPerCode is how many cells a code has, in codeColumns columns; page.js gives the luma of each (package capture/barcode
	// has the layout).
	codeColumns  = 20
	cellsPerCode = 80
	// sightingBytes is what page.js uploads for a picture: see its sightingBytes.
	sightingBytes = 8 + 8 + 2 + 2 + 2*cellsPerCode
	// mostSightings is 4 hours at 60 pictures a second; page.js stops there.
	mostSightings = 1 << 20
	// mostPixels is how wide and high a picture may be: what VP8 allows.
	mostPixels = 1<<14 - 1
)

// errUpload: what a page uploaded is not what page.js uploads.
var errUpload = errors.New("a page's upload is damaged")

// sighting is a picture that a page saw.
type sighting struct {
	pageMs        float64 // when: the page's clock, in milliseconds
	capturedMs    float64 // when a camera took it, by the browser's monotonic clock; of no use for what was received
	width, height int
	code          clip.Sighting
}

// parseSightings reads what page.js uploads as "sightings". Errors wrap errUpload.
func parseSightings(data []byte) ([]sighting, error) {
	if len(data)%sightingBytes != 0 || len(data)/sightingBytes > mostSightings {
		return nil, fmt.Errorf("%w: sightings of %d bytes, each has %d", errUpload, len(data), sightingBytes)
	}
	var codes codeReader
	sightings := make([]sighting, 0, len(data)/sightingBytes)
	for ; len(data) > 0; data = data[sightingBytes:] {
		s := sighting{
			pageMs:     math.Float64frombits(binary.LittleEndian.Uint64(data)),
			capturedMs: math.Float64frombits(binary.LittleEndian.Uint64(data[8:])) / 1000,
			width:      int(binary.LittleEndian.Uint16(data[16:])),
			height:     int(binary.LittleEndian.Uint16(data[18:])),
			code:       codes.read(data[20:][:cellsPerCode], data[20+cellsPerCode:][:cellsPerCode]),
		}
		// A clock beyond these bounds would overflow a time.Duration.
		const mostMs = 1e13 // in 2286
		if !(s.pageMs >= 0 && s.pageMs < mostMs && math.Abs(s.capturedMs) < mostMs) {
			return nil, fmt.Errorf("%w: sighting %d was at %g ms", errUpload, len(sightings), s.pageMs)
		}
		if s.width > mostPixels || s.height > mostPixels {
			return nil, fmt.Errorf("%w: sighting %d is of %dx%d pixels", errUpload, len(sightings), s.width, s.height)
		}
		sightings = append(sightings, s)
	}
	return sightings, nil
}

// codeReader reads the number of a picture of which only the luma of its codes' cells is known.
type codeReader struct{ reader clip.AreaReader }

// read draws the cells as they are in the smallest picture that carries codes, two pixels wide and high, and reads that.
func (r *codeReader) read(upper, lower []byte) clip.Sighting {
	const cell = barcode.MinWidth / 80 // pixels
	var areas [2]clip.Luma
	for i, cells := range [2][]byte{upper, lower} {
		areas[i] = clip.Luma{Pix: make([]byte, len(cells)*cell*cell), Stride: codeColumns * cell}
		for n, luma := range cells {
			x, y := n%codeColumns*cell, n/codeColumns*cell
			for pixel := range cell * cell {
				areas[i].Pix[(y+pixel/cell)*areas[i].Stride+x+pixel%cell] = luma
			}
		}
	}
	return r.reader.Number(barcode.MinWidth, barcode.MinHeight, areas[0], areas[1])
}

// parsePicture makes a picture of the luma that page.js uploads of one: row after row, without gaps. It has no chroma, which
// nothing is measured of. Errors wrap errUpload.
func parsePicture(width, height int, luma []byte) (*image.YCbCr, error) {
	if width < 1 || height < 1 || width > mostPixels || height > mostPixels {
		return nil, fmt.Errorf("%w: a picture of %dx%d pixels", errUpload, width, height)
	}
	if len(luma) != width*height {
		return nil, fmt.Errorf("%w: the luma of a picture of %dx%d in %d bytes", errUpload, width, height, len(luma))
	}
	return &image.YCbCr{
		Y: luma, YStride: width, SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, width, height),
	}, nil
}
