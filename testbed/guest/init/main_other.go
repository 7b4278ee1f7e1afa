//go:build !linux

package main

import "os"

func main() {
	_, _ = os.Stderr.WriteString("init is a part of testbed/guest, which runs it in a virtual machine with Linux\n")
	os.Exit(1)
}
