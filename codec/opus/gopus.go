package opus

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/thesyncim/gopus"

	"salsify/transport/bitrate"
)

// maxReceived is the longest packet that is decoded: more than a datagram holds, so what is longer did not come from the network.
const maxReceived = 1500

// maxSamples is how many samples of a channel a packet may hold.
const maxSamples = Rate * int(MaxDuration/time.Millisecond) / 1000

// concealStep is what concealment can be cut into (RFC 6716, section 2.1.4).
const concealStep = 2500 * time.Microsecond

// encoder is the Encoder that gopus has.
type encoder struct {
	gopus    *gopus.Encoder
	channels int
	samples  int
}

// NewEncoder returns an encoder for the options.
func NewEncoder(o Options) (Encoder, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	application := gopus.ApplicationVoIP
	switch o.Application {
	case Audio:
		application = gopus.ApplicationAudio
	case LowDelay:
		application = gopus.ApplicationLowDelay
	}
	g, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: Rate, Channels: o.Channels, Application: application})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	e := &encoder{g, o.Channels, samplesIn(o.Frame)}
	if err := g.SetFrameSize(e.samples); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if o.Application == VoIP {
		_ = g.SetSignal(gopus.SignalVoice) // else it takes a while to find out, and sends no copies meanwhile
	}
	_ = g.SetLSBDepth(16)
	g.SetDTX(o.DTX)
	g.SetVBRConstraint(true) // no packet much above the rate: the video was promised the rest
	e.SetBitrate(o.Bitrate)
	return e, nil
}

func (e *encoder) Encode(pcm []int16, out []byte) ([]byte, error) {
	if len(pcm) != e.samples*e.channels {
		return out, fmt.Errorf("%w: a frame of %d samples; it must have %d", ErrArgument, len(pcm), e.samples*e.channels)
	}
	out = slices.Grow(out, MaxPacket)
	n, err := e.gopus.EncodeInt16(pcm, out[len(out):len(out)+MaxPacket])
	if err != nil {
		return out, fmt.Errorf("opus: encoding: %w", err)
	}
	return out[:len(out)+n], nil
}

func (e *encoder) SetBitrate(rate bitrate.Bitrate) {
	_ = e.gopus.SetBitrate(int(min(max(rate, MinBitrate), MaxBitrate))) // within the bounds nothing can be wrong
}

func (e *encoder) SetLoss(fraction float64) {
	percent := int(math.Ceil(100 * min(max(fraction, 0), 1)))
	if math.IsNaN(fraction) {
		percent = 0
	}
	e.gopus.SetFEC(percent > 0)
	_ = e.gopus.SetPacketLoss(percent)
}

func (e *encoder) Samples() int { return e.samples }

func (e *encoder) Delay() time.Duration {
	return time.Duration(e.gopus.Lookahead()) * time.Second / Rate
}

// decoder is the Decoder that gopus has.
type decoder struct {
	gopus    *gopus.Decoder
	channels int
	floats   []float32 // gopus recovers lost frames in floating point only; all go the same way, so that they fit together
	clip     []float32 // where soft clipping was at the end of the last frame, for each channel
	panics   uint64
}

// NewDecoder returns a decoder that gives 1 or 2 channels, whatever the packets have.
func NewDecoder(channels int) (Decoder, error) {
	if err := checkChannels(channels); err != nil {
		return nil, err
	}
	d := &decoder{channels: channels, floats: make([]float32, maxSamples*channels), clip: make([]float32, channels)}
	return d, d.restart()
}

func (d *decoder) restart() (err error) {
	config := gopus.DecoderConfig{SampleRate: Rate, Channels: d.channels, MaxPacketSamples: maxSamples, MaxPacketBytes: maxReceived}
	clear(d.clip)
	d.gopus, err = gopus.NewDecoder(config)
	return err
}

func (d *decoder) Decode(packet []byte, out []int16) ([]int16, error) {
	duration, err := d.check(packet)
	if err != nil {
		return out, err
	}
	return d.decode(packet, duration, false, out)
}

func (d *decoder) DecodeFEC(next []byte, lost time.Duration, out []int16) ([]int16, error) {
	if _, err := d.check(next); err != nil {
		return out, err
	}
	if err := checkLost(lost); err != nil {
		return out, err
	}
	return d.decode(next, lost, true, out)
}

func (d *decoder) Conceal(lost time.Duration, out []int16) ([]int16, error) {
	if err := checkLost(lost); err != nil {
		return out, err
	}
	return d.decode(nil, lost, false, out)
}

// check returns how long the sound of a packet lasts, if it may be decoded.
func (d *decoder) check(packet []byte) (time.Duration, error) {
	if len(packet) > maxReceived {
		return 0, fmt.Errorf("%w: %d bytes; the longest has %d", ErrPacket, len(packet), maxReceived)
	}
	return Duration(packet)
}

func checkLost(lost time.Duration) error {
	if lost <= 0 || lost > MaxDuration || lost%concealStep != 0 {
		return fmt.Errorf("%w: %v of lost sound; it must be a multiple of %v up to %v", ErrArgument, lost, concealStep, MaxDuration)
	}
	return nil
}

// decode decodes sound of a known duration. Fuzzing found no packet that makes the library panic; it is some 100,000 lines that read
// what strangers send, so one that does must not end a call.
func (d *decoder) decode(packet []byte, duration time.Duration, fec bool, out []int16) (all []int16, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.panics++
			all, err = out, fmt.Errorf("%w: the decoder panicked: %v", ErrPacket, p)
			_ = d.restart() // what the panic left behind is not to be trusted
		}
	}()
	pcm := d.floats[:samplesIn(duration)*d.channels]
	var n int
	if fec {
		n, err = d.gopus.DecodeWithFEC(packet, pcm, true)
	} else {
		n, err = d.gopus.Decode(packet, pcm)
	}
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	pcm = pcm[:n*d.channels]
	gopus.PCMSoftClip(pcm, d.channels, d.clip) // overshoots of the quantizer are bent, not cut off
	for _, sample := range pcm {
		out = append(out, toInt16(sample))
	}
	return out, nil
}

// toInt16 rounds a sample to 16 bits.
func toInt16(sample float32) int16 {
	scaled := math.RoundToEven(float64(sample) * 32768)
	if scaled != scaled { // not a number: silence rather than a click
		return 0
	}
	return int16(min(max(scaled, math.MinInt16), math.MaxInt16))
}

func (d *decoder) Panics() uint64 { return d.panics }
