package terminal

import (
	"bytes"
	"image"
	"image/color"

	"github.com/mattn/go-sixel"

	"salsify/codec/convert"
)

// Levels of the colours that sixels have: 252 of the 256 that terminals take. Green gets most, since the eye sees it best.
const redLevels, greenLevels, blueLevels = 6, 7, 6

// sixels draws pictures in sixels (DEC STD 070, 9). The palette is always the same, and what lies between its colours is dithered in
// a fixed pattern, so that what stands still in the picture stands still on the screen: of such rows nothing is sent.
type sixels struct {
	cell image.Point // the size of a character, in pixels

	place   image.Rectangle
	stale   bool
	small   *image.YCbCr
	pixels  []byte
	scaler  convert.Scaler
	shown   []byte         // the colours that the terminal shows, row by row
	now     []byte         // those of the picture
	part    image.Paletted // of it, the rows that changed
	encoded bytes.Buffer
	encoder *sixel.Encoder
}

// forget has the next picture written in whole.
func (s *sixels) forget() { s.stale = true }

// draw appends what makes the terminal show a picture at a place, in characters.
func (s *sixels) draw(out []byte, picture *image.YCbCr, place image.Rectangle) ([]byte, error) {
	width, height := place.Dx()*s.cell.X, place.Dy()*s.cell.Y
	if s.encoder == nil {
		s.encoder = sixel.NewEncoder(&s.encoded)
		s.encoder.Transparent = true // the last of the six rows of sixels may reach below the part
	}
	if s.place != place || len(s.now) != width*height {
		s.place, s.stale = place, true
		s.small = image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		s.pixels = make([]byte, 4*width*height)
		s.shown, s.now = make([]byte, width*height), make([]byte, width*height)
	}
	if err := s.scaler.Scale(s.small, picture); err != nil {
		return out, err
	}
	if err := convert.ToRGB(s.pixels, 4*width, convert.RGBA, s.small, convert.BT601); err != nil {
		return out, err
	}
	dither(s.now, s.pixels, width)

	first, last := 0, place.Dy() // rows of characters
	if !s.stale {
		row := width * s.cell.Y
		for first < last && bytes.Equal(s.now[first*row:][:row], s.shown[first*row:][:row]) {
			first++
		}
		for first < last && bytes.Equal(s.now[(last-1)*row:][:row], s.shown[(last-1)*row:][:row]) {
			last--
		}
	}
	s.shown, s.now, s.stale = s.now, s.shown, false
	if first == last {
		return out, nil
	}
	s.part = image.Paletted{
		Pix: s.shown[first*s.cell.Y*width : last*s.cell.Y*width], Stride: width,
		Rect: image.Rect(0, 0, width, (last-first)*s.cell.Y), Palette: sixelPalette,
	}
	s.encoded.Reset()
	if err := s.encoder.Encode(&s.part); err != nil {
		return out, err
	}
	return append(moveTo(out, place.Min.X, place.Min.Y+first), s.encoded.Bytes()...), nil
}

// sixelPalette are the colours, with red as the most significant.
var sixelPalette = func() (p color.Palette) {
	level := func(i, levels int) uint8 { return uint8((i*255 + (levels-1)/2) / (levels - 1)) }
	for red := range redLevels {
		for green := range greenLevels {
			for blue := range blueLevels {
				p = append(p, color.RGBA{level(red, redLevels), level(green, greenLevels), level(blue, blueLevels), 255})
			}
		}
	}
	return p
}()

// ditherSide is the side of the pattern of thresholds. Each shade that it can make is one in 16 between two levels.
const ditherSide = 4

// ditherLevels has, for each place in the pattern and each value of a colour, its level times what it counts in a number of the palette.
var ditherLevels = func() (t [ditherSide * ditherSide][3][256]byte) {
	// Bayer's order: each next threshold lies as far from those before as can be.
	order := [ditherSide * ditherSide]int{0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5}
	weights := [3]int{greenLevels * blueLevels, blueLevels, 1}
	for at, nth := range order {
		for c, levels := range [3]int{redLevels, greenLevels, blueLevels} {
			for v := range 256 {
				// The threshold is (nth + 1/2) / 16 of a step.
				t[at][c][v] = byte((v*(levels-1)*2*len(order) + (2*nth+1)*255) / (255 * 2 * len(order)) * weights[c])
			}
		}
	}
	return t
}()

// dither makes numbers of the palette of pixels of RGBA.
func dither(to, pixels []byte, width int) {
	for y := 0; len(to) >= width; y++ {
		row, from := to[:width], pixels[:4*width]
		for x := range row {
			levels := &ditherLevels[y%ditherSide*ditherSide+x%ditherSide]
			row[x] = levels[0][from[4*x]] + levels[1][from[4*x+1]] + levels[2][from[4*x+2]]
		}
		to, pixels = to[width:], pixels[4*width:]
	}
}
