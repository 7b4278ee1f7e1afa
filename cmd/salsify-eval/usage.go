package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/manual"
	"salsify/testbed/cell"
)

// usageError is an error of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, values ...any) error { return usageError{fmt.Errorf(format, values...)} }

// parse reads a verb's flags, of which line is the first line of the help and about the text below it, and checks the number of
// arguments; most < 0: any number.
func (s *session) parse(flags *pflag.FlagSet, args []string, line, about string, least, most int) error {
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		if manual.Describe(s.stdout, "Usage: salsify-eval "+line+"\n\n"+about, flags) {
			return
		}
		fmt.Fprintf(s.stdout, "Usage: salsify-eval %s\n\n%s\nFlags:\n%s", line, about, flags.FlagUsagesWrapped(120))
	}
	err := flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	n := flags.NArg()
	switch invalid := (*pflag.InvalidValueError)(nil); {
	case errors.As(err, &invalid):
		return invalidValue(invalid)
	case err != nil:
		return usage("%w; see salsify-eval %s --help", err, flags.Name())
	case n < least:
		return usage("too few arguments; salsify-eval %s", line)
	case most >= 0 && n > most:
		return usage("%q is one argument too many; salsify-eval %s", strings.Join(flags.Args()[most:], " "), line)
	}
	return nil
}

// invalidValue says what to write in place of a flag's value.
func invalidValue(e *pflag.InvalidValueError) error {
	flag, value := e.GetFlag(), e.GetValue()
	_, notNumber := strconv.ParseFloat(value, 64)
	switch kind := flag.Value.Type(); {
	case kind == "duration" && notNumber == nil:
		return usage("--%s: %q has no unit; write %sms or %ss", flag.Name, value, value, value)
	case kind == "duration":
		return usage("--%s: %q is not a time; write such as 20ms, 60s or 1m30s", flag.Name, value)
	case kind == "float64":
		return usage("--%s: %q is not a number", flag.Name, value)
	case kind == "int":
		return usage("--%s: %q is not a whole number", flag.Name, value)
	case kind == "uint64":
		return usage("--%s: %q is not a whole number from 0 on", flag.Name, value)
	}
	return usage("--%s: %w", flag.Name, errors.Unwrap(e))
}

// above0 refuses flags that were given and are 0 or less. Some that are left out are 0 too: then the default is meant.
func above0(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		flag := flags.Lookup(name)
		if value := flag.Value.String(); flag.Changed && (value == "0" || value == "0s" || strings.HasPrefix(value, "-")) {
			return usage("--%s is %s; give more than 0, or leave it out", name, value)
		}
	}
	return nil
}

// only refuses flags that were given where they mean nothing.
func only(flags *pflag.FlagSet, where bool, which string, names ...string) error {
	for _, name := range names {
		if !where && flags.Changed(name) {
			return usage("--%s means nothing here: it is %s", name, which)
		}
	}
	return nil
}

// cellError names the flag of what is wrong in a cell's description, which is wrong usage.
func cellError(err error) error {
	wrong := (*cell.ConfigError)(nil)
	switch {
	case !errors.As(err, &wrong):
		return err
	case wrong.Field == "":
		return usageError{wrong.Err}
	}
	return usage("--%s: %w", wrong.Field, wrong.Err)
}
