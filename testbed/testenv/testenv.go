// Package testenv finds what tests use from outside the module: the shared folder with conformance streams and clips, and
// tools such as ffmpeg. A test whose helper is absent is skipped, and says what was skipped.
//
// Two environment variables steer it:
//
//	SALSIFY_SHARED         the shared folder; without it, ../shared beside the module root
//	SALSIFY_REQUIRE_TOOLS  1: a missing tool fails the test instead of skipping it (for a CI that must run everything)
package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	sharedVariable  = "SALSIFY_SHARED"
	requireVariable = "SALSIFY_REQUIRE_TOOLS"
)

// Shared returns the path of a file or folder below the shared folder, as in Shared(t, "vectors", "a.ivf").
// It skips the test if that path does not exist.
func Shared(t testing.TB, elems ...string) string {
	t.Helper()
	root, err := SharedRoot()
	if err != nil {
		t.Skipf("skipped: %s needs the shared folder: %v", filepath.Join(elems...), err)
	}
	path := filepath.Join(append([]string{root}, elems...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: %v (set %s to the shared folder)", err, sharedVariable)
	}
	return path
}

// Tool returns the path of an external program, as in Tool(t, "ffmpeg"). Where it is not installed the test is skipped, or
// fails if SALSIFY_REQUIRE_TOOLS is 1.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv(requireVariable) == "1" {
			t.Fatalf("%s is not installed, and %s=1 demands it: %v", name, requireVariable, err)
		}
		t.Skipf("skipped: the comparison with %s needs that program: %v", name, err)
	}
	return path
}

// Missing skips a test for want of something else than a program, for the reason that is given, or fails it if SALSIFY_REQUIRE_TOOLS
// is 1.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(requireVariable) == "1" {
		t.Fatalf("%s, and %s=1 demands it", reason, requireVariable)
	}
	t.Skipf("skipped: %s", reason)
}

// SharedRoot returns the shared folder: the one that SALSIFY_SHARED names, else ../shared beside the module root, which is
// looked for from the working folder upwards. The error says which of the two was missing.
func SharedRoot() (string, error) {
	if root := os.Getenv(sharedVariable); root != "" {
		return existingFolder(root)
	}
	module, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return existingFolder(filepath.Join(filepath.Dir(module), "shared"))
}

// moduleRoot walks up from the working folder, which is the package's own in a test, to the folder that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working folder, set " + sharedVariable + " to the shared folder")
		}
		dir = parent
	}
}

func existingFolder(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", errors.New(path + " does not exist, set " + sharedVariable + " to the shared folder")
	}
	if !info.IsDir() {
		return "", errors.New(path + " is not a folder, set " + sharedVariable + " to the shared folder")
	}
	return path, nil
}
