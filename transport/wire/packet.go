// Package wire has the formats that salsify-send and salsify-recv speak beyond plain RTP: the header extension that says which
// fragment of which frame a packet is and which state the frame starts from (Fragment), the feedback (Report), and the payload
// descriptor of RFC 7741 (Descriptor). docs/protocol.md describes them byte by byte. Everything that is parsed here came from
// the network: no length or index is believed, and nothing here keeps or moves a state.
package wire

import "errors"

// Version of the header extension and of the report. A parser refuses others.
const Version = 1

// ErrFormat is what all parsers wrap: the bytes are not what they should be.
var ErrFormat = errors.New("not in Salsify's format")

// StateName is the name of a codec's state as packets carry it: the first 8 bytes of its ID. The IDs are hashes and each side
// holds some dozens of states, so 8 bytes tell them apart.
type StateName [8]byte

// Sizes of a packet in bytes.
const (
	MaxDatagram = 1200 // UDP payload; what WebRTC takes to pass everywhere
	ipUDPSize   = 20 + 8
	rtpSize     = 12
	srtpTagSize = 16 // the longest of the profiles, AEAD_AES_128_GCM

	// Overhead is what a packet has on the wire (IPv4) beyond its Payload.
	Overhead = ipUDPSize + rtpSize + extensionHeader + FragmentSize + srtpTagSize
	// MaxPayload is the longest Payload of a packet: payload descriptor and a piece of a frame.
	MaxPayload = MaxDatagram - (Overhead - ipUDPSize)
)

// extensionHeader is RFC 8285's four bytes before the elements and two of the element, in its two-byte form.
const extensionHeader = 4 + 2

// Packet is one RTP packet of video, without what transport/rtc adds by itself (version, payload type, SSRC, encryption).
type Packet struct {
	Sequence  uint16 // RTP sequence number
	Timestamp uint32 // RTP timestamp: the picture's capture time in 1/90000 s
	Marker    bool   // last packet of the frame
	Fragment  Fragment
	Payload   []byte // a VP8 payload descriptor (RFC 7741, section 4.2) and a piece of the frame
}

// Size is the packet's size on the wire in bytes, with IP and UDP headers, which is what a link counts.
func (p *Packet) Size() int { return Overhead + len(p.Payload) }
