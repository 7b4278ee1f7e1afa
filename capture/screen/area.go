package screen

import (
	"fmt"
	"image"
	"regexp"
	"strconv"
)

// geometry is a part of the screen as X11's tools write it: 1280x720+100+50. Without an offset it lies at the upper left.
var geometry = regexp.MustCompile(`^([0-9]{1,5})x([0-9]{1,5})(?:\+([0-9]{1,5})\+([0-9]{1,5}))?$`)

// Parse reads what follows "screen:", a part such as 1280x720+100+50. Nothing is the whole screen, and gives an empty rectangle.
func Parse(text string) (image.Rectangle, error) {
	if text == "" {
		return image.Rectangle{}, nil
	}
	fields := geometry.FindStringSubmatch(text)
	if fields == nil {
		return image.Rectangle{}, fmt.Errorf("screen:%s is not a part of the screen; write screen: for all of it, or "+
			"screen:WIDTHxHEIGHT+LEFT+TOP, as in screen:1280x720+100+50", text)
	}
	var n [4]int
	for i, field := range fields[1:] {
		n[i], _ = strconv.Atoi(field) // five digits, or nothing
	}
	if n[0] == 0 || n[1] == 0 {
		return image.Rectangle{}, fmt.Errorf("screen:%s is empty; give a width and a height above 0", text)
	}
	return image.Rect(n[2], n[3], n[2]+n[0], n[3]+n[1]), nil
}

// fit returns where a picture of one size lies in one of another: as large as can be, its proportions kept, in the middle. It begins at
// even places, so that chroma stays where it is.
func fit(from, into image.Point) image.Rectangle {
	width, height := into.X, into.Y
	if from.X*into.Y > into.X*from.Y { // wider: bars above and below
		height = max(1, (from.Y*into.X+from.X/2)/from.X)
	} else {
		width = max(1, (from.X*into.Y+from.Y/2)/from.Y)
	}
	left, top := (into.X-width)/2&^1, (into.Y-height)/2&^1
	return image.Rect(left, top, left+width, top+height)
}
