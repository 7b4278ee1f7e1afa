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

// ownGroup has the command start in a process group of its own.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}

// signalGroup sends a signal to all processes of the group. Where there is none left, that is well.
func signalGroup(leader *os.Process, signal os.Signal) {
	_ = syscall.Kill(-leader.Pid, signal.(syscall.Signal))
}

// guard kills a process group as soon as this process has ended without calling it off, as when it is killed. It is a shell at the other end
// of a pipe, which the system closes with us. (The death signal of prctl(2) would reach the leader alone, and not what that has started;
// and it comes with the death of a thread, not of the process.)
type guard struct {
	cmd   *exec.Cmd
	alive *os.File // our end; nothing but this process has it
}

// The first line tells the group, no other one ever comes.
const guardScript = `read -r group && { read -r _; kill -s KILL -- "-$group"; }`

// newGuard starts one that has nothing to guard yet.
func newGuard() (*guard, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	g := &guard{cmd: exec.Command("/bin/sh", "-c", guardScript), alive: ours}
	g.cmd.Stdin = theirs
	ownGroup(g.cmd) // Ctrl-C is not for it
	if err := g.cmd.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("no shell to end it with the testbed: %w", err)
	}
	return g, nil
}

// watch has it guard the group of a leader.
func (g *guard) watch(leader *os.Process) error {
	_, err := fmt.Fprintln(g.alive, leader.Pid)
	return err
}

// callOff ends it.
func (g *guard) callOff() {
	_ = g.cmd.Process.Kill() // before the pipe is closed
	_ = g.cmd.Wait()
	_ = g.alive.Close()
}
