package web

import (
	"errors"
	"fmt"
	"image"
	"time"

	"salsify/codec/vp8"
)

// The way of a picture through the chain:
//
//  1. pass: its frame goes on as it came, if it is a key frame or starts from the state that the browsers hold, and is to be shown.
//  2. code: else the picture is coded anew, from the state that the browsers hold or, where a key frame is wanted, from nothing.
//  3. The state that the frame leads to is what the browsers hold now.
//
// After step 2 the browsers' states are not the sender's any more, and no frame but a key frame can lead back: VP8 has no way to set
// a reference to given pixels. So what follows is coded anew too. At effort 0 that costs little more than a decoder would.

const (
	// recodedQuantizer is finer than what senders use, so that a picture loses little when it is coded anew: 0.4 to 0.6 dB where the
	// sender's quantizer is 16 to 30, 0.1 dB at 60. Finer ones take more time and gain little.
	recodedQuantizer = 8
	// recodedEffort: better ones make smaller frames of the same quality. Here the network is not the limit, but time is.
	recodedEffort = vp8.MinEffort
	// coarser is how much coarser the next attempt is when a frame has no room in VP8's partitions.
	coarser = 20
	// coarsest is the last quantizer that is tried.
	coarsest = 127
	// showBit is the bit of a frame's first byte that says that its picture is to be shown (RFC 6386, section 9.1).
	showBit = 1 << 4
	// keyEvery is the shortest time between two key frames that are made here. They cost five times as much as other frames.
	keyEvery = 250 * time.Millisecond
)

// waiting is a picture on its way to the browsers.
type waiting struct {
	at      time.Time
	state   *vp8.State   // that its frame led to, of which this is an owner; nil: the picture came without a frame
	source  vp8.ID       // of the state that the frame starts from
	frame   []byte       // a copy
	picture *image.YCbCr // without a frame: a copy
}

func (w *waiting) pixels() *image.YCbCr {
	if w.state != nil {
		return w.state.Picture()
	}
	return w.picture
}

// release lets go of the state. What else there is can be used again.
func (w *waiting) release() {
	if w.state != nil {
		w.state.Release()
		w.state = nil
	}
}

// coded is a frame for the browsers.
type coded struct {
	data   []byte // valid until its picture is released
	key    bool
	passed bool // it is the sender's
}

// chain makes a stream for plain decoders, which go from each frame to the next, of frames that start from states of the sender's
// choice. All browsers share it: a picture is coded at most once, however many look. It is pure: it has no clock and no goroutine.
type chain struct {
	held       *vp8.State // what the browsers' decoders hold, of which the chain is an owner; nil: nothing that can be gone on from
	wanted     bool       // a key frame
	keyed      time.Time  // when the last one was made
	goroutines int        // that may code at once
}

// want asks for a key frame: somebody new is looking, or has lost a packet for good.
func (c *chain) want() { c.wanted = true }

// due tells when a key frame may be made, if one is wanted.
func (c *chain) due() (at time.Time, ok bool) { return c.keyed.Add(keyEvery), c.wanted }

// keyNow tells whether the next frame must be a key frame.
func (c *chain) keyNow(now time.Time) bool {
	at, ok := c.due()
	return c.held == nil || ok && !now.Before(at)
}

// pass takes a picture whose frame can go on as it came, and returns that; ok is false if it cannot.
func (c *chain) pass(now time.Time, w *waiting) (frame coded, ok bool) {
	if w.state == nil || len(w.frame) == 0 || w.frame[0]&showBit == 0 {
		return coded{}, false
	}
	_, _, key := vp8.KeyFrameSize(w.frame)
	if !key && (c.keyNow(now) || c.held.ID() != w.source) {
		return coded{}, false
	}
	state, err := w.state.Share()
	if err != nil {
		return coded{}, false
	}
	if key {
		c.wanted, c.keyed = false, now
	}
	c.hold(state)
	return coded{data: w.frame, key: key, passed: true}, true
}

// code codes a picture anew. After an error the browsers hold what they held.
func (c *chain) code(now time.Time, w *waiting) (coded, error) {
	picture := w.pixels()
	if picture == nil {
		return coded{}, errors.New("the frame's state has no picture")
	}
	size := picture.Rect.Size()
	source, key := c.held, c.keyNow(now)
	if source != nil {
		width, height := source.Size()
		if width != size.X || height != size.Y {
			source = nil
		}
	}
	if source == nil {
		first, err := vp8.NewState(size.X, size.Y)
		if err != nil {
			return coded{}, err
		}
		defer first.Release()
		source, key = first, true
	}
	for quantizer := recodedQuantizer; ; quantizer = min(quantizer+coarser, coarsest) {
		frame, next, _, err := vp8.Encode(source, picture, vp8.Options{
			Quantizer: quantizer, Effort: recodedEffort, Goroutines: c.goroutines, KeyFrame: key, Unscored: true,
		})
		if errors.Is(err, vp8.ErrSize) && quantizer < coarsest {
			continue
		}
		if err != nil {
			c.keyed = now // a key frame that cannot be made is not tried again at once
			return coded{}, fmt.Errorf("cannot code a picture of %dx%d anew: %w", size.X, size.Y, err)
		}
		if key {
			c.wanted, c.keyed = false, now
		}
		c.hold(next)
		return coded{data: frame, key: key}, nil
	}
}

// hold takes over the state that the browsers will hold.
func (c *chain) hold(state *vp8.State) {
	c.forget()
	c.held = state
}

// forget has the next frame be a key frame: nobody is looking.
func (c *chain) forget() {
	if c.held != nil {
		c.held.Release()
		c.held = nil
	}
}
