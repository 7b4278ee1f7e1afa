//go:build !unix

package terminal

import (
	"errors"
	"os"
)

var errLeft = errors.ErrUnsupported

// tty is a terminal that was taken over, which is done on Unix only.
type tty struct{ reads bool }

func openTTY(_, _ *os.File) (*tty, error) {
	return nil, errors.New("pictures are shown in terminals on Unix only; give another --display")
}

func (*tty) window() window                            { return window{} }
func (*tty) write([]byte) error                        { return errLeft }
func (*tty) read([]byte, <-chan struct{}) (int, error) { return 0, errLeft }
func (*tty) leave() error                              { return nil }

func notify() (signals chan os.Signal, forget func()) { return nil, func() {} }

func redraws(os.Signal) bool { return false }

func end(os.Signal) { os.Exit(1) }
