package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"salsify/testbed/cell"
)

const systemsAbout = `Lists the systems that can be measured on this machine, and what the others lack.
`

func (s *session) systems(args []string) error {
	flags := pflag.NewFlagSet("systems", pflag.ContinueOnError)
	bin := flags.String("bin", "", "folder of salsify-send and salsify-recv (default: beside this program, or in PATH)")
	if err := s.parse(flags, args, "systems [flags]", systemsAbout, 0, 0); err != nil {
		return err
	}
	if err := cell.NetworksMissing(); err != nil {
		fmt.Fprintf(s.stdout, "Real systems cannot be measured here: %v\n\n", err)
	}
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, name := range cell.Installable {
		if err := cell.Missing(cell.Config{System: name, Bin: *bin}); err != nil {
			fmt.Fprintf(t, "%s\tmissing\t%v\n", name, err)
		} else {
			fmt.Fprintf(t, "%s\tfound\t\n", name)
		}
	}
	return t.Flush()
}
