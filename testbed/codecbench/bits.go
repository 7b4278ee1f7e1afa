package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"salsify/testbed/quality"
)

// The bits of a clip, in order:
//
//  1. At each of its quantizers vpxenc codes the clip (theirs.go), and then our encoder, at the quantizer index that this stands for and
//     at each effort. So they take turns, and what slows the machine for a while slows both.
//  2. Each stream is decoded and compared with its source (stream.go), which gives a point of a curve.
//  3. Two curves give the BD-rate.

// measureBits fills in the bits of a job's result.
func (b *bencher) measureBits(ctx context.Context, j job, source string, r *result) error {
	r.Ours = make([]effortResult, len(b.efforts))
	for _, q := range vpxencQs {
		m, err := b.theirs(ctx, j, source, q)
		if err != nil {
			return fmt.Errorf("vpxenc at Q %d: %w", q, err)
		}
		b.progress.did(float64(j.bytes)*(1+measureWork), "%s: vpxenc Q %d: %s", j, q, m)
		r.Vpxenc = append(r.Vpxenc, m)
		for i, effort := range b.efforts {
			m, err := b.ours(ctx, source, q, effort)
			if err != nil {
				return fmt.Errorf("our encoder at effort %d, quantizer %d: %w", effort, quantizerOf[q], err)
			}
			b.progress.did(float64(j.bytes)*(effortWork(effort)+measureWork),
				"%s: ours, effort %d, quantizer %d: %s", j, effort, quantizerOf[q], m)
			r.Ours[i].Effort = effort
			r.Ours[i].Points = append(r.Ours[i].Points, m)
		}
	}
	for i := range r.Ours {
		r.Ours[i].compare(r.Vpxenc)
	}
	return nil
}

// ours codes source with our encoder, in one goroutine, at the quantizer index that matches vpxenc's q, and measures the result.
func (b *bencher) ours(ctx context.Context, source string, q, effort int) (measurement, error) {
	stream := source + ".ours.ivf"
	defer os.Remove(stream)
	return b.code(ctx, source, stream, q, ownCommand(ctx, "encode", []string{source, stream}, quantizerOf[q], effort, 1))
}

// code runs an encoder that makes stream of source at vpxenc's quantizer q or its like, and measures what it took and gave.
func (b *bencher) code(ctx context.Context, source, stream string, q int, encoder *exec.Cmd) (measurement, error) {
	used, _, err := spend(encoder)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Q: q, Quantizer: quantizerOf[q], CPUSeconds: used.CPU.Seconds()}
	err = b.measureStream(ctx, source, stream, &m)
	return m, err
}

// effortResult is our encoder's side at one effort. A BD-rate is nil where the curves give none; Problem then says why.
type effortResult struct {
	Effort     int           `json:"effort"`
	Points     []measurement `json:"points"`
	BDRateSSIM *float64      `json:"bd_rate_ssim_percent"`
	BDRatePSNR *float64      `json:"bd_rate_psnr_percent"`
	Problem    string        `json:"problem,omitempty"`
}

// compare works out the BD-rates against vpxenc's points.
func (e *effortResult) compare(reference []measurement) {
	bdRate := func(name string, of func(quality.Score) float64) *float64 {
		percent, err := quality.BDRate(curve(reference, of), curve(e.Points, of))
		if err != nil {
			e.Problem = strings.TrimPrefix(e.Problem+"; "+name+": "+err.Error(), "; ")
			return nil
		}
		return &percent
	}
	e.BDRateSSIM = bdRate("SSIM", quality.Score.SSIMdB)
	e.BDRatePSNR = bdRate("PSNR", quality.Score.PSNR)
}

func curve(points []measurement, of func(quality.Score) float64) []quality.Point {
	var out []quality.Point
	for _, m := range points {
		out = append(out, quality.Point{Rate: float64(m.Bits), Quality: of(m.score())})
	}
	return out
}

// cpuPerFrame returns the CPU time a frame, in milliseconds, over all quantizers.
func cpuPerFrame(points []measurement) float64 {
	var seconds float64
	var frames int
	for _, m := range points {
		seconds += m.CPUSeconds
		frames += m.Frames
	}
	return 1000 * seconds / float64(frames)
}
