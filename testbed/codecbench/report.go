package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"salsify/testbed/quality"
)

// report is the whole outcome, as it goes to the JSON file.
type report struct {
	VpxencVersion string   `json:"vpxenc_version"`
	VpxencArgs    []string `json:"vpxenc_args"`
	Options       string   `json:"options"`
	Results       []result `json:"results"`
}

// result is the outcome of one job.
type result struct {
	Clip   string         `json:"clip"`
	Grain  string         `json:"grain"`
	Vpxenc []measurement  `json:"vpxenc"`
	Ours   []effortResult `json:"ours"`
}

// effortResult is our encoder's side at one effort. A BD-rate is nil where the curves give none; Problem then says why.
type effortResult struct {
	Effort     int           `json:"effort"`
	Points     []measurement `json:"points"`
	BDRateSSIM *float64      `json:"bd_rate_ssim_percent"`
	BDRatePSNR *float64      `json:"bd_rate_psnr_percent"`
	Problem    string        `json:"problem,omitempty"`
}

// compare works out the BD-rates against vpxenc's points.
func (e *effortResult) compare(reference []measurement) {
	bdRate := func(name string, of func(quality.Score) float64) *float64 {
		percent, err := quality.BDRate(curve(reference, of), curve(e.Points, of))
		if err != nil {
			e.Problem = strings.TrimPrefix(e.Problem+"; "+name+": "+err.Error(), "; ")
			return nil
		}
		return &percent
	}
	e.BDRateSSIM = bdRate("SSIM", quality.Score.SSIMdB)
	e.BDRatePSNR = bdRate("PSNR", quality.Score.PSNR)
}

func curve(points []measurement, of func(quality.Score) float64) []quality.Point {
	var out []quality.Point
	for _, m := range points {
		out = append(out, quality.Point{Rate: float64(m.Bits), Quality: of(m.score())})
	}
	return out
}

// cpu returns the CPU time a frame, in milliseconds, over all quantizers.
func cpu(points []measurement) float64 {
	var seconds float64
	var frames int
	for _, m := range points {
		seconds += m.CPUSeconds
		frames += m.Frames
	}
	return 1000 * seconds / float64(frames)
}

// describe tells which clips and frames were measured, and how.
func describe(o options) string {
	frames := "all frames"
	if o.frames > 0 {
		frames = fmt.Sprintf("the first %d frames", o.frames)
	}
	clock := "whole process around Encode"
	if o.jobs > 1 {
		clock = "encoding thread alone around Encode"
	}
	return fmt.Sprintf("%s, grain %s, %d jobs, our CPU time: %s, 1 goroutine", frames, o.grain, o.jobs, clock)
}

func (r report) writeJSON(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}

// writeMarkdown writes a table for each effort.
func (r report) writeMarkdown(out io.Writer) error {
	var b strings.Builder
	for i := range r.Results[0].Ours {
		r.writeTable(&b, i)
	}
	b.WriteString("BD-rate: bits that ours needs more (+) or fewer (-) than vpxenc for the same luma quality, over quantizers " +
		fmt.Sprint(vpxencQs) + " of vpxenc. CPU time: user and system, over all quantizers; vpxenc's is its whole process. " +
		"The average ratio is the geometric mean.\n\n")
	fmt.Fprintf(&b, "Reference: vpxenc %s, `%s`. Measured: %s.\n", r.VpxencVersion, strings.Join(r.VpxencArgs, " "), r.Options)
	if r.cached() {
		b.WriteString("\n**vpxenc's CPU times are from an earlier run (--cache): the ratios are not of one run.**\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// row is one line of the table; a NaN prints as n/a.
type row struct {
	bdSSIM, bdPSNR, theirs, ours, ratio float64
}

func (r report) writeTable(b *strings.Builder, i int) {
	fmt.Fprintf(b, "### Effort %d against vpxenc\n\n", r.Results[0].Ours[i].Effort)
	b.WriteString("| clip | grain | BD-rate SSIM % | BD-rate PSNR % | vpxenc ms/frame | ours ms/frame | ratio |\n")
	b.WriteString("|---|---|---:|---:|---:|---:|---:|\n")
	byGrain := map[string][]row{}
	var all []row
	var problems []string
	for _, res := range r.Results {
		e := res.Ours[i]
		line := row{percent(e.BDRateSSIM), percent(e.BDRatePSNR), cpu(res.Vpxenc), cpu(e.Points), cpu(e.Points) / cpu(res.Vpxenc)}
		writeRow(b, res.Clip, res.Grain, line)
		byGrain[res.Grain] = append(byGrain[res.Grain], line)
		all = append(all, line)
		if e.Problem != "" {
			problems = append(problems, fmt.Sprintf("%s %s: %s", res.Clip, res.Grain, e.Problem))
		}
	}
	if len(byGrain) > 1 {
		for _, grain := range []string{clean, light} {
			writeRow(b, "**average**", grain, average(byGrain[grain]))
		}
	}
	writeRow(b, "**average**", "all", average(all))
	b.WriteString("\n")
	for _, p := range problems {
		b.WriteString(p + "\n\n")
	}
}

func writeRow(b *strings.Builder, clip, grain string, r row) {
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", clip, grain,
		cell("%+.1f", r.bdSSIM), cell("%+.1f", r.bdPSNR), cell("%.1f", r.theirs), cell("%.1f", r.ours), cell("%.2f", r.ratio))
}

func cell(format string, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "n/a"
	}
	return fmt.Sprintf(format, v)
}

func percent(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

// average takes the mean of each column, without the cells that are n/a; of the ratios the geometric mean.
func average(rows []row) row {
	mean := func(of func(row) float64) float64 {
		var sum, n float64
		for _, r := range rows {
			if v := of(r); !math.IsNaN(v) && !math.IsInf(v, 0) {
				sum += v
				n++
			}
		}
		return sum / n
	}
	return row{
		bdSSIM: mean(func(r row) float64 { return r.bdSSIM }),
		bdPSNR: mean(func(r row) float64 { return r.bdPSNR }),
		theirs: mean(func(r row) float64 { return r.theirs }),
		ours:   mean(func(r row) float64 { return r.ours }),
		ratio:  math.Exp(mean(func(r row) float64 { return math.Log(r.ratio) })),
	}
}

// cached tells whether any result of vpxenc came from the cache.
func (r report) cached() bool {
	for _, res := range r.Results {
		for _, m := range res.Vpxenc {
			if m.Cached {
				return true
			}
		}
	}
	return false
}
