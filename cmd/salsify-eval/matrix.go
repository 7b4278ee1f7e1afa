package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/live"
	"salsify/testbed/cell"
	"salsify/testbed/matrix"
	"salsify/testbed/result"
)

const matrixAbout = `Runs all cells of systems x networks x clips x repeats that FILE describes, and writes their results below FOLDER. Called again, it goes
on where it stopped; cells that failed are tried again. A cell does not start while other programs use the machine. Where FOLDER has results of
other calls, since FILE or what it names has changed, nothing is run until you say what is to become of them (--out, --redo).

  # FILE: what stands at the top holds for all cells; paths are relative to the file
  title: three systems on two networks
  duration: 60s            # of each call
  exclude: 10s             # of it, what does not count
  repeats: 3               # in virtual time of what is random alone: the rest would be the same again
  delay: 20ms              # one way
  queue: droptail:packets=256
  traces: traces           # folder of the traces
  systems:
    - salsify
    - chrome:vp9
    - name: mine           # any other: two shell commands (salsify-eval run --help)
      send: my-sender {receiver}:{port}
      receive: my-receiver {port}
  clips:
    - talk.mp4
    - {source: skate.mkv, grain: light, size: 1280x720, rate: 30, name: skate}
  networks:
    - {name: LTE, down: lte.down, up: lte.up}
    - {name: intermittent, down: 12mbps.down, up: 12mbps.up, outage-down: "exponential:on=5s,off=200ms", queue: infinite, loss-down: 0.01}
  # also: virtual: true (our own systems, in virtual time), start: 10s (of the traces), seed: 1, score-every: 3, max-load: 0.1,
  # no-oracle: true (else the oracle, the limit of what can be, runs once on each network)

Examples:
  salsify-eval matrix evaluation.yaml --out results && salsify-eval report results
`

func (s *session) matrix(args []string) error {
	flags := pflag.NewFlagSet("matrix", pflag.ContinueOnError)
	out := flags.String("out", "results", "`FOLDER` for the results")
	bin := flags.String("bin", "", "folder of salsify-send and salsify-recv (default: beside this program, or in PATH)")
	dry := flags.Bool("dry-run", false, "check the file, its clips and its traces, list the cells and which are finished, and run none")
	redo := redoFlag(flags)
	if err := s.parse(flags, args, "matrix FILE.yaml [flags]", matrixAbout, 1, 1); err != nil {
		return err
	}
	m, err := matrix.Load(flags.Arg(0), *bin)
	if errors.Is(err, matrix.ErrFile) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	plan, err := s.plan(m, *out)
	if err != nil {
		return err
	}
	if *dry {
		s.list(plan)
		return nil
	}
	_, err = s.runPlan(plan, *out, m.Title, *redo)
	return err
}

// redoFlag is for verbs that write results.
func redoFlag(flags *pflag.FlagSet) *bool {
	return flags.Bool("redo", false, "where a result is in the way, put it aside (its folder gets .old-1 behind its name) and run again")
}

// plan lists the cells, and tells what is left out, and what is there besides.
func (s *session) plan(m *matrix.Matrix, out string) (*matrix.Plan, error) {
	plan, err := m.Plan(out, cell.Missing)
	if errors.Is(err, matrix.ErrFile) {
		return nil, usageError{err}
	}
	if err != nil {
		return nil, err
	}
	for _, why := range plan.Skipped {
		fmt.Fprintf(s.stderr, "left out: %s\n", why)
	}
	if n := len(plan.Strangers); n > 0 {
		fmt.Fprintf(s.stderr, "%s has %d results that are not of these cells, such as %s; a report on it shows them too\n", out, n, plan.Strangers[0])
	}
	return plan, nil
}

// list prints a plan's cells.
func (s *session) list(plan *matrix.Plan) {
	for _, c := range plan.Cells {
		mark := ""
		switch finished, differences := c.Finished(); {
		case len(differences) > 0:
			mark = " (has a result of another call: " + strings.Join(differences, "; ") + ")"
		case finished:
			mark = " (finished)"
		}
		fmt.Fprintf(s.stdout, "%s, repeat %d -> %s%s\n", c.Name, c.Repeat, c.Out, mark)
	}
}

// runPlan runs a plan's cells and tells how far it is.
func (s *session) runPlan(plan *matrix.Plan, out, title string, redo bool) (matrix.Outcome, error) {
	screen := live.New(os.Stderr)
	for i := range plan.Cells {
		plan.Cells[i].Log = screen
	}
	outcome, err := plan.Run(s.ctx, redo, func(e matrix.Event) {
		name := fmt.Sprintf("%d/%d %s, repeat %d", e.Number, e.Count, e.Cell, e.Repeat)
		switch {
		case e.Ended && e.Err != nil:
			screen.Say("%s: failed: %v", name, e.Err)
		case e.Ended:
			screen.Say("%s: %s", name, summary(e))
		default:
			showProgress(screen, e.Done, fmt.Sprintf("%s: %v; all done in %v", name, e.Done.Round(time.Second), e.Left.Round(time.Second)))
		}
	})
	screen.Done()
	if errors.Is(err, matrix.ErrOthers) {
		return outcome, err
	}
	if err := errors.Join(err, result.WriteTitle(out, title)); err != nil {
		return outcome, err
	}
	fmt.Fprintf(s.stdout, "%d cells run, %d had been run before, %d failed\n", outcome.Ran, outcome.Kept, outcome.Failed)
	if outcome.Silent > 0 {
		fmt.Fprintf(s.stdout, "in %d of them nothing was ever shown; the logs in their folders may tell why\n", outcome.Silent)
	}
	if outcome.Failed > 0 {
		return outcome, fmt.Errorf("%d cells failed, %s in their folders tells why; run this again to try them again", outcome.Failed, result.ErrorFile)
	}
	return outcome, nil
}

// summary is a cell in a line.
func summary(e matrix.Event) string {
	f := e.Result.Figures
	if f.Shown == 0 {
		return "nothing was ever shown; see " + filepath.Join(e.Folder, result.LogsFolder)
	}
	quality := "no picture compared"
	if f.SSIMdB != nil {
		quality = fmt.Sprintf("SSIM %.2f dB", *f.SSIMdB)
	}
	return fmt.Sprintf("signal delay mean %.0f ms, p95 %.0f ms; %s; %.1f fps", f.SignalDelay.Mean, f.SignalDelay.P95, quality, f.FPS)
}
