package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"salsify/codec/ivf"
	"salsify/testbed/testenv"
)

// total returns the SSIM over all frames that compare prints.
func total(t *testing.T, a, b string) float64 {
	t.Helper()
	fields := strings.Fields(succeed(t, "compare", a, b).stdout)
	ssim, err := strconv.ParseFloat(fields[len(fields)-2], 64)
	if err != nil {
		t.Fatal(err)
	}
	return ssim
}

// TestEncodeAndDecode goes there and back, at an odd size, and checks the file's header, the quality and the summary.
func TestEncodeAndDecode(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 101, 67, 0, 8)
	coded, back := filepath.Join(dir, "v.ivf"), filepath.Join(dir, "back.y4m")
	o := succeed(t, "encode", video, coded)
	h, frames := readFrames(t, coded)
	if want := (ivf.Header{Width: 101, Height: 67, Rate: 30000, Scale: 1001, Frames: 8}); h != want || len(frames) != 8 {
		t.Errorf("header %+v with %d frames, want %+v", h, len(frames), want)
	}
	size := 0
	for i, frame := range frames {
		size += len(frame)
		if key := frame[0]&1 == 0; key != (i == 0) {
			t.Errorf("frame %d: key frame %v", i+1, key)
		}
	}
	if want := fmt.Sprintf("8 frames, %d bytes, ", size); !strings.HasPrefix(o.stderr, want) || strings.Count(o.stderr, "\n") != 1 || o.stdout != "" {
		t.Errorf("summary %q, stdout %q; want one line that begins with %q", o.stderr, o.stdout, want)
	}
	kbits := 8 * float64(size) / 1000 / (8 * 1001. / 30000)
	if want := fmt.Sprintf("%.1f kbit/s at 29.97 frames/s", kbits); !strings.Contains(o.stderr, want) {
		t.Errorf("summary %q does not say %q", o.stderr, want)
	}
	succeed(t, "decode", coded, back)
	if ssim := total(t, video, back); ssim < 0.9 {
		t.Errorf("SSIM %v after coding at the default quantizer", ssim)
	}
}

func TestEncodeQuantizer(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 96, 64, 0, 4)
	sizes := map[string]int{}
	quality := map[string]float64{}
	for _, q := range []string{"4", "100"} {
		coded, back := filepath.Join(dir, q+".ivf"), filepath.Join(dir, q+".y4m")
		succeed(t, "encode", "--quantizer", q, video, coded)
		succeed(t, "decode", coded, back)
		sizes[q], quality[q] = len(readFile(t, coded)), total(t, video, back)
		for i, line := range strings.Split(succeed(t, "inspect", coded).stdout, "\n")[1:5] {
			if got := strings.Fields(line)[7]; got != q {
				t.Errorf("--quantizer %s: frame %d has %s", q, i+1, got)
			}
		}
	}
	if sizes["4"] <= sizes["100"] || quality["4"] <= quality["100"] {
		t.Errorf("bytes %v, SSIM %v: the finer quantizer must give more of both", sizes, quality)
	}
}

func TestEncodeFrameBytes(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 96, 64, 0, 4)
	coded := filepath.Join(dir, "v.ivf")
	const limit = 900
	succeed(t, "encode", "--frame-bytes", fmt.Sprint(limit), video, coded)
	_, frames := readFrames(t, coded)
	for i, frame := range frames {
		if len(frame) > limit {
			t.Errorf("frame %d has %d bytes, at most %d were asked for", i+1, len(frame), limit)
		}
	}
	if len(frames) != 4 || len(frames[0]) < limit/4 {
		t.Errorf("%d frames, the first of %d bytes: that leaves most of %d unused", len(frames), len(frames[0]), limit)
	}
	out := filepath.Join(dir, "out.ivf")
	mustFail(t, exitFailed, []string{"v.y4m: frame 1:", "--frame-bytes"}, "encode", "--frame-bytes", "5", video, out)
	if got := files(t, dir); got != "v.ivf v.y4m" {
		t.Errorf("files were left: %s", got)
	}
}

// TestEncodeThreads: the number of threads never changes the result.
func TestEncodeThreads(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 96, 64, 0, 4)
	var files [][]byte
	for _, threads := range []string{"0", "1", "2", "5"} {
		coded := filepath.Join(dir, threads+".ivf")
		succeed(t, "encode", "--threads", threads, "--token-partitions", "4", video, coded)
		files = append(files, readFile(t, coded))
	}
	for i, file := range files[1:] {
		if !bytes.Equal(file, files[0]) {
			t.Errorf("run %d differs from the first", i+2)
		}
	}
}

func TestEncodeEffort(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 96, 64, 0, 4)
	for _, effort := range []string{"0", "5", "10"} {
		coded, back := filepath.Join(dir, effort+".ivf"), filepath.Join(dir, effort+".y4m")
		succeed(t, "encode", "--effort", effort, video, coded)
		succeed(t, "decode", coded, back)
		if ssim := total(t, video, back); ssim < 0.85 {
			t.Errorf("effort %s: SSIM %v", effort, ssim)
		}
	}
}

// TestEncodeGoesOnFromAState codes a video in two runs with a saved state between: the same bytes as in one run.
func TestEncodeGoesOnFromAState(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	whole := writeVideo(t, dir, "whole.y4m", 64, 48, 0, 7)
	first := writeVideo(t, dir, "first.y4m", 64, 48, 0, 3)
	second := writeVideo(t, dir, "second.y4m", 64, 48, 3, 7)
	succeed(t, "encode", "--state-out", path("whole.state"), whole, path("whole.ivf"))
	succeed(t, "encode", "--state-out", path("first.state"), first, path("first.ivf"))
	succeed(t, "encode", "--state-in", path("first.state"), "--state-out", path("second.state"), second, path("second.ivf"))

	_, want := readFrames(t, path("whole.ivf"))
	_, got := readFrames(t, path("first.ivf"))
	_, rest := readFrames(t, path("second.ivf"))
	got = append(got, rest...)
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("frame %d differs", i+1)
		}
	}
	if !bytes.Equal(readFile(t, path("second.state")), readFile(t, path("whole.state"))) {
		t.Error("the last states differ")
	}

	big := writeVideo(t, dir, "big.y4m", 66, 48, 0, 1)
	before := files(t, dir)
	mustFail(t, exitFailed, []string{"first.state is a state of 64x48", "big.y4m has 66x48"},
		"encode", "--state-in", path("first.state"), big, path("big.ivf"))
	if got := files(t, dir); got != before {
		t.Errorf("files were left: %s", got)
	}
}

// TestEncodeFailureKeepsTheOldFile: a source that breaks off must not replace what was there.
func TestEncodeFailureKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	whole := readFile(t, writeVideo(t, dir, "whole.y4m", 32, 32, 0, 3))
	cut := writeFile(t, dir, "cut.y4m", whole[:len(whole)-1])
	out := writeFile(t, dir, "out.ivf", []byte("precious"))
	mustFail(t, exitFailed, []string{"cut.y4m", "frame 3 is cut short"}, "encode", "--state-out", filepath.Join(dir, "state"), cut, out)
	if got := string(readFile(t, out)); got != "precious" {
		t.Errorf("the old file now holds %.20q", got)
	}
	if got := files(t, dir); got != "cut.y4m out.ivf whole.y4m" {
		t.Errorf("files %s", got)
	}
	succeed(t, "encode", filepath.Join(dir, "whole.y4m"), out)
	if h, _ := readFrames(t, out); h.Frames != 3 {
		t.Errorf("then, with a whole source: %+v", h)
	}
}

// TestEncodeStateCannotBeSaved: the stream is complete all the same, and the message says so.
func TestEncodeStateCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 32, 32, 0, 2)
	out := filepath.Join(dir, "out.ivf")
	mustFail(t, exitFailed, []string{"out.ivf is complete", "could not be saved"}, "encode", "--state-out", filepath.Join(dir, "absent", "s"), video, out)
	if _, frames := readFrames(t, out); len(frames) != 2 {
		t.Errorf("%d frames", len(frames))
	}
}

func TestEncodeBetweenPipes(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 32, 32, 0, 3)
	coded := filepath.Join(dir, "v.ivf")
	succeed(t, "encode", video, coded)
	o := call(string(readFile(t, video)), "encode", "-", "-")
	if o.code != exitOK {
		t.Fatalf("exit %d, %s", o.code, o.stderr)
	}
	_, want := readFrames(t, coded)
	h, got := readFrames(t, writeFile(t, dir, "piped.ivf", []byte(o.stdout)))
	if h.Frames != 0 || len(got) != 3 {
		t.Errorf("a pipe gets the frame count %d and %d frames, want 0 and 3", h.Frames, len(got))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("frame %d differs", i+1)
		}
	}
}

func TestEncodeNothing(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 32, 32, 0, 0)
	out := filepath.Join(dir, "out.ivf")
	if o := succeed(t, "encode", video, out); !strings.Contains(o.stderr, "0 frames") {
		t.Errorf("summary %q", o.stderr)
	}
	if h, frames := readFrames(t, out); h.Width != 32 || len(frames) != 0 {
		t.Errorf("header %+v, %d frames", h, len(frames))
	}
}

// TestEncodeRateUnknown: a source that does not tell its rate is taken for 30 frames a second.
func TestEncodeRateUnknown(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 16, 16, 0, 1)
	file := bytes.Replace(readFile(t, video), []byte("F30000:1001"), []byte("F0:0"), 1)
	out := filepath.Join(dir, "out.ivf")
	succeed(t, "encode", writeFile(t, dir, "blank.y4m", file), out)
	if h, _ := readFrames(t, out); h.Rate != 30 || h.Scale != 1 {
		t.Errorf("header %+v, want 30/1", h)
	}
}

// TestVpxdecAgrees lets libvpx decode our streams: each picture must be the same, at several sizes, efforts and partitions.
func TestVpxdecAgrees(t *testing.T) {
	vpxdec := testenv.Tool(t, "vpxdec")
	dir := t.TempDir()
	for i, test := range []struct{ width, height, effort, partitions int }{
		{176, 144, 0, 1}, {101, 67, 5, 4}, {16, 16, 10, 8}, {1, 1, 5, 1}, {33, 200, 10, 2},
	} {
		video := writeVideo(t, dir, fmt.Sprintf("%d.y4m", i), test.width, test.height, 0, 6)
		coded := filepath.Join(dir, fmt.Sprintf("%d.ivf", i))
		succeed(t, "encode", "--effort", fmt.Sprint(test.effort), "--token-partitions", fmt.Sprint(test.partitions), video, coded)
		cmd := exec.Command(vpxdec, "--i420", "--md5", "-o", filepath.Join(dir, fmt.Sprintf("%d-%%4.i420", i)), coded)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%+v: vpxdec: %v", test, err)
		}
		want := strings.Join(sums(string(out)), " ")
		got := strings.Join(sums(succeed(t, "decode", "--md5", coded).stdout), " ")
		if got != want || len(got) != 6*33-1 {
			t.Errorf("%+v: we decode\n%s, libvpx\n%s", test, got, want)
		}
	}
}
