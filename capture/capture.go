// Package capture is where pictures come from: a camera, the screen, a drawn scene, a file, or a pipe from another program. All of them
// behave as a camera does: a picture is there at its time, and one that nobody took is gone. Nothing is ever queued, since a
// late picture of a live video is worth less than none.
//
// The way of a picture:
//
//  1. Open makes a Source of what the user named.
//  2. Next waits for the time of the next picture (schedule.go) and gives it: drawn (drawn.go), read from a file (file.go), or
//     the newest that came from a camera (camera.go) or through a pipe (pipe.go).
//  3. The caller uses it and gives its memory back with Release.
package capture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	"salsify/codec/y4m"
)

// MinSize and MaxSize are the least and greatest width and height of pictures, in pixels.
const (
	MinSize = 16
	MaxSize = 4096
)

// What the drawn scene is if the options do not say, and the rate of a file whose header does not say.
const (
	DefaultWidth, DefaultHeight = 1280, 720
	DefaultRate                 = 30.0
)

// Rates in pictures a second that a source may have. Slower is not video, faster is beyond what timers can do.
const (
	MinRate = 0.1
	MaxRate = 1000
)

// The kinds of error of this package, to be tested with errors.Is.
var (
	// ErrSource: Open cannot make a Source of what was named. The message says what to do.
	ErrSource = errors.New("capture: no usable source")
	// ErrClosed: Next was called, or was waiting, when the Source was closed.
	ErrClosed = errors.New("capture: source is closed")
)

// Usage tells what a SOURCE may be, a line each, for the help of programs.
const Usage = `  /dev/video0        a camera; --list-devices shows which there are, and what they can do
  test:              a drawn scene in real time; test:seed=7 is another
  FILE.y4m           a file of uncompressed pictures (YUV4MPEG2, 8-bit 4:2:0), played at its rate
  -                  the same from standard input, for live pictures from another program
  screen:            what the X11 screen shows; screen:1280x720+100+50 is a part of it
Other files:         ffmpeg -i FILE -pix_fmt yuv420p FILE.y4m
From ffmpeg:         ` + cameraPipe + ` | salsify-send - HOST:PORT`

const cameraPipe = "ffmpeg -f v4l2 -i /dev/video0 -pix_fmt yuv420p -f yuv4mpegpipe -"

// Source gives pictures at their time. Next may be called from one goroutine at a time, the rest from any.
type Source interface {
	// Size returns the width and height of every picture, in pixels.
	Size() (width, height int)
	// Rate returns how many pictures a second the source means to give.
	Rate() y4m.Rate
	// Next waits for the next picture and returns it; the caller releases it. A caller that comes late gets the newest picture,
	// never an old one. It returns io.EOF itself after the last picture, ErrClosed after Close, the context's error when that
	// ends first, or the error that reading the pictures had.
	Next(ctx context.Context) (*Picture, error)
	// Close ends the source and wakes a waiting Next. Pictures that were given stay valid. A second Close does nothing.
	Close() error
}

// Picture is one picture of a Source.
type Picture struct {
	Image    *image.YCbCr // 4:2:0; nil after Release
	Number   uint64       // of the picture in its source, from 0; it jumps where pictures were not taken
	Captured time.Time    // when the picture came into being: handed over, read from the pipe, or in the kernel from the camera
	pool     *pool
}

// Release gives the picture's memory back to its source, which fills it with another picture. A second call, or one of a nil
// Picture, does nothing. Not releasing is allowed, and costs garbage.
func (p *Picture) Release() {
	if p == nil || p.pool == nil {
		return
	}
	p.pool.put(p.Image)
	p.Image, p.pool = nil, nil
}

// Options for Open. The zero value is what a user gets who says nothing.
type Options struct {
	Width, Height int       // pixels; 0 is the source's own size. Only the drawn scene has any size one likes; a camera has several
	Rate          float64   // pictures a second; 0 is the source's own. A file is played faster or slower; a camera has several
	Loop          bool      // play a file forwards and backwards for ever
	Seed          uint64    // of the drawn scene; "test:seed=7" goes before
	Stdin         io.Reader // what "-" reads; nil is os.Stdin. Close closes it if it can be closed
	// Report is told, a line each, what a person should know of a camera: that it went away, or is back. nil is no one.
	Report func(line string)
}

// Open makes a Source of what the user named; Usage lists what it may be. Errors wrap ErrSource, and what was wrong with a file.
// Opening "-" waits for the header.
func Open(spec string, o Options) (Source, error) {
	rate, err := o.check()
	if err != nil {
		return nil, err
	}
	switch {
	case spec == "-":
		return openPipe(o, rate)
	case spec == "test" || strings.HasPrefix(spec, "test:"):
		return openDrawn(strings.TrimPrefix(strings.TrimPrefix(spec, "test"), ":"), o, rate)
	case strings.HasPrefix(spec, "screen:"):
		return openScreen(strings.TrimPrefix(spec, "screen:"), o, rate)
	case strings.HasPrefix(spec, "/dev/video"), strings.HasPrefix(spec, "/dev/v4l/"): // the latter keep their names: by-id, by-path
		return openCamera(spec, o, rate)
	case strings.HasSuffix(strings.ToLower(spec), ".y4m"):
		return openFile(spec, o, rate)
	}
	if info, err := os.Stat(spec); err == nil && info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a .y4m file; convert it: ffmpeg -i %s -pix_fmt yuv420p FILE.y4m", ErrSource, spec, spec)
	}
	return nil, fmt.Errorf("%w: %q. A SOURCE is one of:\n%s", ErrSource, spec, Usage)
}

// check returns the rate that the options ask for, 0/0 if none.
func (o Options) check() (y4m.Rate, error) {
	if (o.Width != 0 || o.Height != 0) && !usableSize(o.Width, o.Height) {
		return y4m.Rate{}, fmt.Errorf("%w: size %dx%d; give a width and a height of %d to %d pixels, or neither",
			ErrSource, o.Width, o.Height, MinSize, MaxSize)
	}
	if o.Rate == 0 {
		return y4m.Rate{}, nil
	}
	if !(o.Rate >= MinRate && o.Rate <= MaxRate) {
		return y4m.Rate{}, fmt.Errorf("%w: %v pictures a second; give a rate of %v to %v", ErrSource, o.Rate, MinRate, MaxRate)
	}
	return ratio(o.Rate), nil
}

func usableSize(width, height int) bool {
	return width >= MinSize && width <= MaxSize && height >= MinSize && height <= MaxSize
}

// ratio returns a rate as the ratio that is meant: whole, a whole one slowed by 1000/1001 as television does, or to the thousandth.
func ratio(rate float64) y4m.Rate {
	whole := math.Round(rate)
	if rate == whole {
		return y4m.Rate{Num: int(whole), Den: 1}
	}
	whole = math.Round(rate * 1001 / 1000)
	if math.Abs(rate-whole*1000/1001) < 0.006 { // 23.98, 29.97 and 59.94 are said for 24000/1001 and so on
		return y4m.Rate{Num: int(whole) * 1000, Den: 1001}
	}
	return y4m.Rate{Num: int(math.Round(rate * 1000)), Den: 1000}
}

// checkHeader returns the rate at which to play a stream with this header, or an error if its pictures cannot be used or are not
// what the options ask for.
func checkHeader(name string, h y4m.Header, o Options, rate y4m.Rate) (y4m.Rate, error) {
	if !usableSize(h.Width, h.Height) {
		return rate, fmt.Errorf("%w: %s has pictures of %dx%d; scale it to %d to %d pixels: ffmpeg -i IN -vf scale=1280:-2 OUT.y4m",
			ErrSource, name, h.Width, h.Height, MinSize, MaxSize)
	}
	if o.Width != 0 && (o.Width != h.Width || o.Height != h.Height) {
		return rate, fmt.Errorf("%w: %s has pictures of %dx%d, not %dx%d; leave the size out, or scale it: ffmpeg -i IN -vf scale=%d:%d OUT.y4m",
			ErrSource, name, h.Width, h.Height, o.Width, o.Height, o.Width, o.Height)
	}
	if rate != (y4m.Rate{}) {
		return rate, nil
	}
	if h.Rate.Num == 0 || h.Rate.Den == 0 { // unknown
		return ratio(DefaultRate), nil
	}
	if perSecond := float64(h.Rate.Num) / float64(h.Rate.Den); perSecond < MinRate || perSecond > MaxRate {
		return rate, fmt.Errorf("%w: %s has %d/%d pictures a second; ask for a rate of %v to %v instead",
			ErrSource, name, h.Rate.Num, h.Rate.Den, MinRate, MaxRate)
	}
	return h.Rate, nil
}

// reason gives the part of an error that a user needs: what the system said, without the call and the path.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// pool keeps the memory of pictures of one size that were released.
type pool struct {
	width, height int
	free          chan *image.YCbCr
}

// poolSize is how many released pictures are kept: what a sender that encodes one while it waits for the next has in hand, and
// some more.
const poolSize = 4

func newPool(width, height int) *pool {
	return &pool{width, height, make(chan *image.YCbCr, poolSize)}
}

func (p *pool) get() *image.YCbCr {
	select {
	case picture := <-p.free:
		return picture
	default:
		return image.NewYCbCr(image.Rect(0, 0, p.width, p.height), image.YCbCrSubsampleRatio420)
	}
}

func (p *pool) put(picture *image.YCbCr) {
	select {
	case p.free <- picture:
	default: // enough are kept
	}
}
