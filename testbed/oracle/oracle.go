// Package oracle is a sender that does not exist: it knows what the link will carry, and fills it exactly with our codec's frames,
// without a queue. What it reaches is the limit that other systems are compared with.
//
// It is not a proof of what is possible, but the limit of senders that keep no queue, fill the time between two pictures with each
// picture, and use this codec at this effort. A sender that sends less is there sooner, by less than the time between two pictures, and
// looks worse. One that lets pictures queue for a second may look better, since no opportunity is lost on it and it can even frames out.
package oracle

import (
	"errors"
	"fmt"
	"image"
	"math"
	"time"

	"salsify/codec/vp8"
	"salsify/codec/y4m"
	"salsify/sender"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
	"salsify/testbed/trace"
	"salsify/testbed/virtual"
)

// How the link is filled (Run):
//
//  1. The link is asked when its opportunities are, by filling it with packets of exactly one opportunity each (opportunities.go).
//     Outages have none. Random losses, reordering and the queue's limits are left out: nothing of them happens to the oracle.
//  2. Each opportunity belongs to a time between two pictures: after the one was captured, and not after the next one was, as the link
//     itself has it.
//  3. A picture takes the opportunities of its own time, as its frame's packets: with all headers that our sender's have. It is
//     encoded, in no time, as well as the codec can within these bytes, from the state that the receiver has: nothing is ever lost.
//  4. It is on the screen when the last of the opportunities that its frame takes has passed, the propagation delay later: decoding
//     takes no time either. What is left over then, because the frame is smaller than it might be, is not used.
//  5. Where the time of a picture has too little for it even at the coarsest quantizer, times are put together: of all ways to take
//     a picture and the opportunities from its capture to the capture of a later one, that which ends the earliest is chosen, and of
//     those the newest picture. The pictures between are skipped.

// Config says what the oracle sends, and over what.
type Config struct {
	Width, Height int      // pixels
	Rate          y4m.Rate // of the source, pictures a second
	// Draw draws picture n of the source into memory of that size. It is called from other goroutines.
	Draw func(n uint64, picture *image.YCbCr)
	// Link is the video's way.
	Link     link.Config
	Duration time.Duration
	// Effort is the codec's; 0: sender.DefaultMaxEffort.
	Effort     int
	Goroutines int // that the codec may use; 0: 1. It never changes the result
	// Score and ScoreEvery are as in virtual.Config.
	Score      virtual.Score
	ScoreEvery int
}

// Frame is a picture that was sent.
type Frame struct {
	Number        uint64 // of the source
	Captured      time.Time
	Shown         time.Time // may lie after the end of the run
	Bytes         int       // of the frame
	Packets       int
	WireBytes     int // of its packets, with IP headers
	Opportunities int // that it took
	Offered       int // that it might have taken
	Quantizer     int
	Key           bool
}

// Result is what happened.
type Result struct {
	Start, End time.Time
	Captured   []time.Time
	// Shown are the pictures that were on the screen before the end, with SSIM as in virtual.Result.
	Shown  []measure.Shown
	Scores map[uint64]quality.Score // by the picture's number; nil without Config.Score
	Frames []Frame
	// WireBytes are those of all packets, with IP headers. Used are the bytes of the opportunities that they took until the end, with the
	// header that mahimahi counts and what remained of each frame's last opportunity. Offered is what all opportunities until then had.
	WireBytes, Used, Offered int64
}

// Summary sums up what a person would have seen.
func (r *Result) Summary() measure.Summary { return measure.Summarize(r.Captured, r.Shown, r.End) }

func (c *Config) validate() error {
	switch {
	case c.Draw == nil:
		return errors.New("oracle: Draw is nil, so there are no pictures to send")
	case c.Rate.Num <= 0 || c.Rate.Den <= 0:
		return fmt.Errorf("oracle: Rate is %d/%d, so it is unknown when pictures are captured: set it, such as 30/1", c.Rate.Num, c.Rate.Den)
	case c.Duration < 0:
		return fmt.Errorf("oracle: Duration is %v", c.Duration)
	case c.ScoreEvery < 0:
		return fmt.Errorf("oracle: ScoreEvery is %d, but one picture in so many can only be 0 or more", c.ScoreEvery)
	}
	if c.Effort == 0 {
		c.Effort = sender.DefaultMaxEffort
	}
	return c.Link.Validate()
}

// filling is a run at work.
type filling struct {
	Config
	opportunities []time.Duration // since the start; nil: the link has no limit
	state         *vp8.State      // that the receiver has
	quantizer     int             // of the last frame
	drawn         drawn
	// coarsest is how many opportunities pictures take at the coarsest quantizer, from that state.
	coarsest map[uint64]int
	scorer   *virtual.Scorer
	result   Result
}

// Run lets the oracle send. The error says what in the Config makes no sense, or is that of Config.Score.
func Run(config Config) (*Result, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	first, err := vp8.NewState(config.Width, config.Height)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	r := &filling{Config: config, state: first, coarsest: map[uint64]int{}, scorer: virtual.NewScorer(config.Score, config.ScoreEvery)}
	defer func() { r.state.Release() }()
	defer r.scorer.Wait()
	r.drawn = drawn{draw: config.Draw, width: config.Width, height: config.Height}
	defer r.drawn.wait()
	r.result.Start = time.Unix(1_000_000, 0)
	r.result.End = r.result.Start.Add(config.Duration)
	pictures := virtual.Pictures(config.Rate, config.Duration)
	if config.Link.Trace != nil {
		r.opportunities = opportunities(config.Link, r.captured(pictures)) // which is the end, or the first picture after it
	}
	for n := range pictures {
		r.result.Captured = append(r.result.Captured, r.at(n))
	}
	for n := uint64(0); n < pictures; {
		next, err := r.fill(n, pictures)
		if err != nil {
			return nil, err
		}
		n = next
		if err := r.scorer.Err(); err != nil {
			return nil, fmt.Errorf("oracle: %w", err)
		}
	}
	return &r.result, r.finish()
}

// at is when picture n is captured.
func (r *filling) at(n uint64) time.Time { return r.result.Start.Add(r.captured(n)) }

func (r *filling) captured(n uint64) time.Duration { return virtual.Due(n, r.Rate) }

// fill does the steps 3 to 5 from the capture of picture n on. It returns the picture at whose capture the link is free again.
func (r *filling) fill(n, pictures uint64) (free uint64, err error) {
	for free = n + 1; free <= pictures; free++ {
		for number := free - 1; ; number-- {
			if sent, err := r.send(number, free); sent || err != nil {
				return free, err
			}
			if number == n {
				break
			}
		}
	}
	return pictures, nil
}

// send sends picture number with the opportunities from its capture to that of picture free, if they are enough.
func (r *filling) send(number, free uint64) (sent bool, err error) {
	if r.opportunities == nil {
		err := r.encode(number, math.MaxInt, nil)
		return err == nil, err
	}
	mine := between(r.opportunities, r.captured(number), r.captured(free))
	if len(mine) == 0 {
		return false, nil
	}
	least, known := r.coarsest[number]
	if !known && r.state.HasPicture() && r.quantizer < comfortable {
		// It will most likely fit.
		switch err := r.encode(number, room(len(mine)), mine); {
		case err == nil:
			return true, nil
		case !errors.Is(err, vp8.ErrBudget):
			return false, err
		}
	}
	if !known {
		frame, next, _, err := r.codec(number, vp8.Options{Quantizer: coarsestQuantizer})
		if err != nil {
			return false, err
		}
		next.Release()
		least = taken(len(frame))
		r.coarsest[number] = least
	}
	if least > len(mine) {
		return false, nil
	}
	err = r.encode(number, room(len(mine)), mine)
	return err == nil, err
}

const (
	// coarsestQuantizer is the largest quantizer index (RFC 6386, section 9.6).
	coarsestQuantizer = 127
	// comfortable is the quantizer index below which the next picture is taken to fit too. It saves time and changes no result.
	comfortable = 100
)

func (r *filling) codec(number uint64, options vp8.Options) ([]byte, *vp8.State, vp8.Stats, error) {
	options.Effort, options.Goroutines = r.Effort, r.Goroutines
	frame, next, stats, err := vp8.Encode(r.state, r.drawn.picture(number), options)
	if err != nil {
		err = fmt.Errorf("oracle: picture %d: %w", number, err)
	}
	return frame, next, stats, err
}

// encode does step 3 and 4 for a picture, within so many bytes. mine are the opportunities that it may take; nil: there is no limit.
func (r *filling) encode(number uint64, bytes int, mine []time.Duration) error {
	frame, next, stats, err := r.codec(number, vp8.Options{FrameBytes: bytes})
	if least := r.coarsest[number]; errors.Is(err, vp8.ErrBudget) && least > 0 && least <= len(mine) {
		// The codec's search missed what is known to fit.
		frame, next, stats, err = r.codec(number, vp8.Options{Quantizer: coarsestQuantizer})
	}
	if err != nil {
		return err
	}
	r.state.Release()
	r.state = next
	r.quantizer = stats.Info.Quantizer
	clear(r.coarsest) // from another state they take other bytes

	f := Frame{
		Number: number, Captured: r.at(number), Bytes: len(frame), Packets: pieces(len(frame)), WireBytes: wireBytes(len(frame)),
		Quantizer: stats.Info.Quantizer, Key: stats.Info.Key,
	}
	f.Shown = f.Captured.Add(r.Link.Delay)
	if mine != nil {
		f.Opportunities, f.Offered = taken(len(frame)), len(mine)
		f.Shown = r.result.Start.Add(mine[f.Opportunities-1] + r.Link.Delay)
		r.result.Used += int64(len(between(mine[:f.Opportunities], 0, r.Duration))) * trace.OpportunityBytes
	}
	r.result.Frames = append(r.result.Frames, f)
	if !f.Shown.After(r.result.End) {
		r.result.Shown = append(r.result.Shown, measure.Shown{Number: number, Captured: f.Captured, At: f.Shown, SSIM: stats.SSIM})
		r.scorer.Shown(number, next.Picture())
	}
	return nil
}

// finish takes stock.
func (r *filling) finish() (err error) {
	for _, f := range r.result.Frames {
		r.result.WireBytes += int64(f.WireBytes)
	}
	r.result.Offered = int64(len(between(r.opportunities, 0, r.Duration))) * trace.OpportunityBytes
	if r.result.Scores, err = r.scorer.Finish(r.result.Shown); err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	return nil
}

// drawn has the source's pictures: the newest one that was asked for, and the one after it, which is drawn meanwhile.
type drawn struct {
	draw          func(n uint64, picture *image.YCbCr)
	width, height int
	now, ahead    *drawing
}

type drawing struct {
	number  uint64
	picture *image.YCbCr
	ended   chan struct{}
}

// picture returns picture n, which is valid until the next call.
func (d *drawn) picture(n uint64) *image.YCbCr {
	if d.now == nil {
		d.now, d.ahead = d.begin(n, nil), d.begin(n+1, nil)
	}
	if n != d.now.number {
		d.wait()
		d.now, d.ahead = d.ahead, d.now
		if n != d.now.number {
			d.now = d.begin(n, d.now.picture)
		}
		d.ahead = d.begin(n+1, d.ahead.picture)
	}
	<-d.now.ended
	return d.now.picture
}

// begin begins to draw picture n, into that memory if there is one.
func (d *drawn) begin(n uint64, into *image.YCbCr) *drawing {
	if into == nil {
		into = image.NewYCbCr(image.Rect(0, 0, d.width, d.height), image.YCbCrSubsampleRatio420)
	}
	begun := &drawing{number: n, picture: into, ended: make(chan struct{})}
	go func() {
		defer close(begun.ended)
		d.draw(n, into)
	}()
	return begun
}

// wait waits until nothing is being drawn.
func (d *drawn) wait() {
	if d.now != nil {
		<-d.now.ended
		<-d.ahead.ended
	}
}
