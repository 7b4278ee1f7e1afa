package sound

import (
	"time"

	"salsify/codec/opus"
	"salsify/transport/playout"
	"salsify/transport/rtc"
	"salsify/transport/wire"
)

// The way of a packet of theirs:
//
//  1. Packet puts it into the buffer, which knows when it is due.
//  2. Pull is asked by the speaker for the next samples. Frame after frame the buffer says what to play: a packet, the copy of a lost
//     one, something made up, or silence; and whether to be a little slower or faster.
//  3. Clocks, Shown and what Pull plays tell how far sound and picture are apart; the buffer is told to wait for the picture.

// Stats tells how sound is heard.
type Stats struct {
	playout.Stats
	playout.Delay
	Skew    time.Duration // how much later than its picture sound is heard, if Aligned
	Aligned bool          // that is known
}

// Listener makes sound of packets. It is not safe for use by several goroutines.
type Listener struct {
	buffer    *playout.Buffer
	decoder   opus.Decoder
	stretcher *playout.Stretcher[int16]
	sync      *playout.Sync
	channels  int

	frame      []int16 // as decoded
	pending    []int16 // decoded and not yet played
	correction playout.Correction
	corrected  time.Time
}

// correcting is how often sound and picture are compared.
const correcting = 200 * time.Millisecond

// NewListener returns a Listener for a speaker with that many channels. Pictures may be held back by maxPictureDelay for sound.
func NewListener(channels int, maxPictureDelay time.Duration) (*Listener, error) {
	decoder, err := opus.NewDecoder(channels)
	if err != nil {
		return nil, err
	}
	room := int(opus.MaxDuration*opus.Rate/time.Second) * channels
	return &Listener{
		buffer: playout.New(playout.Config{}), decoder: decoder, stretcher: playout.NewStretcher[int16](channels),
		sync: playout.NewSync(playout.SyncConfig{MaxPictureDelay: maxPictureDelay}), channels: channels,
		frame: make([]int16, 0, room), pending: make([]int16, 0, 4*room),
	}, nil
}

// Packet takes a packet that came then.
func (l *Listener) Packet(arrival time.Time, p *wire.Sound) {
	duration, err := opus.Duration(p.Payload)
	if err != nil {
		duration = 0 // is counted as refused
	}
	l.buffer.Packet(arrival, playout.Packet{Sequence: p.Sequence, Timestamp: p.Timestamp, Duration: duration, Payload: p.Payload})
}

// Pull fills out with the next samples. They are heard that long after now.
func (l *Listener) Pull(now time.Time, out []int16, latency time.Duration) {
	for len(l.pending) < len(out) {
		l.next(now, latency)
	}
	n := copy(out, l.pending)
	l.pending = l.pending[:copy(l.pending, l.pending[n:])]
	if now.Sub(l.corrected) >= correcting {
		l.corrected = now
		l.correction = l.sync.Correct(now, l.buffer.Own())
		l.buffer.KeepAtLeast(l.correction.Sound)
	}
}

// next appends a frame to what is pending.
func (l *Listener) next(now time.Time, latency time.Duration) {
	ahead := time.Duration(len(l.pending)/l.channels) * time.Second / opus.Rate
	action := l.buffer.Pull(now.Add(ahead))
	var err error
	l.frame = l.frame[:0]
	switch action.Kind {
	case playout.Decode:
		l.frame, err = l.decoder.Decode(action.Payload, l.frame)
	case playout.Recover:
		l.frame, err = l.decoder.DecodeFEC(action.Payload, action.Duration, l.frame)
	case playout.Conceal:
		l.frame, err = l.decoder.Conceal(action.Duration, l.frame)
	}
	if err != nil { // a packet that is no sound
		l.frame, err = l.decoder.Conceal(action.Duration, l.frame[:0])
	}
	if samples := int(action.Duration*opus.Rate/time.Second) * l.channels; err != nil || len(l.frame) == 0 {
		l.frame = l.frame[:samples]
		clear(l.frame)
	}
	var changed time.Duration
	l.pending, changed = l.stretcher.Append(l.pending, l.frame, action.Stretch)
	if changed != 0 {
		l.buffer.Stretched(changed)
	}
	if action.Kind == playout.Decode || action.Kind == playout.Recover {
		l.sync.Heard(now.Add(ahead+latency), action.Timestamp, l.buffer.Delay().Playing)
	}
}

// Clocks takes in what the other side says of its clocks.
func (l *Listener) Clocks(video, sound rtc.Clock) {
	if video != (rtc.Clock{}) && sound != (rtc.Clock{}) {
		l.sync.Report(playout.Picture, video.At, video.Timestamp)
		l.sync.Report(playout.Sound, sound.At, sound.Timestamp)
	}
}

// Shown takes in when the picture with that RTP time stamp was shown.
func (l *Listener) Shown(at time.Time, timestamp uint32) { l.sync.Shown(at, timestamp) }

// HoldPicture is how long pictures are to be held back for sound.
func (l *Listener) HoldPicture() time.Duration { return l.correction.Picture }

// Stats returns the counts so far, and what holds now.
func (l *Listener) Stats() Stats {
	return Stats{Stats: l.buffer.Stats(), Delay: l.buffer.Delay(), Skew: l.correction.Skew, Aligned: l.correction.Known}
}
