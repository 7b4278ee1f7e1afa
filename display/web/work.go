package web

import (
	"time"
)

// recodingGoroutines is how many goroutines code a picture: it is on its way to a screen.
const recodingGoroutines = 2

// worker is the goroutine that all pictures go through.
//
//  1. It is woken by a picture, by a viewer that wants a key frame, or by its timer, when a key frame had to wait.
//  2. Of the pictures that wait, those whose frames can be passed on are. Of the others only the newest is coded.
//  3. If no picture came, but a key frame is due, the newest picture is coded once more.
//
// While nobody looks, only the newest picture is kept.
type worker struct {
	server  *Server
	chain   chain
	newest  *waiting // the newest picture; nil before the first
	batch   []*waiting
	viewers []*viewer
	clock   mediaClock
	failed  bool // to code a picture, which was reported
}

func (w *worker) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer w.chain.forget()
	for {
		select {
		case <-w.server.closed:
			return
		case <-w.server.wake:
		case <-timer.C:
		}
		w.take()
		w.step()
		wait := time.Hour
		if at, ok := w.chain.due(); ok && w.newest != nil && len(w.viewers) > 0 {
			wait = max(0, time.Until(at))
		}
		timer.Reset(wait)
	}
}

// take takes what waits.
func (w *worker) take() {
	s := w.server
	w.viewers = s.connected(w.viewers[:0])
	s.lock.Lock()
	defer s.lock.Unlock()
	w.batch = append(w.batch[:0], s.queue...)
	s.queue = s.queue[:0]
	if s.wanted {
		s.wanted = false
		w.chain.want()
	}
}

// step does what there is to do.
func (w *worker) step() {
	for i, p := range w.batch {
		w.picture(p, i == len(w.batch)-1)
		if w.newest != nil {
			w.server.lock.Lock()
			w.server.recycle(w.newest)
			w.server.lock.Unlock()
		}
		w.newest = p
	}
	switch _, wanted := w.chain.due(); {
	case len(w.viewers) == 0:
		w.chain.forget()
	case len(w.batch) == 0 && w.newest != nil && wanted && w.chain.keyNow(time.Now()):
		w.recode(w.newest, time.Now())
	}
}

// picture shows a picture, which is the newest or not.
func (w *worker) picture(p *waiting, newest bool) {
	if len(w.viewers) == 0 {
		w.count(func(s *Server) { s.stats.Shown++ })
		return
	}
	if frame, ok := w.chain.pass(time.Now(), p); ok {
		w.send(frame, p.at)
		w.count(func(s *Server) { s.stats.Shown++ })
		return
	}
	if !newest {
		w.count(func(s *Server) { s.stats.Dropped++ })
		return
	}
	shown := w.recode(p, p.at)
	w.count(func(s *Server) {
		if shown {
			s.stats.Shown++
		} else {
			s.stats.Dropped++
		}
	})
}

// recode codes a picture anew, and sends it as one of this instant.
func (w *worker) recode(p *waiting, at time.Time) (shown bool) {
	frame, err := w.chain.code(time.Now(), p)
	if err != nil {
		if !w.failed {
			w.server.options.Report("display: " + err.Error())
		}
		w.failed = true
		return false
	}
	w.failed = false
	w.send(frame, at)
	return true
}

// send gives a frame to the viewers.
func (w *worker) send(frame coded, at time.Time) {
	timestamp := w.clock.timestamp(at)
	w.count(func(s *Server) {
		if frame.key {
			s.counts.Keys++
		}
		if frame.passed {
			s.counts.Passed++
		} else {
			s.counts.Recoded++
		}
	})
	for _, v := range w.viewers {
		v.see(frame, timestamp)
	}
}

func (w *worker) count(add func(*Server)) {
	w.server.lock.Lock()
	defer w.server.lock.Unlock()
	add(w.server)
}

// mediaClock gives RTP timestamps of pictures (RFC 7741, section 4.1: 90 kHz). Each is later than the one before.
type mediaClock struct {
	start time.Time
	last  int64 // ticks
}

const videoClockRate = 90000

func (c *mediaClock) timestamp(at time.Time) uint32 {
	if c.start.IsZero() {
		c.start = at
	}
	c.last = max(c.last+1, int64(at.Sub(c.start)*(videoClockRate/1000)/time.Millisecond))
	return uint32(c.last)
}
