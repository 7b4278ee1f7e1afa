package chrome

import (
	"cmp"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salsify/testbed/clip"
	"salsify/testbed/system"
	"salsify/testbed/system/internal/rehearsal"
	"salsify/testbed/testenv"
)

// rehearse prepares a call over the machine's own loopback interface, of which every fifth picture is kept.
func rehearse(t *testing.T) *rehearsal.Rehearsal {
	r := rehearsal.New(t, clip.Config{Width: 640, Height: 360, Seed: 1})
	r.Call.Keep = 5
	return r
}

// A real call, of real time: 5 s, and about as long before and after.
func TestCall(t *testing.T) {
	testenv.Tool(t, "chromium")
	r := rehearse(t)
	call := r.Call
	var started []*exec.Cmd
	call.Ran = func(cmd *exec.Cmd) { started = append(started, cmd) }
	if err := r.Run(New(Config{Loop: 4 * time.Second}), 5*time.Second); err != nil {
		t.Fatal(err)
	}

	// Nothing is left of it.
	profiles := 0
	for _, cmd := range started {
		for _, argument := range cmd.Args {
			if profile, is := strings.CutPrefix(argument, "--user-data-dir="); is {
				profiles++
				if _, err := os.Stat(profile); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is still there: %v", profile, err)
				}
			}
		}
		if err := syscall.Kill(-cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("processes of group %d are still there: %v", cmd.Process.Pid, err)
		}
	}
	if profiles != 2 {
		t.Errorf("%d browsers, want 2", profiles)
	}

	// The camera played for 5 s, and what it gave was shown soon after.
	captured := call.Camera.Captured(time.Now())
	if len(captured) < 60 { // of 150; a busy machine makes the camera slow
		t.Fatalf("%d pictures captured", len(captured))
	}
	if length := captured[len(captured)-1].At.Sub(captured[0].At); length > 6*time.Second {
		t.Errorf("captured for %v", length)
	}
	shown := r.Shown()
	if len(shown) < len(captured)/2 {
		t.Fatalf("%d of %d pictures were shown", len(shown), len(captured))
	}
	byDelay := func(a, b rehearsal.Shown) int { return cmp.Compare(a.Delay, b.Delay) }
	least, most := slices.MinFunc(shown, byDelay).Delay, slices.MaxFunc(shown, byDelay).Delay
	t.Logf("%d of %d pictures shown, delay %v to %v, median %v", len(shown), len(captured), least, most, rehearsal.Median(shown))
	if least <= 0 || most > time.Second {
		t.Errorf("delays from %v to %v", least, most)
	}
	if counts := call.Screen.Counts(); counts.Torn > 0 || counts.Unreadable > 0 {
		t.Errorf("%+v", counts)
	}

	if err := call.Screen.Score(t.Context(), call.Video, nil); err != nil {
		t.Fatal(err)
	}
	scored, sum := 0, 0.0
	for _, seen := range call.Screen.Seen() {
		if seen.Scored {
			scored++
			sum += seen.Score.SSIM
		}
	}
	if scored < len(shown)/10 { // every fifth was kept
		t.Errorf("%d of %d pictures were scored", scored, len(shown))
	}
	if dB := -10 * math.Log10(1-sum/float64(scored)); !(dB > 5) {
		t.Errorf("SSIM of %.1f dB", dB)
	}

	for _, name := range []string{"chrome-sender-stats.jsonl", "chrome-receiver-stats.jsonl"} {
		stats, err := os.ReadFile(filepath.Join(r.Logs, name))
		if err != nil || strings.Count(string(stats), "\n") < 3 || !strings.Contains(string(stats), "video/VP8") {
			t.Errorf("%s: %.200s %v", name, stats, err)
		}
	}
}

// A browser that dies ends the call with an error that says which, and leaves nothing, in real time: 5 s.
func TestBrowserDies(t *testing.T) {
	testenv.Tool(t, "chromium")
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	call := rehearse(t).Call
	var started []*exec.Cmd
	call.Ran = func(cmd *exec.Cmd) { started = append(started, cmd) }
	s, err := New(Config{Loop: time.Second}).Prepare(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Run(t.Context()) }()
	time.Sleep(500 * time.Millisecond) // some moment of the call
	if err := started[1].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "receiver's Chromium") || !strings.Contains(err.Error(), "killed") {
			t.Errorf("%v", err)
		}
	case <-time.After(askTime):
		t.Error("the call goes on")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("it left, in the folder of temporary files, %v, %v", left, err)
	}
}

func TestMissing(t *testing.T) {
	if err := New(Config{Binary: "no-such-browser"}).Missing(); err == nil || !strings.Contains(err.Error(), "no-such-browser") ||
		!strings.Contains(err.Error(), "apt install chromium") {
		t.Errorf("%v", err)
	}
	if err := New(Config{Codec: "MPEG-1"}).Missing(); err == nil || !strings.Contains(err.Error(), "VP8, VP9 or H264") {
		t.Errorf("%v", err)
	}
	if versions := New(Config{Binary: "no-such-browser"}).Versions(t.Context()); len(versions) != 0 {
		t.Errorf("%v", versions)
	}
	if _, err := New(Config{Binary: "no-such-browser"}).Prepare(t.Context(), &system.Call{}); err == nil {
		t.Error("Prepare without a browser")
	}
	// What starts but is no browser.
	call := rehearse(t).Call
	if _, err := New(Config{Binary: "false", Loop: time.Second}).Prepare(t.Context(), call); err == nil ||
		!strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("%v", err)
	}
}

func TestParseVersion(t *testing.T) {
	for line, want := range map[string]string{
		"Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)\n": "chromium 156.0.8078.79",
		"Google Chrome 140.0.7339.80 \n":                                   "google-chrome 140.0.7339.80",
		"":                                                                 "",
		"command not found":                                                "",
	} {
		var got string
		for name, version := range parseVersion(line) {
			got += name + " " + version
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", line, got, want)
		}
	}
}

func TestLoopPictures(t *testing.T) {
	const endless = math.MaxInt32
	for _, test := range []struct {
		period int
		rate   float64
		asked  time.Duration
		room   int64
		want   int // 0: an error
	}{
		{498, 30, 30 * time.Second, 10_000, 996},      // whole periods
		{900, 30, 30 * time.Second, 10_000, 900},      // just one
		{1, 30, 30 * time.Second, 10_000, 900},        // a still picture
		{498, 30, 30 * time.Second, 950, 950},         // no room for two periods: a cut
		{endless, 30, 30 * time.Second, 10_000, 2250}, // never the same again: a cut, after 75 s
		{endless, 30, 30 * time.Second, 2000, 2000},
		{5000, 30, 30 * time.Second, 10_000, 2250}, // a period of 167 s
		{endless, 30, 100 * time.Second, 10_000, 7500},
		{498, 30, 30 * time.Second, 899, 0},
		{498, 30, 30 * time.Second, 0, 0},
	} {
		got, err := loopPictures(test.period, test.rate, test.asked, test.room)
		if got != test.want || (err != nil) != (test.want == 0) {
			t.Errorf("loopPictures(%d, %g, %v, %d) = %d, %v; want %d", test.period, test.rate, test.asked, test.room, got, err, test.want)
		}
	}
}

func TestOnlyFrom(t *testing.T) {
	const sdp = "v=0\r\na=ice-ufrag:x\r\n" +
		"a=candidate:1 1 udp 2122260223 100.64.0.1 51342 typ host generation 0\r\n" +
		"a=candidate:2 1 udp 2122194687 192.0.2.7 51343 typ host generation 0\r\n" +
		"a=candidate:3 1 udp 2122194687 100.64.0.10 51343 typ host\r\n" +
		"a=candidate:4 1 tcp 1518280447 100.64.0.1 9 typ host tcptype active\r\n" +
		"a=candidate:5\r\na=end-of-candidates\r\n"
	const want = "v=0\r\na=ice-ufrag:x\r\n" +
		"a=candidate:1 1 udp 2122260223 100.64.0.1 51342 typ host generation 0\r\n" +
		"a=candidate:4 1 tcp 1518280447 100.64.0.1 9 typ host tcptype active\r\n" +
		"a=end-of-candidates\r\n"
	if got, candidates := onlyFrom(sdp, "100.64.0.1"); got != want || candidates != 2 {
		t.Errorf("%d candidates in\n%s", candidates, got)
	}
	if _, candidates := onlyFrom(sdp, "100.64.0.2"); candidates != 0 {
		t.Errorf("%d candidates of another address", candidates)
	}
}
