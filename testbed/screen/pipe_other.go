//go:build !linux

package screen

import "io"

// widenPipe does nothing: only Linux lets a pipe's buffer be set.
func widenPipe(io.Reader) {}
