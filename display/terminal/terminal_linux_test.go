package terminal

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"salsify/testbed/testenv"
)

// screen is the emulator behind a pseudo terminal: what a program writes is drawn, and what it asks is answered.
type screen struct {
	t             testing.TB
	master, slave *os.File
	lock          sync.Mutex
	emulator      *emulator
	stopped       chan struct{} // closed when nobody has the terminal open any more
}

// openPTY opens a pseudo terminal that nobody reads.
func openPTY(t testing.TB, columns, rows int) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	raw, err := master.SyscallConn() // Fd would make its reads ones that Close does not end
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	_ = raw.Control(func(fd uintptr) {
		err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		if err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	setSize(t, slave, columns, rows)
	return master, slave
}

func setSize(t testing.TB, slave *os.File, columns, rows int) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
}

func newScreen(t testing.TB, columns, rows int, sixels bool) *screen {
	t.Helper()
	master, slave := openPTY(t, columns, rows)
	s := &screen{t: t, master: master, slave: slave, emulator: newEmulator(t, columns, rows), stopped: make(chan struct{})}
	s.emulator.takes = sixels
	go s.run()
	t.Cleanup(func() {
		_ = master.Close()
		<-s.stopped
	})
	t.Setenv("COLORTERM", "truecolor")
	return s
}

func (s *screen) run() {
	defer close(s.stopped)
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		if err != nil {
			return
		}
		s.lock.Lock()
		_, _ = s.emulator.Write(buffer[:n])
		answers := s.emulator.answers.String()
		s.emulator.answers.Reset()
		s.lock.Unlock()
		if _, err := io.WriteString(s.master, answers); err != nil {
			return
		}
	}
}

// await waits until something is to be seen.
func (s *screen) await(what string, seen func(*emulator) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s.lock.Lock()
		ok := seen(s.emulator)
		s.lock.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not seen after 10 s: %s", what)
		}
	}
}

func (s *screen) keys(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, keys); err != nil {
		s.t.Fatal(err)
	}
}

// modes are the settings of the terminal.
func modes(t testing.TB, slave *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

// shows tells whether the emulator shows a picture where it must be, above the lowest rows.
func (s *screen) shows(p *image.YCbCr, lowest int) func(*emulator) bool {
	return func(e *emulator) bool {
		w := window{e.columns, e.rows, e.cell}
		if !e.takes {
			return halvesOff(s.t, e, p, w.place(p.Rect.Size(), lowest, 0)) <= tolerance
		}
		place := w.place(p.Rect.Size(), max(1, lowest), int(DefaultMaxBitrate/8/sixelRate/sixelBytesPerPixel))
		pixels := image.Rect(place.Min.X*e.cell.X, place.Min.Y*e.cell.Y, place.Max.X*e.cell.X, place.Max.Y*e.cell.Y)
		return meanError(s.t, e.canvas.SubImage(pixels), scaled(s.t, p, pixels.Dx(), pixels.Dy()), pixels.Dx(), pixels.Dy()) <= wantMeanError
	}
}

// All of it, over a pseudo terminal: the picture, the statistics, another size, and the terminal as it was.
func TestTerminal(t *testing.T) {
	pictures := drawn(t, 320, 180, 10)
	for name, takesSixels := range map[string]bool{"half blocks": false, "sixels": true} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(t, 60, 20, takesSixels)
			before, quit := modes(t, s.slave), make(chan struct{}, 10)
			terminal, err := Open(Options{
				In: s.slave, Out: s.slave, Hidden: true, Overlay: func() []string { return []string{"one", "two"} },
				Quit: func() { quit <- struct{}{} },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			for _, p := range pictures {
				terminal.Show(p, time.Now())
				time.Sleep(5 * time.Millisecond)
			}
			last := pictures[len(pictures)-1]
			s.await("the last picture", s.shows(last, 0))
			if stats := terminal.Stats(); stats.Shown+stats.Dropped != uint64(len(pictures)) || stats.Shown == 0 {
				t.Errorf("%+v of %d", stats, len(pictures))
			}
			s.keys("s")
			s.await("the statistics", func(e *emulator) bool { return e.line(18) == "one" && e.line(19) == "two" })
			s.await("the picture above", s.shows(last, 2))
			s.keys("\x1b[As")
			s.await("the picture without", s.shows(last, 0))

			s.lock.Lock()
			s.emulator.resize(40, 30)
			s.lock.Unlock()
			setSize(t, s.slave, 40, 30)
			if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil { // what the system tells a program in its own terminal
				t.Fatal(err)
			}
			s.await("the picture in the new size", s.shows(last, 0))

			s.keys("q")
			select {
			case <-quit:
			case <-time.After(10 * time.Second):
				t.Error("q does not quit")
			}
			for range 2 {
				if err := terminal.Close(); err != nil {
					t.Error(err)
				}
			}
			if after := modes(t, s.slave); after != before {
				t.Errorf("the terminal is left as %+v, it was %+v", after, before)
			}
			s.await("what was there before", func(e *emulator) bool { return !e.alternate && !e.hidden && !e.cuts && !e.together })
			terminal.Show(last, time.Now())
			if len(quit) > 0 {
				t.Error("quit twice")
			}
		})
	}
}

// A terminal that takes nothing holds up nobody, and the picture that it shows when it goes on is the newest.
func TestTerminalStops(t *testing.T) {
	t.Setenv("COLORTERM", "truecolor")
	master, slave := openPTY(t, 200, 60)
	before := modes(t, slave)
	terminal, err := Open(Options{In: slave, Out: slave})
	if err != nil {
		t.Fatal(err)
	}
	pictures := drawn(t, 320, 180, 30)
	for _, p := range pictures {
		begun := time.Now()
		terminal.Show(p, begun)
		if took := time.Since(begun); took > 200*time.Millisecond {
			t.Errorf("Show took %v", took)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if stats := terminal.Stats(); stats.Shown > 1 || stats.Dropped < uint64(len(pictures)-3) {
		t.Errorf("%+v", stats)
	}
	begun := time.Now()
	if err := terminal.Close(); err == nil || !strings.Contains(err.Error(), "type: reset") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took > 3*leaving {
		t.Errorf("Close took %v", took)
	}
	if after := modes(t, slave); after != before {
		t.Error("the terminal's settings are not as they were")
	}
	_ = master.Close()
	terminal.parts.Wait() // the write that waited has ended
}

// The window is closed, or the connection is lost: the program is told, once.
func TestTerminalGoes(t *testing.T) {
	master, slave := openPTY(t, 80, 24)
	quit, reports := make(chan struct{}, 10), make(chan string, 10)
	terminal, err := Open(Options{In: slave, Out: slave, Quit: func() { quit <- struct{}{} }, Report: func(m string) { reports <- m }})
	if err != nil {
		t.Fatal(err)
	}
	_ = master.Close()
	for _, p := range drawn(t, 64, 48, 3) {
		terminal.Show(p, time.Now())
	}
	select {
	case <-quit:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
	}
	if report := <-reports; !strings.Contains(report, "the terminal is gone") {
		t.Errorf("%q", report)
	}
	if err := terminal.Close(); err == nil || !strings.Contains(err.Error(), "the terminal is gone") {
		t.Errorf("%v", err)
	}
	if len(quit)+len(reports) > 0 {
		t.Error("told twice")
	}
}

func TestOpenErrors(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, slave := openPTY(t, 80, 24)
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{In: slave, Out: file}, "the output is none; do not redirect it"},
		{Options{In: slave, Out: slave, MaxBitrate: -1}, "-1 bits a second; give a number above 0"},
	} {
		if _, err := Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if content, err := os.ReadFile(file.Name()); err != nil || len(content) > 0 {
		t.Errorf("%q was written, %v", content, err)
	}
}

// Without a terminal to read from there are no answers and no keys, and the picture is there all the same.
func TestNothingToReadFrom(t *testing.T) {
	s := newScreen(t, 60, 20, false)
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	terminal, err := Open(Options{In: in, Out: s.slave})
	if err != nil {
		t.Fatal(err)
	}
	p := drawn(t, 320, 180, 1)[0]
	terminal.Show(p, time.Now())
	s.await("the picture", s.shows(p, 0))
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
}

// child is set for a program that this test starts: itself, with what to do.
const child = "SALSIFY_TERMINAL_CHILD"

// childPicture is what the child shows.
func childPicture() *image.YCbCr { return columns(16, 60, 100, 140, 180, 220) }

// TestChild is the program in a terminal.
func TestChild(t *testing.T) {
	what := os.Getenv(child)
	if what == "" {
		t.Skip("skipped: only the other tests start it")
	}
	var terminal *Terminal
	opened := make(chan struct{})
	terminal, err := Open(Options{Overlay: func() []string {
		if what == "panics" {
			panic("on purpose")
		}
		return []string{"running"}
	}, Quit: func() {
		if <-opened; what == "ends" {
			_ = terminal.Close()
			os.Exit(7)
		}
	}})
	if err != nil {
		fmt.Println(err)
		os.Exit(9)
	}
	close(opened)
	terminal.Show(childPicture(), time.Now())
	time.Sleep(time.Minute)
}

// start starts the child in the terminal.
func (s *screen) start(what string) *exec.Cmd {
	s.t.Helper()
	c := exec.Command(os.Args[0], "-test.run", "^TestChild$")
	c.Env = append(os.Environ(), child+"="+what, "GOTRACEBACK=none")
	c.Stdin, c.Stdout, c.Stderr = s.slave, s.slave, io.Discard
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

// However the program ends, the terminal is as it was.
func TestTerminalIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		name, what, keys string
		signals          []syscall.Signal
		want             string // how the program ends
	}{
		{"a key", "ends", "q", nil, "exit status 7"},
		{"a key that it does not heed", "stays", "q\x03", nil, "signal: interrupt"},
		{"a signal", "ends", "", []syscall.Signal{syscall.SIGTERM}, "exit status 7"},
		{"a signal that it does not heed", "stays", "", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, "signal: terminated"},
		{"a panic", "panics", "", nil, "exit status 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScreen(t, 60, 20, false)
			before := modes(t, s.slave)
			program := s.start(c.what)
			if c.what != "panics" {
				s.await("the picture", s.shows(childPicture(), 1))
				s.await("the statistics", func(e *emulator) bool { return e.line(19) == "running" })
				if modes(t, s.slave) == before {
					t.Error("the settings are those of before; the test proves nothing")
				}
			}
			s.keys(c.keys)
			for i, number := range c.signals {
				if i > 0 { // after the first was taken up
					s.await("the screen of before", func(e *emulator) bool { return !e.alternate })
				}
				if err := program.Process.Signal(number); err != nil {
					t.Fatal(err)
				}
			}
			if err := program.Wait(); err == nil || err.Error() != c.want {
				t.Errorf("it ends by %v, want %s", err, c.want)
			}
			s.await("the screen of before", func(e *emulator) bool { return !e.alternate && !e.hidden && !e.cuts })
			if after := modes(t, s.slave); after != before {
				t.Errorf("the terminal is left as %+v, it was %+v", after, before)
			}
		})
	}
}

// tmux, which is a terminal that others made, shows what we mean.
func TestTmux(t *testing.T) {
	tool := testenv.Tool(t, "tmux")
	socket := filepath.Join(t.TempDir(), "tmux")
	tmux := func(arguments ...string) string {
		t.Helper()
		command := exec.Command(tool, append([]string{"-S", socket, "-f", os.DevNull}, arguments...)...)
		command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v, %s", arguments, err, out)
		}
		return string(out)
	}
	tmux("new-session", "-d", "-x", "60", "-y", "20",
		"-e", child+"=stays", "-e", "COLORTERM=truecolor", os.Args[0]+" -test.run '^TestChild$'")
	t.Cleanup(func() { tmux("kill-server") })
	p := childPicture()
	place := window{60, 20, usualCell}.place(p.Rect.Size(), 1, 0)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		e := newEmulator(t, 60, 20)
		for y, line := range strings.Split(strings.TrimSuffix(tmux("capture-pane", "-e", "-p", "-N"), "\n"), "\n") {
			// It writes what a line ends with in the colour of before as 49.
			line = strings.NewReplacer("\x1b[39m", "\x1b[0m", "\x1b[49m", "\x1b[0m").Replace(line)
			_, _ = fmt.Fprintf(e, "\x1b[%d;1H\x1b[0m%s", y+1, line)
		}
		if strings.Contains(e.line(19), "running") && halvesOff(t, e, p, place) <= tolerance {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not seen after 10 s; the last row is %q, the picture %d off", e.line(19), halvesOff(t, e, p, place))
		}
	}
}

// A slow line: never more on its way than it takes, whatever comes.
func TestSlowLine(t *testing.T) {
	s := newScreen(t, 80, 24, false)
	const bitrate = 400_000
	terminal, err := Open(Options{In: s.slave, Out: s.slave, MaxBitrate: bitrate})
	if err != nil {
		t.Fatal(err)
	}
	const lasts = 2 * time.Second
	pictures := drawn(t, 320, 180, 30)
	begun := time.Now()
	for n := 0; time.Since(begun) < lasts; n++ {
		terminal.Show(pictures[n*7%len(pictures)], time.Now())
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(begun)
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	const whole = 80 * 24 * 45 // a picture of which every character is written, which may just have begun
	if most := int(took.Seconds()*bitrate/8) + whole; s.emulator.bytes > most {
		t.Errorf("%d bytes in %v, want %d at most", s.emulator.bytes, took, most)
	}
	if stats := terminal.Stats(); stats.Shown < 2 || stats.Dropped < 50 {
		t.Errorf("%+v", stats)
	}
}

// A terminal that is busy gets no more than it answers, though the line would carry it.
func TestBusyTerminal(t *testing.T) {
	s := newScreen(t, 60, 20, false)
	terminal, err := Open(Options{In: s.slave, Out: s.slave})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	pictures := drawn(t, 320, 180, 60) // of which none is shown twice: nothing would be written
	terminal.Show(pictures[0], time.Now())
	s.await("the first picture", s.shows(pictures[0], 0))
	time.Sleep(50 * time.Millisecond) // for its answer to come
	s.lock.Lock()
	s.emulator.busy = true
	s.lock.Unlock()
	before, begun := terminal.Stats().Shown, time.Now()
	for n := range 40 {
		terminal.Show(pictures[(n+1)%len(pictures)], time.Now())
		time.Sleep(10 * time.Millisecond)
	}
	got, most := terminal.Stats().Shown-before, maxAhead*(1+uint64(time.Since(begun)/patience))
	if got == 0 || got > most {
		t.Errorf("%d pictures without an answer, want %d at most", got, most)
	}
}

func TestDeepColours(t *testing.T) {
	for _, c := range []struct {
		colorterm, term string
		want            bool
	}{
		{"truecolor", "xterm", true}, {"24bit", "", true}, {"", "xterm-direct", true}, {"", "xterm-256color", false}, {"yes", "", false},
	} {
		environment := map[string]string{"COLORTERM": c.colorterm, "TERM": c.term}
		if got := deepColours(func(name string) string { return environment[name] }); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Ending a closed terminal's write is no failure of the display.
func TestLeftIsNoFailure(t *testing.T) {
	s := newScreen(t, 20, 10, false)
	terminal, err := Open(Options{In: s.slave, Out: s.slave})
	if err != nil {
		t.Fatal(err)
	}
	if err := terminal.tty.leave(); err != nil {
		t.Fatal(err)
	}
	if err := terminal.tty.write([]byte("x")); !errors.Is(err, errLeft) {
		t.Errorf("%v", err)
	}
	terminal.Show(childPicture(), time.Now())
	if err := terminal.Close(); err != nil {
		t.Errorf("%v", err)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if slices.ContainsFunc(s.emulator.grid, func(g glyph) bool { return g.r == 'x' }) {
		t.Error("something was written after the end")
	}
}
