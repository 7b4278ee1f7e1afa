// Package gstreamer has a WebRTC call by GStreamer's webrtcbin as a system under test: VP8 at a fixed rate, with retransmission.
//
// It does not adapt. Congestion control for webrtcbin is an element of another package (rtpgccbwe of gst-plugins-rs), which Debian 12 has not;
// without it webrtcbin sends as fast as the encoder was told to. So this is a baseline: what a call is like whose rate somebody chose before.
//
// Two things are set that webrtcbin 1.22 does not do by itself: its jitter buffer asks for missing packets, and its requests leave at once
// instead of once in some seconds. With neither, a lost packet costs a key frame. Pictures are shown when they are decoded (no playout delay).
package gstreamer

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"salsify/testbed/system"
	"salsify/testbed/system/parameters"
	"salsify/testbed/system/process"
	"salsify/transport/bitrate"
)

// A call, in order:
//
//  1. Prepare writes the program call.py, which drives webrtcbin, and starts it at the receiver's place, where it listens.
//  2. Run starts it at the sender's place too; offer and answer cross the emulated network by TCP, then ICE, DTLS and the pictures by UDP.
//  3. At the end both are interrupted.

//go:embed call.py
var program []byte

const (
	// DefaultBitrate is what the encoder is told.
	DefaultBitrate = bitrate.MbitPerSecond
	// DefaultLatency is webrtcbin's own. It is how long the jitter buffer waits for a missing packet, to be sent again; whole pictures are shown
	// at once, whatever it is.
	DefaultLatency = 200 * time.Millisecond

	minBitrate, maxBitrate = 10 * bitrate.KbitPerSecond, 100 * bitrate.MbitPerSecond
	maxLatency             = 10 * time.Second
)

// Config says how to call.
type Config struct {
	Bitrate bitrate.Bitrate // of the encoder, for the whole call; 0: DefaultBitrate
	Latency time.Duration   // how long to wait for missing packets; 0: DefaultLatency
	NoNack  bool            // missing packets are not asked for again
}

// System is a system.System.
type System struct{ config Config }

// New returns the system.
func New(config Config) *System {
	if config.Bitrate == 0 {
		config.Bitrate = DefaultBitrate
	}
	if config.Latency == 0 {
		config.Latency = DefaultLatency
	}
	return &System{config}
}

// Parse reads what stands behind "gstreamer:" in a system's name, such as
//
//	bitrate=2M,latency=50ms,nack=no
func Parse(text string) (system.System, error) {
	list, err := parameters.Parse(text, "bitrate", "latency", "nack")
	if err != nil {
		return nil, fmt.Errorf("gstreamer: %w", err)
	}
	var c Config
	for _, p := range list {
		switch p.Name {
		case "bitrate":
			c.Bitrate, err = bitrate.Parse(p.Value)
			if err != nil || c.Bitrate < minBitrate || c.Bitrate > maxBitrate {
				err = p.Wrong(fmt.Sprintf("write a rate from %v to %v, such as 2M", minBitrate, maxBitrate))
			}
		case "latency":
			c.Latency, err = p.Duration(time.Millisecond, maxLatency)
		case "nack":
			if p.Value != "yes" && p.Value != "no" {
				err = p.Wrong("write yes or no")
			}
			c.NoNack = p.Value == "no"
		}
		if err != nil {
			return nil, fmt.Errorf("gstreamer: %w", err)
		}
	}
	return New(c), nil
}

// python is the system's own: it is the one that sees Debian's Python packages, unlike one that comes first in $PATH.
const python = "/usr/bin/python3"

// packages of Debian that are needed.
const packages = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice" +
	" python3-gst-1.0 gir1.2-gst-plugins-bad-1.0"

// check is a Python program that names what is missing, and the version. Creating an element is what tells whether it works.
const check = `
import gi
for name in ("Gst", "GstWebRTC", "GstSdp"):
    gi.require_version(name, "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
names = "webrtcbin nicesrc dtlssrtpenc appsrc vp8enc rtpvp8pay rtpvp8depay vp8dec y4menc fdsink".split()
missing = [n for n in names if Gst.ElementFactory.make(n, None) is None]
assert not missing, "no element " + ", ".join(missing)
print(Gst.version_string())
`

// checkTime is how long the check may take; the first on a machine makes GStreamer's registry of all its plugins.
const checkTime = time.Minute

func version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-c", check)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		said := strings.TrimSpace(string(exit.Stderr))
		err = errors.New(said[strings.LastIndexByte(said, '\n')+1:])
	}
	return strings.TrimSpace(string(out)), err
}

// Missing is system.System's.
func (s *System) Missing() error {
	if _, err := version(context.Background()); err != nil {
		return fmt.Errorf("gstreamer's webrtcbin cannot be used from %s: %w; `apt-get install %s`", python, err, packages)
	}
	return nil
}

// Versions is system.System's.
func (s *System) Versions(ctx context.Context) map[string]string {
	v, err := version(ctx)
	if err != nil {
		return nil
	}
	return map[string]string{"gstreamer": strings.TrimPrefix(v, "GStreamer ")}
}

// Prepare is system.System's.
func (s *System) Prepare(ctx context.Context, call *system.Call) (system.Session, error) {
	if width, height := call.Video.Size(); width%8 != 0 || height%2 != 0 {
		return nil, fmt.Errorf("gstreamer: the picture is %dx%d, and its width must be a multiple of 8, its height even: choose another size", width, height)
	}
	ports, err := process.Ports(ctx, call.Receiver, 1)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "salsify-gstreamer-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "call.py")
	if err := os.WriteFile(path, program, 0o600); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	nack := "1"
	if s.config.NoNack {
		nack = "0"
	}
	end := func(role string, place system.Place) *exec.Cmd {
		cmd := exec.Command(python, path, role, call.Receiver.Address().String(), strconv.Itoa(ports[0]),
			strconv.FormatInt(int64(s.config.Bitrate), 10), strconv.FormatInt(s.config.Latency.Milliseconds(), 10), nack, place.Address().String())
		// Nothing in the user's environment changes which Python packages and plugins it gets.
		cmd.Env = append(os.Environ(), "PYTHONNOUSERSITE=1", "PYTHONPATH=", "GST_DEBUG_NO_COLOR=1")
		return cmd
	}
	pair, err := process.PreparePair(ctx, call, process.PairConfig{
		Send:    process.Program{Name: "gstreamer-send", Cmd: end("send", call.Sender)},
		Receive: process.Program{Name: "gstreamer-receive", Cmd: end("receive", call.Receiver)},
		Ready:   "listening",
	})
	if err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return &session{pair, folder}, nil
}

// session is a call, and the folder of its program.
type session struct {
	*process.Pair
	folder string
}

// Close is system.Session's.
func (s *session) Close() error { return errors.Join(s.Pair.Close(), os.RemoveAll(s.folder)) }
