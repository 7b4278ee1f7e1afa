// Package endtoend has tests of the real programs, salsify-send and salsify-recv, as processes that talk over real sockets.
package endtoend

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"salsify/capture/barcode"
	"salsify/codec/y4m"
	"salsify/testbed/link"
	"salsify/testbed/relay"
	"salsify/testbed/trace"
	"salsify/transport/bitrate"
)

var bin string // folder of the programs

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "salsify-endtoend-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	for _, name := range []string{"SALSIFY_KEY", "DISPLAY", "WAYLAND_DISPLAY"} {
		os.Unsetenv(name) // the programs would take the key, and open windows
	}
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "salsify/cmd/salsify-send", "salsify/cmd/salsify-recv")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the programs cannot be built: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// program is one of the two, running.
type program struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	stderr *log
	ended  chan struct{} // closed when it has, with err set
	err    error
}

// log is what a program says, as it says it.
type log struct {
	lock sync.Mutex
	b    []byte
}

func (l *log) Write(b []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.b = append(l.b, b...)
	return len(b), nil
}

func (l *log) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return string(l.b)
}

// start starts a program. One that still runs at the test's end is killed.
func start(t *testing.T, name string, setup func(*exec.Cmd), arguments ...string) *program {
	t.Helper()
	p := &program{t: t, name: name, stderr: &log{}, ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(bin, name), arguments...)
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = time.Second
	if setup != nil {
		setup(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s %v said:\n%s", name, arguments, p.stderr)
		}
	})
	return p
}

// within waits for a condition, and returns how long that took. It fails the test if it takes longer than that.
func within(t *testing.T, limit time.Duration, what string, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}

// says waits until the program has said that.
func (p *program) says(limit time.Duration, text string) {
	p.t.Helper()
	within(p.t, limit, fmt.Sprintf("%s says %q", p.name, text), func() bool { return strings.Contains(p.stderr.String(), text) })
}

// mustEnd waits until the program has ended, with that status.
func (p *program) mustEnd(limit time.Duration, status int) {
	p.t.Helper()
	within(p.t, limit, p.name+" ends", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.t.Errorf("%s ended with status %d (%v), not %d", p.name, got, p.err, status)
	}
}

func (p *program) mustRun() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Fatalf("%s has ended: %v", p.name, p.err)
	default:
	}
}

// kill ends the program as a crash does.
func (p *program) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// viewer is a salsify-recv, and whoever looks at what it shows.
type viewer struct {
	*program
	address string // to send to
	key     string

	lock  sync.Mutex
	shown []shown
	torn  int
	err   error // of the pictures' stream
	over  chan struct{}
}

// shown is a picture on the screen.
type shown struct {
	number   uint32
	captured time.Time
	at       time.Time
}

var invitation = regexp.MustCompile(`(?m)^  salsify-send SOURCE (\S+)(?: --key (\S+))?`)

// view starts a salsify-recv at a free port, or where listen says, and looks at its pictures.
func view(t *testing.T, listen string, arguments ...string) *viewer {
	t.Helper()
	v := &viewer{over: make(chan struct{})}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	arguments = append([]string{"--listen", listen, "--display", "-", "--no-audio"}, arguments...)
	v.program = start(t, "salsify-recv", func(c *exec.Cmd) { c.Stdout = out }, arguments...)
	out.Close()
	go func() {
		defer close(v.over)
		defer in.Close()
		err := v.look(in)
		v.lock.Lock()
		v.err = err
		v.lock.Unlock()
	}()
	v.ready()
	return v
}

const anywhere = "127.0.0.1:0"

// ready waits until the program listens, and reads where.
func (v *viewer) ready() {
	v.t.Helper()
	within(v.t, 5*time.Second, "salsify-recv listens", func() bool {
		m := invitation.FindStringSubmatch(v.stderr.String())
		if m == nil || !strings.HasSuffix(v.stderr.String(), "\n") {
			return false
		}
		v.address, v.key = m[1], m[2]
		return true
	})
}

func (v *viewer) look(in io.Reader) error {
	buffered := bufio.NewReader(in)
	if _, err := buffered.Peek(1); err == io.EOF { // nothing was ever shown
		return nil
	}
	r, err := y4m.NewReader(buffered)
	if err != nil {
		return err
	}
	picture := r.Header().NewPicture()
	for {
		if err := r.Read(picture); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		now := time.Now()
		upper, lower := barcode.Read(picture)
		v.lock.Lock()
		if !upper.OK || upper != lower {
			v.torn++
		} else {
			value := barcode.Unpack(upper.Value, now)
			v.shown = append(v.shown, shown{number: value.Frame, captured: value.Captured, at: now})
		}
		v.lock.Unlock()
	}
}

// pictures are those that were seen so far.
func (v *viewer) pictures() []shown {
	v.lock.Lock()
	defer v.lock.Unlock()
	return v.shown[:len(v.shown):len(v.shown)]
}

// capturedAfter tells whether a picture is on the screen that was captured after that moment.
func (v *viewer) capturedAfter(moment time.Time) func() bool {
	return func() bool {
		p := v.pictures()
		return len(p) > 0 && p[len(p)-1].captured.After(moment)
	}
}

// flows waits until n pictures more have been seen.
func (v *viewer) flows(limit time.Duration, n int) {
	v.t.Helper()
	have := len(v.pictures())
	within(v.t, limit, fmt.Sprintf("%d more pictures are seen", n), func() bool { return len(v.pictures()) >= have+n })
}

// mustBeInOrder checks that each picture seen is newer than the one before, is whole, and came soon.
func (v *viewer) mustBeInOrder() {
	v.t.Helper()
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.err != nil || v.torn > 0 {
		v.t.Errorf("the pictures: %v, %d without a barcode", v.err, v.torn)
	}
	for i, s := range v.shown {
		if i > 0 && !s.captured.After(v.shown[i-1].captured) {
			before := v.shown[i-1]
			v.t.Errorf("picture %d, captured %v, was shown after picture %d, captured %v", s.number, s.captured, before.number, before.captured)
		}
		if s.at.Before(s.captured) {
			v.t.Errorf("picture %d was shown before it was captured", s.number)
		}
	}
}

// send starts a salsify-send with small pictures of the scene, to an address.
func send(t *testing.T, address, key string, arguments ...string) *program {
	t.Helper()
	arguments = append([]string{"test:", address, "--size", "320x180", "--rate", "25", "--effort", "2", "--no-audio"}, arguments...)
	return start(t, "salsify-send", func(c *exec.Cmd) { c.Env = append(os.Environ(), "SALSIFY_KEY="+key) }, arguments...)
}

// between puts an emulated link before a viewer, and returns the address to send to instead.
func between(t *testing.T, v *viewer, rate bitrate.Bitrate, delay time.Duration, loss float64) (*relay.Relay, string) {
	t.Helper()
	config := link.Config{Delay: delay, Loss: loss, Seed: 1}
	if rate > 0 {
		tr, err := trace.Constant(rate, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		config.Trace, config.Queue = tr, link.Queue{Policy: link.DropTail, Packets: 256}
	}
	down := config
	down.Seed++
	r, err := relay.Listen(anywhere, v.address, relay.Config{Up: config, Down: down})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, r.Addr().String()
}
