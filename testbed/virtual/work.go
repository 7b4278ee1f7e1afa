package virtual

import (
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
//  3. A frame is decoded from when it is whole at the receiver until its time is over in the simulation.
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
	work := func() {
		defer close(d.ended)
		d.state, _, d.err = vp8.Decode(job.Source, job.Frame.Data)
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
