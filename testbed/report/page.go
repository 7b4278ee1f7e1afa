package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/vg"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New(PageFile).Parse(pageText))

// page is what page.html shows.
type page struct {
	Title    string
	Facts    []fact
	Failed   []string
	Warnings []string
	Styles   []style // of the systems
	Limit    bool    // there is an oracle
	Others   bool    // there are published figures
	Sections []pageSection
}

// fact is a line at the head of the page.
type fact struct{ Name, Text string }

// style is how a system looks.
type style struct {
	Label  string
	Colour template.CSS
}

type pageSection struct {
	ID, Title string
	Facts     []fact
	Groups    []heading // of columns
	Table     table
	Tradeoffs []pageFigure
	Overlay   []pageFigure // one or none
	Shares    []pageFigure
	Systems   []pageFigure
	Cells     []pageCell
}

// heading stands over some columns.
type heading struct {
	Text string
	Span int
}

type pageFigure struct {
	Name, Caption string
	Width, Height int // their ratio is the figure's
	SVG           template.HTML
	Files         []file
}

type file struct {
	Name string
	URL  string
}

type pageCell struct {
	Name     string
	URL      string
	Facts    []fact
	Commands []string
}

// Head is the column's heading with its unit.
func (c column) Head() string { return c.head }

// Unit is what its numbers are in.
func (c column) Unit() string { return c.unit }

// Help explains the column.
func (c column) Help() string { return c.help }

// write puts the page in its place at once, so that nobody reads half of it.
func (p *page) write(path string) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path+".new", b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func stylesOf(systems []*system) []style {
	var styles []style
	for _, s := range systems {
		styles = append(styles, style{s.label, s.look.css()})
	}
	return styles
}

func limits(sections []*section) bool {
	return slices.ContainsFunc(sections, func(s *section) bool { return s.oracle() != nil && len(s.lines) > 1 })
}

// distinct joins the different texts that cells give, in order of first appearance, each with how often it came if they differ.
func distinct(cells []Cell, text func(Cell) string) string {
	var all []string
	count := map[string]int{}
	for _, c := range cells {
		t := tidyText(text(c))
		if t == "" {
			continue
		}
		if count[t]++; count[t] == 1 {
			all = append(all, t)
		}
	}
	const most = 6
	more := len(all) - most
	all = all[:min(most, len(all))]
	if len(all) > 1 {
		for i, t := range all {
			all[i] = fmt.Sprintf("%s (%d)", t, count[t])
		}
	}
	joined := strings.Join(all, "; ")
	if more > 0 {
		joined += fmt.Sprintf("; and %d others", more)
	}
	return joined
}

func addFact(facts []fact, name, text string) []fact {
	if text == "" {
		return facts
	}
	return append(facts, fact{name, text})
}

// factsOf tells when, on which machine and with which versions the cells were made.
func factsOf(cells []Cell) []fact {
	var first, last time.Time
	total := time.Duration(0)
	versions := map[string]map[string]bool{}
	var others []float64
	waited := 0.0
	virtual := 0
	for _, c := range cells {
		r := c.Result
		if at, err := time.Parse(time.RFC3339, r.Started); err == nil {
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
		total += time.Duration(r.DurationMs * float64(time.Millisecond))
		for name, version := range r.Versions {
			if versions[name] == nil {
				versions[name] = map[string]bool{}
			}
			versions[name][tidy(version)] = true
		}
		if r.Machine.OthersDuring != nil {
			others = append(others, 100**r.Machine.OthersDuring)
		}
		waited += r.Machine.WaitedMs
		virtual += boolToInt(r.Virtual)
	}
	var facts []fact
	if !first.IsZero() {
		when := first.UTC().Format("2006-01-02 15:04")
		if end := last.UTC().Format("2006-01-02 15:04"); end != when {
			if end[:10] == when[:10] {
				end = end[11:]
			}
			when += " to " + end
		}
		facts = addFact(facts, "Measured", when+" UTC")
	}
	text := plural(len(cells), "call") + ", " + plural(int(total.Round(time.Minute)/time.Minute), "minute") + " in all"
	if virtual == len(cells) {
		text += ", all in virtual time"
	} else if virtual > 0 {
		text += fmt.Sprintf(", %d of them in virtual time", virtual)
	}
	facts = addFact(facts, "Calls", text)
	facts = addFact(facts, "Clips", distinct(cells, func(c Cell) string {
		clip := c.Result.Clip
		text := fmt.Sprintf("%s, %dx%d, %g pictures a second", clip.Name, clip.Width, clip.Height, clip.Rate)
		if clip.Grain != "" {
			text += ", grain " + clip.Grain
		}
		return text
	}))
	facts = addFact(facts, "Machine", distinct(cells, func(c Cell) string {
		m := c.Result.Machine
		if m.Processor == "" && m.Cores == 0 {
			return ""
		}
		return fmt.Sprintf("%s, %s, %d MB, %s", m.Processor, plural(m.Cores, "core"), m.MemoryMB, m.Kernel)
	}))
	if load := summarize(others); load.measured > 0 {
		text := fmt.Sprintf("other programs used %.0f %% of it during the calls, at most %.0f %%", load.mean, load.highest)
		if waited > 0 {
			text += fmt.Sprintf("; %s was waited for it to be quiet", time.Duration(waited*float64(time.Millisecond)).Round(time.Second))
		}
		facts = addFact(facts, "Load", text)
	}
	names := make([]string, 0, len(versions))
	for name := range versions {
		names = append(names, name)
	}
	slices.Sort(names)
	var texts []string
	for _, name := range names {
		var each []string
		for v := range versions[name] {
			each = append(each, v)
		}
		slices.Sort(each)
		texts = append(texts, tidy(name)+" "+strings.Join(each[:min(3, len(each))], " and "))
	}
	return addFact(facts, "Versions", strings.Join(texts[:min(20, len(texts))], "; "))
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// networkFacts describes the emulated network of a section.
func networkFacts(s *section) []fact {
	var cells []Cell
	for _, l := range s.lines {
		cells = append(cells, l.cells...)
	}
	way := func(name, trace string, capacity, startMs, loss float64, queue, outages string) string {
		text := name + ": "
		switch {
		case trace == "":
			text += "no limit"
		case capacity > 0:
			text += fmt.Sprintf("%s from %g s, %.0f kbit/s", filepath.Base(trace), startMs/1000, capacity)
		default:
			text += fmt.Sprintf("%s from %g s", filepath.Base(trace), startMs/1000)
		}
		if queue != "" {
			text += ", queue " + queue
		}
		if loss > 0 {
			text += fmt.Sprintf(", %.3g %% lost", 100*loss)
		}
		if outages != "" {
			text += ", outages " + outages
		}
		return text
	}
	var facts []fact
	facts = addFact(facts, "Network", distinct(cells, func(c Cell) string {
		n := c.Result.Network
		return way("video", n.Down.Trace, n.Down.CapacityKbit, n.Down.StartMs, n.Down.Loss, n.Down.Queue, n.Down.Outages) + " · " +
			way("feedback", n.Up.Trace, n.Up.CapacityKbit, n.Up.StartMs, n.Up.Loss, n.Up.Queue, n.Up.Outages) +
			fmt.Sprintf(" · %g ms each way", n.DelayMs)
	}))
	return addFact(facts, "Calls", distinct(cells, func(c Cell) string {
		text := fmt.Sprintf("%g s", c.Result.DurationMs/1000)
		if c.Result.ExcludedMs > 0 {
			text += fmt.Sprintf(", the first %g s not counted", c.Result.ExcludedMs/1000)
		}
		return text
	}))
}

// sectionPage joins a section's table, figures and cells.
func sectionPage(s *section, d drafts, drawn map[string]string, out string) pageSection {
	figures := func(group ...*figure) []pageFigure {
		var all []pageFigure
		for _, f := range group {
			if f == nil {
				continue
			}
			p := pageFigure{
				Name: f.name, Caption: f.caption, Width: int(f.width / vg.Millimeter), Height: int(f.height / vg.Millimeter),
				SVG: template.HTML(drawn[f.name]), // gonum escapes text in it
			}
			for _, ending := range []string{"PNG", "SVG", "PDF"} {
				p.Files = append(p.Files, file{ending, FiguresFolder + "/" + f.name + "." + strings.ToLower(ending)})
			}
			all = append(all, p)
		}
		return all
	}
	p := pageSection{
		ID: s.slug, Title: s.title, Facts: networkFacts(s), Table: tableOf(s),
		Tradeoffs: figures(d.tradeoffs...), Overlay: figures(d.overlay), Shares: figures(d.distributions...), Systems: figures(d.systems...),
	}
	for _, c := range p.Table.Columns {
		if n := len(p.Groups); n > 0 && p.Groups[n-1].Text == c.group {
			p.Groups[n-1].Span++
		} else {
			p.Groups = append(p.Groups, heading{c.group, 1})
		}
	}
	for _, l := range s.lines {
		for _, c := range l.cells {
			p.Cells = append(p.Cells, cellPage(l, c, out))
		}
	}
	return p
}

func cellPage(l *line, c Cell, out string) pageCell {
	r := c.Result
	p := pageCell{Name: fmt.Sprintf("%s, repeat %d", l.system.label, r.Repeat), URL: relativeURL(out, c.Folder)}
	p.Facts = addFact(p.Facts, "Cell", tidy(r.Cell))
	p.Facts = addFact(p.Facts, "Started", tidy(r.Started))
	p.Facts = addFact(p.Facts, "Pictures", fmt.Sprintf("%d captured, %d shown, %d never shown, %d scored, %d unreadable",
		r.Figures.Captured, r.Figures.Shown, r.Figures.NeverShown, r.Figures.Scored, r.Figures.Unreadable))
	p.Facts = addFact(p.Facts, "Packets", fmt.Sprintf("%d dropped by the queue, %d lost", r.Figures.Dropped, r.Figures.Lost))
	var load []string
	for _, part := range []struct {
		name  string
		share *float64
	}{{"the system", r.Machine.SystemUsed}, {"the testbed", r.Machine.TestbedUsed}, {"others", r.Machine.OthersDuring}} {
		if part.share != nil {
			load = append(load, fmt.Sprintf("%s %.0f %%", part.name, 100**part.share))
		}
	}
	p.Facts = addFact(p.Facts, "Processor", strings.Join(load, ", "))
	if late := r.Machine.LinkLatenessP99Ms; late != nil {
		p.Facts = addFact(p.Facts, "Link", fmt.Sprintf("late by %.2f ms (99th percentile)", *late))
	}
	for _, w := range r.Warnings {
		p.Facts = addFact(p.Facts, "Warning", tidyText(w))
	}
	const most = 50 // commands
	for _, command := range r.Commands[:min(most, len(r.Commands))] {
		p.Commands = append(p.Commands, shellLine(command))
	}
	return p
}

// relativeURL leads from the page to a folder; "" if there is no way, such as to a folder that is gone. It begins with a dot, so that no name of a
// folder is taken for a scheme.
func relativeURL(out, folder string) string {
	for _, path := range []*string{&out, &folder} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return ""
		}
		if *path, err = filepath.EvalSymlinks(absolute); err != nil {
			return ""
		}
	}
	relative, err := filepath.Rel(out, folder)
	if err != nil {
		return ""
	}
	parts := strings.Split(filepath.ToSlash(relative), "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "./" + strings.Join(parts, "/") + "/"
}

// shellLine writes a command as a shell takes it.
func shellLine(arguments []string) string {
	quoted := make([]string, len(arguments))
	for i, a := range arguments {
		quoted[i] = a
		if a == "" || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+") != "" {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
