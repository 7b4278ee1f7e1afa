package main

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// The demo checks the states of both sides itself; an error is a mismatch.
func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "demo.png")
	if err := run(out); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sheet, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := sheet.Bounds().Dx(); got != width || sheet.Bounds().Dy() < height {
		t.Errorf("the sheet is %v, want %d wide and at least %d high", sheet.Bounds(), width, height)
	}
}
