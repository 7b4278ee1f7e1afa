//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// interrupts are the signals that ask to end, one after the other.
var interrupts = []os.Signal{syscall.SIGINT, syscall.SIGTERM}

// group is a process group for one program and what that starts. A guard leads it, which kills it as soon as this process has ended without
// having dissolved it, as when it is killed. The guard is there first, so that there is no moment at which the program lives unguarded. It is a
// shell at the other end of a pipe, which the system closes with us. (The death signal of prctl(2) would reach the program alone, and not what
// that has started; and it comes with the death of a thread, not of the process.)
type group struct {
	guard *exec.Cmd
	alive *os.File // our end; nothing but this process has it
}

// What asks the program to end asks the whole group, and must not end the guard. No line ever comes.
const guardScript = `trap '' INT TERM; read -r _; kill -s KILL 0`

// newGroup makes one with nothing but the guard in it.
func newGroup() (*group, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	g := &group{guard: exec.Command("/bin/sh", "-c", guardScript), alive: ours}
	g.guard.Stdin = theirs
	g.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := g.guard.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("no shell to end it with the testbed: %w", err)
	}
	return g, nil
}

// take has a command start in the group.
func (g *group) take(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pgid = true, g.guard.Process.Pid
}

// signal sends a signal to all processes of the group. Where there is none left, that is well.
func (g *group) signal(signal os.Signal) {
	_ = syscall.Kill(-g.guard.Process.Pid, signal.(syscall.Signal)) // the number stays the group's until the guard has been waited for
}

// dissolve kills whatever is left of it.
func (g *group) dissolve() {
	g.signal(os.Kill)
	_ = g.guard.Wait()
	_ = g.alive.Close()
}
