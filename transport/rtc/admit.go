package rtc

import (
	"context"
	"errors"
	"time"
)

// Who gets the one place, when a sender asks for it while another has it: a sender that was killed and started again should not
// have to wait, and one that is at work should not be disturbed.
const (
	// quietEnough is how long nothing must have been heard of a session for another sender to take its place.
	quietEnough = 500 * time.Millisecond
	// admissionTimeout is how long a sender that asks is kept waiting for that, also while others are asking.
	admissionTimeout = time.Second
)

var errBusy = errors.New("busy: it is receiving from another sender")

// admit makes room for a new session and puts in what create returns. It errs with errBusy if there is another session that is
// alive, and with what create errs with.
func (l *Listener) admit(ctx context.Context, create func() (*Incoming, error)) (*Incoming, error) {
	ctx, cancel := context.WithTimeout(ctx, admissionTimeout)
	defer cancel()
	select { // one at a time
	case l.admission <- struct{}{}:
		defer func() { <-l.admission }()
	case <-ctx.Done():
		return nil, errBusy
	}
	if s := l.current.Load(); s != nil && !s.giveWay(ctx) {
		return nil, errBusy
	}
	s, err := create()
	if err != nil {
		return nil, err
	}
	l.current.Store(s)
	return s, nil
}

// giveWay returns true when the session has ended, and ends it if it is quiet. It returns false after quietEnough.
func (s *Incoming) giveWay(ctx context.Context) bool {
	deadline := time.Now().Add(quietEnough)
	for {
		now := time.Now()
		quiet := now.Sub(s.lastHeard())
		if quiet >= quietEnough {
			s.end(ErrReplaced)
			return true
		}
		if !now.Before(deadline) {
			return false
		}
		select {
		case <-s.done:
			return true
		case <-ctx.Done():
			return false
		case <-time.After(min(quietEnough-quiet, deadline.Sub(now))):
		}
	}
}
