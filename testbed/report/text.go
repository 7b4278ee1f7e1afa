package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text writes the table for a terminal: for each network two blocks of at most about 100 columns, delays first; where there are repeats, a second
// line gives the range over them. A star marks the best of the systems, the oracle left out. Below stand the cells that failed, and what
// makes the figures doubtful. Of the Config, Out is not used.
func Text(w io.Writer, config Config) error {
	sections, _, warnings := arrange(config.Cells, config.Published)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if config.Title != "" {
		fmt.Fprintf(t, "%s\n\n", tidy(config.Title))
	}
	for i, s := range sections {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintln(t, s.title)
		for _, columns := range blocks(tableOf(s)) {
			fmt.Fprint(t, "\n")
			textBlock(t, columns)
		}
	}
	notes := make([]string, 0, len(config.Failed))
	for _, failed := range config.Failed {
		notes = append(notes, "Failed: "+failed)
	}
	for i, note := range slices.Concat(notes, config.Warnings, warnings, doubts(sections)) {
		if i == 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "! %s\n", tidyText(note))
	}
	return t.Flush()
}

// blocks cuts a table where its columns turn from delay to other things, so that each part fits a terminal.
func blocks(t table) []table {
	var parts []table
	cut := func(from, to int) {
		if from == to {
			return
		}
		part := table{Columns: t.Columns[from:to]}
		for _, r := range t.Rows {
			r.Entries = r.Entries[from:to]
			part.Rows = append(part.Rows, r)
		}
		parts = append(parts, part)
	}
	middle := 0
	for middle < len(t.Columns) && strings.HasSuffix(t.Columns[middle].group, "delay") {
		middle++
	}
	cut(0, middle)
	cut(middle, len(t.Columns))
	return parts
}

func textBlock(t *tabwriter.Writer, part table) {
	width := len("system")
	for _, r := range part.Rows {
		width = max(width, len([]rune(r.Label)))
	}
	// The first column is aligned left, unlike the others; the tabwriter knows one way only.
	line := func(first string, fields []string) {
		fmt.Fprintf(t, "  %-*s\t%s\t\n", width, first, strings.Join(fields, "\t"))
	}
	groups, heads, units := []string{""}, []string{"repeats"}, []string{""}
	for i, c := range part.Columns {
		group := c.group
		if i > 0 && part.Columns[i-1].group == group {
			group = ""
		}
		groups, heads, units = append(groups, short(group)), append(heads, short(c.head)), append(units, c.unit)
	}
	line("", groups)
	line("system", heads)
	line("", units)
	for _, r := range part.Rows {
		values, ranges, spread := []string{r.repeats()}, []string{""}, false
		for _, e := range r.Entries {
			text := e.Text
			if text == "" {
				text = "-"
			}
			if e.Best {
				text = "*" + text
			}
			values, ranges = append(values, text), append(ranges, e.Range)
			spread = spread || e.Range != ""
		}
		line(r.Label, values)
		if spread {
			line("", ranges)
		}
	}
}

// repeats is how often a system was run; nothing for what others published.
func (r row) repeats() string {
	if r.Repeats == 0 {
		return ""
	}
	return fmt.Sprint(r.Repeats)
}

// short fits headings into a terminal.
func short(heading string) string {
	return strings.NewReplacer("beside the oracle", "/oracle", "frame delay", "frame", "signal delay", "signal",
		"never shown", "never", "link used", "used").Replace(heading)
}

// Markdown writes the tables as Text does, for documents: the best in bold, the range over repeats in brackets.
func Markdown(w io.Writer, config Config) error {
	sections, _, _ := arrange(config.Cells, config.Published)
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s\n", escapeMarkdown(s.title))
		for _, part := range blocks(tableOf(s)) {
			b.WriteString("\n| system | repeats |")
			for _, c := range part.Columns {
				fmt.Fprintf(&b, " %s |", strings.TrimSpace(c.group+": "+c.head+" "+c.unit))
			}
			b.WriteString("\n|---|--:|" + strings.Repeat("--:|", len(part.Columns)) + "\n")
			for _, r := range part.Rows {
				fmt.Fprintf(&b, "| %s | %s |", escapeMarkdown(r.Label), r.repeats())
				for _, e := range r.Entries {
					text := e.Text
					if e.Best {
						text = "**" + text + "**"
					}
					if e.Range != "" {
						text += " (" + e.Range + ")"
					}
					fmt.Fprintf(&b, " %s |", text)
				}
				b.WriteByte('\n')
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func escapeMarkdown(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "&", "&amp;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`).Replace(s)
}
