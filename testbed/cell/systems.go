package cell

import (
	"fmt"
	"strings"

	"salsify/testbed/shell"
	"salsify/testbed/system"
	"salsify/testbed/system/chrome"
	"salsify/testbed/system/command"
	"salsify/testbed/system/gstreamer"
	"salsify/testbed/system/salsify"
	"salsify/testbed/system/synthetic"
)

// A system is named NAME or NAME:PARAMETERS.
const (
	salsifyName = "salsify"
	// OracleName is the sender that knows the trace. It exists in virtual time only.
	OracleName = "oracle"
	// CommandName is a system that Config.Command describes.
	CommandName = "command"
	// SyntheticName is the system whose delay and distortion are known.
	SyntheticName = "synthetic"
)

// SystemsHelp lists the systems for the help of programs.
const SystemsHelp = `  salsify              our programs; salsify:single, salsify:conventional-codec and salsify:conventional take its ideas away,
                       salsify:mode=single,effort=3 and so on
  chrome               two headless Chromium with a one-way WebRTC call in VP8; chrome:vp9, chrome:h264
  gstreamer            webrtcbin at a fixed rate, 1 Mbit/s; gstreamer:bitrate=2M
  command              any other, by two shell commands: --send and --receive
  synthetic            known delay and distortion, to check the testbed with: synthetic:delay=100ms,noise=4,every=2
  oracle               in virtual time: a sender that knows the trace and fills it without queue
`

// parsers read what stands behind a name's colon.
var parsers = map[string]func(parameters string) (system.System, error){
	salsifyName:   salsify.Parse,
	"chrome":      chrome.Parse,
	"gstreamer":   gstreamer.Parse,
	SyntheticName: synthetic.Parse,
}

// Installable are the systems that a machine has or lacks.
var Installable = []string{salsifyName, "chrome", "chrome:vp9", "chrome:h264", "gstreamer"}

// systemOf returns the system of a cell, or nil for one that runs in virtual time.
func systemOf(c *Config) (system.System, error) {
	name, parameters, _ := strings.Cut(c.System, ":")
	parse := parsers[name]
	if parse == nil && c.System != OracleName && c.System != CommandName {
		return nil, wrong("system", "no system %q. A SYSTEM is one of\n%s", c.System, SystemsHelp)
	}
	for _, f := range []struct{ field, value, advice string }{
		{"send", c.Command.Send, "the shell command that reads pictures (Y4M) and sends them"},
		{"receive", c.Command.Receive, "the shell command that receives pictures and writes them (Y4M)"},
		{"input", c.Command.Input, ""}, {"device", c.Command.Device, ""},
	} {
		switch {
		case name != CommandName && f.value != "":
			return nil, wrong(f.field, "only the system %s takes it, and this is %s", CommandName, c.System)
		case name == CommandName && f.value == "" && f.advice != "":
			return nil, wrong(f.field, "it is missing: %s", f.advice)
		}
	}
	if name == OracleName {
		return nil, nil
	}
	var s system.System
	var err error
	switch {
	case c.Virtual && name != salsifyName:
		return nil, &ConfigError{"system", fmt.Errorf("%w: %q does not run in it; salsify, its modes, and oracle do", ErrVirtual, c.System)}
	case name == CommandName:
		s, err = command.New(c.Command)
	case name == salsifyName && c.Bin != "":
		parameters = strings.TrimSuffix("bin="+c.Bin+","+parameters, ",")
		s, err = parse(parameters)
	default:
		s, err = parse(parameters)
	}
	if err != nil {
		return nil, &ConfigError{"system", err}
	}
	if c.Virtual {
		return nil, nil
	}
	return s, nil
}

// Missing tells why a cell's system cannot be measured on this machine, or returns nil.
func Missing(c Config) error {
	s, err := systemOf(&c)
	if err != nil || s == nil {
		return err
	}
	if err := s.Missing(); err != nil {
		return err
	}
	return NetworksMissing()
}

// NetworksMissing tells why no real system can be measured on this machine, or returns nil.
func NetworksMissing() error { return shell.Missing() }
