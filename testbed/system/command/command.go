// Package command makes a system under test of any pair of commands: one that takes pictures, and one that gives them back.
//
// An example with ffmpeg (5.1 or later) at both ends, VP8 by RTP at a fixed rate; nothing adapts, and nothing that is lost is sent again:
//
//	send:
//	  ffmpeg -loglevel warning -fflags nobuffer -probesize 32 -f yuv4mpegpipe -i -
//	    -c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0 -error-resilient 1
//	    -b:v 1M -minrate 1M -maxrate 1M -bufsize 500k -g 30
//	    -fps_mode passthrough -flush_packets 1 -f rtp 'rtp://{receiver}:{port}?pkt_size=1200'
//	receive:
//	  printf 'v=0\nc=IN IP4 {receiver}\nm=video {port} RTP/AVP 96\na=rtpmap:96 VP8/90000\n' |
//	  ffmpeg -loglevel warning -protocol_whitelist pipe,rtp,udp -flags low_delay -threads 1
//	    -analyzeduration 0 -probesize 32 -f sdp -i -
//	    -pix_fmt yuv420p -fps_mode passthrough -flush_packets 1 -f yuv4mpegpipe -
//
// What matters in it: without flush_packets a picture's end waits in ffmpeg for the next one, without fps_mode pictures are repeated and held
// back, more than one decoding thread holds as many pictures, and nobuffer at the receiver throws the first key frame away.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"salsify/testbed/shell"
	"salsify/testbed/system"
	"salsify/testbed/system/process"
)

// A call, in order:
//
//  1. Placeholders in both commands are filled in.
//  2. Prepare starts the receiving command by the shell, at the receiver's place, and waits a second; its standard output is the screen.
//  3. Run starts the sending command at the sender's place and plays the camera to its standard input, or to a V4L2 device.
//  4. At the end both are interrupted (SIGINT to the whole process group), and killed if they have not ended after 5 s.

// The ways in which the sending command gets its pictures.
const (
	Pipe   = "pipe"   // YUV4MPEG2 on its standard input
	Device = "device" // a V4L2 device, such as one of v4l2loopback, that the testbed plays to
)

// Config says which commands.
type Config struct {
	Name string // of the system, for tables and errors
	// Send and Receive are shell commands (sh -c). Send takes pictures as Input says. Receive writes YUV4MPEG2, 8-bit 4:2:0, of any size, to
	// standard output, and each picture at once; what both say on standard error is logged. These stand for what is known of the call:
	//
	//	{sender} {receiver}      addresses of the two places
	//	{port} {port2}           two even port numbers, with the next ones free too; {port} is where Receive should listen
	//	{width} {height} {rate}  of the video, in pixels and pictures a second (such as 30 or 30000/1001)
	//	{device}                 the V4L2 device
	//	{logs}                   the folder of the results' logs
	//
	// Both also find them in the environment as SALSIFY_EVAL_SENDER, SALSIFY_EVAL_PORT and so on. Braces that hold anything but a lower-case word,
	// or come after a $, are left to the shell.
	Send, Receive string
	// Input is Pipe or Device; "": Pipe.
	Input string
	// Device is the V4L2 device, such as /dev/video9; only for Input Device.
	Device string
	// Warmup is how long the call waits after Receive was started, so that it listens when Send begins; 0: DefaultWarmup.
	Warmup time.Duration
	// Version is a shell command whose first line of output tells the version, such as "ffmpeg -version"; "": none.
	Version string
}

// DefaultWarmup is long enough for most programs, and costs nothing of the call.
const DefaultWarmup = time.Second

// ErrConfig is wrapped by errors about a Config.
var ErrConfig = errors.New("wrong description of a command pair")

// System is a system.System.
type System struct{ config Config }

// New checks the configuration. Errors wrap ErrConfig.
func New(c Config) (*System, error) {
	if c.Input == "" {
		c.Input = Pipe
	}
	if c.Warmup == 0 {
		c.Warmup = DefaultWarmup
	}
	switch {
	case c.Warmup < 0 || c.Warmup > time.Minute:
		return nil, fmt.Errorf("%w: %s: the warm-up is %v, must be up to a minute", ErrConfig, c.Name, c.Warmup)
	case c.Name == "":
		return nil, fmt.Errorf("%w: it has no name", ErrConfig)
	case strings.TrimSpace(c.Send) == "":
		return nil, fmt.Errorf("%w: %s: the sending command is missing", ErrConfig, c.Name)
	case strings.TrimSpace(c.Receive) == "":
		return nil, fmt.Errorf("%w: %s: the receiving command is missing", ErrConfig, c.Name)
	case c.Input != Pipe && c.Input != Device:
		return nil, fmt.Errorf("%w: %s: input is %q, must be %q or %q", ErrConfig, c.Name, c.Input, Pipe, Device)
	case c.Input == Device && c.Device == "":
		return nil, fmt.Errorf("%w: %s: input is %q, so say which, such as /dev/video9", ErrConfig, c.Name, Device)
	case c.Input == Pipe && c.Device != "":
		return nil, fmt.Errorf("%w: %s: a device is given, but input is %q; make it %q", ErrConfig, c.Name, Pipe, Device)
	}
	for _, text := range []string{c.Send, c.Receive} {
		if _, err := fill(text, dummies); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrConfig, c.Name, err)
		}
	}
	return &System{c}, nil
}

// The placeholders, in the order in which they are explained.
const (
	senderName   = "sender"
	receiverName = "receiver"
	portName     = "port"
	port2Name    = "port2"
	widthName    = "width"
	heightName   = "height"
	rateName     = "rate"
	deviceName   = "device"
	logsName     = "logs"
)

var placeholders = []string{senderName, receiverName, portName, port2Name, widthName, heightName, rateName, deviceName, logsName}

// dummies check a command before anything is known.
var dummies = func() map[string]string {
	values := map[string]string{}
	for _, name := range placeholders {
		values[name] = "?"
	}
	return values
}()

var placeholder = regexp.MustCompile(`\$?\{[a-z][a-z0-9]*\}`)

// fill puts the values in place of their names.
func fill(text string, values map[string]string) (string, error) {
	var err error
	filled := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		if match[0] == '$' {
			return match // a variable of the shell
		}
		name := match[1 : len(match)-1]
		value, known := values[name]
		switch {
		case !slices.Contains(placeholders, name):
			err = errors.Join(err, fmt.Errorf("placeholder %s is not known, there are {%s}; braces of the shell's own, with blanks: { %s }",
				match, strings.Join(placeholders, "} {"), name))
		case !known || value == "":
			err = errors.Join(err, fmt.Errorf("placeholder %s has no value in this call", match))
		}
		return value
	})
	return filled, err
}

// Missing is system.System's. It knows only what the commands begin with.
func (s *System) Missing() error {
	_, err := exec.LookPath("sh")
	if err != nil {
		return fmt.Errorf("%s: commands are run by a shell: %w", s.config.Name, err)
	}
	for _, text := range []string{s.config.Send, s.config.Receive} {
		if missing := shell.MissingProgram(text); missing != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.config.Name, missing))
		}
	}
	if s.config.Input == Device {
		if _, deviceErr := os.Stat(s.config.Device); deviceErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w: `modprobe v4l2loopback video_nr=9` makes /dev/video9 where that module is installed",
				s.config.Name, deviceErr))
		}
	}
	return err
}

// versionTime is how long a command may take to tell its version.
const versionTime = 10 * time.Second

// Versions is system.System's.
func (s *System) Versions(ctx context.Context) map[string]string {
	if s.config.Version == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", s.config.Version)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return map[string]string{s.config.Name: strings.TrimSpace(first)}
}

// Prepare is system.System's.
func (s *System) Prepare(ctx context.Context, call *system.Call) (system.Session, error) {
	values, err := s.values(ctx, call)
	if err != nil {
		return nil, err
	}
	send, err := s.shell(s.config.Send, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.config.Name, err)
	}
	receive, err := s.shell(s.config.Receive, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.config.Name, err)
	}
	return process.PreparePair(ctx, call, process.PairConfig{
		Send: process.Program{Name: "send", Cmd: send}, Receive: process.Program{Name: "receive", Cmd: receive}, Device: s.config.Device,
		Warmup: s.config.Warmup,
	})
}

// values finds what the placeholders stand for.
func (s *System) values(ctx context.Context, call *system.Call) (map[string]string, error) {
	ports, err := process.Ports(ctx, call.Receiver, 2)
	if err != nil {
		return nil, err
	}
	width, height := call.Video.Size()
	values := map[string]string{
		senderName: call.Sender.Address().String(), receiverName: call.Receiver.Address().String(),
		portName: strconv.Itoa(ports[0]), port2Name: strconv.Itoa(ports[1]),
		widthName: strconv.Itoa(width), heightName: strconv.Itoa(height), rateName: rateText(call.Video.Rate().Num, call.Video.Rate().Den),
		deviceName: s.config.Device,
	}
	if strings.Contains(s.config.Send+s.config.Receive, "{"+logsName+"}") {
		path, err := process.LogPath(call, "commands.txt")
		if err != nil {
			return nil, err
		}
		if path != "" {
			values[logsName] = filepath.Dir(path)
			_ = os.WriteFile(path, []byte("send:    "+s.config.Send+"\nreceive: "+s.config.Receive+"\n"), 0o644)
		}
	}
	return values, nil
}

func rateText(num, den int) string {
	if den == 1 {
		return strconv.Itoa(num)
	}
	return strconv.Itoa(num) + "/" + strconv.Itoa(den)
}

func (s *System) shell(text string, values map[string]string) (*exec.Cmd, error) {
	filled, err := fill(text, values)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-c", filled)
	cmd.Env = os.Environ()
	for _, name := range placeholders {
		if value := values[name]; value != "" {
			cmd.Env = append(cmd.Env, "SALSIFY_EVAL_"+strings.ToUpper(name)+"="+value)
		}
	}
	return cmd, nil
}
