package sound

import (
	"time"

	"salsify/capture/mic"
	"salsify/codec/opus"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
	"salsify/transport/wire"
)

// The way of a frame of ours:
//
//  1. The microphone gives it, with the instant of its first sample.
//  2. Now and then Allow says how much of the network sound may take, and how much gets lost there.
//  3. Frame makes a packet of it, which leaves at once. While the microphone is muted there are none.

// headers is the rate of the packets' headers.
func headers(frame time.Duration) bitrate.Bitrate { return bitrate.Of(wire.SoundOverhead, frame) }

// Talker makes packets of sound. It is not safe for use by several goroutines.
type Talker struct {
	encoder opus.Encoder
	frame   time.Duration
	packet  wire.Sound
	buffer  []byte
	paused  bool // the last frame was not sent
	clock   rtc.Clock
}

// NewTalker returns a Talker of frames of that many channels.
func NewTalker(frame time.Duration, channels int) (*Talker, error) {
	encoder, err := opus.NewEncoder(opus.Options{Channels: channels, Frame: frame})
	if err != nil {
		return nil, err
	}
	return &Talker{encoder: encoder, frame: frame, buffer: make([]byte, 0, opus.MaxPacket), paused: true}, nil
}

// Samples is how many samples a frame has for each channel.
func (t *Talker) Samples() int { return t.encoder.Samples() }

// Allow sets how much sound may take, with all headers, and which share of the packets gets lost.
func (t *Talker) Allow(rate bitrate.Bitrate, loss float64) {
	t.encoder.SetBitrate(max(rate-headers(t.frame), opus.MinBitrate))
	t.encoder.SetLoss(loss)
}

// Frame makes the packet of a frame. It is valid until the next call. Of a muted frame it is nil.
func (t *Talker) Frame(f *mic.Frame, muted bool) (*wire.Sound, error) {
	t.clock = rtc.Clock{At: f.Captured, Timestamp: uint32(f.Number) * uint32(t.Samples())}
	if muted {
		t.paused = true
		return nil, nil
	}
	payload, err := t.encoder.Encode(f.Samples, t.buffer[:0])
	if err != nil {
		return nil, err
	}
	t.packet = wire.Sound{Sequence: t.packet.Sequence + 1, Timestamp: t.clock.Timestamp, Marker: t.paused, Payload: payload}
	t.paused = false
	return &t.packet, nil
}

// Clock joins the time stamps with the instants of capture.
func (t *Talker) Clock() rtc.Clock { return t.clock }
