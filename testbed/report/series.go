package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"salsify/testbed/result"
)

// recording is the first repeat of a system over time.
type recording struct {
	line     *line
	excluded float64 // seconds at the beginning
	bins     []result.Bin
}

// maxPoints bounds the points of a drawn line: one for each pixel of a wide screen is enough.
const maxPoints = 600

// thin joins bins until there are few enough to draw: means of rates, delays and quality over the same time.
func thin(bins []result.Bin) []result.Bin {
	n := (len(bins) + maxPoints - 1) / maxPoints
	if n <= 1 {
		return bins
	}
	var thinned []result.Bin
	for i := 0; i < len(bins); i += n {
		group := bins[i:min(i+n, len(bins))]
		mean := func(of func(*result.Bin) float64) float64 {
			values := make([]float64, len(group))
			for k := range group {
				values[k] = of(&group[k])
			}
			return summarize(values).mean
		}
		thinned = append(thinned, result.Bin{
			FromMs:        group[0].FromMs,
			CapacityKbit:  mean(func(b *result.Bin) float64 { return b.CapacityKbit }),
			SentKbit:      mean(func(b *result.Bin) float64 { return b.SentKbit }),
			DeliveredKbit: mean(func(b *result.Bin) float64 { return b.DeliveredKbit }),
			FeedbackKbit:  mean(func(b *result.Bin) float64 { return b.FeedbackKbit }),
			QueueDelayMs:  mean(func(b *result.Bin) float64 { return b.QueueDelayMs }),
			SignalDelayMs: mean(func(b *result.Bin) float64 { return b.SignalDelayMs }),
			SSIMdB:        mean(func(b *result.Bin) float64 { return b.SSIMdB }),
		})
	}
	return thinned
}

// runs are the points of one figure over time, broken where it was not measured for longer than gap seconds.
func (r *recording) runs(gap float64, of func(*result.Bin) float64) []plotter.XYs {
	var all []plotter.XYs
	last := math.Inf(-1)
	for i := range r.bins {
		x, y := r.bins[i].FromMs/1000, of(&r.bins[i])
		if math.IsNaN(y) {
			continue
		}
		if x-last > gap {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], plotter.XY{X: x, Y: y})
		last = x
	}
	return all
}

// strokes draws lines through points, and a point where a line has only one.
type strokes struct {
	runs  []plotter.XYs
	style draw.LineStyle
}

// Plot implements plot.Plotter.
func (s strokes) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range s.runs {
		points := make([]vg.Point, len(run))
		for i, at := range run {
			points[i] = vg.Point{X: x(at.X), Y: y(at.Y)}
		}
		if len(points) == 1 {
			c.DrawGlyph(draw.GlyphStyle{Color: s.style.Color, Radius: s.style.Width, Shape: draw.CircleGlyph{}}, points[0])
			continue
		}
		c.StrokeLines(s.style, c.ClipLinesXY(points)...)
	}
}

// capacityArea fills what the link could carry.
type capacityArea struct {
	bins  []result.Bin
	width float64 // seconds of a bin
}

// Plot implements plot.Plotter.
func (a capacityArea) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var points []vg.Point
	flush := func() {
		if len(points) > 0 {
			points = append(points, vg.Point{X: points[len(points)-1].X, Y: y(0)})
			c.FillPolygon(area, c.ClipPolygonXY(points))
		}
		points = nil
	}
	for _, b := range a.bins {
		if math.IsNaN(b.CapacityKbit) {
			flush()
			continue
		}
		from, to, height := x(b.FromMs/1000), x(b.FromMs/1000+a.width), y(b.CapacityKbit/1000)
		if points == nil {
			points = append(points, vg.Point{X: from, Y: y(0)})
		}
		points = append(points, vg.Point{X: from, Y: height}, vg.Point{X: to, Y: height})
	}
	flush()
}

// capacityEntry is the legend of capacityArea; none where the link has no limit.
func capacityEntry(bins []result.Bin) []legendEntry {
	for _, b := range bins {
		if !math.IsNaN(b.CapacityKbit) {
			return []legendEntry{{text: "capacity", look: look{colour: area}, fill: true}}
		}
	}
	return nil
}

// excludedTime marks the beginning that does not count.
type excludedTime struct {
	seconds float64
	label   string // that says so
}

const notCounted = "not counted"

// Plot implements plot.Plotter.
func (e excludedTime) Plot(c draw.Canvas, p *plot.Plot) {
	if !(e.seconds > p.X.Min) {
		return
	}
	x, _ := p.Transforms(&c)
	right := min(x(e.seconds), c.Max.X)
	style := draw.LineStyle{Color: faint, Width: 0.5, Dashes: []vg.Length{2, 2}}
	c.StrokeLine2(style, right, c.Min.Y, right, c.Max.Y)
	text, at := textStyle(faint, smallText-1, -1, -1), vg.Point{X: right - 3, Y: c.Max.Y - 2}
	if right-c.Min.X < text.Width(e.label)+6 { // no room to its left
		text.XAlign, at.X = 0, right+3
	}
	c.FillText(text, at, e.label)
}

// Gaps in seconds beyond which a line is broken. Pictures are scored now and then only, and in an outage none is shown.
const (
	rateGap    = 0.15
	delayGap   = 0.35
	qualityGap = 3
)

// timeScales are common to all systems of a section, so that their figures can be compared.
type timeScales struct {
	time, rate, delay, signal, quality scale
	width                              float64 // seconds of a bin
}

func timeScalesOf(recordings []*recording) timeScales {
	var rates, signals, queues, ssims []float64
	end, width, capacity := 0.0, result.BinMs/1000., 0.0
	for _, r := range recordings {
		for _, b := range r.bins {
			rates = append(rates, b.SentKbit/1000, b.DeliveredKbit/1000)
			if !math.IsNaN(b.CapacityKbit) {
				capacity = max(capacity, b.CapacityKbit/1000)
			}
			signals, queues = append(signals, b.SignalDelayMs), append(queues, b.QueueDelayMs)
			ssims = append(ssims, b.SSIMdB)
		}
		if n := len(r.bins); n > 0 {
			end = max(end, r.bins[n-1].FromMs/1000)
		}
		if n := len(r.bins); n > 1 {
			width = max(width, (r.bins[1].FromMs-r.bins[0].FromMs)/1000)
		}
	}
	s := timeScales{time: scale{to: max(end+width, 1), ticks: 8}, width: width}
	// A capacity far above all rates would press them to the ground: it is cut off there.
	top := 0.0
	for _, x := range rates {
		if x > top {
			top = x
		}
	}
	s.rate = scale{to: max(min(capacity, 3*top), top, 0.01) * 1.05, ticks: 4}
	s.signal = delayScale(signals)
	// Queues are often empty; delays far below every signal delay need no decades of their own.
	least := math.Inf(1)
	for _, d := range signals {
		if d > 0 {
			least = min(least, d/4)
		}
	}
	for _, d := range queues {
		if d >= least {
			signals = append(signals, d)
		}
	}
	s.delay = delayScale(signals)
	for _, d := range []*scale{&s.delay, &s.signal} {
		if !d.log {
			d.from = 0
		}
		d.ticks = 4
	}
	s.quality = scaleFor(ssims, false)
	s.quality.ticks = 4
	return s
}

// figure draws rate, delay and quality of one system over time.
func (r *recording) figure(s *section, scales timeScales, slug string) *figure {
	l := r.line
	caption := l.system.label + " over time: " + s.title
	if len(l.cells) > 1 {
		caption += ", first of its repeats"
	}
	return &figure{name: slug, caption: caption + ".", width: figureWidth, height: 10.5 * vg.Centimeter, draw: func(c draw.Canvas) {
		colour := l.system.look.colour
		delayScale := scales.delay
		rate := axes("", "Mbit/s", scales.time, scales.rate)
		sent := draw.LineStyle{Color: faint, Width: 0.8}
		delivered := draw.LineStyle{Color: colour, Width: 1.1}
		rate.Add(capacityArea{r.bins, scales.width}, excludedTime{r.excluded, notCounted},
			strokes{r.runs(rateGap+scales.width, func(b *result.Bin) float64 { return b.SentKbit / 1000 }), sent},
			strokes{r.runs(rateGap+scales.width, func(b *result.Bin) float64 { return b.DeliveredKbit / 1000 }), delivered})
		delay := axes("", "delay (ms)", scales.time, delayScale)
		delay.Add(excludedTime{seconds: r.excluded},
			strokes{r.runs(delayGap+scales.width, func(b *result.Bin) float64 { return b.QueueDelayMs }), draw.LineStyle{Color: faint, Width: 0.8}},
			strokes{r.runs(delayGap+scales.width, func(b *result.Bin) float64 { return b.SignalDelayMs }), draw.LineStyle{Color: colour, Width: 1.1}})
		quality := axes("seconds", "SSIM (dB)", scales.time, scales.quality)
		quality.Add(excludedTime{seconds: r.excluded},
			strokes{r.runs(qualityGap+scales.width, func(b *result.Bin) float64 { return b.SSIMdB }), draw.LineStyle{Color: colour, Width: 1.1}})
		for _, p := range []*panel{rate, delay} {
			withoutTimeLabels(p)
		}
		panels(c, append(capacityEntry(r.bins),
			legendEntry{text: "sent, queue delay", look: look{colour: faint}},
			legendEntry{text: "delivered, signal delay, SSIM", look: look{colour: colour}},
		), rate, delay, quality)
	}}
}

// withoutTimeLabels leaves the numbers of the time axis to the lowest panel.
func withoutTimeLabels(p *panel) {
	p.X.Tick.Label.Font.Size = 1
	p.X.Tick.Marker = unlabelled{p.X.Tick.Marker}
}

type unlabelled struct{ plot.Ticker }

// Ticks implements plot.Ticker. A space is a label, so the ticks stay long and the grid has its lines.
func (u unlabelled) Ticks(from, to float64) []plot.Tick {
	ticks := u.Ticker.Ticks(from, to)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = " "
		}
	}
	return ticks
}

// overlay draws what all systems carried, and their signal delay, over time.
func overlay(s *section, recordings []*recording, scales timeScales) *figure {
	return &figure{name: s.slug + "-time", caption: "What was delivered, and signal delay, over time: " + s.title + ", first repeat of each system.",
		width: 2*figureWidth + 1*vg.Centimeter, height: 11 * vg.Centimeter, draw: func(c draw.Canvas) {
			rate := axes("", "delivered (Mbit/s)", scales.time, scales.rate)
			delay := axes("seconds", "signal delay (ms)", scales.time, scales.signal)
			for _, p := range []*panel{rate, delay} {
				p.X.Tick.Marker = scale{to: scales.time.to, ticks: 14}
			}
			entries := capacityEntry(recordings[0].bins)
			excluded := 0.0
			for i, r := range recordings {
				if i == 0 {
					rate.Add(capacityArea{r.bins, scales.width})
				}
				excluded = max(excluded, r.excluded)
				style := draw.LineStyle{Color: r.line.system.look.colour, Width: 1, Dashes: r.line.system.look.dashes}
				rate.Add(strokes{r.runs(rateGap+scales.width, func(b *result.Bin) float64 { return b.DeliveredKbit / 1000 }), style})
				delay.Add(strokes{r.runs(delayGap+scales.width, func(b *result.Bin) float64 { return b.SignalDelayMs }), style})
				entries = append(entries, legendEntry{text: r.line.system.label, look: r.line.system.look})
			}
			rate.Add(excludedTime{excluded, notCounted})
			delay.Add(excludedTime{seconds: excluded})
			withoutTimeLabels(rate)
			panels(c, entries, rate, delay)
		}}
}
