// Package call is what salsify-send and salsify-recv share: each can send video from a source (Filming), show what comes (Viewing), and
// carry sound (Sounding), all over one connection. Which of the two is called is the only difference between them.
package call

import (
	"context"
	"sync/atomic"

	"salsify/receiver"
	"salsify/sender"
	"salsify/transport/wire"
)

// Reporting is a connection whose reports are counted as what leaves beside our own video.
type Reporting struct {
	receiver.Connection
	Session *sender.Session
}

// SendReport sends a report at once.
func (r Reporting) SendReport(report []byte) error {
	r.Session.Beside(len(report) + wire.ReportOverhead)
	return r.Connection.SendReport(report)
}

// Close ends the connection, as sessions do at their end.
func (r Reporting) Close() error {
	if closer, ok := r.Connection.(interface{ Close() error }); ok {
		return closer.Close()
	}
	return nil
}

// Return sends the pictures of one source over one connection after another, at most one at a time.
type Return struct {
	session atomic.Pointer[sender.Session] // that runs now, if any
}

// Feed gives the newest picture to the session, if there is one. It may be called from any goroutine.
func (r *Return) Feed(p sender.Picture) {
	if session := r.session.Load(); session != nil {
		session.Feed(p)
		return
	}
	if p.Release != nil {
		p.Release()
	}
}

// Run sends in a session over a connection until the context ends, which is no error, or the connection does.
func (r *Return) Run(ctx context.Context, c sender.Connection, session *sender.Session) error {
	r.session.Store(session)
	defer r.session.Store(nil)
	return session.Run(ctx, c)
}

// Snapshot returns what holds in the session, if there is one.
func (r *Return) Snapshot() (s sender.Snapshot, sending bool) {
	if session := r.session.Load(); session != nil {
		return session.Snapshot(), true
	}
	return s, false
}
