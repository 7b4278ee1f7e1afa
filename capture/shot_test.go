package capture

import (
	"context"
	"errors"
	"image"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"salsify/codec/y4m"
)

// fakeScreen counts what is read of it; each picture takes a while.
type fakeScreen struct {
	takes  time.Duration
	count  byte
	err    error // instead of the next picture
	closed chan struct{}
}

func (f *fakeScreen) Grab(p *image.YCbCr) (time.Time, error) {
	at := time.Now()
	time.Sleep(f.takes)
	f.count++
	p.Y[0] = f.count
	return at, f.err
}

func (f *fakeScreen) Close() { close(f.closed) }

func newFakeScreen(takes time.Duration) (*fakeScreen, *shot) {
	f := &fakeScreen{takes: takes, closed: make(chan struct{})}
	return f, newShot(f, 16, 16, y4m.Rate{Num: 20, Den: 1})
}

// The screen is read at the rate, and only when somebody asks.
func TestScreenIsReadOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes, interval = 2 * time.Millisecond, 50 * time.Millisecond
		f, s := newFakeScreen(takes)
		begin := time.Now()
		for n := range uint64(3) {
			p := next(t, s, begin, n, time.Duration(n)*interval+takes)
			if p.Image.Y[0] != byte(n)+1 || p.Captured.Sub(begin) != time.Duration(n)*interval {
				t.Errorf("picture %d is reading %d, captured after %v", n, p.Image.Y[0], p.Captured.Sub(begin))
			}
			p.Release()
		}
		time.Sleep(5*interval + 10*time.Millisecond) // nobody asks for pictures 3 to 6; 7 is late by 12 ms
		p := next(t, s, begin, 7, 7*interval+2*takes+10*time.Millisecond)
		if p.Image.Y[0] != 4 {
			t.Errorf("%d readings, want 4", p.Image.Y[0])
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		<-f.closed
		if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A screen that hangs holds up neither Next nor Close, and what it gave while nobody waited is not given later.
func TestScreenHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFakeScreen(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's", err)
		}
		time.Sleep(10 * time.Second)
		asked := time.Now()
		p, err := s.Next(t.Context())
		if err != nil || p.Image.Y[0] != 2 || p.Captured.Before(asked) {
			t.Errorf("%+v, %v, want the second reading, not older than the question", p, err)
		}
		go func() {
			time.Sleep(100 * time.Millisecond)
			_ = s.Close()
		}()
		if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed while it waits: %v", err)
		}
		<-f.closed
	})
}

func TestScreenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFakeScreen(0)
		defer s.Close()
		f.err = errors.New("gone")
		for range 2 {
			if _, err := s.Next(t.Context()); !errors.Is(err, f.err) {
				t.Errorf("%v", err)
			}
		}
		if f.count != 1 {
			t.Errorf("read %d times", f.count)
		}
	})
}

func TestScreenErrors(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	for spec, want := range map[string]string{
		"screen:":     "DISPLAY is not set",
		"screen:some": "screen:some is not a part of the screen",
	} {
		if _, err := Open(spec, Options{}); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}
