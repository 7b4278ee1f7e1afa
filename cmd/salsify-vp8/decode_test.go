package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"salsify/codec/ivf"
	"salsify/codec/y4m"
	"salsify/testbed/testenv"
)

// vectors returns the paths of all conformance streams.
func vectors(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testenv.Shared(t, "vectors"), "*.ivf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no .ivf among the vectors: %v", err)
	}
	return paths
}

// vector returns the path of one conformance stream.
func vector(t *testing.T, number string) string {
	t.Helper()
	for _, path := range vectors(t) {
		if strings.HasSuffix(path, number+".ivf") {
			return path
		}
	}
	t.Skipf("skipped: the conformance stream %s is not among the vectors", number)
	return ""
}

// sums returns the MD5 sums of an md5 list, without the names.
func sums(list string) []string {
	var out []string
	for line := range strings.Lines(list) {
		sum, _, _ := strings.Cut(line, " ")
		out = append(out, sum)
	}
	return out
}

// pictureSums returns the MD5 sum of each frame of a Y4M file, and its header.
func pictureSums(t *testing.T, file []byte) (y4m.Header, []string) {
	t.Helper()
	r, err := y4m.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	picture := r.Header().NewPicture()
	for err = r.Read(picture); err == nil; err = r.Read(picture) {
		sum := md5.New()
		sum.Write(picture.Y)
		sum.Write(picture.Cb)
		sum.Write(picture.Cr)
		out = append(out, fmt.Sprintf("%x", sum.Sum(nil)))
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return r.Header(), out
}

// TestMD5OfConformanceStreams compares with the published sums, byte for byte.
func TestMD5OfConformanceStreams(t *testing.T) {
	for _, path := range vectors(t) {
		want := string(readFile(t, path+".md5"))
		if got := succeed(t, "decode", "--md5", path).stdout; got != want {
			t.Errorf("%s: lists differ\n%s\nwant\n%s", filepath.Base(path), got, want)
		}
	}
}

// TestDecodeThreads: the number of threads never changes the result.
func TestDecodeThreads(t *testing.T) {
	dir := t.TempDir()
	coded := filepath.Join(dir, "v.ivf")
	succeed(t, "encode", writeVideo(t, dir, "v.y4m", 96, 64, 0, 4), coded)
	want := succeed(t, "decode", "--md5", "--threads", "1", coded).stdout
	if len(sums(want)) != 4 {
		t.Fatalf("not 4 sums:\n%s", want)
	}
	for _, threads := range []string{"0", "2", "5"} {
		if got := succeed(t, "decode", "--md5", "--threads", threads, coded).stdout; got != want {
			t.Errorf("%s threads:\n%s\none:\n%s", threads, got, want)
		}
	}
}

func TestDecodeToY4M(t *testing.T) {
	for _, number := range []string{"001", "008", "018"} {
		path := vector(t, number)
		want := sums(string(readFile(t, path+".md5")))
		out := filepath.Join(t.TempDir(), "out.y4m")
		o := succeed(t, "decode", path, out)
		h, got := pictureSums(t, readFile(t, out))
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %d pictures that differ from the %d expected", number, len(got), len(want))
		}
		if h.Rate.Num != 1000*30 && number == "001" || h.Rate.Den != 1000 {
			t.Errorf("%s: rate %v", number, h.Rate)
		}
		if says := fmt.Sprintf("%d shown, %dx%d\n", len(want), h.Width, h.Height); !strings.HasSuffix(o.stderr, says) || o.stdout != "" {
			t.Errorf("%s: stderr %q does not end with %q, or stdout %q is not empty", number, o.stderr, says, o.stdout)
		}
	}
}

func TestDecodeBetweenPipes(t *testing.T) {
	path := vector(t, "001")
	o := call(string(readFile(t, path)), "decode", "-", "-")
	if o.code != exitOK {
		t.Fatalf("exit %d, %s", o.code, o.stderr)
	}
	_, got := pictureSums(t, []byte(o.stdout))
	if want := sums(string(readFile(t, path+".md5"))); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%d pictures that differ from the %d expected", len(got), len(want))
	}
	o = call(string(readFile(t, path)), "decode", "--md5", "-")
	if !strings.Contains(o.stdout, "  stdin-176x144-0001.i420\n") {
		t.Errorf("names of pictures from a pipe: %.60q", o.stdout)
	}
}

// TestDecodeGoesOnFromAState decodes a stream in two halves with a saved state between.
func TestDecodeGoesOnFromAState(t *testing.T) {
	path := vector(t, "003")
	want := sums(string(readFile(t, path+".md5")))
	dir := t.TempDir()
	h, frames := readFrames(t, path)
	half := len(frames) / 2
	first := writeFrames(t, dir, "1.ivf", h, frames[:half])
	second := writeFrames(t, dir, "2.ivf", h, frames[half:])
	state, last := filepath.Join(dir, "state"), filepath.Join(dir, "last")

	got := sums(succeed(t, "decode", "--md5", "--state-out", state, first).stdout)
	got = append(got, sums(succeed(t, "decode", "--md5", "--state-in", state, "--state-out", last, second).stdout)...)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Error("the halves differ from the whole")
	}
	whole := filepath.Join(dir, "whole")
	succeed(t, "decode", "--state-out", whole, path)
	if !bytes.Equal(readFile(t, whole), readFile(t, last)) {
		t.Error("the last states differ")
	}
	mustFail(t, exitFailed, []string{"2.ivf: frame 1:", "--state-in"}, "decode", second)
}

// TestDecodeKeepsWhatCameBefore damages and cuts streams.
func TestDecodeKeepsWhatCameBefore(t *testing.T) {
	path := vector(t, "001")
	want := sums(string(readFile(t, path+".md5")))
	h, frames := readFrames(t, path)
	const bad = 9 // index of the frame that is damaged
	damaged := append([][]byte{}, frames...)
	damaged[bad] = frames[bad][:2]
	whole := readFile(t, path)

	tests := []struct {
		name string
		make func(dir string) string
		says []string
		kept int
	}{
		{"damaged", func(dir string) string { return writeFrames(t, dir, "in.ivf", h, damaged) }, []string{"in.ivf: frame 10:"}, bad},
		{"cut", func(dir string) string { return writeFile(t, dir, "in.ivf", whole[:len(whole)-5]) }, []string{"in.ivf:", "cut short"}, len(frames) - 1},
	}
	for _, test := range tests {
		dir := t.TempDir()
		in, out, state := test.make(dir), filepath.Join(dir, "out.y4m"), filepath.Join(dir, "state")
		says := append(test.says, fmt.Sprintf("the pictures before it (%d) are in %s", test.kept, out))
		o := mustFail(t, exitFailed, says, "decode", "--md5", "--state-out", state, in, out)
		if got := sums(o.stdout); strings.Join(got, " ") != strings.Join(want[:test.kept], " ") {
			t.Errorf("%s: %d sums, want the first %d of the stream", test.name, len(got), test.kept)
		}
		if _, got := pictureSums(t, readFile(t, out)); strings.Join(got, " ") != strings.Join(want[:test.kept], " ") {
			t.Errorf("%s: %d pictures, want the first %d of the stream", test.name, len(got), test.kept)
		}
		if got := files(t, dir); got != "in.ivf out.y4m" {
			t.Errorf("%s: files %s; no state may be saved", test.name, got)
		}
	}

	dir := t.TempDir()
	in := writeFrames(t, dir, "in.ivf", h, [][]byte{frames[0][:3]})
	mustFail(t, exitFailed, []string{"in.ivf: frame 1:", "was not written"}, "decode", in, filepath.Join(dir, "out.y4m"))
	if got := files(t, dir); got != "in.ivf" {
		t.Errorf("nothing could be decoded, but there are the files %s", got)
	}
}

// TestDecodeSizeChange: a Y4M file ends where the size changes, the MD5 list goes on.
func TestDecodeSizeChange(t *testing.T) {
	path := vector(t, "1436") // 352x288, then 282x231
	want := string(readFile(t, path+".md5"))
	dir := t.TempDir()
	out := filepath.Join(dir, "out.y4m")
	says := []string{"frame 2: the size changes from 352x288 to 282x231", "Y4M", "the pictures before it (1) are in"}
	mustFail(t, exitFailed, says, "decode", path, out)
	o := mustFail(t, exitFailed, says, "decode", "--md5", path, out)
	if o.stdout != want {
		t.Errorf("MD5 list\n%s\nwant\n%s", o.stdout, want)
	}
	if _, got := pictureSums(t, readFile(t, out)); len(got) != 1 || got[0] != sums(want)[0] {
		t.Errorf("pictures %v, want the first", got)
	}
}

func TestDecodeWithoutSizeInTheHeader(t *testing.T) {
	path := vector(t, "008") // 1432x888
	h, frames := readFrames(t, path)
	h.Width, h.Height = 0, 0
	dir := t.TempDir()
	blank := writeFrames(t, dir, filepath.Base(path), h, frames)
	if got, want := succeed(t, "decode", "--md5", blank).stdout, string(readFile(t, path+".md5")); got != want {
		t.Errorf("MD5 list\n%s\nwant\n%s", got, want)
	}
	if got, want := succeed(t, "inspect", blank).stdout, succeed(t, "inspect", path).stdout; got != want {
		t.Errorf("state names differ:\n%s\nwant\n%s", got, want)
	}
	empty := writeFrames(t, dir, "empty.ivf", h, nil)
	mustFail(t, exitFailed, []string{"no frames", "no size"}, "decode", empty)
	inter := writeFrames(t, dir, "inter.ivf", h, frames[1:])
	mustFail(t, exitFailed, []string{"inter.ivf: frame 1:", "key frame"}, "decode", inter)
}

func TestDecodeOfNothing(t *testing.T) {
	dir := t.TempDir()
	empty := writeFrames(t, dir, "empty.ivf", ivf.Header{Width: 48, Height: 32, Rate: 25, Scale: 1}, nil)
	out := filepath.Join(dir, "out.y4m")
	succeed(t, "decode", empty, out)
	if got, want := string(readFile(t, out)), "YUV4MPEG2 W48 H32 F25:1"; !strings.HasPrefix(got, want) || strings.Contains(got, "FRAME") {
		t.Errorf("the file of no pictures is %q", got)
	}
}

func TestDecodeInterrupted(t *testing.T) {
	path := vector(t, "001")
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := &session{ctx: ctx, stdout: io.Discard, stderr: io.Discard}
	if err := s.decode([]string{path, filepath.Join(dir, "out")}); !errors.Is(err, context.Canceled) {
		t.Errorf("decode: %v", err)
	}
	if got := files(t, dir); got != "" {
		t.Errorf("files were left: %s", got)
	}
}

func TestInspect(t *testing.T) {
	path := vector(t, "018")
	lines := strings.Split(strings.TrimSuffix(succeed(t, "inspect", path).stdout, "\n"), "\n")
	_, frames := readFrames(t, path)
	if len(lines) != 1+len(frames) {
		t.Fatalf("%d lines, want a title and %d frames", len(lines), len(frames))
	}
	if title := strings.Fields(lines[0]); len(title) != 12 || title[5] != "source" {
		t.Errorf("title %q", lines[0])
	}
	target := ""
	for i, line := range lines[1:] {
		if len(line) != len(lines[0]) {
			t.Errorf("line %d is not aligned with the title:\n%s\n%s", i+1, lines[0], line)
		}
		f := strings.Fields(line)
		if len(f) != 12 || f[0] != fmt.Sprint(i+1) || f[3] != fmt.Sprint(len(frames[i])) || f[4] != "176x144" {
			t.Errorf("frame %d: %q", i+1, line)
			continue
		}
		if key := frames[i][0]&1 == 0; key != (f[1] == "key") || key != (f[8] == "LGA" && f[9] == "100.0") {
			t.Errorf("frame %d: key frame %v, but %q", i+1, key, line)
		}
		if shown := frames[i][0]>>4&1 == 1; shown != (f[2] == "yes") {
			t.Errorf("frame %d: shown %v, but %q", i+1, shown, line)
		}
		if len(f[5]) != 32 || len(f[6]) != 32 || f[5] == f[6] || i > 0 && f[5] != target {
			t.Errorf("frame %d: source %s, target %s, after target %s", i+1, f[5], f[6], target)
		}
		target = f[6]
	}
}

func TestInspectGoesOnFromAState(t *testing.T) {
	path := vector(t, "003")
	dir := t.TempDir()
	h, frames := readFrames(t, path)
	first := writeFrames(t, dir, "1.ivf", h, frames[:5])
	second := writeFrames(t, dir, "2.ivf", h, frames[5:])
	state := filepath.Join(dir, "state")
	succeed(t, "decode", "--state-out", state, first)
	whole := strings.Split(succeed(t, "inspect", path).stdout, "\n")
	rest := strings.Split(succeed(t, "inspect", "--state-in", state, second).stdout, "\n")
	if len(rest) != len(whole)-5 {
		t.Fatalf("%d lines, want %d", len(rest), len(whole)-5)
	}
	for i := 1; i < len(rest); i++ {
		if rest[i] != "" && rest[i][6:] != whole[i+5][6:] { // all but the number
			t.Errorf("line %d\n%s, want\n%s", i, rest[i], whole[i+5])
		}
	}
}

func TestInspectTellsWhatCameBeforeAFailure(t *testing.T) {
	path := vector(t, "001")
	h, frames := readFrames(t, path)
	frames[2] = frames[2][:1]
	in := writeFrames(t, t.TempDir(), "in.ivf", h, frames)
	o := mustFail(t, exitFailed, []string{"in.ivf: frame 3:"}, "inspect", in)
	if n := strings.Count(o.stdout, "\n"); n != 3 {
		t.Errorf("%d lines, want the title and two frames:\n%s", n, o.stdout)
	}
}
