package camera

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"
	"syscall"
	"time"

	"salsify/codec/y4m"
	"salsify/thread"
)

// Feeding:
//
//  1. The next picture is drawn ahead of its time, into memory that is just what will be written.
//  2. The thread sleeps until it is due (package thread: the runtime's timers are a millisecond late).
//  3. If the reader has read the picture before to its last byte, this one is written at once, and else not at all.
//  4. The next is the first that is not due yet when the writing ends.

// longestSleep is how late the end of the context may be noticed while nothing is due.
const longestSleep = 20 * time.Millisecond

// Feed writes the video as YUV4MPEG2 until ctx ends. Picture 0 is due at start, picture n n/rate later. A picture that is due while an
// earlier one is still being read is not written, as with a camera from which nobody took it; it counts as captured.
// It returns nil when ctx ends or the reader has gone after that, else the error.
//
// Where w is a pipe, what lies in it counts as not read yet. When ctx ends during a write, that is cut short by w's write deadline, or, if it
// has none, by closing w where that is possible.
func (c *Camera) Feed(ctx context.Context, start time.Time, w io.Writer) error {
	stop := context.AfterFunc(ctx, func() {
		if d, ok := w.(interface{ SetWriteDeadline(time.Time) error }); ok && d.SetWriteDeadline(time.Unix(1, 0)) == nil {
			return
		}
		if closer, ok := w.(io.Closer); ok {
			_ = closer.Close()
		}
	})
	defer stop()
	pipe := pipeOf(w)
	pipe.widen()
	width, height := c.video.Size()
	header := y4m.Header{Width: width, Height: height, Rate: c.video.Rate()}
	return c.feed(ctx, start, sink{
		begin:  func() error { _, err := y4m.NewWriter(w, header); return err },
		marker: "FRAME\n",
		write:  func(frame []byte) error { _, err := w.Write(frame); return err },
		unread: pipe.unread,
		tells:  true,
	})
}

// sink is what takes the pictures.
type sink struct {
	begin  func() error             // before the first
	marker string                   // before each
	write  func(frame []byte) error // the marker, and Y, U and V
	unread func() bool              // whether some of what was written is still not read
	tells  bool                     // whether what was written and is not unread was taken
}

// feed runs on a thread of its own, which ends with it, so that what is set there for precision does not stay.
func (c *Camera) feed(ctx context.Context, start time.Time, to sink) error {
	c.mutex.Lock()
	again := !c.start.IsZero()
	if !again {
		c.start = start
	}
	c.mutex.Unlock()
	if again {
		return errors.New("the camera is feeding already; take another one")
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		thread.Prefer() // over the system under test: a camera takes no processor time, this one a millisecond for a picture
		result <- c.run(ctx, start, to)
	}()
	err := <-result
	c.mutex.Lock()
	c.ended = time.Now()
	c.mutex.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("the system under test has stopped reading its camera: %w", err)
	}
	return err
}

func (c *Camera) run(ctx context.Context, start time.Time, to sink) error {
	if err := to.begin(); err != nil {
		return err
	}
	frame, picture := c.frame(to.marker)
	pending := false // the last of taken is not read yet
	for n := c.schedule.count(time.Since(start)); ; {
		c.video.Picture(n, picture)
		due := start.Add(c.schedule.due(n))
		for {
			if pending && !to.unread() {
				pending = false
				c.tookLast(time.Now())
			}
			left := time.Until(due)
			if left <= 0 || ctx.Err() != nil {
				break
			}
			if pending {
				left = min(left, time.Millisecond) // to see when it is read
			}
			thread.Sleep(min(left, longestSleep))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !pending {
			at := time.Now()
			if err := to.write(frame); err != nil {
				return err
			}
			written := time.Now()
			c.wrote(n, at)
			pending = to.tells && to.unread()
			if to.tells && !pending {
				c.tookLast(written)
			}
		}
		n = max(n+1, c.schedule.count(time.Since(start)))
	}
}

// frame returns memory for what is written for a picture, and the picture whose planes lie in it.
func (c *Camera) frame(marker string) ([]byte, *image.YCbCr) {
	width, height := c.video.Size()
	picture := c.video.NewPicture()
	frame := make([]byte, len(marker)+y4m.Header{Width: width, Height: height}.FrameBytes())
	rest := frame[copy(frame, marker):]
	for _, plane := range []*[]byte{&picture.Y, &picture.Cb, &picture.Cr} {
		length := len(*plane)
		*plane, rest = rest[:length:length], rest[length:]
	}
	return frame, picture
}

func (c *Camera) wrote(number uint64, at time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.taken = append(c.taken, Captured{Number: number, At: at})
}

func (c *Camera) tookLast(at time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.taken[len(c.taken)-1].Taken = at
}
