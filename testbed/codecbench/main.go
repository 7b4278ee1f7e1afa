// Codecbench compares the project's VP8 encoder with libvpx's on real clips: rate for the same quality, and CPU time.
//
//	go run ./testbed/codecbench --frames 60 --effort 5,10
//
// It prints a Markdown table for each effort; see --help for the flags.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/pflag"

	"salsify/codec/vp8"
	"salsify/testbed/testenv"
)

// The bench, in order:
//
//  1. Flags, tools and clips are checked, so that what is missing is known at once (run).
//  2. Each clip at each grain is one job: it is decoded to a Y4M file in memory (clips.go).
//  3. vpxenc codes it at five quantizers, and each stream is decoded and measured (theirs.go).
//  4. vp8.Encode codes it at the matching quantizer indices, for each effort (ours.go).
//  5. The curves become BD-rates, and all jobs together a table and a JSON file (report.go).

const about = `codecbench: our VP8 encoder against vpxenc, on the clips of the shared folder

For each clip it prints the BD-rate (how many percent more or fewer bits we need for the same luma SSIM or PSNR; below zero is
better) and the CPU time a frame of both. The whole bench takes tens of minutes; narrow it while you tune:

  go run ./testbed/codecbench --clips foreman --frames 60
  go run ./testbed/codecbench --grain clean --jobs 2 --cache ~/.cache/codecbench
  go run ./testbed/codecbench --effort 0,5,10 --json bench.json >bench.md

It needs ffmpeg, vpxenc and vpxdec, and the shared folder beside the project (or where SALSIFY_SHARED says).

Flags:
`

type options struct {
	frames  int
	clips   string
	efforts []int
	jobs    int
	grain   string
	json    string
	cache   string
}

// tools that must be installed.
var tools = []string{"ffmpeg", "vpxenc", "vpxdec"}

func main() {
	// An interrupt must still remove the decoded clips: they are big, and may lie in memory.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: 0 on success, 1 when something failed, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, about+flags(&options{}).FlagUsages())
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "codecbench: %v; see --help\n", err)
		return 2
	}
	err = bench(ctx, o, stdout, stderr)
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintf(stderr, "codecbench: %v\n", err)
		return 1
	}
	return 0
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("codecbench", pflag.ContinueOnError)
	f.IntVar(&o.frames, "frames", 0, "only the first `N` frames of each clip; 0 is all")
	f.StringVar(&o.clips, "clips", "", "only clips whose name contains this `text`")
	f.IntSliceVar(&o.efforts, "effort", []int{vp8.DefaultEffort}, "efforts of our encoder, `E,E,...`")
	f.IntVar(&o.jobs, "jobs", 1, "`N` clips at once; above 1, our CPU time is that of the encoding thread alone, without garbage collection")
	f.StringVar(&o.grain, "grain", "both", "`kind`: clean, light (seeded sensor noise is added) or both")
	f.StringVar(&o.json, "json", "", "also write every measurement to this `file`")
	f.StringVar(&o.cache, "cache", "", "keep vpxenc's results in this `folder` and use them again; their CPU times are then old")
	return f
}

func parse(args []string) (options, error) {
	var o options
	f := flags(&o)
	f.Usage = func() {}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.frames < 0:
		return o, fmt.Errorf("--frames %d is negative", o.frames)
	case o.jobs < 1:
		return o, fmt.Errorf("--jobs %d must be at least 1", o.jobs)
	case o.grain != "both" && o.grain != clean && o.grain != light:
		return o, fmt.Errorf("--grain %q must be %s, %s or both", o.grain, clean, light)
	}
	for _, e := range o.efforts {
		if e < vp8.MinEffort || e > vp8.MaxEffort {
			return o, fmt.Errorf("--effort %d must be %d to %d", e, vp8.MinEffort, vp8.MaxEffort)
		}
	}
	return o, nil
}

func bench(ctx context.Context, o options, stdout, stderr io.Writer) error {
	found, err := findTools()
	if err != nil {
		return err
	}
	shared, err := testenv.SharedRoot()
	if err != nil {
		return err
	}
	jobs, err := listJobs(filepath.Join(shared, "clips"), o)
	if err != nil {
		return err
	}
	if o.cache != "" {
		if err := os.MkdirAll(o.cache, 0o777); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp(bigTemp(), "codecbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)

	b := &bencher{options: o, tools: found, temp: temp, log: &logger{out: stderr}}
	results, err := b.all(ctx, jobs)
	if err != nil {
		return err
	}
	r := report{VpxencVersion: vpxencVersion(ctx, found["vpxenc"]), VpxencArgs: vpxencArgs("Q"), Options: describe(o), Results: results}
	if o.json != "" {
		if err := r.writeJSON(o.json); err != nil {
			return err
		}
	}
	return r.writeMarkdown(stdout)
}

// findTools returns the path of each tool.
func findTools() (map[string]string, error) {
	found := map[string]string{}
	var missing []string
	for _, name := range tools {
		path, err := exec.LookPath(name)
		if err != nil {
			missing = append(missing, name)
		}
		found[name] = path
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("not installed: %s (Debian packages: ffmpeg, vpx-tools)", strings.Join(missing, ", "))
	}
	return found, nil
}

// bigTemp returns a folder for the decoded clips, up to half a gigabyte each. One in memory keeps disk reads out of vpxenc's time.
func bigTemp() string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		return memory
	}
	return os.TempDir()
}

// bencher runs jobs.
type bencher struct {
	options
	tools map[string]string // name: path
	temp  string            // folder for decoded clips and streams
	log   *logger
}

// all runs the jobs, several at once if asked to, and returns their results in order. The first error stops the others.
func (b *bencher) all(ctx context.Context, jobs []job) ([]result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]result, len(jobs))
	next := make(chan int)
	var workers sync.WaitGroup
	for range b.jobs {
		workers.Go(func() {
			for i := range next {
				r, err := b.one(ctx, jobs[i])
				if err != nil {
					cancel(fmt.Errorf("%s: %w", jobs[i], err))
				}
				results[i] = r
			}
		})
	}
	for i := range jobs {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	return results, context.Cause(ctx)
}

// one runs one job: steps 2 to 5 for one clip at one grain.
func (b *bencher) one(ctx context.Context, j job) (result, error) {
	b.log.printf("%s: decoding", j)
	source, err := b.decodeClip(ctx, j)
	if err != nil {
		return result{}, err
	}
	defer os.Remove(source)

	r := result{Clip: j.name, Grain: j.grain}
	for _, q := range vpxencQs {
		m, err := b.theirs(ctx, j, source, q)
		if err != nil {
			return result{}, fmt.Errorf("vpxenc at Q %d: %w", q, err)
		}
		b.log.printf("%s: vpxenc Q %d: %s", j, q, m)
		r.Vpxenc = append(r.Vpxenc, m)
	}
	for _, effort := range b.efforts {
		run := effortResult{Effort: effort}
		for _, q := range vpxencQs {
			m, err := b.ours(ctx, source, q, effort)
			if err != nil {
				return result{}, fmt.Errorf("our encoder at effort %d, quantizer %d: %w", effort, quantizerOf[q], err)
			}
			b.log.printf("%s: ours, effort %d, quantizer %d: %s", j, effort, quantizerOf[q], m)
			run.Points = append(run.Points, m)
		}
		run.compare(r.Vpxenc)
		r.Ours = append(r.Ours, run)
	}
	return r, nil
}

// logger writes lines from several goroutines.
type logger struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *logger) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, format+"\n", args...)
}
