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

// gopus v0.1.1 gives silence for ever once it goes over from a wider band to the 8 kHz that SILK codes alone, as it does by itself when
// the rate falls through 9 to 16 kbit/s. So there are two of its encoders, for below and above, and neither ever goes there: one keeps to
// 8 kHz, the other to the full band. TestAnyBitrateIsHeard fails with one.
const (
	fullBandAbove = 22 * bitrate.KbitPerSecond // below which the full band sounds worse than 8 kHz, with some room
	fullBandUntil = 18 * bitrate.KbitPerSecond // less than that, so that a rate between does not go back and forth
)

const (
	// rareLoss is below what is worth the rate of the copies.
	rareLoss = 0.01
	// copiesFrom, in percent, is the least loss that gopus is told: told less, it sends no copies below 32 kbit/s, as libopus does.
	copiesFrom = 10
)

// encoder is the Encoder that gopus has.
type encoder struct {
	low, full *gopus.Encoder
	now       *gopus.Encoder // one of them
	channels  int
	samples   int
	last      []int16 // the frame before, from which an encoder that takes over knows what was
	started   bool    // that there is one
	unused    []byte  // the packet of it
}

// NewEncoder returns an encoder for the options.
func NewEncoder(o Options) (Encoder, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	e := &encoder{channels: o.Channels, samples: samplesIn(o.Frame), unused: make([]byte, MaxPacket)}
	e.last = make([]int16, e.samples*e.channels)
	if e.full, err = newGopus(o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	e.low, e.now = e.full, e.full
	if o.Application != LowDelay { // which never uses SILK
		if e.low, err = newGopus(o); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArgument, err)
		}
		_ = e.low.SetMaxBandwidth(gopus.BandwidthWideband)
		_ = e.full.SetBandwidth(gopus.BandwidthFullband)
	}
	e.SetBitrate(o.Bitrate)
	return e, nil
}

func newGopus(o Options) (*gopus.Encoder, error) {
	application := gopus.ApplicationVoIP
	switch o.Application {
	case Audio:
		application = gopus.ApplicationAudio
	case LowDelay:
		application = gopus.ApplicationLowDelay
	}
	g, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: Rate, Channels: o.Channels, Application: application})
	if err != nil {
		return nil, err
	}
	if o.Application == VoIP {
		_ = g.SetSignal(gopus.SignalVoice) // else it takes a while to find out, and sends no copies meanwhile
	}
	_ = g.SetLSBDepth(16)
	g.SetDTX(o.DTX)
	g.SetVBRConstraint(true) // no packet much above the rate: the video was promised the rest
	return g, g.SetFrameSize(samplesIn(o.Frame))
}

func (e *encoder) Encode(pcm []int16, out []byte) ([]byte, error) {
	if len(pcm) != len(e.last) {
		return out, fmt.Errorf("%w: a frame of %d samples; it must have %d", ErrArgument, len(pcm), len(e.last))
	}
	out = slices.Grow(out, MaxPacket)
	n, err := e.now.EncodeInt16(pcm, out[len(out):len(out)+MaxPacket])
	if err != nil {
		return out, fmt.Errorf("opus: encoding: %w", err)
	}
	copy(e.last, pcm)
	e.started = true
	return out[:len(out)+n], nil
}

func (e *encoder) SetBitrate(rate bitrate.Bitrate) {
	rate = min(max(rate, MinBitrate), MaxBitrate)
	_ = e.low.SetBitrate(int(rate)) // within the bounds nothing can be wrong
	_ = e.full.SetBitrate(int(rate))
	next := e.now
	switch {
	case rate >= fullBandAbove:
		next = e.full
	case rate < fullBandUntil:
		next = e.low
	}
	if next == e.now {
		return
	}
	if e.now = next; e.started {
		next.Reset()
		_, _ = next.EncodeInt16(e.last, e.unused) // else the sound would begin anew, with a gap as long as Delay
	}
}

func (e *encoder) SetLoss(fraction float64) {
	percent := 0
	if fraction >= rareLoss {
		percent = max(copiesFrom, int(math.Ceil(100*min(fraction, 1))))
	}
	for _, g := range [2]*gopus.Encoder{e.low, e.full} {
		g.SetFEC(percent > 0)
		_ = g.SetPacketLoss(percent)
	}
}

func (e *encoder) Samples() int { return e.samples }

func (e *encoder) Delay() time.Duration {
	return time.Duration(e.now.Lookahead()) * time.Second / Rate
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
