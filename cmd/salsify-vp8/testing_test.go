package main

import (
	"bytes"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"salsify/codec/ivf"
	"salsify/codec/y4m"
)

// outcome is what a call of the tool gave.
type outcome struct {
	code           int
	stdout, stderr string
}

func call(stdin string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := run(args, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// succeed calls the tool and stops the test if it fails.
func succeed(t *testing.T, args ...string) outcome {
	t.Helper()
	o := call("", args...)
	if o.code != exitOK {
		t.Fatalf("salsify-vp8 %s: exit %d, %s", strings.Join(args, " "), o.code, o.stderr)
	}
	return o
}

// mustFail calls the tool, which must give one line on stderr that holds each of the texts, and the exit status.
func mustFail(t *testing.T, code int, texts []string, args ...string) outcome {
	t.Helper()
	o := call("", args...)
	line := strings.TrimSuffix(o.stderr, "\n")
	if o.code != code || line == "" || strings.Contains(line, "\n") {
		t.Errorf("salsify-vp8 %s: exit %d, stderr %q; want exit %d and one line", strings.Join(args, " "), o.code, o.stderr, code)
	}
	for _, text := range texts {
		if !strings.Contains(line, text) {
			t.Errorf("salsify-vp8 %s: stderr %q does not say %q", strings.Join(args, " "), line, text)
		}
	}
	return o
}

// paint draws frame n of a moving pattern: a gradient that drifts, and a bright square that goes its own way.
func paint(p *image.YCbCr, n int) {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	for y := range h {
		for x := range w {
			v := 60 + (x+2*n)%64 + (y*3+n)%50
			if x > 2*n && x < 2*n+20 && y > n && y < n+20 {
				v = 220 - (x^y)%16
			}
			p.Y[y*p.YStride+x] = byte(v)
		}
	}
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = byte(100+(i+n)%40), byte(140+n%30)
	}
}

// writeVideo writes frames [from, to) of the pattern to a new Y4M file in dir.
func writeVideo(t *testing.T, dir, name string, w, h, from, to int) string {
	t.Helper()
	path := filepath.Join(dir, name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	header := y4m.Header{Width: w, Height: h, Rate: y4m.Rate{Num: 30000, Den: 1001}}
	out, err := y4m.NewWriter(file, header)
	if err != nil {
		t.Fatal(err)
	}
	picture := header.NewPicture()
	for n := from; n < to; n++ {
		paint(picture, n)
		if err := out.Write(picture); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// readFrames returns the header and the frames of an IVF file.
func readFrames(t *testing.T, path string) (ivf.Header, [][]byte) {
	t.Helper()
	r, err := ivf.NewReader(bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for {
		frame, time, err := r.Next(nil)
		if err == io.EOF {
			return r.Header(), frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if time != uint64(len(frames)) {
			t.Errorf("%s: frame %d has the time stamp %d", path, len(frames), time)
		}
		frames = append(frames, frame)
	}
}

// writeFrames writes an IVF file and returns its path.
func writeFrames(t *testing.T, dir, name string, h ivf.Header, frames [][]byte) string {
	t.Helper()
	var out bytes.Buffer
	w, err := ivf.NewWriter(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		if err := w.Write(frame, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return writeFile(t, dir, name, out.Bytes())
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// files returns the names of all files in dir, hidden ones too.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
