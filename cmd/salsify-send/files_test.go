package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/cmd/internal/live"
	"salsify/codec/ivf"
	"salsify/sender"
)

// fakeFrame is the content of a frame that only says which it is.
func fakeFrame(session int, number uint64) []byte { return fmt.Appendf(nil, "%d:%d", session, number) }

// Whatever the losses, a recording goes from each frame to the next, and stays close behind the stream.
func TestRecordingIsAChain(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "sent.ivf")
		r, err := newRecorder(path, 160, 120)
		if err != nil {
			t.Fatal(err)
		}
		source := map[string]uint64{} // of each frame
		newest := ""
		for session := range rapid.IntRange(1, 3).Draw(t, "sessions") {
			number, held := uint64(0), uint64(0)
			exists := []uint64{0}
			for range rapid.IntRange(1, 60).Draw(t, "pictures") {
				e := sender.Event{Decision: sender.Decision{Chosen: -1}}
				e.Picture.Captured = time.Unix(int64(len(source)), 0)
				// The source is a state from the newest held one on, mostly the newest; the first state only while none is held.
				from := number
				if rapid.IntRange(0, 3).Draw(t, "loss") == 0 {
					from = rapid.SampledFrom(exists).Draw(t, "from")
				}
				if rapid.IntRange(0, 4).Draw(t, "dropped") > 0 {
					number++
					frame := fakeFrame(session, number)
					e.Decision.Chosen, e.Decision.Frame, e.Decision.Source = 1, number, from
					e.Candidates = []sender.Candidate{{Frame: []byte("not this one")}, {Frame: frame}}
					source[string(frame)] = from
					newest = string(frame)
					exists = append(exists, number)
				}
				// By now the receiver may have said that it holds any of them.
				held = max(held, rapid.SampledFrom(exists).Draw(t, "held"))
				for exists[0] < held {
					exists = exists[1:]
				}
				e.Settled = held
				if err := r.event(e); err != nil {
					t.Fatal(err)
				}
				if n := len(r.pending); n > 0 && held == number && number > 0 {
					t.Fatalf("%d frames wait although the newest is held", n)
				}
			}
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		written := readRecording(t, path)
		if newest != "" && (len(written) == 0 || written[len(written)-1] != newest) {
			t.Fatalf("the last frame is %q, not the newest, %q", written[max(0, len(written)-1):], newest)
		}
		last := ""
		for _, f := range written {
			var session, lastSession int
			var number, lastNumber uint64
			fmt.Sscanf(f, "%d:%d", &session, &number)
			fmt.Sscanf(last, "%d:%d", &lastSession, &lastNumber)
			if from, ok := source[f]; !ok || from != 0 && (session != lastSession || from != lastNumber) {
				t.Fatalf("frame %q starts from %d, and is written after %q", f, from, last)
			}
			last = f
		}
	})
}

func readRecording(t interface{ Fatal(...any) }, path string) (frames []string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ivf.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, _, err := r.Next(nil)
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, string(frame))
	}
}

// A recorder that nobody reports to keeps a bounded number of frames.
func TestRecorderIsBounded(t *testing.T) {
	r, err := newRecorder(filepath.Join(t.TempDir(), "sent.ivf"), 160, 120)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3 * maxPending) {
		e := sender.Event{Decision: sender.Decision{Frame: i + 1, Source: i}, Candidates: []sender.Candidate{{Frame: fakeFrame(0, i)}}}
		if err := r.event(e); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.pending) != maxPending {
		t.Errorf("%d frames wait, not %d", len(r.pending), maxPending)
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
}

// A full disk is told of at once, and the stream goes on.
func TestFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("skipped: no " + full + " on this system")
	}
	said := temporary(t)
	f, err := openFiles(&options{stats: full}, 160, 120, live.New(said))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		f.frame(sender.Event{Candidates: []sender.Candidate{{}}})
	}
	if n := strings.Count(contents(t, said), "warning: nothing more is written to files: --stats: "); n != 1 {
		t.Errorf("told %d times:\n%s", n, contents(t, said))
	}
	if err := f.close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("at the end: %v", err)
	}
}

// Every line of --stats is JSON, whatever the codec estimates.
func TestStatsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stats")
	f, err := openFiles(&options{stats: path}, 160, 120, live.New(temporary(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := sender.Candidate{Frame: make([]byte, 100)}
	c.Stats.SSIM = math.NaN() // it could not be encoded
	sent := sender.Decision{Chosen: 0, Frame: 7, Reason: sender.Sent}
	f.frame(sender.Event{At: time.Unix(1, 0), Decision: sent, Candidates: []sender.Candidate{c}})
	f.frame(sender.Event{At: time.Unix(2, 0), Decision: sender.Decision{Chosen: -1, Reason: sender.DroppedFull}})
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), b)
	}
	for _, line := range lines {
		var parsed statsLine
		if err := json.Unmarshal([]byte(line), &parsed); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if strings.Contains(line, "null") {
			t.Errorf("a list is missing: %s", line)
		}
	}
}
