package manual

import (
	"fmt"
	"strings"
)

// man writes the man page, in the man macros that groff and mandoc know.
func man(c Command) string {
	b := &strings.Builder{}
	top := read(c.Help)
	fmt.Fprintf(b, ".TH %s 1 \"\" salsify\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(c.Name)), roff(c.Name), roff(c.summary()))
	if len(top.synopsis) == 0 {
		top.synopsis = []string{c.Name + " VERB ..."}
	}
	b.WriteString(".SH SYNOPSIS\n")
	lines(b, top.synopsis, true)
	b.WriteString(".SH DESCRIPTION\n")
	lines(b, top.description, false)
	b.WriteString(".SH OPTIONS\n")
	options(b, c.list(true))
	if len(c.Verbs) > 0 {
		b.WriteString(".SH VERBS\n")
	}
	c.walk(func(path []string, v Command) {
		if len(path) == 0 {
			return
		}
		h := read(v.Help)
		fmt.Fprintf(b, ".SS %s\n", roff(strings.Join(path, " ")))
		lines(b, h.synopsis, true)
		b.WriteString(".PP\n")
		lines(b, h.description, false)
		options(b, v.list(false))
		if len(h.examples) > 0 {
			b.WriteString(".PP\nExamples:\n.PP\n")
			lines(b, h.examples, true)
		}
	})
	if len(top.examples) > 0 {
		b.WriteString(".SH EXAMPLES\n")
		lines(b, top.examples, true)
	}
	if top.exit != "" {
		fmt.Fprintf(b, ".SH EXIT STATUS\n%s\n", roff(top.exit))
	}
	if len(top.environment) > 0 {
		b.WriteString(".SH ENVIRONMENT\n")
		for _, e := range top.environment {
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(e[0]), roff(e[1]))
		}
	}
	var others []string
	for _, name := range []string{"salsify-eval", "salsify-link", "salsify-recv", "salsify-send", "salsify-vp8"} {
		if name != c.Name {
			others = append(others, fmt.Sprintf("\\fB%s\\fP(1)", roff(name)))
		}
	}
	fmt.Fprintf(b, ".SH SEE ALSO\n%s\n", strings.Join(others, ",\n"))
	return b.String()
}

// summary is the first sentence of the description, as NAME has it.
func (c Command) summary() string {
	text := strings.Join(strings.Fields(strings.Join(read(c.Help).description, " ")), " ")
	sentence, _, _ := strings.Cut(text, ". ")
	sentence = strings.TrimPrefix(strings.TrimSuffix(sentence, "."), c.Name+" ")
	return strings.ToLower(sentence[:min(1, len(sentence))]) + sentence[min(1, len(sentence)):]
}

func options(b *strings.Builder, flags []flag) {
	for _, f := range flags {
		b.WriteString(".TP\n")
		if f.short != "" {
			fmt.Fprintf(b, "\\fB\\-%s\\fP, ", roff(f.short))
		}
		fmt.Fprintf(b, "\\fB\\-\\-%s\\fP", roff(f.long))
		if f.value != "" {
			fmt.Fprintf(b, " \\fI%s\\fP", roff(f.value))
		}
		b.WriteString("\n" + roff(strings.Join(strings.Fields(f.usage), " ")) + "\n")
	}
}

// lines writes prose, which is filled, and indented lines or all, which stay as they are.
func lines(b *strings.Builder, text []string, all bool) {
	asIs, gap := false, false
	for _, line := range text {
		if line == "" {
			gap = true
			continue
		}
		if want := all || strings.HasPrefix(line, " "); want != asIs {
			if asIs {
				b.WriteString(".fi\n")
			}
			if gap {
				b.WriteString(".PP\n")
			}
			if want {
				b.WriteString(".nf\n")
			}
			asIs = want
		} else if gap {
			b.WriteString(".PP\n")
		}
		gap = false
		b.WriteString(roff(line) + "\n")
	}
	if asIs {
		b.WriteString(".fi\n")
	}
}

var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// roff escapes a line of text.
func roff(line string) string {
	line = escapes.Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
