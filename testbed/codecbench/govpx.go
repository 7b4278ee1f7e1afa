package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// govpx (github.com/thesyncim/govpx) is a VP8 codec in Go. It is no dependency: where a checkout of it is at hand, a program that
// codes and decodes files with it is built in a module of its own, outside of the project.

// govpxVariable names the environment variable that holds the folder of the checkout.
const govpxVariable = "GOVPX_DIR"

//go:embed _govpx/main.go
var govpxProgram []byte

const govpxModule = `module govpxbench

go 1.26

require github.com/thesyncim/govpx v0.0.0

replace github.com/thesyncim/govpx => %s
`

// buildGovpx builds that program and returns its path. The caller calls remove when it is done with it.
func buildGovpx(ctx context.Context, checkout string) (program string, remove func(), err error) {
	checkout, err = filepath.Abs(checkout)
	if err != nil {
		return "", nil, err
	}
	folder, err := os.MkdirTemp("", "codecbench-govpx-") // not in memory, whence nothing may be run on some systems
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(folder) }
	program = filepath.Join(folder, govpx)
	for name, text := range map[string][]byte{"go.mod": fmt.Appendf(nil, govpxModule, checkout), "main.go": govpxProgram} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o666); err != nil {
			remove()
			return "", nil, err
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", program, ".")
	build.Dir = folder
	build.Env = append(os.Environ(), "GOWORK=off")
	if _, err := output(build); err != nil {
		remove()
		return "", nil, fmt.Errorf("%s=%s: %w", govpxVariable, checkout, err)
	}
	return program, remove, nil
}
