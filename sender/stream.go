package sender

import (
	"context"
	"sync"
	"time"
)

// A stream (Stream.Run) outlives its sessions:
//
//  1. Dial gives a connection to the receiver. Errors that trying again may mend are tried again.
//  2. A Session runs over it; meanwhile Feed hands it each picture.
//  3. When the connection ends and not the stream, it begins anew with a first state: a receiver that came back holds nothing.
//  4. When the receiver has said goodbye, the stream ends too, unless the receiver is back at once: then it was restarted.

const (
	// redial is how long to wait before dialling again. The other side should be seen again within a second.
	redial = 200 * time.Millisecond
	// patience is for how long a receiver that is busy with another sender is asked again at the very beginning. Its old
	// sender may be about to be found dead.
	patience = 2 * time.Second
	// farewell is for how long a receiver that said goodbye is dialled: whoever restarts it does so within, and a person who ended
	// it for good does not wait long for the sender to end too.
	farewell = 3 * time.Second
)

// Stream is a source's way to one receiver, across sessions.
type Stream struct {
	Config Config
	// Dial connects. It returns early when its context ends.
	Dial func(context.Context) (Connection, error)
	// Retry tells whether an error of Dial may go away by itself; busy, whether because another sender has to go first.
	Retry func(err error) (retry, busy bool)
	// Goodbye, if not nil, tells whether a connection ended with this error because the receiver wants no more.
	Goodbye func(err error) bool
	// Tell, if not nil, is told what a user should know: that the connection stands, why it ended, why it does not come.
	Tell func(news News, err error)
	// Observe, if not nil, is called after each picture; see NewSession.
	Observe func(Event)
	// Alongside, if not nil, runs beside each session, over the same connection, until its context ends: sound, and what comes back.
	Alongside func(context.Context, Connection, *Session)

	lock    sync.Mutex
	current *Session
	last    Snapshot // of the sessions that have ended, their Stats added up
}

// News is what Stream.Tell is told.
type News int

// The news.
const (
	Connected News = iota
	Waiting        // the receiver does not answer, or is busy; told once until there is other news
	Ended          // the connection has ended, and is dialled anew
	Left           // the receiver has said goodbye
)

// Feed gives the newest picture to the session, if there is one. It may be called from any goroutine.
func (s *Stream) Feed(p Picture) {
	s.lock.Lock()
	session := s.current
	s.lock.Unlock()
	if session == nil {
		p.release()
		return
	}
	session.Feed(p)
}

// Run keeps the stream going until the context ends, which is no error, the receiver says goodbye, whose error it returns,
// dialling fails for good, or Config makes no sense.
func (s *Stream) Run(ctx context.Context) error {
	if _, err := New(s.Config, time.Now()); err != nil { // no session would come of it
		return err
	}
	began, connected, waiting := time.Now(), false, false
	for ctx.Err() == nil {
		connection, err := s.Dial(ctx)
		if ctx.Err() != nil {
			if err == nil {
				return s.session(ctx, connection) // says goodbye
			}
			break
		}
		if err != nil {
			retry, busy := s.Retry(err)
			if !retry || busy && !connected && time.Since(began) > patience {
				return err
			}
			if !waiting {
				s.tell(Waiting, err)
				waiting = true
			}
			sleep(ctx, redial)
			continue
		}
		for connection != nil {
			connected, waiting = true, false
			s.tell(Connected, nil)
			err, connection = s.session(ctx, connection), nil
			switch {
			case err == nil || ctx.Err() != nil:
			case s.Goodbye != nil && s.Goodbye(err):
				s.tell(Left, err)
				if connection = s.linger(ctx); connection == nil && ctx.Err() == nil {
					return err
				}
			default:
				s.tell(Ended, err)
				sleep(ctx, redial/4)
			}
		}
	}
	return nil
}

// linger dials a receiver that said goodbye, in case it was only restarted. It returns nil if it was not.
func (s *Stream) linger(ctx context.Context) Connection {
	ctx, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	for ctx.Err() == nil {
		sleep(ctx, redial/4)
		if connection, err := s.Dial(ctx); err == nil {
			return connection
		} else if retry, _ := s.Retry(err); !retry {
			return nil
		}
	}
	return nil
}

func (s *Stream) session(ctx context.Context, connection Connection) error {
	session, err := NewSession(s.Config, s.Observe)
	if err != nil {
		return err
	}
	s.lock.Lock()
	s.current = session
	s.lock.Unlock()
	err = s.run(ctx, session, connection)
	snapshot := session.Snapshot()
	s.lock.Lock()
	s.current = nil
	snapshot.Stats = s.last.Stats.plus(snapshot.Stats)
	s.last = snapshot
	s.lock.Unlock()
	return err
}

func (s *Stream) run(ctx context.Context, session *Session, connection Connection) error {
	if s.Alongside != nil {
		ctx, stop := context.WithCancel(ctx)
		var beside sync.WaitGroup
		beside.Go(func() { s.Alongside(ctx, connection, session) })
		defer beside.Wait()
		defer stop()
	}
	return session.Run(ctx, connection)
}

// Snapshot returns what holds now, and the counts of all sessions.
func (s *Stream) Snapshot() Snapshot {
	s.lock.Lock()
	session, snapshot := s.current, s.last
	s.lock.Unlock()
	if session == nil {
		return snapshot
	}
	now := session.Snapshot()
	now.Stats = snapshot.Stats.plus(now.Stats)
	return now
}

// Connected tells whether there is a session.
func (s *Stream) Connected() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.current != nil
}

func (s *Stream) tell(news News, err error) {
	if s.Tell != nil {
		s.Tell(news, err)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
