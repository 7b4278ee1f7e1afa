// Package session is what the run loops of sender and receiver have in common: a few goroutines around one core, which wake each
// other, and an orderly end when the connection or the user wants it.
package session

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Signal wakes a goroutine; several before it looks count as one.
type Signal chan struct{}

// NewSignal returns a Signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set wakes whoever receives from the Signal, now or later.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Connection is the part of a connection that says when it is over. If it is an io.Closer, too, Run closes it.
type Connection interface {
	// Done is closed when the connection has ended, Err says why.
	Done() <-chan struct{}
	Err() error
}

// Run runs read, which goes on until the connection fails it, and work, each in a goroutine of its own, until the context ends,
// which is no error, or the connection does, whose error it returns. It returns when all goroutines have.
func Run(ctx context.Context, connection Connection, read func() error, work ...func(context.Context)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for _, w := range work {
		all.Go(func() { w(ctx) })
	}
	all.Go(func() {
		err := read()
		select {
		case <-connection.Done():
			err = connection.Err() // says more
		default:
		}
		stop(err)
	})
	select {
	case <-ctx.Done():
	case <-connection.Done():
		stop(connection.Err())
	}
	cause := context.Cause(ctx)
	if closer, ok := connection.(io.Closer); ok {
		closer.Close() // ends read
	}
	all.Wait()
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return nil
	}
	return cause
}
