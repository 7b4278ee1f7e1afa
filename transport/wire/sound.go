package wire

// Sound is one RTP packet of sound (RFC 7587), without what transport/rtc adds by itself.
type Sound struct {
	Sequence  uint16 // RTP sequence number
	Timestamp uint32 // RTP timestamp in 1/48000 s: of the first sample
	Marker    bool   // first packet after silence that was not sent
	Payload   []byte // an Opus packet
}

// Rates of RTP time stamps in Hz.
const (
	VideoClock = 90000 // of VP8 (RFC 7741, section 6.1)
	SoundClock = 48000 // of Opus (RFC 7587, section 4.1)
)

const (
	// SoundOverhead is what a packet of sound has on the wire (IPv4) beyond its Payload.
	SoundOverhead = ipUDPSize + rtpSize + srtpTagSize
	// MaxSound is the longest Payload of a packet of sound.
	MaxSound = MaxDatagram - (SoundOverhead - ipUDPSize)
)

// Size is the packet's size on the wire in bytes, with IP and UDP headers, which is what a link counts.
func (s *Sound) Size() int { return SoundOverhead + len(s.Payload) }
