package receiver

import (
	"context"
	"image"
	"sync"
	"time"

	"salsify/codec/vp8"
	"salsify/transport/session"
	"salsify/transport/wire"
)

// How a session runs (Run): one core, under a lock, and around it
//
//  1. a goroutine that reads packets,
//  2. one that decodes, and shows each picture as soon as it is there,
//  3. one that sends the reports when they are due,
//
// until the connection ends or the context does. After each event the others are woken by their signals.

// Connection is the way from a sender, as transport/rtc has it.
type Connection interface {
	// Read reads the next packet, and says when it arrived. The payload is valid until the next Read. An error ends the reading.
	Read(p *wire.Packet) (arrival time.Time, err error)
	// SendReport sends a report at once. An error is of that report alone.
	SendReport(report []byte) error
	session.Connection
}

// Event tells an observer of a frame that was decoded.
type Event struct {
	At     time.Time // when its picture was handed to the display
	Frame  uint64
	First  time.Time // arrival of its first packet
	Whole  time.Time // and of its last
	Decode time.Duration
	Bytes  int // of the frame
	Shown  bool
	Err    error // it could not be decoded
	Stats  Stats

	Timestamp uint32 // of RTP: when the picture was captured
	Source    vp8.ID // of the state that it was decoded from
	// What is valid during the call only: the frame's bytes, the state that it led to, nil if Err is set, and its picture, nil if it is not
	// shown.
	Data    []byte
	State   *vp8.State
	Picture *image.YCbCr
}

// Session is a Receiver at work over a connection.
type Session struct {
	lock    sync.Mutex
	core    *Receiver
	show    func(*image.YCbCr, time.Time)
	observe func(Event)

	decode, report session.Signal
}

// NewSession returns a Session. show is called with each picture, which is valid during the call and must not be written to.
// observe, which may be nil, is called after each frame. Both are called from one goroutine, must return soon and must not call
// the Session.
func NewSession(show func(picture *image.YCbCr, at time.Time), observe func(Event)) *Session {
	return &Session{core: New(time.Now()), show: show, observe: observe, decode: session.NewSignal(), report: session.NewSignal()}
}

// Stats returns the counts so far.
func (s *Session) Stats() Stats {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.core.Stats()
}

// Run receives until the context ends, which is no error, or the connection does, whose error it returns. The Session cannot be
// used again.
func (s *Session) Run(ctx context.Context, connection Connection) error {
	err := session.Run(ctx, connection, func() error { return s.packets(connection) }, s.decoding, func(ctx context.Context) { s.reports(ctx, connection) })
	s.lock.Lock()
	s.core.Close()
	s.lock.Unlock()
	return err
}

// packets is the first goroutine.
func (s *Session) packets(connection Connection) error {
	var p wire.Packet
	for {
		arrival, err := connection.Read(&p)
		if err != nil {
			return err
		}
		s.lock.Lock()
		s.core.Packet(arrival, &p)
		s.lock.Unlock()
		s.decode.Set()
		s.report.Set()
	}
}

// decoding is the second goroutine.
func (s *Session) decoding(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.decode:
		}
		for ctx.Err() == nil {
			s.lock.Lock()
			job := s.core.Job(time.Now())
			s.lock.Unlock()
			if job == nil {
				break
			}
			source := job.Source.ID() // Decoded may release it
			began := time.Now()
			state, _, err := vp8.Decode(job.Source, job.Frame.Data)
			now := time.Now()
			s.lock.Lock()
			shown := s.core.Decoded(now, job, state, err)
			stats := s.core.Stats()
			s.lock.Unlock()
			s.report.Set()
			event := Event{
				Frame: job.Frame.Number, First: job.Frame.First, Whole: job.Frame.Last, Decode: now.Sub(began),
				Bytes: len(job.Frame.Data), Shown: shown, Err: err, Stats: stats,
				Timestamp: job.Frame.Timestamp, Source: source, Data: job.Frame.Data, State: state,
			}
			if shown {
				// The state may be released as soon as a newer one is there, which only this goroutine brings.
				event.Picture = state.Picture()
				s.show(event.Picture, now)
			}
			event.At = time.Now()
			if s.observe != nil {
				s.observe(event)
			}
		}
	}
}

// reports is the third goroutine.
func (s *Session) reports(ctx context.Context, connection Connection) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var buffer []byte
	for {
		now := time.Now()
		s.lock.Lock()
		buffer = append(buffer[:0], s.core.Report(now)...)
		next, planned := s.core.Next()
		s.lock.Unlock()
		if len(buffer) > 0 {
			connection.SendReport(buffer) // the next one repeats what this one said
			continue
		}
		wait := time.Hour
		if planned {
			wait = max(0, time.Until(next))
		}
		if planned && wait == 0 { // a frame that waited for its source has expired
			s.decode.Set()
			wait = time.Millisecond
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-s.report:
		case <-timer.C:
		}
	}
}
