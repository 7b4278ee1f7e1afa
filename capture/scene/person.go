package scene

// person is someone who talks: shoulders and a head that are painted once, and a face that is painted anew for each picture.
type person struct {
	shoulders, head layer
	skin            colour
	brow            colour
	unit            int // pixels that the sizes below are parts of
	// Where the middle of each layer lies in it, in subpixels: for the shoulders the neck's upper end.
	neck, middle point
}

// point is a position in subpixels.
type point struct{ x, y int }

// Sizes of a head, in thousandths of the unit, as radii where not said otherwise.
const (
	headWidth, headHeight = 150, 205
	neckWidth             = 72
	shoulderWidth         = 400 // half of it
	shoulderDrop          = 230 // from the middle of the head to the shoulders' top
)

// looks of the people: skin, hair, shirt.
var looks = [personCount]struct {
	skin, hair, shirt colour
	longHair          bool
	print             string // on the shirt
}{
	{colour{164, 112, 150}, colour{44, 124, 132}, colour{62, 148, 118}, false, "SALSIFY"},
	{colour{124, 114, 150}, colour{34, 128, 128}, colour{150, 108, 150}, true, "ROOT"},
	{colour{178, 116, 146}, colour{120, 108, 142}, colour{88, 118, 112}, false, "GREENS"},
}

// paintPerson paints one of the people.
func paintPerson(kind, unit int, seed uint64) person {
	look := looks[kind]
	p := person{skin: look.skin, brow: look.hair, unit: unit}
	u := func(thousandths int) int { return thousandths * unit * subpixels / 1000 }
	even := func(subpixel int) int { return (subpixel/subpixels + 5) &^ 1 }

	// Shoulders: a neck above a wide ellipse that goes on below the picture.
	width, height := even(u(2*shoulderWidth)), even(u(640))
	v := newCanvas(width, height, look.shirt)
	p.neck = point{width * subpixels / 2, u(30) + 2*subpixels}
	v.body(p.neck.x, p.neck.y+u(420), u(shoulderWidth)-2*subpixels, u(330), look.shirt)
	v.texture(0, 0, width, height, unit/14, unit/9, 16, hash(seed, 1))                    // folds
	v.texture(0, 0, width, height, unit/110, unit/110, 14, hash(seed, 7))                 // knitting
	v.texture(0, 0, width, height, max(unit/200, 2), max(unit/200, 2), 22, hash(seed, 2)) // threads
	v.brighten(0, 0, width, height, 16, -20)
	dot := max(unit/180, 1)
	v.text(width/2-(glyphWidth+1)*len(look.print)*dot/2, (p.neck.y+u(200))/subpixels, dot, look.print, colour{216, 128, 128})
	darker := look.skin
	darker.luma -= 34
	v.body(p.neck.x, p.neck.y+u(60), u(neckWidth), u(110), darker)
	p.shoulders = v.layer(false)

	// Head: hair behind, ears, the face, hair above the brow.
	hairWidth, hairTop := headWidth+22, headHeight+30
	width, height = even(u(2*hairWidth)+8*subpixels), even(u(2*hairTop)+8*subpixels)
	v = newCanvas(width, height, look.hair)
	p.middle = point{width * subpixels / 2, height * subpixels / 2}
	x, y := p.middle.x, p.middle.y
	v.body(x, y-u(40), u(headWidth+16), u(headHeight-14), look.hair)
	if look.longHair {
		v.body(x, y-u(12), u(hairWidth), u(headHeight+4), look.hair)
	}
	v.texture(0, 0, width, height, max(unit/200, 2), unit/12, 28, hash(seed, 3)) // strands
	for _, side := range []int{-1, 1} {
		v.body(x+side*u(headWidth), y+u(4), u(20), u(42), darker)
	}
	v.body(x, y+u(10), u(headWidth-2), u(headHeight-8), look.skin)
	face := newCanvas(width, height, look.hair)
	copy(face.luma.pix, v.luma.pix)
	face.texture(0, 0, width, height, unit/22, unit/22, 7, hash(seed, 4))
	face.texture(0, 0, width, height, max(unit/200, 2), max(unit/200, 2), 14, hash(seed, 5))
	face.brighten(0, 0, width, height, 20, -30)
	copy(v.luma.pix, face.luma.pix)
	v.ellipse(x-u(20), y-u(170), u(headWidth-10), u(66), look.hair) // a fringe
	v.texture(0, 0, width, (y-u(110))/subpixels, max(unit/200, 2), unit/20, 12, hash(seed, 6))
	p.head = v.layer(false)
	return p
}

// drawFace paints brows, eyes, nose and mouth. They move against the head as its turning wants, and mouth and lids as m says.
func (p *person) drawFace(f frame, m motion) {
	u := func(thousandths int) int { return thousandths * p.unit * subpixels / 1000 }
	middleX, y := m.head.corner.x+p.middle.x+m.turn.x, m.head.corner.y+p.middle.y+m.turn.y
	at := func(below int) int { return middleX + m.head.slant.at(p.middle.y+m.turn.y+below-m.head.pivot) }
	shade := func(by int) colour { return colour{clean(int(p.skin.luma) + by), p.skin.cb, p.skin.cr} }

	for _, side := range []int{-1, 1} {
		eyeX, eyeY := at(-u(28))+side*u(62), y-u(28)
		f.ellipse(eyeX, eyeY, u(36), u(24), shade(-16)) // the hollow
		f.ellipse(at(-u(72))+side*u(62), eyeY-u(44)-m.brows*u(10)/256, u(38), u(8), p.brow)
		if open := u(15) * m.lids / 256; open > subpixels/2 {
			f.ellipse(eyeX, eyeY, u(29), open, colour{214, 128, 128})
			iris := min(u(13), open)
			f.ellipse(eyeX+m.gaze, eyeY, u(13), iris, colour{70, 136, 126})
			f.ellipse(eyeX+m.gaze, eyeY, u(6), min(u(6), open), colour{26, 128, 128})
			f.ellipse(eyeX+m.gaze-u(4), eyeY-min(u(4), open/2), u(3), u(3), colour{226, 128, 128})
		} else {
			f.ellipse(eyeX, eyeY, u(29), u(3), shade(-60))
		}
	}
	x := at(u(26))
	f.ellipse(x+m.turn.x/2+u(7), y+u(26), u(17), u(34), shade(-14))
	f.ellipse(x+m.turn.x/2, y+u(22), u(15), u(34), shade(12))
	f.ellipse(x+m.turn.x/2, y+u(58), u(22), u(7), shade(-46))

	x = at(u(108))
	open, wide := u(34)*m.mouth/256, u(52)-u(16)*m.mouth/256
	lips := colour{clean(int(p.skin.luma) - 44), 118, 166}
	f.ellipse(x, y+u(108)+open/3, wide+u(10), open+u(14), lips)
	f.ellipse(x, y+u(108)+open/3, wide, open+u(2), colour{38, 124, 142})
	if open > u(8) {
		f.ellipse(x, y+u(106)-open/4, wide*3/4, open/4, colour{206, 126, 130}) // teeth
	}
}

// ellipse paints an ellipse on all planes; centre and radii in luma subpixels.
func (f *frame) ellipse(x, y, radiusX, radiusY int, c colour) {
	f.luma.ellipse(x, y, radiusX, radiusY, c.luma)
	f.cb.ellipse(x>>1, y>>1, radiusX>>1, radiusY>>1, c.cb)
	f.cr.ellipse(x>>1, y>>1, radiusX>>1, radiusY>>1, c.cr)
}
