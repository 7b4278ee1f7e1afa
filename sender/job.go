package sender

import (
	"slices"
	"time"

	"salsify/codec/vp8"
	"salsify/transport/ledger"
)

// Job is something to encode: the picture from the source state, once for each of the options.
type Job struct {
	Picture Picture
	Source  *vp8.State
	Options []vp8.Options
	Within  time.Duration // how long the candidates may take

	source ledger.Source[*vp8.State]
	began  time.Time
}

// Candidate is what became of one of a Job's options.
type Candidate = vp8.Candidate

// Encode encodes all candidates, and returns when all are ready.
func (j *Job) Encode() []Candidate { return j.EncodeBy(time.Time{}) }

// EncodeBy does so with less effort for what would not be ready by the deadline; the zero time is none.
func (j *Job) EncodeBy(deadline time.Time) []Candidate {
	options := slices.Clone(j.Options)
	for i := range options {
		options[i].Deadline = deadline
	}
	return vp8.EncodeAll(j.Source, j.Picture.Image, options)
}
