package call

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"salsify/cmd/internal/live"
	"salsify/display"
)

// Viewing says where to show what comes, by flags that both programs have.
type Viewing struct {
	Display string
}

// AddFlags adds the flags to a program's.
func (v *Viewing) AddFlags(set *pflag.FlagSet) {
	set.StringVar(&v.Display, "display", "none", "where to show: none, a `FILE.y4m`, or - for YUV4MPEG2 on standard output")
}

// UsageError is found only after the command line was read, but it is at fault.
type UsageError struct{ error }

// displayRate is what the header of YUV4MPEG2 says, which must be before any picture has come: pictures come when they come.
const displayRate = 30

// Open opens the display. left is called when nobody looks at it any more.
func (v *Viewing) Open(stdout *os.File, screen *live.Screen, left func()) (display.Display, error) {
	if v.Display == "-" && term.IsTerminal(int(stdout.Fd())) {
		return nil, UsageError{errors.New("--display - writes pictures to standard output, which is the terminal: add | ffplay -i -")}
	}
	shown, err := display.Open(v.Display, display.Options{
		Rate: displayRate, Stdout: &audience{stdout, left}, Report: func(message string) { screen.Say("display: %s", message) },
	})
	if _, ofFile := errors.AsType[*fs.PathError](err); err != nil && !ofFile {
		return nil, UsageError{err}
	}
	return shown, err
}

// audience is standard output with somebody who looks at it.
type audience struct {
	out  *os.File
	left func() // called when nobody does any more
}

func (a *audience) Write(b []byte) (int, error) {
	n, err := a.out.Write(b)
	if err != nil {
		a.left()
	}
	return n, err
}
