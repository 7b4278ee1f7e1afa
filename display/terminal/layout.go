package terminal

import (
	"image"
	"math"
)

// window is what is known of a terminal's window.
type window struct {
	columns, rows int         // of characters
	cell          image.Point // the size of a character in pixels; as most have it if the terminal does not say
}

// usualCell is the size of a character in pixels where nothing says it. Only the proportions matter then.
var usualCell = image.Pt(10, 20)

// Bounds of a window that is drawn into. A larger one is drawn into in part.
const maxColumns, maxRows = 1000, 500

// place returns where a picture is drawn, in characters: as large as can be, its proportions kept, in the middle of the window without
// its lowest rows. It is empty if there is no room. maxPixels bounds what it covers; 0 does not.
func (w window) place(picture image.Point, lowest, maxPixels int) image.Rectangle {
	columns, rows := min(w.columns, maxColumns), min(w.rows, maxRows)-lowest
	if columns < 1 || rows < 1 || picture.X < 1 || picture.Y < 1 {
		return image.Rectangle{}
	}
	scale := min(float64(columns*w.cell.X)/float64(picture.X), float64(rows*w.cell.Y)/float64(picture.Y))
	if pixels := scale * scale * float64(picture.X) * float64(picture.Y); maxPixels > 0 && pixels > float64(maxPixels) {
		scale *= math.Sqrt(float64(maxPixels) / pixels)
	}
	across := func(pixels, cell, most int) int {
		return min(max(1, int(math.Round(scale*float64(pixels)/float64(cell)))), most)
	}
	width, height := across(picture.X, w.cell.X, columns), across(picture.Y, w.cell.Y, rows)
	left, top := (columns-width)/2, (rows-height)/2
	return image.Rect(left, top, left+width, top+height)
}
