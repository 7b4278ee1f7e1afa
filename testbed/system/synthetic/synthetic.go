// Package synthetic is a system under test whose delay and distortion are known exactly, to check the testbed with: what the testbed reports of
// it can be computed beforehand. Nothing crosses the network.
package synthetic

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
	"salsify/testbed/system"
	"salsify/testbed/system/parameters"
	"salsify/thread"
)

// A call, in order:
//
//  1. The camera writes its pictures to a pipe, as to any system. The number of each is read from its codes.
//  2. Those that are to be shown are distorted (expected.go) and wait in a queue.
//  3. Each goes to the screen by a second pipe. A picture counts when its last byte is read; so all but that one are written as soon as the picture
//     before is on the screen, and the last at the very instant (package thread).
//  4. At the end a log says how late that was.

const (
	// DefaultDelay and DefaultNoise are those of Parse.
	DefaultDelay = 100 * time.Millisecond
	DefaultNoise = 4

	maxDelay = 3 * time.Second // bounds the memory for the pictures on their way
	maxNoise = 24              // up to which all codes are readable
	maxEvery = 1000
	maxPause = time.Hour
)

// Config says what the system does. What it makes of a picture is in expected.go.
type Config struct {
	// Delay is from when a picture is due at the camera until it is on the screen, up to 3 s. Moving a picture through two pipes takes a few
	// milliseconds, and more on a busy machine: below some 20 ms at 1280x720 it comes late.
	Delay time.Duration
	// Noise is by how much each luma sample is moved, up or down, 0 to 24 steps of 1/255.
	Noise int
	// Every shows pictures 0, Every, 2*Every... only; 0 and 1: all.
	Every int
	// FreezeAt and FreezeFor tell from when on, counted from the call's start, and for how long no picture comes on the screen; FreezeFor 0: never.
	FreezeAt, FreezeFor time.Duration
}

// System is a system.System.
type System struct{ config Config }

// New checks the configuration. Errors wrap parameters.ErrParameters.
func New(c Config) (*System, error) {
	c.Every = max(c.Every, 1)
	switch {
	case c.Delay < 0 || c.Delay > maxDelay:
		return nil, fmt.Errorf("synthetic: %w: the delay is %v, must be 0 to %v", parameters.ErrParameters, c.Delay, maxDelay)
	case c.Noise < 0 || c.Noise > maxNoise:
		return nil, fmt.Errorf("synthetic: %w: the noise is %d, must be 0 to %d", parameters.ErrParameters, c.Noise, maxNoise)
	case c.Every > maxEvery:
		return nil, fmt.Errorf("synthetic: %w: it shows one picture in %d, must be 1 to %d", parameters.ErrParameters, c.Every, maxEvery)
	case c.FreezeAt < 0 || c.FreezeFor < 0 || c.FreezeAt > maxPause || c.FreezeFor > maxPause:
		return nil, fmt.Errorf("synthetic: %w: it freezes at %v for %v, each must be 0 to %v", parameters.ErrParameters, c.FreezeAt, c.FreezeFor, maxPause)
	}
	return &System{c}, nil
}

// Parse reads what stands behind "synthetic:" in a system's name, such as
//
//	delay=100ms,noise=4,every=2,freeze=500ms@5s
//
// which freezes for 500 ms at the call's 5th second. Without them the delay is 100 ms and the noise 4.
func Parse(text string) (system.System, error) {
	c, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("synthetic: %w", err)
	}
	s, err := New(c)
	if err != nil {
		return nil, err // not a nil *System in an interface
	}
	return s, nil
}

func parse(text string) (Config, error) {
	c := Config{Delay: DefaultDelay, Noise: DefaultNoise}
	list, err := parameters.Parse(text, "delay", "noise", "every", "freeze")
	if err != nil {
		return c, err
	}
	for _, p := range list {
		switch p.Name {
		case "delay":
			c.Delay, err = p.Duration(0, maxDelay)
		case "noise":
			c.Noise, err = p.Int(0, maxNoise)
		case "every":
			c.Every, err = p.Int(1, maxEvery)
		case "freeze":
			length, at, found := strings.Cut(p.Value, "@")
			c.FreezeFor, err = time.ParseDuration(length)
			var errAt error
			c.FreezeAt, errAt = time.ParseDuration(at)
			if !found || err != nil || errAt != nil || c.FreezeFor <= 0 || c.FreezeFor > maxPause || c.FreezeAt < 0 || c.FreezeAt > maxPause {
				err = p.Wrong("write for how long and when, such as 500ms@5s")
			}
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// Config returns how the system is configured, to compute what has to be measured.
func (s *System) Config() Config { return s.config }

// Missing is system.System's: nothing is needed.
func (s *System) Missing() error { return nil }

// Versions is system.System's.
func (s *System) Versions(context.Context) map[string]string { return nil }

// Prepare is system.System's.
func (s *System) Prepare(_ context.Context, call *system.Call) (system.Session, error) {
	return &session{config: s.config, call: call}, nil
}

type session struct {
	config   Config
	call     *system.Call
	lateness []time.Duration // of each picture shown
}

// Run is system.Session's.
func (s *session) Run(ctx context.Context) error {
	start := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	camera, theCamera, err := os.Pipe()
	if err != nil {
		return err
	}
	screen, theScreen, err := os.Pipe()
	if err != nil {
		camera.Close()
		theCamera.Close()
		return err
	}
	var parts sync.WaitGroup
	part := func(what string, run func() error) {
		parts.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("synthetic: %s: %w", what, err))
			}
		})
	}
	queue := make(chan shown, s.inFlight())
	part("the camera", func() error { return s.call.Camera.Feed(ctx, start, theCamera) })
	part("reading the camera", func() error { return s.take(ctx, start, camera, queue) })
	part("writing to the screen", func() error {
		defer theScreen.Close()
		return s.show(ctx, theScreen, queue)
	})
	part("the screen", func() error {
		defer screen.Close()
		return s.call.Screen.ReadY4M(screen)
	})
	<-ctx.Done()
	theCamera.Close() // whoever waits at a pipe goes on
	camera.Close()
	screen.Close()
	parts.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// inFlight is how many pictures can be between camera and screen.
func (s *session) inFlight() int {
	rate := s.call.Video.Rate()
	return int(s.config.Delay.Seconds()*float64(rate.Num)/float64(rate.Den)) + 2
}

// shown is a picture that is to be shown.
type shown struct {
	at      time.Time
	header  y4m.Header
	picture *image.YCbCr
}

// take reads the camera.
func (s *session) take(ctx context.Context, start time.Time, camera io.Reader, queue chan<- shown) error {
	reader, err := y4m.NewReader(camera)
	if err != nil {
		return err
	}
	header := reader.Header()
	pictures := make([]*image.YCbCr, cap(queue)+3) // in the queue, one at each end of it, and one that just left
	for i := range pictures {
		pictures[i] = header.NewPicture()
	}
	for turn := 0; ; {
		picture := pictures[turn%len(pictures)]
		if err := reader.Read(picture); err != nil {
			return err
		}
		sighting := clip.Number(picture)
		if !sighting.OK {
			return errors.New("a picture of the camera has no code that can be read")
		}
		n := sighting.Number
		if !s.config.Shows(n, header.Rate) {
			continue
		}
		s.config.Distort(n, picture)
		select {
		case queue <- shown{start.Add(s.config.ShownAfter(n, header.Rate)), header, picture}:
			turn++
		case <-ctx.Done():
			return nil
		}
	}
}

// show writes each picture so that the screen has read it at its time.
func (s *session) show(ctx context.Context, screen io.Writer, queue <-chan shown) error {
	runtime.LockOSThread() // and never unlock: the thread, with its priority, ends with the goroutine
	thread.Hurry()
	out := &holdBack{to: screen}
	var writer *y4m.Writer
	for {
		var next shown
		select {
		case next = <-queue:
		case <-ctx.Done():
			return nil
		}
		if writer == nil {
			var err error
			if writer, err = y4m.NewWriter(out, next.header); err != nil {
				return err
			}
			if err := out.release(); err != nil { // the header
				return err
			}
		}
		if err := writer.Write(next.picture); err != nil {
			return err
		}
		if !sleepUntil(ctx, next.at) {
			return nil
		}
		if err := out.release(); err != nil {
			return err
		}
		s.lateness = append(s.lateness, time.Since(next.at))
	}
}

// holdBack writes all of a picture but its last byte, until it is released.
type holdBack struct {
	to   io.Writer
	last []byte
}

func (h *holdBack) Write(b []byte) (int, error) {
	n := len(b) - 1
	h.last = append(h.last[:0], b[n:]...)
	if written, err := h.to.Write(b[:n]); err != nil {
		return written, err
	}
	return len(b), nil
}

func (h *holdBack) release() error {
	_, err := h.to.Write(h.last)
	return err
}

// nearly is how long before an instant the precise sleep begins, which cannot be ended early.
const nearly = 5 * time.Millisecond

// sleepUntil returns at an instant, or false if the context ended before.
func sleepUntil(ctx context.Context, instant time.Time) bool {
	if left := time.Until(instant) - nearly; left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	thread.Sleep(time.Until(instant))
	return ctx.Err() == nil
}

// Close is system.Session's.
func (s *session) Close() error {
	if s.call.Log == nil || len(s.lateness) == 0 {
		return nil
	}
	log, err := s.call.Log("synthetic.log")
	if err != nil {
		return err
	}
	slices.Sort(s.lateness)
	at := func(percent int) time.Duration {
		return s.lateness[(len(s.lateness)-1)*percent/100].Round(time.Microsecond)
	}
	_, err = fmt.Fprintf(log, "%d pictures were given to the screen, later than they were due by %v (median), %v (95 %%), %v (99 %%), at most %v\n",
		len(s.lateness), at(50), at(95), at(99), at(100))
	return errors.Join(err, log.Close())
}
