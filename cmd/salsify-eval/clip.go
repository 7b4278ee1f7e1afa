package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"salsify/cmd/internal/live"
	"salsify/testbed/clip"
)

const clipAbout = `Writes the first pictures of the test video that systems under test see: CLIP forwards and backwards, with noise if asked for, a barcode
with the picture's number in two corners. For systems that play a file themselves, and to look at.

Examples:
  salsify-eval clip talk.mp4 test.y4m --pictures 900
  salsify-eval clip talk.mp4 - --grain light --pictures 300 | ffplay -i -
`

func (s *session) clip(args []string) error {
	var c clip.Config
	flags := pflag.NewFlagSet("clip", pflag.ContinueOnError)
	pictures := flags.Int("pictures", 0, "how many (default: until the video repeats)")
	complete := clipFlags(flags, &c)
	if err := s.parse(flags, args, "clip CLIP OUT.y4m [flags]", clipAbout, 2, 2); err != nil {
		return err
	}
	if err := complete(); err != nil {
		return err
	}
	if *pictures < 0 {
		return fmt.Errorf("%w: --pictures is %d", errUsage, *pictures)
	}
	c.Source = flags.Arg(0)
	screen := live.New(os.Stderr)
	v, err := clip.Open(s.ctx, c, screen)
	screen.Done()
	if err != nil {
		return err
	}
	defer v.Close()
	if *pictures == 0 {
		*pictures = v.Period()
	}
	if flags.Arg(1) == "-" {
		return v.Write(s.ctx, s.stdout, *pictures)
	}
	return v.WriteFile(s.ctx, flags.Arg(1), *pictures)
}
