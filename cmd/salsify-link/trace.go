package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/manual"
	"salsify/testbed/trace"
)

// A call of "salsify-link trace", in order:
//
//  1. runTrace finds the verb; the verb's function parses its flags (parse).
//  2. The verb reads its traces (load), makes of them what it is for, and writes it (write), whole or not at all.
//  3. runTrace turns what came of it into one line on stderr and an exit status.

const traceAbout = `Usage: salsify-link trace VERB ...

Looks at, changes and makes traces in mahimahi's format: each line is a time in milliseconds at which 1504 bytes may leave the link,
and the file repeats from its last time on.

Verbs:
  stats      print mean, percentiles, gaps and bursts of traces
  plot       draw the capacity of traces over time
  crop       cut a part out of a trace
  scale      make a trace faster or slower, with its ups and downs
  generate   make a trace: constant, poisson, lte, wifi, ramp or onoff
  convert    make a trace of a time series in Mbit/s

A file named - is standard input or output, so that verbs can be chained:

  salsify-link trace generate lte - --rate 4M | salsify-link trace crop - lte.down --from 10s --to 40s

"salsify-link trace VERB --help" tells each verb's flags and gives examples. Exit status: 0 done, 1 failed, 2 wrong usage.
`

// standard is the file name of standard input or output.
const standard = "-"

// traceCall is what a verb works with.
type traceCall struct {
	ctx            context.Context // done when the user interrupts
	stdin          io.Reader
	stdout, stderr io.Writer
}

var traceVerbs = map[string]func(c *traceCall, args []string) error{
	"stats":    (*traceCall).stats,
	"plot":     (*traceCall).plot,
	"crop":     (*traceCall).crop,
	"scale":    (*traceCall).scale,
	"generate": (*traceCall).generate,
	"convert":  (*traceCall).convert,
}

// runTrace is "salsify-link trace ARGS..." and returns the exit status.
func runTrace(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
		fmt.Fprint(stdout, traceAbout)
		return exitOK
	}
	if len(args) == 0 {
		fmt.Fprintln(stderr, "salsify-link trace: a verb is missing: stats, plot, crop, scale, generate or convert; "+
			"see salsify-link trace --help")
		return exitUsage
	}
	verb, ok := traceVerbs[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "salsify-link trace: there is no verb %q; see salsify-link trace --help\n", args[0])
		return exitUsage
	}
	err := verb(&traceCall{ctx, stdin, stdout, stderr}, args[1:])
	var usage traceUsage
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "salsify-link trace %s: %v; see salsify-link trace %[1]s --help\n", args[0], err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted; no file was written")
	}
	fmt.Fprintf(stderr, "salsify-link trace %s: %s\n", args[0], strings.Join(strings.Fields(err.Error()), " "))
	return exitFailed
}

// traceUsage is a wrong command line.
type traceUsage struct{ error }

func traceUsagef(format string, args ...any) error { return traceUsage{fmt.Errorf(format, args...)} }

func newTraceFlags(verb string) *pflag.FlagSet {
	f := pflag.NewFlagSet(verb, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	return f
}

// parse parses a verb's flags and returns its arguments, of which there must be least to most. On --help it prints the verb's
// help and returns pflag.ErrHelp.
func (c *traceCall) parse(f *pflag.FlagSet, help string, args []string, least, most int) ([]string, error) {
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) && manual.Describe(c.stdout, help, f) {
		return nil, err
	}
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(c.stdout, help, "\nFlags:\n", f.FlagUsages())
		return nil, err
	}
	if err != nil {
		return nil, traceUsage{err}
	}
	if n := f.NArg(); n < least || n > most {
		line, _, _ := strings.Cut(help, "\n")
		return nil, traceUsagef("%d arguments were given; usage: %s", n, strings.TrimPrefix(line, "Usage: "))
	}
	return f.Args(), nil
}

// span is the part of a trace that --from and --to name.
type span struct{ from, to *time.Duration }

// flags makes the flags. end says what --to is by default.
func (s *span) flags(f *pflag.FlagSet, end string) {
	s.from = anyDuration(f, "from", 0, "begin of the part, such as 10s")
	s.to = anyDuration(f, "to", 0, "its end; beyond the end of the file the trace repeats (default: "+end+")")
}

// of returns the part, checked, of a trace that ends at a time.
func (s span) of(f *pflag.FlagSet, end time.Duration) (from, to time.Duration, err error) {
	from, to = *s.from, *s.to
	if !f.Changed("to") {
		to = end
	}
	switch {
	case from < 0 || to > trace.MaxDuration:
		return 0, 0, traceUsagef("--from %v and --to %v must lie from 0s to %v", from, to, trace.MaxDuration)
	case from >= to:
		return 0, 0, traceUsagef("--from %v must come before the end, %v", from, to)
	}
	return from, to, nil
}

// leastLooked is how much of a trace is looked at, at least: what is seen of less tells little of a link that plays it again and again.
const leastLooked = 10 * time.Second

// fileEnd is the end of a part that is looked at, unless --to says it.
var fileEnd = fmt.Sprintf("the end of the file, which is repeated if it lasts less than %v", leastLooked)

// whole returns how long a trace is looked at: its period, but at least leastLooked, as often as it takes.
func whole(t *trace.Trace) time.Duration {
	periods := max(1, (leastLooked+t.Duration()-1)/t.Duration())
	return periods * t.Duration()
}

// load reads a trace, or standard input.
func (c *traceCall) load(path string) (*trace.Trace, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if path != standard {
		return trace.Load(path)
	}
	t, err := trace.Read(c.stdin)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return t, nil
}

// checkOneInput refuses more than one use of standard input.
func checkOneInput(paths []string) error {
	n := 0
	for _, p := range paths {
		if p == standard {
			n++
		}
	}
	if n > 1 {
		return traceUsagef("only one of the files can be -, standard input")
	}
	return nil
}

// save writes a trace and tells of it.
func (c *traceCall) save(path string, t *trace.Trace) error {
	if err := c.write(path, t.Write); err != nil {
		return err
	}
	name := path
	if path == standard {
		name = "standard output"
	}
	fmt.Fprintf(c.stderr, "%s: %v of %v, %d opportunities\n", name, t.Duration(), t.Mean(), t.Len())
	return nil
}

// write writes the file path, or standard output, with what content writes. A file is replaced when all of it is written, so that
// a failure or an interrupt leaves it as it was; what is no regular file, such as a device or a named pipe, is written to at once.
func (c *traceCall) write(path string, content func(io.Writer) error) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if path == standard {
		return buffered(c.stdout, content)
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(buffered(file, content), file.Close())
	}
	mode := os.FileMode(0o666)
	if err == nil {
		mode = info.Mode().Perm()
		// Where path is a symbolic link, the file it points to is replaced, not the link.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	temporary := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.partial-%08x", filepath.Base(path), rand.Uint32()))
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		var pathError *os.PathError
		if errors.As(err, &pathError) {
			pathError.Path = path // the name that the user knows
		}
		return err
	}
	err = errors.Join(buffered(file, content), file.Close())
	if err == nil {
		err = c.ctx.Err()
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}

func buffered(w io.Writer, content func(io.Writer) error) error {
	out := bufio.NewWriter(w)
	if err := content(out); err != nil {
		return err
	}
	return out.Flush()
}
