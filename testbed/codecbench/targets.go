package main

import (
	"fmt"
	"math"
	"strings"
)

// target is one that the project has set itself. What counts is the median over the clips of 720p, clean and regrained.
type target struct {
	what, limit string
	of          func(result) float64
	format      string // of the median
	met         func(median float64) bool
}

func atMost(limit float64) func(float64) bool  { return func(v float64) bool { return v <= limit } }
func atLeast(limit float64) func(float64) bool { return func(v float64) bool { return v >= limit } }

var targetList = []target{
	{"decode, 1 thread", "at most vpxdec's CPU time", decodingRatio(vpxdec), "%.2f of it", atMost(1)},
	{"decode, 1 thread", "at most that of `ffmpeg -threads 1`", decodingRatio(ffmpeg), "%.2f of it", atMost(1)},
	{"encode, effort 5", "at most vpxenc's CPU time", effortRatio(5), "%.2f of it", atMost(1)},
	{"encode, effort 5", "at least 5 % fewer bits for the same SSIM", bdRateSSIM(5), "%+.1f %%", atMost(-5)},
	{"encode, effort 0", "at most half of vpxenc's CPU time", effortRatio(0), "%.2f of it", atMost(0.5)},
	{"encode, effort 0", "at most 15 % more bits for the same SSIM", bdRateSSIM(0), "%+.1f %%", atMost(15)},
	{"encode, effort 10", "at least 25 % fewer bits for the same SSIM", bdRateSSIM(10), "%+.1f %%", atMost(-25)},
	{"encode, effort 10", "at most 8 times vpxenc's CPU time", effortRatio(10), "%.2f times", atMost(8)},
	{"two candidates, effort 5, 2 goroutines", "at least 60 pictures/s", candidates, "%.1f", atLeast(60)},
	{"encode, effort 5", "at most half of govpx's CPU time", encodingRatio(govpx), "%.2f of it", atMost(0.5)},
	{"decode, 1 thread", "at most half of govpx's CPU time", decodingRatio(govpx), "%.2f of it", atMost(0.5)},
}

// targetEfforts are those of the targets.
var targetEfforts = []int{0, 5, 10}

// targetTable holds what was measured against the targets.
func (r report) targetTable() string {
	var b strings.Builder
	b.WriteString("| what | target | measured, median of 720p | |\n|---|---|---|---|\n")
	some := r.only(result.is720p)
	for _, t := range targetList {
		m := median(figures(t.of, some))
		verdict := "missed"
		switch {
		case math.IsNaN(m):
			verdict = "not measured"
		case t.met(m):
			verdict = "met"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.what, t.limit, cell(t.format, m), verdict)
	}
	return b.String()
}
