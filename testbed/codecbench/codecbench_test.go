package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/testenv"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"--frames", "30", "--clips", "talk", "--effort", "5,10", "--jobs", "2", "--grain", "light"})
	if err != nil || o.frames != 30 || o.clips != "talk" || len(o.efforts) != 2 || o.efforts[1] != 10 || o.jobs != 2 || o.grain != light {
		t.Errorf("parse = %+v, %v", o, err)
	}
	for _, bad := range []string{"--frames=-1", "--effort=11", "--effort=-1", "--jobs=0", "--grain=heavy", "--nonsense", "extra"} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), []string{bad}, &stdout, &stderr); code != 2 ||
			strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "--help") || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, stderr %q", bad, code, &stderr)
		}
	}
	var stdout bytes.Buffer
	if code := run(context.Background(), []string{"--help"}, &stdout, io.Discard); code != 0 || !strings.Contains(stdout.String(), "--cache") {
		t.Errorf("--help: exit %d, %q", code, &stdout)
	}
}

// TestQuantizerTable checks the published table's shape: it rises from 0 to 127, and the five that the bench uses.
func TestQuantizerTable(t *testing.T) {
	for q := 1; q < 64; q++ {
		if quantizerOf[q] <= quantizerOf[q-1] {
			t.Errorf("quantizerOf[%d] = %d does not rise", q, quantizerOf[q])
		}
	}
	if quantizerOf[0] != 0 || quantizerOf[63] != 127 {
		t.Errorf("ends %d and %d, want 0 and 127", quantizerOf[0], quantizerOf[63])
	}
	var got []int
	for _, q := range vpxencQs {
		got = append(got, quantizerOf[q])
	}
	if want := "[12 23 35 55 88]"; fmt.Sprint(got) != want {
		t.Errorf("indices %v, want %s", got, want)
	}
}

func TestListJobs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b_talk.mkv", "a_run.mp4", "README.md", "regrain.sh"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		clips, grain, want string
	}{
		{"", "both", "[a_run clean a_run light b_talk clean b_talk light]"},
		{"talk", clean, "[b_talk clean]"},
		{"", light, "[a_run light b_talk light]"},
	}
	for _, test := range tests {
		jobs, err := listJobs(dir, options{clips: test.clips, grain: test.grain})
		if got := fmt.Sprint(jobs); err != nil || got != test.want {
			t.Errorf("%+v: %s, %v", test, got, err)
		}
	}
	if _, err := listJobs(dir, options{clips: "zebra", grain: clean}); err == nil || !strings.Contains(err.Error(), "a_run, b_talk") {
		t.Errorf("no match: %v, want an error that lists the clips", err)
	}
	if _, err := listJobs(filepath.Join(dir, "absent"), options{}); err == nil || !strings.Contains(err.Error(), "SALSIFY_SHARED") {
		t.Errorf("no folder: %v, want an error that names SALSIFY_SHARED", err)
	}
}

func TestCPUClocks(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, process := threadCPU(), processCPU()
	sum := 0
	for threadCPU() < thread+20*time.Millisecond {
		sum++
	}
	busy := processCPU() - process
	if busy < 20*time.Millisecond {
		t.Errorf("the process used %v while its thread used 20 ms (%d rounds)", busy, sum)
	}
	thread = threadCPU()
	time.Sleep(20 * time.Millisecond)
	if idle := threadCPU() - thread; idle > 10*time.Millisecond {
		t.Errorf("20 ms of sleep cost the thread %v", idle)
	}
}

// points makes a curve: the quality rises by 1 dB of SSIM and 2 dB of PSNR for each doubling of rate.
func points(rate, secondsPerFrame float64) []measurement {
	var out []measurement
	for i := range 5 {
		out = append(out, measurement{
			Frames: 10, Bits: int64(rate * math.Pow(2, float64(i))), CPUSeconds: 10 * secondsPerFrame,
			SSIM: 1 - math.Pow(10, -(10+float64(i))/10), MSE: 1000 * math.Pow(10, -2*float64(i)/10),
		})
	}
	return out
}

func TestReport(t *testing.T) {
	outcome := func(clip, grain string, rate, seconds float64) result {
		e := effortResult{Effort: 5, Points: points(rate, seconds)}
		r := result{Clip: clip, Grain: grain, Vpxenc: points(1e6, 0.010)}
		e.compare(r.Vpxenc)
		r.Ours = []effortResult{e}
		return r
	}
	broken := outcome("c", light, 1e6, 0.040)
	broken.Ours[0].Points = broken.Ours[0].Points[:1]
	broken.Ours[0].compare(broken.Vpxenc)
	r := report{VpxencVersion: "v9", VpxencArgs: vpxencArgs("Q"), Options: "everything", Results: []result{
		outcome("a", clean, 0.9e6, 0.010), outcome("b", light, 2e6, 0.040), broken,
	}}
	var out bytes.Buffer
	if err := r.writeMarkdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### Effort 5",
		"| a | clean | -10.0 | -10.0 | 10.0 | 10.0 | 1.00 |",
		"| b | light | +100.0 | +100.0 | 10.0 | 40.0 | 4.00 |",
		"| c | light | n/a | n/a | 10.0 | 40.0 | 4.00 |",
		"| **average** | clean | -10.0 | -10.0 | 10.0 | 10.0 | 1.00 |",
		"| **average** | light | +100.0 | +100.0 | 10.0 | 40.0 | 4.00 |",
		"| **average** | all | +45.0 | +45.0 | 10.0 | 30.0 | 2.52 |",
		"c light: SSIM: no BD-rate: test curve: 1 points",
		"--cq-level=Q",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "--cache") {
		t.Errorf("it speaks of the cache, which was not used:\n%s", &out)
	}
	r.Results[0].Vpxenc[3].Cached = true
	out.Reset()
	if err := r.writeMarkdown(&out); err != nil || !strings.Contains(out.String(), "earlier run") {
		t.Errorf("%v; it does not say that CPU times are old:\n%s", err, &out)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := r.writeJSON(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil || len(back.Results) != 3 || *back.Results[1].Ours[0].BDRateSSIM < 99.9 {
		t.Errorf("the JSON file reads back as %+v, %v", back, err)
	}
}

// sharedWithClip makes a shared folder with one small clip, and the real regrain.sh.
func sharedWithClip(t *testing.T) {
	t.Helper()
	script, err := os.ReadFile(testenv.Shared(t, "clips", regrainScript))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	clips := filepath.Join(root, "clips")
	if err := os.Mkdir(clips, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(clips, regrainScript), script, 0o700); err != nil {
		t.Fatal(err)
	}
	// Moving detail, so that the quality differs between quantizers.
	out, err := exec.Command(testenv.Tool(t, "ffmpeg"), "-nostdin", "-v", "error", "-f", "lavfi",
		"-i", "mandelbrot=size=96x80:rate=25", "-frames:v", "12", "-pix_fmt", "yuv420p", filepath.Join(clips, "tiny.y4m")).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	t.Setenv("SALSIFY_SHARED", root)
}

// newBencher returns a bencher over the small clip, and its job.
func newBencher(t *testing.T, o options) (*bencher, job) {
	t.Helper()
	for _, name := range tools {
		testenv.Tool(t, name)
	}
	sharedWithClip(t)
	found, err := findTools()
	if err != nil {
		t.Fatal(err)
	}
	o.jobs, o.grain = max(o.jobs, 1), light
	jobs, err := listJobs(filepath.Join(os.Getenv("SALSIFY_SHARED"), "clips"), o)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("jobs %v, %v", jobs, err)
	}
	return &bencher{options: o, tools: found, temp: t.TempDir(), log: &logger{out: t.Output()}}, jobs[0]
}

// TestGrainOfTheFirstFrames checks that the noise of the first frames is the same when the rest of the clip is left out.
func TestGrainOfTheFirstFrames(t *testing.T) {
	b, j := newBencher(t, options{frames: 3})
	read := func() (frames [][]byte) {
		path, err := b.decodeClip(context.Background(), j)
		if err != nil {
			t.Fatal(err)
		}
		_, n, err := compareClip(context.Background(), path, func(p *image.YCbCr) (*image.YCbCr, error) {
			frames = append(frames, bytes.Clone(p.Y))
			return p, nil
		})
		if err != nil || n != len(frames) {
			t.Fatalf("%d frames, %v", n, err)
		}
		return frames
	}
	three := read()
	b.frames = 0
	all := read()
	j.grain = clean
	plain := read()
	if len(three) != 3 || len(all) != 12 || len(plain) != 12 {
		t.Fatalf("%d, %d and %d frames, want 3, 12 and 12", len(three), len(all), len(plain))
	}
	for i := range three {
		if !bytes.Equal(three[i], all[i]) {
			t.Errorf("frame %d differs", i)
		}
		if bytes.Equal(all[i], plain[i]) {
			t.Errorf("frame %d has no noise", i)
		}
	}
}

// TestVpxenc measures real streams: finer quantizers must take more bits and give more quality, and the cache must serve the
// same figures.
func TestVpxenc(t *testing.T) {
	b, j := newBencher(t, options{cache: t.TempDir()})
	ctx := context.Background()
	source, err := b.decodeClip(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	fine, err := b.theirs(ctx, j, source, 10)
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := b.theirs(ctx, j, source, 50)
	if err != nil {
		t.Fatal(err)
	}
	if fine.Frames != 12 || fine.Bits < 2*coarse.Bits || fine.SSIM < coarse.SSIM+0.01 || fine.MSE >= coarse.MSE || fine.CPUSeconds <= 0 {
		t.Errorf("Q 10: %+v\nQ 50: %+v", fine, coarse)
	}
	if fine.Quantizer != 12 || fine.Cached {
		t.Errorf("Q 10: %+v, want quantizer index 12, not cached", fine)
	}
	again, err := b.theirs(ctx, j, source, 10)
	want := fine
	want.Cached = true
	if err != nil || again != want {
		t.Errorf("from the cache: %+v, %v; want %+v", again, err, want)
	}
	b.frames = 11
	if other, err := b.theirs(ctx, j, source, 10); err != nil || other.Cached {
		t.Errorf("another number of frames: %+v, %v; want a new measurement", other, err)
	}
}

// TestBothDecodersAgree measures one of vpxenc's streams through vp8.Decode and through vpxdec.
func TestBothDecodersAgree(t *testing.T) {
	b, j := newBencher(t, options{})
	ctx := context.Background()
	source, err := b.decodeClip(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	stream := filepath.Join(t.TempDir(), "x.ivf")
	if _, err := output(exec.Command(b.tools["vpxenc"], append(vpxencArgs("28"), "-o", stream, source)...)); err != nil {
		t.Fatal(err)
	}
	vpxdec, ours := measurement{Frames: 12}, measurement{Frames: 12}
	if err := b.measureDecoded(ctx, source, stream, &vpxdec, b.openVpxdec); err != nil {
		t.Fatalf("vpxdec: %v", err)
	}
	if err := b.measureDecoded(ctx, source, stream, &ours, openOurDecoder); err != nil {
		t.Fatalf("our decoder: %v", err)
	}
	if vpxdec != ours || ours.SSIM < 0.8 || ours.SSIM == 1 {
		t.Errorf("vpxdec %+v, our decoder %+v", vpxdec, ours)
	}
}

// TestOurEncoderIsMeasured: finer quantizers must take more bits and give more quality with our encoder too.
func TestOurEncoderIsMeasured(t *testing.T) {
	b, j := newBencher(t, options{})
	ctx := context.Background()
	source, err := b.decodeClip(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	fine, err := b.ours(ctx, source, 10, 5)
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := b.ours(ctx, source, 50, 5)
	if err != nil {
		t.Fatal(err)
	}
	if fine.Frames != 12 || fine.Bits < 2*coarse.Bits || fine.SSIM < coarse.SSIM+0.01 || fine.MSE >= coarse.MSE || fine.CPUSeconds <= 0 {
		t.Errorf("Q 10: %+v\nQ 50: %+v", fine, coarse)
	}
}

// TestRun runs the whole program on the small clip, two jobs at once.
func TestRun(t *testing.T) {
	for _, name := range tools {
		testenv.Tool(t, name)
	}
	sharedWithClip(t)
	jsonFile := filepath.Join(t.TempDir(), "out.json")
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"--frames", "5", "--effort", "0,5", "--jobs", "2", "--json", jsonFile}, &stdout, &stderr)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, &stderr)
	}
	for _, want := range []string{"### Effort 0", "### Effort 5", "| tiny | clean |", "| tiny | light |", "first 5 frames", "encoding thread alone"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, &stdout)
		}
	}
	if strings.Contains(stderr.String(), "taking vpxdec") {
		t.Errorf("our decoder failed:\n%s", &stderr)
	}
	if info, err := os.Stat(jsonFile); err != nil || info.Size() == 0 {
		t.Errorf("JSON file: %v", err)
	}
}

func TestNothingToMeasure(t *testing.T) {
	t.Setenv("SALSIFY_SHARED", filepath.Join(t.TempDir(), "nowhere"))
	for _, name := range tools {
		testenv.Tool(t, name)
	}
	var stderr bytes.Buffer
	if code := run(context.Background(), nil, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "SALSIFY_SHARED") {
		t.Errorf("no shared folder: exit %d, %q", code, &stderr)
	}
	t.Setenv("PATH", "")
	stderr.Reset()
	if code := run(context.Background(), nil, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "vpx-tools") {
		t.Errorf("no tools: exit %d, %q", code, &stderr)
	}
}

func TestInterruptRemovesTheDecodedClips(t *testing.T) {
	for _, name := range tools {
		testenv.Tool(t, name)
	}
	sharedWithClip(t)
	before, err := filepath.Glob(filepath.Join(bigTemp(), "codecbench-*"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr bytes.Buffer
	if code := run(ctx, nil, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit %d, %q", code, &stderr)
	}
	after, err := filepath.Glob(filepath.Join(bigTemp(), "codecbench-*"))
	if err != nil || len(after) > len(before) {
		t.Errorf("folders before %v, after %v, %v", before, after, err)
	}
}

func TestEmptyClip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.y4m")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := y4m.NewWriter(file, y4m.Header{Width: 16, Height: 16}); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err = compareClip(context.Background(), path, func(p *image.YCbCr) (*image.YCbCr, error) { return p, nil })
	if err == nil || !strings.Contains(err.Error(), "no frames") {
		t.Errorf("error %v, want one about no frames", err)
	}
}
