package matrix

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"salsify/testbed/cell"
	"salsify/testbed/clip"
	"salsify/testbed/link"
	"salsify/testbed/system/command"
)

// ErrFile: a matrix file cannot be used. The messages of errors that wrap it say where, and what to change.
var ErrFile = errors.New("wrong matrix file")

// fileError wraps ErrFile without saying it.
type fileError struct{ error }

func (e fileError) Unwrap() []error { return []error{ErrFile, e.error} }

// Matrix is what a file describes. Paths in the file are relative to its folder.
type Matrix struct {
	Title    string        `yaml:"title"`
	Duration time.Duration `yaml:"duration"` // of each call
	Exclude  time.Duration `yaml:"exclude"`  // of it, at its beginning, what does not count
	Repeats  int           `yaml:"repeats"`
	Virtual  bool          `yaml:"virtual"` // in virtual time, for our own systems
	Seed     uint64        `yaml:"seed"`
	Every    int           `yaml:"score-every"` // every how many-th picture is compared with its source
	MaxLoad  float64       `yaml:"max-load"`    // share of the processors that other programs may use
	Traces   string        `yaml:"traces"`      // folder in which traces are looked for

	// What a network has that does not say otherwise.
	Delay time.Duration `yaml:"delay"`
	Queue Queue         `yaml:"queue"`
	Start time.Duration `yaml:"start"` // time of the traces at which calls begin

	Systems  []System  `yaml:"systems"`
	Clips    []Clip    `yaml:"clips"`
	Networks []Network `yaml:"networks"`

	// NoOracle leaves out the oracle, which is otherwise run once for each network and clip, as the limit of what can be.
	NoOracle bool `yaml:"no-oracle"`

	Bin string `yaml:"-"` // folder of our programs; "": beside this one, or in PATH
}

// System is a system under test: in the file its name alone, or with the commands of one that is not built in.
type System struct {
	Name    string `yaml:"name"`
	System  string `yaml:"system"` // as for salsify-eval run --system; left out: the name
	Send    string `yaml:"send"`
	Receive string `yaml:"receive"`
	Input   string `yaml:"input"`  // how Send gets its pictures: pipe or device
	Device  string `yaml:"device"` // of a device
}

func (s System) isOracle() bool {
	name, _, _ := strings.Cut(s.System, ":")
	return name == cell.OracleName
}

// UnmarshalYAML takes a name alone too.
func (s *System) UnmarshalYAML(decode func(any) error) error {
	if decode(&s.Name) == nil {
		return nil
	}
	type plain System
	return decode((*plain)(s))
}

// Clip is a test video: in the file its path alone, or with how it is made.
type Clip struct {
	Name   string     `yaml:"name"`
	Source string     `yaml:"source"`
	Size   Size       `yaml:"size"`
	Rate   float64    `yaml:"rate"`
	Grain  clip.Grain `yaml:"grain"`
	Seed   uint64     `yaml:"seed"`
}

// UnmarshalYAML takes a path alone too.
func (c *Clip) UnmarshalYAML(decode func(any) error) error {
	if decode(&c.Source) == nil {
		return nil
	}
	type plain Clip
	return decode((*plain)(c))
}

// Size is written WIDTHxHEIGHT.
type Size struct{ Width, Height int }

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	var rest string
	if n, _ := fmt.Sscanf(string(text)+" ", "%dx%d%s", &s.Width, &s.Height, &rest); n != 2 || s.Width <= 0 || s.Height <= 0 {
		return fmt.Errorf("%q is not a size; write WIDTHxHEIGHT, such as 1280x720", text)
	}
	return nil
}

// Network is an emulated network. What is left out is as for all networks of the file.
type Network struct {
	Name        string         `yaml:"name"`
	Down        string         `yaml:"down"` // trace of the video's way
	Up          string         `yaml:"up"`   // trace of the other; left out: no limit
	Delay       *time.Duration `yaml:"delay"`
	Start       *time.Duration `yaml:"start"`
	Queue       *Queue         `yaml:"queue"`
	LossDown    float64        `yaml:"loss-down"`
	LossUp      float64        `yaml:"loss-up"`
	OutagesDown Outages        `yaml:"outage-down"`
	OutagesUp   Outages        `yaml:"outage-up"`
}

// varies says whether repeats of a system in virtual time differ, each of which has random numbers of its own: by the network alone.
func (n Network) varies(s System) bool {
	if s.isOracle() { // which nothing else happens to
		return n.OutagesDown.Random
	}
	return n.LossDown > 0 || n.LossUp > 0 || n.OutagesDown.Random || n.OutagesUp.Random || n.Queue.Policy == link.PIE
}

// Queue is a link's queue as it is written on the command line.
type Queue struct{ link.Queue }

// UnmarshalText reads a queue.
func (q *Queue) UnmarshalText(text []byte) error { return q.Set(string(text)) }

// Outages are a link's times of silence as they are written on the command line.
type Outages struct{ link.OnOff }

// UnmarshalText reads outages.
func (o *Outages) UnmarshalText(text []byte) error { return o.Set(string(text)) }

// Bounds of what is read.
const (
	maxFileBytes = 64 << 10
	maxDepth     = 20 // of brackets within brackets
	maxCells     = 10_000
)

// Load reads a matrix file. bin is the folder of our programs. An error wraps ErrFile.
func Load(path, bin string) (*Matrix, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fileError{err}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fileError{err}
	}
	m, err := parse(text, filepath.Dir(path))
	if err != nil {
		return nil, fileError{fmt.Errorf("%s: %w", path, err)}
	}
	m.Bin = bin
	return m, nil
}

// parse reads what a file in a folder says.
func parse(text []byte, folder string) (*Matrix, error) {
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxFileBytes)
	}
	// What a file of that length can make the reader do without end.
	depth := 0
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return nil, fmt.Errorf("line %d: anchors and aliases are not read; write it out", t.Position.Line)
		case token.SequenceStartType, token.MappingStartType:
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("line %d: more than %d brackets within each other", t.Position.Line, maxDepth)
			}
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
	}
	m := &Matrix{Duration: time.Minute, Repeats: 1, Delay: 20 * time.Millisecond, Every: cell.DefaultEvery, MaxLoad: cell.DefaultMaxLoad}
	if err := yaml.UnmarshalWithOptions(text, m, yaml.Strict(), yaml.CustomUnmarshaler(readDuration)); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, true))
	}
	return m, m.Complete(folder)
}

// readDuration reads a time, with its unit: a bare number would be nanoseconds.
func readDuration(d *time.Duration, text []byte) error {
	trimmed := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	if _, err := strconv.ParseFloat(trimmed, 64); err == nil {
		return fmt.Errorf("the time %s has no unit; write %ss or %sms", trimmed, trimmed, trimmed)
	}
	read, err := time.ParseDuration(trimmed)
	if err != nil {
		return fmt.Errorf("%q is not a time; write such as 60s, 20ms or 1m30s", trimmed)
	}
	*d = read
	return nil
}

// Complete fills in what was left out, makes paths that are relative to a folder whole, and checks.
func (m *Matrix) Complete(folder string) error {
	switch {
	case len(m.Systems) == 0:
		return errors.New("no systems; name at least one, as in `systems: [salsify, chrome]`")
	case len(m.Clips) == 0:
		return errors.New("no clips; name at least one, as in `clips: [talk.mp4]`")
	case len(m.Networks) == 0:
		return errors.New("no networks; describe at least one, as in `networks: [{name: LTE, down: lte.down, up: lte.up}]`")
	case m.Repeats < 1:
		return fmt.Errorf("repeats: %d; give 1 or more", m.Repeats)
	case !(m.MaxLoad > 0 && m.MaxLoad <= 1):
		return fmt.Errorf("max-load: %g is no share of the processors; give more than 0 and up to 1, such as 0.1 for 10 %%", m.MaxLoad)
	case m.Every < 1:
		return fmt.Errorf("score-every: %d; give 1 for every picture, 3 for every third", m.Every)
	}
	if n := float64(len(m.Systems)) * float64(len(m.Clips)) * float64(len(m.Networks)) * float64(m.Repeats); n > maxCells {
		return fmt.Errorf("%.0f cells are more than %d; make several files of it", n, maxCells)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	within := func(base, path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(base, path)
	}
	traces := within(folder, m.Traces)
	if m.Traces == "" {
		traces = folder
	}
	for i := range m.Systems {
		s := &m.Systems[i]
		if s.System == "" {
			s.System = s.Name
			if s.Send != "" || s.Receive != "" {
				s.System = cell.CommandName
			}
		}
		if s.Name == "" {
			s.Name = s.System
		}
	}
	if !m.NoOracle && !slices.ContainsFunc(m.Systems, System.isOracle) {
		m.Systems = append(m.Systems, System{Name: cell.OracleName, System: cell.OracleName})
	}
	for i := range m.Clips {
		c := &m.Clips[i]
		if c.Source == "" {
			return fmt.Errorf("clip %d has no source", i+1)
		}
		if c.Name == "" {
			name := filepath.Base(c.Source)
			c.Name = strings.Trim(strings.TrimSuffix(strings.TrimSuffix(name, filepath.Ext(name)), ":")+"-"+string(c.Grain), "-")
		}
		if c.Source != "test" && !strings.HasPrefix(c.Source, "test:") {
			c.Source = within(folder, c.Source)
		}
	}
	for i := range m.Networks {
		n := &m.Networks[i]
		if n.Name == "" && n.Down != "" {
			n.Name = strings.TrimSuffix(filepath.Base(n.Down), filepath.Ext(n.Down))
		}
		n.Down, n.Up = within(traces, n.Down), within(traces, n.Up)
		if n.Delay == nil {
			n.Delay = &m.Delay
		}
		if n.Start == nil {
			n.Start = &m.Start
		}
		if n.Queue == nil {
			n.Queue = &m.Queue
		}
	}
	return nil
}

// cell describes one cell.
func (m *Matrix) cell(s System, n Network, c Clip, repeat int) cell.Config {
	return cell.Config{
		Name: strings.Join([]string{s.Name, n.Name, c.Name}, ", "), System: s.System, Label: s.Name, Bin: m.Bin,
		Command: command.Config{Name: s.Name, Send: s.Send, Receive: s.Receive, Input: s.Input, Device: s.Device},
		Clip: clip.Config{
			Source: c.Source, Width: c.Size.Width, Height: c.Size.Height, Rate: c.Rate, Grain: c.Grain, Seed: c.Seed,
		},
		Network: cell.Network{
			Name: n.Name, Delay: *n.Delay, Start: *n.Start, Seed: m.Seed,
			Down: cell.Way{Trace: n.Down, Queue: n.Queue.Queue, Loss: n.LossDown, Outages: n.OutagesDown.OnOff},
			Up:   cell.Way{Trace: n.Up, Queue: n.Queue.Queue, Loss: n.LossUp, Outages: n.OutagesUp.OnOff},
		},
		ClipName: c.Name, Duration: m.Duration, Exclude: m.Exclude, Repeat: repeat, Virtual: m.Virtual,
		Every: m.Every, MaxLoad: m.MaxLoad,
	}
}
