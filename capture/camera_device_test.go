//go:build linux && cgo

package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/guest"
)

// TestInGuest runs the tests below in a guest, whose kernel has a simulated webcam.
func TestInGuest(t *testing.T) {
	guest.Test(t, guest.Options{
		Run:      "^TestDevice",
		Modules:  []guest.Module{{Name: "vivid", Parameters: "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0"}},
		Programs: []string{"salsify/cmd/salsify-send", "salsify/cmd/salsify-recv"},
	})
}

// A camera is a source like any other.
func TestDeviceIsASource(t *testing.T) {
	guest.Inside(t)
	var list bytes.Buffer
	if err := PrintCameras(&list); err != nil || !strings.HasPrefix(list.String(), "/dev/video0  vivid\n") {
		t.Errorf("listed as %q, %v", list.String(), err)
	}
	begin := time.Now()
	s := open(t, "/dev/video0", Options{Width: 320, Height: 180, Rate: 12.5})
	if width, height := s.Size(); width != 320 || height != 180 || s.Rate() != (y4m.Rate{Num: 25, Den: 2}) {
		t.Errorf("%dx%d at %v", width, height, s.Rate())
	}
	var last *Picture
	for range 5 {
		p, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last != nil && (p.Number <= last.Number || !p.Captured.After(last.Captured)) {
			t.Errorf("picture %d of %v came after %d of %v", p.Number, p.Captured, last.Number, last.Captured)
		}
		if p.Captured.Before(begin) || p.Captured.After(time.Now()) || p.Image.Rect.Dx() != 320 {
			t.Errorf("picture %d of %v, of %v", p.Number, p.Captured, p.Image.Rect)
		}
		last = p
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(t.Context()); err != ErrClosed { //nolint:errorlint // ErrClosed itself is promised
		t.Errorf("after Close: %v", err)
	}
	_, err := Open("/dev/video0", Options{Width: 318, Height: 180})
	if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "320x180 (60, 50") {
		t.Errorf("a size that it lacks: %v", err)
	}
}

// The whole way: a camera, salsify-send, salsify-recv.
func TestDeviceCall(t *testing.T) {
	guest.Inside(t)
	const shownAtLeast = 20
	const frame = 320 * 180 * 3 / 2 // bytes
	folder := t.TempDir()
	receiver := exec.Command("salsify-recv", "--listen", "127.0.0.1:9000", "--open", "--once", "--display", "seen.y4m", "--stats", "seen.json")
	sender := exec.Command("salsify-send", "/dev/video0", "127.0.0.1:9000", "--size", "320x180", "--rate", "10", "--effort", "0",
		"--duration", "60s")
	var said [2]bytes.Buffer
	receiver.Stderr, sender.Stderr = &said[0], &said[1]
	receiver.Dir = folder
	if err := errors.Join(receiver.Start(), sender.Start()); err != nil { // whoever is first waits for the other
		t.Fatal(err)
	}
	shown := func() bool {
		info, err := os.Stat(filepath.Join(folder, "seen.y4m"))
		return err == nil && info.Size() > shownAtLeast*frame
	}
	for begin := time.Now(); !shown() && time.Since(begin) < time.Minute; {
		time.Sleep(200 * time.Millisecond)
	}
	_ = sender.Process.Signal(os.Interrupt)
	if err := sender.Wait(); err != nil {
		t.Errorf("salsify-send: %v", err)
	}
	stop := time.AfterFunc(10*time.Second, func() { _ = receiver.Process.Signal(syscall.SIGTERM) })
	defer stop.Stop()
	if err := receiver.Wait(); err != nil {
		t.Errorf("salsify-recv: %v", err)
	}
	t.Logf("salsify-recv said\n%s\nsalsify-send said\n%s", &said[0], &said[1])
	stats, err := os.ReadFile(filepath.Join(folder, "seen.json"))
	if shown := bytes.Count(stats, []byte(`"shown":true`)); err != nil || shown < shownAtLeast {
		t.Errorf("%d frames were shown, want %d; %v", shown, shownAtLeast, err)
	}
	seen := open(t, filepath.Join(folder, "seen.y4m"), Options{Width: 320, Height: 180, Rate: MaxRate})
	for count := 0; ; count++ {
		p, err := seen.Next(t.Context())
		if err != nil {
			if !errors.Is(err, io.EOF) || count == 0 {
				t.Errorf("after %d pictures: %v", count, err)
			}
			return
		}
		// The driver's bars, of 75 %: the first is light grey, the sixth red, the last black.
		for _, at := range []struct {
			x         int
			y, cb, cr int
			name      string
		}{{20, 179, 128, 128, "grey"}, {220, 64, 99, 211, "red"}, {300, 16, 128, 128, "black"}} {
			chroma := p.Image.COffset(at.x, 150)
			y, cb, cr := int(p.Image.Y[p.Image.YOffset(at.x, 150)]), int(p.Image.Cb[chroma]), int(p.Image.Cr[chroma])
			if off := max(y-at.y, at.y-y, cb-at.cb, at.cb-cb, cr-at.cr, at.cr-cr); off > 16 {
				t.Errorf("picture %d: the %s bar is %d, %d, %d", count, at.name, y, cb, cr)
			}
		}
		p.Release()
	}
}
