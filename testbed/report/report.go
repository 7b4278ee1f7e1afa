// Package report shows what an evaluation measured, as a researcher reads it: a page with figures and tables, and the tables as text.
//
// The way of a report:
//
//  1. Load reads every cell below the given folders, and leaves out, with a warning, what is damaged, of another version or there twice; cells
//     that failed are named (cells.go).
//  2. Cells are put together: a section for each network and clip, in it a line for each system, with its repeats (cells.go).
//  3. Each column of the table is one figure, its mean over the repeats and its range (table.go), and the ratio to the oracle.
//  4. Figures are drawn from the same lines (tradeoff.go, series.go, distribution.go), each as PNG, SVG and PDF (figure.go).
//  5. The page joins them (page.go, page.html).
package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"salsify/testbed/result"
)

// Config says what a report shows.
type Config struct {
	Title    string   // of the page; "": "Evaluation"
	Cells    []Cell   // in the order in which networks and systems are to appear
	Failed   []string // cells without a result, and why
	Warnings []string // of Load
	Out      string   // folder that index.html and figures/ are written to
	// Published figures are shown beside ours, in the sections of their networks.
	Published []Published
}

// Published is a point that others published. What is not known is zero.
type Published struct {
	Network, System       string // Network as in the cells
	SignalMean, SignalP95 time.Duration
	SSIMdB, FPS           float64
	FrameP50, FrameP95    time.Duration
}

// The files of a report.
const (
	PageFile      = "index.html"
	FiguresFolder = "figures"
)

// Write writes the report: the page with its figures and tables, and each figure as PNG, SVG and PDF. Progress, which may be nil, is told how many
// figures of how many are done; its calls do not overlap. The error is that of the context, or of a file that cannot be written; files of cells that
// cannot be read become warnings on the page.
func Write(ctx context.Context, config Config, progress func(done, total int)) error {
	if len(config.Cells) == 0 {
		return errors.New("report: there are no cells to report on")
	}
	folder := filepath.Join(config.Out, FiguresFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	sections, systems, warnings := arrange(config.Cells, config.Published)
	warnings = append(append([]string(nil), config.Warnings...), append(warnings, doubts(sections)...)...)

	p := page{
		Title: cmp.Or(tidy(config.Title), "Evaluation"), Failed: tidied(config.Failed), Facts: factsOf(config.Cells), Styles: stylesOf(systems),
		Limit: limits(sections), Others: len(config.Published) > 0,
	}
	work := &workshop{folder: folder, progress: progress}
	for _, s := range sections {
		work.total += figuresAbout(s)
	}
	for _, s := range sections {
		figures, missing := draft(s)
		warnings = append(warnings, missing...)
		work.total += figures.count() - figuresAbout(s)
		drawn, err := work.draw(ctx, figures.all())
		if err != nil {
			return err
		}
		p.Sections = append(p.Sections, sectionPage(s, figures, drawn, config.Out))
	}
	p.Warnings = warnings
	return p.write(filepath.Join(config.Out, PageFile))
}

// drafts are the figures of a section, in the places where the page has them; nil is one for which nothing was measured.
type drafts struct {
	tradeoffs, distributions []*figure
	overlay                  *figure
	systems                  []*figure // over time
}

func (d *drafts) all() []*figure {
	var all []*figure
	for _, group := range [][]*figure{d.tradeoffs, {d.overlay}, d.distributions, d.systems} {
		for _, f := range group {
			if f != nil {
				all = append(all, f)
			}
		}
	}
	return all
}

func (d *drafts) count() int { return len(d.all()) }

// figuresAbout is how many figures a section has if nothing is missing.
func figuresAbout(s *section) int { return len(tradeoffs) + 1 + len(distributions) + len(s.lines) }

// draft reads the frames and series of a section's cells, and prepares its figures. The warnings tell which files could not be read.
func draft(s *section) (d drafts, warnings []string) {
	for i := range tradeoffs {
		if f := tradeoffs[i].figure(s); f != nil {
			d.tradeoffs = append(d.tradeoffs, f)
		}
	}
	samples := make([][]*sample, len(distributions))
	var recordings []*recording
	for _, l := range s.lines {
		for k := range distributions {
			samples[k] = append(samples[k], &sample{system: l.system})
		}
		for i, c := range l.cells {
			frames, err := result.ReadFrames(c.Folder)
			if err != nil {
				warnings = append(warnings, fmt.Sprintf("Missing in the distributions: %v.", err))
			}
			for k := range distributions {
				samples[k][len(samples[k])-1].add(&distributions[k], frames, c.Result.ExcludedMs)
			}
			if i > 0 {
				continue
			}
			series, err := result.ReadSeries(c.Folder)
			if err != nil {
				warnings = append(warnings, fmt.Sprintf("Missing in the figures over time: %v.", err))
			}
			if len(series) > 0 {
				recordings = append(recordings, &recording{line: l, excluded: c.Result.ExcludedMs / 1000, bins: thin(series)})
			}
		}
	}
	for k := range distributions {
		if f := distributions[k].figure(s, samples[k]); f != nil {
			d.distributions = append(d.distributions, f)
		}
	}
	if len(recordings) > 0 {
		scales := timeScalesOf(recordings)
		d.overlay = overlay(s, recordings, scales)
		names := slugs{}
		for _, r := range recordings {
			d.systems = append(d.systems, r.figure(s, scales, s.slug+"-time-"+names.of(r.line.system.label)))
		}
	}
	return d, warnings
}

// workshop draws figures, on all processors.
type workshop struct {
	folder      string
	progress    func(done, total int)
	done, total int
}

// draw writes the figures' files and returns their SVG by name.
func (w *workshop) draw(ctx context.Context, figures []*figure) (map[string]string, error) {
	var (
		mu     sync.Mutex // guards what follows, and w.done
		drawn  = map[string]string{}
		failed error
		wait   sync.WaitGroup
	)
	next := make(chan *figure)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for f := range next {
				svg, err := f.write(w.folder)
				mu.Lock()
				if failed == nil {
					failed = err
				}
				drawn[f.name] = svg
				w.done++
				if w.progress != nil {
					w.progress(w.done, w.total)
				}
				mu.Unlock()
			}
		})
	}
	for _, f := range figures {
		mu.Lock()
		stop := failed != nil
		mu.Unlock()
		if stop || ctx.Err() != nil {
			break
		}
		next <- f
	}
	close(next)
	wait.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return drawn, failed
}
