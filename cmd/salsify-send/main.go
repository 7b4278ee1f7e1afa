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
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
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
//  3. Pictures go from the source into the stream, a line a second to the screen (report.go), frames to the files (files.go).
//  4. At the end of the source, of --duration or at Ctrl-C the stream says goodbye, files are closed, a summary is printed. The
//     same happens when the receiver says goodbye.

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // the receiver refused us or was not there, or a file could not be read or written
	exitUsage  = 2 // the command line is wrong, or names a source that cannot be used
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

	// What parse made of the texts above:
	width, height int // 0: the source's own
	secret        key.Key
	level         slog.Level
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(arguments []string, stdin, stdout, stderr *os.File) int {
	screen := live.New(stderr)
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
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends us at once
	defer stop()
	err = send(ctx, o, stdin, screen)
	if err == nil {
		return exitOK
	}
	screen.Done()
	screen.Say("salsify-send: %v", err)
	if errors.Is(err, capture.ErrSource) {
		return exitUsage
	}
	return exitFailed
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
	f.Lookup("max-bitrate").DefValue = ""
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
	if err := o.check(f.Changed("key")); err != nil {
		return nil, err
	}
	return o, nil
}

// Bounds of flags.
const (
	minTolerance, maxTolerance = 10 * time.Millisecond, 10 * time.Second
	minRate, maxRate           = 0.1, 240 // pictures a second
	// minMaxBitrate is a packet a second, with room for reports: less is a unit forgotten.
	minMaxBitrate = 16 * bitrate.KbitPerSecond
)

// check finds values that make no sense, and reads those that are texts. keyFlag tells that the key is that of --key.
func (o *options) check(keyFlag bool) (err error) {
	if o.destination, err = destination(o.destination); err != nil {
		return err
	}
	if o.width, o.height, err = parseSize(o.size); err != nil {
		return err
	}
	if err := o.level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return fmt.Errorf("--log-level is %q: write debug, info, warn or error", o.logLevel)
	}
	if o.key != "" {
		name := "$SALSIFY_KEY"
		if keyFlag {
			name = "--key"
		}
		if o.secret, err = key.Parse(o.key); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	switch {
	case o.effort < vp8.MinEffort || o.effort > vp8.MaxEffort:
		return fmt.Errorf("--effort is %d: give %d to %d", o.effort, vp8.MinEffort, vp8.MaxEffort)
	case o.tolerance < minTolerance || o.tolerance > maxTolerance:
		return fmt.Errorf("--tolerance is %v: give %v to %v", o.tolerance, minTolerance, maxTolerance)
	case o.rate != 0 && (o.rate < minRate || o.rate > maxRate) || math.IsNaN(o.rate):
		return fmt.Errorf("--rate is %v: give %v to %v pictures a second", o.rate, minRate, maxRate)
	case o.duration < 0:
		return fmt.Errorf("--duration is %v: give a time such as 30s", o.duration)
	case o.maxBitrate != 0 && o.maxBitrate < minMaxBitrate:
		return fmt.Errorf("--max-bitrate is %v: give %v or more, with its unit, such as 800k or 2.5M", o.maxBitrate, minMaxBitrate)
	case o.metrics != "" && !metrics.Address(o.metrics):
		return fmt.Errorf("--metrics is %q: write [HOST]:PORT, such as localhost:9101", o.metrics)
	}
	for _, m := range sender.Modes() {
		if o.mode == string(m) {
			return nil
		}
	}
	return fmt.Errorf("--mode is %q: give one of %v", o.mode, sender.Modes())
}

const defaultPort = "9000"

// destination reads HOST:PORT; the port may be left out.
func destination(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil && !strings.Contains(text, ":") {
		host, port, err = text, defaultPort, nil
	}
	if net.ParseIP(text) != nil { // an IPv6 address without brackets
		host, port, err = text, defaultPort, nil
	}
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || strings.ContainsAny(host, "/ ") || notNumber != nil || number == 0 {
		return "", fmt.Errorf("%q is not HOST:PORT: write it as salsify-recv shows it, such as 192.0.2.7:9000 or [2001:db8::7]:9000",
			text)
	}
	return net.JoinHostPort(host, port), nil
}

// parseSize reads "WxH"; empty is the source's own size.
func parseSize(s string) (width, height int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	var rest string
	n, _ := fmt.Sscanf(s+" .", "%dx%d %s", &width, &height, &rest)
	if n != 3 || rest != "." || min(width, height) < capture.MinSize || max(width, height) > capture.MaxSize {
		return 0, 0, fmt.Errorf("--size is %q: write WIDTHxHEIGHT, each %d to %d, such as 1280x720",
			s, capture.MinSize, capture.MaxSize)
	}
	return width, height, nil
}

// send does steps 1 to 4.
func send(ctx context.Context, o *options, stdin *os.File, screen *live.Screen) error {
	source, err := openSource(ctx, o, stdin)
	if err != nil {
		if ctx.Err() != nil {
			screen.Say("ended before the first picture")
			return nil
		}
		return err
	}
	defer source.Close()
	width, height := source.Size()
	rate := float64(source.Rate().Num) / float64(source.Rate().Den)
	interval := time.Duration(float64(time.Second) / rate)

	files, err := openFiles(o, width, height, screen)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: o.level}))
	dialer := &dialer{options: o, key: o.secret, screen: screen, logger: logger, stdin: stdin}
	dialer.terminal = o.source != "-" && term.IsTerminal(int(stdin.Fd()))
	view := newView(screen, o)
	stream := &sender.Stream{
		Config: sender.Config{
			Width: width, Height: height, Interval: interval, Mode: sender.Mode(o.mode), Tolerance: o.tolerance,
			MaxBitrate: o.maxBitrate, MaxEffort: o.effort, Goroutines: runtime.NumCPU(),
			Unscored: o.stats == "",
		},
		Dial: dialer.dial,
		Retry: func(err error) (retry, busy bool) {
			busy = errors.Is(err, rtc.ErrBusy)
			return busy || errors.Is(err, rtc.ErrUnreachable), busy
		},
		Goodbye: func(err error) bool { return errors.Is(err, rtc.ErrGoodbye) },
		Tell:    view.tell,
		Observe: func(e sender.Event) {
			files.frame(e)
			view.frame(e)
		},
	}
	if o.metrics != "" {
		address, err := metrics.Serve(ctx, o.metrics, measured(stream))
		if err != nil {
			return errors.Join(err, files.close())
		}
		screen.Say("metrics: http://%v/metrics", address)
	}
	screen.Say("sending %s, %dx%d at %.4g pictures a second, to %s", o.source, width, height, rate, o.destination)
	err = flow(ctx, o, source, stream, view)
	view.summary(stream.Snapshot())
	return errors.Join(err, files.close())
}

// openSource opens the source. Standard input may keep us waiting for its header, during which Ctrl-C must work.
func openSource(ctx context.Context, o *options, stdin *os.File) (capture.Source, error) {
	type opened struct {
		source capture.Source
		err    error
	}
	done := make(chan opened, 1)
	go func() {
		source, err := capture.Open(o.source, capture.Options{
			Width: o.width, Height: o.height, Rate: o.rate, Loop: o.loop, Stdin: stdin,
		})
		done <- opened{source, err}
	}()
	select {
	case r := <-done:
		return r.source, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
		// A file waits for the receiver. From a pipe the newest picture is taken all along, so that old ones do not gather in it.
		if o.source != "-" {
			select {
			case <-view.connected:
			case <-ctx.Done():
			}
		}
		fed <- feed(ctx, source, stream)
	}()
	go view.run(ctx, stream)
	err := stream.Run(ctx)
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	stop()
	if feedErr := <-fed; err == nil && !errors.Is(feedErr, context.Canceled) && !errors.Is(feedErr, context.DeadlineExceeded) {
		err = feedErr
	}
	switch {
	case errors.Is(err, rtc.ErrGoodbye):
		return nil
	case err == nil && late && !view.wasConnected():
		return fmt.Errorf("no connection within --duration %v: start salsify-recv first, and check HOST:PORT", o.duration)
	}
	return err
}

// lastPictures is how long the last pictures get to be on their way when a source ends.
const lastPictures = 300 * time.Millisecond

func feed(ctx context.Context, source capture.Source, stream *sender.Stream) error {
	for {
		picture, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			select {
			case <-time.After(lastPictures):
			case <-ctx.Done():
			}
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
