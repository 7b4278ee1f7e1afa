package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"salsify/testbed/trace"
	"salsify/transport/bitrate"
)

const traceCropHelp = `Usage: salsify-link trace crop [flags] FILE OUT

Writes the part of a trace from one time to another as a trace that begins at 0. Beyond its end the trace repeats. A trace ends with
its last opportunity: a part that ends with a gap repeats without that.

Examples:
  salsify-link trace crop --from 10s --to 70s Verizon-LTE-short.down minute.down
  salsify-link trace crop --to 1h 12mbps.up - | head
`

func (c *traceCall) crop(args []string) error {
	f := newTraceFlags("crop")
	var part span
	part.flags(f, "the end of the file")
	files, err := c.parse(f, traceCropHelp, args, 2, 2)
	if err != nil {
		return err
	}
	t, err := c.load(files[0])
	if err != nil {
		return err
	}
	from, to, err := part.of(f, t.Duration())
	if err != nil {
		return err
	}
	if !f.Changed("to") {
		to++ // with the last opportunity, which lies at the very end
	}
	cropped, err := t.Crop(from, to)
	if err != nil {
		return err
	}
	return c.save(files[1], cropped)
}

const traceScaleHelp = `Usage: salsify-link trace scale [flags] FILE OUT

Writes a trace with another rate and the same structure in time: each opportunity stays where it is and becomes several, or every few
become one. Say either by how much, --factor, or what the mean shall be, --mean.

Examples:
  salsify-link trace scale --factor 0.5 ATT-LTE-driving.down half.down
  salsify-link trace scale --mean 2M lte.down - | salsify-link trace stats -
`

func (c *traceCall) scale(args []string) error {
	f := newTraceFlags("scale")
	factor := f.Float64("factor", 0, fmt.Sprintf("multiply the rate with this, from %g to %d", trace.MinScale, trace.MaxScale))
	var mean bitrate.Bitrate
	f.Var(&mean, "mean", "bring the mean rate to this, such as 2M or 800k")
	f.Lookup("mean").DefValue = ""
	files, err := c.parse(f, traceScaleHelp, args, 2, 2)
	if err != nil {
		return err
	}
	switch {
	case f.Changed("factor") == f.Changed("mean"):
		return traceUsagef("say one of --factor, such as 0.5, and --mean, such as 2M")
	case f.Changed("factor") && !(*factor >= trace.MinScale && *factor <= trace.MaxScale):
		return traceUsagef("--factor %g must be from %g to %d", *factor, trace.MinScale, trace.MaxScale)
	}
	t, err := c.load(files[0])
	if err != nil {
		return err
	}
	if f.Changed("mean") {
		*factor = float64(mean) / float64(t.Mean())
	}
	scaled, err := t.Scale(*factor)
	if err != nil {
		return err
	}
	return c.save(files[1], scaled)
}

const traceGenerateHelp = `Usage: salsify-link trace generate [flags] KIND OUT

Makes a trace. KIND is

  constant   one rate
  poisson    single packets at random times, independent of each other
  lte        a moving LTE user: a rate that drifts, bursts, gaps of the scheduler, outages of 0.2 to 1 s three times a minute
  wifi       a station of a busy Wi-Fi network: bursts by aggregation, gaps while others send, short collapses
  ramp       from --rate to --to in the first half, and back in the second
  onoff      --rate for the time --on and nothing for the time --off, by turns; with --random times are exponential with that mean

--rate is the mean, but for ramp and onoff. The same --seed gives the same trace.

Examples:
  salsify-link trace generate lte lte.down --rate 4M --duration 5m --seed 7
  salsify-link trace generate constant 12mbps.up --rate 12M --duration 1s
  salsify-link trace generate ramp ramp.down --rate 500k --to 10M --duration 60s
  salsify-link trace generate onoff flaky.down --rate 12M --on 5s --off 200ms --random
`

var traceKinds = []string{"constant", "poisson", "lte", "wifi", "ramp", "onoff"}

func (c *traceCall) generate(args []string) error {
	f := newTraceFlags("generate")
	var rate, to bitrate.Bitrate
	f.Var(&rate, "rate", "rate of the link, such as 4M or 800k")
	duration := anyDuration(f, "duration", time.Minute, "until the trace repeats")
	seed := f.Uint64("seed", 1, "of all that is random")
	f.Var(&to, "to", "for ramp: the rate in the middle")
	on := anyDuration(f, "on", 5*time.Second, "for onoff: how long there is capacity")
	off := anyDuration(f, "off", 200*time.Millisecond, "for onoff: how long there is none")
	random := f.Bool("random", false, "for onoff: exponential times with these means")
	f.Lookup("rate").DefValue, f.Lookup("to").DefValue = "", ""
	arguments, err := c.parse(f, traceGenerateHelp, args, 2, 2)
	if err != nil {
		return err
	}
	kind, out := arguments[0], arguments[1]
	if !slices.Contains(traceKinds, kind) {
		return traceUsagef("there is no kind %q of traces, only %s", kind, strings.Join(traceKinds, ", "))
	}
	for _, flag := range []struct{ name, kind string }{{"to", "ramp"}, {"on", "onoff"}, {"off", "onoff"}, {"random", "onoff"}} {
		if f.Changed(flag.name) && flag.kind != kind {
			return traceUsagef("--%s is for %s, not for %s", flag.name, flag.kind, kind)
		}
	}
	if !f.Changed("rate") {
		return traceUsagef("--rate is missing, such as --rate 4M")
	}
	if kind == "ramp" && !f.Changed("to") {
		return traceUsagef("--to is missing, the rate in the middle of the ramp, such as --to 10M")
	}
	var t *trace.Trace
	switch kind {
	case "constant":
		t, err = trace.Constant(rate, *duration)
	case "poisson":
		t, err = trace.Poisson(*seed, rate, *duration)
	case "lte":
		t, err = trace.LTE(*seed, rate, *duration)
	case "wifi":
		t, err = trace.WiFi(*seed, rate, *duration)
	case "ramp":
		t, err = trace.Ramp(rate, to, *duration)
	case "onoff":
		t, err = trace.OnOff(*seed, rate, *on, *off, *duration, *random)
	}
	if err != nil {
		return traceUsage{err} // it is about the flags' values
	}
	return c.save(out, t)
}

const traceConvertHelp = `Usage: salsify-link trace convert [flags] SERIES OUT

Makes a trace of a time series of the capacity in Mbit/s. Each line has a time in seconds and the rate from then on, or the rate alone,
for one --step after the other. Columns are divided by spaces, tabs, commas or semicolons; the first line may be a heading, and lines
that begin with # do not count. The last line lasts as long as the one before it.

Examples:
  salsify-link trace convert 5g.csv 5g.down
  printf '1\n2.5\n0\n4\n' | salsify-link trace convert --step 500ms - steps.down
`

func (c *traceCall) convert(args []string) error {
	f := newTraceFlags("convert")
	step := anyDuration(f, "step", time.Second, "how long a line lasts if it has no time, or is the only one")
	files, err := c.parse(f, traceConvertHelp, args, 2, 2)
	if err != nil {
		return err
	}
	if *step < time.Millisecond || *step > trace.MaxDuration {
		return traceUsagef("--step %v must be from 1ms to %v", *step, trace.MaxDuration)
	}
	name := "standard input"
	var in io.Reader = c.stdin
	if files[0] != standard {
		file, err := os.Open(files[0])
		if err != nil {
			return err
		}
		defer file.Close()
		in, name = file, files[0]
	}
	t, err := trace.FromSeries(in, *step)
	if errors.Is(err, trace.ErrSeries) || errors.Is(err, trace.ErrFormat) {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		return err
	}
	return c.save(files[1], t)
}
