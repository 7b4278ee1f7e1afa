package screen

import (
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"salsify/testbed/testenv"
)

// Under Wayland there mostly is an X server too, whose screen is always black. That would be sent without a word.
func TestXwaylandIsRefused(t *testing.T) {
	testenv.Tool(t, "Xwayland")
	log := filepath.Join(t.TempDir(), "log")
	runtime := t.TempDir() // where the compositor's socket is; nobody else may enter
	if err := os.Chmod(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	compositor := exec.Command(testenv.Tool(t, "weston"),
		"--no-config", "--backend=headless-backend.so", "--xwayland", "--idle-time=0", "--log="+log)
	compositor.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime)
	if err := compositor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = compositor.Process.Signal(os.Interrupt) // so that it ends its X server too
		_ = compositor.Wait()
	})
	display := regexp.MustCompile(`listening on display (:[0-9]+)`)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		said, _ := os.ReadFile(log)
		if found := display.FindSubmatch(said); found != nil {
			t.Setenv("DISPLAY", string(found[1]))
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no X server after 10 s:\n%s", said)
		}
	}
	if _, err := Open(image.Rectangle{}); err != errWayland { //nolint:errorlint // this very error
		t.Errorf("%v, want %v", err, errWayland)
	}
}
