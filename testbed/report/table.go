package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"salsify/testbed/result"
)

// column is one figure of the table.
type column struct {
	group string // heading over several columns
	head  string
	unit  string
	help  string
	value func(*result.Figures) float64 // NaN: not measured
	// ours compares with the oracle instead, where value is nil.
	ours      func(mine, oracle *result.Figures) float64
	published func(Published) float64 // nil: never
	format    string                  // of fmt, for one number
	better    int                     // 1: higher, -1: lower, 0: neither
}

var nan = math.NaN()

// figures is short for what columns are made of.
type figures = *result.Figures

// maybe is a figure that may not have been measured.
func maybe(x *float64) float64 {
	if x == nil {
		return nan
	}
	return *x
}

// known is NaN for what was not published.
func known[T float64 | time.Duration](x T, unit T) float64 {
	if x == 0 {
		return nan
	}
	return float64(x) / float64(unit)
}

// share is a part of the whole in percent.
func share(part, whole float64) float64 {
	if !(whole > 0) {
		return nan
	}
	return 100 * part / whole
}

var columns = []column{
	{group: "frame delay", head: "mean", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.FrameDelay.Mean },
		help: "from capture to screen, of the pictures that were shown"},
	{group: "frame delay", head: "p50", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.FrameDelay.P50 },
		published: func(p Published) float64 { return known(p.FrameP50, time.Millisecond) }},
	{group: "frame delay", head: "p95", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.FrameDelay.P95 },
		published: func(p Published) float64 { return known(p.FrameP95, time.Millisecond) }},
	{group: "frame delay", head: "p99", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.FrameDelay.P99 }},
	{group: "signal delay", head: "mean", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.SignalDelay.Mean },
		published: func(p Published) float64 { return known(p.SignalMean, time.Millisecond) },
		help:      "of every picture of the source: from capture until it or a later one is on the screen"},
	{group: "signal delay", head: "p50", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.SignalDelay.P50 }},
	{group: "signal delay", head: "p95", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.SignalDelay.P95 },
		published: func(p Published) float64 { return known(p.SignalP95, time.Millisecond) }},
	{group: "pictures", head: "shown", unit: "/s", format: "%.1f", better: 1, value: func(f figures) float64 { return f.FPS },
		published: func(p Published) float64 { return known(p.FPS, 1) }},
	{group: "pictures", head: "never shown", unit: "%", format: "%.1f", better: -1,
		value: func(f figures) float64 { return share(float64(f.NeverShown), float64(f.Captured)) }, help: "of the source's pictures"},
	{group: "pictures", head: "torn", unit: "", format: "%.0f", better: -1, value: func(f figures) float64 { return float64(f.Torn) },
		help: "pictures on the screen that are parts of two, in the whole call"},
	{group: "freezes", head: "count", unit: "", format: "%.0f", better: -1, value: func(f figures) float64 { return float64(f.Freezes.Count) }},
	{group: "freezes", head: "longest", unit: "ms", format: "%.0f", better: -1, value: func(f figures) float64 { return f.Freezes.LongestMs },
		help: "the longest time without a new picture"},
	{group: "freezes", head: "share", unit: "%", format: "%.1f", better: -1, value: func(f figures) float64 { return 100 * f.Freezes.Share },
		help: "of the time"},
	{group: "quality", head: "SSIM", unit: "dB", format: "%.2f", better: 1, value: func(f figures) float64 { return maybe(f.SSIMdB) },
		published: func(p Published) float64 { return known(p.SSIMdB, 1) }, help: "-10 log10(1 - mean SSIM of luma)"},
	{group: "quality", head: "PSNR", unit: "dB", format: "%.2f", better: 1, value: func(f figures) float64 { return maybe(f.PSNRdB) }},
	{group: "network", head: "sent", unit: "kbit/s", format: "%.0f", value: func(f figures) float64 { return f.VideoKbit },
		help: "that entered the video's way"},
	{group: "network", head: "link used", unit: "%", format: "%.0f", better: 1, value: func(f figures) float64 { return 100 * maybe(f.LinkUsed) },
		help: "of its capacity"},
	{group: "beside the oracle", head: "signal delay", unit: "×", format: "%.2f", better: -1, ours: func(mine, oracle figures) float64 {
		return ratio(mine.SignalDelay.Mean, oracle.SignalDelay.Mean)
	}, help: "mean signal delay over the oracle's"},
	{group: "beside the oracle", head: "SSIM", unit: "dB", format: "%+.2f", better: 1, ours: func(mine, oracle figures) float64 {
		return maybe(mine.SSIMdB) - maybe(oracle.SSIMdB)
	}, help: "SSIM less the oracle's"},
	{group: "beside the oracle", head: "link used", unit: "×", format: "%.2f", better: 1, ours: func(mine, oracle figures) float64 {
		return ratio(maybe(mine.LinkUsed), maybe(oracle.LinkUsed))
	}, help: "share of the link used over the oracle's"},
}

func ratio(a, b float64) float64 {
	if !(b > 0) {
		return nan
	}
	return a / b
}

// summary is a figure over the repeats.
type summary struct {
	mean, lowest, highest float64 // NaN: not measured in any
	measured              int     // repeats it was measured in
}

func summarize(values []float64) summary {
	s := summary{mean: nan, lowest: nan, highest: nan}
	sum := 0.0
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if s.measured == 0 {
			s.lowest, s.highest = v, v
		}
		s.lowest, s.highest = min(s.lowest, v), max(s.highest, v)
		sum += v
		s.measured++
	}
	if s.measured > 0 {
		s.mean = sum / float64(s.measured)
	}
	return s
}

// over sums one figure of a line up.
func (l *line) over(value func(*result.Figures) float64) summary {
	values := make([]float64, len(l.cells))
	for i, c := range l.cells {
		values[i] = value(&c.Result.Figures)
	}
	return summarize(values)
}

// entry is one field of the table.
type entry struct {
	Text  string // "" for what was not measured
	Range string // over the repeats; "" where they all say the same
	Best  bool   // of the systems, without oracle and published figures
}

// row is one line of the table.
type row struct {
	Label     string
	Colour    template.CSS // of the system in the figures, for CSS
	Repeats   int
	Oracle    bool
	Published bool
	Entries   []entry // one for each column
}

// table is what a section's figures are.
type table struct {
	Columns []column
	Rows    []row
}

// tableOf fills the table of a section. Columns in which nobody has a figure are left out.
func tableOf(s *section) table {
	oracle := s.oracle()
	all := make([]row, 0, len(s.lines)+len(s.published))
	means := make([][]float64, len(s.lines)) // as they are shown, to compare what the reader compares
	for i, l := range s.lines {
		r := row{Label: l.system.label, Colour: l.system.look.css(), Repeats: len(l.cells), Oracle: l.system.oracle()}
		for _, c := range columns {
			var sum summary
			switch {
			case c.value != nil:
				sum = l.over(c.value)
			case oracle == nil || l == oracle:
				sum = summarize(nil)
			default:
				limit := oracleMean(oracle)
				sum = l.over(func(f *result.Figures) float64 { return c.ours(f, &limit) })
			}
			e := entry{Text: c.text(sum.mean)}
			if low, high := c.text(sum.lowest), c.text(sum.highest); low != high {
				e.Range = low + "–" + high
				if low[0] == '-' {
					e.Range = low + " to " + high
				}
			}
			r.Entries = append(r.Entries, e)
			means[i] = append(means[i], shownValue(e.Text))
		}
		all = append(all, r)
	}
	for k, c := range columns {
		markBest(all, means, k, c.better)
	}
	for _, p := range s.published {
		r := row{Label: tidy(p.System), Published: true}
		for _, c := range columns {
			e := entry{}
			if c.published != nil {
				e.Text = c.text(c.published(p))
			}
			r.Entries = append(r.Entries, e)
		}
		all = append(all, r)
	}

	t := table{}
	for k, c := range columns {
		used := false
		for _, r := range all {
			used = used || r.Entries[k].Text != ""
		}
		if !used {
			continue
		}
		t.Columns = append(t.Columns, c)
		for i, r := range all {
			if len(t.Rows) <= i {
				t.Rows = append(t.Rows, r)
				t.Rows[i].Entries = nil
			}
			t.Rows[i].Entries = append(t.Rows[i].Entries, r.Entries[k])
		}
	}
	return t
}

// oracleMean holds the means over the oracle's repeats of what others are compared with.
func oracleMean(l *line) result.Figures {
	ssim := l.over(func(f figures) float64 { return maybe(f.SSIMdB) })
	used := l.over(func(f figures) float64 { return maybe(f.LinkUsed) })
	delay := l.over(func(f figures) float64 { return f.SignalDelay.Mean })
	return result.Figures{SSIMdB: &ssim.mean, LinkUsed: &used.mean, SignalDelay: result.Delay{Mean: delay.mean}}
}

// text is a figure as it is shown; "" if it was not measured.
func (c *column) text(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	text := fmt.Sprintf(c.format, x)
	if strings.Trim(text, "-+0.") == "" { // no sign before nothing
		text = strings.TrimLeft(text, "-+")
	}
	return text
}

func shownValue(text string) float64 {
	var x float64
	if _, err := fmt.Sscanf(text, "%g", &x); err != nil {
		return nan
	}
	return x
}

// markBest marks the best of column k, unless all systems are alike or there is only one.
func markBest(rows []row, means [][]float64, k, better int) {
	best, worst, n := nan, nan, 0
	for i, r := range rows {
		if x := means[i][k] * float64(better); !r.Oracle && !math.IsNaN(x) {
			if n == 0 {
				best, worst = x, x
			}
			best, worst = max(best, x), min(worst, x)
			n++
		}
	}
	if n < 2 || best == worst || better == 0 {
		return
	}
	for i := range rows {
		rows[i].Entries[k].Best = !rows[i].Oracle && means[i][k]*float64(better) == best
	}
}
