//go:build !unix

package process

import (
	"os"
	"os/exec"
)

var interrupts = []os.Signal{os.Interrupt}

// group is the program alone: there are no process groups here. What runs when this process is killed goes on.
type group struct{ cmd *exec.Cmd }

func newGroup() (*group, error) { return &group{}, nil }

func (g *group) take(cmd *exec.Cmd) { g.cmd = cmd }

func (g *group) signal(signal os.Signal) {
	if process := g.cmd.Process; process != nil && process.Signal(signal) != nil {
		_ = process.Kill()
	}
}

func (g *group) dissolve() { g.signal(os.Kill) }
