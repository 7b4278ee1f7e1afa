// Package live is the terminal of the long-running commands: a line that is written anew in place, messages above it, and, where
// the output is no terminal, plain lines for both.
package live

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Screen is where a command talks to its user. Its methods may be called from any goroutine.
type Screen struct {
	lock  sync.Mutex
	out   io.Writer
	width int    // columns of the terminal; 0: not one
	line  string // that is on the screen
}

// New returns a Screen on a file, such as os.Stderr.
func New(file *os.File) *Screen {
	s := &Screen{out: file}
	if term.IsTerminal(int(file.Fd())) {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 1 {
			s.width = width
		}
	}
	return s
}

// clear goes back to the start of the line and clears it.
const clear = "\r\x1b[K"

// Line shows text in place of the last line. It is cut to the terminal's width.
func (s *Screen) Line(text string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.width == 0 {
		fmt.Fprintln(s.out, text)
		return
	}
	if runes := []rune(text); len(runes) >= s.width {
		text = string(runes[:s.width-1])
	}
	s.line = text
	fmt.Fprint(s.out, clear, text)
}

// Say writes a message above the line.
func (s *Screen) Say(format string, arguments ...any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.line != "" {
		fmt.Fprint(s.out, clear)
	}
	fmt.Fprintf(s.out, format+"\n", arguments...)
	fmt.Fprint(s.out, s.line)
}

// Done leaves the line as it is, and goes on below it.
func (s *Screen) Done() {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.line != "" {
		fmt.Fprintln(s.out)
		s.line = ""
	}
}

// Write lets a logger write above the line.
func (s *Screen) Write(b []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.line != "" {
		fmt.Fprint(s.out, clear)
	}
	n, err := s.out.Write(b)
	fmt.Fprint(s.out, s.line)
	return n, err
}
