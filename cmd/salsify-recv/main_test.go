package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"salsify/cmd/internal/live"
)

// command runs the command as the shell would, without a terminal.
func command(t *testing.T, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	out, said := temporary(t), temporary(t)
	t.Setenv("DISPLAY", "") // no window
	t.Setenv("WAYLAND_DISPLAY", "")
	empty, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
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
			"Usage: salsify-recv [flags]", "--listen ADDRESS", "--display WHERE", "--key-file FILE", "--open",
			"--tls-cert FILE", "--tls-key FILE", "--show-token", "--once", "--stats FILE", "--metrics ADDRESS", "--log-level", "--verbose",
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
		{":9000", `":9000": no arguments are expected; an address to listen at goes after --listen`},
		{"--speed 3", "unknown flag: --speed"},
		{"--listen 9000", `--listen is "9000": write [HOST]:PORT, such as :9000`},
		{"--listen :70000", "write [HOST]:PORT"},
		{"--listen :web", "write [HOST]:PORT"},
		{"--listen=", "write [HOST]:PORT"},
		{"--metrics 9100", "--metrics is \"9100\": write [HOST]:PORT"},
		{"--key short", "--key: not a key: it has 5 characters, and needs 20"},
		{"--key aaaaaaaaaaaaaaaaaaaaaaaa --key-file k", "only one of them can be the key"},
		{"--tls-cert c.pem", "--tls-cert and --tls-key go together"},
		{"--tls-key k.pem", "--tls-cert and --tls-key go together"},
		{"--duration=-1s", "give a time such as 30s"},
		{"--duration 5", "missing unit"},
		{"--log-level loud", `--log-level is "loud": write debug, info, warn or error`},
		{"--display screen", `--display is "screen": write none, a FILE.y4m, or -`},
		{"--display seen.mp4", "write none, a FILE.y4m, or -"},
	}
	for _, test := range tests {
		code, stdout, stderr := command(t, strings.Fields(test.arguments)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.says) || !strings.HasPrefix(stderr, "salsify-recv: ") {
			t.Errorf("%q: exit %d, stdout %q, and it should say %q:\n%s", test.arguments, code, stdout, test.says, stderr)
		}
	}
	t.Setenv("SALSIFY_KEY", "also-short")
	if code, _, stderr := command(t); code != exitUsage || !strings.Contains(stderr, "$SALSIFY_KEY: not a key") {
		t.Errorf("a bad key in the environment: exit %d\n%s", code, stderr)
	}
}

// What the system refuses is no fault of the call; it is said what was refused.
func TestRefusedBySystem(t *testing.T) {
	dir := t.TempDir()
	absent := filepath.Join(dir, "absent", "file.y4m")
	badKey := filepath.Join(dir, "key")
	if err := os.WriteFile(badKey, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		arguments []string
		says      string
	}{
		{[]string{"--display", absent}, "--display: "},
		{[]string{"--stats", absent}, "--stats: "},
		{[]string{"--key-file", absent}, "--key-file: "},
		{[]string{"--key-file", dir}, "--key-file: "},
		{[]string{"--key-file", badKey}, "--key-file: " + badKey + ": not a key: it has 5 characters"},
		{[]string{"--tls-cert", absent, "--tls-key", absent}, "--tls-cert: "},
		{[]string{"--listen", taken.Addr().String()}, "address already in use (give another address by --listen"},
		{[]string{"--metrics", taken.Addr().String()}, "give another address to --metrics"},
	}
	for _, test := range tests {
		code, _, stderr := command(t, append([]string{"--listen", "127.0.0.1:0", "--duration", "5s"}, test.arguments...)...)
		if code != exitFailed || !strings.Contains(stderr, test.says) {
			t.Errorf("%v: exit %d, and it should say %q:\n%s", test.arguments, code, test.says, stderr)
		}
	}
}

// What is to be typed at the other side is printed, with the port that was found.
func TestInvitation(t *testing.T) {
	t.Setenv("SALSIFY_KEY", "")
	file := filepath.Join(t.TempDir(), "key")
	code, _, stderr := command(t, "--listen", "127.0.0.1:0", "--duration", "1ms", "--key-file", file, "--show-token")
	if code != exitOK {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	for line := range strings.Lines(stderr) {
		fmt.Sscanf(line, "listening at 127.0.0.1:%d.", &port)
	}
	for _, says := range []string{
		fmt.Sprintf("\n  salsify-send SOURCE 127.0.0.1:%d --key %s", port, secret), "made a new key in " + file,
		fmt.Sprintf("bearer token for WHIP clients, endpoint https://HOST:%d/whip: ", port), "shown 0 frames of 0 senders",
	} {
		if !strings.Contains(stderr, says) {
			t.Errorf("it should say %q:\n%s", says, stderr)
		}
	}
	if port == 0 {
		t.Errorf("no port in:\n%s", stderr)
	}
	code, _, stderr = command(t, "--listen", ":0", "--duration", "1ms", "--open")
	if code != exitOK || !strings.Contains(stderr, "warning: --open lets anyone") || strings.Contains(stderr, "--key") {
		t.Errorf("--open: exit %d\n%s", code, stderr)
	}
}

// Refusals are told of, but whoever asks all the time does not fill the screen.
func TestRefusalsAreBounded(t *testing.T) {
	said := temporary(t)
	v := &view{screen: live.New(said)}
	synctest.Test(t, func(*testing.T) {
		time.Sleep(time.Hour) // away from the zero time
		for i := range 200 {  // one sender, for 20 s
			v.refused(fmt.Sprintf("192.0.2.7:%d", 1000+i), "busy")
			time.Sleep(100 * time.Millisecond)
		}
		for i := range 30 { // many, for 3 s
			v.refused(fmt.Sprintf("192.0.2.%d:9", i), "it has another key")
			time.Sleep(100 * time.Millisecond)
		}
	})
	got := strings.Split(strings.TrimSpace(contents(t, said)), "\n")
	if len(got) != 5 || got[0] != "refused a sender at 192.0.2.7:1000: busy" ||
		got[1] != "refused a sender at 192.0.2.7:1100: busy (and 99 more before it)" {
		t.Errorf("told %d times:\n%s", len(got), strings.Join(got, "\n"))
	}
}
