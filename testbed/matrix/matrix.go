// Package matrix runs an evaluation: systems x networks x clips x repeats, described in a file (file.go).
//
//  1. Plan makes the list of cells. All systems of a network follow one another, and repeats come last, so that what the machine does
//     over hours reaches all systems alike. A system that cannot run here is left out, which is said.
//  2. Run runs those whose folder has no result yet, or one of another plan: so an evaluation that was interrupted goes on where it
//     stopped. A cell that fails leaves error.txt in its folder and is tried again next time.
package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"salsify/testbed/cell"
	"salsify/testbed/result"
)

// ErrorFile in a cell's folder tells why it failed.
const ErrorFile = "error.txt"

// Event is told while a matrix runs.
type Event struct {
	Number, Count int // of the cell, from 1, among those that have to run
	Cell          string
	Repeat        int
	Done          time.Duration // of the call, until now
	Left          time.Duration // until all cells are done, estimated; 0: not known yet
	Ended         bool          // the cell is over
	Result        *result.Result
	Err           error // why it failed
}

// Plan is the list of a matrix' cells.
type Plan struct {
	Cells   []cell.Config
	Skipped []string // what is left out, and why
}

// Outcome sums up a run of a matrix.
type Outcome struct {
	Ran, Kept, Failed int      // cells; Kept had their result already
	Folders           []string // of all cells with a result
}

// Plan lists the cells of a matrix; out is the folder for results. Missing, unless nil, tells why a system cannot run.
func (m *Matrix) Plan(out string, missing func(cell.Config) error) (*Plan, error) {
	p := &Plan{}
	left := map[string]bool{}
	asked := map[string]bool{} // systems whose presence is known, and cells that are known to be well described
	contents := hashes{}
	folders := map[string]string{}
	for repeat := 1; repeat <= m.Repeats; repeat++ {
		for _, network := range m.Networks {
			for _, video := range m.Clips {
				for _, s := range m.Systems {
					if repeat > 1 && s.isOracle() && !network.random() {
						continue // it would do the same again
					}
					c := m.cell(s, network, video, repeat)
					c.Out = filepath.Join(out, slug(c.Network.Name), slug(video.Name), slug(s.Name), strconv.Itoa(repeat))
					if other, ok := folders[c.Out]; ok {
						return nil, fmt.Errorf("%w: %q and %q would share the folder %s; give one another name", ErrFile, other, c.Name, c.Out)
					}
					folders[c.Out] = c.Name
					if missing != nil && !asked[s.Name] {
						asked[s.Name] = true
						err := missing(c)
						if errors.Is(err, cell.ErrConfig) && !errors.Is(err, cell.ErrVirtual) {
							return nil, fmt.Errorf("%w: system %q: %w", ErrFile, s.Name, err)
						}
						if err != nil {
							left[s.Name] = true
							p.Skipped = append(p.Skipped, fmt.Sprintf("%s: %v", s.Name, err))
						}
					}
					if left[s.Name] {
						continue
					}
					if described := s.Name + "\n" + network.Name; !asked[described] {
						asked[described] = true
						if err := c.Check(); err != nil {
							return nil, fmt.Errorf("%w: %s: %w", ErrFile, c.Name, err)
						}
					}
					c.Plan = contents.plan(c)
					p.Cells = append(p.Cells, c)
				}
			}
		}
	}
	return p, nil
}

// Run runs the cells of a plan that have no result yet. It returns the context's error if that ends, an error that wraps
// cell.ErrBusy if the machine does not become quiet; a cell that fails otherwise is counted, and the others are run.
func (p *Plan) Run(ctx context.Context, tell func(Event)) (Outcome, error) {
	var o Outcome
	var todo []cell.Config
	for _, c := range p.Cells {
		if r, err := result.Read(c.Out); err == nil && r.Plan == c.Plan {
			o.Kept++
			o.Folders = append(o.Folders, c.Out)
		} else {
			todo = append(todo, c)
		}
	}
	var clock estimate
	for _, c := range todo {
		clock.add(c)
	}
	for i, c := range todo {
		event := Event{Number: i + 1, Count: len(todo), Cell: c.Name, Repeat: c.Repeat, Left: clock.left(0)}
		tell(event)
		c.Second = func(done time.Duration) {
			event.Done, event.Left = done, clock.left(done)
			tell(event)
		}
		began := time.Now()
		r, err := cell.Run(ctx, c)
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil {
			o.Failed++
			err = errors.Join(err, writeError(c.Out, err))
		} else {
			o.Ran++
			o.Folders = append(o.Folders, c.Out)
			os.Remove(filepath.Join(c.Out, ErrorFile)) // of an earlier try, if there was one
		}
		clock.done(c, time.Since(began))
		event.Ended, event.Result, event.Err, event.Left = true, r, err, clock.left(0)
		tell(event)
		if errors.Is(err, cell.ErrBusy) {
			return o, err
		}
	}
	return o, nil
}

func writeError(folder string, err error) error {
	if e := os.MkdirAll(folder, 0o777); e != nil {
		return e
	}
	return os.WriteFile(filepath.Join(folder, ErrorFile), []byte(err.Error()+"\n"), 0o666)
}

// estimate tells how long it still takes: what the calls take, and what was needed beside them up to now.
type estimate struct {
	calls    time.Duration // of the cells that are not done
	cells    int           // that are not done
	beside   time.Duration // that the cells that are done took beside their calls
	finished int
}

func (e *estimate) add(c cell.Config) { e.calls += c.Duration; e.cells++ }

func (e *estimate) done(c cell.Config, took time.Duration) {
	e.calls -= c.Duration
	e.cells--
	e.finished++
	e.beside += took - c.Duration // below 0 in virtual time
}

func (e *estimate) left(done time.Duration) time.Duration {
	left := e.calls - done
	if e.finished > 0 {
		left += e.beside / time.Duration(e.finished) * time.Duration(e.cells)
	}
	return max(left, 0)
}

// hashes are the hashes of files that plans are made of.
type hashes map[string]string

// plan hashes all that determines a cell's result: traces by what is in them, clips, which are large, by size and time of change. Where
// the result is written, how it is named in reports, and how quiet the machine has to be are left out.
func (h hashes) plan(c cell.Config) string {
	c.Network.Down.Trace, c.Network.Up.Trace = h.contents(c.Network.Down.Trace), h.contents(c.Network.Up.Trace)
	if info, err := os.Stat(c.Clip.Source); err == nil {
		c.Clip.Source = fmt.Sprint(filepath.Base(c.Clip.Source), info.Size(), info.ModTime().UnixNano())
	}
	c.Out, c.Log, c.Second, c.Bin, c.Plan, c.Clip.Cache, c.MaxLoad, c.Patience = "", nil, nil, "", "", "", 0, 0
	if c.Every == 0 {
		c.Every = cell.DefaultEvery
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", c))
	return hex.EncodeToString(sum[:8])
}

// contents returns the hash of a file; of one that cannot be read, its path.
func (h hashes) contents(path string) string {
	if _, ok := h[path]; !ok {
		h[path] = path
		if b, err := os.ReadFile(path); err == nil {
			sum := sha256.Sum256(b)
			h[path] = hex.EncodeToString(sum[:])
		}
	}
	return h[path]
}

// slug makes a name that is good for a folder.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-.")
	if s == "" {
		return "unnamed"
	}
	return s
}
