package terminal

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-sixel"
)

// emulator is a terminal that understands what this package writes, and nothing else: anything else fails the test.
type emulator struct {
	t             testing.TB
	columns, rows int
	grid          []glyph
	x, y          int
	pen           glyph
	alternate     bool // screen
	hidden        bool // cursor
	cuts          bool // what is too long for a row
	together      bool // nothing is shown until the end
	rest          []byte
	bytes         int
	answers       strings.Builder // to what it was asked

	cell   image.Point // of sixels
	canvas *image.RGBA // where they are drawn
	takes  bool        // it takes them
	busy   bool        // it does not come to answering
}

// glyph is a character with its colours; -1 is the terminal's own.
type glyph struct {
	r                      rune
	foreground, background int
}

var blank = glyph{' ', -1, -1}

func newEmulator(t testing.TB, columns, rows int) *emulator {
	e := &emulator{t: t, columns: columns, rows: rows, pen: blank, cell: image.Pt(10, 20)}
	e.resize(columns, rows)
	return e
}

func (e *emulator) resize(columns, rows int) {
	e.columns, e.rows = columns, rows
	e.grid = make([]glyph, columns*rows)
	e.canvas = image.NewRGBA(image.Rect(0, 0, columns*e.cell.X, rows*e.cell.Y))
	e.erase(0, len(e.grid))
}

func (e *emulator) erase(from, to int) {
	for i := from; i < to; i++ {
		e.grid[i] = blank
	}
}

// Write takes some of what is written, cut anywhere.
func (e *emulator) Write(b []byte) (int, error) {
	e.bytes += len(b)
	e.rest = append(e.rest, b...)
	for {
		n := e.one(e.rest)
		if n == 0 {
			return len(b), nil
		}
		e.rest = e.rest[n:]
	}
}

// one takes one character or sequence, and returns how long it is; 0: it is not whole.
func (e *emulator) one(b []byte) int {
	switch {
	case len(b) == 0 || b[0] == escape && len(b) == 1:
		return 0
	case b[0] != escape:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		if e.x >= e.columns || e.y >= e.rows {
			e.t.Fatalf("%q at %d,%d, outside of %dx%d", r, e.x, e.y, e.columns, e.rows)
		}
		e.grid[e.y*e.columns+e.x] = glyph{r, e.pen.foreground, e.pen.background}
		e.x++
		return n
	case b[1] == '[':
		end := bytes.IndexFunc(b[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
		if end < 0 {
			return 0
		}
		e.control(string(b[2:2+end]), b[2+end])
		return 3 + end
	case b[1] == 'P':
		end := bytes.Index(b, []byte("\x1b\\"))
		if end < 0 {
			return 0
		}
		e.sixels(b[:end+2])
		return end + 2
	case b[1] == '\\':
		return 2
	}
	e.t.Fatalf("unknown: %q", b[:min(len(b), 20)])
	return 0
}

func (e *emulator) control(parameters string, final byte) {
	var p []int
	for _, field := range strings.Split(strings.TrimPrefix(parameters, "?"), ";") {
		n, _ := strconv.Atoi(field)
		p = append(p, n)
	}
	switch sequence := fmt.Sprintf("%s%c", parameters, final); {
	case sequence == "?1049h", sequence == "?1049l":
		e.alternate = final == 'h'
	case sequence == "?25h", sequence == "?25l":
		e.hidden = final == 'l'
	case sequence == "?7h", sequence == "?7l":
		e.cuts = final == 'l'
	case sequence == "?2026h", sequence == "?2026l":
		e.together = final == 'h'
	case sequence == "2J":
		e.erase(0, len(e.grid))
		e.canvas = image.NewRGBA(e.canvas.Rect)
	case sequence == "2K":
		e.erase(e.y*e.columns, (e.y+1)*e.columns)
	case sequence == "c":
		if e.takes {
			e.answers.WriteString("\x1b[?62;4;22c")
		} else {
			e.answers.WriteString("\x1b[?1;2c")
		}
	case sequence == "16t":
		fmt.Fprintf(&e.answers, "\x1b[6;%d;%dt", e.cell.Y, e.cell.X)
	case sequence == "5n":
		if e.together {
			e.t.Error("asked before the picture's end")
		}
		if !e.busy {
			e.answers.WriteString("\x1b[0n")
		}
	case final == 'H' && len(p) == 2:
		e.y, e.x = p[0]-1, p[1]-1
	case final == 'C' && len(p) == 1:
		e.x += p[0]
	case final == 'm':
		e.rendition(p)
	default:
		e.t.Fatalf("unknown: CSI %s", sequence)
	}
}

func (e *emulator) rendition(p []int) {
	for len(p) > 0 {
		into := &e.pen.foreground
		switch {
		case p[0] == 0:
			e.pen, p = blank, p[1:]
			continue
		case p[0] == 48:
			into = &e.pen.background
		case p[0] != 38:
			e.t.Fatalf("unknown rendition %v", p)
		}
		switch {
		case len(p) >= 5 && p[1] == 2:
			*into, p = p[2]<<16|p[3]<<8|p[4], p[5:]
		case len(p) >= 3 && p[1] == 5:
			*into, p = colour256(p[2]), p[3:]
		default:
			e.t.Fatalf("unknown rendition %v", p)
		}
	}
}

// colour256 is one of xterm's 256 colours, from its table as published.
func colour256(n int) int {
	if n >= 232 {
		return (8 + 10*(n-232)) * 0x010101
	}
	levels := []int{0, 0x5f, 0x87, 0xaf, 0xd7, 0xff}
	return levels[(n-16)/36]<<16 | levels[(n-16)/6%6]<<8 | levels[(n-16)%6]
}

// sixels draws over what is there, where the cursor is.
func (e *emulator) sixels(b []byte) {
	var drawn image.Image
	if err := sixel.NewDecoder(bytes.NewReader(b)).Decode(&drawn); err != nil {
		e.t.Fatal(err)
	}
	at := image.Pt(e.x*e.cell.X, e.y*e.cell.Y)
	if !drawn.Bounds().Add(at).In(e.canvas.Rect) {
		e.t.Fatalf("sixels of %v at %v, outside of %v", drawn.Bounds(), at, e.canvas.Rect)
	}
	draw.Draw(e.canvas, drawn.Bounds().Add(at), drawn, drawn.Bounds().Min, draw.Src)
}

// line is the text of a row.
func (e *emulator) line(y int) string {
	var text strings.Builder
	for _, g := range e.grid[y*e.columns:][:e.columns] {
		text.WriteRune(g.r)
	}
	return strings.TrimRight(text.String(), " ")
}

// halves returns the colours of the upper and lower half of a character; -1 where there are none.
func (e *emulator) halves(x, y int) [2]int {
	switch g := e.grid[y*e.columns+x]; g.r {
	case '▀':
		return [2]int{g.foreground, g.background}
	case ' ':
		return [2]int{g.background, g.background}
	default:
		return [2]int{-1, -1}
	}
}

func parts(colour int) color.RGBA {
	return color.RGBA{byte(colour >> 16), byte(colour >> 8), byte(colour), 255}
}
