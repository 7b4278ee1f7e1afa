package main

import (
	"errors"
	"math"
	"os"
	"time"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/live"
	"salsify/testbed/clip"
	"salsify/testbed/virtual"
)

const clipAbout = `Writes the first pictures of the test video that systems under test see: CLIP forwards and backwards, with noise if asked for, a barcode
with the picture's number in two corners. For systems that play a file themselves, and to look at.

Examples:
  salsify-eval clip talk.mp4 test.y4m --pictures 900
  salsify-eval clip talk.mp4 - --grain light --pictures 300 | ffplay -i -
`

// endlessClip is how much is written of a clip that has no end: enough to look at, and 200 MB at 720p. No picture more is asked for by
// those who do not say how many.
const endlessClip = 10 * time.Second

func (s *session) clip(args []string) error {
	var c clip.Config
	flags := pflag.NewFlagSet("clip", pflag.ContinueOnError)
	pictures := flags.Int("pictures", 0, "how many (default: until the video repeats; of test:, which never does, 10 s)")
	complete := clipFlags(flags, &c)
	if err := s.parse(flags, args, "clip CLIP OUT.y4m [flags]", clipAbout, 2, 2); err != nil {
		return err
	}
	if err := complete(); err != nil {
		return err
	}
	if err := above0(flags, "pictures"); err != nil {
		return err
	}
	c.Source = flags.Arg(0)
	screen := live.New(os.Stderr)
	v, err := clip.Open(s.ctx, c, screen)
	screen.Done()
	if errors.Is(err, clip.ErrClip) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	defer v.Close()
	if *pictures == 0 {
		*pictures = v.Period()
		if *pictures == math.MaxInt32 {
			*pictures = int(virtual.Pictures(v.Rate(), endlessClip))
		}
	}
	if flags.Arg(1) == "-" {
		return v.Write(s.ctx, s.stdout, *pictures)
	}
	return v.WriteFile(s.ctx, flags.Arg(1), *pictures)
}
