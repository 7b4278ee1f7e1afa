package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	imagefont "golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// figure is a drawing that is written in three formats.
type figure struct {
	name          string // of its files, without ending
	caption       string
	width, height vg.Length
	draw          func(draw.Canvas)
}

// Sizes are small, so that letters stay readable where a page shows the figure narrow.
const (
	figureWidth  = 12 * vg.Centimeter
	textSize     = vg.Length(9) // points
	smallText    = vg.Length(8)
	pngDPI       = 192 // 900 pixels wide
	legendHeight = vg.Length(12)
)

// Colours that are no system's. The page puts its own in their place, so each is used for nothing else.
var (
	paper = color.NRGBA{R: 255, G: 255, B: 255, A: 255}
	ink   = color.NRGBA{R: 31, G: 35, B: 40, A: 255}
	faint = color.NRGBA{R: 110, G: 118, B: 129, A: 255} // labels of what is not measured here
	rules = color.NRGBA{R: 226, G: 229, B: 233, A: 255} // the grid
	area  = color.NRGBA{R: 205, G: 210, B: 216, A: 255} // capacity
)

// look is how a system is drawn, in all figures.
type look struct {
	colour color.NRGBA
	glyph  draw.GlyphDrawer
	dashes []vg.Length
}

// css is the colour for the page's style sheet, which has lighter ones on dark paper.
func (l look) css() template.CSS {
	if i := slices.Index(colours, l.colour); i >= 0 {
		return template.CSS(fmt.Sprintf("var(--s%d)", i))
	}
	return "var(--ink)"
}

// colours can be told apart by the colour blind: those of Okabe and Ito (Color Universal Design, 2008), but for black, which is the oracle's, and
// yellow, which white paper swallows; and two of Tol's muted ones.
var colours = []color.NRGBA{
	{R: 0, G: 114, B: 178, A: 255}, {R: 213, G: 94, B: 0, A: 255}, {R: 0, G: 158, B: 115, A: 255}, {R: 204, G: 121, B: 167, A: 255},
	{R: 230, G: 159, B: 0, A: 255}, {R: 86, G: 180, B: 233, A: 255}, {R: 136, G: 34, B: 85, A: 255}, {R: 153, G: 153, B: 51, A: 255},
}

var glyphs = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, diamondGlyph{}, draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{},
}

var oracleLook = look{colour: ink, glyph: draw.CrossGlyph{}, dashes: []vg.Length{1.5, 1.5}}

// lookOf is the look of the n-th system. Colours come again after eight, then with other dashes and marks.
func lookOf(n int) look {
	dashes := [][]vg.Length{nil, {5, 2}, {5, 1.5, 1.5, 1.5}, {3, 1.5}}
	return look{colours[n%len(colours)], glyphs[n%len(glyphs)], dashes[n/4%len(dashes)]}
}

// diamondGlyph is a square on its corner.
type diamondGlyph struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamondGlyph) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	r := style.Radius * 1.2
	c.FillPolygon(style.Color, []vg.Point{{X: at.X - r, Y: at.Y}, {X: at.X, Y: at.Y + r}, {X: at.X + r, Y: at.Y}, {X: at.X, Y: at.Y - r}})
}

// write draws the figure into its three files and returns the SVG for the page.
func (f *figure) write(folder string) (inline string, err error) {
	image := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(pngDPI))
	svg := vgsvg.New(f.width, f.height)
	pdf := vgpdf.New(f.width, f.height)
	for _, canvas := range []vg.Canvas{image, svg, outlined{pdf}} {
		c := draw.NewCanvas(canvas, f.width, f.height)
		c.FillPolygon(paper, corners(c.Rectangle))
		f.draw(c)
	}
	var text string
	for _, to := range []struct {
		ending string
		encode func(*bytes.Buffer) error
	}{
		{".png", func(b *bytes.Buffer) error {
			return png.Encode(b, image.Image())
		}},
		{".pdf", func(b *bytes.Buffer) error { _, err := pdf.WriteTo(b); return err }},
		{".svg", func(b *bytes.Buffer) error {
			_, err := svg.WriteTo(b)
			text = withFallbackFonts(b.String())
			b.Reset()
			b.WriteString(text)
			return err
		}},
	} {
		var b bytes.Buffer
		if err := to.encode(&b); err != nil {
			return "", fmt.Errorf("figure %s%s: %w", f.name, to.ending, err)
		}
		if err := os.WriteFile(filepath.Join(folder, f.name+to.ending), b.Bytes(), 0o644); err != nil {
			return "", err
		}
	}
	return forPage(text), nil
}

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}

// outlined draws letters as shapes: a PDF file would otherwise carry the whole font, 200 KB, and know the letters of one code page only.
type outlined struct{ *vgpdf.Canvas }

// FillString implements vg.Canvas.
func (o outlined) FillString(face font.Face, at vg.Point, text string) {
	// With as many pixels (of 1/64) an em as it has units, all comes in the font's own units.
	perEm := fixed.Int26_6(face.Face.UnitsPerEm())
	unit := face.Font.Size / vg.Length(perEm)
	var buffer sfnt.Buffer
	x, last := fixed.Int26_6(0), sfnt.GlyphIndex(0)
	for i, r := range text {
		index, err := face.Face.GlyphIndex(&buffer, r)
		if err != nil {
			continue
		}
		if i > 0 {
			if kern, err := face.Face.Kern(&buffer, last, index, perEm, imagefont.HintingNone); err == nil {
				x += kern
			}
		}
		segments, err := face.Face.LoadGlyph(&buffer, index, perEm, nil)
		if err != nil {
			continue
		}
		point := func(p fixed.Point26_6) vg.Point { // downwards is positive there
			return vg.Point{X: at.X + vg.Length(x+p.X)*unit, Y: at.Y - vg.Length(p.Y)*unit}
		}
		var path vg.Path
		for k, s := range segments {
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if k > 0 {
					path.Close()
				}
				path.Move(point(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				path.Line(point(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				path.QuadTo(point(s.Args[0]), point(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				path.CubeTo(point(s.Args[0]), point(s.Args[1]), point(s.Args[2]))
			}
		}
		if len(path) > 0 {
			path.Close()
			o.Fill(path)
		}
		if advance, err := face.Face.GlyphAdvance(&buffer, index, perEm, imagefont.HintingNone); err == nil {
			x += advance
		}
		last = index
	}
}

// withFallbackFonts names fonts of the same widths for machines without Liberation.
func withFallbackFonts(svg string) string {
	return strings.ReplaceAll(svg, "font-family:Liberation Sans;", "font-family:Liberation Sans,Arimo,Helvetica,Arial,sans-serif;")
}

// forPage makes an SVG file a part of the page: without its prologue, as wide as there is room, and with the page's colours.
func forPage(svg string) string {
	if i := strings.Index(svg, "viewBox="); i >= 0 {
		svg = `<svg role="img" ` + svg[i:]
	}
	var pairs []string
	hex := func(c color.NRGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }
	for i, c := range colours {
		pairs = append(pairs, hex(c), fmt.Sprintf("var(--s%d)", i))
	}
	for _, c := range []struct {
		colour color.NRGBA
		name   string
	}{{paper, "paper"}, {ink, "ink"}, {faint, "faint"}, {rules, "rules"}, {area, "area"}} {
		pairs = append(pairs, hex(c.colour), "var(--"+c.name+")")
	}
	return strings.NewReplacer(pairs...).Replace(svg)
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

func textStyle(colour color.Color, size vg.Length, x, y float64) draw.TextStyle {
	return draw.TextStyle{Color: colour, Font: sans(size), XAlign: draw.XAlignment(x), YAlign: draw.YAlignment(y), Handler: plot.DefaultTextHandler}
}

// panel is a plot with the names of its axes, which are drawn by panels: a plot takes the middle of an axis for that of its numbers, and so leaves
// much room for the names where an axis is logarithmic.
type panel struct {
	*plot.Plot
	xName, yName string
}

// axes is an empty panel in our style, with a grid.
func axes(xName, yName string, x, y scale) *panel {
	p := plot.New()
	p.BackgroundColor = paper
	for _, a := range []struct {
		axis  *plot.Axis
		scale scale
	}{{&p.X, x}, {&p.Y, y}} {
		a.axis.Tick.Label.Font, a.axis.Tick.Label.Color = sans(smallText), ink
		a.axis.Tick.Color, a.axis.Color = ink, ink
		a.axis.Tick.Length = 3
		a.axis.Padding = 0
		a.axis.Min, a.axis.Max = a.scale.from, a.scale.to
		a.axis.Scale, a.axis.Tick.Marker = a.scale, a.scale
	}
	p.Add(grid{})
	return &panel{p, xName, yName}
}

// grid draws a line at each tick that has a label.
type grid struct{}

// Plot implements plot.Plotter.
func (grid) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: rules, Width: 0.5}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if !t.IsMinor() {
			c.StrokeLine2(style, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		}
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if !t.IsMinor() {
			c.StrokeLine2(style, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
}

// scale is the range of an axis, and how values are laid out on it.
type scale struct {
	from, to float64
	log      bool
	reversed bool
	ticks    int // labelled ones, about
}

// wideFrom is the ratio of highest to lowest from which an axis of delays is logarithmic.
const wideFrom = 5

// scaleFor spans the values, with some room around them. Only for log the values have to be positive, others are passed over.
func scaleFor(values []float64, log bool) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || log && v <= 0 {
			continue
		}
		low, high = min(low, v), max(high, v)
	}
	s := scale{log: log, ticks: 6}
	switch {
	case low > high && log:
		s.from, s.to = 10, 1000
	case low > high:
		s.from, s.to = 0, 1
	case log:
		room := max(math.Pow(high/low, 0.08), 1.15)
		s.from, s.to = low/room, high*room
	default:
		room := max((high-low)*0.12, math.Abs(high)*0.04, 1e-3)
		s.from, s.to = low-room, high+room
		if low >= 0 {
			s.from = max(s.from, 0)
		}
	}
	return s
}

// delayScale is logarithmic where delays are far apart.
func delayScale(values []float64) scale {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	return scaleFor(values, high > wideFrom*low)
}

// Normalize implements plot.Normalizer. Values out of the range are drawn where they belong, or at the end of a logarithmic axis.
func (s scale) Normalize(from, to, x float64) float64 {
	var at float64
	if s.log {
		at = math.Log(max(x, from*1e-3)/from) / math.Log(to/from)
	} else {
		at = (x - from) / (to - from)
	}
	if s.reversed {
		return 1 - at
	}
	return at
}

// Ticks implements plot.Ticker: labels at 1, 2 and 5 times powers of ten.
func (s scale) Ticks(from, to float64) []plot.Tick {
	var ticks []plot.Tick
	if s.log {
		first, last := math.Floor(math.Log10(from)), math.Ceil(math.Log10(to))
		inside := func(value float64) bool { return value >= from*(1-1e-9) && value <= to*(1+1e-9) }
		labelled := ""
		for _, labelled = range []string{"12357", "125", "13", "1"} { // the digits that have a label
			n := 0
			for exponent := first; exponent <= last; exponent++ {
				for _, digit := range labelled {
					n += boolToInt(inside(float64(digit-'0') * math.Pow(10, exponent)))
				}
			}
			if n <= s.ticks+2 {
				break
			}
		}
		for exponent := first; exponent <= last; exponent++ {
			for digit := 1; digit < 10; digit++ {
				value := float64(digit) * math.Pow(10, exponent)
				if !inside(value) {
					continue
				}
				tick := plot.Tick{Value: value}
				if strings.ContainsRune(labelled, rune('0'+digit)) {
					tick.Label = number(value)
				}
				ticks = append(ticks, tick)
			}
		}
		return ticks
	}
	step := niceStep((to - from) / (1.4 * float64(max(s.ticks, 2))))
	for i := math.Ceil(from/step - 1e-9); i*step <= to+step*1e-9 && len(ticks) < 100; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: number(i * step)})
	}
	return ticks
}

// niceStep is the next step above x that is 1, 2 or 5 times a power of ten.
func niceStep(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= x*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// number is short and without noise in its last digits.
func number(x float64) string {
	text := fmt.Sprintf("%.6g", x)
	if strings.ContainsAny(text, "e") {
		text = fmt.Sprintf("%.0f", x)
	}
	if text == "-0" {
		return "0"
	}
	return text
}

// legendEntry is a name with what stands for it.
type legendEntry struct {
	text string
	look look
	fill bool // an area
}

// legend lays the entries out in rows of a strip of that width, and returns how to draw it, and its height.
func legend(entries []legendEntry, width vg.Length) (height vg.Length, drawIt func(draw.Canvas)) {
	const sample, gap = vg.Length(14), vg.Length(10)
	style := textStyle(ink, smallText, 0, -0.5)
	type placed struct {
		legendEntry
		x   vg.Length
		row int
	}
	var all []placed
	x, row := vg.Length(0), 0
	for _, e := range entries {
		w := sample + 4 + style.Width(e.text) + gap
		if x > 0 && x+w-gap > width {
			x, row = 0, row+1
		}
		all = append(all, placed{e, x, row})
		x += w
	}
	height = vg.Length(row+1) * legendHeight
	if len(entries) == 0 {
		height = 0
	}
	return height, func(c draw.Canvas) {
		for _, e := range all {
			left, y := c.Min.X+e.x, c.Max.Y-legendHeight*(vg.Length(e.row)+0.5)
			switch {
			case e.fill:
				c.FillPolygon(e.look.colour, corners(vg.Rectangle{Min: vg.Point{X: left, Y: y - 3.5}, Max: vg.Point{X: left + sample, Y: y + 3.5}}))
			default:
				c.StrokeLine2(draw.LineStyle{Color: e.look.colour, Width: 1.6, Dashes: e.look.dashes}, left, y, left+sample, y)
			}
			c.FillText(style, vg.Point{X: left + sample + 4, Y: y}, e.text)
		}
	}
}

// panels draws plots of the same height below each other, their axes in line, and the legend above them.
func panels(c draw.Canvas, entries []legendEntry, plots ...*panel) {
	const gap = vg.Length(5)
	const nameHeight = textSize + 3
	c = draw.Crop(c, 3+nameHeight, -6, 3, -3)
	var left, right vg.Length // what numbers need beside the plots
	rest := c.Max.Y - c.Min.Y
	around := make([]struct{ left, right, below, above vg.Length }, len(plots))
	for i, p := range plots {
		data := p.DataCanvas(c)
		a := &around[i]
		a.left, a.right, a.below, a.above = data.Min.X-c.Min.X, c.Max.X-data.Max.X, data.Min.Y-c.Min.Y, c.Max.Y-data.Max.Y
		left, right = max(left, a.left), max(right, a.right)
		rest -= a.below + a.above
		if p.xName != "" {
			rest -= nameHeight
		}
	}
	height, drawLegend := legend(entries, c.Max.X-c.Min.X-left)
	drawLegend(draw.Crop(c, left, 0, 0, 0))
	rest -= height + gap*vg.Length(len(plots))
	top := c.Max.Y - height - gap
	for i, p := range plots {
		a := &around[i]
		tile := c
		tile.Min.X, tile.Max.X = tile.Min.X+left-a.left, tile.Max.X-right+a.right
		tile.Min.Y, tile.Max.Y = top-a.below-a.above-rest/vg.Length(len(plots)), top
		p.Draw(tile)
		style := textStyle(ink, textSize, -0.5, 0)
		if p.xName != "" {
			c.FillText(style, vg.Point{X: (c.Min.X + left + c.Max.X - right) / 2, Y: tile.Min.Y - nameHeight + 2}, p.xName)
			top -= nameHeight
		}
		style.Rotation = math.Pi / 2
		c.FillText(style, vg.Point{X: c.Min.X - 3, Y: (tile.Min.Y + a.below + tile.Max.Y - a.above) / 2}, p.yName)
		top = min(top, tile.Min.Y) - gap
	}
}
