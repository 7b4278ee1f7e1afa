package terminal

import (
	"image"
	"strconv"

	"salsify/codec/convert"
)

// Control sequences (ECMA-48, 8.3, and xterm's for what begins with a question mark).
const (
	enterScreen  = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"                  // the alternate screen, without cursor and wrapping, cleared
	leaveScreen  = "\x1b\\\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l" // whatever was being written
	clearScreen  = "\x1b[0m\x1b[2J"
	clearLine    = "\x1b[0m\x1b[2K"
	beginPicture = "\x1b[?2026h" // nothing is shown until the end, by terminals that know it
	endPicture   = "\x1b[?2026l"
	askCell      = "\x1b[16t" // the size of a character, in pixels
	askKind      = "\x1b[c"   // Primary Device Attributes
	askCaughtUp  = "\x1b[5n"
)

const (
	upperHalf = "▀" // in the foreground's colour, above the background's
	// tolerance is by how much a colour may differ from what is shown, of 255, before it is sent again: less is the camera's noise and is
	// not seen on a screen of such large pixels.
	tolerance = 6
)

// rgb is a colour.
type rgb [3]byte

func (c rgb) near(other rgb) bool {
	for i := range c {
		if d := int(c[i]) - int(other[i]); d > tolerance || d < -tolerance {
			return false
		}
	}
	return true
}

// cell is a character: two pixels, one above the other.
type cell struct{ upper, lower rgb }

// cells draws pictures in half blocks. Only characters whose colours have changed are written.
type cells struct {
	deep bool // the terminal takes 24 bits of colour; else it has xterm's 256

	shown  []cell // what the terminal shows, row by row
	place  image.Rectangle
	stale  bool         // it shows something else
	small  *image.YCbCr // 2x2 pixels for each half of a character, which so has a chroma sample of its own
	pixels []byte
	scaler convert.Scaler

	// What is set for the next character; -1 is not known.
	foreground, background int
}

// forget has the next picture written in whole.
func (c *cells) forget() { c.stale = true }

// draw appends what makes the terminal show a picture at a place, in characters.
func (c *cells) draw(out []byte, picture *image.YCbCr, place image.Rectangle) ([]byte, error) {
	width, height := 2*place.Dx(), 4*place.Dy()
	if c.place != place {
		c.place, c.stale = place, true
		c.small = image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		c.pixels = make([]byte, 4*width*height)
		c.shown = make([]cell, place.Dx()*place.Dy())
	}
	if err := c.scaler.Scale(c.small, picture); err != nil {
		return out, err
	}
	if err := convert.ToRGB(c.pixels, 4*width, convert.RGBA, c.small, convert.BT601); err != nil {
		return out, err
	}
	c.foreground, c.background = -1, -1
	for y := range place.Dy() {
		half := 2 * 4 * width // bytes of pixels of a row of halves
		upper, lower := c.pixels[2*y*half:][:half], c.pixels[(2*y+1)*half:][:half]
		at := -1 // the column of the cursor in the place, if it is in this row
		for x := range place.Dx() {
			now, was := cell{mean(upper, half/2, x), mean(lower, half/2, x)}, &c.shown[y*place.Dx()+x]
			if !c.stale && now.upper.near(was.upper) && now.lower.near(was.lower) {
				continue
			}
			*was = now
			switch skip := x - at; {
			case at < 0:
				out = moveTo(out, place.Min.X+x, place.Min.Y+y)
			case skip > 0:
				out = append(strconv.AppendInt(append(out, "\x1b["...), int64(skip), 10), 'C')
			}
			out = c.character(out, now)
			at = x + 1
		}
	}
	c.stale = false
	return out, nil
}

// mean returns the mean of the 2x2 pixels that are half of a character: the x-th in two rows.
func mean(rows []byte, stride, x int) (c rgb) {
	upper, lower := rows[8*x:][:8], rows[stride+8*x:][:8]
	for i := range c {
		c[i] = byte((int(upper[i]) + int(upper[4+i]) + int(lower[i]) + int(lower[4+i]) + 2) / 4)
	}
	return c
}

// character appends a character and the colours that it needs.
func (c *cells) character(out []byte, now cell) []byte {
	upper, lower := c.number(now.upper), c.number(now.lower)
	if upper == lower {
		return append(c.colours(out, c.foreground, lower), ' ')
	}
	return append(c.colours(out, upper, lower), upperHalf...)
}

// number returns a colour as one: 24 bits, or the number among 256.
func (c *cells) number(colour rgb) int {
	if c.deep {
		return int(colour[0])<<16 | int(colour[1])<<8 | int(colour[2])
	}
	return nearest256(colour)
}

// colours appends what sets the colours of the next character (Select Graphic Rendition, ISO 8613-6).
func (c *cells) colours(out []byte, foreground, background int) []byte {
	if foreground == c.foreground && background == c.background {
		return out
	}
	out = append(out, "\x1b["...)
	if foreground != c.foreground {
		out = c.colour(append(out, '3'), foreground)
	}
	if background != c.background {
		if foreground != c.foreground {
			out = append(out, ';')
		}
		out = c.colour(append(out, '4'), background)
	}
	c.foreground, c.background = foreground, background
	return append(out, 'm')
}

func (c *cells) colour(out []byte, number int) []byte {
	if !c.deep {
		return strconv.AppendInt(append(out, "8;5;"...), int64(number), 10)
	}
	out = append(out, "8;2"...)
	for shift := 16; shift >= 0; shift -= 8 {
		out = strconv.AppendInt(append(out, ';'), int64(number>>shift&255), 10)
	}
	return out
}

// xterm's 256 colours: 16 whose look the user chooses, a cube of six levels each of red, green and blue, and 24 greys.
const (
	cubeBegins, cubeSide    = 16, 6
	greysBegin, greys       = 232, 24
	darkestGrey, greyStride = 8, 10
)

var cubeLevels = [cubeSide]int{0, 95, 135, 175, 215, 255}

// nearest256 returns the nearest of the 256 colours, without those that the user chooses.
func nearest256(c rgb) int {
	var level [3]int
	for i, v := range c {
		for level[i] < cubeSide-1 && 2*int(v) > cubeLevels[level[i]]+cubeLevels[level[i]+1] {
			level[i]++
		}
	}
	distance := func(red, green, blue int) int {
		r, g, b := int(c[0])-red, int(c[1])-green, int(c[2])-blue
		return r*r + g*g + b*b
	}
	grey := min(max(0, ((int(c[0])+int(c[1])+int(c[2]))/3-darkestGrey+greyStride/2)/greyStride), greys-1)
	level0 := darkestGrey + greyStride*grey
	if distance(level0, level0, level0) < distance(cubeLevels[level[0]], cubeLevels[level[1]], cubeLevels[level[2]]) {
		return greysBegin + grey
	}
	return cubeBegins + (level[0]*cubeSide+level[1])*cubeSide + level[2]
}

// moveTo appends what moves the cursor to a column and row, which are counted from 0 here, and from 1 by terminals.
func moveTo(out []byte, column, row int) []byte {
	out = strconv.AppendInt(append(out, "\x1b["...), int64(row+1), 10)
	out = strconv.AppendInt(append(out, ';'), int64(column+1), 10)
	return append(out, 'H')
}
