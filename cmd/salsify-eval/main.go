// Salsify-eval measures live video end to end: delay and quality of every picture, of unmodified programs, on emulated networks.
//
//	salsify-eval run --system salsify --clip talk.mp4 --down lte.down --up lte.up --duration 60s --out cell
//	salsify-eval matrix EVALUATION.yaml --out results
//	salsify-eval report results
//
// "salsify-eval --help" and "salsify-eval VERB --help" teach the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/manual"
	"salsify/testbed/shell"
)

// A call, in order:
//
//  1. main enters a user namespace, for verbs that run systems, where only that allows networks of one's own (shell.Reexec).
//  2. run finds the verb; each verb has a file of its own.
//  3. run turns what came of it into one line on standard error and an exit status.

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // something could not be run, read or written
	exitUsage  = 2 // the command line is wrong, or a file that it names, or one that such a file names
)

const about = `salsify-eval measures live video end to end: delay and quality of every picture, of unmodified programs, on emulated networks.

Verbs:
  run       one system, on one network, with one clip
  matrix    all of systems x networks x clips x repeats that a file describes; goes on where it stopped
  report    figures and tables of what was run, as one HTML page
  paper     the five networks of the Salsify paper (NSDI 2018), our figures beside the published ones
  systems   which systems can be measured here, and what the others lack
  clip      write the test video that systems see, of any clip

  salsify-eval run --system salsify --clip talk.mp4 --down lte.down --up lte.up --duration 60s --out results/first
  salsify-eval report results

Traces are mahimahi's; "salsify-link trace --help" makes and converts them. docs/testbed.md explains the figures, and how to add a system.
"salsify-eval VERB --help" tells each verb's flags and gives examples. Exit status: 0 done, 1 failed, 2 wrong usage.
`

func main() {
	// A thread that has a packet or a picture to move is then scheduled by the system, and does not wait for a goroutine that draws.
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	if len(os.Args) > 1 && slices.Contains([]string{"run", "matrix", "paper", "systems"}, os.Args[1]) {
		_ = shell.Reexec() // a real system's cell will say what is missing, and all others do without
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// session is what a verb works with.
type session struct {
	ctx            context.Context // done when the user interrupts
	stdout, stderr io.Writer
}

var verbs = map[string]func(s *session, args []string) error{
	"run":     (*session).run,
	"matrix":  (*session).matrix,
	"report":  (*session).report,
	"paper":   (*session).paper,
	"systems": (*session).systems,
	"clip":    (*session).clip,
}

// goesOn are the verbs that go on where they stopped when they are called again.
var goesOn = []string{"matrix", "paper"}

func describe() manual.Command {
	return manual.Command{Name: "salsify-eval", Help: about, Verbs: manual.Verbs(verbs,
		func(verb func(*session, []string) error, args []string, stdout io.Writer) {
			_ = verb(&session{ctx: context.Background(), stdout: stdout}, args)
		})}
}

// run is the program without its process: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	if manual.Answer(stdout, args, describe) {
		return exitOK
	}
	if len(args) > 0 && slices.Contains([]string{"--help", "-h", "help"}, args[0]) {
		fmt.Fprint(stdout, about)
		return exitOK
	}
	const list = "run, matrix, report, paper, systems or clip"
	if len(args) == 0 {
		fmt.Fprintf(stderr, "salsify-eval: a verb is missing: %s; see salsify-eval --help\n", list)
		return exitUsage
	}
	verb, ok := verbs[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "salsify-eval: no verb %q; there are %s\n", args[0], list)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := verb(&session{ctx: ctx, stdout: stdout, stderr: stderr}, args[1:])
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return exitOK
	case ctx.Err() != nil && slices.Contains(goesOn, args[0]):
		fmt.Fprintf(stderr, "salsify-eval %s: interrupted; the same command again goes on where it stopped\n", args[0])
		return exitFailed
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "salsify-eval %s: interrupted\n", args[0])
		return exitFailed
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "salsify-eval %s: %v\n", args[0], err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "salsify-eval %s: %v\n", args[0], err)
	return exitFailed
}
