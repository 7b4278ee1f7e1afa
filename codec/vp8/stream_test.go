package vp8

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"image"
	"io"
	"os"
	"testing"

	"salsify/codec/ivf"
)

// What the tests of this package share: streams as lists of frames, and pictures as I420 bytes.

// typedErrors are the errors that a failing Decode or Inspect may return.
var typedErrors = []error{ErrTruncated, ErrFormat, ErrNoReference, ErrSize, ErrReleased}

func isTyped(err error) bool {
	for _, e := range typedErrors {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// readIVF gives the frames of an IVF file.
func readIVF(t testing.TB, path string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ivf.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for {
		frame, _, err := r.Next(nil)
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
	}
}

// writeIVF writes frames to an IVF file. The size in the file header is only a hint, so any will do.
func writeIVF(t testing.TB, path string, frames [][]byte) {
	t.Helper()
	var out bytes.Buffer
	w, err := ivf.NewWriter(&out, ivf.Header{Width: 16, Height: 16, Rate: 30, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		if err := w.Write(frame, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// i420 gives a picture as Y, U and V rows without padding.
func i420(p *image.YCbCr) []byte {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	out := make([]byte, 0, w*h+2*cw*ch)
	for y := range h {
		out = append(out, p.Y[y*p.YStride:][:w]...)
	}
	for y := range ch {
		out = append(out, p.Cb[y*p.CStride:][:cw]...)
	}
	for y := range ch {
		out = append(out, p.Cr[y*p.CStride:][:cw]...)
	}
	return out
}

// firstState is NewState of a size that is right.
func firstState(t testing.TB, width, height int) *State {
	t.Helper()
	s, err := NewState(width, height)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustDecode decodes a frame that is right.
func mustDecode(t testing.TB, s *State, frame []byte) *State {
	t.Helper()
	next, _, err := Decode(s, frame)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// decodeShown decodes a stream from a first State and returns its shown pictures as I420, one after the other, and where each
// ends. It releases States as it goes. Before each frame it calls before, if that is given.
func decodeShown(t testing.TB, frames [][]byte, before func(s *State, frame []byte)) (pictures []byte, ends []int) {
	t.Helper()
	s := firstState(t, 16, 16)
	for i, frame := range frames {
		if before != nil {
			before(s, frame)
		}
		next, shown, err := Decode(s, frame)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if shown != nil {
			pictures = append(pictures, i420(shown)...)
			ends = append(ends, len(pictures))
		}
		s.Release()
		s = next
	}
	s.Release()
	return pictures, ends
}

// trace is what a State is, as far as a test can see.
type trace struct {
	id          ID
	fingerprint [sha256.Size]byte
	picture     [sha256.Size]byte
}

func traceOf(s *State) trace {
	tr := trace{id: s.ID(), fingerprint: s.Fingerprint()}
	if p := s.Picture(); p != nil {
		tr.picture = sha256.Sum256(i420(p))
	}
	return tr
}

// remarshalled writes a State and reads it back.
func remarshalled(t testing.TB, s *State) *State {
	t.Helper()
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := new(State)
	if err := again.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	return again
}
