// Salsify-link runs a program behind an emulated network.
//
//	salsify-link --up TRACE --down TRACE --delay 20ms -- COMMAND...
//
// "salsify-link --help" teaches the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/manual"
	"salsify/testbed/link"
	"salsify/testbed/trace"
)

// The way of a run:
//
//  1. The flags are read. "salsify-link trace ..." goes to trace.go, all else on.
//  2. Where the user may not make network namespaces, the program starts itself again in a user namespace (shell.Reexec).
//  3. Two places with links between are made (package shell), and the links begin (run_linux.go).
//  4. --outside starts in the one, COMMAND in the other, with our terminal. We wait for COMMAND.
//  5. --outside is ended, a summary is printed, and COMMAND's exit code is ours.

// Exit statuses; others are COMMAND's.
const (
	exitOK     = 0
	exitFailed = 1 // namespaces are not allowed, or a file could not be read or written
	exitUsage  = 2 // the command line is wrong
)

const about = `Usage: salsify-link [flags] [--] [COMMAND...]
       salsify-link trace ...           tools for traces; "salsify-link trace --help" tells more

Runs COMMAND, any program, unmodified, in a network of its own: what it sends goes UP an emulated link to the network outside, and
what comes back goes DOWN another one. Without COMMAND it runs $SHELL. The links behave as mahimahi's do: a trace says at which
milliseconds 1504 bytes may leave the queue, and a packet costs its length and 4 bytes.

Inside, $SALSIFY_LINK_OUTSIDE is the address of the network outside, where servers are found, and $SALSIFY_LINK_INSIDE is our own.
$MAHIMAHI_BASE is for scripts that know mahimahi: the same, or that of the outermost network where salsify-link runs in salsify-link.
For root, outside is the machine's own network. For others it is an empty one, in a user namespace, if the machine allows that:
there --outside starts what COMMAND is to talk to. There is no way from inside to the Internet (no NAT) and no name server.

QUEUE is infinite, droptail:packets=256, drophead:bytes=300000, codel:packets=256,target=5ms,interval=100ms or
pie:packets=256,qdelay_ref=15ms,max_burst=150ms. ON-OFF is exponential:on=5s,off=200ms or fixed:on=5s,off=200ms; packets are lost
while it is off, or with ",hold" at the end they wait.

Examples:
  salsify-link --up lte.up --down lte.down --delay 20ms --queue droptail:packets=256 -- ping 100.64.64.1
  salsify-link --down 12mbps.down --outage-down exponential:on=5s,off=200ms --log packets.csv -- ./client
  salsify-link --up lte.up --outside 'iperf3 -s' -- sh -c 'sleep 1; iperf3 -u -b 5M -c $SALSIFY_LINK_OUTSIDE'
  salsify-link --delay 100ms --loss-down 0.02          # a shell; "exit" leaves it

The exit code is COMMAND's, 127 if there is none of that name (nor of --outside's), 126 if it cannot be started, 1 if the network cannot
be made.

Flags:
`

type options struct {
	up, down   direction
	start      time.Duration
	seed       uint64
	reorder    share
	reorderFor time.Duration
	log        string
	outside    string
	user       string
	quiet      bool
	command    []string
}

// direction is what there is once for each way.
type direction struct {
	trace  string
	delay  time.Duration
	loss   share
	queue  link.Queue
	outage link.OnOff
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(arguments []string, stdin, stdout, stderr *os.File) int {
	if manual.Answer(stdout, arguments, describe) {
		return exitOK
	}
	if len(arguments) > 0 && arguments[0] == "trace" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		return runTrace(ctx, arguments[1:], stdin, stdout, stderr)
	}
	o, err := parse(arguments)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, about, flags(&options{}).FlagUsages())
		return exitOK
	}
	if err != nil {
		say(stderr, "%v\n\"salsify-link --help\" shows how to call it.", err)
		return exitUsage
	}
	return runBehind(o, stdin, stdout, stderr)
}

func describe() manual.Command {
	verbs := manual.Verbs(traceVerbs, func(verb func(*traceCall, []string) error, arguments []string, stdout io.Writer) {
		_ = verb(&traceCall{ctx: context.Background(), stdout: stdout}, arguments)
	})
	return manual.Command{
		Name: "salsify-link", Help: about, Flags: flags(&options{}),
		Verbs: []manual.Command{{Name: "trace", Help: traceAbout, Verbs: verbs}},
	}
}

func say(stderr io.Writer, format string, arguments ...any) {
	fmt.Fprintf(stderr, "salsify-link: "+format+"\n", arguments...)
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("salsify-link", pflag.ContinueOnError)
	f.SortFlags = false
	f.SetInterspersed(false) // what follows COMMAND is COMMAND's
	f.Usage = func() {}
	f.StringVar(&o.up.trace, "up", "", "mahimahi trace `FILE` of the way up (default: no limit)")
	f.StringVar(&o.down.trace, "down", "", "mahimahi trace `FILE` of the way down")
	both(f, "delay", "propagation delay, each way, such as 20ms", func(name, usage string, d *direction) {
		addDuration(f, &d.delay, name, 0, link.MaxDelay, usage)
	}, o)
	both(f, "queue", "where packets wait for the trace (default infinite)", func(name, usage string, d *direction) {
		f.Var(&d.queue, name, usage)
	}, o)
	both(f, "loss", "share of packets lost, 0 to 1", func(name, usage string, d *direction) {
		f.Var(&d.loss, name, usage)
	}, o)
	both(f, "outage", "on and off by turns (default: always on)", func(name, usage string, d *direction) {
		f.Var(&d.outage, name, usage)
	}, o)
	f.Var(&o.reorder, "reorder", "share of packets that come late, so that others overtake them, 0 to 1")
	addDuration(f, &o.reorderFor, "reorder-delay", 10*time.Millisecond, link.MaxDelay, "how late they come")
	addDuration(f, &o.start, "start", 0, trace.MaxDuration, "time of the traces at which they begin to play, such as 10s")
	f.Uint64Var(&o.seed, "seed", 1, "of all that is random")
	f.StringVar(&o.log, "log", "", "write a line of CSV for each packet to this `FILE`: direction, arrival and departure in ms,\n"+
		"bytes, and why it was dropped")
	f.StringVar(&o.outside, "outside", "", "start this shell `COMMAND` in the network outside, and end it when the other one ends;\n"+
		"what it prints goes to standard error")
	f.StringVar(&o.user, "user", "", "run COMMAND as this `USER`, if root (default: who called sudo)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no summary at the end")
	for _, name := range []string{"queue", "queue-up", "queue-down", "outage", "outage-up", "outage-down"} {
		f.Lookup(name).DefValue = "" // the usage tells
	}
	return f
}

// both makes a flag for both ways, which settle acts upon, and one for each.
func both(f *pflag.FlagSet, name, usage string, add func(name, usage string, d *direction), o *options) {
	add(name, usage, &direction{})
	add(name+"-up", "the same, for the way up alone (default: as --"+name+")", &o.up)
	add(name+"-down", "the same, for the way down alone (default: as --"+name+")", &o.down)
}

// settle gives what a flag for both ways says to the ways that have no flag of their own.
func settle(f *pflag.FlagSet) error {
	for _, name := range []string{"delay", "queue", "loss", "outage"} {
		if !f.Changed(name) {
			continue
		}
		for _, way := range []string{name + "-up", name + "-down"} {
			if f.Changed(way) {
				continue
			}
			if err := f.Set(way, f.Lookup(name).Value.String()); err != nil {
				return fmt.Errorf("--%s: %w", name, err)
			}
		}
	}
	return nil
}

func parse(arguments []string) (*options, error) {
	o := &options{}
	f := flags(o)
	if err := f.Parse(arguments); err != nil {
		return nil, err
	}
	if err := settle(f); err != nil {
		return nil, err
	}
	o.command = f.Args()
	if len(o.command) == 0 {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		o.command = []string{shell}
	}
	if f.Changed("outside") && strings.TrimSpace(o.outside) == "" {
		return nil, errors.New("--outside is empty: give a command, such as 'iperf3 -s'")
	}
	return o, nil
}

// links reads the traces and makes the links' configurations.
func (o *options) links() (up, down link.Config, err error) {
	one := func(d direction, seed uint64) (link.Config, error) {
		c := link.Config{
			Start: o.start, Delay: d.delay, Queue: d.queue, Loss: float64(d.loss), OnOff: d.outage, Reorder: float64(o.reorder), Seed: seed,
		}
		if o.reorder > 0 {
			c.ReorderDelay = o.reorderFor
		}
		if d.trace == "" {
			return c, c.Validate()
		}
		var err error
		if c.Trace, err = trace.Load(d.trace); err != nil {
			return c, err
		}
		return c, c.Validate()
	}
	up, errUp := one(o.up, o.seed)
	// Another seed, or both ways would lose the same packets.
	down, errDown := one(o.down, o.seed+1)
	return up, down, errors.Join(errUp, errDown)
}
