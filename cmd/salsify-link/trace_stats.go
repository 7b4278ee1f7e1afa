package main

import (
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"salsify/transport/bitrate"
)

const traceStatsHelp = `Usage: salsify-link trace stats [flags] FILE...

Prints a line for each trace: how long it is and what it carries on the mean, in Mbit/s; percentiles of what it carries in windows of
100 ms and of 1 s; its longest gap, a time without any opportunity, and when that begins; how many gaps are longer than 200 ms and
than 1 s; how many windows of 100 ms carry nothing; the coefficient of variation of windows of 100 ms (deviation by mean: 0 is steady);
and the mean number of opportunities in a millisecond that has any (burst: 1 is smooth). A trace of less than 10 s is repeated,
and a line on standard error says so.

Examples:
  salsify-link trace stats traces/*.down
  salsify-link trace stats --from 10s --to 70s Verizon-LTE-short.down
`

func (c *traceCall) stats(args []string) error {
	f := newTraceFlags("stats")
	var part span
	part.flags(f, fileEnd)
	files, err := c.parse(f, traceStatsHelp, args, 1, 1<<20)
	if err != nil {
		return err
	}
	if err := checkOneInput(files); err != nil {
		return err
	}
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "seconds\tMbit/s\t100ms p5\tp50\tp95\tmax\t1s min\tp5\tp50\tp95\tmax\t"+
		"longest gap s\tat s\t>200ms\t>1s\tempty 100ms\tvariation\tburst\t  trace")
	for _, file := range files {
		t, err := c.load(file)
		if err != nil {
			return err
		}
		from, to, err := part.of(f, whole(t))
		if err != nil {
			return err
		}
		if to > t.Duration() && !f.Changed("to") {
			fmt.Fprintf(c.stderr, "%s lasts %v and is repeated, as a link does: the figures are of %v to %v\n", traceName(file), t.Duration(), from, to)
		}
		s := t.Statistics(from, to)
		fmt.Fprintf(table, "%.1f\t%s\t%s\t%.2f\t%.1f\t%d\t%d\t%.1f %%\t%.2f\t%.2f\t  %s\n",
			s.Duration.Seconds(), megabits(s.Mean, s.Short.P5, s.Short.Median, s.Short.P95, s.Short.Max),
			megabits(s.Long.Min, s.Long.P5, s.Long.Median, s.Long.P95, s.Long.Max),
			s.LongestGap.Seconds(), s.LongestGapAt.Seconds(), s.Gaps200ms, s.Gaps1s, 100*s.Short.Empty, s.Short.Variation, s.Burst, traceName(file))
	}
	return table.Flush()
}

// megabits writes rates as columns in Mbit/s.
func megabits(rates ...bitrate.Bitrate) string {
	var columns string
	for i, r := range rates {
		if i > 0 {
			columns += "\t"
		}
		columns += fmt.Sprintf("%.2f", float64(r)/float64(bitrate.MbitPerSecond))
	}
	return columns
}

func traceName(file string) string {
	if file == standard {
		return "standard input"
	}
	return filepath.Base(file)
}
