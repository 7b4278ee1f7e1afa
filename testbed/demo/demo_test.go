package main

import (
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"salsify/transport/bitrate"
)

// The demo runs, shorter and smaller than for people, and draws its plot.
func TestDemo(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "salsify/cmd/salsify-send", "salsify/cmd/salsify-recv")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out := filepath.Join(t.TempDir(), "demo.png")
	err := run(t.Context(), options{
		bin: bin, out: out, duration: 2 * time.Second, size: "320x180", rate: 25, seed: 1, mean: 2 * bitrate.MbitPerSecond, queue: 256,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
}

func TestDemoSaysWhatIsMissing(t *testing.T) {
	o := options{bin: t.TempDir(), out: "x.png", duration: time.Second, size: "320x180", rate: 25, mean: bitrate.MbitPerSecond, queue: 256}
	if err := run(t.Context(), o); err == nil {
		t.Error("it ran without the programs")
	}
	o.up = filepath.Join(t.TempDir(), "none")
	if err := run(t.Context(), o); err == nil {
		t.Error("it ran without the trace")
	}
}
