// Package process runs the programs that a system under test consists of, and ends them: gently at first, and for certain in the end.
package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A process, in order:
//
//  1. A process group is made for it: Ctrl-C at the terminal reaches the testbed alone, which then ends the group in its order.
//  2. The group is led by a guard, which kills it should the testbed itself be killed (group_unix.go).
//  3. What it says on standard error goes to a log, and the end of it is kept for the error.
//  4. When it has ended, whatever is left of its group is killed, and Done is closed.
//  5. End interrupts the group as Ctrl-C would, then tells it to terminate, and kills it if it is still there after a while.

const (
	// tailBytes is how much of standard error is kept, and tailLines how many lines of that an error shows.
	tailBytes = 8 << 10
	tailLines = 8
	// lingering is how long to wait, once the process has ended, for others that still hold its standard error.
	lingering = time.Second
)

// ErrEnded is wrapped by the error of a process that ended by itself while it was still needed.
var ErrEnded = errors.New("it ended while the call was on")

// Starter starts commands, such as a system.Place.
type Starter interface {
	Start(cmd *exec.Cmd) error
}

// Process is a program that was started. Its methods may be called from any goroutine.
type Process struct {
	name  string
	cmd   *exec.Cmd
	group *group
	tail  *tail
	log   *logWriter
	done  chan struct{}
	err   error // of cmd.Wait, once done is closed

	lock  sync.Mutex
	asked bool // to end
}

// Start starts a command at a place. The name is for errors. log, which may be nil, gets what the command says on standard error, and is closed
// when it has ended, or could not be started. The command's Stderr and SysProcAttr are set here.
func Start(name string, place Starter, cmd *exec.Cmd, log io.WriteCloser) (*Process, error) {
	p := &Process{name: name, cmd: cmd, tail: &tail{}, log: &logWriter{w: log}, done: make(chan struct{})}
	cmd.Stderr = io.MultiWriter(p.tail, p.log)
	cmd.WaitDelay = lingering
	group, err := newGroup()
	if err == nil {
		p.group = group
		group.take(cmd)
		if err = place.Start(cmd); err != nil {
			group.dissolve()
		}
	}
	if err != nil {
		p.log.close()
		return nil, fmt.Errorf("%s cannot be started: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		group.dissolve() // with what it left behind
		if errors.Is(p.err, exec.ErrWaitDelay) {
			p.err = nil // it ended well, and something that it started had its standard error
		}
		p.log.close()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended, with the last lines of what it said; nil if it runs, or ended after End was called. It wraps ErrEnded.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.asked {
		return nil
	}
	how := "with status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s: %w (%s)%s", p.name, ErrEnded, how, p.Said())
}

// Said returns the last lines of standard error for an error message, beginning with a line end; "" if nothing was said.
func (p *Process) Said() string {
	text := p.tail.text()
	if text == "" {
		return ""
	}
	return "\n" + p.name + " said:\n" + text
}

// End interrupts the process, waits until it has ended, and kills it if that takes longer than grace. It may be called again.
func (p *Process) End(grace time.Duration) {
	p.expect()
	if p.endsWithin(0) {
		return
	}
	// Twice: a program that waits at a socket may only note the first (ffmpeg does), and one that just starts may miss it.
	for _, signal := range interrupts {
		p.group.signal(signal)
		if p.endsWithin(grace / time.Duration(len(interrupts))) {
			return
		}
	}
	p.note(fmt.Sprintf("\n[testbed: killed, as it did not end within %v of an interrupt]\n", grace))
	p.group.signal(os.Kill)
	<-p.done
}

// Await gives the process that time to end by itself, as a receiver does whose sender has gone, and then does what End does, with the same
// time again.
func (p *Process) Await(grace time.Duration) {
	p.expect()
	if !p.endsWithin(grace) {
		p.End(grace)
	}
}

// expect notes that it is no fault from now on if the process ends.
func (p *Process) expect() {
	select {
	case <-p.done:
		return // that was before
	default:
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.asked = true
}

func (p *Process) endsWithin(grace time.Duration) bool {
	select {
	case <-p.done:
		return true
	default:
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// note adds a remark of ours to the log.
func (p *Process) note(text string) { _, _ = p.log.Write([]byte(text)) }

// logWriter writes to a log, whose errors must not stop the program that says something.
type logWriter struct {
	lock sync.Mutex
	w    io.WriteCloser // nil: no log, or it is closed
}

func (l *logWriter) Write(b []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.w != nil {
		_, _ = l.w.Write(b)
	}
	return len(b), nil
}

func (l *logWriter) close() {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.w != nil {
		_ = l.w.Close()
	}
	l.w = nil
}

// tail keeps the end of what is written to it.
type tail struct {
	lock sync.Mutex
	b    []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.b = append(t.b, b[max(0, len(b)-tailBytes):]...)
	t.b = t.b[max(0, len(t.b)-tailBytes):]
	return len(b), nil
}

// text returns the last lines. A line that was written over, as progress is (\r), counts in its last form.
func (t *tail) text() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(string(t.b), "?")) {
		line = strings.TrimRight(line, " \r\n")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		if line != "" {
			lines = append(lines, "  "+line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
