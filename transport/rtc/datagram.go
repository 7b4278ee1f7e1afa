package rtc

import (
	"bytes"
	"encoding/binary"
)

// kind is what a datagram looks like by its first bytes (RFC 7983, section 7). Nothing of that is proven: whether it is
// authentic shows when pion checks or decrypts it.
type kind int

const (
	kindOther        kind = iota // nothing we know
	kindSTUNRequest              // binding request, with transaction and ufrag
	kindSTUNResponse             // any other STUN message, with transaction
	kindDTLS
	kindSRTP  // with ssrc and sequence
	kindSRTCP // with ssrc
)

// datagram is what classify finds.
type datagram struct {
	kind        kind
	ssrc        uint32
	sequence    uint16
	transaction transaction
	ufrag       []byte // the ufrag of the agent that a STUN request is for
}

// transaction is the ID that joins a STUN request and its response.
type transaction [12]byte

// Fields of STUN (RFC 8489, sections 5 and 14).
const (
	stunHeaderSize     = 20
	stunCookie         = 0x2112A442
	stunBindingRequest = 0x0001
	stunBindingSuccess = 0x0101
	stunUsername       = 0x0006
)

func classify(b []byte) (d datagram) {
	switch {
	case len(b) >= stunHeaderSize && b[0] < 4:
		return classifySTUN(b)
	case len(b) > 0 && b[0] >= 20 && b[0] < 64:
		d.kind = kindDTLS
	case len(b) >= 12 && b[0] >= 128 && b[0] < 192 && b[1] >= 192 && b[1] < 224: // RFC 5761, section 4
		return datagram{kind: kindSRTCP, ssrc: binary.BigEndian.Uint32(b[4:])}
	case len(b) >= 12 && b[0] >= 128 && b[0] < 192:
		return datagram{kind: kindSRTP, sequence: binary.BigEndian.Uint16(b[2:]), ssrc: binary.BigEndian.Uint32(b[8:])}
	}
	return d
}

func classifySTUN(b []byte) (d datagram) {
	if int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeaderSize || binary.BigEndian.Uint32(b[4:]) != stunCookie {
		return d
	}
	d.transaction = transaction(b[8:])
	d.kind = kindSTUNResponse
	if binary.BigEndian.Uint16(b) != stunBindingRequest {
		return d
	}
	d.kind = kindSTUNRequest
	for attributes := b[stunHeaderSize:]; len(attributes) >= 4; {
		length := int(binary.BigEndian.Uint16(attributes[2:]))
		padded := 4 + (length+3)&^3
		if padded > len(attributes) {
			return datagram{}
		}
		if binary.BigEndian.Uint16(attributes) == stunUsername {
			d.ufrag, _, _ = bytes.Cut(attributes[4:4+length], []byte{':'})
			return d
		}
		attributes = attributes[padded:]
	}
	return d
}

// Fields of DTLS 1.2 records (RFC 6347, section 4.1).
const (
	dtlsRecordHeader     = 13
	dtlsChangeCipherSpec = 20
	dtlsHandshake        = 22
	dtlsApplicationData  = 23
)

// harmlessDTLS reports whether b may be handed to pion. Its DTLS believes alerts that are not encrypted, also after the
// handshake, and gives up at records that it cannot parse: so one forged datagram would end a session. Here passes only what it
// either authenticates or drops silently: well-formed records that are encrypted, and until our side is done with the
// handshake also its plain ones. It needs no plain alert: a handshake that fails is given up after a time.
func harmlessDTLS(b []byte, handshakeDone bool) bool {
	for len(b) > 0 {
		if len(b) < dtlsRecordHeader || b[1] != 0xfe || b[2] != 0xfd && b[2] != 0xff {
			return false
		}
		epoch := binary.BigEndian.Uint16(b[3:])
		length := int(binary.BigEndian.Uint16(b[11:]))
		if length == 0 || length > len(b)-dtlsRecordHeader {
			return false
		}
		content := b[dtlsRecordHeader : dtlsRecordHeader+length]
		switch {
		case b[0] < dtlsChangeCipherSpec || b[0] > dtlsApplicationData:
			return false
		case epoch > 1: // renegotiation, which WebRTC has not
			return false
		case epoch == 1 && b[0] == dtlsChangeCipherSpec: // it would be believed unencrypted, and belongs to epoch 0
			return false
		case epoch == 1:
		case handshakeDone:
			return false
		case b[0] == dtlsHandshake:
		case b[0] == dtlsChangeCipherSpec && length == 1 && content[0] == 1:
		default:
			return false
		}
		b = b[dtlsRecordHeader+length:]
	}
	return true
}
