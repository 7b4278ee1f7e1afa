package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salsify/testbed/link"
	"salsify/testbed/shell"
)

// programVariable makes the test binary the program itself, or "ask", which sends a line by TCP to the address in its argument.
const programVariable = "SALSIFY_LINK_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(programVariable) {
	case "link":
		main()
	case "ask":
		c, err := net.DialTimeout("tcp", os.Args[1], 5*time.Second)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("connected to", c.RemoteAddr())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func salsifyLink(arguments ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", arguments...)
	cmd.Env = append(os.Environ(), programVariable+"=link", "PROGRAM="+os.Args[0], "MAHIMAHI_BASE=")
	return cmd
}

func needNamespaces(t *testing.T) {
	t.Helper()
	if err := shell.Missing(); err != nil {
		if os.Getenv("SALSIFY_REQUIRE_TOOLS") == "1" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("skipped: %v", err)
	}
}

func TestUsage(t *testing.T) {
	for arguments, want := range map[string]string{
		"--loss-up 2":                    `"--loss-up" flag: give a share`,
		"--loss 2":                       `"--loss" flag: give a share`,
		"--loss x":                       `"--loss" flag: give a share`,
		"--reorder NaN":                  `"--reorder" flag: give a share`,
		"--delay -5m":                    `"--delay" flag: give a time from 0s to 1m0s`,
		"--delay-up 1h":                  `"--delay-up" flag: give a time`,
		"--delay 20":                     "needs its unit: write 20ms or 20s",
		"--delay soon":                   "such as 20ms",
		"--queue droptail":               "packets=256",
		"--queue-down tail:packets=1":    "queue-down",
		"--outage-up sometimes":          "outage-up",
		"--start -1s":                    "start",
		"--outside ":                     "outside",
		"--nonsense":                     "nonsense",
		"--queue codel:packets=1,bad=22": "bad",
	} {
		_, err := parse(append(strings.Split(arguments, " "), "--", "true"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", arguments, err, want)
		}
	}
}

func TestFlags(t *testing.T) {
	o, err := parse(strings.Fields("--delay 20ms --delay-down 30ms --queue-up droptail:packets=9 --queue droptail:packets=256 --loss 0.5" +
		" --loss-up 0.01 --outage exponential:on=5s,off=200ms --start 10s --seed 7 --reorder 0.1 command --delay 1s -- x"))
	if err != nil {
		t.Fatal(err)
	}
	up, down, err := o.links()
	if err != nil {
		t.Fatal(err)
	}
	tail := func(packets int) link.Queue { return link.Queue{Policy: link.DropTail, Packets: packets} }
	want := link.Config{
		Start: 10 * time.Second, Delay: 20 * time.Millisecond, Queue: tail(9), Loss: 0.01, Seed: 7, Reorder: 0.1,
		ReorderDelay: 10 * time.Millisecond, OnOff: link.OnOff{On: 5 * time.Second, Off: 200 * time.Millisecond, Random: true},
	}
	if fmt.Sprint(up) != fmt.Sprint(want) {
		t.Errorf("up is   %+v\nwant it %+v", up, want)
	}
	want.Delay, want.Queue, want.Loss, want.Seed = 30*time.Millisecond, tail(256), 0.5, 8
	if fmt.Sprint(down) != fmt.Sprint(want) {
		t.Errorf("down is %+v\nwant it %+v", down, want)
	}
	if got := strings.Join(o.command, " "); got != "command --delay 1s -- x" {
		t.Errorf("the command is %q", got)
	}
	t.Setenv("SHELL", "/bin/mine")
	if o, err = parse(nil); err != nil || strings.Join(o.command, " ") != "/bin/mine" {
		t.Errorf("without a command: %v, %v", o.command, err)
	}
}

func TestHelp(t *testing.T) {
	out, err := salsifyLink("--help").Output()
	for _, word := range []string{"--up FILE", "SALSIFY_LINK_OUTSIDE", "NAT", "Examples", "--outside", "(default infinite)", "(default: as --queue)"} {
		if err != nil || !strings.Contains(string(out), word) {
			t.Errorf("--help does not say %q, %v", word, err)
		}
	}
	if strings.Contains(string(out), "(default 0") {
		t.Errorf("--help has a default of nothing:\n%s", out)
	}
}

func TestExitCodes(t *testing.T) {
	needNamespaces(t)
	for _, c := range []struct {
		arguments []string
		want      int
	}{
		{[]string{"--", "true"}, 0},
		{[]string{"sh", "-c", "exit 42"}, 42},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143},
		{[]string{"--", "no-such-program"}, 127},
		{[]string{"--", "/"}, 126},
		{[]string{"--loss", "7", "--", "true"}, 2},
		{[]string{"--up", "no-such-file", "--", "true"}, 1},
		{[]string{"--log", "/no/such/folder/file", "--", "true"}, 1},
		{[]string{"--user", "no-such-user", "--", "true"}, 1},
		{[]string{"--outside", "no-such-program -x", "--", "sh", "-c", "echo salsify-link: the command was run >&2; exit 3"}, 127},
	} {
		cmd := salsifyLink(c.arguments...)
		var said bytes.Buffer
		cmd.Stderr = &said
		_ = cmd.Run()
		if strings.Contains(said.String(), "the command was run") {
			t.Errorf("%q runs the command", c.arguments)
		}
		if got := cmd.ProcessState.ExitCode(); got != c.want {
			t.Errorf("%q ended with %d, want %d: %s", c.arguments, got, c.want, said.String())
		}
		if ours := slices.Contains([]int{1, 2, 126, 127}, c.want); ours != strings.Contains(said.String(), "salsify-link: ") {
			t.Errorf("%q ended with %d and said %q", c.arguments, c.want, said.String())
		}
	}
}

// TestRun runs a program inside which asks one outside, with everything passing through.
func TestRun(t *testing.T) {
	needNamespaces(t)
	log := filepath.Join(t.TempDir(), "log.csv")
	server, err := net.Listen("tcp", "0.0.0.0:0") // outside, for root, is this network
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cmd := salsifyLink("--delay", "30ms", "--log", log, "--outside", "echo outside of $SALSIFY_LINK_INSIDE; sleep 100 & wait",
		"sh", "-c", `read line; echo "$line $MAHIMAHI_BASE $SALSIFY_LINK_INSIDE"; `+programVariable+`=ask "$PROGRAM" $SALSIFY_LINK_OUTSIDE:`+
			fmt.Sprint(server.Addr().(*net.TCPAddr).Port))
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("standard input\n"), &out, &said
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), said.String())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the program outside, which goes on for 100s, kept it for %v", took)
	}
	lines := strings.Split(out.String(), "\n")
	outside, inside, _ := strings.Cut(strings.TrimPrefix(lines[0], "standard input "), " ")
	if len(lines) < 2 || lines[1] != "connected to "+outside+":"+fmt.Sprint(server.Addr().(*net.TCPAddr).Port) {
		t.Errorf("output %q", out.String())
	}
	for _, want := range []string{"outside of " + inside, "salsify-link: up ", "salsify-link: down ", "delay p50 30.0 ms"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it said %q, want %q in it", said.String(), want)
		}
	}
	csv, err := os.ReadFile(log)
	if err != nil || strings.Count(string(csv), "\nup,") < 2 || strings.Count(string(csv), "\ndown,") < 1 {
		t.Errorf("the log is %q, %v", csv, err)
	}
}

func TestQuiet(t *testing.T) {
	needNamespaces(t)
	cmd := salsifyLink("-q", "--", "sh", "-c", programVariable+`=ask "$PROGRAM" $SALSIFY_LINK_OUTSIDE:1`) // which nobody answers
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || said.Len() > 0 {
		t.Errorf("%v; it said %q", err, said.String())
	}
}

// TestSignals sends signals to the program as kill does. That those of a terminal are left to the command needs a terminal, which
// this test has not.
func TestSignals(t *testing.T) {
	needNamespaces(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		cmd := salsifyLink("-q", "--", "sh", "-c", `trap 'echo got it; exit 5' INT TERM HUP; echo ready; while :; do sleep 0.05; done`)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal, whatever the test has
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 100)
		n, _ := out.Read(buffer)
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		m, _ := out.Read(buffer[n:])
		_ = cmd.Wait()
		killer.Stop()
		if got := string(buffer[:n+m]); got != "ready\ngot it\n" || cmd.ProcessState.ExitCode() != 5 {
			t.Errorf("%v: output %q, exit code %d", s, got, cmd.ProcessState.ExitCode())
		}
	}
}
