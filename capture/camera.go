package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"salsify/capture/v4l2"
	"salsify/codec/y4m"
)

// camera is a source such as "/dev/video0". What it does is in package v4l2; here it gets the memory for its pictures.
type camera struct {
	*v4l2.Camera
	choice v4l2.Choice
	pool   *pool
}

func openCamera(path string, o Options, rate y4m.Rate) (Source, error) {
	if o.Loop {
		return nil, fmt.Errorf("%w: %s: a camera cannot be played again; leave the loop out", ErrSource, path)
	}
	opened, err := v4l2.Open(path, v4l2.Want{Width: o.Width, Height: o.Height, Rate: rate}, o.Report)
	if errors.Is(err, v4l2.ErrNoCameras) {
		return nil, fmt.Errorf("%w: %w; pipe one in: %s | salsify-send - HOST:PORT",
			ErrSource, err, strings.Replace(cameraPipe, "/dev/video0", path, 1))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	choice := opened.Choice()
	if !usableSize(choice.Width, choice.Height) {
		opened.Close()
		return nil, fmt.Errorf("%w: %s has pictures of %dx%d; ask for a size of %d to %d pixels",
			ErrSource, path, choice.Width, choice.Height, MinSize, MaxSize)
	}
	return &camera{Camera: opened, choice: choice, pool: newPool(choice.Width, choice.Height)}, nil
}

func (c *camera) Size() (width, height int) { return c.choice.Width, c.choice.Height }

func (c *camera) Rate() y4m.Rate { return c.choice.Rate }

func (c *camera) Next(ctx context.Context) (*Picture, error) {
	p := &Picture{Image: c.pool.get(), pool: c.pool}
	shot, err := c.Camera.Next(ctx, p.Image)
	if err != nil {
		p.Release()
		if errors.Is(err, v4l2.ErrClosed) {
			return nil, ErrClosed
		}
		return nil, err
	}
	p.Number, p.Captured = shot.Number, shot.Captured
	return p, nil
}

// PrintCameras writes what cameras there are and what they have, for --list-devices. The error tells of cameras that could not be
// asked; others are written all the same.
func PrintCameras(out io.Writer) error {
	cameras, err := v4l2.Devices()
	if errors.Is(err, v4l2.ErrNoCameras) {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if len(cameras) == 0 && err == nil {
		fmt.Fprintln(out, "no camera is plugged in")
	}
	for _, c := range cameras {
		fmt.Fprintln(out, c)
	}
	return err
}
