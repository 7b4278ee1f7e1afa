// Package matrix runs an evaluation: systems x networks x clips x repeats, described in a file (file.go).
//
//  1. Plan makes the list of cells. All systems of a network follow one another, and repeats come last, so that what the machine does
//     over hours reaches all systems alike. A system that cannot run here is left out, and so are repeats that would be the same to the
//     byte; which is said.
//  2. Run runs those whose folder has no result yet: so an evaluation that was interrupted goes on where it stopped. A cell that fails
//     leaves error.txt in its folder and is tried again next time.
//  3. A folder that has the result of another call is never overwritten: Run refuses before it runs anything, or puts it aside if that was
//     asked for.
package matrix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"salsify/testbed/cell"
	"salsify/testbed/result"
)

// Event is told while a matrix runs.
type Event struct {
	Number, Count int // of the cell, from 1, among those that have to run
	Cell, Folder  string
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
	// Strangers are folders below that for results with results of no cell of the matrix, which a report on it would show too.
	Strangers []string
}

// ErrOthers: there are results of other calls in the folders of a plan's cells. The message names them and says what to do.
var ErrOthers = errors.New("results of other calls are in the way")

// Outcome sums up a run of a matrix.
type Outcome struct {
	Ran, Kept, Failed int      // cells; Kept had their result already
	Silent            int      // of those that ran, in which nothing was shown
	Folders           []string // of all cells with a result, or with word of why there is none
}

// Plan lists the cells of a matrix; out is the folder for results. Missing, unless nil, tells why a system cannot run; then clips and
// traces have to be there too. An error wraps ErrFile.
func (m *Matrix) Plan(out string, missing func(cell.Config) error) (*Plan, error) {
	p := &Plan{}
	left := map[string]bool{}
	asked := map[string]bool{} // systems whose presence is known, and cells that are known to be well described
	planner := cell.Planner{}
	folders := map[string]string{}
	for repeat := 1; repeat <= m.Repeats; repeat++ {
		for _, network := range m.Networks {
			var same []string // systems that would do the same again
			for _, video := range m.Clips {
				for _, s := range m.Systems {
					if repeat > 1 && (m.Virtual || s.isOracle()) && !network.varies(s) {
						if m.Virtual && repeat == 2 && !left[s.Name] {
							same = append(same, s.Name)
						}
						continue
					}
					c := m.cell(s, network, video, repeat)
					c.Out = filepath.Join(out, slug(c.Network.Name), slug(video.Name), slug(s.Name), strconv.Itoa(repeat))
					if other, ok := folders[c.Out]; ok {
						return nil, fileError{fmt.Errorf("%q and %q would share the folder %s; give one another name", other, c.Name, c.Out)}
					}
					folders[c.Out] = c.Name
					if missing != nil && !asked[s.Name] {
						asked[s.Name] = true
						err := missing(c)
						if errors.Is(err, cell.ErrConfig) && !errors.Is(err, cell.ErrVirtual) {
							return nil, fileError{fmt.Errorf("%s: %w", s.Name, err)}
						}
						if err != nil {
							left[s.Name] = true
							p.Skipped = append(p.Skipped, fmt.Sprintf("%s: %v", s.Name, err))
						}
					}
					if left[s.Name] {
						continue
					}
					if missing != nil && !asked[c.Name] {
						asked[c.Name] = true
						if err := c.Check(); err != nil {
							return nil, fileError{fmt.Errorf("%s: %w", c.Name, err)}
						}
					}
					c.Plan = planner.Plan(c)
					p.Cells = append(p.Cells, c)
				}
			}
			if len(same) > 0 {
				slices.Sort(same)
				p.Skipped = append(p.Skipped, fmt.Sprintf("repeats from 2 on of %s on %s: nothing random is in them, so virtual time would give the same again",
					strings.Join(slices.Compact(same), ", "), cmp.Or(network.Name, "the network without a name")))
			}
		}
	}
	p.Strangers = strangers(out, folders)
	return p, nil
}

// strangers finds the results below a folder that are in none of the cells' folders.
func strangers(out string, folders map[string]string) []string {
	found, err := result.Find(out)
	if err != nil {
		return nil // there is nothing yet
	}
	root, _ := filepath.EvalSymlinks(out)
	return slices.DeleteFunc(found, func(folder string) bool {
		below, err := filepath.Rel(root, folder)
		_, ours := folders[filepath.Join(out, below)]
		return ours || err != nil
	})
}

// Others lists the cells whose folders have results of other calls, and what is other. The cells with a result of theirs are finished.
func (p *Plan) Others() (others []string, finished map[string]bool) {
	finished = map[string]bool{}
	for _, c := range p.Cells {
		switch is, differences := c.Finished(); {
		case is && len(differences) > 0:
			others = append(others, c.Out+": "+strings.Join(differences, "; "))
		case is:
			finished[c.Out] = true
		}
	}
	return others, finished
}

// Run runs the cells of a plan that have no result yet, and tells what goes on. Where there are results of other calls it runs nothing and
// returns an error that wraps ErrOthers; with redo it puts those aside (result.PutAside). It returns the context's error if that ends, an
// error that wraps cell.ErrBusy if the machine does not become quiet; a cell that fails otherwise is counted, and the others are run.
func (p *Plan) Run(ctx context.Context, redo bool, tell func(Event)) (Outcome, error) {
	var o Outcome
	others, finished := p.Others()
	if len(others) > 0 && !redo {
		return o, otherResults(others)
	}
	var todo []cell.Config
	for _, c := range p.Cells {
		if finished[c.Out] {
			o.Kept++
			o.Folders = append(o.Folders, c.Out)
		} else {
			c.Redo = redo
			todo = append(todo, c)
		}
	}
	var clock estimate
	for _, c := range todo {
		clock.add(c)
	}
	for i, c := range todo {
		event := Event{Number: i + 1, Count: len(todo), Cell: c.Name, Folder: c.Out, Repeat: c.Repeat, Left: clock.left(0)}
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
			o.Folders = append(o.Folders, c.Out)
			err = errors.Join(err, result.WriteError(c.Out, fmt.Sprintf("%s, repeat %d", c.Name, c.Repeat), err))
		} else {
			o.Ran++
			o.Folders = append(o.Folders, c.Out)
			if r.Figures.Shown == 0 {
				o.Silent++
			}
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

// otherResults says what is in the way.
func otherResults(others []string) error {
	const named = 3 // the rest is most likely of the same kind
	list := strings.Join(others[:min(named, len(others))], "\n  ")
	if more := len(others) - named; more > 0 {
		list += fmt.Sprintf("\n  and %d more", more)
	}
	return fmt.Errorf("%w, so nothing was run:\n  %s\ngive another --out, or --redo to run these again, which keeps the old results as FOLDER.old-1 "+
		"or the next number", ErrOthers, list)
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
