// Package opus is the codec of sound: Opus (RFC 6716) at 48 kHz, in frames of 10 or 20 ms, mono or stereo.
//
// The way of a frame:
//
//  1. Encode makes a packet of it. While SetLoss says that packets get lost, it carries the frame before once more, coarsely
//     (in-band FEC), where the rate is enough for that.
//  2. Decode makes sound of a packet.
//  3. Where packets were lost and the next one is there, Conceal makes up all of the gap but its last frame, and DecodeFEC takes that
//     one from the next packet, or makes it up as well if the packet carries no copy.
//  4. Then Decode takes the next packet itself, as always.
//
// Packets come from the network, so whatever they hold, a decoder returns sound or an error and can be used on.
package opus

import (
	"errors"
	"fmt"
	"time"

	"salsify/transport/bitrate"
)

// Rate is the number of samples a second of each channel, in and out. Opus codes less by itself where the bit rate is low.
const Rate = 48000

// Bounds of the format.
const (
	// MinBitrate and MaxBitrate bound what SetBitrate sets (RFC 6716, section 2.1.1).
	MinBitrate = 6 * bitrate.KbitPerSecond
	MaxBitrate = 510 * bitrate.KbitPerSecond
	// MaxPacket is the longest packet that Encode makes of one frame: a frame has up to 1275 bytes, and its header one
	// (RFC 6716, section 3.4).
	MaxPacket = 1276
	// MaxDuration is the longest that a packet may last (RFC 6716, section 3.4).
	MaxDuration = 120 * time.Millisecond
)

// DefaultBitrate of an encoder is speech that nobody tells from the original: fullband mono.
const DefaultBitrate = 32 * bitrate.KbitPerSecond

// DefaultFrame is the duration of a frame: with 10 ms headers take twice as much, and the quality is less.
const DefaultFrame = 20 * time.Millisecond

// The kinds of error of this package, to be tested with errors.Is.
var (
	// ErrPacket: the packet is not Opus, or is longer than a decoder takes. Conceal fills its place.
	ErrPacket = errors.New("opus: bad packet")
	// ErrArgument: what the caller asks for cannot be.
	ErrArgument = errors.New("opus: bad argument")
)

// Application is what the encoder is to be good at.
type Application int

// The applications of RFC 6716, section 2.1.
const (
	VoIP     Application = iota // speech; the only one with copies of lost frames at most rates
	Audio                       // music
	LowDelay                    // 4 ms less delay; no copies of lost frames
)

// Options for NewEncoder. The zero value is mono speech.
type Options struct {
	Channels    int             // 1 or 2; 0 is 1
	Frame       time.Duration   // 10 or 20 ms; 0 is DefaultFrame
	Application Application     // what the sound is
	Bitrate     bitrate.Bitrate // 0 is DefaultBitrate
	// DTX sends a packet of silence every 400 ms only; those between have 2 bytes at most, which need not be sent.
	DTX bool
}

// Encoder makes packets of frames. It is used from one goroutine at a time.
type Encoder interface {
	// Encode appends the packet of a frame of Samples() samples for each channel, which alternate, to out. With MaxPacket bytes of
	// room in out it allocates nothing; copies of lost frames cost some 11 KB of garbage a packet, which the library makes.
	Encode(pcm []int16, out []byte) ([]byte, error)
	// SetBitrate sets the rate of the packets from the next one on, copies of lost frames included, without headers. Rates that
	// Opus does not have are moved into its bounds.
	SetBitrate(bitrate.Bitrate)
	// SetLoss says which fraction of the packets gets lost, 0 to 1. From 1 % on packets of speech carry copies, where the rate is enough:
	// from 18 kbit/s with frames of 20 ms, 21 kbit/s with 10 ms, a little less from 25 % on.
	SetLoss(fraction float64)
	// Samples is how many samples a frame has for each channel.
	Samples() int
	// Delay is how much later a decoder gives what went into Encode, besides the duration of the frame.
	Delay() time.Duration
}

// Decoder makes sound of packets. Each method appends samples, which alternate where there are two channels, to out; with room for
// MaxDuration Decode allocates nothing, the others some 10 KB, which the library makes. It is used from one goroutine at a time.
type Decoder interface {
	// Decode decodes the packet that follows the one before, or what was made up in its place.
	Decode(packet []byte, out []int16) ([]int16, error)
	// DecodeFEC decodes, from the packet that follows, the frame of the given duration that was lost before it. Decode of the same
	// packet is to follow. Where the packet has no copy of that frame it makes one up as Conceal does.
	DecodeFEC(next []byte, lost time.Duration, out []int16) ([]int16, error)
	// Conceal makes up sound in place of lost packets, for up to MaxDuration, in steps of 2.5 ms. It fades when asked again and again.
	Conceal(lost time.Duration, out []int16) ([]int16, error)
	// Panics is how many packets made the library panic. They are errors to the caller, and the decoder begins anew.
	Panics() uint64
}

// check returns the options with their defaults, or an error.
func (o Options) check() (Options, error) {
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.Frame == 0 {
		o.Frame = DefaultFrame
	}
	if o.Bitrate == 0 {
		o.Bitrate = DefaultBitrate
	}
	if err := checkChannels(o.Channels); err != nil {
		return o, err
	}
	if o.Frame != 10*time.Millisecond && o.Frame != 20*time.Millisecond {
		return o, fmt.Errorf("%w: frames of %v; use 10 or 20 ms", ErrArgument, o.Frame)
	}
	return o, nil
}

func checkChannels(channels int) error {
	if channels != 1 && channels != 2 {
		return fmt.Errorf("%w: %d channels; use 1 or 2", ErrArgument, channels)
	}
	return nil
}

// samplesIn returns how many samples of one channel last so long.
func samplesIn(d time.Duration) int { return int(d * Rate / time.Second) }

// Duration returns how long the sound of a packet lasts, from its first bytes; ErrPacket if it is no packet of Opus.
func Duration(packet []byte) (time.Duration, error) {
	if len(packet) == 0 {
		return 0, fmt.Errorf("%w: it is empty", ErrPacket)
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, fmt.Errorf("%w: the number of frames is missing", ErrPacket)
		}
		frames = int(packet[1] & 0x3f)
	}
	d := time.Duration(frames) * frameDurations[packet[0]>>3]
	if d == 0 || d > MaxDuration {
		return 0, fmt.Errorf("%w: its sound lasts %v", ErrPacket, d)
	}
	return d, nil
}

// frameDurations of the configurations (RFC 6716, table 2).
var frameDurations = func() (durations [32]time.Duration) {
	silk := [4]time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}
	for config := range durations {
		switch {
		case config < 12: // SILK
			durations[config] = silk[config&3]
		case config < 16: // both
			durations[config] = silk[config&1]
		default: // CELT
			durations[config] = 2500 * time.Microsecond << (config & 3)
		}
	}
	return durations
}()
