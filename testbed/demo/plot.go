package main

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/transport/bitrate"
)

const (
	bin                   = 500 * time.Millisecond // that rates are taken over
	plotWidth, plotHeight = 24 * vg.Centimeter, 16 * vg.Centimeter
)

var (
	grey   = color.NRGBA{R: 200, G: 205, B: 210, A: 255}
	blue   = color.NRGBA{R: 31, G: 90, B: 180, A: 255}
	orange = color.NRGBA{R: 220, G: 110, B: 20, A: 255}
)

// plot draws capacity and rate, and below them the delay, over time.
func (r *result) plot(path string) error {
	rates, err := r.rates()
	if err != nil {
		return err
	}
	delays, err := r.delays()
	if err != nil {
		return err
	}
	canvas, write, err := canvasFor(path)
	if err != nil {
		return err
	}
	tiles := plot.Align([][]*plot.Plot{{rates}, {delays}}, draw.Tiles{Rows: 2, Cols: 1, PadY: 5 * vg.Millimeter}, draw.New(canvas))
	rates.Draw(tiles[0][0])
	delays.Draw(tiles[1][0])
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func canvasFor(path string) (vg.CanvasSizer, func(*os.File) error, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
		c := vgimg.PngCanvas{Canvas: vgimg.New(plotWidth, plotHeight)}
		return c, func(f *os.File) error { _, err := c.WriteTo(f); return err }, nil
	case ".svg":
		c := vgsvg.New(plotWidth, plotHeight)
		return c, func(f *os.File) error { _, err := c.WriteTo(f); return err }, nil
	case ".pdf":
		c := vgpdf.New(plotWidth, plotHeight)
		return c, func(f *os.File) error { _, err := c.WriteTo(f); return err }, nil
	}
	return nil, nil, fmt.Errorf("--out is %q: it must end in .png, .svg or .pdf", path)
}

// wholeNumbers are ticks without decimals.
type wholeNumbers struct{ plot.DefaultTicks }

func (w wholeNumbers) Ticks(from, to float64) []plot.Tick {
	ticks := w.DefaultTicks.Ticks(from, to)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = fmt.Sprintf("%.0f", ticks[i].Value)
		}
	}
	return ticks
}

// seconds is an instant on the plots' time axis.
func (r *result) seconds(t time.Time) float64 { return t.Sub(r.began).Seconds() }

func (r *result) rates() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "what the link could carry, and what was sent"
	p.Y.Label.Text = "Mbit/s"
	p.Y.Min, p.X.Min = 0, 0
	p.X.Max = r.end.Sub(r.began).Seconds()
	n := int(r.end.Sub(r.began)/bin) + 1
	bytes := make([]int, n)
	for _, d := range r.video.records {
		if i := d.Departure.Sub(r.began); d.Fate == link.Delivered && i >= 0 && int(i/bin) < n {
			bytes[i/bin] += d.Size
		}
	}
	var capacity, sent plotter.XYs
	offset := r.began.Sub(r.start)
	for i := range n {
		from := time.Duration(i) * bin
		for _, x := range []time.Duration{from, from + bin} {
			capacity = append(capacity, plotter.XY{X: x.Seconds(), Y: r.up.Capacity(offset+from, offset+from+bin).Kbit() / 1000})
			sent = append(sent, plotter.XY{X: x.Seconds(), Y: bitrate.Of(bytes[i], bin).Kbit() / 1000})
		}
	}
	area, err := plotter.NewPolygon(append(append(plotter.XYs{{X: 0, Y: 0}}, capacity...), plotter.XY{X: capacity[len(capacity)-1].X, Y: 0}))
	if err != nil {
		return nil, err
	}
	area.Color, area.LineStyle.Width = grey, 0
	line, err := plotter.NewLine(sent)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = blue, vg.Points(1.5)
	p.Add(area, line)
	p.Legend.Add("capacity", area)
	p.Legend.Add("sent", line)
	p.Legend.Top = true
	return p, nil
}

func (r *result) delays() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "from the camera to the screen"
	p.X.Label.Text = "seconds"
	p.Y.Label.Text = "ms"
	p.X.Min, p.Y.Min = 0, 0
	p.X.Max = r.end.Sub(r.began).Seconds()
	p.Y.Tick.Marker = wholeNumbers{}
	var frame, signal plotter.XYs
	for _, s := range r.watched.shown {
		frame = append(frame, plotter.XY{X: r.seconds(s.At), Y: s.At.Sub(s.Captured).Seconds() * 1000})
	}
	for i, d := range measure.SignalDelays(r.captured, r.watched.shown, r.end) {
		signal = append(signal, plotter.XY{X: r.seconds(r.captured[i]), Y: d.Seconds() * 1000})
	}
	line, err := plotter.NewLine(signal)
	if err != nil {
		return nil, err
	}
	line.Color = orange
	dots, err := plotter.NewScatter(frame)
	if err != nil {
		return nil, err
	}
	dots.Color, dots.Radius, dots.Shape = blue, vg.Points(1), draw.CircleGlyph{}
	p.Add(line, dots)
	p.Legend.Add("signal delay", line)
	p.Legend.Add("each picture shown", dots)
	p.Legend.Top = true
	return p, nil
}
