package manual

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// help is a usage text, taken apart.
type help struct {
	synopsis    []string
	description []string
	examples    []string
	exit        string
	environment [][2]string // a variable, and the sentence that tells of it
	sources     []string    // the words of "SOURCE is one of"
}

var (
	variable = regexp.MustCompile(`\$[A-Z]+_[A-Z_]+`)
	exits    = regexp.MustCompile(`(?:Exit status:|The exit code is) .*`)
)

func read(text string) help {
	var h help
	part, inSources := &h.description, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		usage, isUsage := strings.CutPrefix(line, "Usage: ")
		indented := strings.HasPrefix(line, "  ")
		switch {
		case isUsage:
			h.synopsis, part = append(h.synopsis, usage), &h.synopsis
			continue
		case part == &h.synopsis && line != "":
			h.synopsis = append(h.synopsis, strings.TrimSpace(line))
			continue
		case line == "Flags:":
			continue
		case line == "Examples:":
			part = &h.examples
			continue
		case part == &h.synopsis, part == &h.examples && line != "" && !indented:
			part = &h.description
		}
		if inSources && indented && line[2] != ' ' {
			h.sources = append(h.sources, strings.Fields(line)[0])
		}
		inSources = strings.HasPrefix(line, "SOURCE is one of") || inSources && indented
		*part = append(*part, line)
	}
	h.description, h.examples = trim(h.description), trim(h.examples)
	prose := strings.Join(h.description, "\n")
	for paragraph := range strings.SplitSeq(prose, "\n\n") {
		flat := strings.Join(strings.Fields(paragraph), " ")
		if found := exits.FindString(flat); found != "" {
			h.exit = found
		}
		for sentence := range strings.SplitSeq(flat, ". ") {
			for _, name := range variable.FindAllString(sentence, -1) {
				if !slices.ContainsFunc(h.environment, func(e [2]string) bool { return e[0] == name[1:] }) {
					h.environment = append(h.environment, [2]string{name[1:], strings.TrimSuffix(sentence, ".") + "."})
				}
			}
		}
	}
	return h
}

// trim takes empty lines off both ends.
func trim(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// flag is what pages and completions tell of a flag.
type flag struct {
	long, short string
	value       string // what stands for its value; empty: it takes none
	usage       string
}

// first is the usage's first line, which completions show.
func (f flag) first() string { line, _, _ := strings.Cut(f.usage, "\n"); return line }

func (f flag) file() bool {
	name := strings.ToUpper(f.value)
	return strings.HasPrefix(name, "FILE") || strings.HasPrefix(name, "FOLDER") || strings.HasPrefix(name, "DIR")
}

// list returns the flags of a command, and those that the program itself answers.
func (c Command) list(top bool) []flag {
	var flags []flag
	if c.Flags != nil {
		c.Flags.VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			value, usage := pflag.UnquoteUsage(f)
			if value == "" && f.NoOptDefVal == "" {
				value = f.Value.Type()
			}
			if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) && !strings.Contains(usage, "default") {
				usage += " (default " + f.DefValue + ")"
			}
			flags = append(flags, flag{f.Name, f.Shorthand, value, usage})
		})
	}
	flags = append(flags, flag{long: "help", short: "h", usage: "tell how to call it"})
	if top {
		flags = append(flags, flag{long: "version", usage: "print the version, and how it was built"})
	}
	return flags
}

// walk visits a command and all verbs below it; path is their names after the program's.
func (c Command) walk(visit func(path []string, c Command)) { c.walkFrom(nil, visit) }

func (c Command) walkFrom(path []string, visit func(path []string, c Command)) {
	visit(path, c)
	for _, v := range c.Verbs {
		v.walkFrom(append(slices.Clip(path), v.Name), visit)
	}
}

// words are the names of a command's verbs.
func (c Command) words() []string {
	var names []string
	for _, v := range c.Verbs {
		names = append(names, v.Name)
	}
	return names
}

// takesSource tells that the command's first argument is a SOURCE.
func (h help) takesSource() bool {
	return len(h.synopsis) > 0 && strings.Contains(h.synopsis[0], " SOURCE ")
}

// sourceWords are the SOURCEs that can be completed as they stand: not files, which shells find themselves.
func (h help) sourceWords() (words []string) {
	for _, s := range h.sources {
		if strings.HasSuffix(s, ":") || s == "-" {
			words = append(words, s)
		}
	}
	return words
}

// device tells that cameras are among the SOURCEs.
func (h help) device() bool {
	return slices.ContainsFunc(h.sources, func(s string) bool { return strings.HasPrefix(s, "/dev/video") })
}
