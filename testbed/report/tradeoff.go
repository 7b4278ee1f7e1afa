package report

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"salsify/testbed/result"
)

// tradeoff is the paper's figure: delay on a reversed axis against quality, so that better is up and to the right.
type tradeoff struct {
	name, caption, axis string
	delay               func(*result.Figures) float64 // ms
	published           func(Published) float64       // ms
}

var tradeoffs = []tradeoff{
	{name: "signal-delay-quality", caption: "Signal delay (95th percentile) against quality", axis: "signal delay, 95th percentile (ms)",
		delay:     func(f *result.Figures) float64 { return f.SignalDelay.P95 },
		published: func(p Published) float64 { return known(p.SignalP95, time.Millisecond) }},
	{name: "frame-delay-quality", caption: "Frame delay (median) against quality", axis: "frame delay, median (ms)",
		delay:     func(f *result.Figures) float64 { return f.FrameDelay.P50 },
		published: func(p Published) float64 { return known(p.FrameP50, time.Millisecond) }},
}

// mark is a system in the figure.
type mark struct {
	label       string
	look        look
	delay, ssim summary
	runs        [][2]float64 // delay and SSIM of each repeat
	ofOthers    bool         // published
	labelColour color.Color
}

// of collects the points; what has no delay or no quality has no place in the figure.
func (t *tradeoff) of(s *section) []mark {
	var marks []mark
	for _, l := range s.lines {
		m := mark{label: l.system.label, look: l.system.look, labelColour: l.system.look.colour}
		m.delay = l.over(t.delay)
		m.ssim = l.over(func(f *result.Figures) float64 { return maybe(f.SSIMdB) })
		for _, c := range l.cells {
			m.runs = append(m.runs, [2]float64{t.delay(&c.Result.Figures), maybe(c.Result.Figures.SSIMdB)})
		}
		if m.delay.measured > 0 && m.ssim.measured > 0 && m.delay.mean > 0 {
			marks = append(marks, m)
		}
	}
	for _, p := range s.published {
		m := mark{label: tidy(p.System), look: look{colour: faint}, ofOthers: true, labelColour: faint}
		m.delay, m.ssim = summarize([]float64{t.published(p)}), summarize([]float64{known(p.SSIMdB, 1)})
		if m.delay.measured > 0 && m.ssim.measured > 0 && m.delay.mean > 0 {
			marks = append(marks, m)
		}
	}
	return marks
}

// figure draws the tradeoff of a section; nil where no system has both figures.
func (t *tradeoff) figure(s *section) *figure {
	marks := t.of(s)
	if len(marks) == 0 {
		return nil
	}
	var delays, ssims []float64
	repeats, published := false, false
	for _, m := range marks {
		delays = append(delays, m.delay.mean, m.delay.lowest, m.delay.highest)
		ssims = append(ssims, m.ssim.mean, m.ssim.lowest, m.ssim.highest)
		repeats = repeats || len(m.runs) > 1
		published = published || m.ofOthers
	}
	x, y := delayScale(delays), scaleFor(ssims, false)
	x.reversed = true
	caption := t.caption + ": " + s.title + "."
	if repeats {
		caption += " Large marks are means over the repeats, small ones single runs, bars reach from the lowest to the highest."
	}
	if published {
		caption += " Rings were published in 2018, for other clips and machines."
	}
	return &figure{name: s.slug + "-" + t.name, caption: caption, width: figureWidth, height: 9 * vg.Centimeter, draw: func(c draw.Canvas) {
		p := axes(t.axis, "SSIM (dB)", x, y)
		p.Add(&tradeoffPlotter{marks})
		panels(c, nil, p)
	}}
}

// tradeoffPlotter draws the marks with their names, where they hide nothing.
type tradeoffPlotter struct{ marks []mark }

const (
	markRadius = vg.Length(4)
	runRadius  = vg.Length(1.4)
)

// Plot implements plot.Plotter.
func (t *tradeoffPlotter) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	place := &placer{frame: c.Rectangle}
	centers := make([]vg.Point, len(t.marks))
	for i, m := range t.marks {
		at := vg.Point{X: toX(m.delay.mean), Y: toY(m.ssim.mean)}
		centers[i] = at
		place.take(box(at, markRadius+1), 10)
		left, right := toX(m.delay.highest), toX(m.delay.lowest)
		low, high := toY(m.ssim.lowest), toY(m.ssim.highest)
		place.take(vg.Rectangle{Min: vg.Point{X: left, Y: at.Y - 1}, Max: vg.Point{X: right, Y: at.Y + 1}}, 6)
		place.take(vg.Rectangle{Min: vg.Point{X: at.X - 1, Y: low}, Max: vg.Point{X: at.X + 1, Y: high}}, 6)
		for _, run := range m.runs {
			if !math.IsNaN(run[0]+run[1]) && run[0] > 0 {
				place.take(box(vg.Point{X: toX(run[0]), Y: toY(run[1])}, runRadius+1), 5)
			}
		}
	}
	drawBetter(&c, place)

	for i, m := range t.marks {
		if m.ofOthers {
			continue
		}
		bar := draw.LineStyle{Color: m.look.colour, Width: 0.9}
		c.StrokeLine2(bar, toX(m.delay.highest), centers[i].Y, toX(m.delay.lowest), centers[i].Y)
		c.StrokeLine2(bar, centers[i].X, toY(m.ssim.lowest), centers[i].X, toY(m.ssim.highest))
		for _, run := range m.runs {
			if len(m.runs) > 1 && !math.IsNaN(run[0]+run[1]) && run[0] > 0 {
				c.DrawGlyph(draw.GlyphStyle{Color: m.look.colour, Radius: runRadius, Shape: draw.CircleGlyph{}}, vg.Point{X: toX(run[0]), Y: toY(run[1])})
			}
		}
	}
	for i, m := range t.marks {
		if m.ofOthers {
			c.DrawGlyph(draw.GlyphStyle{Color: m.look.colour, Radius: markRadius - 1, Shape: draw.RingGlyph{}}, centers[i])
		} else {
			c.DrawGlyph(draw.GlyphStyle{Color: m.look.colour, Radius: markRadius, Shape: m.look.glyph}, centers[i])
		}
	}

	// Names, those of our systems first, since they have the choice of places.
	order := make([]int, len(t.marks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(boolToInt(t.marks[a].ofOthers), boolToInt(t.marks[b].ofOthers))
	})
	for _, i := range order {
		m := t.marks[i]
		size := textSize
		if m.ofOthers {
			size = smallText - 1
		}
		style := textStyle(m.labelColour, size, 0, -0.5)
		label := m.label
		for style.Width(label) > (c.Max.X-c.Min.X)*0.55 && len([]rune(label)) > 4 {
			runes := []rune(label)
			label = string(runes[:len(runes)-2]) + "…"
		}
		where, far := place.label(centers[i], style.Width(label), size)
		if far {
			edge := nearest(where, centers[i])
			c.StrokeLine2(draw.LineStyle{Color: m.labelColour, Width: 0.4}, centers[i].X, centers[i].Y, edge.X, edge.Y)
		}
		c.FillText(style, vg.Point{X: where.Min.X, Y: (where.Min.Y+where.Max.Y)/2 + 0.8}, label) // letters have more below than above
	}
}

// placer finds room for labels among what is drawn already.
type placer struct {
	frame vg.Rectangle
	taken []obstacle
}

type obstacle struct {
	vg.Rectangle
	weight float64 // how bad it is to cover it
}

func box(at vg.Point, radius vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: at.X - radius, Y: at.Y - radius}, Max: vg.Point{X: at.X + radius, Y: at.Y + radius}}
}

func (p *placer) take(r vg.Rectangle, weight float64) { p.taken = append(p.taken, obstacle{r, weight}) }

// cost is the area that r would cover of what is drawn, by weight, and of the world outside of the frame.
func (p *placer) cost(r vg.Rectangle) float64 {
	size := func(r vg.Rectangle) float64 {
		return max(float64(r.Max.X-r.Min.X), 0) * max(float64(r.Max.Y-r.Min.Y), 0)
	}
	common := func(a, b vg.Rectangle) float64 {
		w, h := float64(min(a.Max.X, b.Max.X)-max(a.Min.X, b.Min.X)), float64(min(a.Max.Y, b.Max.Y)-max(a.Min.Y, b.Min.Y))
		if w <= 0 || h <= 0 {
			return 0
		}
		return w * h
	}
	cost := 50 * (size(r) - common(r, p.frame))
	for _, o := range p.taken {
		cost += o.weight * common(r, o.Rectangle)
	}
	return cost
}

// label takes the best place for a text around a mark: beside it if there is room, else farther away, which is told.
func (p *placer) label(at vg.Point, width, size vg.Length) (best vg.Rectangle, far bool) {
	height := size * 1.05
	bestCost := math.Inf(1)
	for ring, distance := range []vg.Length{markRadius + 2.5, markRadius + 10, markRadius + 20, markRadius + 32, markRadius + 48} {
		for i := range 16 {
			sin, cos := math.Sincos(float64(i) * math.Pi / 8)
			// The text touches the circle with the side that looks to the mark.
			center := vg.Point{X: at.X + vg.Length(cos)*(distance+width/2), Y: at.Y + vg.Length(sin)*(distance+height/2)}
			r := vg.Rectangle{
				Min: vg.Point{X: center.X - width/2, Y: center.Y - height/2},
				Max: vg.Point{X: center.X + width/2, Y: center.Y + height/2},
			}
			// Beside the mark reads best, then above and below.
			cost := p.cost(r) + 12*float64(ring) + 3*math.Abs(sin)
			if cost < bestCost-1e-9 {
				best, bestCost, far = r, cost, ring > 1
			}
		}
	}
	p.take(vg.Rectangle{Min: vg.Point{X: best.Min.X - 3, Y: best.Min.Y}, Max: vg.Point{X: best.Max.X + 3, Y: best.Max.Y}}, 10)
	if far {
		edge := nearest(best, at)
		const pieces = 6 // of the line to the mark, as small boxes
		for i := 1; i < pieces; i++ {
			k := vg.Length(i) / pieces
			p.take(box(vg.Point{X: at.X + (edge.X-at.X)*k, Y: at.Y + (edge.Y-at.Y)*k}, 1.5), 2)
		}
	}
	return best, far
}

// nearest is the point of r that is nearest to at.
func nearest(r vg.Rectangle, at vg.Point) vg.Point {
	return vg.Point{X: min(max(at.X, r.Min.X), r.Max.X), Y: min(max(at.Y, r.Min.Y), r.Max.Y)}
}

// drawBetter draws an arrow that says where better is, in the emptiest corner.
func drawBetter(c *draw.Canvas, place *placer) {
	const length, half = vg.Length(50), vg.Length(7)
	var corner vg.Rectangle
	least := math.Inf(1)
	for _, at := range []vg.Point{
		{X: c.Max.X - length - 4, Y: c.Min.Y + 4}, {X: c.Min.X + 4, Y: c.Max.Y - length - 4},
		{X: c.Min.X + 4, Y: c.Min.Y + 4}, {X: c.Max.X - length - 4, Y: c.Max.Y - length - 4},
	} {
		r := vg.Rectangle{Min: at, Max: vg.Point{X: at.X + length, Y: at.Y + length}}
		wide := vg.Rectangle{Min: vg.Point{X: at.X - length, Y: at.Y - length}, Max: vg.Point{X: at.X + 2*length, Y: at.Y + 2*length}}
		frameless := placer{frame: wide, taken: place.taken}
		if cost := 100*frameless.cost(r) + frameless.cost(wide); cost < least {
			corner, least = r, cost
		}
	}
	place.take(corner, 10)
	c.Push()
	defer c.Pop()
	c.Translate(vg.Point{X: (corner.Min.X + corner.Max.X) / 2, Y: (corner.Min.Y + corner.Max.Y) / 2})
	c.Rotate(math.Pi / 4)
	const shaft, tip = length*0.62 - 12, length * 0.62
	c.SetColor(area)
	var path vg.Path
	path.Move(vg.Point{X: -tip, Y: -half})
	for _, at := range []vg.Point{
		{X: shaft, Y: -half}, {X: shaft, Y: -half * 1.8}, {X: tip, Y: 0}, {X: shaft, Y: half * 1.8}, {X: shaft, Y: half}, {X: -tip, Y: half},
	} {
		path.Line(at)
	}
	path.Close()
	c.Fill(path)
	style := textStyle(ink, textSize, -0.5, -0.5)
	c.FillText(style, vg.Point{X: -4, Y: 0}, "better")
}
