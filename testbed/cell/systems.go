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
	salsifyName: salsify.Parse,
	"chrome":    chrome.Parse,
	"gstreamer": gstreamer.Parse,
	"synthetic": synthetic.Parse,
}

// Installable are the systems that a machine has or lacks.
var Installable = []string{salsifyName, "chrome", "chrome:vp9", "chrome:h264", "gstreamer"}

// systemOf returns the system of a cell, or nil for one that runs in virtual time.
func systemOf(c *Config) (system.System, error) {
	name, parameters, _ := strings.Cut(c.System, ":")
	if name == OracleName {
		if parameters != "" {
			return nil, fmt.Errorf("%w: %s has no parameters", ErrConfig, OracleName)
		}
		return nil, nil
	}
	var s system.System
	var err error
	parse := parsers[name]
	switch {
	case c.Virtual && name != salsifyName:
		return nil, fmt.Errorf("%w: %w: %q does not run in it; salsify, its modes, and oracle do", ErrConfig, ErrVirtual, c.System)
	case name == CommandName:
		s, err = command.New(c.Command)
	case parse == nil:
		return nil, fmt.Errorf("%w: no system %q. A SYSTEM is one of\n%s", ErrConfig, c.System, SystemsHelp)
	case name == salsifyName && c.Bin != "":
		parameters = strings.TrimSuffix("bin="+c.Bin+","+parameters, ",")
		s, err = parse(parameters)
	default:
		s, err = parse(parameters)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
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
