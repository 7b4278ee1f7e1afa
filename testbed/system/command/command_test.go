package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"salsify/testbed/clip"
	"salsify/testbed/system/internal/rehearsal"
	"salsify/testbed/testenv"
)

func mustNew(t *testing.T, c Config) *System {
	t.Helper()
	c.Name = "pair"
	if c.Warmup == 0 {
		c.Warmup = 20 * time.Millisecond
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Pictures by a named pipe: nothing is lost, and next to no time.
func TestCall(t *testing.T) {
	r := rehearsal.New(t, clip.Config{})
	s := mustNew(t, Config{
		Receive: `mkfifo {logs}/pictures; env > {logs}/environment; echo "{sender} {receiver} {width}x{height} {rate}" >&2; cat {logs}/pictures`,
		Send:    `until [ -p {logs}/pictures ]; do sleep 0.01; done; cat > {logs}/pictures`,
	})
	if err := s.Missing(); err != nil {
		t.Fatal(err)
	}
	r.Expect(s, 2*time.Second, 15, 200*time.Millisecond) // of 60
	if !strings.Contains(r.Said(), "127.0.0.1 127.0.0.1 320x180 30\n") {
		t.Errorf("the receiver said %q", r.Said())
	}
	environment, err := os.ReadFile(filepath.Join(r.Logs, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SALSIFY_EVAL_RECEIVER=127.0.0.1", "SALSIFY_EVAL_PORT=", "SALSIFY_EVAL_PORT2=", "SALSIFY_EVAL_WIDTH=320"} {
		if !strings.Contains(string(environment), want) {
			t.Errorf("the environment lacks %s", want)
		}
	}
	if c := r.Commands(); len(c) != 2 || !slices.Equal(c[1], []string{"sh", "-c", strings.ReplaceAll(s.config.Send, "{logs}", r.Logs)}) {
		t.Errorf("commands: %q", c)
	}
}

// The example of docs/testbed.md. ffmpeg sends VP8 by RTP at a fixed rate; nothing adapts, and nothing that is lost is sent again.
const (
	ffmpegSend = `ffmpeg -loglevel warning -fflags nobuffer -probesize 32 -f yuv4mpegpipe -i - ` +
		`-c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0 -error-resilient 1 -b:v 1M -minrate 1M -maxrate 1M -bufsize 500k -g 30 ` +
		`-fps_mode passthrough -flush_packets 1 -f rtp 'rtp://{receiver}:{port}?pkt_size=1200'`
	ffmpegReceive = `printf 'v=0\nc=IN IP4 {receiver}\nm=video {port} RTP/AVP 96\na=rtpmap:96 VP8/90000\n' | ` +
		`ffmpeg -loglevel warning -protocol_whitelist pipe,rtp,udp -flags low_delay -threads 1 ` +
		`-analyzeduration 0 -probesize 32 -f sdp -i - -pix_fmt yuv420p -fps_mode passthrough -flush_packets 1 -f yuv4mpegpipe -`
)

// 2 s in real time.
func TestFFmpeg(t *testing.T) {
	testenv.Tool(t, "ffmpeg")
	r := rehearsal.New(t, clip.Config{})
	s := mustNew(t, Config{Send: ffmpegSend, Receive: ffmpegReceive, Version: "ffmpeg -version", Warmup: DefaultWarmup})
	if v := s.Versions(context.Background())["pair"]; !strings.HasPrefix(v, "ffmpeg version ") || strings.Contains(v, "\n") {
		t.Errorf("version %q", v)
	}
	r.Setup = 20 * time.Second
	r.Expect(s, 2*time.Second, 5, 2*time.Second)
}

func TestTheErrorSaysWhatWentWrong(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   []string
	}{
		"the sender":            {Config{Send: "echo no camera here >&2; exit 3", Receive: "cat > /dev/null; sleep 9"}, []string{"send", "exit status 3", "no camera here"}},
		"the receiver":          {Config{Send: "cat > /dev/null", Receive: "echo no window >&2; exit 4"}, []string{"receive", "exit status 4", "no window"}},
		"not pictures":          {Config{Send: "cat > /dev/null", Receive: "echo hello; echo strange >&2; sleep 9"}, []string{"receive shows", "YUV4MPEG2", "strange"}},
		"a sender that is deaf": {Config{Send: "exec <&-; sleep 9", Receive: "sleep 9"}, []string{"camera", "send"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rehearsal.New(t, clip.Config{})
			err := r.Run(mustNew(t, c.config), 8*time.Second)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

func TestCloseInPlaceOfRun(t *testing.T) {
	r := rehearsal.New(t, clip.Config{})
	session, err := mustNew(t, Config{Send: "cat", Receive: "sleep 60"}).Prepare(t.Context(), r.Call)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := session.Close(); err != nil || time.Since(began) > 3*time.Second {
		t.Error(err, time.Since(began))
	}
}

func TestNoDevice(t *testing.T) {
	r := rehearsal.New(t, clip.Config{})
	device := filepath.Join(t.TempDir(), "video9")
	s := mustNew(t, Config{Send: "sleep 60", Receive: "sleep 60", Input: Device, Device: device})
	if err := s.Missing(); err == nil || !strings.Contains(err.Error(), "v4l2loopback") {
		t.Errorf("%v", err)
	}
	if err := r.Run(s, 8*time.Second); err == nil || !strings.Contains(err.Error(), device) {
		t.Errorf("%v", err)
	}
}

func TestMissingProgram(t *testing.T) {
	err := mustNew(t, Config{Send: "no-such-program-9 -x", Receive: "cat"}).Missing()
	if err == nil || !strings.Contains(err.Error(), `"no-such-program-9"`) || strings.Contains(err.Error(), `"cat"`) {
		t.Errorf("%v", err)
	}
	if err := mustNew(t, Config{Send: "A=1 whatever", Receive: "exec cat"}).Missing(); err != nil {
		t.Error("only the shell knows:", err)
	}
}

func TestNewTellsWhatIsWrong(t *testing.T) {
	for want, c := range map[string]Config{
		"no name":               {Send: "a", Receive: "b"},
		"sending command":       {Name: "n", Send: " ", Receive: "b"},
		"receiving command":     {Name: "n", Send: "a"},
		"\"tube\"":              {Name: "n", Send: "a", Receive: "b", Input: "tube"},
		"/dev/video9":           {Name: "n", Send: "a", Receive: "b", Input: Device},
		"make it \"device\"":    {Name: "n", Send: "a", Receive: "b", Device: "/dev/video9"},
		"{reciever} is not":     {Name: "n", Send: "a {reciever}", Receive: "b"},
		"{sender} {receiver} {": {Name: "n", Send: "a", Receive: "b {address}"},
	} {
		if _, err := New(c); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, which lacks %q", c, err, want)
		}
	}
}

func TestFill(t *testing.T) {
	values := map[string]string{receiverName: "10.0.0.1", portName: "9000"}
	got, err := fill(`{receiver}:{port} ${port} ${port:-1} { date; } {a,b} {1..3} awk '{ print $1 }' {} {PORT}`, values)
	if want := `10.0.0.1:9000 ${port} ${port:-1} { date; } {a,b} {1..3} awk '{ print $1 }' {} {PORT}`; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := fill("{device}", values); err == nil || !strings.Contains(err.Error(), "no value") {
		t.Error(err)
	}
}

func FuzzFill(f *testing.F) {
	for _, seed := range []string{"{port}", "${port}", "{{port}}", "{port", "{x}", "$", "{PORT}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fill(text, dummies)
		if err == nil && strings.Count(got, "{port}") != strings.Count(got, "${port}") {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
