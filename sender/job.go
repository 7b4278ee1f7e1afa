package sender

import (
	"sync"
	"time"

	"salsify/codec/vp8"
	"salsify/transport/ledger"
)

// Job is something to encode: the picture from the source state, once for each of the options.
type Job struct {
	Picture Picture
	Source  *vp8.State
	Options []vp8.Options

	source ledger.Source[*vp8.State]
	began  time.Time
}

// Candidate is what became of one of a Job's options.
type Candidate struct {
	Frame []byte
	State *vp8.State
	Stats vp8.Stats
	Err   error
}

// Encode encodes all candidates at once, each in a goroutine of its own, and returns when all are ready.
func (j *Job) Encode() []Candidate {
	candidates := make([]Candidate, len(j.Options))
	var all sync.WaitGroup
	for i := range candidates {
		all.Go(func() {
			c := &candidates[i]
			c.Frame, c.State, c.Stats, c.Err = vp8.Encode(j.Source, j.Picture.Image, j.Options[i])
		})
	}
	all.Wait()
	return candidates
}
