package screen

import "image"

// pointer is the picture of the pointer: pixels of red, green, blue and opacity, each a byte from bit 24 down: opacity first; colours
// are multiplied by the opacity already, as XFIXES gives them.
type pointer struct {
	pixels        []uint32
	width, height int
	hot           image.Point // the pixel that points
}

// draw lays the pointer over pixels of BGRA, whose rows are stride bytes apart. at is where it points, area is what the pixels show;
// both are places on the screen.
func (p *pointer) draw(pixels []byte, stride int, area image.Rectangle, at image.Point) {
	corner := at.Sub(p.hot)
	seen := image.Rectangle{corner, corner.Add(image.Pt(p.width, p.height))}.Intersect(area)
	for y := seen.Min.Y; y < seen.Max.Y; y++ {
		from := p.pixels[(y-corner.Y)*p.width+seen.Min.X-corner.X:][:seen.Dx()]
		to := pixels[(y-area.Min.Y)*stride+4*(seen.Min.X-area.Min.X):]
		for x, c := range from {
			under := 255 - c>>24
			for i := range 3 {
				over := c >> (8 * i) & 255
				to[4*x+i] = byte(min(255, over+(uint32(to[4*x+i])*under+127)/255))
			}
		}
	}
}
