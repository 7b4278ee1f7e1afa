package sender

import (
	"context"
	"runtime"
	"sync"
	"time"

	"salsify/thread"
	"salsify/transport/bitrate"
	"salsify/transport/session"
	"salsify/transport/wire"
)

// How a session runs (Run): one core, under a lock, and around it
//
//  1. a goroutine that takes pictures from the source (it belongs to the caller, see Feed),
//  2. one that encodes: it asks for a Job after each event, and hands the candidates back,
//  3. one on a thread of its own that sends packets at the pacer's beat,
//  4. one that reads reports,
//
// until the connection ends or the context does. After each event the others are woken by their signals.

// Connection is the way to a receiver, as transport/rtc has it.
type Connection interface {
	// Send sends one packet at once. An error is of that packet alone.
	Send(p *wire.Packet) error
	// ReadReport reads the next report, and says when it came. An error ends the reading.
	ReadReport(buf []byte) (n int, arrived time.Time, err error)
	session.Connection
}

// maxReport is the longest report in bytes.
const maxReport = 22 + 5*wire.MaxArrivals

// Event tells an observer of a picture that was encoded and sent or dropped.
type Event struct {
	At         time.Time
	Picture    Picture // its Image is nil
	Decision   Decision
	Candidates []Candidate // without states
	Settled    uint64      // no later frame will start from the state of an older frame than this
	Snapshot   Snapshot
}

// Session is a Sender at work over a connection.
type Session struct {
	lock    sync.Mutex
	core    *Sender
	observe func(Event)

	encode, pace session.Signal
}

// NewSession returns a Session that knows nothing of the path yet. observe, which may be nil, is called after each picture, from
// one goroutine; it must not call the Session.
func NewSession(config Config, observe func(Event)) (*Session, error) {
	core, err := New(config, time.Now())
	if err != nil {
		return nil, err
	}
	return &Session{core: core, observe: observe, encode: session.NewSignal(), pace: session.NewSignal()}, nil
}

// Feed gives the Session the newest picture. It may be called from any goroutine.
func (s *Session) Feed(p Picture) {
	s.lock.Lock()
	s.core.Picture(time.Now(), p)
	s.lock.Unlock()
	s.encode.Set()
}

// Beside tells the Session that so many bytes, with all headers, left now on the same path besides the video. It may be called from any
// goroutine.
func (s *Session) Beside(size int) {
	s.lock.Lock()
	s.core.Beside(time.Now(), size)
	s.lock.Unlock()
}

// Sound says how much sound may take now, with all headers, and the share of packets that were lost of late.
func (s *Session) Sound() (rate bitrate.Bitrate, loss float64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.core.SoundRate(time.Now()), s.core.Loss()
}

// Snapshot returns counts and what holds now.
func (s *Session) Snapshot() Snapshot {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.core.Snapshot(time.Now())
}

// Run sends until the context ends, which is no error, or the connection does, whose error it returns. The Session cannot be used
// again.
func (s *Session) Run(ctx context.Context, connection Connection) error {
	err := session.Run(ctx, connection, func() error { return s.reports(connection) }, s.encoding, func(ctx context.Context) { s.pacing(ctx, connection) })
	s.lock.Lock()
	s.core.Close()
	s.lock.Unlock()
	return err
}

// encoding is the second goroutine.
func (s *Session) encoding(ctx context.Context) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.encode:
		case <-retry.C: // a stalled path lets a picture through now and then, without an event
		}
		for ctx.Err() == nil {
			s.lock.Lock()
			job := s.core.Job(time.Now())
			s.lock.Unlock()
			if job == nil {
				break
			}
			candidates := job.EncodeBy(time.Now().Add(job.Within))
			now := time.Now()
			s.lock.Lock()
			decision := s.core.Encoded(now, job, candidates)
			event := Event{
				At: now, Picture: job.Picture, Decision: decision, Candidates: candidates,
				Settled: s.core.Settled(), Snapshot: s.core.Snapshot(now),
			}
			s.lock.Unlock()
			s.pace.Set()
			if s.observe != nil {
				event.Picture.Image, event.Picture.Release = nil, nil
				for i := range candidates {
					candidates[i].State = nil
				}
				s.observe(event)
			}
		}
		retry.Reset(stallRetry)
	}
}

// stallRetry is how often a stalled sender looks whether a frame may go out.
const stallRetry = 50 * time.Millisecond

// pacing is the third goroutine.
func (s *Session) pacing(ctx context.Context, connection Connection) {
	runtime.LockOSThread() // thread.Sleep blocks it
	defer runtime.UnlockOSThread()
	idle := time.NewTimer(time.Hour)
	defer idle.Stop()
	var packet wire.Packet
	var payload [wire.MaxPayload]byte
	for ctx.Err() == nil {
		s.lock.Lock()
		p, wait := s.core.Packet(time.Now())
		if p != nil {
			packet = *p
			packet.Payload = payload[:copy(payload[:], p.Payload)]
		}
		s.lock.Unlock()
		switch {
		case p != nil:
			connection.Send(&packet) // a failure is a loss, which the reports will show
		case wait >= 0 && wait <= longestSleep:
			thread.Sleep(wait)
		default:
			if wait < 0 || wait > idleCheck {
				wait = idleCheck // the path may have stalled in the meantime
			}
			idle.Reset(wait)
			select {
			case <-ctx.Done():
			case <-s.pace:
			case <-idle.C:
			}
		}
	}
}

const (
	// longestSleep is the longest wait that is slept on the thread, deaf to signals. Longer ones need no precision.
	longestSleep = 5 * time.Millisecond
	idleCheck    = 50 * time.Millisecond
)

// reports is the fourth goroutine.
func (s *Session) reports(connection Connection) error {
	buffer := make([]byte, maxReport)
	for {
		n, arrived, err := connection.ReadReport(buffer)
		if err != nil {
			return err
		}
		s.lock.Lock()
		s.core.Report(arrived, buffer[:n]) // a bad one is counted there
		s.lock.Unlock()
		s.pace.Set()
		s.encode.Set()
	}
}
