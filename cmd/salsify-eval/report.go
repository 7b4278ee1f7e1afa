package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/live"
	"salsify/testbed/report"
)

const reportAbout = `Draws the figures of all cells in the folders DIR and below, and writes one HTML page that holds them all and needs no network. Each figure
is beside it as PNG, SVG and PDF.

Examples:
  salsify-eval report results
  salsify-eval report results/first results/second --out compared --title "before and after"
`

func (s *session) report(args []string) error {
	flags := pflag.NewFlagSet("report", pflag.ContinueOnError)
	out := flags.String("out", "", "`FOLDER` of the report (default: report in the first DIR)")
	title := flags.String("title", "", "of the page (default: that of the matrix)")
	markdown := flags.Bool("markdown", false, "print the table as Markdown")
	if err := s.parse(flags, args, "report DIR... [flags]", reportAbout, 1, -1); err != nil {
		return err
	}
	c, err := report.Load(flags.Args()...)
	if err != nil {
		return err
	}
	c.Title, c.Out = cmp.Or(*title, c.Title), cmp.Or(*out, filepath.Join(flags.Arg(0), "report"))
	return s.writeReport(c, *markdown)
}

// writeReport draws what was found, and prints it.
func (s *session) writeReport(c report.Config, markdown bool) error {
	screen := live.New(os.Stderr)
	err := report.Write(s.ctx, c, func(done, total int) {
		if screen.Terminal() {
			screen.Line(fmt.Sprintf("figure %d of %d", done, total))
		}
	})
	screen.Done()
	if err != nil {
		return err
	}
	print := report.Text
	if markdown {
		print = report.Markdown
	}
	if err := print(s.stdout, c); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "\n%s\n", filepath.Join(c.Out, "index.html"))
	return nil
}
