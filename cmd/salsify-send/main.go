// Salsify-send sends live video to a salsify-recv, over a network whose capacity may change at any moment.
//
//	salsify-send SOURCE HOST:PORT
//
// "salsify-send --help" teaches the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"salsify/capture"
	"salsify/cmd/internal/live"
	"salsify/cmd/internal/metrics"
	"salsify/codec/vp8"
	"salsify/sender"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
	"salsify/transport/rtc/key"
)

// A call, in order:
//
//  1. The flags are read, the source is opened, and the files that are to be written.
//  2. The stream dials, and asks for a key where one is needed and a person is there (key.go).
//  3. Pictures go from the source into the stream, a line a second to the screen (report.go), frames to the files (record.go, stats.go).
//  4. At the end of the source, of --duration or at Ctrl-C the stream says goodbye, files are closed, a summary is printed.

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const about = `Usage: salsify-send SOURCE HOST:PORT [flags]

Sends live video to a salsify-recv. Each picture is encoded at two qualities, and the one that the network can carry at that
moment leaves, or none.

SOURCE is one of
  test:          a made-up scene that behaves like a camera's picture; test:seed=7 is another
  FILE.y4m       a file, at its own rate; --loop plays it forwards and backwards without end
  -              the same from standard input, as it comes:
                   ffmpeg -f v4l2 -i /dev/video0 -pix_fmt yuv420p -f yuv4mpegpipe - | salsify-send - HOST:PORT
HOST:PORT is what salsify-recv shows, as is the key, which may also be in $SALSIFY_KEY.

Examples:
  salsify-send test: robot-base.local:9000 --key abcd-efgh-...
  salsify-send clip.y4m 192.0.2.7:9000 --loop --record sent.ivf
  salsify-send test: host:9000 --size 1920x1080 --rate 60 --max-bitrate 8M --stats frames.json

Flags:
`

type options struct {
	size        string
	rate        float64
	loop        bool
	key         string
	publicCert  bool
	maxBitrate  bitrate.Bitrate
	tolerance   time.Duration
	mode        string
	effort      int
	record      string
	duration    time.Duration
	stats       string
	metrics     string
	logLevel    string
	verbose     bool
	source      string
	destination string
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout)) }

func run(arguments []string, stdin *os.File, stdout io.Writer) int {
	screen := live.New(os.Stderr)
	o, err := parse(arguments)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, about, flags(&options{}).FlagUsages())
		return exitOK
	}
	if err != nil {
		screen.Say("salsify-send: %v\n\"salsify-send --help\" shows how to call it.", err)
		return exitUsage
	}
	// The encoder keeps every processor busy for tens of milliseconds at a time. With threads to spare, whoever has a packet or a
	// picture to move is scheduled by the system, at once, and not by the Go runtime, at the next preemption 10 ms later.
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := send(ctx, o, stdin, screen); err != nil {
		screen.Done()
		screen.Say("salsify-send: %v", err)
		return exitFailed
	}
	return exitOK
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("salsify-send", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.StringVar(&o.key, "key", os.Getenv("SALSIFY_KEY"), "the receiver's `KEY`; without one, anybody on the way could be the receiver")
	f.Lookup("key").DefValue = ""
	f.BoolVar(&o.publicCert, "public-cert", false, "the receiver has a public certificate (its --tls-cert), to be checked by its host name")
	f.StringVar(&o.size, "size", "", "picture size `WxH` of test: (default 1280x720)")
	f.Float64Var(&o.rate, "rate", 0, "pictures a second (default: the source's own, 30 for test:)")
	f.BoolVar(&o.loop, "loop", false, "play a file forwards and backwards without end")
	f.Var(&o.maxBitrate, "max-bitrate", "never send faster, such as 2.5M or 800k (default: what the network carries)")
	f.DurationVar(&o.tolerance, "tolerance", sender.DefaultTolerance, "the delay on the network that a picture may have")
	f.IntVar(&o.effort, "effort", sender.DefaultMaxEffort, "work for each picture, 0 to 10; lowered by itself when the processor is too slow")
	f.StringVar(&o.mode, "mode", string(sender.Salsify), "how to decide: salsify, or for comparison single, conventional-codec, conventional")
	f.DurationVar(&o.duration, "duration", 0, "stop after this time, such as 30s (default: at the end of the source, or at Ctrl-C)")
	f.StringVar(&o.record, "record", "", "write what is sent to this `FILE.ivf`")
	f.StringVar(&o.stats, "stats", "", "write a JSON line for every picture to this `FILE` (docs/endpoint.md)")
	f.StringVar(&o.metrics, "metrics", "", "serve metrics for Prometheus at this `ADDRESS`, such as localhost:9101")
	f.StringVar(&o.logLevel, "log-level", "warn", "details of the connection: debug, info, warn or error")
	f.BoolVar(&o.verbose, "verbose", false, "a line for every picture")
	return f
}

func parse(arguments []string) (*options, error) {
	o := &options{}
	f := flags(o)
	if err := f.Parse(arguments); err != nil {
		return nil, err
	}
	switch f.NArg() {
	case 2:
		o.source, o.destination = f.Arg(0), f.Arg(1)
	case 0:
		return nil, errors.New("SOURCE and HOST:PORT are missing, such as: salsify-send test: localhost:9000")
	case 1:
		return nil, fmt.Errorf("HOST:PORT is missing after %q: it is what salsify-recv shows, such as 192.0.2.7:9000", f.Arg(0))
	default:
		return nil, fmt.Errorf("%q is one argument too many: only SOURCE and HOST:PORT are expected", f.Arg(2))
	}
	if !strings.Contains(o.destination, ":") {
		o.destination += ":9000"
	}
	if o.effort < vp8.MinEffort || o.effort > vp8.MaxEffort {
		return nil, fmt.Errorf("--effort is %d, not %d to %d", o.effort, vp8.MinEffort, vp8.MaxEffort)
	}
	if o.tolerance < 10*time.Millisecond || o.tolerance > 10*time.Second {
		return nil, fmt.Errorf("--tolerance is %v, not 10ms to 10s", o.tolerance)
	}
	if o.rate < 0 || o.rate > 240 || math.IsNaN(o.rate) {
		return nil, fmt.Errorf("--rate is %v, not up to 240", o.rate)
	}
	if o.duration < 0 {
		return nil, fmt.Errorf("--duration is %v", o.duration)
	}
	known := false
	for _, m := range sender.Modes() {
		known = known || o.mode == string(m)
	}
	if !known {
		return nil, fmt.Errorf("--mode is %q, not one of %v", o.mode, sender.Modes())
	}
	return o, nil
}

// parseSize reads "WxH"; empty is the source's own size.
func parseSize(s string) (width, height int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	var rest string
	if n, _ := fmt.Sscanf(s+" .", "%dx%d %s", &width, &height, &rest); n != 3 || rest != "." || width < 16 || height < 16 {
		return 0, 0, fmt.Errorf("--size is %q: write WIDTHxHEIGHT, such as 1280x720", s)
	}
	return width, height, nil
}

// level reads --log-level.
func level(name string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return 0, fmt.Errorf("--log-level is %q, not debug, info, warn or error", name)
	}
	return l, nil
}

// send does steps 1 to 4.
func send(ctx context.Context, o *options, stdin *os.File, screen *live.Screen) error {
	logLevel, err := level(o.logLevel)
	if err != nil {
		return err
	}
	width, height, err := parseSize(o.size)
	if err != nil {
		return err
	}
	var secret key.Key
	if o.key != "" {
		if secret, err = key.Parse(o.key); err != nil {
			return fmt.Errorf("--key: %w", err)
		}
	}
	source, err := capture.Open(o.source, capture.Options{Width: width, Height: height, Rate: o.rate, Loop: o.loop, Stdin: stdin})
	if err != nil {
		return err
	}
	defer source.Close()
	width, height = source.Size()
	rate := float64(source.Rate().Num) / float64(source.Rate().Den)
	interval := time.Duration(float64(time.Second) / rate)

	files, err := openFiles(o, width, height)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: logLevel}))
	dialer := &dialer{options: o, key: secret, screen: screen, logger: logger, terminal: o.source != "-" && term.IsTerminal(int(stdin.Fd())), stdin: stdin}
	view := newView(screen, o)
	stream := &sender.Stream{
		Config: sender.Config{
			Width: width, Height: height, Interval: interval, Mode: sender.Mode(o.mode), Tolerance: o.tolerance,
			MaxBitrate: o.maxBitrate, MaxEffort: o.effort, Goroutines: runtime.NumCPU(),
		},
		Dial: dialer.dial,
		Retry: func(err error) (retry, busy bool) {
			busy = errors.Is(err, rtc.ErrBusy)
			return busy || errors.Is(err, rtc.ErrUnreachable), busy
		},
		Tell: view.tell,
		Observe: func(e sender.Event) {
			files.frame(e)
			view.frame(e)
		},
	}
	if o.metrics != "" {
		address, err := metrics.Serve(ctx, o.metrics, measured(stream))
		if err != nil {
			return err
		}
		screen.Say("metrics: http://%v/metrics", address)
	}
	screen.Say("sending %s, %dx%d at %.4g pictures a second, to %s", o.source, width, height, rate, o.destination)
	err = flow(ctx, o, source, stream, view)
	view.summary(stream.Snapshot())
	return errors.Join(err, files.close())
}

// flow runs the stream and feeds it until one of them ends.
func flow(ctx context.Context, o *options, source capture.Source, stream *sender.Stream, view *view) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if o.duration > 0 {
		ctx, stop = context.WithTimeout(ctx, o.duration)
		defer stop()
	}
	fed := make(chan error, 1)
	go func() {
		defer stop()
		fed <- feed(ctx, source, stream)
	}()
	go view.run(ctx, stream)
	err := stream.Run(ctx)
	stop()
	if feedErr := <-fed; err == nil && !errors.Is(feedErr, context.Canceled) && !errors.Is(feedErr, context.DeadlineExceeded) {
		err = feedErr
	}
	return err
}

// lastPictures is how long the last pictures get to be on their way when a source ends.
const lastPictures = 300 * time.Millisecond

func feed(ctx context.Context, source capture.Source, stream *sender.Stream) error {
	for {
		picture, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			time.Sleep(lastPictures)
			return nil
		}
		if err != nil {
			return err
		}
		stream.Feed(sender.Picture{
			Image: picture.Image, Captured: picture.Captured, Number: picture.Number, Release: picture.Release,
		})
	}
}
