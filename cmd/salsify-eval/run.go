package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/live"
	"salsify/testbed/cell"
	"salsify/testbed/clip"
	"salsify/testbed/link"
	"salsify/testbed/matrix"
	"salsify/testbed/report"
	"salsify/testbed/result"
)

// runAbout explains run.
const runAbout = `Runs one cell: a system sends a clip over a network, and every picture on the receiver's screen is noted. The video goes over the DOWN
trace, what the receiver says over the UP trace. In FOLDER are then result.json, frames.csv, link.csv, series.csv and logs
(docs/testbed.md explains them all).

SYSTEM is one of
` + cell.SystemsHelp + `
CLIP is any file that ffmpeg reads, or test: for a drawn scene. It is played forwards and backwards without end.

Examples:
  salsify-eval run --system salsify --clip talk.mp4 --down lte.down --up lte.up --duration 60s --out first
  salsify-eval run --system chrome --clip talk.mp4 --down lte.down --up lte.up --queue droptail:packets=256 --out second
  salsify-eval run --system salsify --virtual --clip test: --down lte.down --out third
  salsify-eval run --system command --send 'my-sender {receiver}:{port}' --receive 'my-receiver {port}' --clip test: --out fourth
`

// clipFlags are those of a test video.
func clipFlags(flags *pflag.FlagSet, c *clip.Config) (complete func() error) {
	size := flags.String("size", "", "scale the clip to `WxH` (default: its own size)")
	flags.Float64Var(&c.Rate, "rate", 0, "pictures a second (default: the clip's own)")
	grain := flags.String("grain", "", "sensor noise to add: light (daylight) or low (a dim room); clips that were compressed before flatter codecs without it")
	flags.Uint64Var(&c.Seed, "clip-seed", 0, "of the noise, and of the scene test:")
	return func() error {
		c.Grain = clip.Grain(*grain)
		if err := above0(flags, "rate"); err != nil || *size == "" {
			return err
		}
		var s matrix.Size
		if err := s.UnmarshalText([]byte(*size)); err != nil {
			return usage("--size: %w", err)
		}
		c.Width, c.Height = s.Width, s.Height
		return nil
	}
}

// networkFlags are those of queues, losses and outages, which may differ between the two directions.
func networkFlags(flags *pflag.FlagSet, n *cell.Network) (complete func()) {
	var queue link.Queue
	var outages link.OnOff
	flags.Var(&queue, "queue", "`QUEUE` of both directions: infinite, droptail:packets=256, drophead:bytes=100000, codel:packets=256,target=5ms,interval=100ms, pie:...")
	flags.Var(&n.Down.Queue, "queue-down", "of the video's way alone")
	flags.Var(&n.Up.Queue, "queue-up", "of the other way alone")
	flags.Float64Var(&n.Down.Loss, "loss-down", 0, "share of the video's packets lost at random, 0 to 1")
	flags.Float64Var(&n.Up.Loss, "loss-up", 0, "and of the others")
	flags.Var(&outages, "outage", "`OUTAGES` of both directions, each by itself, such as exponential:on=5s,off=200ms")
	flags.Var(&n.Down.Outages, "outage-down", "of the video's way alone")
	flags.Var(&n.Up.Outages, "outage-up", "of the other way alone")
	return func() {
		for _, w := range []struct {
			way  *cell.Way
			name string
		}{{&n.Down, "down"}, {&n.Up, "up"}} {
			if !flags.Changed("queue-" + w.name) {
				w.way.Queue = queue
			}
			if !flags.Changed("outage-" + w.name) {
				w.way.Outages = outages
			}
		}
	}
}

// quietStep is how often progress is told where it is not told in place.
const quietStep = 10 * time.Second

// showProgress tells how far a call is, once a second on a terminal, else more rarely.
func showProgress(screen *live.Screen, done time.Duration, text string) {
	if screen.Terminal() || done.Round(time.Second)%quietStep == 0 {
		screen.Line(text)
	}
}

func (s *session) run(args []string) error {
	c := cell.Config{}
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	flags.StringVar(&c.System, "system", "salsify", "the `SYSTEM` under test")
	flags.StringVar(&c.Clip.Source, "clip", "", "the `CLIP` that its camera sees")
	flags.StringVar(&c.Network.Down.Trace, "down", "", "`TRACE` of the video's way (default: no limit)")
	flags.StringVar(&c.Network.Up.Trace, "up", "", "`TRACE` of the other way (default: no limit)")
	flags.DurationVar(&c.Network.Delay, "delay", 20*time.Millisecond, "propagation delay, one way, in both directions")
	networkOptions := networkFlags(flags, &c.Network)
	flags.DurationVar(&c.Network.Start, "start", 0, "time of the traces at which the call begins")
	flags.Uint64Var(&c.Network.Seed, "seed", 1, "of losses and outages")
	flags.StringVar(&c.Network.Name, "network", "", "name of the network in reports (default: that of the trace)")
	flags.DurationVar(&c.Duration, "duration", time.Minute, "of the call")
	flags.DurationVar(&c.Exclude, "exclude", 0, "leave the first seconds of the call out of the figures, such as 10s")
	flags.StringVar(&c.Out, "out", "", "`FOLDER` for the results")
	flags.IntVar(&c.Repeat, "repeat", 1, "number of this run among those with the same seed; each has its own losses")
	clipOptions := clipFlags(flags, &c.Clip)
	flags.BoolVar(&c.Virtual, "virtual", false, "in virtual time: our own systems only, the same every time, and 3 or more times as fast as real time on 2 cores")
	encodeTime := flags.String("encode-time", string(cell.Modelled), "in virtual time, how long encoding takes: model (a small board, as robots carry), server (eight times as fast), or measured as it runs (then runs differ)")
	flags.IntVar(&c.Every, "score-every", cell.DefaultEvery, "compare every how many-th picture with its source")
	flags.Float64Var(&c.MaxLoad, "max-load", cell.DefaultMaxLoad, "wait until other programs use no more than this share of the processors")
	flags.DurationVar(&c.Patience, "patience", cell.DefaultPatience, "how long to wait for that")
	flags.StringVar(&c.Bin, "bin", "", "folder of salsify-send and salsify-recv (default: beside this program, or in PATH)")
	flags.StringVar(&c.Label, "name", "", "name of the system in reports (default: SYSTEM)")
	flags.StringVar(&c.Command.Send, "send", "", "of the system command: shell command that reads pictures (Y4M) and sends them")
	flags.StringVar(&c.Command.Receive, "receive", "", "and the one that receives and writes them (Y4M)")
	flags.StringVar(&c.Command.Input, "input", "", "where --send reads pictures: pipe (standard input, the default) or device")
	flags.StringVar(&c.Command.Device, "device", "", "that device, such as /dev/video9 of v4l2loopback")
	redo := redoFlag(flags)
	if err := s.parse(flags, args, "run --system SYSTEM --clip CLIP --down TRACE --up TRACE --out FOLDER [flags]", runAbout, 0, 0); err != nil {
		return err
	}
	for _, needed := range []struct{ name, value, example string }{
		{"clip", c.Clip.Source, "test: or talk.mp4"}, {"out", c.Out, "results/first"},
	} {
		if needed.value == "" {
			return usage("--%s is missing, such as --%s %s", needed.name, needed.name, needed.example)
		}
	}
	for _, err := range []error{
		clipOptions(), above0(flags, "score-every", "max-load", "patience", "repeat"),
		only(flags, c.Virtual, "for --virtual", "encode-time"),
		only(flags, !c.Virtual, "for real time, not --virtual", "max-load", "patience", "bin"),
		only(flags, strings.HasPrefix(c.System, "salsify"), "for the system salsify", "bin"),
	} {
		if err != nil {
			return err
		}
	}
	networkOptions()
	c.Redo = *redo
	c.Command.Name = cmp.Or(c.Label, cell.CommandName)
	c.EncodeTime = cell.EncodeTime(*encodeTime)
	screen := live.New(os.Stderr)
	c.Log = screen
	c.Second = func(done time.Duration) {
		showProgress(screen, done, fmt.Sprintf("%s: %v of %v", c.System, done.Round(time.Second), c.Duration))
	}
	r, err := cell.Run(s.ctx, c)
	screen.Done()
	if err != nil {
		return cellError(err)
	}
	if r.Figures.Shown == 0 {
		return fmt.Errorf("nothing was ever shown; see %s and %s beside it (the result is kept)",
			filepath.Join(c.Out, result.LogsFolder), result.LinkFile)
	}
	if err := report.Text(s.stdout, report.Config{Cells: []report.Cell{{Folder: c.Out, Result: r}}}); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "\nall figures in %s; draw them with: salsify-eval report %s\n", c.Out, c.Out)
	return nil
}
