package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"salsify/testbed/cell"
)

const systemsAbout = `Lists the systems that can be measured on this machine, with their versions, and what the others lack.
`

func (s *session) systems(args []string) error {
	flags := pflag.NewFlagSet("systems", pflag.ContinueOnError)
	bin := flags.String("bin", "", "folder of salsify-send and salsify-recv (default: beside this program, or in PATH)")
	if err := s.parse(flags, args, "systems [flags]", systemsAbout, 0, 0); err != nil {
		return err
	}
	if err := cell.NetworksMissing(); err != nil {
		fmt.Fprintf(s.stdout, "Real systems cannot be measured here (salsify and oracle can, in virtual time): %v\n\n", err)
	}
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	line := func(name string, err error, about string) {
		if err != nil {
			fmt.Fprintf(t, "%s\tmissing\t%v\n", name, err)
		} else {
			fmt.Fprintf(t, "%s\tfound\t%s\n", name, about)
		}
	}
	for _, name := range cell.Installable {
		c := cell.Config{System: name, Bin: *bin}
		line(name, cell.Missing(c), versionsText(cell.Versions(s.ctx, c)))
	}
	line(cell.CommandName, cell.NetworksMissing(), "any two shell commands, --send and --receive")
	line(cell.SyntheticName, cell.NetworksMissing(), "known delay and distortion, to check the testbed with")
	line(cell.OracleName, nil, "in virtual time: the sender that knows the trace")
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.stdout, "\n%s\n", versionsText(cell.OwnVersion()))
	return err
}

// versionsText lists versions by name.
func versionsText(versions map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		all = append(all, name+" "+versions[name])
	}
	return strings.Join(all, ", ")
}
