package scene

// place is where a scene is set: a wall and what is on it, wider than the picture, so that the camera can look left and right.
type place struct {
	layer layer
}

// margin is by how many pixels a place is wider than the picture: how far the camera pans at most.
func margin(width int) int { return width / 8 &^ 1 }

// words for signs and backs of books: roots and greens.
var words = [...]string{
	"SALSIFY", "PARSNIP", "CHICORY", "CARROT", "RADISH", "ENDIVE", "SKIRRET", "CELERIAC", "LETTUCE", "SORREL", "BURDOCK", "FENNEL",
}

func word(seed uint64, i int) string { return words[hash(seed, uint64(i))%uint64(len(words))] }

// paintPlace paints one of three kinds of place: an office with a poster and books, a room with a window, a wall of bricks with a
// sign.
func paintPlace(kind, width, height, unit int, seed uint64) place {
	// Interpolation needs a column and a row more, halving an even size.
	fullWidth, fullHeight := (width+margin(width)+3)&^1, (height+3)&^1
	walls := [placeCount]colour{{148, 120, 134}, {126, 134, 122}, {104, 116, 144}}
	v := newCanvas(fullWidth, fullHeight, walls[kind])
	plaster(v, 0, 0, fullWidth, fullHeight, unit, seed)
	v.brighten(0, 0, fullWidth, fullHeight, 22, -26)
	switch kind {
	case 0:
		poster(v, fullWidth*3/100, fullHeight*12/100, unit, hash(seed, 1))
		books(v, fullWidth*68/100, fullHeight*8/100, fullWidth*97/100, fullHeight*92/100, unit, hash(seed, 2))
	case 1:
		window(v, fullWidth*60/100, fullHeight*6/100, fullWidth*96/100, fullHeight*78/100, unit, hash(seed, 1))
		books(v, fullWidth*2/100, fullHeight*52/100, fullWidth*26/100, fullHeight, unit, hash(seed, 2))
		sign(v, fullWidth*4/100, fullHeight*22/100, unit, word(seed, 3), colour{200, 120, 136}, colour{40, 128, 128})
	case 2:
		bricks(v, unit, hash(seed, 1))
		sign(v, fullWidth*5/100, fullHeight*16/100, unit, word(seed, 3), colour{40, 140, 118}, colour{210, 112, 140})
		poster(v, fullWidth*70/100, fullHeight*20/100, unit, hash(seed, 2))
	}
	// Fine grain over everything, as real surfaces have.
	v.texture(0, 0, fullWidth, fullHeight, max(unit/180, 2), max(unit/180, 2), 15, hash(seed, 8))
	v.texture(0, 0, fullWidth, fullHeight, 2, 2, 5, hash(seed, 9))
	return place{v.layer(true)}
}

// plaster adds stains of several sizes, larger ones stronger.
func plaster(v *canvas, x0, y0, x1, y1, unit int, seed uint64) {
	for i, grain := range []struct{ part, amplitude int }{{3, 12}, {9, 8}, {30, 6}, {110, 5}} {
		v.texture(x0, y0, x1, y1, unit/grain.part, unit/grain.part, grain.amplitude, hash(seed, 20, uint64(i)))
	}
}

// poster paints a sheet with a picture and lines of small print.
func poster(v *canvas, x, y, unit int, seed uint64) {
	width, height := unit*38/100, unit*52/100
	frame := max(unit/120, 1)
	v.rect(x-frame, y-frame, x+width+frame, y+height+frame, colour{34, 126, 132})
	v.rect(x, y, x+width, y+height, colour{214, 126, 130})
	picture := height * 45 / 100
	v.rect(x+2*frame, y+2*frame, x+width-2*frame, y+picture, colour{168, 152, 112})
	v.texture(x+2*frame, y+2*frame, x+width-2*frame, y+picture, unit/25, unit/60, 36, hash(seed, 1))
	point := max(unit/360, 1)
	v.text(x+4*frame, y+picture+3*frame, 2*point, word(seed, 2), colour{30, 120, 140})
	for i := range 5 {
		line := y + picture + (glyphHeight*3+i*(glyphHeight+3))*point + 4*frame
		v.text(x+4*frame, line, point, word(seed, 3+2*i)+" "+word(seed, 4+2*i), colour{50, 128, 128})
	}
}

// sign paints a word on a board.
func sign(v *canvas, x, y, unit int, text string, board, letters colour) {
	point := max(unit/110, 1)
	width := ((glyphWidth+1)*len(text) + 5) * point
	v.rect(x-point/2, y-point/2, x+width+point/2, y+(glyphHeight+6)*point+point/2, colour{60, 128, 128})
	v.rect(x, y, x+width, y+(glyphHeight+6)*point, board)
	v.text(x+3*point, y+3*point, point, text, letters)
}

// books paints a shelf of books of many colours, thicknesses and heights.
func books(v *canvas, x0, y0, x1, y1, unit int, seed uint64) {
	board := max(unit/70, 1)
	v.rect(x0-board, y0-board, x1+board, y1+board, colour{76, 112, 142})
	shelf := max(unit/5, 4)
	for row := 0; y0+row*shelf < y1; row++ {
		top := y0 + row*shelf
		bottom := min(top+shelf-board, y1)
		v.rect(x0, top, x1, bottom, colour{36, 126, 132})
		for x, i := x0, 0; x < x1; i++ {
			r := hash(seed, uint64(row), uint64(i))
			thick := max(unit/60, 2) + int(r%uint64(max(unit/40, 1)))
			tall := (bottom - top) * (70 + int(r>>16%26)) / 100
			cover := colour{byte(50 + r>>24%120), byte(104 + r>>32%48), byte(104 + r>>40%56)}
			right := min(x+thick, x1)
			v.rect(x, bottom-tall, right, bottom, cover)
			v.brighten(x, bottom-tall, right, bottom, 18, -24)
			v.rect(x+1, bottom-tall*85/100, right-1, bottom-tall*80/100, colour{190, 120, 140})
			x += thick + 1
		}
	}
}

// window paints panes with trees outside and curtains at both sides.
func window(v *canvas, x0, y0, x1, y1, unit int, seed uint64) {
	bar := max(unit/60, 1)
	v.rect(x0-bar, y0-bar, x1+bar, y1+bar, colour{190, 124, 132})
	v.rect(x0, y0, x1, y1, colour{204, 146, 112})
	horizon := y0 + (y1-y0)*55/100
	v.texture(x0, y0, x1, horizon, unit/6, unit/12, 16, hash(seed, 1))
	v.rect(x0, horizon, x1, y1, colour{104, 110, 112})
	v.texture(x0, horizon, x1, y1, unit/18, unit/18, 34, hash(seed, 2))
	v.texture(x0, horizon, x1, y1, unit/110, unit/110, 22, hash(seed, 3))
	v.rect((x0+x1-bar)/2, y0, (x0+x1+bar)/2, y1, colour{190, 124, 132})
	v.rect(x0, (y0*2+y1)/3, x1, (y0*2+y1)/3+bar, colour{190, 124, 132})
	for _, x := range []int{x0 - bar, x1 - (x1-x0)/6} {
		right := x + (x1-x0)/6 + bar
		v.rect(x, y0-bar, right, y1+4*bar, colour{150, 118, 150})
		v.texture(x, y0-bar, right, y1+4*bar, unit/55, unit*2, 34, hash(seed, 4, uint64(x)))
	}
}

// bricks paints courses of bricks of varying shade over what is there.
func bricks(v *canvas, unit int, seed uint64) {
	wide, tall, joint := max(unit/9, 4), max(unit/24, 3), max(unit/240, 1)
	for row := 0; row*tall < v.luma.height; row++ {
		shift := row % 2 * wide / 2
		for column := 0; column*wide-shift < v.luma.width; column++ {
			r := hash(seed, uint64(row), uint64(column))
			x, y := column*wide-shift, row*tall
			c := colour{byte(84 + r%34), byte(112 + r>>8%6), byte(144 + r>>16%12)}
			v.rect(x, y, x+wide-joint, y+tall-joint, c)
		}
	}
	v.texture(0, 0, v.luma.width, v.luma.height, max(unit/200, 2), max(unit/200, 2), 11, hash(seed, 3))
	v.brighten(0, 0, v.luma.width, v.luma.height, 26, -22)
}
