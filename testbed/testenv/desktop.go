package testenv

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Desktop starts an X server without a screen (Xvfb), of that size in pixels, and makes it that of $DISPLAY until the test ends. It
// returns how to end it sooner.
func Desktop(t testing.TB, width, height int, arguments ...string) (end func()) {
	t.Helper()
	tool := Tool(t, "Xvfb")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	// The server finds a free number itself, and writes it to the pipe when it is ready.
	arguments = append([]string{
		"-displayfd", "3", "-nolisten", "tcp", "-noreset", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height)}, arguments...)
	server := exec.Command(tool, arguments...)
	server.ExtraFiles = []*os.File{write}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = server.Process.Kill()
			_ = server.Wait()
		}
	}
	t.Cleanup(end)
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	t.Setenv("WAYLAND_DISPLAY", "")
	return end
}
