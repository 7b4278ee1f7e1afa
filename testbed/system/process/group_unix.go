//go:build unix

package process

import (
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
