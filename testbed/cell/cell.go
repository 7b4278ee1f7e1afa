// Package cell runs one cell of an evaluation: one system under test, on one network, with one clip, once; and writes all that was
// measured into a folder (package result).
//
//  1. The clip becomes an endless test video (package clip), the network two links (network.go). What is in the folder of an earlier run
//     is not overwritten (plan.go).
//  2. In real time (realtime.go) the system's two ends run in two network namespaces with the links between them (package shell). The
//     machine has to be quiet first (load.go). In virtual time (virtual.go) our own endpoint runs, or the oracle.
//  3. The camera knows when each picture of the source was there, the screen when which picture was seen, the links each packet.
//  4. What was seen is compared with its source, once the call is over.
//  5. From all that come the figures, a line a picture and a line for each 100 ms (figures.go), and go into the folder.
package cell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"salsify/testbed/clip"
	"salsify/testbed/result"
	"salsify/testbed/system/command"
)

// Config is a cell.
type Config struct {
	Name    string // for reports; "": made of system, network and clip
	System  string // as SystemsHelp lists them; CommandName is Command
	Label   string // how reports name the system; "": as System
	Command command.Config
	Bin     string // folder of salsify-send and salsify-recv; "": where this program is, or the PATH
	Clip    clip.Config
	// ClipName is how reports name the clip; "": as the file.
	ClipName string
	Network  Network

	Duration time.Duration // of the call
	Exclude  time.Duration // of it, at its beginning, what does not count in the figures
	Repeat   int           // number of the run, from 1; its seeds follow from it

	Virtual    bool // in virtual time, for our own systems; the oracle knows no other
	EncodeTime EncodeTime

	Every   int     // every how many-th picture seen is compared with its source; 0: DefaultEvery
	MaxLoad float64 // share of all cores that other programs may use; 0: DefaultMaxLoad
	// Patience is how long to wait for the machine to become that quiet, before giving up; 0: DefaultPatience.
	Patience time.Duration

	Plan Plan // nil: Run makes it

	Out  string    // folder for the results, made if need be
	Redo bool      // a result in Out is put aside (result.PutAside); else it is an error, ErrFinished
	Log  io.Writer // progress, a line each; nil: none
	// Second, unless nil, is told once a second how much of the call is over.
	Second func(done time.Duration)
}

// EncodeTime is where virtual time takes from how long the codec works.
type EncodeTime string

// The sources of the codec's time.
const (
	Modelled EncodeTime = "model"    // virtual.Board, by a table that was measured once: two runs are the same, bit by bit
	Server   EncodeTime = "server"   // virtual.Reference, the same for a computer eight times as fast
	Measured EncodeTime = "measured" // what it takes now, here
)

// What a Config that does not say gets.
const (
	// DefaultEvery compares ten pictures a second at 30, which keeps what has to be held in memory of a minute below 1 GB.
	DefaultEvery = 3
	// DefaultMaxLoad is what the services of an idle machine use at most.
	DefaultMaxLoad = 0.10
	// DefaultPatience is longer than a compilation, or a backup, usually takes.
	DefaultPatience = 10 * time.Minute

	// Bounds of Duration: less than a second shows nothing, more than three hours fills memory with packets and pictures.
	minDuration, maxDuration = time.Second, 3 * time.Hour
)

// ErrBusy: other programs use too much of the machine for fair figures.
var ErrBusy = errors.New("the machine is busy")

// ErrFinished: the folder of a cell has a result. The message says what to do.
var ErrFinished = errors.New("there is a result already")

// ErrVirtual: a system that is real was to run in virtual time. Errors that wrap it wrap ErrConfig too.
var ErrVirtual = errors.New("virtual time")

// ErrConfig: a cell cannot be run as it is described. All errors about that are a *ConfigError, which wraps it.
var ErrConfig = errors.New("wrong description of a cell")

// ConfigError tells what to change in a cell's description.
type ConfigError struct {
	Field string // as flags and matrix files name it, such as "loss-down"; "": several
	Err   error
}

// Error is the field and what is wrong with it.
func (e *ConfigError) Error() string {
	if e.Field == "" {
		return e.Err.Error()
	}
	return e.Field + ": " + e.Err.Error()
}

// Unwrap is for package errors.
func (e *ConfigError) Unwrap() []error { return []error{ErrConfig, e.Err} }

func wrong(field, format string, values ...any) error {
	return &ConfigError{field, fmt.Errorf(format, values...)}
}

// Check tells what is wrong with a cell's description, before it is run. The error is a *ConfigError.
func (c Config) Check() error {
	if err := c.complete(); err != nil {
		return err
	}
	if _, err := systemOf(&c); err != nil {
		return err
	}
	if source := c.Clip.Source; source != "test" && !strings.HasPrefix(source, "test:") {
		if _, err := os.Stat(source); err != nil {
			return &ConfigError{"clip", err}
		}
	}
	_, err := c.Network.load(c.Repeat)
	return err
}

func (c *Config) complete() error {
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	if c.MaxLoad == 0 {
		c.MaxLoad = DefaultMaxLoad
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.EncodeTime == "" {
		c.EncodeTime = Modelled
	}
	if c.Repeat == 0 {
		c.Repeat = 1
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	switch {
	case c.Duration < minDuration || c.Duration > maxDuration:
		return wrong("duration", "%v is outside of %v to %v", c.Duration, minDuration, maxDuration)
	case c.Exclude < 0 || c.Exclude > c.Duration-minDuration:
		return wrong("exclude", "%v of %v are left out; at least %v must remain", c.Exclude, c.Duration, minDuration)
	case c.Repeat < 1:
		return wrong("repeat", "%d; the first is 1", c.Repeat)
	case c.Every < 0:
		return wrong("score-every", "%d; give 1 for every picture, 3 for every third", c.Every)
	case !(c.MaxLoad >= 0 && c.MaxLoad <= 1): // nor NaN
		return wrong("max-load", "%g is no share of the processors; give 0 to 1, such as 0.1 for 10 %%", c.MaxLoad)
	case c.Patience < 0:
		return wrong("patience", "%v; give a time such as 10m", c.Patience)
	case c.EncodeTime != Modelled && c.EncodeTime != Server && c.EncodeTime != Measured:
		return wrong("encode-time", "%q; it is %q, %q or %q", c.EncodeTime, Modelled, Server, Measured)
	case c.Out == "":
		return wrong("out", "no folder for the results")
	}
	return nil
}

// Run runs a cell and returns what it wrote into config.Out. On an error there is no result.json of it, but the logs are. A call in which
// nothing was shown is a result.
func Run(ctx context.Context, config Config) (*result.Result, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	s, err := systemOf(&config)
	if err != nil {
		return nil, err
	}
	network, err := config.Network.load(config.Repeat)
	if err != nil {
		return nil, err
	}
	if config.Plan == nil {
		config.Plan = Planner{}.Plan(config)
	}
	if err := config.occupied(); err != nil {
		return nil, err
	}
	if config.Out, err = filepath.Abs(config.Out); err != nil { // a folder that is put aside may be the one we are in
		return nil, err
	}
	video, err := clip.Open(ctx, config.Clip, config.Log)
	if errors.Is(err, clip.ErrClip) && ctx.Err() == nil {
		return nil, &ConfigError{"", err}
	}
	if err != nil {
		return nil, err
	}
	defer video.Close()
	if err := config.makeRoom(); err != nil {
		return nil, err
	}

	r := &run{config: config, network: network, video: video}
	r.describe()
	if s == nil {
		r.result.Virtual = true
		err = r.inVirtualTime(ctx)
	} else {
		err = r.inRealTime(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	figures, frames, series := r.seen.figures()
	r.result.Figures = figures
	r.result.Network.Down.CapacityKbit = figures.CapacityKbit
	r.result.Network.Up.CapacityKbit = r.seen.capacity(r.seen.up, r.seen.exclude, r.seen.duration).Kbit()
	if figures.Shown == 0 {
		r.warn("no picture was shown: the logs may tell why")
	}
	if err := os.Remove(filepath.Join(config.Out, result.ErrorFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err // of an earlier try
	}
	if err := result.Write(config.Out, &r.result, frames, series); err != nil {
		return nil, err
	}
	return &r.result, nil
}

// run is a cell under way.
type run struct {
	config  Config
	network *links
	video   *clip.Video
	seen    observed
	result  result.Result
}

func (r *run) warn(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	r.result.Warnings = append(r.result.Warnings, text)
	fmt.Fprintln(r.config.Log, "warning:", text)
}

// describe fills in what is known before the run.
func (r *run) describe() {
	c := r.config
	width, height := r.video.Size()
	rate := r.video.Rate()
	r.result = result.Result{
		Format: result.Format, Cell: c.Name, System: cmp.Or(c.Label, c.System), Virtual: c.Virtual, Repeat: c.Repeat,
		Started: time.Now().Format(time.RFC3339),
		Clip: result.Clip{
			Name: cmp.Or(c.ClipName, r.video.Name()), Source: filepath.Base(c.Clip.Source), Grain: string(c.Clip.Grain), Width: width, Height: height,
			Rate: float64(rate.Num) / float64(rate.Den), Seed: c.Clip.Seed,
		},
		Network: r.network.description, Plan: c.Plan.Hash(),
		DurationMs: milliseconds(c.Duration), ExcludedMs: milliseconds(c.Exclude),
		Commands: [][]string{}, Versions: OwnVersion(), Machine: machine(), Warnings: []string{},
	}
	if r.result.Cell == "" {
		r.result.Cell = strings.Join([]string{r.result.System, r.result.Network.Name, r.result.Clip.Name}, " ")
	}
	r.seen = observed{
		duration: c.Duration, exclude: c.Exclude, down: r.network.down, up: r.network.up,
		offTimes: r.network.down.OnOff.OffTimes(r.network.down.Seed, c.Duration),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
