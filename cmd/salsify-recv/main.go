// Salsify-recv receives live video from a salsify-send, and shows it.
//
//	salsify-recv
//
// "salsify-recv --help" teaches the rest.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"salsify/capture"
	"salsify/cmd/internal/call"
	"salsify/cmd/internal/live"
	"salsify/cmd/internal/manual"
	"salsify/cmd/internal/metrics"
	"salsify/thread"
	"salsify/transport/rtc"
	"salsify/transport/rtc/key"
)

// A call, in order:
//
//  1. The flags are read, the key is found or made, the display and the files are opened.
//  2. It listens, and prints what to type at the other side (invite.go).
//  3. The first sender that comes is shown until it goes, then the next: a line a second to the screen (report.go).
//  4. At --duration or Ctrl-C the sender is told goodbye, the display is closed, a summary is printed.

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // the port could not be opened, or a file could not be read or written
	exitUsage  = 2 // the command line is wrong
)

const about = `Usage: salsify-recv [flags]

Receives live video with sound from a salsify-send, and shows it; with --send it answers with its own. It prints what to type at the
other side. One port is enough, TCP and UDP; a sender may be behind a NAT.

Only a sender that has the key can send, and it can tell that it sends to nobody else. The key is a new one at each start unless
it is given by --key-file, --key or $SALSIFY_KEY.

Examples:
  salsify-recv
  salsify-recv --send /dev/video0 --mic headset
  salsify-recv --display http://localhost:8080
  salsify-recv --display - | ffplay -i -
  salsify-recv --display seen.y4m --key-file ~/.salsify-key
  salsify-recv --listen :7000 --display none --stats frames.json --metrics localhost:9100

Exit status: 0 done, 1 failed, 2 wrong usage.

Flags:
`

type options struct {
	call.Viewing
	call.Filming // its Source is --send's
	call.Sounding
	listen    string
	keyText   string
	keyFile   string
	open      bool
	tlsCert   string
	tlsKey    string
	showToken bool
	list      bool
	once      bool
	duration  time.Duration
	stats     string
	metrics   string
	logLevel  string
	verbose   bool

	// What parse made of the texts above:
	secret key.Key // zero: none was given as a text
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
		screen.Say("salsify-recv: %v\n\"salsify-recv --help\" shows how to call it.", err)
		return exitUsage
	}
	if o.list {
		call.ListDevices(stdout)
		return exitOK
	}
	signal.Ignore(syscall.SIGPIPE) // that nobody looks at standard output any more is an error of writing; see audience
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { // so that a second Ctrl-C ends us at once, whoever else waits for signals
		stop()
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	})
	defer stop()
	err = receive(ctx, o, stdin, stdout, screen)
	screen.Reveal()
	if err == nil {
		return exitOK
	}
	screen.Done()
	screen.Say("salsify-recv: %v", err)
	if _, ok := errors.AsType[call.UsageError](err); ok || errors.Is(err, capture.ErrSource) {
		return exitUsage
	}
	return exitFailed
}

func describe() manual.Command {
	return manual.Command{Name: "salsify-recv", Help: about, Flags: flags(&options{})}
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("salsify-recv", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.StringVar(&o.listen, "listen", ":9000", "`ADDRESS` to listen at, TCP and UDP; port 0 finds a free one")
	o.Viewing.AddFlags(f)
	f.StringVar(&o.Source, "send", "", "answer with the video of this `SOURCE`, as salsify-send takes it")
	o.Filming.AddFlags(f)
	o.Sounding.AddFlags(f)
	f.BoolVar(&o.list, "list-devices", false, "list cameras, microphones and speakers, and end")
	f.StringVar(&o.keyFile, "key-file", "", "the key is the first line of this `FILE`, which is made if it is not there")
	f.StringVar(&o.keyText, "key", os.Getenv("SALSIFY_KEY"), "the `KEY` itself; other users of the machine can see it here")
	f.Lookup("key").DefValue = ""
	f.BoolVar(&o.open, "open", false, "let anyone send, with no key")
	f.StringVar(&o.tlsCert, "tls-cert", "", "`FILE` with a public certificate and its chain (PEM)")
	f.StringVar(&o.tlsKey, "tls-key", "", "`FILE` with its private key (PEM)")
	f.BoolVar(&o.showToken, "show-token", false, "print the bearer token, for standard WHIP clients")
	f.BoolVar(&o.once, "once", false, "end when the first sender has gone")
	f.DurationVar(&o.duration, "duration", 0, "stop after this time, such as 30s (default: at Ctrl-C)")
	f.StringVar(&o.stats, "stats", "", "write a JSON line for every frame to this `FILE` (docs/endpoint.md)")
	f.StringVar(&o.metrics, "metrics", "", "serve metrics for Prometheus at this `ADDRESS`, such as localhost:9100")
	f.StringVar(&o.logLevel, "log-level", "warn", "details of the connection: debug, info, warn or error")
	f.BoolVar(&o.verbose, "verbose", false, "a line for every frame")
	return f
}

func parse(arguments []string) (*options, error) {
	o := &options{}
	f := flags(o)
	if err := f.Parse(arguments); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q: no arguments are expected; an address to listen at goes after --listen", f.Arg(0))
	}
	return o, o.check(f.Changed("key"))
}

// check finds values that make no sense, and reads those that are texts. keyFlag tells that the key is that of --key.
func (o *options) check(keyFlag bool) (err error) {
	switch {
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key go together: give both, or none for a certificate that follows from the key")
	case o.keyFile != "" && keyFlag:
		return errors.New("--key and --key-file: only one of them can be the key")
	case o.duration < 0:
		return fmt.Errorf("--duration is %v: give a time such as 30s", o.duration)
	case !metrics.Address(o.listen):
		return fmt.Errorf("--listen is %q: write [HOST]:PORT, such as :9000", o.listen)
	case o.metrics != "" && !metrics.Address(o.metrics):
		return fmt.Errorf("--metrics is %q: write [HOST]:PORT, such as localhost:9100", o.metrics)
	}
	if o.Source != "" {
		if err := o.Filming.Check(); err != nil {
			return err
		}
	}
	if err := errors.Join(o.Viewing.Check(), o.Sounding.Check()); err != nil {
		return err
	}
	if err := o.level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return fmt.Errorf("--log-level is %q: write debug, info, warn or error", o.logLevel)
	}
	if o.keyText != "" && o.keyFile == "" {
		name := "$SALSIFY_KEY"
		if keyFlag {
			name = "--key"
		}
		if o.secret, err = key.Parse(o.keyText); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// secret finds the key, or makes one.
func secret(o *options, screen *live.Screen) (key.Key, error) {
	switch {
	case o.keyFile != "":
		k, created, err := key.Load(o.keyFile)
		if err != nil {
			return k, fmt.Errorf("--key-file: %w", err)
		}
		if created {
			screen.Say("made a new key in %s", o.keyFile)
		}
		return k, nil
	case !o.secret.IsZero():
		return o.secret, nil
	default:
		return key.New(), nil
	}
}

// receive does steps 1 to 4.
func receive(ctx context.Context, o *options, stdin, stdout *os.File, screen *live.Screen) error {
	k, err := secret(o, screen)
	if err != nil {
		return err
	}
	var certificate *tls.Certificate
	if o.tlsCert != "" {
		c, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
		if err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
		certificate = &c
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	back, err := openAnswer(ctx, o, stdin, screen)
	if err != nil {
		return err
	}
	defer back.close()
	sound := o.Sounding.Open(screen.Say)
	defer sound.Close()
	shown, err := o.Viewing.Open(stdout, screen, sound, false, end)
	if err != nil {
		return err
	}
	view, err := newView(screen, o, sound)
	if err != nil {
		return errors.Join(err, shown.Close())
	}
	listener, err := rtc.Listen(o.listen, rtc.ListenConfig{
		Key: k, Open: o.open, Certificate: certificate, Logger: slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: o.level})),
		Refused: view.refused, Roamed: view.roamed, Answer: back.source != nil, Silent: o.None,
	})
	if err != nil {
		err = fmt.Errorf("cannot listen at %s: %w (give another address by --listen; port 0 finds a free one)", o.listen, err)
		return errors.Join(err, view.close(), shown.Close())
	}
	invite(screen, o, k, listener.Addr().Port)
	if o.metrics != "" {
		address, err := metrics.Serve(ctx, o.metrics, view.measured())
		if err != nil {
			return errors.Join(err, listener.Close(), view.close(), shown.Close())
		}
		screen.Say("metrics: http://%v/metrics", address)
	}
	if o.duration > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, o.duration)
		defer stop()
	}
	go view.run(ctx)
	if back.source != nil {
		screen.Say("answering with %s", o.Describe(back.source))
		go back.feed(ctx, screen.Say)
	}
	err = serve(ctx, o, listener, back, shown, sound, view)
	closed := shown.Close()
	if errors.Is(closed, syscall.EPIPE) { // whoever looked has gone, which was said
		closed = nil
	}
	err = errors.Join(err, listener.Close(), closed)
	view.summary(shown.Stats())
	return errors.Join(err, view.close())
}

// serve shows one sender after the other.
func serve(ctx context.Context, o *options, listener *rtc.Listener, back *answer, shown *call.View, sound *call.Sound, view *view) error {
	for {
		connection, err := listener.Accept(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		view.screen.Say("showing the sender at %s", connection.Remote())
		session := shown.Session(connection, view.frame)
		view.begin(session)
		err = back.receive(ctx, connection, session, sound)
		view.end(session)
		if ctx.Err() != nil {
			return nil
		}
		view.screen.Say("the sender is gone: %v", err)
		if o.once {
			return nil
		}
	}
}
