// Package receiver is the receiver's control loop: it puts frames together, has each decoded from the state that it names, says
// which pictures are to be shown, and reports what came. Receiver is the pure core, which takes values and an instant and gives
// values back; Run joins it with a connection, the codec and a display in real time.
package receiver

import (
	"slices"
	"time"

	"salsify/codec/vp8"
	"salsify/transport/arrivals"
	"salsify/transport/assembly"
	"salsify/transport/ledger"
	"salsify/transport/wire"
)

// The way of a frame:
//
//  1. Packet notes each packet's arrival and puts it where it belongs.
//  2. Job gives the frames that are whole, with the state that each names as its source. One whose source is not held waits a
//     little, since packets may be reordered, and is given up when it is too old.
//  3. Decoded takes the state that the frame leads to, and tells whether the picture is to be shown: never after a newer one.
//  4. Report gives a report when one is due.

const (
	// maxWaiting is how many whole frames may wait: after an outage many come at once.
	maxWaiting = 128
	// maxWait is how long a frame may wait for its source. Reordering is shorter; after that the source was lost.
	maxWait = 100 * time.Millisecond
	// reordered is how many frames later a packet may still come: then a frame that is not whole is given up.
	reordered = 8
	// maxPixels bounds the pictures that a sender may make us take memory for; a larger key frame counts as unusable.
	maxPixels = 4096 * 4096
)

// Job is a frame to decode.
type Job struct {
	Frame  *assembly.Frame
	Source *vp8.State
}

// Receiver is the core, for one sender's session. Its methods must not be called at the same time.
type Receiver struct {
	frames   assembly.Assembler
	arrivals *arrivals.Recorder
	states   ledger.Held[*vp8.State]
	waiting  []*assembly.Frame // whole, in order of numbers
	busy     bool
	shown    uint64 // newest frame that was shown
	oldest   uint64
	stats    Stats
	buffer   []byte
}

// Stats counts what a Receiver did.
type Stats struct {
	assembly.Stats
	Packets   uint64
	Probes    uint64 // packets without a frame
	WireBytes uint64 // of all packets, with IP and UDP headers
	Shown     uint64
	Late      uint64 // decoded, but a newer picture was on the screen already
	Unusable  uint64 // whole, but their source state is not held
	Damaged   uint64 // could not be decoded
	Reports   uint64
}

// New returns a Receiver that holds no state.
func New(now time.Time) *Receiver { return &Receiver{arrivals: arrivals.NewRecorder(now)} }

// Packet takes a packet that arrived then.
func (r *Receiver) Packet(arrival time.Time, p *wire.Packet) {
	r.stats.Packets++
	r.stats.WireBytes += uint64(p.Size())
	r.arrivals.Packet(arrival, p.Sequence, p.Size())
	if p.Fragment.Count == 0 {
		r.stats.Probes++
		r.arrivals.Urge(arrival) // whoever probes waits for an answer
		return
	}
	f := r.frames.Add(arrival, p)
	if f == nil {
		return
	}
	at := len(r.waiting)
	for at > 0 && r.waiting[at-1].Number > f.Number {
		at--
	}
	r.waiting = slices.Insert(r.waiting, at, f)
	if len(r.waiting) > maxWaiting {
		r.drop(arrival, 0)
	}
}

func (r *Receiver) drop(now time.Time, i int) {
	r.stats.Unusable++
	r.states.Decide(r.waiting[i].Number)
	r.arrivals.Urge(now)
	r.waiting = slices.Delete(r.waiting, i, i+1)
}

// Job returns the next frame to decode, or nil. It is asked after each event; only one Job is out at a time.
func (r *Receiver) Job(now time.Time) *Job {
	if r.busy {
		return nil
	}
	for i := 0; i < len(r.waiting); i++ {
		f := r.waiting[i]
		source, ok := r.source(f)
		if !ok {
			if now.Sub(f.Last) >= maxWait {
				r.drop(now, i)
				i--
			}
			continue
		}
		r.waiting = slices.Delete(r.waiting, i, i+1)
		r.busy = true
		return &Job{Frame: f, Source: source}
	}
	return nil
}

// source finds a frame's source state. Everybody has the first state of a size, which key frames start from.
func (r *Receiver) source(f *assembly.Frame) (*vp8.State, bool) {
	if s, ok := r.states.Get(f.Source); ok {
		return s, true
	}
	width, height, key := vp8.KeyFrameSize(f.Data)
	if !key || width*height > maxPixels {
		return nil, false
	}
	first, err := vp8.NewState(width, height)
	if err != nil {
		return nil, false
	}
	id := first.ID()
	return first, wire.StateName(id[:]) == f.Source
}

// Decoded takes the state that a Job led to, which the Receiver owns from now on, or the error. It returns whether the state's
// picture is to be shown now, before any other method is called.
func (r *Receiver) Decoded(now time.Time, job *Job, state *vp8.State, err error) (show bool) {
	r.busy = false
	if err != nil {
		r.stats.Damaged++
		r.states.Decide(job.Frame.Number)
		r.arrivals.Urge(now)
		return false
	}
	id := state.ID()
	width, height := state.Size()
	number := job.Frame.Number
	r.frames.GiveUp(number - min(number, reordered))
	r.states.Add(number, wire.StateName(id[:]), state, width*height*3/2)
	r.arrivals.Urge(now)
	if job.Frame.Oldest > r.oldest {
		r.oldest = job.Frame.Oldest
		r.states.Forget(r.oldest)
	}
	if number <= r.shown {
		r.stats.Late++
		return false
	}
	r.shown = number
	r.stats.Shown++
	return true
}

// Next returns the instant at which Job and Report should be asked again if nothing else happens, or false if nothing is planned.
func (r *Receiver) Next() (next time.Time, ok bool) {
	next, ok = r.arrivals.Due()
	if !r.busy && len(r.waiting) > 0 {
		if expires := r.waiting[0].Last.Add(maxWait); !ok || expires.Before(next) {
			next, ok = expires, true
		}
	}
	return next, ok
}

// Report returns the report that leaves now, or nil if none is due. It is valid until the next call.
func (r *Receiver) Report(now time.Time) []byte {
	if due, ok := r.arrivals.Due(); !ok || now.Before(due) {
		return nil
	}
	report := r.arrivals.Report(now)
	r.states.Fill(report)
	r.buffer = report.Append(r.buffer[:0])
	r.stats.Reports++
	return r.buffer
}

// Stats returns the counts so far.
func (r *Receiver) Stats() Stats {
	s := r.stats
	s.Stats = r.frames.Stats()
	return s
}

// Newest returns the newest state held, for comparing both sides.
func (r *Receiver) Newest() (frame uint64, state *vp8.State, ok bool) { return r.states.Newest() }

// States is how many states are held.
func (r *Receiver) States() int { return r.states.Len() }

// Close lets go of all states.
func (r *Receiver) Close() { r.states.Clear() }
