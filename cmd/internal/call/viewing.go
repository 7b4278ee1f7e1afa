package call

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"salsify/cmd/internal/live"
	"salsify/display"
	"salsify/display/terminal"
	"salsify/display/web"
	"salsify/display/window"
	"salsify/receiver"
	"salsify/thread"
)

// Viewing says where to show what comes, by flags that both programs have.
type Viewing struct {
	Display    string
	Mirror     bool
	Fullscreen bool
}

// AddFlags adds the flags to a program's.
func (v *Viewing) AddFlags(set *pflag.FlagSet) {
	set.StringVar(&v.Display, "display", auto,
		"`WHERE` to show what comes: window, terminal, http://localhost:8080 (browsers), FILE.y4m, - (YUV4MPEG2 on standard output) or none; "+
			"auto is a window where there is a desktop")
	set.BoolVar(&v.Mirror, "mirror", false, "swap left and right in the window, as in a mirror")
	set.BoolVar(&v.Fullscreen, "fullscreen", false, "show the window in full screen")
}

// auto is a window where there is a desktop, else none.
const auto = "auto"

// kind is where to show, with auto decided.
func (v *Viewing) kind() string {
	switch {
	case v.Display != auto:
		return v.Display
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		return "window"
	}
	return "none"
}

// Check finds values that make no sense.
func (v *Viewing) Check() error {
	if (v.Mirror || v.Fullscreen) && v.Display != auto && v.Display != "window" {
		return fmt.Errorf("--mirror and --fullscreen are for --display window, not %s", v.Display)
	}
	return nil
}

// UsageError is found only after the command line was read, but it is at fault.
type UsageError struct{ error }

// displayRate is what the header of YUV4MPEG2 says, which must be before any picture has come: pictures come when they come.
const displayRate = 30

// View is a display with its overlay.
type View struct {
	display.Display
	flags    *Viewing
	page     *web.Server // if it is one, which takes whole frames
	sound    *Sound
	watching Watching
	screen   *live.Screen
	left     func()
	window   sync.Once // for one that is opened when it is needed
}

// Open opens the display; a window only when it is needed, if later is set. left is called when nobody looks at it any more.
func (v *Viewing) Open(stdout *os.File, screen *live.Screen, sound *Sound, later bool, left func()) (*View, error) {
	view := &View{flags: v, sound: sound, screen: screen, left: left}
	kind := v.kind()
	if kind == "window" && later {
		view.Display, _ = display.Open("none", display.Options{}) // until then
		return view, nil
	}
	view.window.Do(func() {})
	shown, err := view.open(kind, stdout)
	if errors.Is(err, window.ErrNoScreen) && v.Display == auto {
		screen.Say("nothing is shown: %v", err)
		shown, err = display.Open("none", display.Options{})
	}
	if err != nil {
		return nil, err
	}
	if view.Display = shown; view.page == nil {
		view.Display = sound.Display(shown)
	}
	return view, nil
}

func (v *View) open(kind string, stdout *os.File) (display.Display, error) {
	report := func(message string) { v.screen.Say("display: %s", message) }
	switch {
	case kind == "-" && term.IsTerminal(int(stdout.Fd())):
		return nil, UsageError{errors.New("--display - writes pictures to standard output, which is the terminal: add | ffplay -i -")}
	case kind == "window":
		return v.openWindow()
	case strings.HasPrefix(kind, "http://"):
		page, err := web.Listen(kind, web.Options{Statistics: v.lines, Report: report})
		if err != nil {
			return nil, fmt.Errorf("--display: %w", err)
		}
		v.screen.Say("look at %s", page.URL())
		v.page = page
		v.sound.exchange.Pass = page.Sound
		return page, nil
	case kind == "terminal":
		shown, err := terminal.Open(terminal.Options{
			Out: stdout, Overlay: func() []string { return append(v.lines(), v.screen.Lines()...) }, Quit: v.left, Report: report,
		})
		if err != nil {
			return nil, UsageError{fmt.Errorf("--display: %w", err)}
		}
		v.screen.Hide()
		return shown, nil
	}
	shown, err := display.Open(kind, display.Options{Rate: displayRate, Stdout: &audience{stdout, v.left}, Report: report})
	if _, ofFile := errors.AsType[*fs.PathError](err); err != nil && !ofFile {
		return nil, UsageError{err}
	}
	return shown, err
}

// openWindow opens a window, and has its loop run on the process's first thread until it is closed.
func (v *View) openWindow() (display.Display, error) {
	var w *window.Window
	var err error
	thread.OnMain(func() {
		w, err = window.Open(window.Options{
			Title: "Salsify", Mirror: v.flags.Mirror, Fullscreen: v.flags.Fullscreen, Overlay: v.lines, Mute: v.mute,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("%w: try --display terminal, --display http://localhost:8080, or none", err)
	}
	go func() {
		thread.OnMain(func() { w.Loop(context.Background()) })
		v.left()
	}()
	return w, nil
}

// mute mutes the microphone, or ends that, and tells of it.
func (v *View) mute() {
	switch muted, possible := v.sound.Mute(); {
	case !possible:
	case muted:
		v.screen.Say("the microphone is muted")
	default:
		v.screen.Say("the microphone is on")
	}
}

// Session returns a session that shows what comes over a connection. observe, if not nil, is told of each frame.
func (v *View) Session(c Connection, observe func(receiver.Event)) *receiver.Session {
	v.window.Do(func() {
		shown, err := v.openWindow()
		if err != nil {
			v.screen.Say("what comes back is not shown: %v", err)
			return
		}
		v.Display = v.sound.Display(shown)
	})
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
