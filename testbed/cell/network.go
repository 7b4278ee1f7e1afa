package cell

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"time"

	"salsify/testbed/link"
	"salsify/testbed/result"
	"salsify/testbed/trace"
)

// Network is an emulated network. The video goes over Down, what the receiver says over Up.
type Network struct {
	Name     string // "": the name of Down's trace
	Down, Up Way
	Delay    time.Duration // one way, the same for both
	Start    time.Duration // time of the traces at which the call begins
	Seed     uint64        // of all that is random; each repeat has one of its own
}

// Way is one direction of a Network.
type Way struct {
	Trace   string // path of a file; "": no limit
	Queue   link.Queue
	Loss    float64 // share of packets lost at random, each by itself
	Outages link.OnOff
}

// links is a network whose traces are loaded.
type links struct {
	description result.Network
	down, up    link.Config
}

// load reads the traces.
func (n Network) load(repeat int) (*links, error) {
	switch {
	case n.Delay < 0 || n.Delay > link.MaxDelay:
		return nil, wrong("delay", "%v; give 0s to %v", n.Delay, link.MaxDelay)
	case n.Start < 0 || n.Start > trace.MaxDuration:
		return nil, wrong("start", "%v; give 0s to %v", n.Start, trace.MaxDuration)
	}
	l := &links{description: result.Network{Name: n.Name, DelayMs: milliseconds(n.Delay), Seed: n.Seed}}
	var err error
	if l.down, l.description.Down, err = n.way("down", n.Down, seed(n.Seed, repeat, 0)); err != nil {
		return nil, err
	}
	if l.up, l.description.Up, err = n.way("up", n.Up, seed(n.Seed, repeat, 1)); err != nil {
		return nil, err
	}
	if n.Name == "" {
		name := filepath.Base(n.Down.Trace)
		l.description.Name = strings.TrimSuffix(name, filepath.Ext(name))
		if n.Down.Trace == "" {
			l.description.Name = "no limit"
		}
	}
	return l, nil
}

// seed gives each direction of each repeat one of its own. Systems that are compared have the same.
func seed(base uint64, repeat, direction int) uint64 {
	return base*1_000_003 + uint64(repeat)*2 + uint64(direction)
}

func (n Network) way(name string, w Way, seed uint64) (link.Config, result.Way, error) {
	config := link.Config{Start: n.Start, Delay: n.Delay, Queue: w.Queue, Loss: w.Loss, OnOff: w.Outages, Seed: seed}
	described := result.Way{
		StartMs: milliseconds(n.Start), Queue: w.Queue.String(), Loss: w.Loss, Outages: w.Outages.String(),
	}
	if !(w.Loss >= 0 && w.Loss <= 1) { // nor NaN
		return config, described, wrong("loss-"+name, "%g is no share of the packets; give 0 to 1, such as 0.01 for 1 %%", w.Loss)
	}
	if w.Trace != "" {
		content, err := os.ReadFile(w.Trace)
		if err != nil {
			return config, described, &ConfigError{name, err}
		}
		sum := sha256.Sum256(content)
		described.Trace, described.TraceSHA256 = filepath.Base(w.Trace), hex.EncodeToString(sum[:])
		if config.Trace, err = trace.Load(w.Trace); err != nil {
			return config, described, &ConfigError{name, err}
		}
	}
	if err := config.Validate(); err != nil {
		return config, described, &ConfigError{name, err}
	}
	return config, described, nil
}
