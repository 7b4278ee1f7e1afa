package vp8

import (
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"salsify/testbed/testenv"
)

// vectorNames lists the conformance streams. Every one of them must be there, so that a vector that got lost does not go
// unnoticed.
func vectorNames(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testenv.Shared(t, "vectors"), "*.ivf"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 25 {
		t.Fatalf("found %d conformance streams, want at least 25", len(paths))
	}
	return paths
}

// wantedMD5s reads the MD5 of each shown picture.
func wantedMD5s(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var sums []string
	for line := range strings.Lines(string(text)) {
		sums = append(sums, strings.Fields(line)[0])
	}
	return sums
}

func TestConformance(t *testing.T) {
	for _, path := range vectorNames(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".ivf"), func(t *testing.T) {
			frames := readIVF(t, path)
			want := wantedMD5s(t, path+".md5")
			states, traces := checkMD5s(t, frames, want)
			checkReleased(t, frames, traces)
			middle := len(frames) / 2
			checkMarshalled(t, states[middle], frames[middle+1:], traces[middle:])
		})
	}
}

// checkMD5s decodes a stream, compares its pictures with the published sums, and keeps every State to the end: none may change.
func checkMD5s(t *testing.T, frames [][]byte, want []string) (states []*State, traces []trace) {
	t.Helper()
	s := firstState(t, 16, 16)
	shownCount := 0
	for i, frame := range frames {
		next, shown, err := Decode(s, frame)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if shown != nil {
			sum := md5.Sum(i420(shown))
			if shownCount >= len(want) || hex.EncodeToString(sum[:]) != want[shownCount] {
				t.Fatalf("frame %d: its picture, number %d of %d, has another MD5 than published", i, shownCount+1, len(want))
			}
			shownCount++
		}
		s = next
		states = append(states, s)
		traces = append(traces, traceOf(s))
	}
	if shownCount != len(want) {
		t.Fatalf("%d pictures were shown, want %d", shownCount, len(want))
	}
	for i, s := range states {
		if traceOf(s) != traces[i] {
			t.Fatalf("the State after frame %d changed while later frames were decoded", i)
		}
	}
	return states, traces
}

// checkReleased decodes again, with each State released once the next is there, so that picture memory is used again.
func checkReleased(t *testing.T, frames [][]byte, want []trace) {
	t.Helper()
	s := firstState(t, 16, 16)
	for i, frame := range frames {
		next := mustDecode(t, s, frame)
		s.Release()
		s = next
		if traceOf(s) != want[i] {
			t.Fatalf("frame %d: with released States the decoder went another way", i)
		}
	}
	s.Release()
}

// checkMarshalled goes on from a State that was written and read back. want is for it and for those after it.
func checkMarshalled(t *testing.T, s *State, frames [][]byte, want []trace) {
	t.Helper()
	s = remarshalled(t, s)
	for i, tr := range want {
		if i > 0 {
			s = mustDecode(t, s, frames[i-1])
		}
		if traceOf(s) != tr {
			t.Fatalf("%d frames after a marshalled State the decoder went another way", i)
		}
	}
}
