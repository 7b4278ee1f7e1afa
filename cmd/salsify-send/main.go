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
	"log/slog"
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
	"salsify/cmd/internal/call"
	"salsify/cmd/internal/live"
	"salsify/cmd/internal/manual"
	"salsify/cmd/internal/metrics"
	"salsify/sender"
	"salsify/thread"
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

Sends live video, with sound, to a salsify-recv, and shows what that sends back. Each picture is encoded at two qualities, and the one that the network can carry at that
moment leaves, or none.

SOURCE is one of
  /dev/video0    a camera; --list-devices shows which there are, and what they can do
  screen:        what the X11 screen shows; screen:1280x720+100+50 is a part of it
  test:          a made-up scene that behaves like a camera's picture; test:seed=7 is another
  FILE.y4m       a file, at its own rate; --loop plays it forwards and backwards without end
  -              the same from standard input, as it comes:
                   ffmpeg -i rtsp://... -pix_fmt yuv420p -f yuv4mpegpipe - | salsify-send - HOST:PORT
HOST:PORT is what salsify-recv shows, as is the key, which may also be in $SALSIFY_KEY.

Examples:
  salsify-send /dev/video0 robot-base.local:9000 --key abcd-efgh-...
  salsify-send test: robot-base.local:9000 --key abcd-efgh-...
  salsify-send clip.y4m 192.0.2.7:9000 --loop --record sent.ivf
  salsify-send clip.y4m host:9000 --display - | ffplay -i -    # shows what salsify-recv --send sends back
  salsify-send test: host:9000 --size 1920x1080 --rate 60 --max-bitrate 8M --stats frames.json

Exit status: 0 done, 1 failed, 2 wrong usage.

Flags:
`

type options struct {
	call.Filming
	call.Viewing
	call.Sounding
	key         string
	publicCert  bool
	mode        string
	list        bool
	record      string
	duration    time.Duration
	stats       string
	metrics     string
	logLevel    string
	verbose     bool
	destination string

	// What parse made of the texts above:
	secret key.Key
	level  slog.Level
}

func main() {
	os.Exit(thread.Main(func() int { return run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr) })) // for windows
}

func run(arguments []string, stdin, stdout, stderr *os.File) int {
	if manual.Answer(stdout, arguments, describe) {
		return exitOK
	}
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
	signal.Ignore(syscall.SIGPIPE) // that nobody looks at standard output any more is an error of writing
	if o.list {
		call.ListDevices(stdout)
		return exitOK
	}
	// The encoder keeps every processor busy for tens of milliseconds at a time. With threads to spare, whoever has a packet or a
	// picture to move is scheduled by the system, at once, and not by the Go runtime, at the next preemption 10 ms later.
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { // so that a second Ctrl-C ends us at once, whoever else waits for signals
		stop()
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	})
	defer stop()
	err = send(ctx, o, stdin, stdout, screen)
	screen.Reveal()
	if err == nil {
		return exitOK
	}
	screen.Done()
	screen.Say("salsify-send: %v", err)
	if _, ok := errors.AsType[call.UsageError](err); ok || errors.Is(err, capture.ErrSource) {
		return exitUsage
	}
	return exitFailed
}

func describe() manual.Command {
	return manual.Command{Name: "salsify-send", Help: about, Flags: flags(&options{})}
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("salsify-send", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.StringVar(&o.key, "key", os.Getenv("SALSIFY_KEY"), "the receiver's `KEY`; without one, anybody on the way could be the receiver")
	f.Lookup("key").DefValue = ""
	f.BoolVar(&o.publicCert, "public-cert", false, "the receiver has a public certificate (its --tls-cert), to be checked by its host name")
	o.Filming.AddFlags(f)
	o.Viewing.AddFlags(f)
	o.Sounding.AddFlags(f)
	f.BoolVar(&o.list, "list-devices", false, "list cameras, microphones and speakers, and end")
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
	case 0:
		if o.list {
			return o, nil
		}
		return nil, errors.New("SOURCE and HOST:PORT are missing, such as: salsify-send test: localhost:9000")
	case 2:
		o.Source, o.destination = f.Arg(0), f.Arg(1)
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

// check finds values that make no sense, and reads those that are texts. keyFlag tells that the key is that of --key.
func (o *options) check(keyFlag bool) (err error) {
	if o.destination, err = destination(o.destination); err != nil {
		return err
	}
	if err := errors.Join(o.Filming.Check(), o.Viewing.Check(), o.Sounding.Check()); err != nil {
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
	case o.duration < 0:
		return fmt.Errorf("--duration is %v: give a time such as 30s", o.duration)
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

// send does steps 1 to 4.
func send(ctx context.Context, o *options, stdin, stdout *os.File, screen *live.Screen) error {
	source, err := o.Filming.Open(ctx, stdin, screen)
	if err != nil {
		if ctx.Err() != nil {
			screen.Say("ended before the first picture")
			return nil
		}
		return err
	}
	defer source.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	sound := o.Sounding.Open(screen.Say)
	defer sound.Close()
	shown, err := o.Viewing.Open(stdout, screen, sound, true, end)
	if err != nil {
		return err
	}
	back := &back{shown: shown, sound: sound}
	config := o.Config(source)
	config.Mode, config.Unscored = sender.Mode(o.mode), o.stats == ""
	files, err := openFiles(o, config.Width, config.Height, screen)
	if err != nil {
		return errors.Join(err, shown.Close())
	}
	logger := slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: o.level}))
	dialer := &dialer{options: o, key: o.secret, screen: screen, logger: logger, stdin: stdin}
	dialer.terminal = o.Source != "-" && term.IsTerminal(int(stdin.Fd()))
	view := newView(screen, o, back)
	stream := &sender.Stream{
		Config: config,
		Dial:   dialer.dial,
		Retry: func(err error) (retry, busy bool) {
			busy = errors.Is(err, rtc.ErrBusy)
			return busy || errors.Is(err, rtc.ErrUnreachable), busy
		},
		Goodbye: func(err error) bool { return errors.Is(err, rtc.ErrGoodbye) },
		Tell:    view.tell,
		Observe: func(e sender.Event) {
			files.frame(e)
			view.frame(e)
			back.telling.Observe(e)
		},
		Alongside: back.run,
	}
	if o.metrics != "" {
		address, err := metrics.Serve(ctx, o.metrics, measured(stream))
		if err != nil {
			return errors.Join(err, files.close(), shown.Close())
		}
		screen.Say("metrics: http://%v/metrics", address)
	}
	screen.Say("sending %s, to %s", o.Describe(source), o.destination)
	err = flow(ctx, o, source, stream, view)
	view.summary(stream.Snapshot())
	closed := shown.Close()
	if errors.Is(closed, syscall.EPIPE) { // whoever looked has gone, which was said
		closed = nil
	}
	return errors.Join(err, files.close(), closed)
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
		if o.Source != "-" {
			select {
			case <-view.connected:
			case <-ctx.Done():
			}
		}
		fed <- call.Feed(ctx, source, stream.Feed)
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
