// Package manual makes a program's man page and shell completions of the usage text and the flags that it has anyway, and tells
// its version.
//
// An answer, in order:
//
//  1. Answer finds "--version" or "--manual KIND" on the command line; with all else the program goes its way.
//  2. The program describes itself: a Command, with one for each verb. Verbs make their flags inside their functions, so Verbs
//     calls each with --help, and what parses the flags hands them over by Describe.
//  3. read (help.go) takes the usage text apart, and man.go or shells.go write it down.
package manual

import (
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/spf13/pflag"
)

// Command is a program or one of its verbs.
type Command struct {
	Name  string
	Help  string // the usage text, without the list of flags
	Flags *pflag.FlagSet
	Verbs []Command
}

// Answer answers "--version" and "--manual man|bash|zsh|fish", and reports whether it was asked for one of them.
func Answer(stdout io.Writer, arguments []string, describe func() Command) bool {
	switch {
	case len(arguments) == 1 && arguments[0] == "--version":
		info, _ := debug.ReadBuildInfo()
		fmt.Fprint(stdout, version(describe().Name, info))
		return true
	case len(arguments) == 2 && arguments[0] == "--manual":
		write, ok := writers[arguments[1]]
		if ok {
			fmt.Fprint(stdout, write(describe()))
		}
		return ok
	}
	return false
}

var writers = map[string]func(Command) string{"man": man, "bash": bash, "zsh": zsh, "fish": fish}

// version is a line about the program, and one about how it was built.
func version(name string, info *debug.BuildInfo) string {
	if info == nil {
		return name + " (built without module information)\n"
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	line := name + " " + info.Main.Version
	if revision := set["vcs.revision"]; revision != "" {
		line += ", revision " + revision
		if set["vcs.modified"] == "true" {
			line += " with changes"
		}
	}
	cgo := "with cgo"
	if set["CGO_ENABLED"] != "1" {
		cgo = "without cgo"
	}
	return fmt.Sprintf("%s\nbuilt by %s for %s/%s, %s\n", line, info.GoVersion, set["GOOS"], set["GOARCH"], cgo)
}

// Verbs describes verbs: call runs one with its arguments and a standard output.
func Verbs[F any](verbs map[string]F, call func(verb F, arguments []string, stdout io.Writer)) []Command {
	var list []Command
	for _, name := range slices.Sorted(maps.Keys(verbs)) {
		c := &collector{Command{Name: name}}
		call(verbs[name], []string{"--help"}, c)
		list = append(list, c.Command)
	}
	return list
}

// Describe hands a verb's help and flags to Verbs, if it is Verbs that asks for the help, and reports whether it was.
func Describe(stdout io.Writer, help string, flags *pflag.FlagSet) bool {
	c, ok := stdout.(*collector)
	if ok {
		c.Help, c.Flags = help, flags
	}
	return ok
}

// collector is the standard output of a verb that Verbs calls.
type collector struct{ Command }

func (c *collector) Write(p []byte) (int, error) { return len(p), nil }
