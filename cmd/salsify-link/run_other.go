//go:build !linux

package main

import (
	"os"

	"salsify/testbed/shell"
)

// runBehind says that only Linux can.
func runBehind(_ *options, _, _, stderr *os.File) int {
	say(stderr, "%v", shell.Missing())
	return exitFailed
}
