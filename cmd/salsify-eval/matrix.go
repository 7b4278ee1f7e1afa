package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/live"
	"salsify/testbed/cell"
	"salsify/testbed/matrix"
)

const matrixAbout = `Runs all cells of systems x networks x clips x repeats that FILE describes, and writes their results below FOLDER. Called again, it goes
on where it stopped; cells that failed are tried again. A cell does not start while other programs use the machine.

  # FILE: what stands at the top holds for all cells; paths are relative to the file
  title: three systems on two networks
  duration: 60s            # of each call
  exclude: 10s             # of it, what does not count
  repeats: 3
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
	dry := flags.Bool("dry-run", false, "list the cells, and run none")
	if err := s.parse(flags, args, "matrix FILE.yaml [flags]", matrixAbout, 1, 1); err != nil {
		return err
	}
	m, err := matrix.Load(flags.Arg(0), *bin)
	if errors.Is(err, matrix.ErrFile) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return err
	}
	plan, err := m.Plan(*out, cell.Missing)
	if errors.Is(err, matrix.ErrFile) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return err
	}
	if *dry {
		for _, c := range plan.Cells {
			fmt.Fprintf(s.stdout, "%s, repeat %d -> %s\n", c.Name, c.Repeat, c.Out)
		}
	}
	for _, why := range plan.Skipped {
		fmt.Fprintf(s.stderr, "left out: %s\n", why)
	}
	if *dry {
		return nil
	}
	_, err = s.runPlan(plan)
	return err
}

// runPlan runs a plan's cells and tells how far it is.
func (s *session) runPlan(plan *matrix.Plan) (matrix.Outcome, error) {
	screen := live.New(os.Stderr)
	for i := range plan.Cells {
		plan.Cells[i].Log = screen
	}
	outcome, err := plan.Run(s.ctx, func(e matrix.Event) {
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
	if err != nil {
		return outcome, err
	}
	fmt.Fprintf(s.stdout, "%d cells run, %d had been run before, %d failed\n", outcome.Ran, outcome.Kept, outcome.Failed)
	if outcome.Failed > 0 {
		return outcome, fmt.Errorf("%d cells failed, %s in their folders tells why; run this again to try them again", outcome.Failed, matrix.ErrorFile)
	}
	return outcome, nil
}

// summary is a cell in a line.
func summary(e matrix.Event) string {
	f := e.Result.Figures
	quality := "no picture compared"
	if f.SSIMdB != nil {
		quality = fmt.Sprintf("SSIM %.2f dB", *f.SSIMdB)
	}
	return fmt.Sprintf("signal delay mean %.0f ms, p95 %.0f ms; %s; %.1f fps", f.SignalDelay.Mean, f.SignalDelay.P95, quality, f.FPS)
}
