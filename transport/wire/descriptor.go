package wire

import (
	"encoding/binary"
	"fmt"
)

// DescriptorSize is the length of the payload descriptors that AppendDescriptor writes, in bytes.
const DescriptorSize = 4

// Bits of the VP8 payload descriptor (RFC 7741, section 4.2).
const (
	extended      = 0x80 // X: a second byte follows
	startOfFrame  = 0x10 // S: the first packet of a partition; with partition index 0, of a frame
	hasPictureID  = 0x80 // I
	hasTL0        = 0x40 // L
	hasTID        = 0x20 // T
	hasKeyIndex   = 0x10 // K
	longPictureID = 0x80 // M: the picture ID has 15 bits
)

// AppendDescriptor appends a VP8 payload descriptor with a 15-bit picture ID, which is the frame number.
func AppendDescriptor(b []byte, frame uint16, start bool) []byte {
	first := byte(extended)
	if start {
		first |= startOfFrame
	}
	b = append(b, first, hasPictureID)
	return binary.BigEndian.AppendUint16(b, frame|longPictureID<<8)
}

// SkipDescriptor returns what follows the payload descriptor, of any form that RFC 7741 allows. Errors wrap ErrFormat.
func SkipDescriptor(payload []byte) ([]byte, error) {
	n := 1
	if len(payload) > 1 && payload[0]&extended != 0 {
		more := payload[1]
		n++
		if more&hasPictureID != 0 {
			if len(payload) > n && payload[n]&longPictureID != 0 {
				n++
			}
			n++
		}
		if more&hasTL0 != 0 {
			n++
		}
		if more&(hasTID|hasKeyIndex) != 0 {
			n++
		}
	}
	if len(payload) <= n {
		return nil, fmt.Errorf("%w: a payload of %d bytes ends within its VP8 payload descriptor", ErrFormat, len(payload))
	}
	return payload[n:], nil
}
