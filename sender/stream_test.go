package sender

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"salsify/transport/wire"
)

// fakeConnection carries nothing until it ends. (Pictures are left out here: their packets are paced in real time, see
// run_test.go.)
type fakeConnection struct {
	once   sync.Once
	done   chan struct{}
	err    error
	closed bool // by us
}

func newFakeConnection() *fakeConnection { return &fakeConnection{done: make(chan struct{})} }

func (c *fakeConnection) end(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.done)
	})
}

func (c *fakeConnection) Send(*wire.Packet) error { return nil }
func (c *fakeConnection) Done() <-chan struct{}   { return c.done }
func (c *fakeConnection) Err() error              { return c.err }

func (c *fakeConnection) ReadReport([]byte) (int, time.Time, error) {
	<-c.done
	return 0, time.Time{}, c.err
}

func (c *fakeConnection) Close() error {
	c.closed = true
	c.end(errors.New("closed here"))
	return nil
}

var (
	errAbsent  = errors.New("nobody is there")
	errBusy    = errors.New("busy")
	errRefused = errors.New("refused")
	errCrashed = errors.New("crashed")
	errGoodbye = errors.New("goodbye")
)

// scripted is a Stream whose Dial does as a test says, and which notes what it tells, with the time.
type scripted struct {
	Stream
	began time.Time
	dials int
	told  []string
}

func newScripted(dial func(ctx context.Context, n int, at time.Duration) (Connection, error)) *scripted {
	s := &scripted{began: time.Now()}
	s.Config = Config{Width: 160, Height: 120, Interval: time.Second / 30}
	s.Dial = func(ctx context.Context) (Connection, error) {
		s.dials++
		return dial(ctx, s.dials, time.Since(s.began))
	}
	s.Retry = func(err error) (retry, busy bool) {
		return errors.Is(err, errAbsent) || errors.Is(err, errBusy), errors.Is(err, errBusy)
	}
	s.Goodbye = func(err error) bool { return errors.Is(err, errGoodbye) }
	s.Tell = func(news News, err error) {
		name := [...]string{Connected: "connected", Waiting: "waiting", Ended: "ended", Left: "left"}[news]
		s.told = append(s.told, fmt.Sprintf("%v %s %v", time.Since(s.began), name, err))
	}
	return s
}

func (s *scripted) mustTell(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.told, want) {
		t.Errorf("told %q, not %q", s.told, want)
	}
}

// lasting is a connection that ends by itself.
func lasting(d time.Duration, err error) *fakeConnection {
	c := newFakeConnection()
	time.AfterFunc(d, func() { c.end(err) })
	return c
}

// A receiver that comes late, crashes and comes back is found each time, and each change is told of once.
func TestStreamReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(func(_ context.Context, n int, at time.Duration) (Connection, error) {
			switch {
			case at < time.Second || at > 3*time.Second && at < 4*time.Second:
				return nil, errAbsent
			case at < 3*time.Second:
				return lasting(2500*time.Millisecond, errCrashed), nil
			}
			return lasting(time.Hour, nil), nil
		})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if err := s.Run(ctx); err != nil {
			t.Errorf("ended with %v", err)
		}
		s.mustTell(t, "0s waiting nobody is there", "1s connected <nil>", "3.5s ended crashed",
			"3.55s waiting nobody is there", "4.15s connected <nil>")
		if took := time.Since(s.began); took != 10*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

// A crash is noticed and mended at once if the receiver is there: no pause that a viewer would see.
func TestStreamRedialsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(func(context.Context, int, time.Duration) (Connection, error) {
			return lasting(time.Second, errCrashed), nil
		})
		ctx, stop := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer stop()
		s.Run(ctx)
		s.mustTell(t, "0s connected <nil>", "1s ended crashed", "1.05s connected <nil>", "2.05s ended crashed", "2.1s connected <nil>")
	})
}

// What runs alongside does so once for each session, over its connection, and has ended before the next begins and before Run does.
func TestStreamAlongside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var current Connection
		s := newScripted(func(context.Context, int, time.Duration) (Connection, error) {
			current = lasting(time.Second, errCrashed)
			return current, nil
		})
		running, begun := 0, 0
		s.Alongside = func(ctx context.Context, c Connection, session *Session) {
			if c != current || session == nil || running != 0 {
				t.Errorf("begun over %v with %v, %d are running", c, session, running)
			}
			begun++
			running++
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond) // its own end
			running--
		}
		ctx, stop := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer stop()
		s.Run(ctx)
		if begun != 3 || running != 0 {
			t.Errorf("begun %d times, want 3; %d run at the end", begun, running)
		}
	})
}

// Whoever is not let in at the beginning ends after a while; who was in before waits for its turn.
func TestStreamBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(func(context.Context, int, time.Duration) (Connection, error) { return nil, errBusy })
		if err := s.Run(t.Context()); !errors.Is(err, errBusy) {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(s.began); took < patience || took > patience+2*redial {
			t.Errorf("gave up after %v, not %v", took, patience)
		}

		s = newScripted(func(_ context.Context, n int, _ time.Duration) (Connection, error) {
			if n == 1 {
				return lasting(time.Second, errCrashed), nil
			}
			return nil, errBusy
		})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := s.Run(ctx); err != nil {
			t.Errorf("ended with %v", err)
		}
		if s.dials < 100 {
			t.Errorf("asked %d times in a minute", s.dials)
		}
	})
}

// An error that trying again does not mend ends the stream, also after a connection.
func TestStreamRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for connections := range 2 {
			s := newScripted(func(_ context.Context, n int, _ time.Duration) (Connection, error) {
				if n <= connections {
					return lasting(time.Second, errCrashed), nil
				}
				return nil, fmt.Errorf("%w: another key", errRefused)
			})
			if err := s.Run(t.Context()); !errors.Is(err, errRefused) {
				t.Errorf("ended with %v", err)
			}
			if s.dials != connections+1 {
				t.Errorf("dialled %d times", s.dials)
			}
		}
	})
}

// A receiver that says goodbye ends the stream soon, unless it comes back before.
func TestStreamGoodbye(t *testing.T) {
	absent := func(context.Context) (Connection, error) { return nil, errAbsent }
	slow := func(ctx context.Context) (Connection, error) { // a firewall drops what is sent there
		<-ctx.Done()
		return nil, ctx.Err()
	}
	refused := func(context.Context) (Connection, error) { return nil, errRefused }
	for name, after := range map[string]func(context.Context) (Connection, error){"absent": absent, "slow": slow, "refused": refused} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(func(ctx context.Context, n int, _ time.Duration) (Connection, error) {
					if n == 1 {
						return lasting(5*time.Second, errGoodbye), nil
					}
					return after(ctx)
				})
				if err := s.Run(t.Context()); !errors.Is(err, errGoodbye) {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(s.began) - 5*time.Second; took > farewell+200*time.Millisecond {
					t.Errorf("ended %v after the goodbye", took)
				}
				s.mustTell(t, "0s connected <nil>", "5s left goodbye")
			})
		})
	}
	t.Run("back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScripted(func(_ context.Context, n int, at time.Duration) (Connection, error) {
				switch {
				case n == 1:
					return lasting(5*time.Second, errGoodbye), nil
				case at < 5400*time.Millisecond:
					return nil, errAbsent
				}
				return lasting(time.Hour, nil), nil
			})
			ctx, stop := context.WithTimeout(t.Context(), 8*time.Second)
			defer stop()
			if err := s.Run(ctx); err != nil {
				t.Errorf("ended with %v", err)
			}
			s.mustTell(t, "0s connected <nil>", "5s left goodbye", "5.4s connected <nil>")
		})
	})
	t.Run("ended here too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScripted(func(ctx context.Context, n int, _ time.Duration) (Connection, error) {
				if n == 1 {
					return lasting(5*time.Second, errGoodbye), nil
				}
				return slow(ctx)
			})
			ctx, stop := context.WithTimeout(t.Context(), 5200*time.Millisecond)
			defer stop()
			if err := s.Run(ctx); err != nil || time.Since(s.began) != 5200*time.Millisecond {
				t.Errorf("ended with %v after %v", err, time.Since(s.began))
			}
		})
	})
}

// The stream ends at once when its context does: while it waits, while it dials, and when the connection comes at that moment.
func TestStreamEnds(t *testing.T) {
	var came *fakeConnection
	for name, dial := range map[string]func(ctx context.Context) (Connection, error){
		"waiting":   func(context.Context) (Connection, error) { return nil, errAbsent },
		"dialling":  func(ctx context.Context) (Connection, error) { <-ctx.Done(); return nil, ctx.Err() },
		"connected": func(context.Context) (Connection, error) { came = newFakeConnection(); return came, nil },
		"too late": func(ctx context.Context) (Connection, error) {
			<-ctx.Done()
			came = newFakeConnection()
			return came, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				came = nil
				s := newScripted(func(ctx context.Context, _ int, _ time.Duration) (Connection, error) { return dial(ctx) })
				ctx, stop := context.WithTimeout(t.Context(), 1111*time.Millisecond)
				defer stop()
				if err := s.Run(ctx); err != nil {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(s.began); took > 1111*time.Millisecond+idleCheck {
					t.Errorf("ended after %v", took)
				}
				if came != nil && !came.closed {
					t.Error("the connection was left open")
				}
				if s.Connected() {
					t.Error("still connected")
				}
			})
		})
	}
}

// A configuration that no session can have is an error before anything is dialled.
func TestStreamConfig(t *testing.T) {
	s := newScripted(func(context.Context, int, time.Duration) (Connection, error) { return newFakeConnection(), nil })
	s.Config.Width = 1 << 20
	if err := s.Run(t.Context()); err == nil || s.dials != 0 {
		t.Errorf("ended with %v after %d dials", err, s.dials)
	}
}

// A picture that comes while there is no connection is given back.
func TestStreamFeedWithoutConnection(t *testing.T) {
	released := 0
	new(Stream).Feed(Picture{Release: func() { released++ }})
	new(Stream).Feed(Picture{})
	if released != 1 {
		t.Errorf("released %d times", released)
	}
}
