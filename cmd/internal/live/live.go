// Package live is the terminal of the long-running commands: a line that is written anew in place, messages above it, and, where
// the output is no terminal, plain lines for both.
package live

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/term"
)

// Screen is where a command talks to its user. Its methods may be called from any goroutine.
type Screen struct {
	lock  sync.Mutex
	out   io.Writer
	width func() int // columns of the terminal now, which may be resized; nil: not one
	line  string     // that is on the screen

	hidden bool     // another part of the program has the terminal
	kept   []string // lines that were said meanwhile
}

// New returns a Screen on a file, such as os.Stderr.
func New(file *os.File) *Screen {
	s := &Screen{out: file}
	if fd := int(file.Fd()); term.IsTerminal(fd) {
		s.width = func() int {
			if width, _, err := term.GetSize(fd); err == nil && width > 1 {
				return width
			}
			return defaultWidth
		}
	}
	return s
}

// Terminal says whether lines are written in place.
func (s *Screen) Terminal() bool { return s.width != nil }

// defaultWidth is that of a terminal that does not say.
const defaultWidth = 80

// clear goes back to the start of the line and clears it.
const clear = "\r\x1b[K"

// printable replaces what could command the terminal: messages quote what came from the network. Line ends and tabs stay.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\t' {
		return unicode.ReplacementChar
	}
	return r
}

// Line shows text in place of the last line. It is cut to the terminal's width.
func (s *Screen) Line(text string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	text = strings.Map(printable, text)
	if s.hidden {
		s.line = text
		return
	}
	if s.width == nil {
		fmt.Fprintln(s.out, text)
		return
	}
	if runes, width := []rune(text), s.width(); len(runes) >= width {
		text = string(runes[:width-1])
	}
	s.line = text
	fmt.Fprint(s.out, clear, text)
}

// Say writes a message above the line.
func (s *Screen) Say(format string, arguments ...any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.hidden {
		s.keep(strings.Map(printable, fmt.Sprintf(format, arguments...)))
		return
	}
	if s.line != "" {
		fmt.Fprint(s.out, clear)
	}
	fmt.Fprintln(s.out, strings.Map(printable, fmt.Sprintf(format, arguments...)))
	fmt.Fprint(s.out, s.line)
}

// Done leaves the line as it is, and goes on below it.
func (s *Screen) Done() {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.line == "" {
		return
	}
	if s.hidden {
		s.keep(s.line)
	} else {
		fmt.Fprintln(s.out)
	}
	s.line = ""
}

// Write lets a logger write above the line.
func (s *Screen) Write(b []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.hidden {
		s.keep(string(bytes.Map(printable, bytes.TrimSuffix(b, []byte("\n")))))
		return len(b), nil
	}
	if s.line != "" {
		fmt.Fprint(s.out, clear)
	}
	_, err := s.out.Write(bytes.Map(printable, b))
	fmt.Fprint(s.out, s.line)
	return len(b), err
}

// How many lines are kept while nothing may be written, and how many of these Lines returns.
const keptLines, shownLines = 100, 4

// keep keeps lines for Reveal.
func (s *Screen) keep(text string) {
	s.kept = append(s.kept, strings.Split(text, "\n")...)
	s.kept = s.kept[max(0, len(s.kept)-keptLines):]
}

// Hide has nothing written until Reveal, if the output is a terminal: pictures are there.
func (s *Screen) Hide() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.hidden = s.width != nil
}

// Reveal writes what was said since Hide.
func (s *Screen) Reveal() {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, line := range s.kept {
		fmt.Fprintln(s.out, line)
	}
	if s.hidden && s.line != "" {
		fmt.Fprint(s.out, s.line)
	}
	s.hidden, s.kept = false, nil
}

// Lines returns the newest messages since Hide, and the line.
func (s *Screen) Lines() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	lines := append([]string(nil), s.kept[max(0, len(s.kept)-shownLines):]...)
	if s.line != "" {
		lines = append(lines, s.line)
	}
	return lines
}
