package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"salsify/testbed/emulator"
	"salsify/testbed/shell"
	"salsify/thread"
)

// outsidePatience is how long what --outside started has for its own end.
const outsidePatience = 2 * time.Second

// runBehind does steps 2 to 5, and returns the exit code.
func runBehind(o *options, stdin, stdout, stderr *os.File) int {
	if err := shell.MissingProgram(o.outside); err != nil {
		say(stderr, "--outside: %v", err)
		return shell.ExitNotFound
	}
	if err := shell.Reexec(); err != nil {
		say(stderr, "%v", err)
		return exitFailed
	}
	// Whoever has a packet to move is then scheduled by the system, at once, and not by the Go runtime.
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	thread.HurryAll()
	s, closeLog, err := openShell(o)
	if err != nil {
		say(stderr, "%v", err)
		return exitFailed
	}
	code := runPrograms(o, s, stdin, stdout, stderr)
	stats := s.Stats()
	if err := errors.Join(s.Close(), closeLog()); err != nil {
		say(stderr, "%v", err)
		code = exitFailed
	}
	if !o.quiet && stats.Up.Sent.Packets+stats.Down.Sent.Packets > 0 {
		summarize(stderr, stats)
	}
	return code
}

// openShell makes the network, with its log.
func openShell(o *options) (s *shell.Shell, closeLog func() error, err error) {
	config := shell.Config{}
	if config.Up, config.Down, err = o.links(); err != nil {
		return nil, nil, err
	}
	closeLog = func() error { return nil }
	if o.log != "" {
		file, err := os.Create(o.log)
		if err != nil {
			return nil, nil, err
		}
		config.PacketLog, closeLog = file, file.Close
	}
	if s, err = shell.Open(context.Background(), config); err != nil {
		return nil, nil, errors.Join(err, closeLog())
	}
	return s, closeLog, nil
}

// runPrograms starts both programs, waits for COMMAND, and returns its exit code.
func runPrograms(o *options, s *shell.Shell, stdin, stdout, stderr *os.File) int {
	as, err := runAs(o.user)
	if err != nil {
		say(stderr, "%v", err)
		return exitFailed
	}
	environment := append(as.environment(), "SALSIFY_LINK_OUTSIDE="+s.Outside().Address().String(),
		"SALSIFY_LINK_INSIDE="+s.Inside().Address().String())
	if os.Getenv("MAHIMAHI_BASE") == "" {
		environment = append(environment, "MAHIMAHI_BASE="+s.Outside().Address().String())
	}
	if o.outside != "" {
		outside := exec.Command("/bin/sh", "-c", o.outside)
		outside.Env, outside.Stdout, outside.Stderr = environment, stderr, stderr
		// A group of its own: so that we can end all of it, and Ctrl-C is COMMAND's.
		outside.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential, Setpgid: true, Pdeathsig: syscall.SIGTERM}
		if err := s.Outside().Start(outside); err != nil {
			say(stderr, "--outside: %v", err)
			return exitFailed
		}
		defer watch(outside, stderr)()
	}
	s.Begin()
	command := exec.Command(o.command[0], o.command[1:]...)
	command.Stdin, command.Stdout, command.Stderr = stdin, stdout, stderr
	// Should we be killed, its network is gone: then it may end as well.
	command.Env, command.SysProcAttr = environment, &syscall.SysProcAttr{Credential: as.credential, Pdeathsig: syscall.SIGTERM}
	signals := shell.CatchSignals()
	defer signals.Stop()
	if err := s.Inside().Start(command); err != nil {
		say(stderr, "%v", err)
		return shell.ExitCode(command, err)
	}
	signals.PassTo(command.Process)
	return shell.ExitCode(command, command.Wait())
}

// watch tells if the program outside ends in the middle. It returns a function that ends it.
func watch(outside *exec.Cmd, stderr *os.File) (end func()) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		err := outside.Wait()
		select {
		case <-ending:
		default:
			if err != nil {
				say(stderr, "--outside ended: %v", err)
			}
		}
	}()
	return func() {
		close(ending)
		_ = syscall.Kill(-outside.Process.Pid, syscall.SIGTERM) // it may have ended by itself
		select {
		case <-ended:
		case <-time.After(outsidePatience):
		}
		_ = syscall.Kill(-outside.Process.Pid, syscall.SIGKILL) // what is left of its group
		<-ended
	}
}

// identity is as whom programs run.
type identity struct {
	user       *user.User          // nil: as we are
	credential *syscall.Credential // nil: as we are
}

// runAs returns the identity of a user, by default of the one who called sudo.
func runAs(name string) (identity, error) {
	if os.Geteuid() != 0 {
		if name != "" {
			return identity{}, errors.New("--user is for root")
		}
		return identity{}, nil
	}
	if name == "" {
		name = os.Getenv("SUDO_USER")
	}
	if name == "" {
		return identity{}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return identity{}, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return identity{}, err
	}
	credential := &syscall.Credential{}
	for _, id := range []struct {
		text  string
		value *uint32
	}{{u.Uid, &credential.Uid}, {u.Gid, &credential.Gid}} {
		n, err := strconv.ParseUint(id.text, 10, 32)
		if err != nil {
			return identity{}, fmt.Errorf("user %s has the number %q", name, id.text)
		}
		*id.value = uint32(n)
	}
	for _, text := range groups {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil {
			credential.Groups = append(credential.Groups, uint32(n))
		}
	}
	return identity{u, credential}, nil
}

// environment returns ours, as that user's.
func (i identity) environment() []string {
	if i.user == nil {
		return os.Environ()
	}
	return append(os.Environ(), "HOME="+i.user.HomeDir, "USER="+i.user.Username, "LOGNAME="+i.user.Username)
}

// summarize tells what the links did.
func summarize(stderr *os.File, stats emulator.Stats) {
	for _, way := range []struct {
		name string
		emulator.Direction
	}{{"up", stats.Up}, {"down", stats.Down}} {
		line := fmt.Sprintf("%-4s %d packets, %.2f MB; dropped %d, lost %d", way.name, way.Sent.Packets, float64(way.Sent.Bytes)/1e6,
			way.Dropped.Packets, way.Lost.Packets)
		if way.OfferedBytes > 0 {
			line += fmt.Sprintf("; %.1f %% of the capacity used", 100*float64(way.Used)/float64(way.OfferedBytes))
		}
		if way.Delivered.Packets > 0 {
			line += fmt.Sprintf("; delay p50 %s, p95 %s", milliseconds(way.DelayP50), milliseconds(way.DelayP95))
		}
		say(stderr, "%s", line)
	}
	if stats.LatenessP99 > tooLate {
		say(stderr, "the machine was too slow to be exact: packets went on %s late (p50), %s (p99)", milliseconds(stats.LatenessP50),
			milliseconds(stats.LatenessP99))
	}
}

// tooLate is the lateness beyond which results are not to be trusted: some opportunities of a trace.
const tooLate = 5 * time.Millisecond

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
