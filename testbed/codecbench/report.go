package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// report is the whole outcome, as it goes to the JSON file.
type report struct {
	Command    string   `json:"command"`
	Frames     int      `json:"frames"` // of each clip; 0: all
	Efforts    []int    `json:"efforts"`
	Versions   []string `json:"versions"`
	Machine    string   `json:"machine"`
	VpxencArgs []string `json:"vpxenc_args"`
	Results    []result `json:"results"`

	withBits, withSpeed bool // what was measured
}

// result is the outcome of one job. What was not measured is empty.
type result struct {
	Clip   string         `json:"clip"`
	Grain  string         `json:"grain"`
	Width  int            `json:"width"`
	Height int            `json:"height"`
	Vpxenc []measurement  `json:"vpxenc,omitempty"`
	Ours   []effortResult `json:"ours,omitempty"` // by effort
	Speed  *speed         `json:"speed,omitempty"`
}

// is720p tells whether the pictures are as large as 1280x720, upright ones too.
func (r result) is720p() bool { return r.Width*r.Height == 1280*720 }

func (r report) writeJSON(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}

// writeMarkdown writes all tables.
func (r report) writeMarkdown(out io.Writer) error {
	_, err := io.WriteString(out, joinSections(r.sections()))
	return err
}

// section is one table with what goes with it.
type section struct {
	heading string // without "### "
	text    string // ends with one newline
}

func joinSections(sections []section) string {
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("### " + s.heading + "\n\n" + s.text)
	}
	return b.String()
}

// The headings, in the order in which the sections stand in a document; those of the efforts stand before.
const (
	encodingHeading = "Encoding with one thread and two"
	decodingHeading = "Decoding"
	memoryHeading   = "Memory"
	targetsHeading  = "Targets"
)

// effortFormat is the heading of an effort.
const effortFormat = "Effort %d against vpxenc"

// sections returns everything that was measured.
func (r report) sections() []section {
	var list []section
	if r.withBits {
		for _, effort := range r.Efforts {
			list = append(list, section{fmt.Sprintf(effortFormat, effort), r.table(effortColumns(effort)) + r.problems(effort) + r.origin()})
		}
	}
	if r.withSpeed {
		list = append(list,
			section{encodingHeading, r.table(encodingColumns) + r.origin()},
			section{decodingHeading, r.table(decodingColumns) + r.origin()},
			section{memoryHeading, r.table(memoryColumns) + r.origin()})
	}
	return append(list, section{targetsHeading, r.targetTable() + r.origin()})
}

// forDocument returns the sections for a document: the targets only if everything was measured that they speak of.
func (r report) forDocument() []section {
	list := r.sections()
	complete := r.withBits && r.withSpeed
	for _, effort := range targetEfforts {
		complete = complete && slices.Contains(r.Efforts, effort)
	}
	if !complete {
		list = list[:len(list)-1]
	}
	return list
}

// origin tells where figures come from.
func (r report) origin() string {
	frames := "all frames"
	if r.Frames > 0 {
		frames = fmt.Sprintf("the first %d frames", r.Frames)
	}
	s := fmt.Sprintf("\n`%s`: %s of each clip, %s, %s.\n", r.Command, frames, strings.Join(r.Versions, ", "), r.Machine)
	if r.cached() {
		s += "\n**vpxenc's CPU times at five quantizers are from an earlier run (--cache): their ratios are not of one run.**\n"
	}
	return s
}

// cached tells whether any result of vpxenc came from the cache.
func (r report) cached() bool {
	return slices.ContainsFunc(r.Results, func(res result) bool {
		return slices.ContainsFunc(res.Vpxenc, func(m measurement) bool { return m.Cached })
	})
}

// problems tells where curves gave no BD-rate.
func (r report) problems(effort int) string {
	var b strings.Builder
	for _, res := range r.Results {
		if e := res.effort(effort); e != nil && e.Problem != "" {
			fmt.Fprintf(&b, "\n%s %s: %s\n", res.Clip, res.Grain, e.Problem)
		}
	}
	return b.String()
}

// column is one of a table: a figure of each result, NaN where there is none.
type column struct {
	title  string
	format string
	of     func(result) float64
	ratio  bool // averages are geometric
}

func effortColumns(effort int) []column {
	return []column{
		{title: "BD-rate SSIM %", format: "%+.1f", of: bdRateSSIM(effort)},
		{title: "BD-rate PSNR %", format: "%+.1f", of: bdRatePSNR(effort)},
		{title: "vpxenc ms/frame", format: "%.1f", of: func(r result) float64 { return cpuPerFrame(r.Vpxenc) }},
		{title: "ours ms/frame", format: "%.1f", of: ourCPU(effort)},
		{title: "ratio", format: "%.2f", of: effortRatio(effort), ratio: true},
	}
}

var encodingColumns = []column{
	{title: "vpxenc, 1 thread: CPU ms", format: "%.1f", of: encoding(vpxenc1, cost.cpu)},
	{title: "wall", format: "%.1f", of: encoding(vpxenc1, cost.wall)},
	{title: "2 threads: CPU", format: "%.1f", of: encoding(vpxenc2, cost.cpu)},
	{title: "wall", format: "%.1f", of: encoding(vpxenc2, cost.wall)},
	{title: "ours, 1 goroutine: CPU", format: "%.1f", of: encoding(ours1, cost.cpu)},
	{title: "wall", format: "%.1f", of: encoding(ours1, cost.wall)},
	{title: "2 goroutines: CPU", format: "%.1f", of: encoding(ours2, cost.cpu)},
	{title: "wall", format: "%.1f", of: encoding(ours2, cost.wall)},
	{title: "ours/vpxenc, wall, 1", format: "%.2f", of: quotient(encoding(ours1, cost.wall), encoding(vpxenc1, cost.wall)), ratio: true},
	{title: "2", format: "%.2f", of: quotient(encoding(ours2, cost.wall), encoding(vpxenc2, cost.wall)), ratio: true},
	{title: "govpx: CPU", format: "%.1f", of: encoding(govpx, cost.cpu)},
	{title: "ours/govpx", format: "%.2f", of: encodingRatio(govpx), ratio: true},
	{title: "two candidates, pictures/s", format: "%.1f", of: candidates},
}

var decodingColumns = []column{
	{title: "ours: CPU ms", format: "%.2f", of: decoding(ours1, cost.cpu)},
	{title: "vpxdec", format: "%.2f", of: decoding(vpxdec, cost.cpu)},
	{title: "ffmpeg", format: "%.2f", of: decoding(ffmpeg, cost.cpu)},
	{title: "govpx", format: "%.2f", of: decoding(govpx, cost.cpu)},
	{title: "ours/vpxdec", format: "%.2f", of: decodingRatio(vpxdec), ratio: true},
	{title: "ours/ffmpeg", format: "%.2f", of: decodingRatio(ffmpeg), ratio: true},
	{title: "ours/govpx", format: "%.2f", of: decodingRatio(govpx), ratio: true},
	{title: "ours: wall", format: "%.2f", of: decoding(ours1, cost.wall)},
	{title: "2 goroutines: CPU", format: "%.2f", of: decoding(ours2, cost.cpu)},
	{title: "wall", format: "%.2f", of: decoding(ours2, cost.wall)},
	{title: "1/2, wall", format: "%.2f", of: quotient(decoding(ours1, cost.wall), decoding(ours2, cost.wall)), ratio: true},
}

var memoryColumns = []column{
	{title: "encoding: vpxenc MB", format: "%.0f", of: encoding(vpxenc1, cost.megabytes)},
	{title: "ours", format: "%.0f", of: encoding(ours1, cost.megabytes)},
	{title: "govpx", format: "%.0f", of: encoding(govpx, cost.megabytes)},
	{title: "decoding: vpxdec", format: "%.0f", of: decoding(vpxdec, cost.megabytes)},
	{title: "ffmpeg", format: "%.0f", of: decoding(ffmpeg, cost.megabytes)},
	{title: "ours", format: "%.0f", of: decoding(ours1, cost.megabytes)},
	{title: "govpx", format: "%.0f", of: decoding(govpx, cost.megabytes)},
}

func (c cost) cpu() float64  { return c.CPU }
func (c cost) wall() float64 { return c.Wall }

func (c cost) megabytes() float64 {
	if c.Peak == 0 {
		return math.NaN()
	}
	return c.Peak / 1e6
}

// effort returns our encoder's side at one effort, or nil.
func (r result) effort(effort int) *effortResult {
	for i := range r.Ours {
		if r.Ours[i].Effort == effort {
			return &r.Ours[i]
		}
	}
	return nil
}

// effortFigure makes a figure of our encoder's side at one effort.
func effortFigure(effort int, of func(*effortResult) float64) func(result) float64 {
	return func(r result) float64 {
		if e := r.effort(effort); e != nil {
			return of(e)
		}
		return math.NaN()
	}
}

func bdRateSSIM(effort int) func(result) float64 {
	return effortFigure(effort, func(e *effortResult) float64 { return percent(e.BDRateSSIM) })
}

func bdRatePSNR(effort int) func(result) float64 {
	return effortFigure(effort, func(e *effortResult) float64 { return percent(e.BDRatePSNR) })
}

func ourCPU(effort int) func(result) float64 {
	return effortFigure(effort, func(e *effortResult) float64 { return cpuPerFrame(e.Points) })
}

// effortRatio is our encoder's CPU time by vpxenc's.
func effortRatio(effort int) func(result) float64 {
	return quotient(ourCPU(effort), func(r result) float64 { return cpuPerFrame(r.Vpxenc) })
}

func percent(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

// speedFigure makes a figure of the speed that was measured.
func speedFigure(of func(*speed) float64) func(result) float64 {
	return func(r result) float64 {
		if r.Speed == nil {
			return math.NaN()
		}
		return of(r.Speed)
	}
}

func encoding(by string, figure func(cost) float64) func(result) float64 {
	return speedFigure(func(s *speed) float64 { return costOf(s.Encoders, by, figure) })
}

func decoding(by string, figure func(cost) float64) func(result) float64 {
	return speedFigure(func(s *speed) float64 { return costOf(s.Decoders, by, figure) })
}

func costOf(costs map[string]cost, by string, figure func(cost) float64) float64 {
	c, ok := costs[by]
	if !ok {
		return math.NaN()
	}
	return figure(c)
}

// encodingRatio is our encoder's CPU time by another's, decodingRatio our decoder's.
func encodingRatio(by string) func(result) float64 {
	return quotient(encoding(ours1, cost.cpu), encoding(by, cost.cpu))
}

func decodingRatio(by string) func(result) float64 {
	return quotient(decoding(ours1, cost.cpu), decoding(by, cost.cpu))
}

var candidates = speedFigure(func(s *speed) float64 { return s.Candidates })

func quotient(a, b func(result) float64) func(result) float64 {
	return func(r result) float64 { return a(r) / b(r) }
}

// table makes a table with a row for each result, the averages of each grain and of all, and the medians of the results of 720p.
func (r report) table(columns []column) string {
	var b strings.Builder
	b.WriteString("| clip | grain |")
	for _, c := range columns {
		title := c.title
		if strings.HasPrefix(title, govpx) && !r.measured(c) {
			title += " (" + govpxVariable + " not set)"
		}
		b.WriteString(" " + title + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---:|", len(columns)) + "\n")
	row := func(name, grain string, figure func(column) float64) {
		fmt.Fprintf(&b, "| %s | %s |", name, grain)
		for _, c := range columns {
			b.WriteString(" " + cell(c.format, figure(c)) + " |")
		}
		b.WriteString("\n")
	}
	for _, res := range r.Results {
		row(res.Clip, res.Grain, func(c column) float64 { return c.of(res) })
	}
	for _, grain := range []string{clean, light} {
		some := r.only(func(res result) bool { return res.Grain == grain })
		if len(some) > 0 && len(some) < len(r.Results) {
			row("**average**", grain, func(c column) float64 { return average(c, some) })
		}
	}
	row("**average**", "all", func(c column) float64 { return average(c, r.Results) })
	if some := r.only(result.is720p); len(some) > 0 {
		row("**median, 720p**", "all", func(c column) float64 { return median(figures(c.of, some)) })
	}
	return b.String()
}

// measured tells whether a column has any figure.
func (r report) measured(c column) bool { return len(figures(c.of, r.Results)) > 0 }

// only returns some of the results.
func (r report) only(wanted func(result) bool) []result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(res result) bool { return !wanted(res) })
}

// figures are those of results that have one.
func figures(of func(result) float64, results []result) []float64 {
	var list []float64
	for _, res := range results {
		if v := of(res); !math.IsNaN(v) && !math.IsInf(v, 0) {
			list = append(list, v)
		}
	}
	return list
}

// average is the mean of a column, of ratios the geometric one.
func average(c column, results []result) float64 {
	values := figures(c.of, results)
	var sum float64
	for _, v := range values {
		if c.ratio {
			v = math.Log(v)
		}
		sum += v
	}
	mean := sum / float64(len(values))
	if c.ratio {
		return math.Exp(mean)
	}
	return mean
}

// median returns the middle one, or the mean of the two in the middle; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func cell(format string, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "n/a"
	}
	return fmt.Sprintf(format, v)
}
