// Codecbench compares the project's VP8 codec with others on real clips: rate for the same quality, time and memory.
//
//	go run ./testbed/codecbench --frames 60 --effort 5,10
//
// It prints Markdown tables, and can put them into a document; see --help for the flags.
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
//  1. Flags, tools, clips and the document are checked, so that what is missing is known at once (run).
//  2. Each clip at each grain is one job. How large its pictures are is looked at first, for the time that is left. For step 3 and
//     again for step 4 it is decoded to a Y4M file in memory, since there is no room for the files of all (clips.go).
//  3. Bits: vpxenc and our encoder take turns at coding it at five quantizers, ours at each effort. Each stream is decoded and
//     measured, and the curves become BD-rates (bits.go).
//  4. Speed, when all jobs have their bits, so that nothing else runs: by turns, every encoder codes it with one thread and with
//     two, ours makes two candidates of each picture, and every decoder decodes one stream of it (speed.go).
//  5. All jobs together become tables, and are held against the targets (report.go, targets.go).
//  6. The tables are printed, and put into the document (document.go).
//
// Every codec that is measured runs as a process of its own (process.go), ours too, as a child that is this program again (child.go).

const about = `codecbench: our VP8 codec against vpxenc, vpxdec, ffmpeg and govpx, on the clips of the shared folder

For each clip it prints

  - the BD-rate: how many percent more or fewer bits we need than vpxenc for the same luma SSIM or PSNR (below zero is better),
    over five quantizers, and the CPU time a frame of both encoders at these;
  - at one quantizer, CPU and wall time a frame of encoding with one thread and with two, pictures a second when two candidates
    are made of each, CPU time a frame of decoding, and the memory that each process took at most;
  - and at the end the project's targets with what was measured: medians over the clips of 720p.

Time is that of whole processes, which read and write files in memory. From decoding what a process takes to start is taken away.
All clips take hours; the first 30 frames of each about ten minutes. Narrow it while you tune:

  go run ./testbed/codecbench --effort 0,5,10 --frames 30 --jobs 2
  go run ./testbed/codecbench --clips foreman --measure bits --cache ~/.cache/codecbench
  go run ./testbed/codecbench --effort 0,5,10 --json bench.json >bench.md

It needs ffmpeg, vpxenc and vpxdec, and the shared folder beside the project (or where SALSIFY_SHARED says). Where GOVPX_DIR names
a checkout of github.com/thesyncim/govpx, that is built outside of the project and measured too.

Flags:
`

// Kinds of measurement, for --measure.
const (
	onlyBits  = "bits"
	onlySpeed = "speed"
)

type options struct {
	frames  int
	clips   string
	efforts []int
	jobs    int
	grain   string
	measure string
	json    string
	cache   string
	doc     string
}

func (o options) bits() bool  { return o.measure != onlySpeed }
func (o options) speed() bool { return o.measure != onlyBits }

// tools that must be installed.
var tools = []string{"ffmpeg", "vpxenc", "vpxdec"}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childVerb {
		if err := child(os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
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
	err = bench(ctx, o, commandLine(args), stdout, stderr)
	if err != nil && ctx.Err() != nil { // whatever failed, failed for that
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
	f.IntSliceVar(&o.efforts, "effort", []int{vp8.DefaultEffort}, "efforts of our encoder for the BD-rates, `E,E,...`")
	f.IntVar(&o.jobs, "jobs", 1, "`N` clips at once for the BD-rates; speed is measured one clip at a time")
	f.StringVar(&o.grain, "grain", "both", "`kind`: clean, light (seeded sensor noise is added) or both")
	f.StringVar(&o.measure, "measure", "both", "`what`: bits (BD-rates), speed (threads, decoding, memory) or both")
	f.StringVar(&o.json, "json", "", "also write every measurement to this `file`")
	f.StringVar(&o.cache, "cache", "", "keep vpxenc's BD-rate results in this `folder` and use them again; their CPU times are then old")
	f.StringVar(&o.doc, "doc", "", "also put the tables into this Markdown `file`, between its two marker comments; those not measured stay")
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
	case o.measure != "both" && o.measure != onlyBits && o.measure != onlySpeed:
		return o, fmt.Errorf("--measure %q must be %s, %s or both", o.measure, onlyBits, onlySpeed)
	case o.doc != "" && (o.clips != "" || o.grain != "both"):
		return o, errors.New("--doc is for all clips, not together with --clips or --grain")
	}
	for _, e := range o.efforts {
		if e < vp8.MinEffort || e > vp8.MaxEffort {
			return o, fmt.Errorf("--effort %d must be %d to %d", e, vp8.MinEffort, vp8.MaxEffort)
		}
	}
	return o, nil
}

// commandLine is how the bench was called, as a person types it.
func commandLine(args []string) string {
	return strings.Join(append([]string{"go run ./testbed/codecbench"}, args...), " ")
}

func bench(ctx context.Context, o options, command string, stdout, stderr io.Writer) error {
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
	if o.doc != "" {
		if err := checkDocument(o.doc); err != nil {
			return err
		}
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
	if checkout := os.Getenv(govpxVariable); checkout != "" && o.speed() {
		program, remove, err := buildGovpx(ctx, checkout)
		if err != nil {
			return err
		}
		defer remove()
		found[govpx] = program
	}

	b := &bencher{options: o, tools: found, temp: temp, progress: newProgress(stderr)}
	results, err := b.all(ctx, jobs)
	if err != nil {
		return err
	}
	r := report{
		Command: command, Frames: o.frames, Efforts: o.efforts, Versions: versions(ctx, found), Machine: machine(),
		VpxencArgs: vpxencArgs("Q", 1), Results: results, withBits: o.bits(), withSpeed: o.speed(),
	}
	if o.json != "" {
		if err := r.writeJSON(o.json); err != nil {
			return err
		}
	}
	if err := r.writeMarkdown(stdout); err != nil || o.doc == "" {
		return err
	}
	return updateDocument(o.doc, r.forDocument())
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

// bigTemp returns a folder for the decoded clips, up to half a gigabyte each. One in memory keeps disk reads out of what is measured.
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
	tools    map[string]string // name: path
	temp     string            // folder for decoded clips and streams
	progress *progress
}

// all does steps 2 to 4 for every job and returns the results in order.
func (b *bencher) all(ctx context.Context, jobs []job) ([]result, error) {
	if err := b.look(ctx, jobs); err != nil {
		return nil, err
	}
	results := make([]result, len(jobs))
	for i, j := range jobs {
		results[i] = result{Clip: j.name, Grain: j.grain, Width: j.width, Height: j.height}
		if b.bits() {
			b.progress.expect(float64(j.bytes) * bitsWork(b.efforts))
		}
		if b.speed() {
			b.progress.expect(float64(j.bytes) * speedWork * float64(b.jobs)) // which takes the machine for itself
		}
	}
	if b.bits() {
		err := b.each(ctx, jobs, b.jobs, func(ctx context.Context, i int, source string) error {
			return b.measureBits(ctx, jobs[i], source, &results[i])
		})
		if err != nil {
			return nil, err
		}
	}
	if b.speed() {
		err := b.each(ctx, jobs, 1, func(ctx context.Context, i int, source string) error {
			return b.measureSpeed(ctx, jobs[i], source, &results[i])
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// each decodes the clip of every job to a Y4M file and measures it, several at once if asked to. The first error stops the others.
func (b *bencher) each(ctx context.Context, jobs []job, atOnce int,
	measure func(ctx context.Context, i int, source string) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	one := func(i int) error {
		source, err := b.decodeClip(ctx, jobs[i])
		if err != nil {
			return err
		}
		defer os.Remove(source)
		return measure(ctx, i, source)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				if err := one(i); err != nil {
					cancel(fmt.Errorf("%s: %w", jobs[i], err))
				}
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
	return context.Cause(ctx)
}
