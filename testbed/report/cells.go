package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"salsify/testbed/result"
)

// Cell is one cell of an evaluation.
type Cell struct {
	Folder string
	Result *result.Result
}

// Oracle is the name of the system that knows the trace: the limit that the others are compared with.
const Oracle = "oracle"

// Load reads what is at or below the given folders: their titles, result.json of every cell in the order of the paths, and which cells
// failed. A cell that cannot be read, that another version wrote, or that is there twice is left out, and a warning says so. The error tells
// that a folder cannot be searched, or that no cell is left.
func Load(folders ...string) (Config, error) {
	var c Config
	var titles []string
	for _, folder := range folders {
		if title := result.ReadTitle(folder); title != "" && !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
	}
	c.Title = strings.Join(titles, "; ")
	found, err := result.Find(folders...)
	if err != nil {
		return c, err
	}
	for _, folder := range found {
		r, err := result.Read(folder)
		switch {
		case errors.Is(err, result.ErrFormat):
			c.Warnings = append(c.Warnings, fmt.Sprintf("Left out: %v.", err))
		case err != nil:
			c.Warnings = append(c.Warnings, fmt.Sprintf("Left out, since it cannot be read: %v.", err))
		default:
			c.Cells = append(c.Cells, Cell{folder, r})
		}
	}
	failed, err := result.FindFailed(folders...)
	if err != nil {
		return c, err
	}
	for _, folder := range failed {
		line, err := result.ReadError(folder)
		if err != nil {
			line = err.Error()
		}
		c.Failed = append(c.Failed, fmt.Sprintf("%s (%s)", line, folder))
	}
	if len(c.Cells) == 0 {
		return c, fmt.Errorf("no cell that can be read in %s: `salsify-eval run` and `salsify-eval matrix` make them%s", strings.Join(folders, ", "),
			strings.Join(slices.Concat([]string{""}, c.Warnings, c.Failed), "\n  "))
	}
	cells, warnings := once(c.Cells)
	c.Cells, c.Warnings = cells, append(c.Warnings, warnings...)
	return c, nil
}

// once leaves out cells that would count as repeats and are none: a second result of the same repeat, which may be a copy, and one of
// virtual time that says the same again, since nothing random was in it.
func once(cells []Cell) (kept []Cell, warnings []string) {
	first := map[string]string{} // folders of what is kept, by what must differ
	for _, c := range cells {
		r := c.Result
		line := fmt.Sprintf("%q %v %q %q", r.System, r.Virtual, r.Network.Name, r.Clip.Name)
		repeat := fmt.Sprintf("%s repeat %d %s", line, r.Repeat, cmp.Or(r.Plan, "of "+r.Started))
		same := ""
		if r.Virtual {
			figures, err := json.Marshal(r.Figures) // in which NaN equals NaN
			if err == nil {
				same = line + string(figures)
			}
		}
		switch {
		case first[repeat] != "":
			warnings = append(warnings, fmt.Sprintf("Left out: %s is repeat %d of the same call as %s; "+
				"another repeat needs a --repeat of its own, another system a --name.", c.Folder, r.Repeat, first[repeat]))
			continue
		case same != "" && first[same] != "":
			warnings = append(warnings, fmt.Sprintf("Left out: %s has the same figures as %s, since nothing random is in them.", c.Folder, first[same]))
			continue
		}
		first[repeat] = c.Folder
		if same != "" {
			first[same] = c.Folder
		}
		kept = append(kept, c)
	}
	return kept, warnings
}

// system is one system over the whole report; it looks the same in all figures.
type system struct {
	name    string // as the cells have it
	label   string // as it is shown
	virtual bool
	look    look
}

func (s *system) oracle() bool { return s.name == Oracle }

// line is a system on one network with one clip.
type line struct {
	system *system
	cells  []Cell // the repeats
}

// section is one network with one clip.
type section struct {
	network, clip string
	title         string
	slug          string // for the names of files
	lines         []*line
	published     []Published
}

func (s *section) oracle() *line {
	for _, l := range s.lines {
		if l.system.oracle() {
			return l
		}
	}
	return nil
}

// arrange puts cells together: sections and systems in the order of their first appearance, the oracle behind the other systems. The warnings tell
// what makes lines hard to compare.
func arrange(cells []Cell, published []Published) (sections []*section, systems []*system, warnings []string) {
	type systemKey struct {
		name    string
		virtual bool
	}
	type sectionKey struct{ network, clip string }
	systemOf := map[systemKey]*system{}
	sectionOf := map[sectionKey]*section{}
	clips, virtual, reals := map[string]bool{}, 0, 0
	for _, c := range cells {
		r := c.Result
		sk := systemKey{r.System, r.Virtual}
		if systemOf[sk] == nil {
			systemOf[sk] = &system{name: r.System, virtual: r.Virtual}
			systems = append(systems, systemOf[sk])
		}
		nk := sectionKey{r.Network.Name, r.Clip.Name}
		s := sectionOf[nk]
		if s == nil {
			s = &section{network: nk.network, clip: nk.clip}
			sectionOf[nk] = s
			sections = append(sections, s)
			clips[nk.clip] = true
		}
		i := slices.IndexFunc(s.lines, func(l *line) bool { return l.system == systemOf[sk] })
		if i < 0 {
			i = len(s.lines)
			s.lines = append(s.lines, &line{system: systemOf[sk]})
		}
		s.lines[i].cells = append(s.lines[i].cells, c)
		if !systemOf[sk].oracle() {
			if r.Virtual {
				virtual++
			} else {
				reals++
			}
		}
	}

	slices.SortStableFunc(systems, func(a, b *system) int { return boolToInt(a.oracle()) - boolToInt(b.oracle()) })
	n := 0
	for _, s := range systems {
		s.label = tidy(s.name)
		if s.oracle() {
			s.look = oracleLook
			continue
		}
		if s.virtual && virtual > 0 && reals > 0 {
			s.label += ", virtual"
		}
		s.look = lookOf(n)
		n++
	}
	names := slugs{}
	for _, s := range sections {
		s.title = tidy(cmp.Or(s.network, "network without a name"))
		if len(clips) > 1 {
			s.title += ", " + tidy(cmp.Or(s.clip, "clip without a name"))
		}
		s.slug = names.of(s.title)
		for _, p := range published {
			if p.Network == s.network {
				s.published = append(s.published, p)
			}
		}
		slices.SortStableFunc(s.lines, func(a, b *line) int {
			return slices.Index(systems, a.system) - slices.Index(systems, b.system)
		})
		for _, l := range s.lines {
			slices.SortStableFunc(l.cells, func(a, b Cell) int { return cmp.Compare(a.Result.Repeat, b.Result.Repeat) })
		}
		warnings = append(warnings, s.differences()...)
	}
	return sections, systems, warnings
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// differences warns of cells that stand in one section and were not made in the same way.
func (s *section) differences() []string {
	var warnings []string
	for _, what := range []struct {
		name  string
		value func(*result.Result) any
	}{
		{"traces", func(r *result.Result) any { return [2]string{r.Network.Down.TraceSHA256, r.Network.Up.TraceSHA256} }},
		{"starts of the trace", func(r *result.Result) any { return [2]float64{r.Network.Down.StartMs, r.Network.Up.StartMs} }},
		{"queues", func(r *result.Result) any { return [2]string{r.Network.Down.Queue, r.Network.Up.Queue} }},
		{"losses", func(r *result.Result) any { return [2]float64{r.Network.Down.Loss, r.Network.Up.Loss} }},
		{"outages", func(r *result.Result) any { return [2]string{r.Network.Down.Outages, r.Network.Up.Outages} }},
		{"delays", func(r *result.Result) any { return r.Network.DelayMs }},
		{"durations", func(r *result.Result) any { return math.Round(r.DurationMs / 1000) }},
		{"excluded beginnings", func(r *result.Result) any { return math.Round(r.ExcludedMs / 1000) }},
		{"picture sizes or rates", func(r *result.Result) any {
			return [3]float64{float64(r.Clip.Width), float64(r.Clip.Height), r.Clip.Rate}
		}},
		{"grains", func(r *result.Result) any { return r.Clip.Grain }},
	} {
		seen := map[any]bool{}
		for _, l := range s.lines {
			for _, c := range l.cells {
				seen[what.value(c.Result)] = true
			}
		}
		if len(seen) > 1 {
			warnings = append(warnings, fmt.Sprintf("%s: the cells have different %s, so the systems cannot be compared there.", s.title, what.name))
		}
	}
	return warnings
}

// fewRepeats is how many repeats are too few to tell chance from a difference.
const fewRepeats = 3

// varies says whether another repeat of a line might differ. In virtual time it may by what is random in the network.
func (l *line) varies() bool {
	r := l.cells[0].Result
	random := func(w result.Way) bool {
		return w.Loss > 0 || strings.HasPrefix(w.Outages, "exponential") || strings.HasPrefix(w.Queue, "pie")
	}
	return !r.Virtual || random(r.Network.Down) || random(r.Network.Up)
}

// doubts collects what makes the figures doubtful: the cells' own warnings, few repeats of what is compared, several machines.
func doubts(sections []*section) []string {
	var texts []string // in order of first appearance
	cellsOf := map[string][]string{}
	add := func(text, cell string) {
		if cellsOf[text] == nil {
			texts = append(texts, text)
		}
		cellsOf[text] = append(cellsOf[text], cell)
	}
	few, lines := 0, 0
	machines := map[string]bool{}
	for _, s := range sections {
		for _, l := range s.lines {
			for _, c := range l.cells {
				name := tidy(cellName(c))
				for _, w := range c.Result.Warnings {
					add(tidyText(w), name)
				}
				if m := c.Result.Machine; !c.Result.Virtual {
					machines[fmt.Sprint(m.Processor, m.Cores, m.Kernel)] = true
				}
			}
			if compared := len(s.lines) > 2 || len(s.lines) == 2 && s.oracle() == nil; compared && !l.system.oracle() && l.varies() {
				lines++
				few += boolToInt(len(l.cells) < fewRepeats)
			}
		}
	}
	var out []string
	if few > 0 {
		out = append(out, fmt.Sprintf("%d of %d lines have fewer than %d repeats: differences between systems may be chance.", few, lines, fewRepeats))
	}
	if len(machines) > 1 {
		out = append(out, fmt.Sprintf("The cells come from %d different machines or kernels: delays depend on the machine.", len(machines)))
	}
	const shown = 4 // cells that are named
	for _, text := range texts {
		cells := cellsOf[text]
		names := strings.Join(cells[:min(shown, len(cells))], ", ")
		if n := len(cells) - shown; n > 0 {
			names += fmt.Sprintf(" and %d more", n)
		}
		out = append(out, fmt.Sprintf("%s (%s).", strings.TrimRight(text, ". "), names))
	}
	return out
}

func cellName(c Cell) string {
	name := cmp.Or(c.Result.Cell, c.Result.System+" "+c.Result.Network.Name+" "+c.Result.Clip.Name)
	if c.Result.Repeat > 1 {
		name += fmt.Sprintf(" repeat %d", c.Result.Repeat)
	}
	return name
}
