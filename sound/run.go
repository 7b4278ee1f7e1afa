// Package sound is the endpoint's sound, both ways: Talker makes packets of what the microphone hears, Listener makes sound of those that
// come, and Exchange runs both over one connection after another. Sound leaves at once and goes first; see sender/sound.go.
package sound

import (
	"context"
	"sync"
	"time"

	"salsify/capture/mic"
	"salsify/sender"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
	"salsify/transport/session"
	"salsify/transport/wire"
)

// How sound runs (Exchange.Run): under one lock the Listener, and around it
//
//  1. a goroutine that takes frames from the microphone, makes packets of them and sends them at once,
//  2. one that reads packets,
//  3. one that tells the other side of our clocks, and hears of its,
//  4. the speaker, which calls Pull whenever it wants samples (it belongs to the caller).

// Connection is the way to the other side, as transport/rtc has it.
type Connection interface {
	// SendSound sends one packet at once. An error is of that packet alone.
	SendSound(p *wire.Sound) error
	// ReadSound reads the next packet, and says when it arrived. The payload is valid until the next call. An error ends the reading.
	ReadSound(p *wire.Sound) (arrival time.Time, err error)
	SendClocks(video, sound rtc.Clock) error
	Clocks() (video, sound rtc.Clock)
	session.Connection
}

// Microphone gives frames, as a mic.Mic does.
type Microphone interface {
	// Next waits for the next frame and fills f with it. It returns an error when the microphone is closed or the context ends.
	Next(ctx context.Context, f *mic.Frame) error
	// Muted tells whether frames are not to be sent.
	Muted() bool
}

// Path is what sound shares with the video that goes the same way; a sender.Session is one.
type Path interface {
	// Sound says how much sound may take now, with all headers, and the share of packets that were lost of late.
	Sound() (rate bitrate.Bitrate, loss float64)
	// Beside is told of bytes that leave besides the video.
	Beside(size int)
}

var _ Path = (*sender.Session)(nil)

// Channels is how many channels are sent and played: a voice has one.
const Channels = 1

const (
	// telling is how often the other side is told of our clocks.
	telling = time.Second
	// hearing is how often what it tells of its own is looked at.
	hearing = 200 * time.Millisecond
	// allowing is after how many frames it is asked anew how much sound may take.
	allowing = 10
)

// Exchange is a program's sound, over one connection after another.
type Exchange struct {
	Microphone      Microphone           // of Channels channels; nil: nothing is sent
	Frame           time.Duration        // how long its frames are: 10 or 20 ms
	Latency         func() time.Duration // of the speaker: from Pull until a sample is heard; nil: nothing is played
	MaxPictureDelay time.Duration        // for which pictures may be held back for sound
	// Pass, if not nil, is given the Opus packets as they come, for who plays them elsewhere; the payload is valid during the call.
	Pass func(payload []byte, timestamp uint32)

	lock     sync.Mutex
	listener *Listener // of the session; nil: none
	last     Stats     // of the session before
}

// Run sends and receives sound over a connection until the context ends, which is no error, or the connection does, whose error it
// returns. path is what our sound shares with our video; without one, nothing is sent.
func (x *Exchange) Run(ctx context.Context, c Connection, path Path) error {
	listener, err := NewListener(Channels, x.MaxPictureDelay)
	if err != nil {
		return err
	}
	x.lock.Lock()
	x.listener = listener
	x.lock.Unlock()
	defer func() {
		x.lock.Lock()
		x.last, x.listener = listener.Stats(), nil
		x.lock.Unlock()
	}()
	work := []func(context.Context){func(ctx context.Context) { x.clocks(ctx, c) }}
	if x.Microphone != nil && path != nil {
		talker, err := NewTalker(x.Frame, Channels)
		if err != nil {
			return err
		}
		work = append(work, func(ctx context.Context) { x.talk(ctx, c, path, talker) })
	}
	return session.Run(ctx, c, func() error { return x.packets(c) }, work...)
}

// talk is the first goroutine.
func (x *Exchange) talk(ctx context.Context, c Connection, path Path, talker *Talker) {
	var frame mic.Frame
	var told time.Time
	for frames := 0; x.Microphone.Next(ctx, &frame) == nil; frames++ {
		if frames%allowing == 0 {
			talker.Allow(path.Sound())
		}
		p, err := talker.Frame(&frame, x.Microphone.Muted())
		if err == nil && p != nil {
			path.Beside(p.Size())
			_ = c.SendSound(p) // a failure is a loss
		}
		if at := frame.Captured; at.Sub(told) >= telling {
			told = at
			path.Beside(rtc.ClocksSize)
			_ = c.SendClocks(rtc.Clock{At: at, Timestamp: sender.Timestamp(at)}, talker.Clock()) // the next one says the same
		}
	}
}

// packets is the second goroutine.
func (x *Exchange) packets(c Connection) error {
	var p wire.Sound
	for {
		arrival, err := c.ReadSound(&p)
		if err != nil {
			return err
		}
		if x.Pass != nil {
			x.Pass(p.Payload, p.Timestamp)
		}
		x.lock.Lock()
		x.listener.Packet(arrival, &p)
		x.lock.Unlock()
	}
}

// clocks is the third goroutine.
func (x *Exchange) clocks(ctx context.Context, c Connection) {
	tick := time.NewTicker(hearing)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		video, sound := c.Clocks()
		x.lock.Lock()
		x.listener.Clocks(video, sound)
		x.lock.Unlock()
	}
}

// Pull fills out with the next samples, of Channels channels: silence where there is no session. It is for the speaker, on any goroutine.
func (x *Exchange) Pull(out []int16) {
	now, latency := time.Now(), x.Latency()
	x.lock.Lock()
	defer x.lock.Unlock()
	if x.listener == nil {
		clear(out)
		return
	}
	x.listener.Pull(now, out, latency)
}

// Shown takes in when the picture with that RTP time stamp was shown.
func (x *Exchange) Shown(at time.Time, timestamp uint32) {
	x.lock.Lock()
	defer x.lock.Unlock()
	if x.listener != nil {
		x.listener.Shown(at, timestamp)
	}
}

// HoldPicture is how long pictures are to be held back for sound, at most MaxPictureDelay.
func (x *Exchange) HoldPicture() time.Duration {
	x.lock.Lock()
	defer x.lock.Unlock()
	if x.listener == nil {
		return 0
	}
	return x.listener.HoldPicture()
}

// Stats returns the counts of the session that runs, or of the last one.
func (x *Exchange) Stats() (s Stats, running bool) {
	x.lock.Lock()
	defer x.lock.Unlock()
	if x.listener == nil {
		return x.last, false
	}
	return x.listener.Stats(), true
}
