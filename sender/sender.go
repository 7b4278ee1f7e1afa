// Package sender is the sender's control loop: it decides which picture is encoded, from which state, at which qualities, which
// of the results leaves, and when each packet does. Sender is the pure core, which takes values and an instant and gives values
// back; Run joins it with a source of pictures, the codec and a connection in real time.
package sender

import (
	"errors"
	"image"
	"math"
	"time"

	"salsify/codec/vp8"
	"salsify/transport/bitrate"
	"salsify/transport/capacity"
	"salsify/transport/ledger"
	"salsify/transport/pacing"
	"salsify/transport/wire"
)

// The way of a picture:
//
//  1. Picture takes the newest picture. One that nobody took is replaced, never queued.
//  2. Job asks the ledger which state the receiver holds or will hold, and for how many bytes there will be room, and says what
//     to encode: the picture from that state, at several qualities that bracket that size (aim.go, sizes.go).
//  3. Encoded gets the candidates, and only now asks how many bytes may leave. It takes the largest candidate that fits, or
//     none. The chosen one's state becomes the source of the next picture.
//  4. Packet hands out the frame's packets at the pacer's beat, each with the name of the source state.
//  5. Report takes in what the receiver says: arrivals go to the estimator, held and lost states to the ledger.
//
// On a dead link (stall.go) nothing is queued but small probes and now and then a frame of a packet, and the first report that
// comes back lets the newest picture be encoded at once.

// Mode is how a Sender decides: as Salsify does, or as an ablation of it does, to measure what each idea is worth.
type Mode string

// Modes.
const (
	Salsify           Mode = "salsify"            // two candidates a picture, one of them or none leaves
	Single            Mode = "single"             // one candidate a picture, which leaves or not
	ConventionalCodec Mode = "conventional-codec" // one candidate, aimed at the size that the transport gives; it always leaves
	Conventional      Mode = "conventional"       // an encoder that is told a rate once a second; what it makes always leaves
)

// Modes lists all modes.
func Modes() []Mode { return []Mode{Salsify, Single, ConventionalCodec, Conventional} }

// Config says how to send.
type Config struct {
	Width, Height int           // pixels
	Interval      time.Duration // between two pictures of the source
	Mode          Mode
	Tolerance     time.Duration   // one-way delay on the network that a frame may have; 0: DefaultTolerance
	MaxBitrate    bitrate.Bitrate // never send more; 0: no limit
	MaxEffort     int             // of the codec; lowered while it takes too long
	Goroutines    int             // that the codec may use for all candidates together; 0: 1
	Unscored      bool            // nobody asks for the candidates' SSIM and squared error: the codec does without
}

const (
	// DefaultTolerance is the paper's.
	DefaultTolerance = 100 * time.Millisecond
	// DefaultMaxEffort is where more work does not pay in real time.
	DefaultMaxEffort = 7

	initialCapacity = 1 * bitrate.MbitPerSecond // until something is measured: a first picture over UMTS in 200 ms

	// maxDrops is after how many pictures that were dropped in a row the smallest candidate leaves anyhow.
	maxDrops = 3
)

// Picture is a picture to send.
type Picture struct {
	Image    *image.YCbCr
	Captured time.Time
	Number   uint64 // of the source
	Release  func() // called when the Sender has no more use for it; may be nil
}

// Sender is the core. Its methods must not be called at the same time.
type Sender struct {
	config    Config
	path      *capacity.Estimator
	pacer     pacing.Pacer
	limit     limit
	beside    beside
	ledger    *ledger.Sent[*vp8.State]
	sizes     sizes
	effort    effort
	spare     bool     // the network has room to spare for the picture that was begun last
	intervals smoothed // between pictures that were begun

	waiting  *Picture
	busy     bool
	closed   bool
	lastJob  time.Time
	drops    int       // in a row
	steered  time.Time // when the conventional encoder was told its rate
	steering bitrate.Bitrate

	frame    uint64 // number of the newest frame
	sequence uint64 // of the next packet
	queue    []wire.Packet
	sent     int // of the queue
	buffer   []byte
	lastSent time.Time
	stall    stall

	report wire.Report
	lastOK time.Time // when the last good report came
	stats  Stats
}

// New returns a Sender. It returns an error for a size that VP8 does not have.
func New(config Config, now time.Time) (*Sender, error) {
	first, err := vp8.NewState(config.Width, config.Height)
	if err != nil {
		return nil, err
	}
	if config.Tolerance == 0 {
		config.Tolerance = DefaultTolerance
	}
	if config.Mode == "" {
		config.Mode = Salsify
	}
	config.Goroutines = max(config.Goroutines, 1)
	id := first.ID()
	return &Sender{
		config:   config,
		path:     capacity.New(capacity.Config{Tolerance: config.Tolerance, Initial: initialCapacity}, now),
		limit:    limit{rate: config.MaxBitrate, last: now},
		ledger:   ledger.NewSent(first, wire.StateName(id[:])),
		effort:   newEffort(config.MaxEffort),
		sequence: 1,
		lastSent: now,
	}, nil
}

// Picture takes a picture, in place of one that waits.
func (s *Sender) Picture(now time.Time, p Picture) {
	if s.closed {
		p.release()
		return
	}
	s.stats.Pictures++
	if s.waiting != nil {
		s.stats.Replaced++
		s.waiting.release()
	}
	s.waiting = &p
}

func (p *Picture) release() {
	if p.Release != nil {
		p.Release()
	}
}

// Job returns what to encode now, or nil. It is asked after each event; only one Job is out at a time.
func (s *Sender) Job(now time.Time) *Job {
	if s.busy || s.waiting == nil {
		return nil
	}
	stalled := s.path.Stalled(now)
	if stalled && !s.stall.frameDue(now) {
		return nil
	}
	source := s.ledger.Source(now, stalled)
	job := &Job{Picture: *s.waiting, Source: source.State, source: source, began: now}
	job.Within = time.Duration(hurried * float64(max(s.config.Interval, s.intervals.value())))
	s.waiting = nil
	if !s.lastJob.IsZero() {
		s.intervals.add(min(now.Sub(s.lastJob), 3*s.config.Interval))
	}
	s.lastJob = now
	if job.Options = s.options(now, source.State); stalled {
		s.stall.lean(job)
	}
	s.busy = true
	return job
}

// Reasons of a Decision.
const (
	Sent         = "sent"
	DroppedFull  = "no room on the network"
	DroppedDead  = "the network is silent"
	DroppedLoss  = "its source state was lost meanwhile"
	DroppedError = "it could not be encoded"
)

// Decision is what became of a Job.
type Decision struct {
	Reason     string
	Frame      uint64 // its number, if it was sent
	Source     uint64 // the frame whose state it starts from
	Chosen     int    // which candidate, if it was sent
	Budget     int    // bytes that were allowed to leave
	Capacity   bitrate.Bitrate
	QueueDelay time.Duration // what of the way was waiting, by the newest report
	Took       time.Duration // since the Job began
	Effort     int
	Cautious   bool // only states known to be held are used
	Err        error
}

// Encoded takes the candidates of a Job, in the order of its options, and decides. It owns their states from now on.
func (s *Sender) Encoded(now time.Time, job *Job, candidates []Candidate) Decision {
	s.busy = false
	d := Decision{
		Source: job.source.Frame, Chosen: -1, Took: now.Sub(job.began), Effort: job.Options[0].Effort,
		Budget: s.budget(now), Capacity: s.path.Capacity(now), QueueDelay: s.path.QueueDelay(),
		Cautious: s.ledger.Cautious(),
	}
	s.effort.took(d.Took, max(s.config.Interval, time.Millisecond), s.spare, now)
	s.learn(job, candidates)
	d.Chosen, d.Reason = s.choose(now, job, candidates, d.Budget)
	for i := range candidates {
		if candidates[i].Err != nil {
			d.Err = candidates[i].Err
		}
		if i != d.Chosen && candidates[i].State != nil {
			candidates[i].State.Release()
		}
	}
	if d.Chosen >= 0 {
		s.drops = 0
		d.Frame = s.send(job, &candidates[d.Chosen])
		s.stats.Sent++
		s.stats.Chosen[min(d.Chosen, len(s.stats.Chosen)-1)]++
	} else {
		s.drops++
		s.stats.drop(d.Reason)
	}
	job.Picture.release()
	return d
}

func (s *Sender) learn(job *Job, candidates []Candidate) {
	points := make([]sizePoint, 0, len(candidates))
	for i := range candidates {
		c := &candidates[i]
		if c.Err != nil {
			continue
		}
		bytes := len(c.Frame)
		if c.Stats.Info.Key {
			bytes /= keyFactor
		}
		points = append(points, sizePoint{quantizer: c.Stats.Info.Quantizer, bytes: bytes})
	}
	s.sizes.learn(points)
}

// choose returns the candidate that leaves, or -1, and why.
func (s *Sender) choose(now time.Time, job *Job, candidates []Candidate, budget int) (int, string) {
	first := !job.Source.HasPicture()
	if s.path.Stalled(now) {
		if len(candidates) == 1 && candidates[0].Err == nil && s.stall.frame(now, len(candidates[0].Frame)) {
			return 0, Sent
		}
		return -1, DroppedDead
	}
	if !s.ledger.Hopeful(job.source.Frame) {
		return -1, DroppedLoss
	}
	best, least := -1, -1
	for i := range candidates {
		if candidates[i].Err != nil {
			continue
		}
		size := wireSize(len(candidates[i].Frame))
		if size <= budget && (best < 0 || len(candidates[i].Frame) > len(candidates[best].Frame)) {
			best = i
		}
		if least < 0 || len(candidates[i].Frame) < len(candidates[least].Frame) {
			least = i
		}
	}
	switch {
	case best >= 0:
		return best, Sent
	case least < 0:
		return -1, DroppedError
	case s.limit.rate > 0 && s.limit.left(now) <= 0 && !first:
		return -1, DroppedFull
	case s.config.Mode == Conventional || s.config.Mode == ConventionalCodec || first || s.drops >= maxDrops && s.soundSpares(now):
		return least, Sent
	default:
		return -1, DroppedFull
	}
}

// Report takes in a report's bytes. Errors wrap wire.ErrFormat; ErrImpossible is a report that cannot be true. Neither moves
// anything.
func (s *Sender) Report(now time.Time, b []byte) error {
	if err := s.report.Parse(b, s.path.Clock()); err != nil {
		s.stats.BadReports++
		return err
	}
	stalled := s.path.Stalled(now)
	if !s.ledger.Possible(&s.report) || !s.path.Report(now, &s.report) {
		s.stats.BadReports++
		return ErrImpossible
	}
	for _, frame := range s.path.Lost() {
		s.ledger.Lost(now, frame)
	}
	s.stats.LostPackets += uint64(s.path.LostPackets())
	s.ledger.Held(now, &s.report)
	if stalled {
		s.ledger.Doubt() // of what left into the silence, much is lost
	}
	s.lastOK = now
	s.stats.Reports++
	return nil
}

// ErrImpossible is a report that tells of what was never sent, or comes late.
var ErrImpossible = errors.New("the report speaks of what was never sent, or is older than another")

// Settled is the number of the newest frame whose state the receiver is known to hold: no later frame starts from an older one's. 0 is
// the first state.
func (s *Sender) Settled() uint64 { return s.ledger.Oldest() }

// Close lets go of all states, and of pictures that still come.
func (s *Sender) Close() {
	s.closed = true
	s.ledger.Clear()
	if s.waiting != nil {
		s.waiting.release()
		s.waiting = nil
	}
}

// smoothed is a moving average of durations.
type smoothed struct{ mean float64 }

func (a *smoothed) add(d time.Duration) {
	if a.mean == 0 {
		a.mean = float64(d)
	}
	a.mean += (float64(d) - a.mean) / 8
}

func (a *smoothed) value() time.Duration { return time.Duration(math.Round(a.mean)) }
