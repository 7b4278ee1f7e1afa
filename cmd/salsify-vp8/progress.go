package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressInterval is how often the line on the terminal is drawn anew.
const progressInterval = 100 * time.Millisecond

// progress counts frames on stderr if that is a terminal, and does nothing otherwise. total is 0 where it is not known.
type progress struct {
	bar *progressbar.ProgressBar // nil: nobody watches
}

func (s *session) newProgress(what string, total int) progress {
	if !isTerminal(s.stderr) {
		return progress{}
	}
	if total <= 0 {
		total = -1 // a counter without an end
	}
	return progress{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(s.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("frames"),
		progressbar.OptionThrottle(progressInterval),
		progressbar.OptionClearOnFinish(),
	)}
}

// frame counts one frame.
func (p progress) frame() {
	if p.bar != nil {
		_ = p.bar.Add(1) // a count above the expected total is no error of ours
	}
}

// end takes the line away.
func (p progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
