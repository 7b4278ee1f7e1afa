//go:build !linux

package camera

import (
	"context"
	"fmt"
	"io"
	"time"
)

// pipe is the writing end of one; here nothing is known of it.
type pipe struct{}

func pipeOf(io.Writer) pipe { return pipe{} }

func (pipe) widen() {}

func (pipe) unread() bool { return false }

// FeedDevice plays to a V4L2 device, which only Linux has.
func (c *Camera) FeedDevice(_ context.Context, _ time.Time, path string) error {
	return fmt.Errorf("%s: only Linux has V4L2 devices; give the system a pipe or a file", path)
}
