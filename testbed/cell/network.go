package cell

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	l := &links{description: result.Network{Name: n.Name, DelayMs: milliseconds(n.Delay), Seed: n.Seed}}
	var err error
	if l.down, l.description.Down, err = n.way(n.Down, seed(n.Seed, repeat, 0)); err != nil {
		return nil, fmt.Errorf("%w: down: %w", ErrConfig, err)
	}
	if l.up, l.description.Up, err = n.way(n.Up, seed(n.Seed, repeat, 1)); err != nil {
		return nil, fmt.Errorf("%w: up: %w", ErrConfig, err)
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

func (n Network) way(w Way, seed uint64) (link.Config, result.Way, error) {
	config := link.Config{Start: n.Start, Delay: n.Delay, Queue: w.Queue, Loss: w.Loss, OnOff: w.Outages, Seed: seed}
	described := result.Way{
		StartMs: milliseconds(n.Start), Queue: w.Queue.String(), Loss: w.Loss, Outages: w.Outages.String(),
	}
	if w.Trace != "" {
		content, err := os.ReadFile(w.Trace)
		if err != nil {
			return config, described, err
		}
		sum := sha256.Sum256(content)
		described.Trace, described.TraceSHA256 = filepath.Base(w.Trace), hex.EncodeToString(sum[:])
		if config.Trace, err = trace.Load(w.Trace); err != nil {
			return config, described, err
		}
	}
	return config, described, config.Validate()
}
