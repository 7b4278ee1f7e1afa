package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the command as the shell would, without a terminal. Standard input is empty.
func command(t *testing.T, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("DISPLAY", "") // no window
	t.Setenv("WAYLAND_DISPLAY", "")
	empty, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	out, said := temporary(t), temporary(t)
	code = run(arguments, empty, out, said)
	return code, contents(t, out), contents(t, said)
}

func temporary(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func contents(t *testing.T, f *os.File) string {
	t.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHelpTeaches(t *testing.T) {
	for _, flag := range []string{"--help", "-h"} {
		code, stdout, stderr := command(t, flag)
		if code != exitOK || stderr != "" {
			t.Errorf("%s: exit %d, stderr %q", flag, code, stderr)
		}
		for _, says := range []string{
			"Usage: salsify-send SOURCE HOST:PORT", "test:", "FILE.y4m", "--key KEY", "--size WxH", "--max-bitrate RATE",
			"--record FILE.ivf", "--stats FILE", "--metrics ADDRESS", "--duration", "--log-level", "--verbose", "--mode", "--loop",
		} {
			if !strings.Contains(stdout, says) {
				t.Errorf("%s does not tell of %q", flag, says)
			}
		}
	}
}

// A wrong call ends with status 2 and says what to write instead.
func TestWrongUsage(t *testing.T) {
	t.Setenv("SALSIFY_KEY", "")
	tests := []struct{ arguments, says string }{
		{"", "SOURCE and HOST:PORT are missing, such as: salsify-send test: localhost:9000"},
		{"test:", "HOST:PORT is missing after \"test:\""},
		{"test: h:1 more", `"more" is one argument too many`},
		{"test: :9000", "is not HOST:PORT: write it as salsify-recv shows it"},
		{"test: h:0", "is not HOST:PORT"},
		{"test: h:70000", "is not HOST:PORT"},
		{"test: h:http", "is not HOST:PORT"},
		{"test: https://h:9000/whip", "is not HOST:PORT"},
		{"test: [::1:9000", "is not HOST:PORT"},
		{"test: h:1 --speed 3", "unknown flag: --speed"},
		{"test: h:1 --size 320", `--size is "320": write WIDTHxHEIGHT`},
		{"test: h:1 --size 320x", "write WIDTHxHEIGHT"},
		{"test: h:1 --size 320x180x3", "write WIDTHxHEIGHT"},
		{"test: h:1 --size 8x8", "each 16 to 4096"},
		{"test: h:1 --size 99999x180", "each 16 to 4096"},
		{"test: h:1 --size=-320x180", "write WIDTHxHEIGHT"},
		{"test: h:1 --rate x", "invalid argument"},
		{"test: h:1 --rate=-1", "--rate is -1: give 0.1 to 240"},
		{"test: h:1 --rate 1000", "give 0.1 to 240"},
		{"test: h:1 --rate 0.01", "give 0.1 to 240"},
		{"test: h:1 --rate NaN", "give 0.1 to 240"},
		{"test: h:1 --max-bitrate fast", "write for example 800k, 2.5M"},
		{"test: h:1 --max-bitrate 0", "write for example 800k, 2.5M"},
		{"test: h:1 --max-bitrate=-5M", "write for example 800k, 2.5M"},
		{"test: h:1 --max-bitrate 800", "with its unit, such as 800k"},
		{"test: h:1 --tolerance 1ms", "--tolerance is 1ms: give 10ms to 10s"},
		{"test: h:1 --tolerance 100", "missing unit"},
		{"test: h:1 --tolerance 1m", "give 10ms to 10s"},
		{"test: h:1 --effort 11", "--effort is 11: give 0 to 10"},
		{"test: h:1 --effort=-1", "give 0 to 10"},
		{"test: h:1 --mode best", "give one of [salsify single conventional-codec conventional]"},
		{"test: h:1 --duration=-1s", "give a time such as 30s"},
		{"test: h:1 --duration forever", "invalid argument"},
		{"test: h:1 --log-level loud", `--log-level is "loud": write debug, info, warn or error`},
		{"test: h:1 --metrics 9101", "--metrics is \"9101\": write [HOST]:PORT"},
		{"test: h:1 --metrics :http-alt", "write [HOST]:PORT"},
		{"test: h:1 --key short", "--key: not a key: it has 5 characters, and needs 20; give it as the receiver shows it"},
		{"test: h:1 --record", "flag needs an argument: --record"},
	}
	for _, test := range tests {
		code, stdout, stderr := command(t, strings.Fields(test.arguments)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.says) ||
			!strings.HasPrefix(stderr, "salsify-send: ") || !strings.Contains(stderr, `"salsify-send --help"`) {
			t.Errorf("%q: exit %d, stdout %q, and it should say %q:\n%s", test.arguments, code, stdout, test.says, stderr)
		}
	}
	t.Setenv("SALSIFY_KEY", "also-short")
	if code, _, stderr := command(t, "test:", "h:1"); code != exitUsage || !strings.Contains(stderr, "$SALSIFY_KEY: not a key") {
		t.Errorf("a bad key in the environment: exit %d\n%s", code, stderr)
	}
}

// A source that cannot be used ends the command before anything is dialled or written.
func TestUnusableSources(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.y4m")
	if err := os.WriteFile(text, []byte("no video\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder.y4m")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		source string
		flags  []string
		says   string
	}{
		{"tset:", nil, "A SOURCE is one of:"},
		{dir, nil, "A SOURCE is one of:"},
		{folder, nil, "is a directory"},
		{filepath.Join(dir, "absent.y4m"), nil, "there is no file"},
		{text, nil, "convert it: ffmpeg"},
		{"test:seed=x", nil, "seed"},
		{"-", nil, "pipe in YUV4MPEG2"}, // empty
		{"-", []string{"--loop"}, "cannot be played again"},
	}
	record := filepath.Join(dir, "sent.ivf")
	for _, test := range tests {
		code, _, stderr := command(t, append([]string{test.source, "127.0.0.1:1", "--duration", "1s", "--record", record}, test.flags...)...)
		if code != exitUsage || !strings.Contains(stderr, test.says) {
			t.Errorf("%s %v: exit %d, and it should say %q:\n%s", test.source, test.flags, code, test.says, stderr)
		}
	}
	if _, err := os.Stat(record); err == nil {
		t.Error("a recording was begun")
	}
}

// What cannot be written is found at once, and is no fault of the call.
func TestUnwritableFiles(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent", "file")
	for _, flag := range []string{"--record", "--stats"} {
		code, _, stderr := command(t, "test:", "127.0.0.1:1", "--size", "160x120", "--duration", "1s", flag, absent)
		if code != exitFailed || !strings.Contains(stderr, flag+": ") || !strings.Contains(stderr, "no such file") {
			t.Errorf("%s: exit %d\n%s", flag, code, stderr)
		}
	}
}

// Nobody is there: that is said, once, and with --duration it ends and says so.
func TestNobodyListens(t *testing.T) {
	code, _, stderr := command(t, "test:", "127.0.0.1:1", "--size", "160x120", "--duration", "500ms")
	if code != exitFailed || !strings.Contains(stderr, "no connection within --duration 500ms: start salsify-recv first") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if n := strings.Count(stderr, "waiting for the receiver: the receiver cannot be reached"); n != 1 {
		t.Errorf("said %d times that it waits:\n%s", n, stderr)
	}
}

func TestDestination(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"host:7000", "host:7000"}, {"host", "host:9000"}, {"192.0.2.7", "192.0.2.7:9000"}, {"[2001:db8::7]:7000", "[2001:db8::7]:7000"},
		{"2001:db8::7", "[2001:db8::7]:9000"}, {"fe80::1%eth0", ""},
	} {
		got, err := destination(test.text)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}
