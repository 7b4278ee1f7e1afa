//go:build linux

package shell_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salsify/testbed/link"
	"salsify/testbed/shell"
	"salsify/testbed/trace"
	"salsify/thread"
)

const (
	ms       = time.Millisecond
	patience = 5 * time.Second
	silence  = 150 * ms
)

// The test binary is also the program that runs in shells: helperVariable says as which of helpers.
const helperVariable = "SALSIFY_SHELL_TEST_HELPER"

var helpers = map[string]func() error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		if err := helpers[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2) // as the package's comment says
	thread.HurryAll()
	os.Exit(m.Run())
}

// helper returns the command that runs this program as a helper.
func helper(name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", arguments...)
	cmd.Env = append(os.Environ(), helperVariable+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func open(t *testing.T, config shell.Config) *shell.Shell {
	t.Helper()
	needNamespaces(t)
	s, err := shell.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// needNamespaces skips the test where shells cannot be, unless all tools are required and we are root.
func needNamespaces(t *testing.T) {
	t.Helper()
	if err := shell.Missing(); err != nil {
		if os.Getenv("SALSIFY_REQUIRE_TOOLS") == "1" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("skipped: %v", err)
	}
}

// echo answers UDP packets at a place, and returns where.
func echo(t *testing.T, at *shell.Place) string {
	t.Helper()
	server, err := at.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(at.Address(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buffer := make([]byte, 65536)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			if _, err := server.WriteTo(buffer[:n], from); err != nil {
				return
			}
		}
	}()
	return server.LocalAddr().String()
}

func dial(t *testing.T, from *shell.Place, network, address string) net.Conn {
	t.Helper()
	c, err := from.Dial(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a packet and waits for the same one. It returns how long that took, or false if none came.
func ask(t *testing.T, c net.Conn, text string, within time.Duration) (time.Duration, bool) {
	t.Helper()
	began := time.Now()
	if err := c.SetDeadline(began.Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	n, err := c.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, false
	}
	if err != nil || string(buffer[:n]) != text {
		t.Fatalf("%q came back as %q, %v", text, buffer[:n], err)
	}
	return time.Since(began), true
}

func TestDelayBothWays(t *testing.T) {
	s := open(t, shell.Config{
		Up: link.Config{Delay: 20 * ms}, Down: link.Config{Delay: 30 * ms}, PrivateOutside: true,
	})
	for name, c := range map[string]net.Conn{
		"from inside":  dial(t, s.Inside(), "udp", echo(t, s.Outside())),
		"from outside": dial(t, s.Outside(), "udp", echo(t, s.Inside())),
	} {
		for i, began := range []bool{false, true} {
			if began {
				s.Begin()
			}
			var took []time.Duration
			for range 9 {
				d, ok := ask(t, c, "ping", patience)
				if !ok {
					t.Fatal("no answer")
				}
				took = append(took, d)
			}
			slices.Sort(took)
			if took[0] < 50*ms || took[len(took)/2] > 60*ms {
				t.Errorf("%s, %d: round trips took %v to %v, median %v; want 50ms and a little", name, i, took[0],
					took[len(took)-1], took[len(took)/2])
			}
		}
	}
}

func TestCostAndBegin(t *testing.T) {
	s := open(t, shell.Config{Up: link.Config{Loss: 1}, Down: link.Config{Loss: 1}, PrivateOutside: true})
	c := dial(t, s.Inside(), "udp", echo(t, s.Outside()))
	if _, ok := ask(t, c, "before Begin nothing is lost", patience); !ok {
		t.Fatal("no answer before Begin")
	}
	if stats := s.Stats(); stats.Up.Sent.Packets != 0 {
		t.Errorf("%d packets are counted before Begin", stats.Up.Sent.Packets)
	}
	began := s.Begin()
	if again := s.Begin(); again != began {
		t.Errorf("Begin returned %v, then %v", began, again)
	}
	if _, ok := ask(t, c, "0123456789", silence); ok {
		t.Error("an answer through a link that loses all")
	}
	stats := s.Stats()
	if stats.Up.Sent.Packets != 1 || stats.Up.Sent.Bytes != 20+8+10 || stats.Up.Lost.Cost() != 20+8+10+4 || stats.Down.Sent.Packets != 0 {
		t.Errorf("%+v, want one packet of 38 bytes up, which cost 42", stats)
	}
}

func TestFullQueue(t *testing.T) {
	tr, err := trace.Read(strings.NewReader("1000\n"))
	if err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	s := open(t, shell.Config{
		Up:        link.Config{Trace: tr, Queue: link.Queue{Policy: link.DropTail, Packets: 5}},
		PacketLog: &csv, PrivateOutside: true,
	})
	c := dial(t, s.Inside(), "udp", echo(t, s.Outside()))
	s.Begin()
	for range 12 {
		if _, err := c.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); s.Stats().Up.Sent.Packets < 12 && time.Now().Before(deadline); time.Sleep(ms) {
	}
	if up := s.Stats().Up; up.Dropped.Packets != 7 || up.QueuedPackets != 5 {
		t.Errorf("%+v, want 7 of 12 packets dropped and 5 queued", up)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(csv.String(), ",,1028,queue\n"); got != 7 {
		t.Errorf("%d packets are dropped by the log, want 7:\n%s", got, csv.String())
	}
}

func TestTCPAndLoopback(t *testing.T) {
	s := open(t, shell.Config{Up: link.Config{Delay: 5 * ms}, Down: link.Config{Delay: 5 * ms}, PrivateOutside: true})
	for name, places := range map[string][2]*shell.Place{
		"outside from inside": {s.Outside(), s.Inside()}, "inside from outside": {s.Inside(), s.Outside()},
		"inside alone": {s.Inside(), s.Inside()}, "outside alone": {s.Outside(), s.Outside()},
	} {
		server, client := places[0], places[1]
		address := netip.AddrPortFrom(server.Address(), 0).String()
		if server == client {
			address = "localhost:0"
		}
		listener, err := server.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		const bytes = 300_000
		go func() {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Write(make([]byte, bytes))
		}()
		c := dial(t, client, "tcp", listener.Addr().String())
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || len(got) != bytes {
			t.Errorf("%s: read %d bytes, %v", name, len(got), err)
		}
		listener.Close()
	}
}

// The helper "ask" sends a line by UDP to the address in its first argument, and ends when it comes back.
func init() {
	helpers["ask"] = func() error {
		c, err := net.Dial("udp", os.Args[1])
		if err != nil {
			return err
		}
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 100))
		return err
	}
}

func TestStart(t *testing.T) {
	s := open(t, shell.Config{PrivateOutside: true})
	for name, places := range map[string][2]*shell.Place{
		"inside": {s.Inside(), s.Outside()}, "outside": {s.Outside(), s.Inside()},
	} {
		cmd := helper("ask", echo(t, places[1]))
		// It must not end with the thread that starts it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := places[0].Start(cmd); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("a program %s: %v", name, err)
		}
	}
	if err := s.Inside().Start(exec.Command("/no/such/program")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// The helper "nest" opens a shell in the network where it runs, and asks the address in its first argument from inside, as often
// as its second argument has letters.
func init() {
	helpers["nest"] = func() error {
		s, err := shell.Open(context.Background(), shell.Config{Up: link.Config{Delay: 10 * ms}})
		if err != nil {
			return err
		}
		defer s.Close()
		s.Begin()
		cmd := helper("ask", os.Args[1])
		if deeper := os.Args[2][1:]; deeper != "" {
			cmd = helper("nest", os.Args[1], deeper)
		}
		if err := s.Inside().Start(cmd); err != nil {
			return err
		}
		return cmd.Wait()
	}
}

func TestShellsWithinShells(t *testing.T) {
	s := open(t, shell.Config{PrivateOutside: true})
	cmd := helper("nest", echo(t, s.Outside()), "xxx")
	began := time.Now()
	if err := s.Inside().Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 30*ms {
		t.Errorf("the packet passed three delays of 10ms in %v", took)
	}
	var said strings.Builder
	cmd = helper("nest", echo(t, s.Outside()), "xxxx")
	cmd.Stderr = &said
	if err := s.Inside().Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), "4") {
		t.Errorf("five shells within each other: %v %s", err, said.String())
	}
}

func TestShellsBesideEachOther(t *testing.T) {
	base := open(t, shell.Config{PrivateOutside: true})
	// In a network of their own, so as not to touch the machine's.
	cmd := helper("beside")
	if err := base.Inside().Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func init() {
	helpers["beside"] = func() error {
		before, err := net.Interfaces()
		if err != nil {
			return err
		}
		seen := map[netip.Addr]bool{}
		var open []*shell.Shell
		for range 3 {
			s, err := shell.Open(context.Background(), shell.Config{})
			if err != nil {
				return err
			}
			open = append(open, s)
			for _, p := range []*shell.Place{s.Inside(), s.Outside()} {
				if seen[p.Address()] {
					return fmt.Errorf("%v was given twice", p.Address())
				}
				seen[p.Address()] = true
			}
		}
		for _, s := range open {
			server, err := s.Outside().ListenPacket(context.Background(), "udp", netip.AddrPortFrom(s.Outside().Address(), 0).String())
			if err != nil {
				return err
			}
			c, err := s.Inside().Dial(context.Background(), "udp", server.LocalAddr().String())
			if err != nil {
				return err
			}
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
			_ = server.SetDeadline(time.Now().Add(patience))
			if _, from, err := server.ReadFrom(make([]byte, 10)); err != nil || from.(*net.UDPAddr).AddrPort().Addr() != s.Inside().Address() {
				return fmt.Errorf("a packet from %v, %w", from, err)
			}
		}
		for _, s := range open {
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				return err
			}
			if err := s.Inside().Start(exec.Command("true")); err == nil {
				return errors.New("a closed shell starts programs")
			}
		}
		after, err := net.Interfaces()
		if err != nil {
			return err
		}
		if len(after) != len(before) {
			return fmt.Errorf("interfaces that are left: %v", after)
		}
		return nil
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	needNamespaces(t)
	files := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	threads := func() int {
		list, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	openAndClose := func() {
		s, err := shell.Open(t.Context(), shell.Config{PrivateOutside: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	openAndClose()
	filesBefore, threadsBefore := files(), threads()
	for range 10 {
		openAndClose()
	}
	deadline := time.Now().Add(patience)
	for files() > filesBefore || threads() > threadsBefore+5 {
		if time.Now().After(deadline) {
			t.Fatalf("%d open files were %d, %d threads were %d", files(), filesBefore, threads(), threadsBefore)
		}
		time.Sleep(10 * ms)
	}
}

func TestOpenRefuses(t *testing.T) {
	needNamespaces(t)
	if s, err := shell.Open(t.Context(), shell.Config{Up: link.Config{Loss: 2}, PrivateOutside: true}); err == nil {
		s.Close()
		t.Error("a loss of 2 was accepted")
	} else if !strings.Contains(err.Error(), "uplink") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := shell.Open(ctx, shell.Config{PrivateOutside: true}); !errors.Is(err, context.Canceled) {
		s.Close()
		t.Errorf("with a context that has ended: %v", err)
	}
}

// The helper "user" does what a program of a user without rights does: it gives itself a network by Reexec.
func init() {
	helpers["user"] = func() error {
		if err := shell.Reexec(); err != nil {
			return err
		}
		s, err := shell.Open(context.Background(), shell.Config{})
		if err != nil {
			return err
		}
		defer s.Close()
		s.Begin()
		server, err := s.Outside().Listen(context.Background(), "tcp", netip.AddrPortFrom(s.Outside().Address(), 0).String())
		if err != nil {
			return err
		}
		cmd := exec.Command("sh", "-c", "id -u; exit 7")
		cmd.Stdout = os.Stdout
		if err := s.Inside().Start(cmd); err != nil {
			return err
		}
		if code := shell.ExitCode(cmd, cmd.Wait()); code != 7 {
			return fmt.Errorf("exit code %d", code)
		}
		c, err := s.Inside().Dial(context.Background(), "tcp", server.Addr().String())
		if err != nil {
			return err
		}
		c.Close()
		nested := helper("nest", "127.0.0.1:1", "x") // which nobody answers, but the shell has to open
		nested.Stderr = nil
		said, err := nested.StderrPipe()
		if err != nil {
			return err
		}
		if err := s.Inside().Start(nested); err != nil {
			return err
		}
		text, _ := io.ReadAll(said)
		_ = nested.Wait()
		if !strings.Contains(string(text), "refused") {
			return fmt.Errorf("a shell within: %s", text)
		}
		os.Exit(9)
		return nil
	}
}

func TestAsAUserWithoutRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can become another user")
	}
	if device, err := os.Stat("/dev/net/tun"); err == nil && device.Mode().Perm()&0o006 != 0o006 {
		t.Skipf("skipped: this machine lets root alone make TUN devices: /dev/net/tun is %v", device.Mode())
	}
	_, program := copyOfThisProgram(t)
	cmd := exec.Command(program)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), helperVariable+"=user")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	_ = cmd.Run()
	if strings.Contains(said.String(), "this needs network namespaces") {
		t.Skipf("skipped: %s", said.String())
	}
	if code := cmd.ProcessState.ExitCode(); code != 9 || out.String() != "65534\n" {
		t.Errorf("exit code %d, want 9 of the second process; output %q; errors %s", code, out.String(), said.String())
	}
}

func TestMissingSays(t *testing.T) {
	if err := shell.Missing(); err != nil {
		t.Logf("missing here: %v", err)
		for _, word := range []string{"root", "/dev/net/tun", "CAP_NET_ADMIN"} {
			if strings.Contains(err.Error(), word) {
				return
			}
		}
		t.Errorf("%q does not say what to do", err)
	}
}

func TestExitCodes(t *testing.T) {
	for command, want := range map[string]int{"exit 0": 0, "exit 5": 5, "kill -TERM $$": 143} {
		cmd := exec.Command("sh", "-c", command)
		if got := shell.ExitCode(cmd, cmd.Run()); got != want {
			t.Errorf("%q: %d, want %d", command, got, want)
		}
	}
	for program, want := range map[string]int{"no-such-program": 127, "/no/such/program": 127, "/": 126, "/etc/passwd": 126} {
		cmd := exec.Command(program)
		if got := shell.ExitCode(cmd, cmd.Run()); got != want {
			t.Errorf("%q: %d, want %d", program, got, want)
		}
	}
}
