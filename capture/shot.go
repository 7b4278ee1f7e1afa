package capture

import (
	"context"
	"fmt"
	"image"
	"time"

	"salsify/capture/screen"
	"salsify/codec/y4m"
)

// shot is the source "screen:". The screen is read when a picture is due and somebody asks for it, so what is given is always the
// newest. A goroutine does it, since the server may hang, and Next and Close must not.
type shot struct {
	closing
	schedule      schedule
	pool          *pool
	width, height int

	ask   chan *Picture // to be filled; has room for one
	done  chan error    // it was, or why not; has room for one
	owing *Picture      // that was asked for by a Next that did not wait for it
	err   error         // the first one, for good
}

// grabber reads a screen.
type grabber interface {
	Grab(*image.YCbCr) (time.Time, error)
	Close()
}

// openScreen reads what follows "screen:", a part of the screen or nothing.
func openScreen(part string, o Options, rate y4m.Rate) (Source, error) {
	area, err := screen.Parse(part)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	s, err := screen.Open(area)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	width, height := o.Width, o.Height
	if width == 0 {
		width, height = s.Size()
		if !usableSize(width, height) {
			s.Close()
			return nil, fmt.Errorf("%w: screen:%s is %dx%d; choose a part of %d to %d pixels (screen:1280x720+100+50), "+
				"or a size that it is scaled to",
				ErrSource, part, width, height, MinSize, MaxSize)
		}
	}
	if rate == (y4m.Rate{}) {
		rate = ratio(DefaultRate)
	}
	return newShot(s, width, height, rate), nil
}

func newShot(g grabber, width, height int, rate y4m.Rate) *shot {
	s := &shot{
		closing: closing{closed: make(chan struct{})}, schedule: schedule{rate: rate}, pool: newPool(width, height),
		width: width, height: height, ask: make(chan *Picture, 1), done: make(chan error, 1),
	}
	go s.run(g)
	return s
}

// run owns the screen until Close.
func (s *shot) run(g grabber) {
	defer g.Close()
	for {
		select {
		case p := <-s.ask:
			var err error
			p.Captured, err = g.Grab(p.Image)
			s.done <- err
		case <-s.closed:
			return
		}
	}
}

func (s *shot) Size() (width, height int) { return s.width, s.height }

func (s *shot) Rate() y4m.Rate { return s.schedule.rate }

func (s *shot) Next(ctx context.Context) (*Picture, error) {
	if err := s.ended(ctx); err != nil {
		return nil, err
	}
	before := s.schedule.next
	number, due := s.schedule.take(time.Now())
	p, err := s.grab(ctx, number, due)
	if err != nil {
		s.schedule.next = before // it was not given
		return nil, err
	}
	return p, nil
}

func (s *shot) grab(ctx context.Context, number uint64, due time.Time) (*Picture, error) {
	if err := s.wait(ctx, due); err != nil {
		return nil, err
	}
	if s.owing != nil { // it is old
		old := s.owing
		if err := s.filled(ctx, old); err != nil {
			return nil, err
		}
		old.Release()
	}
	if s.err != nil {
		return nil, s.err
	}
	p := &Picture{Image: s.pool.get(), Number: number, pool: s.pool}
	s.ask <- p
	return p, s.filled(ctx, p)
}

// filled waits until a picture that was asked for is filled.
func (s *shot) filled(ctx context.Context, p *Picture) error {
	s.owing = p
	select {
	case err := <-s.done:
		s.owing = nil
		if err != nil {
			s.err = fmt.Errorf("capture: %w", err)
			p.Release()
		}
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return ErrClosed
	}
}

func (s *shot) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
