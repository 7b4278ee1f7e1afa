package cell

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"salsify/testbed/result"
	"salsify/testbed/system/command"
)

// Plan is all that determines a cell's result, a line "name: value" each, named as flags are: traces by what is in them, clips, which are
// large, by size and time of change. Where the result is written, how it is named in reports, and how quiet the machine has to be are no
// part of it.
type Plan []string

// Planner makes Plans. It reads each trace once, and keeps the hash.
type Planner map[string]string

// Plan returns a cell's.
func (p Planner) Plan(c Config) Plan {
	_ = c.complete() // the defaults; what is wrong otherwise is said when it is run
	var plan Plan
	add := func(name string, value any) { plan = append(plan, fmt.Sprintf("%s: %v", name, value)) }
	add("system", c.System)
	if c.System == CommandName {
		add("send", strconv.Quote(c.Command.Send))
		add("receive", strconv.Quote(c.Command.Receive))
		add("input", cmp.Or(c.Command.Input, command.Pipe)+" "+c.Command.Device)
	}
	add("clip", clipNow(c.Clip.Source))
	add("size", fmt.Sprintf("%dx%d", c.Clip.Width, c.Clip.Height))
	add("rate", c.Clip.Rate)
	add("grain", c.Clip.Grain)
	add("clip-seed", c.Clip.Seed)
	for _, w := range []struct {
		name string
		way  Way
	}{{"down", c.Network.Down}, {"up", c.Network.Up}} {
		add(w.name, p.trace(w.way.Trace))
		add("queue-"+w.name, w.way.Queue)
		add("loss-"+w.name, w.way.Loss)
		add("outage-"+w.name, w.way.Outages)
	}
	add("delay", c.Network.Delay)
	add("start", c.Network.Start)
	add("seed", c.Network.Seed)
	add("duration", c.Duration)
	add("exclude", c.Exclude)
	add("repeat", c.Repeat)
	add("virtual", c.Virtual)
	if c.Virtual {
		add("encode-time", c.EncodeTime)
	}
	add("score-every", c.Every)
	return plan
}

// clipNow tells one file from another, and from what it was before a change.
func clipNow(source string) string {
	info, err := os.Stat(source)
	if err != nil {
		return source // the drawn scene
	}
	return fmt.Sprintf("%s, %d bytes, of %s", filepath.Base(source), info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}

// trace returns the hash of a file; of one that cannot be read, its path.
func (p Planner) trace(path string) string {
	if path == "" {
		return "no limit"
	}
	if _, ok := p[path]; !ok {
		p[path] = path
		if b, err := os.ReadFile(path); err == nil {
			sum := sha256.Sum256(b)
			p[path] = "sha256 " + hex.EncodeToString(sum[:])
		}
	}
	return p[path]
}

// text is the plan as result.PlanFile has it.
func (p Plan) text() string { return strings.Join(p, "\n") + "\n" }

// Hash is the plan as results have it.
func (p Plan) Hash() string {
	sum := sha256.Sum256([]byte(p.text()))
	return hex.EncodeToString(sum[:8])
}

// Differences lists what was otherwise in a plan of before.
func (p Plan) Differences(before Plan) []string {
	values := func(plan Plan) map[string]string {
		of := map[string]string{}
		for _, line := range plan {
			name, value, _ := strings.Cut(line, ": ")
			of[name] = value
		}
		return of
	}
	was, is := values(before), values(p)
	var all []string
	for _, line := range append(p[:len(p):len(p)], before...) {
		name, _, _ := strings.Cut(line, ": ")
		if was[name] != is[name] {
			all = append(all, fmt.Sprintf("%s was %s, is %s now", name, cmp.Or(was[name], "nothing"), cmp.Or(is[name], "nothing")))
			is[name] = was[name] // said
		}
	}
	return all
}

// Finished tells whether a cell's folder has a result, and in what that was asked for otherwise than the cell is now; in nothing if it is
// this cell's.
func (c Config) Finished() (finished bool, differences []string) {
	r, err := result.Read(c.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return true, []string{err.Error()}
	}
	plan := c.Plan
	if plan == nil {
		plan = Planner{}.Plan(c)
	}
	if r.Plan == plan.Hash() {
		return true, nil
	}
	text, err := os.ReadFile(filepath.Join(c.Out, result.PlanFile))
	before := Plan(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
	if err != nil || before.Hash() != r.Plan {
		return true, []string{"it does not say of what call"}
	}
	return true, plan.Differences(before)
}

// occupied refuses a folder that has a result, unless that may be put aside. The error wraps ErrFinished.
func (c Config) occupied() error {
	finished, differences := c.Finished()
	if !finished || c.Redo {
		return nil
	}
	of := "the same call"
	if len(differences) > 0 {
		of = "another call (" + strings.Join(differences, "; ") + ")"
	}
	return fmt.Errorf("%w: %s has one, of %s; give another --out, or --redo to run it again, which keeps the old one as %s.old-1 "+
		"or the next number", ErrFinished, c.Out, of, filepath.Clean(c.Out))
}

// makeRoom makes the folder for the results, and puts aside what is in it if it has a result.
func (c Config) makeRoom() error {
	if finished, _ := c.Finished(); finished {
		kept, err := result.PutAside(c.Out)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Log, "the result of before is now in %s\n", kept)
	}
	if err := os.MkdirAll(filepath.Join(c.Out, result.LogsFolder), 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Out, result.PlanFile), []byte(c.Plan.text()), 0o666)
}
