// Package virtual runs the whole endpoint in virtual time: the cores of sender and receiver, with the real codec, joined by two
// emulated links. Nothing waits and no clock is read, so two runs give the same bytes, and a fault of the network is a test.
package virtual

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"salsify/codec/vp8"
	"salsify/codec/y4m"
	"salsify/receiver"
	"salsify/sender"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
	"salsify/transport/wire"
)

// How time passes (Run):
//
//  1. The instant of the next event is found: a picture is captured, an encoding or decoding ends, the pacer's wait is over, a
//     packet or a report comes out of its link, a report is due, or something that the test planned happens.
//  2. Everything that is due at that instant is done.
//  3. The cores are asked what they want to do now, until they want nothing more.
//
// An encoding is done when it begins, and its result is kept until the time that it is said to take has passed. What nothing
// waits for yet is done beside it, on the machine's other cores (work.go): decoding, drawing the next picture, scoring what was shown.

// Config is a world.
type Config struct {
	Sender sender.Config // its Interval follows from Rate
	Rate   y4m.Rate      // of the source, pictures a second
	// Draw draws picture n of the source into memory of the size that Sender says. It is called from other goroutines, for several
	// pictures at once, and not for each picture: only for those that are encoded or may be.
	Draw     func(n uint64, picture *image.YCbCr)
	Up, Down link.Config // the video's way, and the reports'
	Duration time.Duration

	// EncodeTime is how long the candidates of a picture take, together; DecodeTime a decoding. nil: no time. See Machine.
	EncodeTime func(Encoding) time.Duration
	DecodeTime func(Decoding) time.Duration
	// Measured takes the time that each of them does take here and now, in place of these two, and does nothing else meanwhile. Two
	// runs then differ, and one is hardly faster than real time.
	Measured bool

	// Score, unless nil, scores pictures that were shown. An error ends the run.
	Score Score
	// ScoreEvery is every how many-th picture shown is scored, from the first on. 0: every one.
	ScoreEvery int

	// Sound sends a packet every 20 ms beside the video, of the size that the sender allows.
	Sound bool

	Plan []Event
	// Report, unless nil, may change or drop (nil) what the receiver reports.
	Report func(now time.Duration, report []byte) []byte
}

// Event is something that happens at a time.
type Event struct {
	At time.Duration
	Do func(*World)
}

// World is a running world.
type World struct {
	config   Config
	start    time.Time
	now      time.Time
	sender   *sender.Sender
	receiver *receiver.Receiver
	up, down *link.Link

	pictures uint64    // captured until now
	sounds   uint64    // packets of sound sent until now
	count    uint64    // to be captured until the end
	wake     time.Time // of the pacer; zero: only an event wakes it
	encoding *encoding
	decoding *decoding
	source   source
	scoring  *Scorer
	session  int                // count of sessions
	encoded  map[uint64]encoded // by frame number, of this session
	result   Result
}

type encoding struct {
	done       time.Time
	session    int
	job        *sender.Job
	candidates []sender.Candidate
}

type decoding struct {
	done  time.Time
	job   *receiver.Job
	ended chan struct{} // closed when the rest is there
	state *vp8.State
	err   error
}

type encoded struct {
	picture  uint64
	captured time.Time
	ssim     float64
	id       vp8.ID
	made     *made // nil: it has been decoded, or is too old
}

// packet is a packet of video on its way.
type packet struct {
	session int
	p       wire.Packet
}

// sound is a packet of sound on its way.
type sound struct{ sent time.Time }

// soundFrame is how much sound a packet has.
const soundFrame = 20 * time.Millisecond

// report is a report on its way.
type report struct {
	session int
	b       []byte
}

// Decision is a sender.Decision with the instant at which it fell, since the start.
type Decision struct {
	sender.Decision
	At    time.Duration
	Bytes int // of the frame, if it was sent
}

// Result is what happened.
type Result struct {
	Start, End time.Time
	Captured   []time.Time
	// Shown has in SSIM what the encoder estimates; with Config.Score what that said, and 0 for pictures that were not scored.
	Shown []measure.Shown
	// Scores are those of the pictures that were scored, by their number; nil without Config.Score.
	Scores     map[uint64]quality.Score
	Decisions  []Decision
	Sender     sender.Snapshot
	Receiver   receiver.Stats
	ReportWire int // bytes that reports took on the wire
	// SoundDelays are the one-way delays of the packets of sound, in the order in which they came.
	SoundDelays []time.Duration
	Up, Down    link.Counters
	Offered     int64 // bytes that the video's link could have carried
	InStep      error // nil: the newest state that the receiver holds is the one that the sender made
	MaxQueue    int   // bytes, of the video's link
	EndQueue    int
}

// Summary sums up what a person saw.
func (r *Result) Summary() measure.Summary { return measure.Summarize(r.Captured, r.Shown, r.End) }

// Run runs a world to its end. The error says what in the Config makes no sense, or is that of Config.Score.
func Run(config Config) (*Result, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	config.Sender.Interval = Due(1, config.Rate)
	w := &World{config: config, start: time.Unix(1_000_000, 0), count: Pictures(config.Rate, config.Duration)}
	w.now = w.start
	w.source = source{draw: config.Draw, width: config.Sender.Width, height: config.Sender.Height, foresees: !config.Measured}
	w.scoring = NewScorer(config.Score, config.ScoreEvery)
	defer w.source.wait()
	defer w.scoring.Wait()
	w.up, w.down = link.New(config.Up, w.start), link.New(config.Down, w.start)
	slices.SortStableFunc(w.config.Plan, func(a, b Event) int { return int(a.At - b.At) })
	if err := w.connect(); err != nil {
		return nil, err
	}
	end := w.start.Add(config.Duration)
	for w.scoring.Err() == nil {
		next, ok := w.next()
		if !ok || next.After(end) {
			break
		}
		w.now = next
		if err := w.step(); err != nil {
			return nil, err
		}
	}
	w.now = end
	if w.decoding != nil {
		<-w.decoding.ended // nothing goes on after Run
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	return &w.result, nil
}

func (c *Config) validate() error {
	switch {
	case c.Draw == nil:
		return errors.New("virtual: Draw is nil, so there are no pictures to send")
	case c.Rate.Num <= 0 || c.Rate.Den <= 0:
		return fmt.Errorf("virtual: Rate is %d/%d, so it is unknown when pictures are captured: set it, such as 30/1", c.Rate.Num, c.Rate.Den)
	case c.Duration < 0:
		return fmt.Errorf("virtual: Duration is %v", c.Duration)
	case c.ScoreEvery < 0:
		return fmt.Errorf("virtual: ScoreEvery is %d, but one picture in so many can only be 0 or more", c.ScoreEvery)
	}
	return errors.Join(c.Up.Validate(), c.Down.Validate())
}

// connect begins a session: both sides know nothing.
func (w *World) connect() error {
	s, err := sender.New(w.config.Sender, w.now)
	if err != nil {
		return err
	}
	w.session++
	w.sender, w.receiver = s, receiver.New(w.now)
	w.encoded = map[uint64]encoded{}
	w.decoding = nil
	return nil
}

// Restart is a receiver that died, whose successor the sender has found: a new session, nothing of the old one is left.
func (w *World) Restart() {
	w.sender.Close()
	w.receiver.Close()
	if err := w.connect(); err != nil {
		panic(err) // the size was good before
	}
}

// Forget is a receiver that lost its memory within the session.
func (w *World) Forget() {
	w.receiver.Close()
	w.receiver = receiver.New(w.now)
	w.decoding = nil
}

// next finds the instant of the next event.
func (w *World) next() (next time.Time, ok bool) {
	consider := func(t time.Time) {
		if !ok || t.Before(next) {
			next, ok = t, true
		}
	}
	if w.pictures < w.count {
		consider(w.pictureAt(w.pictures))
	}
	if w.config.Sound {
		consider(w.soundAt(w.sounds))
	}
	if len(w.config.Plan) > 0 {
		consider(w.start.Add(w.config.Plan[0].At))
	}
	if !w.wake.IsZero() {
		consider(w.wake)
	}
	if w.encoding != nil {
		consider(w.encoding.done)
	}
	if w.decoding != nil {
		consider(w.decoding.done)
	}
	for _, l := range []*link.Link{w.up, w.down} {
		if t, any := l.Next(); any {
			consider(t)
		}
	}
	if t, due := w.receiver.Next(); due {
		consider(t)
	}
	if ok && next.Before(w.now) {
		next = w.now
	}
	return next, ok
}

func (w *World) pictureAt(n uint64) time.Time {
	return w.start.Add(Due(n, w.config.Rate))
}

func (w *World) soundAt(n uint64) time.Time { return w.start.Add(time.Duration(n) * soundFrame) }

func (w *World) step() error {
	for len(w.config.Plan) > 0 && !w.now.Before(w.start.Add(w.config.Plan[0].At)) {
		do := w.config.Plan[0].Do
		w.config.Plan = w.config.Plan[1:]
		do(w)
	}
	for w.pictures < w.count && !w.now.Before(w.pictureAt(w.pictures)) {
		w.result.Captured = append(w.result.Captured, w.now)
		w.sender.Picture(w.now, sender.Picture{Captured: w.now, Number: w.pictures}) // its Image is drawn when it is encoded
		w.pictures++
	}
	for w.config.Sound && !w.now.Before(w.soundAt(w.sounds)) {
		size := w.sender.SoundRate(w.now).Bytes(soundFrame)
		w.sender.Beside(w.now, size)
		w.up.Send(w.now, size, &sound{sent: w.now})
		w.sounds++
	}
	for _, d := range w.up.Deliver(w.now) {
		switch p := d.Payload.(type) {
		case *sound:
			w.result.SoundDelays = append(w.result.SoundDelays, d.At.Sub(p.sent))
		case *packet:
			if p.session == w.session {
				w.receiver.Packet(d.At, &p.p)
			}
		}
	}
	for _, d := range w.down.Deliver(w.now) {
		if r := d.Payload.(*report); r.session == w.session {
			w.sender.Report(d.At, r.b) // a bad one is counted there
		}
	}
	if e := w.encoding; e != nil && !w.now.Before(e.done) {
		w.encoding = nil
		w.decide(e)
	}
	if d := w.decoding; d != nil && !w.now.Before(d.done) {
		w.decoding = nil
		w.show(d)
	}
	w.work()
	if b := w.receiver.Report(w.now); b != nil {
		w.sendReport(slices.Clone(b))
	}
	return nil
}

// decide hands the sender what it let encode.
func (w *World) decide(e *encoding) {
	w.source.done(e.job.Picture.Image)
	if e.session != w.session {
		return
	}
	d := Decision{Decision: w.sender.Encoded(w.now, e.job, e.candidates), At: w.now.Sub(w.start)}
	if d.Chosen >= 0 {
		c := &e.candidates[d.Chosen]
		d.Bytes = len(c.Frame)
		w.encoded[d.Frame] = encoded{
			picture: e.job.Picture.Number, captured: e.job.Picture.Captured, ssim: c.Stats.SSIM, id: c.State.ID(), made: w.share(e.job, c),
		}
		w.forget(d.Frame)
	}
	w.result.Decisions = append(w.result.Decisions, d)
}

// show hands the receiver what it let decode.
func (w *World) show(d *decoding) {
	<-d.ended
	if w.receiver.Decoded(w.now, d.job, d.state, d.err) {
		e := w.encoded[d.job.Frame.Number]
		w.result.Shown = append(w.result.Shown, measure.Shown{Number: e.picture, Captured: e.captured, At: w.now, SSIM: e.ssim})
		w.scoring.Shown(e.picture, d.state.Picture())
	}
}

func (w *World) sendReport(b []byte) {
	if w.config.Report != nil {
		b = w.config.Report(w.now.Sub(w.start), b)
	}
	if b == nil {
		return
	}
	w.result.ReportWire += len(b) + wire.ReportOverhead
	w.down.Send(w.now, len(b)+wire.ReportOverhead, &report{session: w.session, b: b})
}

// work asks the cores what they want to do now.
func (w *World) work() {
	if w.encoding == nil {
		if job := w.sender.Job(w.now); job != nil {
			w.encode(job)
		}
	}
	w.wake = time.Time{}
	for {
		p, wait := w.sender.Packet(w.now)
		if p == nil {
			if wait >= 0 {
				w.wake = w.now.Add(max(wait, time.Microsecond))
			}
			break
		}
		sent := &packet{session: w.session, p: *p}
		sent.p.Payload = slices.Clone(p.Payload)
		w.up.Send(w.now, p.Size(), sent)
		_, bytes := w.up.Queued()
		w.result.MaxQueue = max(w.result.MaxQueue, bytes)
	}
	if w.decoding == nil {
		if job := w.receiver.Job(w.now); job != nil {
			w.decode(job)
		}
	}
}

// finish takes stock.
func (w *World) finish() error {
	r := &w.result
	var err error
	if r.Scores, err = w.scoring.Finish(r.Shown); err != nil {
		return fmt.Errorf("virtual: %w", err)
	}
	r.Start, r.End = w.start, w.now
	r.Sender, r.Receiver = w.sender.Snapshot(w.now), w.receiver.Stats()
	r.Up, r.Down = w.up.Counters(), w.down.Counters()
	r.Offered = w.up.Offered(w.now)
	_, r.EndQueue = w.up.Queued()
	w.up.End(w.now)
	w.down.End(w.now)
	number, state, ok := w.receiver.Newest()
	switch made, known := w.encoded[number]; {
	case !ok:
		r.InStep = fmt.Errorf("the receiver holds no state")
	case !known || made.id != state.ID():
		r.InStep = fmt.Errorf("the receiver's state of frame %d is not the one that the sender made", number)
	}
	return nil
}
