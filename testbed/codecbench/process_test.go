package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"salsify/codec/ivf"
	"salsify/testbed/testenv"
)

// TestSpend: the peak must be that of the process, not of the one that started it.
func TestSpend(t *testing.T) {
	big := make([]byte, 200<<20)
	for i := range big {
		big[i] = 1
	}
	// It takes CPU time until it has counted far enough.
	used, out, err := spend(exec.Command(testenv.Tool(t, "sh"), "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo $i"))
	if err != nil || string(out) != "100000\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if used.CPU <= 0 || used.Wall <= 0 || used.CPU > 2*used.Wall+20*time.Millisecond {
		t.Errorf("CPU %v, wall %v", used.CPU, used.Wall)
	}
	if used.Peak <= 0 || used.Peak > 100<<20 {
		t.Errorf("a shell took %d bytes, started by a process of %d", used.Peak, len(big))
	}
	if _, _, err := spend(exec.Command(testenv.Tool(t, "sh"), "-c", "echo its complaint >&2; exit 3")); err == nil ||
		!strings.Contains(err.Error(), "its complaint") {
		t.Errorf("error %v, want one with what it complained of", err)
	}
	if _, _, err := spend(exec.Command(filepath.Join(t.TempDir(), "nothing"))); err == nil {
		t.Error("no error of a program that is not there")
	}
	big[0] = 2 // it must live until here
}

func TestHighWater(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tx\nVmPeak:\t  9999 kB\nVmHWM:\t    1234 kB\nVmRSS:\t  77 kB\n": 1234 << 10,
		"Name:\tx\nState:\tZ (zombie)\n":                                       0,
		"VmHWM:\tmuch kB\n":                                                    0,
		"":                                                                     0,
	} {
		if got := highWater([]byte(status)); got != want {
			t.Errorf("%q: %d, want %d", status, got, want)
		}
	}
}

func TestMedianCost(t *testing.T) {
	got := medianCost([]usage{
		{CPU: 90 * time.Millisecond, Wall: 100 * time.Millisecond, Peak: 3e6},
		{CPU: 30 * time.Millisecond, Wall: 900 * time.Millisecond, Peak: 1e6},
		{CPU: 60 * time.Millisecond, Wall: 20 * time.Millisecond, Peak: 2e6},
	}, 10)
	if want := (cost{CPU: 6, Wall: 10, Peak: 2e6}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestLeft(t *testing.T) {
	tests := []struct {
		elapsed     time.Duration
		done, total float64
		want        string
	}{
		{10 * time.Minute, 25, 100, "25 %, 30 min left"},
		{time.Minute, 100, 100, "100 %, 0 min left"},
		{time.Minute, 110, 100, "110 %, 0 min left"},
		{time.Minute, 0, 100, "begun"},
	}
	for _, test := range tests {
		if got := left(test.elapsed, test.done, test.total); got != test.want {
			t.Errorf("%v, %v of %v: %q, want %q", test.elapsed, test.done, test.total, got, test.want)
		}
	}
}

// TestRepeatStream repeats a stream of ours, which must still decode.
func TestRepeatStream(t *testing.T) {
	_, _, source := newSource(t, options{frames: 3})
	once, thrice := filepath.Join(t.TempDir(), "1.ivf"), filepath.Join(t.TempDir(), "3.ivf")
	if _, err := output(ownCommand(t.Context(), "encode", []string{source, once}, 40, 0, 1)); err != nil {
		t.Fatal(err)
	}
	header, frames, err := readStream(once)
	if err != nil {
		t.Fatal(err)
	}
	if err := repeatStream(thrice, header, frames, 3); err != nil {
		t.Fatal(err)
	}
	longHeader, longFrames, err := readStream(thrice)
	if err != nil {
		t.Fatal(err)
	}
	header.Frames *= 3
	if longHeader != header || header != (ivf.Header{Width: 96, Height: 80, Rate: 30, Scale: 1, Frames: 9}) {
		t.Errorf("headers %+v and %+v", header, longHeader)
	}
	if !slices.EqualFunc(slices.Concat(frames, frames, frames), longFrames, slices.Equal) {
		t.Errorf("%d frames became %d others", len(frames), len(longFrames))
	}
	if n, err := decodeFile(thrice, 2); err != nil || n != 9 {
		t.Errorf("%d pictures, %v", n, err)
	}
}

func TestChild(t *testing.T) {
	for _, bad := range []string{"", "encode", "decode", "encode a b 1 2", "candidates a 1 2", "decode a", "decode a b 1", "dance a"} {
		if err := child(strings.Fields(bad), t.Output()); err == nil || !strings.Contains(err.Error(), "not a child") {
			t.Errorf("child %s: error %v", bad, err)
		}
	}
	// An error of a child must reach the bench.
	if _, err := output(ownCommand(context.Background(), "decode", []string{filepath.Join(t.TempDir(), "absent.ivf")}, 1)); err == nil ||
		!strings.Contains(err.Error(), "absent.ivf") {
		t.Errorf("error %v, want one that names the file", err)
	}
}
