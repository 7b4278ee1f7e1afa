package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"salsify/capture"
	"salsify/cmd/internal/live"
	"salsify/codec/vp8"
	"salsify/sender"
	"salsify/transport/bitrate"
)

// Filming says what video to send and how, by flags that both programs have.
type Filming struct {
	Source     string // what capture.Open takes
	Rate       float64
	Loop       bool
	MaxBitrate bitrate.Bitrate
	Tolerance  time.Duration
	Effort     int

	size          string
	width, height int // 0: the source's own
}

// AddFlags adds the flags to a program's.
func (f *Filming) AddFlags(set *pflag.FlagSet) {
	set.StringVar(&f.size, "size", "", "picture size `WxH` (default: the source's own, 1280x720 for test:)")
	set.Float64Var(&f.Rate, "rate", 0, "pictures a second (default: the source's own, 30 for test:)")
	set.BoolVar(&f.Loop, "loop", false, "play a file forwards and backwards without end")
	set.Var(&f.MaxBitrate, "max-bitrate", "never send faster, such as 2.5M or 800k (default: what the network carries)")
	set.Lookup("max-bitrate").DefValue = ""
	set.DurationVar(&f.Tolerance, "tolerance", sender.DefaultTolerance, "the delay on the network that a picture may have")
	set.IntVar(&f.Effort, "effort", sender.DefaultMaxEffort, "work for each picture, 0 to 10; lowered by itself when the processor is too slow")
}

// Bounds of flags.
const (
	minTolerance, maxTolerance = 10 * time.Millisecond, 10 * time.Second
	minRate, maxRate           = 0.1, 240 // pictures a second
	// minMaxBitrate is a packet a second, with room for reports: less is a unit forgotten.
	minMaxBitrate = 16 * bitrate.KbitPerSecond
)

// Check finds values that make no sense.
func (f *Filming) Check() (err error) {
	if f.width, f.height, err = parseSize(f.size); err != nil {
		return err
	}
	switch {
	case f.Effort < vp8.MinEffort || f.Effort > vp8.MaxEffort:
		return fmt.Errorf("--effort is %d: give %d to %d", f.Effort, vp8.MinEffort, vp8.MaxEffort)
	case f.Tolerance < minTolerance || f.Tolerance > maxTolerance:
		return fmt.Errorf("--tolerance is %v: give %v to %v", f.Tolerance, minTolerance, maxTolerance)
	case f.Rate != 0 && (f.Rate < minRate || f.Rate > maxRate) || math.IsNaN(f.Rate):
		return fmt.Errorf("--rate is %v: give %v to %v pictures a second", f.Rate, minRate, maxRate)
	case f.MaxBitrate != 0 && f.MaxBitrate < minMaxBitrate:
		return fmt.Errorf("--max-bitrate is %v: give %v or more, with its unit, such as 800k or 2.5M", f.MaxBitrate, minMaxBitrate)
	}
	return nil
}

// parseSize reads "WxH"; empty is the source's own size.
func parseSize(s string) (width, height int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	var rest string
	n, _ := fmt.Sscanf(s+" .", "%dx%d %s", &width, &height, &rest)
	if n != 3 || rest != "." || min(width, height) < capture.MinSize || max(width, height) > capture.MaxSize {
		return 0, 0, fmt.Errorf("--size is %q: write WIDTHxHEIGHT, each %d to %d, such as 1280x720",
			s, capture.MinSize, capture.MaxSize)
	}
	return width, height, nil
}

// Open opens the source. Standard input may keep us waiting for its header, during which Ctrl-C must work.
func (f *Filming) Open(ctx context.Context, stdin *os.File, screen *live.Screen) (capture.Source, error) {
	type opened struct {
		source capture.Source
		err    error
	}
	done := make(chan opened, 1)
	go func() {
		source, err := capture.Open(f.Source, capture.Options{
			Width: f.width, Height: f.height, Rate: f.Rate, Loop: f.Loop, Stdin: stdin,
			Report: func(line string) { screen.Say("%s", line) },
		})
		done <- opened{source, err}
	}()
	select {
	case r := <-done:
		return r.source, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Config is how the pictures of a source are sent.
func (f *Filming) Config(source capture.Source) sender.Config {
	width, height := source.Size()
	interval := time.Duration(float64(time.Second) / perSecond(source))
	return sender.Config{
		Width: width, Height: height, Interval: interval, Mode: sender.Salsify, Tolerance: f.Tolerance, MaxBitrate: f.MaxBitrate,
		MaxEffort: f.Effort, Goroutines: runtime.NumCPU(), Unscored: true,
	}
}

func perSecond(source capture.Source) float64 {
	return float64(source.Rate().Num) / float64(source.Rate().Den)
}

// Describe tells what is sent, for a line to the user.
func (f *Filming) Describe(source capture.Source) string {
	width, height := source.Size()
	return fmt.Sprintf("%s, %dx%d at %.4g pictures a second", f.Source, width, height, perSecond(source))
}

// lastPictures is how long the last pictures get to be on their way when a source ends.
const lastPictures = 300 * time.Millisecond

// Feed gives a source's pictures until it ends, which is no error, or the context does.
func Feed(ctx context.Context, source capture.Source, to func(sender.Picture)) error {
	for {
		picture, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			select {
			case <-time.After(lastPictures):
			case <-ctx.Done():
			}
			return nil
		}
		if err != nil {
			return err
		}
		to(sender.Picture{
			Image: picture.Image, Captured: picture.Captured, Number: picture.Number, Release: picture.Release,
		})
	}
}
