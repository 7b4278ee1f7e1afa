package cell

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"salsify/sender"
	"salsify/testbed/camera"
	"salsify/testbed/clip"
	"salsify/testbed/emulator"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/oracle"
	"salsify/testbed/quality"
	"salsify/testbed/result"
	"salsify/testbed/system/salsify"
	"salsify/testbed/virtual"
)

// inVirtualTime runs our own endpoint, or the oracle.
func (r *run) inVirtualTime(ctx context.Context) error {
	out, err := os.Create(filepath.Join(r.config.Out, result.LinkFile))
	if err != nil {
		return err
	}
	defer out.Close()
	began := time.Now()
	name, parameters, _ := strings.Cut(r.config.System, ":")
	if name == OracleName {
		err = r.askOracle(ctx)
	} else {
		err = r.runEndpoint(ctx, parameters)
	}
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(r.config.Log, "%v of virtual time in %v: %.1f times as fast as real time\n",
		r.config.Duration, took.Round(time.Millisecond), r.config.Duration.Seconds()/took.Seconds())
	return emulator.WriteLog(out, r.seen.begin, r.seen.upPackets, r.seen.downPackets)
}

// runEndpoint runs sender and receiver with the parameters of a "salsify" system.
func (r *run) runEndpoint(ctx context.Context, parameters string) error {
	asked, err := salsify.ParseConfig(parameters)
	if err != nil {
		return &ConfigError{"system", err}
	}
	if len(asked.ExtraSend) > 0 || len(asked.ExtraRecv) > 0 {
		return wrong("system", "%s: more arguments of the programs mean nothing in virtual time, where no program runs", r.config.System)
	}
	width, height := r.video.Size()
	machine := virtual.Board
	if r.config.EncodeTime == Server {
		machine = virtual.Reference
	}
	config := virtual.Config{
		Sender: sender.Config{
			Width: width, Height: height, Mode: asked.Mode, MaxEffort: cmp.Or(asked.Effort, sender.DefaultMaxEffort),
			Goroutines: machine.Cores,
		},
		Rate: r.video.Rate(), Draw: r.video.Picture, Up: r.network.down, Down: r.network.up, // there, up is the video's way
		Duration:   r.config.Duration,
		EncodeTime: machine.Encode, DecodeTime: machine.Decode, Measured: r.config.EncodeTime == Measured,
		Score: r.score(ctx), ScoreEvery: r.config.Every,
	}
	config.Up.Log = func(p link.Record) { r.seen.downPackets = append(r.seen.downPackets, p) }
	config.Down.Log = func(p link.Record) { r.seen.upPackets = append(r.seen.upPackets, p) }
	result, err := virtual.Run(config)
	if err != nil {
		return err
	}
	if result.InStep != nil && len(result.Shown) > 0 {
		return fmt.Errorf("cell: the two ends are not in step: %w", result.InStep)
	}
	r.see(result.Start, result.Captured, result.Shown, result.Scores)
	return nil
}

// askOracle lets the oracle send.
func (r *run) askOracle(ctx context.Context) error {
	width, height := r.video.Size()
	result, err := oracle.Run(oracle.Config{
		Width: width, Height: height, Rate: r.video.Rate(), Draw: r.video.Picture, Link: r.network.down, Duration: r.config.Duration,
		Goroutines: virtual.Reference.Cores, Score: r.score(ctx), ScoreEvery: r.config.Every,
	})
	if err != nil {
		return err
	}
	for _, f := range result.Frames {
		// Each packet is there just when the link takes it, and so waits for nothing.
		at := f.Shown.Add(-r.network.down.Delay)
		for i := range f.Packets {
			size := f.WireBytes*(i+1)/f.Packets - f.WireBytes*i/f.Packets
			r.seen.downPackets = append(r.seen.downPackets, link.Record{Arrival: at, Departure: at, Delivery: f.Shown, Size: size, Fate: link.Delivered})
		}
	}
	r.see(result.Start, result.Captured, result.Shown, result.Scores)
	return nil
}

// score compares a picture with its source, until ctx ends, which ends the run.
func (r *run) score(ctx context.Context) virtual.Score {
	free := sync.Pool{New: func() any { return &comparison{original: r.video.NewPicture()} }}
	return func(n uint64, shown *image.YCbCr) (quality.Score, error) {
		if err := ctx.Err(); err != nil {
			return quality.Score{}, err
		}
		c := free.Get().(*comparison)
		defer free.Put(c)
		r.video.Picture(n, c.original)
		return c.comparer.Compare(c.original, shown)
	}
}

type comparison struct {
	original *image.YCbCr
	comparer clip.Comparer
}

// see takes over what a run in virtual time saw.
func (r *run) see(begin time.Time, captured []time.Time, shown []measure.Shown, scores map[uint64]quality.Score) {
	r.seen.begin = begin
	for n, at := range captured {
		r.seen.captured = append(r.seen.captured, camera.Captured{Number: uint64(n), At: at})
	}
	for _, s := range shown {
		score, ok := scores[s.Number]
		s.Scored, s.SSIM, s.MSE = ok, score.SSIM, score.MSE
		r.seen.shown = append(r.seen.shown, s)
	}
}
