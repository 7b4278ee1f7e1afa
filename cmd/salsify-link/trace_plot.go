package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"salsify/testbed/trace"
)

const tracePlotHelp = `Usage: salsify-link trace plot [flags] FILE... --out PICTURE

Draws the capacity of traces over time into one picture: PNG, SVG or PDF, as the end of its name says. Traces of which one is shorter
than the others, or than 10 s, are repeated, as a link would play them; their names say so.

Examples:
  salsify-link trace plot Verizon-LTE-short.down --out verizon.png
  salsify-link trace plot *.up --from 10s --to 70s --bin 1s --out up.svg
`

const (
	tracePlotWidth, tracePlotHeight, tracePlotEdge = 24 * vg.Centimeter, 10 * vg.Centimeter, 3 * vg.Millimeter
	// tracePlotPoints is about how many points a line has where --bin does not say it, maxTracePlotPoints the most.
	tracePlotPoints, maxTracePlotPoints = 400, 100_000
)

func (c *traceCall) plot(args []string) error {
	f := newTraceFlags("plot")
	var part span
	part.flags(f, fileEnd)
	bin := anyDuration(f, "bin", 0, "window over which the capacity is taken (default: some 400 in the picture)")
	out := f.String("out", "", "the `PICTURE` to write, such as lte.png, lte.svg or lte.pdf")
	files, err := c.parse(f, tracePlotHelp, args, 1, 100)
	if err != nil {
		return err
	}
	if err := checkOneInput(files); err != nil {
		return err
	}
	if _, err := newPicture(*out, 1); err != nil { // before the work
		return err
	}
	// All traces are drawn over the same time.
	var traces []*trace.Trace
	longest := 0
	for i, file := range files {
		t, err := c.load(file)
		if err != nil {
			return err
		}
		traces = append(traces, t)
		if t.Duration() > traces[longest].Duration() {
			longest = i
		}
	}
	from, to, err := part.of(f, whole(traces[longest]))
	if err != nil {
		return err
	}
	if !f.Changed("bin") {
		*bin = roundBin((to - from) / tracePlotPoints)
	}
	if *bin < time.Millisecond || (to-from)/(*bin) > maxTracePlotPoints {
		return traceUsagef("--bin %v must be 1ms or more, and not more than %d of them in the picture", *bin, maxTracePlotPoints)
	}
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "seconds", "Mbit/s"
	p.Title.Text = fmt.Sprintf("capacity over %v", *bin)
	p.Y.Min, p.X.Min, p.X.Max = 0, from.Seconds(), to.Seconds()
	p.Add(plotter.NewGrid())
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(2)
	for i, t := range traces {
		line, err := plotter.NewLine(capacitySteps(t, from, to, *bin))
		if err != nil {
			return err
		}
		line.Color, line.Width = plotutil.Color(i), vg.Points(1)
		p.Add(line)
		name := traceName(files[i])
		if t.Duration() < to {
			name += fmt.Sprintf(" (%v, repeated)", t.Duration())
		}
		legend.Add(fmt.Sprintf("%s, mean %v", name, t.Capacity(from, to)), line)
	}
	p.Y.Max *= 1.04 // else the highest line lies on the edge
	// The legend is above, where no curve can be.
	size := legend.Rectangle(draw.Canvas{}).Size()
	picture, err := newPicture(*out, tracePlotHeight+size.Y+tracePlotEdge)
	if err != nil {
		return err
	}
	inner := draw.Crop(draw.New(picture), tracePlotEdge, -tracePlotEdge, tracePlotEdge, -tracePlotEdge)
	legend.Draw(inner)
	p.Draw(draw.Crop(inner, 0, 0, 0, -size.Y-tracePlotEdge))
	return c.write(*out, func(w io.Writer) error {
		_, err := picture.WriteTo(w)
		return err
	})
}

// newPicture returns an empty picture of the kind that its file name asks for.
func newPicture(path string, height vg.Length) (vg.CanvasWriterTo, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
		return vgimg.PngCanvas{Canvas: vgimg.New(tracePlotWidth, height)}, nil
	case ".svg":
		return vgsvg.New(tracePlotWidth, height), nil
	case ".pdf":
		return vgpdf.New(tracePlotWidth, height), nil
	case "":
		if path == "" {
			return nil, traceUsagef("--out is missing: say what to write, such as --out trace.png")
		}
	}
	return nil, traceUsagef("--out is %q: it must end in .png, .svg or .pdf", path)
}

// roundBin returns the smallest of 10 ms, 20, 50, 100... that is not below d.
func roundBin(d time.Duration) time.Duration {
	for ten := 10 * time.Millisecond; ; ten *= 10 {
		for _, bin := range []time.Duration{ten, 2 * ten, 5 * ten} {
			if bin >= d {
				return bin
			}
		}
	}
}

// capacitySteps returns the corners of the capacity as steps.
func capacitySteps(t *trace.Trace, from, to, bin time.Duration) plotter.XYs {
	var steps plotter.XYs
	for at := from; at < to; at += bin {
		end := min(at+bin, to)
		rate := t.Capacity(at, end).Kbit() / 1000
		steps = append(steps, plotter.XY{X: at.Seconds(), Y: rate}, plotter.XY{X: end.Seconds(), Y: rate})
	}
	return steps
}
