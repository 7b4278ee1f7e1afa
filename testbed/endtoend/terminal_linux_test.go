package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to the one side is typed at the other.
type terminal struct {
	person *os.File
	tty    *os.File
}

func newTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("skipped: no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return &terminal{person, tty}
}

func (m *terminal) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(m.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// sendAt starts a salsify-send without a key at a terminal. What it says is copied to its log.
func sendAt(t *testing.T, m *terminal, address string) *program {
	t.Helper()
	said := &log{}
	p := start(t, "salsify-send", func(c *exec.Cmd) { c.Stdin, c.Stderr = m.tty, m.tty },
		"test:", address, "--size", "320x180", "--rate", "25", "--effort", "2")
	p.stderr = said
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := m.person.Read(b)
			if err != nil {
				return
			}
			said.Write(b[:n])
		}
	}()
	return p
}

// At a terminal the key is asked for, as often as needed and unseen, and the live line is written in place, no longer than the
// terminal is wide.
func TestTerminal(t *testing.T) {
	const columns = 60
	v := view(t, anywhere)
	m := newTerminal(t, columns)
	s := sendAt(t, m, v.address)
	s.says(3*time.Second, "The receiver's key: ")
	fmt.Fprintf(m.person, "short\n")
	s.says(time.Second, "not a key: it has 5 characters")
	within(t, time.Second, "it asks again", func() bool { return strings.Count(s.stderr.String(), "The receiver's key: ") == 2 })
	fmt.Fprintf(m.person, "%s\n", v.key)
	v.flows(3*time.Second, 40)
	s.signal(os.Interrupt)
	s.mustEnd(time.Second, 0)
	s.says(time.Second, "the larger candidate left")
	text := s.stderr.String()
	if strings.Contains(text, v.key) {
		t.Error("the key was to be seen")
	}
	const inPlace = "\r\x1b[K"
	if strings.Count(text, inPlace) < 1 {
		t.Errorf("no line was written in place: %q", text)
	}
	for _, line := range strings.Split(text, inPlace)[1:] {
		line, _, _ = strings.Cut(line, "\r\n")
		if strings.Contains(line, " fps") && len(line) >= columns {
			t.Errorf("a live line of %d columns: %q", len(line), line)
		}
	}
}

// Ctrl-C while the key is asked for ends the program, and leaves the terminal as it was.
func TestInterruptAtThePrompt(t *testing.T) {
	v := view(t, anywhere)
	m := newTerminal(t, 80)
	s := sendAt(t, m, v.address)
	s.says(3*time.Second, "The receiver's key: ")
	within(t, time.Second, "typing is not shown", func() bool { return !m.echoes(t) })
	s.signal(os.Interrupt)
	s.mustEnd(time.Second, 0)
	if !m.echoes(t) {
		t.Error("the terminal does not show what is typed any more")
	}
}
