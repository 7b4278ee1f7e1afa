package window

import (
	"image"
	"image/color"
	"image/draw"
	"slices"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// fonts are made once a size.
var fonts sync.Map // of float64 to font.Face

func face(size float64) font.Face {
	if f, ok := fonts.Load(size); ok {
		return f.(font.Face)
	}
	parsed, err := opentype.Parse(gomono.TTF)
	if err != nil {
		panic(err) // it is a part of the program
	}
	f, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(err)
	}
	fonts.Store(size, f)
	return f
}

// sheet is lines of text, drawn. It is drawn anew only when they change.
type sheet struct {
	lines []string
	size  float64
	image *image.RGBA // nil: nothing
}

// Colours of text and what is behind it: readable on any picture.
var (
	ink    = color.RGBA{R: 240, G: 240, B: 240, A: 255}
	shadow = color.RGBA{A: 170}
)

// set draws the lines, with letters of that height in pixels, and tells whether they are others than before.
func (s *sheet) set(lines []string, size float64) (changed bool) {
	if slices.Equal(lines, s.lines) && size == s.size {
		return false
	}
	s.lines, s.size, s.image = slices.Clone(lines), size, nil
	if len(lines) == 0 {
		return true
	}
	f := face(size)
	metrics := f.Metrics()
	height, margin := metrics.Height.Ceil(), int(size/2)
	width := 0
	for _, line := range lines {
		width = max(width, font.MeasureString(f, line).Ceil())
	}
	s.image = image.NewRGBA(image.Rect(0, 0, width+2*margin, height*len(lines)+2*margin))
	draw.Draw(s.image, s.image.Rect, image.NewUniform(shadow), image.Point{}, draw.Src)
	drawer := font.Drawer{Dst: s.image, Src: image.NewUniform(ink), Face: f}
	for i, line := range lines {
		drawer.Dot = fixed.P(margin, margin+i*height+metrics.Ascent.Ceil())
		drawer.DrawString(line)
	}
	return true
}
