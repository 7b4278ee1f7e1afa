package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salsify/testbed/cell"
	"salsify/testbed/clip"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
	"salsify/testbed/result"
	"salsify/testbed/shell"
	"salsify/testbed/system/synthetic"
	"salsify/testbed/trace"
	"salsify/transport/bitrate"
)

// call runs the program.
func call(args ...string) (status int, out, err string) {
	var stdout, stderr bytes.Buffer
	status = run(args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestUsage(t *testing.T) {
	folder := t.TempDir()
	for _, test := range []struct {
		args   string
		status int
		want   string // in what it says
	}{
		{"", exitUsage, "a verb is missing"},
		{"dance", exitUsage, `no verb "dance"`},
		{"--help", exitOK, "salsify-eval run"},
		{"run --help", exitOK, "Examples:"},
		{"matrix --help", exitOK, "repeats: 3"},
		{"report --help", exitOK, "Examples:"},
		{"paper --help", exitOK, "Verizon-LTE-short"},
		{"run", exitUsage, "--clip is missing"},
		{"run --clip test:", exitUsage, "--out is missing"},
		{"run --nonsense", exitUsage, "--nonsense"},
		{"run extra --clip test: --out x", exitUsage, "one argument too many"},
		{"run --clip test: --size big --out x", exitUsage, "WIDTHxHEIGHT"},
		{"run --clip test: --queue nonsense --out x", exitUsage, "droptail"},
		{"run --clip test: --system nonsense --out " + folder, exitUsage, "A SYSTEM is one of"},
		{"run --clip test: --system salsify:nonsense --out " + folder, exitUsage, "conventional"},
		{"run --clip test: --system chrome --virtual --out " + folder, exitUsage, "virtual time"},
		{"run --clip test: --duration 0s --out " + folder, exitUsage, "duration"},
		{"run --clip test: --exclude 2m --out " + folder, exitUsage, "left out"},
		{"run --clip test: --down nothere --virtual --out " + folder, exitUsage, "nothere"},
		{"run --clip nothere.y4m --virtual --out " + folder, exitUsage, "nothere.y4m"},
		{"run --clip test: --delay 20 --out x", exitUsage, "--delay: \"20\" has no unit; write 20ms or 20s"},
		{"run --clip test: --duration soon --out x", exitUsage, "--duration: \"soon\" is not a time"},
		{"run --clip test: --loss-down much --out x", exitUsage, "--loss-down: \"much\" is not a number"},
		{"run --clip test: --virtual --loss-down 2 --out x", exitUsage, "run: --loss-down: 2 is no share"},
		{"run --clip test: --virtual --delay -5m --out x", exitUsage, "run: --delay: -5m0s"},
		{"run --clip test: --rate 0 --out x", exitUsage, "--rate is 0"},
		{"run --clip test: --rate 500 --virtual --out x", exitUsage, "500"},
		{"run --clip test: --score-every 0 --out x", exitUsage, "--score-every is 0"},
		{"run --clip test: --repeat 0 --out x", exitUsage, "--repeat is 0"},
		{"run --clip test: --max-load 5 --out x", exitUsage, "run: --max-load: 5 is no share of the processors; give 0 to 1, such as 0.1 for 10 %"},
		{"run --clip test: --system command --receive cat --out x", exitUsage, "run: --send: it is missing"},
		{"run --clip test: --system command --send cat --out x", exitUsage, "run: --receive: it is missing"},
		{"run --clip test: --system chrome --send cat --out x", exitUsage, "run: --send: only the system command takes it"},
		{"run --clip test: --input pipe --out x", exitUsage, "run: --input: only the system command takes it"},
		{"run --clip test: --encode-time model --out x", exitUsage, "--encode-time means nothing here"},
		{"run --clip test: --virtual --patience 1m --out x", exitUsage, "--patience means nothing here"},
		{"run --clip test: --system chrome --bin bin --out x", exitUsage, "--bin means nothing here"},
		{"run --clip test: --system foo --virtual --out x", exitUsage, "no system \"foo\". A SYSTEM is one of"},
		{"matrix", exitUsage, "too few arguments"},
		{"matrix nothere.yaml", exitUsage, "nothere.yaml"},
		{"report", exitUsage, "too few arguments"},
		{"report " + folder, exitFailed, "no cell"},
		{"clip nothere.mp4 out.y4m", exitUsage, "nothere.mp4"},
		{"clip test: - --pictures 0", exitUsage, "--pictures is 0"},
		{"paper --repeats 0", exitUsage, "--repeats is 0"},
	} {
		status, out, err := call(strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(out+err, test.want) {
			t.Errorf("salsify-eval %s: status %d, says %q; must be %d and contain %q", test.args, status, out+err, test.status, test.want)
		}
	}
}

// writeTrace writes a trace of a constant rate.
func writeTrace(t *testing.T, folder string, rate bitrate.Bitrate) string {
	t.Helper()
	constant, err := trace.Constant(rate, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "constant.trace")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := constant.Write(f); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVirtualRunAndReport goes the way of a new user, in virtual time: run, with the same files each time, the oracle, a report.
func TestVirtualRunAndReport(t *testing.T) {
	folder := t.TempDir()
	down := writeTrace(t, folder, 1*bitrate.MbitPerSecond)
	in := func(system, out string) []string {
		return []string{"run", "--virtual", "--system", system, "--clip", "test:", "--size", "320x180", "--down", down, "--up", down,
			"--delay", "20ms", "--queue", "droptail:packets=256", "--duration", "3s", "--out", filepath.Join(folder, out)}
	}
	for system, out := range map[string]string{"salsify": "a", "salsify:single": "b", "oracle": "c"} {
		if status, _, err := call(in(system, out)...); status != exitOK {
			t.Fatalf("%s: %s", system, err)
		}
	}
	if status, _, err := call(in("salsify", "again")...); status != exitOK {
		t.Fatal(err)
	}
	for _, file := range []string{result.FramesFile, result.LinkFile, result.SeriesFile} {
		a, errA := os.ReadFile(filepath.Join(folder, "a", file))
		b, errB := os.ReadFile(filepath.Join(folder, "again", file))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between two runs in virtual time (%v, %v)", file, errA, errB)
		}
	}
	ours, err := result.Read(filepath.Join(folder, "a"))
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := result.Read(filepath.Join(folder, "c"))
	if err != nil {
		t.Fatal(err)
	}
	if f := ours.Figures; f.Captured != 90 || f.Shown < 80 || f.SSIMdB == nil || *f.SSIMdB < 8 || f.SignalDelay.P95 > 300 || f.VideoKbit > 1100 {
		t.Errorf("our figures are %+v", f)
	}
	if ours.Figures.SignalDelay.Mean <= oracle.Figures.SignalDelay.Mean || oracle.Figures.QueueDelay.Max > 0 || *oracle.Figures.LinkUsed > 1 {
		t.Errorf("the oracle is not the limit: its signal delay is %v, ours %v", oracle.Figures.SignalDelay, ours.Figures.SignalDelay)
	}
	status, out, stderr := call("report", folder, "--out", filepath.Join(folder, "report"))
	if status != exitOK || !strings.Contains(out, "salsify:single") || !strings.Contains(out, "oracle") {
		t.Errorf("report: status %d, %s%s", status, out, stderr)
	}
	if page, err := os.ReadFile(filepath.Join(folder, "report", "index.html")); err != nil || !bytes.Contains(page, []byte("<svg")) {
		t.Errorf("the page has no figure (%v)", err)
	}
}

// TestSyntheticSystemIsMeasuredExactly: what the testbed reports of a system whose delay and distortion are known. It takes real
// time, and pipes, as real systems do.
func TestSyntheticSystemIsMeasuredExactly(t *testing.T) {
	if err := shell.Missing(); err != nil {
		if os.Getenv("SALSIFY_REQUIRE_TOOLS") == "1" && os.Geteuid() == 0 {
			t.Fatalf("SALSIFY_REQUIRE_TOOLS=1 demands network namespaces: %v", err)
		}
		t.Skipf("skipped: real systems need network namespaces: %v", err)
	}
	for _, parameters := range []string{"delay=100ms,noise=4", "delay=250ms,noise=12,every=3,freeze=500ms@2s"} {
		// What a busy machine adds is not there every time; what the testbed adds would be.
		var faults []string
		for range 3 {
			if faults = measureSynthetic(t, parameters); len(faults) == 0 {
				break
			}
		}
		if len(faults) > 0 {
			t.Errorf("%s, three times, at last:\n%s", parameters, strings.Join(faults, "\n"))
		}
	}
}

func TestClip(t *testing.T) {
	status, out, err := call("clip", "test:", "-", "--size", "160x120", "--pictures", "3")
	file := filepath.Join(t.TempDir(), "a.y4m")
	if status != exitOK || len(out) < 3*160*120*3/2 || !strings.HasPrefix(out, "YUV4MPEG2") {
		t.Fatalf("status %d, %d bytes, %s", status, len(out), err)
	}
	if status, _, err := call("clip", "test:", file, "--size", "160x120", "--pictures", "3"); status != exitOK {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(file); err != nil || string(written) != out {
		t.Errorf("the file differs from standard output (%v)", err)
	}
	// The drawn scene has no end, so there is one to what is written of it.
	status, out, err = call("clip", "test:", "-", "--size", "160x120", "--rate", "5")
	if pictures := strings.Count(out, "FRAME\n"); status != exitOK || pictures != 50 {
		t.Errorf("status %d, %d pictures of 10 s at 5 a second, %s", status, pictures, err)
	}
}

// TestNothingShown: a call that showed nothing is no success, and its result is kept.
func TestNothingShown(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "cell")
	status, text, said := call("run", "--virtual", "--clip", "test:", "--size", "160x120", "--rate", "10", "--duration", "1s",
		"--loss-down", "1", "--out", out)
	if status != exitFailed || !strings.Contains(said, "nothing was ever shown; see "+filepath.Join(out, result.LogsFolder)) || text != "" {
		t.Errorf("status %d, %s%s", status, text, said)
	}
	if r, err := result.Read(out); err != nil || r.Figures.Shown != 0 || r.Figures.Captured != 10 {
		t.Errorf("the result is %+v, %v", r, err)
	}
	file := filepath.Join(folder, "all.yaml")
	writeFile(t, file, "duration: 1s\nvirtual: true\nno-oracle: true\nsystems: [salsify]\n"+
		"clips: [{source: 'test:', size: 160x120, rate: 10}]\nnetworks: [{name: dead, loss-down: 1}]\n")
	status, text, said = call("matrix", file, "--out", filepath.Join(folder, "results"))
	if status != exitOK || !strings.Contains(text, "1 cells run") || !strings.Contains(text, "in 1 of them nothing was ever shown") {
		t.Errorf("status %d, %s%s", status, text, said)
	}
}

// TestMatrixIsNotMixed goes the way of a user who changes the file between two calls.
func TestMatrixIsNotMixed(t *testing.T) {
	folder := t.TempDir()
	file, out := filepath.Join(folder, "all.yaml"), filepath.Join(folder, "results")
	const text = "title: Two of a kind\nduration: 1s\nrepeats: 2\nvirtual: true\nno-oracle: true\nsystems: [salsify]\n" +
		"clips: [{source: 'test:', size: 160x120, rate: 10}]\nnetworks: [{name: free}]\n"
	writeFile(t, file, text)
	expect := func(want int, says string, args ...string) {
		t.Helper()
		status, stdout, stderr := call(append([]string{"matrix", file, "--out", out}, args...)...)
		if status != want || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%q: status %d, says %s%s; must be %d and have %q", args, status, stdout, stderr, want, says)
		}
	}
	expect(exitOK, "left out: repeats from 2 on of salsify on free", "--dry-run")
	expect(exitOK, "1 cells run, 0 had been run before")
	expect(exitOK, "(finished)", "--dry-run")
	expect(exitOK, "0 cells run, 1 had been run before")
	writeFile(t, file, strings.Replace(text, "duration: 1s", "duration: 2s", 1))
	expect(exitOK, "(has a result of another call: duration was 1s, is 2s now)", "--dry-run")
	expect(exitFailed, "give another --out, or --redo")
	expect(exitOK, "1 cells run", "--redo")
	status, stdout, stderr := call("report", out)
	if status != exitOK || !strings.Contains(stdout, "Two of a kind") || strings.Contains(stdout, "Left out") {
		t.Errorf("report: status %d, %s%s", status, stdout, stderr)
	}
	writeFile(t, file, strings.Replace(text, "'test:'", "nothere.mp4", 1))
	expect(exitUsage, "nothere.mp4", "--dry-run")
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// measureSynthetic runs a cell and tells what differs from what is known.
func measureSynthetic(t *testing.T, parameters string) (faults []string) {
	t.Helper()
	const length = 5 * time.Second
	out := filepath.Join(t.TempDir(), "cell")
	status, _, stderr := call("run", "--system", "synthetic:"+parameters, "--clip", "test:", "--size", "320x180", "--rate", "20",
		"--duration", length.String(), "--score-every", "1", "--max-load", "1", "--out", out)
	if status != exitOK {
		t.Fatalf("%s: %s", parameters, stderr)
	}
	r, err := result.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	s, err := synthetic.Parse(parameters)
	if err != nil {
		t.Fatal(err)
	}
	video, err := clip.Open(t.Context(), clip.Config{Source: "test:", Width: 320, Height: 180, Rate: 20}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	want, ssim := expected(t, s.(*synthetic.System).Config(), video, length)
	f := r.Figures
	t.Logf("%s: frame delay p50 %.2f ms (known %v), signal delay p50 %.2f ms (%v), SSIM %.3f dB (%.3f), shown %d (%d)", parameters,
		f.FrameDelay.P50, want.FrameDelay.P50, f.SignalDelay.P50, want.SignalDelay.P50, *f.SSIMdB, ssim, f.Shown, want.Shown)
	fault := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }
	within := func(name string, got float64, known time.Duration) {
		if ms := float64(known) / float64(time.Millisecond); math.Abs(got-ms) > 1 {
			fault("%s is %.2f ms, is known to be %.2f ms", name, got, ms)
		}
	}
	within("median frame delay", f.FrameDelay.P50, want.FrameDelay.P50)
	within("median signal delay", f.SignalDelay.P50, want.SignalDelay.P50)
	if math.Abs(*f.SSIMdB-ssim) > 0.02 {
		fault("SSIM is %.3f dB, is known to be %.3f dB", *f.SSIMdB, ssim)
	}
	// A camera on a busy machine may lose a picture now and then.
	if f.Torn != 0 || f.Unreadable != 0 || f.Shown > want.Shown || f.Shown < want.Shown*9/10 {
		fault("%d shown of %d, %d torn, %d unreadable", f.Shown, want.Shown, f.Torn, f.Unreadable)
	}
	if f.Freezes.Count != want.Freezes {
		fault("%d freezes, must be %d", f.Freezes.Count, want.Freezes)
	}
	return faults
}

// expected computes the figures from the definition of the synthetic system.
func expected(t *testing.T, c synthetic.Config, video *clip.Video, length time.Duration) (measure.Summary, float64) {
	t.Helper()
	begin := time.Unix(0, 0)
	var captured []time.Time
	for n := 0; time.Duration(n)*time.Second/20 < length; n++ {
		captured = append(captured, begin.Add(time.Duration(n)*time.Second/20))
	}
	var shown []measure.Shown
	var ssim float64
	for _, p := range c.Pictures(video.Rate(), length) {
		score, err := c.Score(video, p.Number)
		if err != nil {
			t.Fatal(err)
		}
		ssim += score.SSIM
		shown = append(shown, measure.Shown{Number: p.Number, Captured: captured[p.Number], At: begin.Add(p.ShowAt)})
	}
	return measure.Summarize(captured, shown, begin.Add(length)), quality.DB(ssim / float64(len(shown)))
}

func TestEveryInstallableSystemHasAName(t *testing.T) {
	for _, name := range cell.Installable {
		if err := cell.Missing(cell.Config{System: name}); err != nil && strings.Contains(err.Error(), "no system") {
			t.Errorf("%s: %v", name, err)
		}
	}
	status, out, _ := call("systems")
	for _, want := range []string{"chrome", "command", "synthetic", "oracle", "\nsalsify-eval "} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q in %s", status, want, out)
		}
	}
}
