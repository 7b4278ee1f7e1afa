package call

import (
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"salsify/cmd/internal/live"
	"salsify/display"
	"salsify/display/terminal"
	"salsify/display/web"
	"salsify/receiver"
)

// Viewing says where to show what comes, by flags that both programs have.
type Viewing struct {
	Display string
}

// AddFlags adds the flags to a program's.
func (v *Viewing) AddFlags(set *pflag.FlagSet) {
	set.StringVar(&v.Display, "display", "none", "where to show: none, terminal, http://localhost:8080 for browsers, a `FILE.y4m`, or - for YUV4MPEG2 on standard output")
}

// UsageError is found only after the command line was read, but it is at fault.
type UsageError struct{ error }

// displayRate is what the header of YUV4MPEG2 says, which must be before any picture has come: pictures come when they come.
const displayRate = 30

// View is a display with its overlay.
type View struct {
	display.Display
	page     *web.Server // if it is one, which takes whole frames
	sound    *Sound
	watching Watching
	screen   *live.Screen
}

// Open opens the display. left is called when nobody looks at it any more.
func (v *Viewing) Open(stdout *os.File, screen *live.Screen, sound *Sound, left func()) (*View, error) {
	view := &View{sound: sound, screen: screen}
	shown, err := v.open(view, stdout, left)
	if err != nil {
		return nil, err
	}
	if view.Display = shown; view.page == nil {
		view.Display = sound.Display(shown)
	}
	return view, nil
}

func (v *Viewing) open(view *View, stdout *os.File, left func()) (display.Display, error) {
	report := func(message string) { view.screen.Say("display: %s", message) }
	switch {
	case v.Display == "-" && term.IsTerminal(int(stdout.Fd())):
		return nil, UsageError{errors.New("--display - writes pictures to standard output, which is the terminal: add | ffplay -i -")}
	case strings.HasPrefix(v.Display, "http://"):
		page, err := web.Listen(v.Display, web.Options{Statistics: view.lines, Report: report})
		if err != nil {
			return nil, fmt.Errorf("--display: %w", err)
		}
		view.screen.Say("look at %s", page.URL())
		view.page = page
		view.sound.exchange.Pass = page.Sound
		return page, nil
	case v.Display == "terminal":
		shown, err := terminal.Open(terminal.Options{
			Out: stdout, Overlay: func() []string { return append(view.lines(), view.screen.Lines()...) }, Quit: left, Report: report,
		})
		if err != nil {
			return nil, UsageError{fmt.Errorf("--display: %w", err)}
		}
		view.screen.Hide()
		return shown, nil
	}
	shown, err := display.Open(v.Display, display.Options{Rate: displayRate, Stdout: &audience{stdout, left}, Report: report})
	if _, ofFile := errors.AsType[*fs.PathError](err); err != nil && !ofFile {
		return nil, UsageError{err}
	}
	return shown, err
}

// Session returns a session that shows what comes over a connection. observe, if not nil, is told of each frame.
func (v *View) Session(c Connection, observe func(receiver.Event)) *receiver.Session {
	v.watching.Begin(c.Status)
	return receiver.NewSession(v.show, func(e receiver.Event) {
		v.sound.Shown(e)
		v.watching.Observe(e)
		if v.page != nil && e.Err == nil {
			v.page.Frame(web.Frame{Data: e.Data, Source: e.Source, State: e.State, Shown: e.Shown, At: e.At})
		}
		if observe != nil {
			observe(e)
		}
	})
}

func (v *View) show(picture *image.YCbCr, at time.Time) {
	if v.page == nil { // which is given frames instead
		v.Display.Show(picture, at)
	}
}

// lines are the overlay's.
func (v *View) lines() []string { return append(v.watching.Lines(), v.sound.Lines()...) }

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
