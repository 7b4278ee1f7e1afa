package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// FragmentURI names the header extension in the SDP (RFC 8285, section 5).
const FragmentURI = "urn:salsify:fragment:1"

// FragmentSize is the length of the header extension's element in bytes. It is longer than the 16 bytes of RFC 8285's one-byte
// form, so it travels in the two-byte form.
const FragmentSize = 18

// Limits of a Fragment.
const (
	// MaxFragments bounds the fragments of a frame: 2.3 MB at full packets, more than a frame of any sense has.
	MaxFragments = 2048
	// MaxGrace is the longest grace period that can be written; longer ones are written as it.
	MaxGrace  = graceUnit * (1<<16 - 1)
	graceUnit = 10 * time.Microsecond
)

// Fragment is the header extension of every packet of video: what frame this is a piece of, and from which state that frame is
// to be decoded.
type Fragment struct {
	Frame  uint16    // frame number; the first frame of a session is 1, and numbers wrap
	Source StateName // the state that the frame is decoded from
	// Oldest is how many frames before this one the oldest frame is whose state the sender may still start from. The
	// receiver may forget those before. 255 stands for 255 or more.
	Oldest uint8
	Index  uint16 // place of the fragment in the frame, from 0
	Count  uint16 // fragments of the frame, at most MaxFragments; 0 is a probe, a packet without any frame
	// Grace is how long the sender paused before this packet because it had nothing to send, so that whoever measures the
	// link by the gaps between packets can take it off.
	Grace time.Duration
}

// Append appends the element's FragmentSize bytes.
func (f *Fragment) Append(b []byte) []byte {
	grace := min(max(f.Grace, 0), MaxGrace) / graceUnit
	b = append(b, Version<<4, f.Oldest)
	b = binary.BigEndian.AppendUint16(b, f.Frame)
	b = append(b, f.Source[:]...)
	b = binary.BigEndian.AppendUint16(b, f.Index)
	b = binary.BigEndian.AppendUint16(b, f.Count)
	return binary.BigEndian.AppendUint16(b, uint16(grace))
}

// ParseFragment reads an element. Errors wrap ErrFormat.
func ParseFragment(b []byte) (Fragment, error) {
	if len(b) != FragmentSize {
		return Fragment{}, fmt.Errorf("%w: the header extension has %d bytes, not %d", ErrFormat, len(b), FragmentSize)
	}
	if b[0]>>4 != Version {
		return Fragment{}, fmt.Errorf("%w: the header extension has version %d, not %d", ErrFormat, b[0]>>4, Version)
	}
	f := Fragment{
		Oldest: b[1],
		Frame:  binary.BigEndian.Uint16(b[2:]),
		Source: StateName(b[4:12]),
		Index:  binary.BigEndian.Uint16(b[12:]),
		Count:  binary.BigEndian.Uint16(b[14:]),
		Grace:  time.Duration(binary.BigEndian.Uint16(b[16:])) * graceUnit,
	}
	if f.Count > MaxFragments || f.Index >= max(f.Count, 1) {
		return Fragment{}, fmt.Errorf("%w: fragment %d of %d", ErrFormat, f.Index, f.Count)
	}
	return f, nil
}
