package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/pflag"

	"salsify/codec/y4m"
	"salsify/testbed/quality"
)

const compareHelp = `Usage: salsify-vp8 compare A.y4m B.y4m

Measures how near the luma of two videos is, frame by frame and over all frames: PSNR, SSIM, and SSIM in dB, which is
-10*log10(1-SSIM). The figures are those of ffmpeg's psnr and ssim filters for the Y plane; over all frames, SSIM is the mean of
the frames' and PSNR is made from the mean squared error. Identical frames have infinite dB, printed as inf; where a picture is
smaller than 8x8 there is no SSIM, printed as n/a. One of the files may be -, standard input.

Examples:
  salsify-vp8 compare clip.y4m decoded.y4m
  salsify-vp8 decode clip.ivf - | salsify-vp8 compare clip.y4m - | tail -n 1
`

func (s *session) compare(args []string) error {
	f := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	files, err := s.parse(f, compareHelp, args, 2, 2)
	if err != nil {
		return err
	}
	if files[0] == standard && files[1] == standard {
		return usagef("only one of the files can be standard input")
	}
	a, err := s.openVideo(files[0])
	if err != nil {
		return err
	}
	defer a.closer.Close()
	b, err := s.openVideo(files[1])
	if err != nil {
		return err
	}
	defer b.closer.Close()
	if ha, hb := a.reader.Header(), b.reader.Header(); ha.Width != hb.Width || ha.Height != hb.Height {
		return fmt.Errorf("%s has %dx%d pixels and %s has %dx%d: only videos of one size can be compared",
			a.name, ha.Width, ha.Height, b.name, hb.Width, hb.Height)
	}
	out := bufio.NewWriter(s.stdout)
	fmt.Fprintf(out, "%6s  %7s  %8s  %7s\n", "frame", "PSNR dB", "SSIM", "SSIM dB")
	err = s.compareAll(a, b, out)
	return errors.Join(err, out.Flush())
}

// video is a Y4M file that is read.
type video struct {
	name   string
	closer io.Closer
	reader *y4m.Reader
}

func (s *session) openVideo(name string) (video, error) {
	in, err := s.open(name)
	if err != nil {
		return video{}, err
	}
	r, err := y4m.NewReader(in)
	if err != nil {
		in.Close()
		return video{}, fmt.Errorf("%s: %w", name, err)
	}
	return video{name, in, r}, nil
}

// compareAll prints a line for each pair of frames and one for all.
func (s *session) compareAll(a, b video, out io.Writer) error {
	pictureA, pictureB := a.reader.Header().NewPicture(), b.reader.Header().NewPicture()
	var meter quality.Meter
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		errA, errB := a.reader.Read(pictureA), b.reader.Read(pictureB)
		switch {
		case errA == io.EOF && errB == io.EOF:
			if meter.Frames() == 0 {
				return fmt.Errorf("%s and %s have no frames", a.name, b.name)
			}
			printScore(out, "all", meter.Mean())
			return nil
		case errA == io.EOF && errB == nil:
			return fmt.Errorf("%s ends after %d frames, but %s goes on", a.name, meter.Frames(), b.name)
		case errA == nil && errB == io.EOF:
			return fmt.Errorf("%s ends after %d frames, but %s goes on", b.name, meter.Frames(), a.name)
		case errA != nil && errA != io.EOF:
			return fmt.Errorf("%s: %w", a.name, errA)
		case errB != nil:
			return fmt.Errorf("%s: %w", b.name, errB)
		}
		score, err := meter.Add(pictureA, pictureB)
		if err != nil {
			return err
		}
		printScore(out, fmt.Sprint(meter.Frames()), score)
	}
}

func printScore(out io.Writer, name string, score quality.Score) {
	ssim := fmt.Sprintf("%.6f", score.SSIM)
	if math.IsNaN(score.SSIM) {
		ssim = "n/a"
	}
	fmt.Fprintf(out, "%6s  %7s  %8s  %7s\n", name, quality.FormatDB(score.PSNR()), ssim, quality.FormatDB(score.SSIMdB()))
}
