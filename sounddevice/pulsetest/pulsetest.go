// Package pulsetest runs a PulseAudio of a test's own, whose speaker plays into nothing and whose microphone hears that speaker.
package pulsetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salsify/testbed/testenv"
)

// startTime is how long the server may take to answer, on a busy machine.
const startTime = 10 * time.Second

// Server is a running PulseAudio.
type Server struct {
	t      testing.TB
	folder string
	socket string
	daemon *exec.Cmd
	log    bytes.Buffer
}

// Start starts a server, to which everything in this process that plays or records connects until the test ends. It skips the test
// where PulseAudio is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	testenv.Tool(t, "pulseaudio")
	folder, err := os.MkdirTemp("", "pulse") // short: the path of a socket has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, folder: folder, socket: filepath.Join(folder, "native")}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	t.Cleanup(s.Stop)
	t.Setenv("XDG_RUNTIME_DIR", folder)
	t.Setenv("XDG_CONFIG_HOME", folder)
	t.Setenv("HOME", folder)
	t.Setenv("PULSE_SERVER", "unix:"+s.socket)
	s.Run()
	return s
}

// Run starts the server again after Stop.
func (s *Server) Run() {
	s.t.Helper()
	_ = os.Remove(s.socket)
	s.daemon = exec.Command("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "--log-target=stderr",
		"-L", "module-null-sink sink_name=speakers rate=48000 channels=2 sink_properties=device.description=TestSpeakers",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+s.socket)
	s.log.Reset()
	s.daemon.Stdout, s.daemon.Stderr = &s.log, &s.log
	if err := s.daemon.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(startTime); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", s.socket); err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			s.Stop()
			s.t.Fatalf("pulseaudio does not answer: %s", s.log.String())
		}
	}
}

// Stop ends the server at once, as a crash does. A second Stop does nothing.
func (s *Server) Stop() {
	if s.daemon == nil {
		return
	}
	_ = s.daemon.Process.Kill()
	_ = s.daemon.Wait()
	s.daemon = nil
}

// Control runs pactl, and returns what it printed.
func (s *Server) Control(arguments ...string) string {
	s.t.Helper()
	out, err := exec.Command(testenv.Tool(s.t, "pactl"), arguments...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("pactl %s: %v: %s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}
