// Salsify-vp8 encodes, decodes, inspects and compares video with the project's VP8 codec.
//
//	salsify-vp8 encode IN.y4m OUT.ivf
//	salsify-vp8 decode IN.ivf OUT.y4m
//	salsify-vp8 inspect IN.ivf
//	salsify-vp8 compare A.y4m B.y4m
//
// "salsify-vp8 --help" and "salsify-vp8 VERB --help" teach the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/manual"
)

// A call, in order:
//
//  1. run finds the verb; the verb's function parses its flags (parse).
//  2. The verb opens its files (files.go) and goes through the frames; each verb has a file of its own.
//  3. run turns what came of it into one line on stderr and an exit status.

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // a file could not be read, written, decoded or encoded, or the videos do not match
	exitUsage  = 2 // the command line is wrong
)

const about = `salsify-vp8 encodes, decodes, inspects and compares video with a VP8 codec whose state is a value.

Verbs:
  encode    code pictures (Y4M) as VP8 (IVF)
  decode    decode VP8 (IVF) to pictures (Y4M), or to their MD5 sums
  inspect   list the frames of an IVF file: type, size, state names, macroblocks
  compare   measure luma PSNR and SSIM between two Y4M files

Everything the decoder remembers can be saved to a file after one run and taken up by the next:

  salsify-vp8 encode --state-out S.bin FIRST.y4m 1.ivf
  salsify-vp8 encode --state-in S.bin  SECOND.y4m 2.ivf     (goes on without a key frame)

A file named - is standard input or output:

  ffmpeg -i clip.mp4 -pix_fmt yuv420p -f yuv4mpegpipe - | salsify-vp8 encode - clip.ivf

"salsify-vp8 VERB --help" tells each verb's flags and gives examples. Exit status: 0 done, 1 failed, 2 wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// session is what a verb works with.
type session struct {
	ctx            context.Context // done when the user interrupts
	stdin          io.Reader
	stdout, stderr io.Writer
}

var verbs = map[string]func(s *session, args []string) error{
	"encode":  (*session).encode,
	"decode":  (*session).decode,
	"inspect": (*session).inspect,
	"compare": (*session).compare,
}

func describe() manual.Command {
	return manual.Command{Name: "salsify-vp8", Help: about, Verbs: manual.Verbs(verbs,
		func(verb func(*session, []string) error, args []string, stdout io.Writer) {
			_ = verb(&session{ctx: context.Background(), stdout: stdout}, args)
		})}
}

// run is the program without its process: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if manual.Answer(stdout, args, describe) {
		return exitOK
	}
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
		fmt.Fprint(stdout, about)
		return exitOK
	}
	if len(args) == 0 {
		fmt.Fprintln(stderr, "salsify-vp8: a verb is missing: encode, decode, inspect or compare; see salsify-vp8 --help")
		return exitUsage
	}
	verb, ok := verbs[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "salsify-vp8: there is no verb %q; see salsify-vp8 --help\n", args[0])
		return exitUsage
	}
	// The first interrupt ends the verb in good order, without half-written files; a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()

	err := verb(&session{ctx, stdin, stdout, stderr}, args[1:])
	var usage usageError
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "salsify-vp8 %s: %v; see salsify-vp8 %s --help\n", args[0], err, args[0])
		return exitUsage
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted; no file was written")
	}
	fmt.Fprintf(stderr, "salsify-vp8 %s: %s\n", args[0], oneLine(err))
	return exitFailed
}

// usageError is a wrong command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// parse parses a verb's flags and returns its arguments, of which there must be least to most. On --help it prints the verb's
// help and returns pflag.ErrHelp.
func (s *session) parse(f *pflag.FlagSet, help string, args []string, least, most int) ([]string, error) {
	f.SortFlags = false
	f.Usage = func() {}
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) && manual.Describe(s.stdout, help, f) {
		return nil, err
	}
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(s.stdout, help)
		if usages := f.FlagUsages(); usages != "" {
			fmt.Fprint(s.stdout, "\nFlags:\n"+usages)
		}
		return nil, err
	}
	if err != nil {
		return nil, usageError{err}
	}
	if n := f.NArg(); n < least || n > most {
		return nil, usagef("%d file names were given; usage: %s", n, firstWords(help))
	}
	return f.Args(), nil
}

// firstWords returns the usage line, which every help begins with.
func firstWords(help string) string {
	line, _, _ := strings.Cut(help, "\n")
	return strings.TrimPrefix(line, "Usage: ")
}

// oneLine keeps an error from taking several lines, whatever it wraps.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
