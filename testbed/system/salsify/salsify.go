// Package salsify has our own programs, salsify-send and salsify-recv, as a system under test: unmodified, as two processes.
package salsify

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"salsify/sender"
	"salsify/testbed/system"
	"salsify/testbed/system/parameters"
	"salsify/testbed/system/process"
	"salsify/transport/rtc/key"
)

// A call, in order:
//
//  1. Prepare starts salsify-recv at the receiver's place, with a key made for the call. It listens, and writes what it shows to a pipe.
//  2. Run starts salsify-send at the sender's place, which reads the camera from a pipe; the call is set up over the emulated network.
//  3. At the end salsify-send is interrupted, says goodbye, and salsify-recv, which runs with --once, ends too.

const (
	sendProgram = "salsify-send"
	recvProgram = "salsify-recv"
)

// Config says how the programs are called.
type Config struct {
	// Bin is the folder of salsify-send and salsify-recv; "": beside the running program if they are there, else where the shell finds them.
	Bin string
	// Mode is how the sender decides, one of sender.Modes; "": salsify.
	Mode sender.Mode
	// Effort is the most work for each picture, 1 to 10; 0: the program's default. (For an effort of 0, give --effort=0 in ExtraSend.)
	Effort int
	// ExtraSend and ExtraRecv are more arguments of the programs.
	ExtraSend, ExtraRecv []string
}

// System is a system.System.
type System struct{ config Config }

// New returns the system.
func New(config Config) *System { return &System{config} }

// Parse reads what stands behind "salsify:" in a system's name: a mode ("single"), or
//
//	mode=conventional,effort=3,bin=FOLDER,send=ARGUMENTS,recv=ARGUMENTS
//
// with more arguments of the two programs, blanks between them.
func Parse(text string) (system.System, error) {
	c, err := ParseConfig(text)
	if err != nil {
		return nil, err
	}
	return New(c), nil
}

// ParseConfig reads what Parse does.
func ParseConfig(text string) (Config, error) {
	var c Config
	list, err := parameters.Parse(text, "", "mode", "effort", "bin", "send", "recv")
	if err != nil {
		return c, fmt.Errorf("salsify: %w", err)
	}
	for _, p := range list {
		switch p.Name {
		case "", "mode":
			if !slices.Contains(sender.Modes(), sender.Mode(p.Value)) {
				return c, fmt.Errorf("salsify: %w", p.Wrong(fmt.Sprintf("that is not one of the modes %q", sender.Modes())))
			}
			if c.Mode != "" {
				return c, fmt.Errorf("salsify: %w", p.Wrong("the mode is given twice"))
			}
			c.Mode = sender.Mode(p.Value)
		case "effort":
			effort, err := p.Int(0, 10)
			if err != nil {
				return c, fmt.Errorf("salsify: %w", err)
			}
			if c.Effort = effort; effort == 0 {
				c.ExtraSend = append(c.ExtraSend, "--effort=0")
			}
		case "bin":
			c.Bin = p.Value
		case "send":
			c.ExtraSend = append(c.ExtraSend, strings.Fields(p.Value)...)
		case "recv":
			c.ExtraRecv = append(c.ExtraRecv, strings.Fields(p.Value)...)
		}
	}
	return c, nil
}

// Missing is system.System's.
func (s *System) Missing() error {
	_, errSend := s.find(sendProgram)
	_, errRecv := s.find(recvProgram)
	return errors.Join(errSend, errRecv)
}

// find returns the path of one of the programs.
func (s *System) find(name string) (string, error) {
	folder := s.config.Bin
	if folder == "" {
		if self, err := os.Executable(); err == nil {
			if beside := filepath.Join(filepath.Dir(self), name); executable(beside) {
				return beside, nil
			}
		}
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		return "", fmt.Errorf("%s is neither beside this program nor in $PATH: `make build` puts it into bin/", name)
	}
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err == nil && !executable(path) {
		err = fmt.Errorf("%s is not in %s: `make build` puts it into bin/", name, folder)
	}
	return path, err
}

func executable(path string) bool {
	_, err := exec.LookPath(path) // a path with a slash is only checked
	return err == nil
}

// Versions is system.System's.
func (s *System) Versions(context.Context) map[string]string {
	versions := map[string]string{}
	for _, name := range []string{sendProgram, recvProgram} {
		path, err := s.find(name)
		if err != nil {
			continue
		}
		if info, err := buildinfo.ReadFile(path); err == nil {
			versions[name] = Revision(info)
		}
	}
	return versions
}

// Revision tells which source a program was built from; "" if it does not say.
func Revision(info *debug.BuildInfo) string {
	revision, changes := "", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			changes = " with changes"
		}
	}
	return revision + changes
}

// Prepare is system.System's.
func (s *System) Prepare(ctx context.Context, call *system.Call) (system.Session, error) {
	send, err := s.find(sendProgram)
	if err != nil {
		return nil, err
	}
	recv, err := s.find(recvProgram)
	if err != nil {
		return nil, err
	}
	ports, err := process.Ports(ctx, call.Receiver, 1)
	if err != nil {
		return nil, err
	}
	address := netip.AddrPortFrom(call.Receiver.Address(), uint16(ports[0])).String()

	receive := exec.Command(recv, "--listen", address, "--display", "-", "--no-audio", "--once")
	sending := exec.Command(send, "-", address, "--no-audio")
	if s.config.Mode != "" {
		sending.Args = append(sending.Args, "--mode", string(s.config.Mode))
	}
	if s.config.Effort != 0 {
		sending.Args = append(sending.Args, "--effort", strconv.Itoa(s.config.Effort))
	}
	for _, program := range []struct {
		cmd   *exec.Cmd
		log   string
		extra []string
	}{{receive, "salsify-recv.jsonl", s.config.ExtraRecv}, {sending, "salsify-send.jsonl", s.config.ExtraSend}} {
		path, err := process.LogPath(call, program.log)
		if err != nil {
			return nil, err
		}
		if path != "" {
			program.cmd.Args = append(program.cmd.Args, "--stats", path)
		}
		program.cmd.Args = append(program.cmd.Args, program.extra...)
	}
	// In the environment the key is neither in a file nor in the command line.
	environment := append(os.Environ(), "SALSIFY_KEY="+key.New().Text())
	receive.Env, sending.Env = environment, environment
	return process.PreparePair(ctx, call, process.PairConfig{
		Send: process.Program{Name: sendProgram, Cmd: sending}, Receive: process.Program{Name: recvProgram, Cmd: receive},
		Ready: "listening at", Follows: true,
	})
}
