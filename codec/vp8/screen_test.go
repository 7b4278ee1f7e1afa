package vp8_test

import (
	"image"
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8"
)

// Screen content is text on a flat ground: edges as sharp as can be, exact repetition, and changes that are none (a still page), tiny (a
// cursor, a word) or of the whole page at once by many pixels (scrolling).

// page is a text of made-up glyphs, endlessly long.
type page struct {
	width, height int
	glyphs        [64][glyphHeight]uint8 // a bit a pixel
}

const (
	glyphWidth, glyphHeight = 7, 11 // pixels
	advance, lineHeight     = 8, 17 // from glyph to glyph and from line to line, in pixels
	ink, paper              = 24, 232
)

func newPage(width, height int) *page {
	p := &page{width: width, height: height}
	rng := rand.New(rand.NewPCG(21, 1))
	for g := range p.glyphs {
		// Three strokes, across or down.
		for range 3 {
			x, y, across := rng.IntN(glyphWidth), rng.IntN(glyphHeight), rng.IntN(2) == 0
			for i := range glyphHeight {
				if across {
					p.glyphs[g][y] = 1<<glyphWidth - 1
				} else {
					p.glyphs[g][i] |= 1 << x
				}
			}
		}
	}
	return p
}

// picture shows the page from a row of its pixels on. One of its lines is being typed: so many letters, and the
// cursor behind them.
func (p *page) picture(top, typed int) *image.YCbCr {
	pic := newGrey(p.width, p.height)
	for y := range p.height {
		line, inLine := (y+top)/lineHeight, (y+top)%lineHeight
		rng := rand.New(rand.NewPCG(uint64(line), 2))
		last := 20 + rng.IntN(p.width/advance-20)
		here := line == p.height/lineHeight/2
		if here {
			last = typed
		}
		row := pic.Y[y*pic.YStride:][:p.width]
		for x := range row {
			row[x] = paper
		}
		for column := range min(last, p.width/advance) {
			g := rng.IntN(len(p.glyphs) * 6 / 5) // the rest is space
			if g >= len(p.glyphs) || inLine >= glyphHeight {
				continue
			}
			for x := range glyphWidth {
				if p.glyphs[g][inLine]>>x&1 != 0 {
					row[column*advance+x] = ink
				}
			}
		}
		if here && inLine < glyphHeight {
			row[last*advance], row[last*advance+1] = ink, ink
		}
	}
	return pic
}

// TestScreenContent: of a page of text, what stands still costs next to nothing, what is typed hardly more, and what is scrolled, by a
// little or by much, little more than the part that comes into sight. All of it stays sharp.
func TestScreenContent(t *testing.T) {
	onlyWithoutRace(t)
	const width, height = 640, 480
	const sharp = 0.99 // SSIM
	p := newPage(width, height)
	for _, effort := range []int{0, 2, 5, 10} {
		o := vp8.Options{Quantizer: 30, Effort: effort}
		key, s, stats := encode(t, newState(t, width, height), p.picture(0, 5), o)
		limit := func(what string, frame []byte, stats vp8.Stats, bytes int) {
			t.Helper()
			if len(frame) > bytes {
				t.Errorf("effort %d, %s: %d bytes, more than %d; the key frame has %d", effort, what, len(frame), bytes, len(key))
			}
			if stats.SSIM < sharp {
				t.Errorf("effort %d, %s: an SSIM of %.4f", effort, what, stats.SSIM)
			}
		}
		limit("key frame", key, stats, width*height)
		var frame []byte
		for range 2 {
			frame, s, stats = encode(t, s, p.picture(0, 5), o)
		}
		limit("still", frame, stats, len(key)/200)
		frame, s, stats = encode(t, s, p.picture(0, 6), o)
		limit("a letter typed", frame, stats, len(key)/100)
		for _, rows := range []int{1, 3, lineHeight, 30, 3 * lineHeight, 100} {
			frame, _, stats = encode(t, s, p.picture(rows, 6), o)
			// What is new is a part of a key frame; vectors and blocks that are half new take a tenth of one.
			limit("scrolled", frame, stats, len(key)*rows/height*3/2+len(key)/6)
		}
	}
}

// TestSegmentMapPersists: while nothing changes, a refresh of GOLDEN takes no more bytes than another frame.
func TestSegmentMapPersists(t *testing.T) {
	src := newScene("texture", 640, 480, 22).picture(0)
	s := newState(t, 640, 480)
	refreshed, largest := 0, 0
	for i := range 40 {
		frame, next, stats := encode(t, s, src, vp8.Options{Quantizer: 40, Effort: 2})
		s.Release()
		s = next
		if i < 5 { // the picture is still getting better
			continue
		}
		if stats.Info.RefreshGolden {
			refreshed++
		}
		largest = max(largest, len(frame))
	}
	if refreshed == 0 || largest > 100 {
		t.Errorf("%d refreshes of GOLDEN; the largest frame of a still picture has %d bytes", refreshed, largest)
	}
}

// TestSuddenPan: a picture that begins to move as a whole, faster than its neighbourhood is searched, is not taken for a scene cut.
func TestSuddenPan(t *testing.T) {
	const width, height = 640, 480
	sc := newScene("texture", width, height, 23)
	for _, effort := range []int{0, 2, 5} {
		o := vp8.Options{Quantizer: 40, Effort: effort}
		_, s, _ := encode(t, newState(t, width, height), placedScene(sc, 0, 0), o)
		_, _, stats := encode(t, s, placedScene(sc, 9, 6), o)
		if stats.Info.Intra*10 > stats.Info.Macroblocks {
			t.Errorf("effort %d: %d of %d macroblocks are intra coded", effort, stats.Info.Intra, stats.Info.Macroblocks)
		}
	}
}

// placedScene is the scene's texture, moved by whole pixels.
func placedScene(sc *scene, dx, dy int) *image.YCbCr {
	p := newGrey(sc.width, sc.height)
	for i := range p.Y {
		p.Y[i] = byte(sc.at(16*(i%p.YStride+dx), 16*(i/p.YStride+dy)))
	}
	return p
}

// newGrey returns a picture whose chroma is neutral.
func newGrey(width, height int) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = 128, 128
	}
	return p
}
