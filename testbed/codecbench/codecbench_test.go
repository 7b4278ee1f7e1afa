package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"salsify/codec/y4m"
	"salsify/testbed/testenv"
)

// TestMain lets the test's program be the bench's child too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childVerb {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"--frames", "30", "--clips", "talk", "--effort", "5,10", "--jobs", "2", "--grain", "light"})
	if err != nil || o.frames != 30 || o.clips != "talk" || len(o.efforts) != 2 || o.efforts[1] != 10 || o.jobs != 2 || o.grain != light {
		t.Errorf("parse = %+v, %v", o, err)
	}
	if !o.bits() || !o.speed() {
		t.Errorf("by default it measures bits %v, speed %v; want both", o.bits(), o.speed())
	}
	if o, err := parse([]string{"--measure", "speed"}); err != nil || o.bits() || !o.speed() {
		t.Errorf("--measure speed: bits %v, speed %v, %v", o.bits(), o.speed(), err)
	}
	if o, err := parse([]string{"--measure", "bits"}); err != nil || !o.bits() || o.speed() {
		t.Errorf("--measure bits: bits %v, speed %v, %v", o.bits(), o.speed(), err)
	}
	for _, narrow := range []string{"--clips=talk", "--grain=clean"} {
		if _, err := parse([]string{"--doc=x.md", narrow}); err == nil {
			t.Errorf("--doc with %s: want an error, for the document would lose clips", narrow)
		}
	}
	for _, bad := range []string{"--frames=-1", "--effort=11", "--effort=-1", "--jobs=0", "--grain=heavy", "--measure=all", "--nonsense",
		"extra"} {
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

// needTools skips a test where a tool is not installed.
func needTools(t *testing.T) {
	t.Helper()
	for _, name := range tools {
		testenv.Tool(t, name)
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
	needTools(t)
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
	return &bencher{options: o, tools: found, temp: t.TempDir(), progress: newProgress(t.Output())}, jobs[0]
}

// newSource returns a bencher, its job, and the path of the job's pictures.
func newSource(t *testing.T, o options) (b *bencher, j job, source string) {
	t.Helper()
	b, j = newBencher(t, o)
	source, err := b.decodeClip(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	return b, j, source
}

// fineAndCoarse measures 12 frames at the quantizers 10 and 50, and checks that the finer one takes more bits and gives more quality.
func fineAndCoarse(t *testing.T, measure func(q int) (measurement, error)) (fine measurement) {
	t.Helper()
	fine, err := measure(10)
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := measure(50)
	if err != nil {
		t.Fatal(err)
	}
	if fine.Frames != 12 || fine.Bits < 2*coarse.Bits || fine.SSIM < coarse.SSIM+0.01 || fine.MSE >= coarse.MSE || fine.CPUSeconds <= 0 {
		t.Errorf("Q 10: %+v\nQ 50: %+v", fine, coarse)
	}
	return fine
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

// TestVpxenc measures real streams, and the cache must serve the same figures.
func TestVpxenc(t *testing.T) {
	b, j, source := newSource(t, options{cache: t.TempDir()})
	ctx := context.Background()
	fine := fineAndCoarse(t, func(q int) (measurement, error) { return b.theirs(ctx, j, source, q) })
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
	b, _, source := newSource(t, options{})
	ctx := context.Background()
	stream := filepath.Join(t.TempDir(), "x.ivf")
	if _, err := output(exec.Command(b.tools["vpxenc"], append(vpxencArgs("28", 1), "-o", stream, source)...)); err != nil {
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

func TestOurEncoderIsMeasured(t *testing.T) {
	b, _, source := newSource(t, options{})
	fineAndCoarse(t, func(q int) (measurement, error) { return b.ours(context.Background(), source, q, 5) })
}

// TestRun runs the whole program on the small clip, two jobs at once.
func TestRun(t *testing.T) {
	needTools(t)
	sharedWithClip(t)
	t.Setenv(govpxVariable, "")
	folder := t.TempDir()
	jsonFile, document := filepath.Join(folder, "out.json"), filepath.Join(folder, "doc.md")
	const hand = "### Targets\n\nwhat a whole run gave\n"
	if err := os.WriteFile(document, []byte("# before\n"+documentBegin+"\n"+hand+documentEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"--frames", "5", "--effort", "0,5", "--jobs", "2", "--json", jsonFile, "--doc", document}
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, &stderr)
	}
	for _, want := range []string{
		"### Effort 0", "### Effort 5", "### " + encodingHeading, "### " + decodingHeading, "### " + memoryHeading, "### " + targetsHeading,
		"| tiny | clean |", "| tiny | light |", "first 5 frames", "codecbench --frames 5 ", "GOVPX_DIR not set", "not measured",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, &stdout)
		}
	}
	if strings.Contains(stderr.String(), "taking vpxdec") {
		t.Errorf("our decoder failed:\n%s", &stderr)
	}
	if !strings.Contains(stderr.String(), "\n100 %, 0 min left: tiny light: decoded by all\n") {
		t.Errorf("the progress does not end with 100 %%:\n%s", &stderr)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# before\n", "\nafter\n", "### Effort 5", "### " + memoryHeading, "what a whole run gave"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in the document\n%s", want, text)
		}
	}
	data, err := os.ReadFile(jsonFile)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil || len(back.Results) != 2 || back.Results[1].Speed == nil || back.Results[0].Width != 96 {
		t.Errorf("the JSON file reads back as %+v, %v", back, err)
	}
}

// TestOneKindOnly: what was not asked for is neither measured nor written.
func TestOneKindOnly(t *testing.T) {
	needTools(t)
	sharedWithClip(t)
	t.Setenv(govpxVariable, "")
	for kind, want := range map[string]string{onlyBits: "[Effort 5 against vpxenc Targets]",
		onlySpeed: "[Encoding with one thread and two Decoding Memory Targets]"} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), []string{"--frames", "3", "--grain", clean, "--measure", kind}, &stdout, &stderr); code != 0 {
			t.Fatalf("%s: exit %d\n%s", kind, code, &stderr)
		}
		var got []string
		for _, s := range parseSections(stdout.String()) {
			got = append(got, s.heading)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: sections %v, want %s", kind, got, want)
		}
	}
}

// TestSpeed measures the small clip: every figure must be there and be possible.
func TestSpeed(t *testing.T) {
	b, j := newBencher(t, options{})
	ctx := context.Background()
	jobs := []job{j}
	if err := b.look(ctx, jobs); err != nil {
		t.Fatal(err)
	}
	if j = jobs[0]; j.width != 96 || j.height != 80 || j.bytes != 12*96*80*3/2 {
		t.Errorf("the clip is %dx%d, %d bytes", j.width, j.height, j.bytes)
	}
	source, err := b.decodeClip(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := b.measureSpeed(ctx, j, source, &r); err != nil {
		t.Fatal(err)
	}
	s := r.Speed
	if s.Frames != 12 || len(s.Encoders) != 4 || len(s.Decoders) != 4 || s.Candidates <= 0 {
		t.Errorf("%+v", s)
	}
	// Decoding is a difference, which may be anything for so small a clip; so may the memory of processes that end at once.
	for name, c := range s.Encoders {
		if c.CPU <= 0 || c.Wall <= 0 || c.Peak < 0 || c.Peak > 1e9 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for _, name := range []string{ours1, ours2, vpxdec, ffmpeg} {
		if c, ok := s.Decoders[name]; !ok || c.CPU > 100 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if left, err := filepath.Glob(source + ".*"); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestNothingToMeasure(t *testing.T) {
	t.Setenv("SALSIFY_SHARED", filepath.Join(t.TempDir(), "nowhere"))
	needTools(t)
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
	needTools(t)
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
