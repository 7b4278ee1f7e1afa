package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"salsify/codec/vp8"
)

const inspectHelp = `Usage: salsify-vp8 inspect [flags] IN.ivf

Lists the frames of an IVF file, a line each:

  frame    number in the file, from 1
  type     key or inter
  shown    whether the picture is to be shown
  bytes    size of the frame
  size     width and height in pixels
  source   name of the state that the frame is decoded from
  target   name of the state that it leads to
  q        quantizer index, 0 (best) to 127
  refs     which references change: L last, G golden, A altref
  intra%   share of macroblocks that are intra coded
  skip%    share without coefficients
  split%   share with split motion vectors

Two frames of one source and target are the same frame; a stream whose source names differ from another's has left it there.

Examples:
  salsify-vp8 inspect clip.ivf
  salsify-vp8 inspect clip.ivf | awk '$2 == "key"'
`

// inspectTitle and inspectLine have the columns of the list, wide enough for all but monstrous values.
const (
	inspectTitle = "%6s  %-5s  %-5s  %8s  %-11s  %-32s  %-32s  %3s  %-4s  %6s  %6s  %6s\n"
	inspectLine  = "%6d  %-5s  %-5s  %8d  %-11s  %-32s  %-32s  %3d  %-4s  %6.1f  %6.1f  %6.1f\n"
)

func (s *session) inspect(args []string) error {
	var stateIn string
	f := pflag.NewFlagSet("inspect", pflag.ContinueOnError)
	f.StringVar(&stateIn, "state-in", "", "the state in this `file` is the first frame's source")
	files, err := s.parse(f, inspectHelp, args, 1, 1)
	if err != nil {
		return err
	}
	if err := checkStateFlags(stateIn, ""); err != nil {
		return err
	}
	in, err := s.openStream(files[0], stateIn)
	if err != nil {
		return err
	}
	defer in.close()

	out := bufio.NewWriter(s.stdout)
	fmt.Fprintf(out, inspectTitle, "frame", "type", "shown", "bytes", "size", "source", "target", "q", "refs", "intra%", "skip%", "split%")
	err = s.inspectAll(in, out)
	return errors.Join(err, out.Flush())
}

func (s *session) inspectAll(in *stream, out io.Writer) error {
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		frame, err := in.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := vp8.Inspect(in.state, frame)
		if err != nil {
			return in.explain(err)
		}
		source := in.state.ID()
		if _, err := in.decode(frame); err != nil {
			return err
		}
		fmt.Fprintf(out, inspectLine, in.number, frameType(info), yesNo(info.Show), len(frame), fmt.Sprintf("%dx%d", info.Width, info.Height),
			source, in.state.ID(), info.Quantizer, refreshed(info),
			share(info.Intra, info), share(info.Skipped, info), share(info.Split, info))
	}
}

func frameType(info vp8.FrameInfo) string {
	if info.Key {
		return "key"
	}
	return "inter"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// refreshed names the references that change by their letters, each in its place.
func refreshed(info vp8.FrameInfo) string {
	letters := []byte("---")
	for i, r := range []bool{info.RefreshLast, info.RefreshGolden, info.RefreshAltRef} {
		if r {
			letters[i] = "LGA"[i]
		}
	}
	return string(letters)
}

// share returns how many percent of the macroblocks n are.
func share(n int, info vp8.FrameInfo) float64 {
	return 100 * float64(n) / float64(max(info.Macroblocks, 1))
}
