//go:build !unix

package process

import (
	"os"
	"os/exec"
)

var interrupts = []os.Signal{os.Interrupt}

// There are no process groups here: only the process itself is reached.

func ownGroup(*exec.Cmd) {}

func signalGroup(process *os.Process, signal os.Signal) {
	if process.Signal(signal) != nil {
		_ = process.Kill()
	}
}

// guard does nothing here: what runs when this process is killed goes on.
type guard struct{}

func newGuard() (guard, error) { return guard{}, nil }

func (guard) watch(*os.Process) error { return nil }

func (guard) callOff() {}
