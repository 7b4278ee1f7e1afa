package shell

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals are those that want this process to end. While they are caught, another process may get them in its place, to end in its
// own way.
type Signals struct{ caught chan os.Signal }

// CatchSignals catches SIGINT, SIGQUIT, SIGTERM and SIGHUP from now on, until Stop.
func CatchSignals() Signals {
	s := Signals{make(chan os.Signal, 8)}
	signal.Notify(s.caught, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	return s
}

// PassTo passes on what was caught, and will be, to a process. What the terminal sends, at Ctrl-C, the process gets from there, if
// it is in our process group: that is only kept from ending us.
func (s Signals) PassTo(process *os.Process) {
	go func() {
		for caught := range s.caught {
			if (caught == syscall.SIGINT || caught == syscall.SIGQUIT) && inForeground() {
				continue
			}
			_ = process.Signal(caught) // it may have ended by now
		}
	}()
}

// Stop ends the catching.
func (s Signals) Stop() {
	signal.Stop(s.caught)
	close(s.caught)
}

// inForeground says whether this process's group is the one that gets signals from the terminal.
func inForeground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// Exit codes as shells have them.
const (
	// ExitNotExecutable is for a command that is there and cannot be started, ExitNotFound for one that is not there.
	ExitNotExecutable, ExitNotFound = 126, 127
	// exitSignal and the number of a signal are for a command that it has ended.
	exitSignal = 128
)

// ExitCode returns the code with which a shell would end after a command: its own code, or 128 and the number of the signal that
// ended it. err is what Start, Run or Wait returned.
func ExitCode(cmd *exec.Cmd, err error) int {
	switch {
	case cmd.ProcessState == nil && (errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist)):
		return ExitNotFound
	case cmd.ProcessState == nil:
		return ExitNotExecutable
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
