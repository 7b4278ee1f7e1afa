//go:build unix

package terminal

import (
	"errors"
	"fmt"
	"image"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// errLeft: the terminal was given back.
var errLeft = errors.New("the terminal was given back")

// tty is a terminal that was taken over.
type tty struct {
	in, out *os.File
	reads   bool        // in is a terminal
	saved   *term.State // as it was
	turn    chan bool   // whoever has taken its value may write; false: the terminal was given back
}

// openTTY takes a terminal over: keys come as they are pressed, and what is drawn does not get among what was there.
func openTTY(in, out *os.File) (*tty, error) {
	if !term.IsTerminal(int(out.Fd())) {
		return nil, errors.New("pictures are to be shown in the terminal, but the output is none; do not redirect it, " +
			"or over ssh ask for one: ssh -t")
	}
	t := &tty{in: in, out: out, reads: term.IsTerminal(int(in.Fd())), turn: make(chan bool, 1)}
	t.turn <- true
	if t.reads {
		var err error
		if t.saved, err = term.MakeRaw(int(in.Fd())); err != nil {
			return nil, fmt.Errorf("the terminal cannot be set up: %w", err)
		}
	}
	if err := t.write([]byte(enterScreen)); err != nil {
		return nil, errors.Join(err, t.leave())
	}
	return t, nil
}

// window asks the system how large the terminal is.
func (t *tty) window() window {
	w := window{columns: 80, rows: 24, cell: usualCell}
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return w
	}
	w.columns, w.rows = int(size.Col), int(size.Row)
	if width, height := int(size.Xpixel)/w.columns, int(size.Ypixel)/w.rows; usableCell(width, height) {
		w.cell = image.Pt(width, height)
	}
	return w
}

// write writes all, or returns errLeft.
func (t *tty) write(b []byte) error {
	usable := <-t.turn
	defer func() { t.turn <- usable }()
	if !usable {
		return errLeft
	}
	if _, err := t.out.Write(b); err != nil {
		return fmt.Errorf("the terminal is gone: %w", err)
	}
	return nil
}

// read waits for keys or answers. It returns 0 when stop is closed.
func (t *tty) read(b []byte, stop <-chan struct{}) (int, error) {
	const look = 100 // milliseconds between two looks at stop
	for {
		select {
		case <-stop:
			return 0, nil
		default:
		}
		ready := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, look)
		if err == nil && n == 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil {
			n, err = unix.Read(int(t.in.Fd()), b)
		}
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("the terminal is gone: %w", err)
		case n == 0:
			return 0, errors.New("the terminal is gone: it was closed")
		default:
			return n, nil
		}
	}
}

// leave gives the terminal back as it was. A second call does nothing.
func (t *tty) leave() error {
	var stuck error
	select {
	case usable := <-t.turn:
		defer func() { t.turn <- false }()
		if !usable {
			return nil
		}
		_, _ = t.out.Write([]byte(leaveScreen)) // where that fails nobody is left to see it
	case <-time.After(leaving):
		stuck = errors.New("the terminal takes nothing any more, and is left as it is; when it does, type: reset")
	}
	if t.saved != nil {
		_ = term.Restore(int(t.in.Fd()), t.saved)
	}
	return stuck
}

// notify has signals sent that end the program or change the window, until forget.
func notify() (signals chan os.Signal, forget func()) {
	signals = make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGCONT)
	return signals, func() { signal.Stop(signals) }
}

// redraws tells whether a signal says that the screen must be drawn anew.
func redraws(s os.Signal) bool { return s == syscall.SIGWINCH || s == syscall.SIGCONT }

// end ends the program by a signal, as if nobody had handled it.
func end(s os.Signal) {
	signal.Reset(s)
	if number, ok := s.(syscall.Signal); ok {
		_ = syscall.Kill(syscall.Getpid(), number)
	}
}
