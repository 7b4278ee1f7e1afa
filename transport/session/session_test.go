package session_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"salsify/transport/session"
)

// connection is one that ends when a test wants it.
type connection struct {
	done   chan struct{}
	err    error
	closed chan struct{}
}

func newConnection() *connection {
	return &connection{done: make(chan struct{}), closed: make(chan struct{})}
}

func (c *connection) Done() <-chan struct{} { return c.done }
func (c *connection) Err() error            { return c.err }

func (c *connection) Close() error {
	close(c.closed)
	return nil
}

func (c *connection) end(err error) {
	c.err = err
	close(c.done)
}

// read reads until the connection is closed.
func (c *connection) read() error {
	<-c.closed
	return io.EOF
}

var errLost = errors.New("lost")

func TestRunEndsAndSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(c *connection, stop func())
		read func(c *connection) error
		want error
	}{
		"the connection ends":      {end: func(c *connection, _ func()) { c.end(errLost) }, want: errLost},
		"the user ends it":         {end: func(_ *connection, stop func()) { stop() }},
		"reading fails":            {read: func(*connection) error { time.Sleep(time.Second); return io.ErrUnexpectedEOF }, want: io.ErrUnexpectedEOF},
		"reading fails at the end": {read: func(c *connection) error { time.Sleep(time.Second); c.end(errLost); return io.EOF }, want: errLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := newConnection()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if c.end != nil {
					time.AfterFunc(time.Second, func() { c.end(conn, stop) })
				}
				read := conn.read
				if c.read != nil {
					read = func() error { return c.read(conn) }
				}
				worked := false
				err := session.Run(ctx, conn, read, func(ctx context.Context) { <-ctx.Done(); worked = true })
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if !worked {
					t.Error("it ended before its goroutines")
				}
			})
		})
	}
}

func TestSignalsCountAsOne(t *testing.T) {
	s := session.NewSignal()
	s.Set()
	s.Set()
	<-s
	select {
	case <-s:
		t.Error("two signals woke twice")
	default:
	}
}
