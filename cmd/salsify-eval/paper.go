package main

import (
	"path/filepath"

	"github.com/spf13/pflag"

	"salsify/testbed/cell"
	"salsify/testbed/clip"
	"salsify/testbed/matrix"
	"salsify/testbed/paper"
	"salsify/testbed/report"
)

const paperAbout = `Runs the evaluation of the Salsify paper (NSDI 2018): its five networks, our four modes and every other system that is installed, and
prints our figures beside the published ones. It takes about an hour; called again, it goes on where it stopped.

The folder of TRACES holds, as mahimahi's traces, Verizon-LTE-short, ATT-LTE-driving, TMobile-UMTS-driving, 12mbps and 0.57mbps-poisson, each with
.down and .up.

Examples:
  salsify-eval paper --traces traces --clip talk.mp4 --grain light --out results/paper
  salsify-eval paper --traces traces --virtual --duration 20s --exclude 0s --out results/short      (our modes alone, in virtual time)
`

func (s *session) paper(args []string) error {
	c := paper.Config{}
	var video clip.Config
	flags := pflag.NewFlagSet("paper", pflag.ContinueOnError)
	flags.StringVar(&c.Traces, "traces", "traces", "folder of the `TRACES`")
	flags.StringVar(&video.Source, "clip", "test:", "the `CLIP` that cameras see")
	complete := clipFlags(flags, &video)
	flags.DurationVar(&c.Duration, "duration", paper.DefaultDuration, "of each call")
	flags.DurationVar(&c.Exclude, "exclude", paper.DefaultExclude, "of it, at its beginning, what does not count")
	flags.IntVar(&c.Repeats, "repeats", 1, "of each cell")
	flags.StringSliceVar(&c.Systems, "systems", nil, "systems to measure (default: all)")
	flags.BoolVar(&c.Virtual, "virtual", false, "our modes alone, in virtual time")
	flags.Float64Var(&c.MaxLoad, "max-load", cell.DefaultMaxLoad, "wait until other programs use no more than this share of the processors")
	flags.StringVar(&c.Bin, "bin", "", "folder of salsify-send and salsify-recv (default: beside this program, or in PATH)")
	out := flags.String("out", "results/paper", "`FOLDER` for the results; the report is in its folder report")
	redo := redoFlag(flags)
	if err := s.parse(flags, args, "paper --traces TRACES --clip CLIP --out FOLDER [flags]", paperAbout, 0, 0); err != nil {
		return err
	}
	for _, err := range []error{
		complete(), above0(flags, "repeats", "max-load"), only(flags, !c.Virtual, "for real time, not --virtual", "max-load", "bin"),
	} {
		if err != nil {
			return err
		}
	}
	if video.Rate == 0 {
		video.Rate = paper.Rate
	}
	c.Clip = matrix.Clip{
		Source: video.Source, Size: matrix.Size{Width: video.Width, Height: video.Height}, Rate: video.Rate, Grain: video.Grain, Seed: video.Seed,
	}
	m, err := paper.Matrix(c)
	if err != nil {
		return usageError{err}
	}
	plan, err := s.plan(m, *out)
	if err != nil {
		return err
	}
	outcome, runErr := s.runPlan(plan, *out, m.Title, *redo)
	if outcome.Ran+outcome.Kept == 0 {
		return runErr
	}
	shown, err := report.Load(outcome.Folders...)
	if err != nil {
		return err
	}
	shown.Title, shown.Out, shown.Published = m.Title, filepath.Join(*out, "report"), paper.Published
	if err := s.writeReport(shown, false); err != nil {
		return err
	}
	return runErr
}
