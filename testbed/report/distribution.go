package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"salsify/testbed/result"
)

// distribution is a figure of how values of one kind are distributed over the pictures.
type distribution struct {
	name, caption, axis string
	value               func(*result.Frame) float64
	log                 bool
	all                 bool // of all pictures of the source: those without a value count too
}

var distributions = []distribution{
	{name: "cdf-frame-delay", axis: "frame delay (ms)", log: true, all: true, value: func(f *result.Frame) float64 { return f.FrameDelayMs },
		caption: "Share of the source's pictures that were shown within a time; what is missing at the right was never shown"},
	{name: "cdf-signal-delay", axis: "signal delay (ms)", log: true, all: true, value: func(f *result.Frame) float64 { return f.SignalDelayMs },
		caption: "Share of the source's pictures that were shown, or followed by a later one, within a time"},
	{name: "cdf-ssim", axis: "SSIM of a picture (dB)", value: func(f *result.Frame) float64 { return decibel(f.SSIM) },
		caption: "Share of the pictures that were scored with no more than this quality"},
}

// decibel is SSIM as the paper gives it. That of equal pictures would be infinite; it ends at 60 dB.
func decibel(ssim float64) float64 { return -10 * math.Log10(max(1-ssim, 1e-6)) }

// sample is what one system has of a distribution.
type sample struct {
	system *system
	values []float64 // sorted, in the end
	count  int       // with those that have no value
}

// add takes the pictures that count of one cell.
func (s *sample) add(d *distribution, frames []result.Frame, excludedMs float64) {
	for i := range frames {
		f := &frames[i]
		if !(f.CapturedMs >= excludedMs) {
			continue
		}
		v := d.value(f)
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.values = append(s.values, v)
		} else if !d.all {
			continue
		}
		s.count++
	}
}

// steps is the distribution's curve, of few enough points to draw: all that matter to the eye, and the outermost. What is below the least
// value of the axis stands there.
func (s *sample) steps(least float64) plotter.XYs {
	const points = 300
	n := len(s.values)
	var curve plotter.XYs
	for i := range min(n, points) {
		k := i
		if n > points {
			k = i * (n - 1) / (points - 1)
		}
		curve = append(curve, plotter.XY{X: max(s.values[k], least), Y: float64(k+1) / float64(s.count)})
	}
	return curve
}

// leastDelay is where a logarithmic axis begins at the latest: a picture that was captured just before the end of a call has a signal
// delay of next to nothing, and needs no decades of its own.
const leastDelay = 1 // ms

// axisOf spans all values of samples, which it sorts.
func (d *distribution) axisOf(samples []*sample) scale {
	var bounds []float64
	for _, m := range samples {
		slices.Sort(m.values)
		low := m.values[0]
		if d.log {
			low = max(low, leastDelay)
		}
		bounds = append(bounds, low, m.values[len(m.values)-1])
	}
	return scaleFor(bounds, d.log)
}

// figure draws the curves of all systems; nil where none has values.
func (d *distribution) figure(s *section, samples []*sample) *figure {
	drawn := slices.DeleteFunc(samples, func(m *sample) bool { return len(m.values) == 0 })
	if len(drawn) == 0 {
		return nil
	}
	x := d.axisOf(drawn)
	y := scale{to: 1, ticks: 5}
	caption := d.caption + ": " + s.title + ", all repeats together."
	return &figure{name: s.slug + "-" + d.name, caption: caption, width: figureWidth, height: 8.5 * vg.Centimeter,
		draw: func(c draw.Canvas) {
			p := axes(d.axis, "share of pictures", x, y)
			var entries []legendEntry
			for _, m := range drawn {
				look := m.system.look
				p.Add(strokes{[]plotter.XYs{m.steps(x.from)}, draw.LineStyle{Color: look.colour, Width: 1.3, Dashes: look.dashes}})
				entries = append(entries, legendEntry{text: m.system.label, look: look})
			}
			panels(c, entries, p)
		}}
}
