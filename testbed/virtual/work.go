package virtual

import (
	"bytes"
	"fmt"
	"image"
	"time"

	"salsify/codec/vp8"
	"salsify/receiver"
	"salsify/sender"
)

// What takes real time, and what of it is done at the same time:
//
//  1. Each candidate of a picture is encoded in a goroutine of its own; the simulation waits, since how long it is said to take
//     depends on the bytes.
//  2. Meanwhile the picture that the sender will probably want next is drawn.
//  3. A frame is decoded from when it is whole at the receiver until its time is over in the simulation. The sender has made the very
//     state that it leads to, though: that is taken, and one frame in some is decoded to see that both are the same.
//  4. A picture that is shown is copied and scored while the simulation goes on.
//
// None of it shows in the result: each has its own memory, and is waited for where the simulation needs what it gives.

// encode does step 1.
func (w *World) encode(job *sender.Job) {
	n := job.Picture.Number
	job.Picture.Image = w.source.picture(n)
	e := &encoding{session: w.session, job: job}
	w.source.foresee(w.nextPicture(n))
	took := w.timed(func() { e.candidates = job.Encode() })
	if !w.config.Measured && w.config.EncodeTime != nil {
		work := Encoding{Key: !job.Source.HasPicture(), Options: job.Options, Bytes: make([]int, len(e.candidates))}
		work.Width, work.Height = job.Source.Size()
		for i := range e.candidates {
			work.Bytes[i] = len(e.candidates[i].Frame)
		}
		took = w.config.EncodeTime(work)
	}
	e.done = w.now.Add(took)
	w.source.took = took
	w.encoding = e
}

// nextPicture foretells which picture will be encoded after picture n, which begins now: the newest one when that is done.
func (w *World) nextPicture(n uint64) uint64 {
	next := n + 1
	for done := w.now.Add(w.source.took); !done.Before(w.pictureAt(next + 1)); {
		next++
	}
	return next
}

// decode does step 3.
func (w *World) decode(job *receiver.Job) {
	d := &decoding{job: job, ended: make(chan struct{})}
	made := w.take(job)
	work := func() {
		defer close(d.ended)
		if made != nil && !w.config.Measured && job.Frame.Number%compared != 1 {
			d.state = made.state
			return
		}
		if d.state, _, d.err = vp8.Decode(job.Source, job.Frame.Data); made != nil {
			if d.err == nil && d.state.Fingerprint() != made.state.Fingerprint() {
				d.err = fmt.Errorf("virtual: frame %d leads to another state at the receiver than at the sender", job.Frame.Number)
			}
			made.state.Release()
		}
	}
	var took time.Duration
	if w.config.Measured {
		took = w.timed(work)
	} else {
		go work()
		if w.config.DecodeTime != nil {
			of := Decoding{Bytes: len(job.Frame.Data)}
			of.Width, of.Height = job.Source.Size()
			took = w.config.DecodeTime(of)
		}
	}
	d.done = w.now.Add(took)
	w.decoding = d
}

// compared: one frame in so many is decoded though its state is there, and both are compared.
const compared = 64

// made is what the sender made of a picture: a frame, and the state that it leads to.
type made struct {
	source vp8.ID
	frame  []byte
	state  *vp8.State
}

// share keeps what the sender has chosen, for the receiver.
func (w *World) share(job *sender.Job, c *sender.Candidate) *made {
	state, err := c.State.Share()
	if err != nil {
		return nil // then it is decoded
	}
	return &made{source: job.Source.ID(), frame: c.Frame, state: state}
}

// take returns what the sender made of a frame, if the receiver has it from the same state and with the same bytes.
func (w *World) take(job *receiver.Job) *made {
	e, ok := w.encoded[job.Frame.Number]
	if !ok || e.made == nil || e.made.source != job.Source.ID() || !bytes.Equal(e.made.frame, job.Frame.Data) {
		return nil
	}
	taken := e.made
	e.made = nil
	w.encoded[job.Frame.Number] = e
	return taken
}

// late is after how many frames one that was not decoded is taken to be lost; if it does come, it is decoded.
const late = 128

// forget lets go of what a frame that came to nothing has.
func (w *World) forget(newest uint64) {
	if e, ok := w.encoded[newest-late]; ok && e.made != nil {
		e.made.state.Release()
		e.made = nil
		w.encoded[newest-late] = e
	}
}

// timed works, and returns how long it took, if that counts, with nothing else going on.
func (w *World) timed(work func()) time.Duration {
	if !w.config.Measured {
		work()
		return 0
	}
	w.scoring.Wait()
	w.source.wait()
	start := time.Now()
	work()
	return time.Since(start)
}

// source draws the pictures that are encoded, and has the memory for them.
type source struct {
	draw          func(n uint64, picture *image.YCbCr)
	width, height int
	foresees      bool
	took          time.Duration // by the encoding before
	free          []*image.YCbCr
	ahead         *drawing // of a picture that will probably be wanted; nil: none
}

type drawing struct {
	number  uint64
	picture *image.YCbCr
	ended   chan struct{}
}

// picture returns picture n. The memory is the caller's until done.
func (s *source) picture(n uint64) *image.YCbCr {
	if ahead := s.ahead; ahead != nil {
		s.wait()
		s.ahead = nil
		if ahead.number == n {
			return ahead.picture
		}
		s.done(ahead.picture)
	}
	picture := s.memory()
	s.draw(n, picture)
	return picture
}

// foresee does step 2: it begins to draw picture n.
func (s *source) foresee(n uint64) {
	if !s.foresees {
		return
	}
	d := &drawing{number: n, picture: s.memory(), ended: make(chan struct{})}
	s.ahead = d
	go func() {
		defer close(d.ended)
		s.draw(n, d.picture)
	}()
}

func (s *source) memory() *image.YCbCr {
	if last := len(s.free) - 1; last >= 0 {
		picture := s.free[last]
		s.free = s.free[:last]
		return picture
	}
	return image.NewYCbCr(image.Rect(0, 0, s.width, s.height), image.YCbCrSubsampleRatio420)
}

// done gives a picture's memory back.
func (s *source) done(picture *image.YCbCr) { s.free = append(s.free, picture) }

// wait waits until nothing is being drawn.
func (s *source) wait() {
	if s.ahead != nil {
		<-s.ahead.ended
	}
}
