package scene

// colour is a colour as video has it.
type colour struct{ luma, cb, cr byte }

// canvas is what layers are painted on: all planes of full size, later halved for chroma.
type canvas struct{ luma, cb, cr, alpha plane }

func newCanvas(width, height int, c colour) *canvas {
	pix := make([]byte, 4*width*height)
	at := func(i int) plane { return plane{pix[i*width*height:][:width*height], width, width, height} }
	v := &canvas{at(0), at(1), at(2), at(3)}
	v.rect(0, 0, width, height, c)
	return v
}

// rect paints a rectangle of whole pixels, cut to the canvas.
func (v *canvas) rect(x0, y0, x1, y1 int, c colour) {
	x0, y0, x1, y1 = v.cut(x0, y0, x1, y1)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			at := y*v.luma.stride + x
			v.luma.pix[at], v.cb.pix[at], v.cr.pix[at] = c.luma, c.cb, c.cr
		}
	}
}

func (v *canvas) cut(x0, y0, x1, y1 int) (int, int, int, int) {
	x0, y0 = max(x0, 0), max(y0, 0)
	return x0, y0, max(min(x1, v.luma.width), x0), max(min(y1, v.luma.height), y0)
}

// ellipse paints an ellipse with smooth edges; centre and radii in subpixels.
func (v *canvas) ellipse(x, y, radiusX, radiusY int, c colour) {
	v.luma.ellipse(x, y, radiusX, radiusY, c.luma)
	v.cb.ellipse(x, y, radiusX, radiusY, c.cb)
	v.cr.ellipse(x, y, radiusX, radiusY, c.cr)
}

// body paints an ellipse that belongs to the outline of a layer. Its colour goes on for two pixels beyond the edge, where
// interpolation may look.
func (v *canvas) body(x, y, radiusX, radiusY int, c colour) {
	v.ellipse(x, y, radiusX+2*subpixels, radiusY+2*subpixels, c)
	v.alpha.ellipse(x, y, radiusX, radiusY, 255)
}

// brighten adds to the luma of a rectangle: left and right at its sides, in between on a line.
func (v *canvas) brighten(x0, y0, x1, y1, left, right int) {
	width := max(x1-x0, 1)
	cutX0, y0, cutX1, y1 := v.cut(x0, y0, x1, y1)
	for x := cutX0; x < cutX1; x++ {
		add := left + (right-left)*(x-x0)/width
		for y := y0; y < y1; y++ {
			pixel := &v.luma.pix[y*v.luma.stride+x]
			*pixel = clean(int(*pixel) + add)
		}
	}
}

// texture adds noise of one grain to the luma of a rectangle: a random number from -amplitude to amplitude for each point of a
// grid of grain pixels, and linear in between.
func (v *canvas) texture(x0, y0, x1, y1, grainX, grainY, amplitude int, seed uint64) {
	x0, y0, x1, y1 = v.cut(x0, y0, x1, y1)
	grainX, grainY = max(grainX, 1), max(grainY, 1)
	const one = 1 << 8
	points := (x1-x0)/grainX + 2
	random := func(row, column int) int {
		return int(hash(seed, uint64(row), uint64(column))%uint64(2*amplitude*one+1)) - amplitude*one
	}
	upper, lower := make([]int, points), make([]int, points)
	for y := y0; y < y1; y++ {
		row, fraction := (y-y0)/grainY, (y-y0)%grainY
		if fraction == 0 {
			upper, lower = lower, upper
			for i := range lower {
				lower[i] = random(row+1, i)
			}
			if row == 0 {
				for i := range upper {
					upper[i] = random(0, i)
				}
			}
		}
		at := func(i int) int { return upper[i] + (lower[i]-upper[i])*fraction/grainY }
		out := v.luma.row(y, x0, x1)
		for i := 0; len(out) > 0; i++ {
			left, right := at(i), at(i+1)
			cell := out[:min(grainX, len(out))]
			for x := range cell {
				cell[x] = clean(int(cell[x]) + (left+(right-left)*x/grainX+one/2)>>8)
			}
			out = out[len(cell):]
		}
	}
}

func clean(luma int) byte { return byte(min(max(luma, cleanMin), cleanMax)) }

// layer makes a layer of the canvas: transparent where no body was painted, or opaque.
func (v *canvas) layer(opaque bool) layer {
	l := layer{layerPlane{plane: v.luma}, layerPlane{plane: v.cb.halved()}, layerPlane{plane: v.cr.halved()}}
	if opaque {
		return l
	}
	l.luma.alpha = v.alpha.pix
	l.luma.spans = spansOf(l.luma.alpha, l.luma.stride, l.luma.width, l.luma.height)
	l.cb.alpha = v.alpha.halved().pix
	l.cb.spans = spansOf(l.cb.alpha, l.cb.stride, l.cb.width, l.cb.height)
	l.cr.alpha, l.cr.spans = l.cb.alpha, l.cb.spans
	return l
}

// halved returns the plane at half its width and height, which are even.
func (p *plane) halved() plane {
	h := plane{make([]byte, (p.width/2)*(p.height/2)), p.width / 2, p.width / 2, p.height / 2}
	for y := range h.height {
		upper, lower := p.row(2*y, 0, p.width), p.row(2*y+1, 0, p.width)
		for x := range h.width {
			h.pix[y*h.stride+x] = byte((int(upper[2*x]) + int(upper[2*x+1]) + int(lower[2*x]) + int(lower[2*x+1]) + 2) / 4)
		}
	}
	return h
}

// ellipse paints an ellipse of one value; centre and radii in subpixels. A pixel at the edge is covered in part, about as much as
// its centre's distance from the edge says.
func (p *plane) ellipse(x, y, radiusX, radiusY int, value byte) {
	radiusX, radiusY = max(radiusX, subpixels/2), max(radiusY, subpixels/2)
	const one = 1 << 32 // what the equation of the ellipse gives at its edge
	perX, perY := one/int64(radiusX*radiusX), one/int64(radiusY*radiusY)
	coverage := int64(256 * min(radiusX, radiusY) / (2 * subpixels)) // of 256, for a whole "one" inwards from the edge
	x0, x1 := max((x-radiusX)>>4-1, 0), min((x+radiusX)>>4+2, p.width)
	for row := max((y-radiusY)>>4-1, 0); row < min((y+radiusY)>>4+2, p.height); row++ {
		dy := int64(row*subpixels + subpixels/2 - y)
		left := one - dy*dy*perY
		for column := x0; column < x1; column++ {
			dx := int64(column*subpixels + subpixels/2 - x)
			alpha := int(min((left-dx*dx*perX)*coverage>>32+128, 256))
			if alpha > 0 {
				pixel := &p.pix[row*p.stride+column]
				*pixel = byte((int(*pixel)*(256-alpha) + int(value)*alpha + 128) >> 8)
			}
		}
	}
}
