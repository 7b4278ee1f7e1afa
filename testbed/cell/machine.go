package cell

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"salsify/testbed/result"
	"salsify/testbed/system"
	"salsify/testbed/system/salsify"
)

// machine describes where we are. What cannot be found out stays empty.
func machine() result.Machine {
	m := result.Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Kernel: runtime.GOOS}
	describe(&m)
	return m
}

// OwnVersion is this program's, by its name.
func OwnVersion() map[string]string {
	path, err := os.Executable()
	if err != nil {
		return map[string]string{}
	}
	return map[string]string{"salsify-eval": programVersion(path)}
}

// Versions tells those of a cell's system, by name; none of one that is not here, or that is no program.
func Versions(ctx context.Context, c Config) map[string]string {
	s, err := systemOf(&c)
	if err != nil || s == nil {
		return nil
	}
	return versionsOf(ctx, s, c)
}

// versionsOf asks a system for its versions. Programs of ours that do not know theirs are told from others by what is in their files.
func versionsOf(ctx context.Context, s system.System, c Config) map[string]string {
	versions := s.Versions(ctx)
	for name, version := range versions {
		if version != "" {
			continue
		}
		if path := findProgram(name, c); path != "" {
			versions[name] = programVersion(path)
		} else {
			delete(versions, name)
		}
	}
	return versions
}

// findProgram finds one of our programs where package salsify does; "": nowhere.
func findProgram(name string, c Config) string {
	_, parameters, _ := strings.Cut(c.System, ":")
	asked, _ := salsify.ParseConfig(parameters)
	if bin := cmp.Or(c.Bin, asked.Bin); bin != "" {
		return filepath.Join(bin, name)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), name)); err == nil {
			return path
		}
	}
	path, _ := exec.LookPath(name)
	return path
}

// programVersion tells which source one of our programs was built from; of one that was built outside of version control, a hash of its
// file. "": it cannot be read.
func programVersion(path string) string {
	if info, err := buildinfo.ReadFile(path); err == nil {
		if revision := salsify.Revision(info); revision != "" {
			return revision
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return ""
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)[:8])
}
