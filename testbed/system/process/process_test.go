package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/testbed/system"
)

// killedVariable makes the test binary a testbed that starts a program which starts another, tells both numbers, and stays until it is killed.
const killedVariable = "SALSIFY_PROCESS_TEST_KILLED"

func TestMain(m *testing.M) {
	if os.Getenv(killedVariable) == "" {
		os.Exit(m.Run())
	}
	program := exec.Command("sh", "-c", `trap '' INT TERM HUP PIPE; sleep 60 & echo $$ $! .; wait`)
	program.Stdout = os.Stdout
	p, err := Start("program", system.Host{}, program, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	<-p.Done()
}

func TestNothingOutlivesTheTestbed(t *testing.T) {
	testbed := exec.Command("/proc/self/exe")
	testbed.Env = append(os.Environ(), killedVariable+"=1")
	out, err := testbed.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := testbed.Start(); err != nil {
		t.Fatal(err)
	}
	var program, child int
	_, scanErr := fmt.Fscanf(out, "%d %d .", &program, &child)
	if err := testbed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = testbed.Wait()
	if scanErr != nil {
		t.Fatal(scanErr)
	}
	gone(t, child)
	gone(t, program)
}

func sh(t *testing.T, script string) (*Process, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start("script", system.Host{}, exec.Command("sh", "-c", script), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.End(0) })
	return p, path
}

func ended(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("it has not ended")
	}
}

// waitFor waits until the log has the text.
func waitFor(t *testing.T, path, text string) string {
	t.Helper()
	for range 500 {
		if b, _ := os.ReadFile(path); strings.Contains(string(b), text) {
			return string(b)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the log does not say %q", text)
	return ""
}

func TestWhatAFailedProcessSaid(t *testing.T) {
	p, path := sh(t, `for i in $(seq 20); do echo line $i >&2; done; printf '10%%\r90%%\r\n' >&2; exit 3`)
	ended(t, p)
	err := p.Err()
	if !errors.Is(err, ErrEnded) {
		t.Fatalf("%v", err)
	}
	text := err.Error()
	for _, want := range []string{"script", "exit status 3", "line 20", "90%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the error lacks %q:\n%s", want, text)
		}
	}
	for _, no := range []string{"line 12\n", "10%"} {
		if strings.Contains(text, no) {
			t.Errorf("the error has %q:\n%s", no, text)
		}
	}
	waitFor(t, path, "line 1\n")
}

func TestEndingWellButEarlyIsAnError(t *testing.T) {
	p, _ := sh(t, "exit 0")
	ended(t, p)
	p.End(time.Second) // comes too late to make it right
	if err := p.Err(); !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "status 0") {
		t.Errorf("%v", err)
	}
}

func TestEndInterrupts(t *testing.T) {
	p, path := sh(t, `trap 'echo goodbye >&2; exit 7' INT; echo ready >&2; while :; do sleep 0.02; done`)
	waitFor(t, path, "ready")
	if p.Err() != nil {
		t.Error("it runs, and has an error:", p.Err())
	}
	p.End(5 * time.Second)
	if text := waitFor(t, path, "goodbye"); strings.Contains(text, "killed") {
		t.Error("it was killed:", text)
	}
	if p.Err() != nil {
		t.Error("it was asked to end:", p.Err())
	}
}

func TestEndKillsTheStubbornAndTheirChildren(t *testing.T) {
	p, path := sh(t, `trap '' INT TERM; sh -c 'echo child $$ . >&2; sleep 60' & wait; sleep 60`)
	text := waitFor(t, path, ".")
	child, err := strconv.Atoi(strings.Fields(text)[1])
	if err != nil {
		t.Fatal(err)
	}
	p.End(50 * time.Millisecond)
	waitFor(t, path, "killed")
	gone(t, child)
}

func TestChildrenLeftBehindAreKilled(t *testing.T) {
	p, path := sh(t, `sh -c 'echo child $$ . >&2; sleep 60' & sleep 0.1; exit 0`)
	text := waitFor(t, path, ".")
	child, err := strconv.Atoi(strings.Fields(text)[1])
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	gone(t, child)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "status 0") {
		t.Errorf("%v", err)
	}
}

func gone(t *testing.T, pid int) {
	t.Helper()
	for range 200 {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return // a zombie waits for whoever adopted it
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d lives on", pid)
}

func TestAwaitLetsItEndByItself(t *testing.T) {
	p, path := sh(t, `sleep 0.2; echo by myself >&2`)
	p.Await(5 * time.Second)
	waitFor(t, path, "by myself")
	if p.Err() != nil {
		t.Error(p.Err())
	}
}

func TestOwnGroup(t *testing.T) {
	p, _ := sh(t, "sleep 60")
	group, err := syscall.Getpgid(p.cmd.Process.Pid)
	if err != nil || group != p.group.guard.Process.Pid || group == syscall.Getpgrp() {
		t.Errorf("process %d is in group %d, we in %d: %v", p.cmd.Process.Pid, group, syscall.Getpgrp(), err)
	}
	p.End(time.Second)
}

func TestNoSuchProgram(t *testing.T) {
	if _, err := Start("nothing", system.Host{}, exec.Command("/no/such/program"), nil); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("%v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tail tail
		var all []byte
		for _, piece := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3*tailBytes), 0, 6).Draw(t, "pieces") {
			if n, err := tail.Write(piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
			all = append(all, piece...)
		}
		if want := all[max(0, len(all)-tailBytes):]; string(want) != string(tail.b) {
			t.Fatalf("%d bytes kept of %d, and not the last", len(tail.b), len(all))
		}
		tail.text()
	})
}

func TestPorts(t *testing.T) {
	ports, err := Ports(context.Background(), system.Host{}, 3)
	if err != nil || len(ports) != 3 {
		t.Fatal(ports, err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if port%2 != 0 || seen[port] {
			t.Errorf("ports %v", ports)
		}
		seen[port] = true
		l, err := system.Host{}.Listen(context.Background(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Error(err)
			continue
		}
		l.Close()
	}
}
