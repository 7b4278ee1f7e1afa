package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// recorder stands in for a test: it notes whether it was skipped or failed, and stops its goroutine as testing does.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func record(f func(t testing.TB)) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestSharedFollowsTheVariable(t *testing.T) {
	root := t.TempDir()
	t.Setenv("SALSIFY_SHARED", root)
	if err := os.WriteFile(filepath.Join(root, "there"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := Shared(t, "there"), filepath.Join(root, "there"); got != want {
		t.Errorf("Shared = %q, want %q", got, want)
	}
	r := record(func(t testing.TB) { Shared(t, "vectors", "absent.ivf") })
	if !strings.Contains(r.skipped, "absent.ivf") {
		t.Errorf("an absent file: skipped with %q, want the file's name", r.skipped)
	}
	t.Setenv("SALSIFY_SHARED", filepath.Join(root, "nowhere"))
	r = record(func(t testing.TB) { Shared(t, "vectors") })
	if !strings.Contains(r.skipped, "nowhere") {
		t.Errorf("an absent folder: skipped with %q, want the folder's name", r.skipped)
	}
}

func TestSharedRootIsBesideTheModule(t *testing.T) {
	base := t.TempDir()
	deep := filepath.Join(base, "module", "codec", "ivf")
	for _, dir := range []string{deep, filepath.Join(base, "shared")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(base, "module", "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SALSIFY_SHARED", "")
	t.Chdir(deep)
	got, err := SharedRoot()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(base, "shared"); got != want {
		t.Errorf("SharedRoot = %q, want %q", got, want)
	}
	t.Chdir(base)
	if _, err := SharedRoot(); err == nil || !strings.Contains(err.Error(), "SALSIFY_SHARED") {
		t.Errorf("outside a module: error %v, want one that names SALSIFY_SHARED", err)
	}
}

func TestToolMissing(t *testing.T) {
	t.Setenv("SALSIFY_REQUIRE_TOOLS", "")
	r := record(func(t testing.TB) { Tool(t, "no-such-program") })
	if !strings.Contains(r.skipped, "no-such-program") || r.failed != "" {
		t.Errorf("skipped %q, failed %q; want a skip that names the tool", r.skipped, r.failed)
	}
	t.Setenv("SALSIFY_REQUIRE_TOOLS", "1")
	r = record(func(t testing.TB) { Tool(t, "no-such-program") })
	if !strings.Contains(r.failed, "no-such-program") || r.skipped != "" {
		t.Errorf("skipped %q, failed %q; want a failure that names the tool", r.skipped, r.failed)
	}
	if got := Tool(t, "go"); filepath.Base(got) != "go" {
		t.Errorf("Tool(go) = %q", got)
	}
}

func TestMissing(t *testing.T) {
	t.Setenv("SALSIFY_REQUIRE_TOOLS", "")
	if r := record(func(t testing.TB) { Missing(t, "no kernel") }); !strings.Contains(r.skipped, "no kernel") || r.failed != "" {
		t.Errorf("skipped %q, failed %q; want a skip with the reason", r.skipped, r.failed)
	}
	t.Setenv("SALSIFY_REQUIRE_TOOLS", "1")
	if r := record(func(t testing.TB) { Missing(t, "no kernel") }); !strings.Contains(r.failed, "no kernel") || r.skipped != "" {
		t.Errorf("skipped %q, failed %q; want a failure with the reason", r.skipped, r.failed)
	}
}
