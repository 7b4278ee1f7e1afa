package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Limits of a Report.
const (
	// MaxArrivals is how many packets before the newest a report can tell of.
	MaxArrivals = 255
	// HeldFrames is how many frames a report's mask of held states covers.
	HeldFrames = 32
	// MaxHold is the longest Hold that can be written; longer ones are written as it.
	MaxHold  = holdUnit * (1<<16 - 1)
	holdUnit = 10 * time.Microsecond

	reportHead = 22 // bytes before the arrivals

	// ReportOverhead is what a report has on the wire (IPv4) besides its own bytes: IP and UDP, RTCP's header, the APP packet's
	// name and length, and SRTCP's index and tag.
	ReportOverhead = ipUDPSize + 8 + 4 + 2 + 4 + srtpTagSize
	// A difference of arrival times beyond half the range of the 32-bit clock means nothing.
	maxGap = 1 << 31 * time.Microsecond
)

// Report is the feedback: what has come, when, and which states the receiver holds. The SDP calls it "salsify 1", and it
// travels as an RTCP APP packet. Each report repeats what the one before it said, so that one may be lost.
type Report struct {
	Number uint16 // counts the reports of a session

	// The states held. Decided is the newest frame that was decoded, or given up because its source is not held; 0 before any.
	// Bit i of Held tells that the state to which frame Decided-i led is held. Name is the begin of the newest one's name.
	Decided uint16
	Name    [4]byte
	Held    uint32

	// Arrivals. Highest is the newest packet by sequence number, At its arrival on the receiver's clock, of which 32 bits of
	// microseconds are sent, and Hold how long after it the report left.
	Highest uint16
	At      time.Duration
	Hold    time.Duration
	// Before has the packets before Highest, backwards and without a gap: sequence number Highest-1-i.
	Before []Arrival
}

// Arrival tells of one packet.
type Arrival struct {
	Received bool
	At       time.Duration // on the clock of Report.At
}

// Append appends the report's bytes: at most 22 + 5 * MaxArrivals, and with arrival times as they are about 22 + 2 a packet.
func (r *Report) Append(b []byte) []byte {
	before := r.Before[:min(len(r.Before), MaxArrivals)]
	b = append(b, Version<<4, byte(len(before)))
	b = binary.BigEndian.AppendUint16(b, r.Number)
	b = binary.BigEndian.AppendUint16(b, r.Decided)
	b = append(b, r.Name[:]...)
	b = binary.BigEndian.AppendUint32(b, r.Held)
	b = binary.BigEndian.AppendUint16(b, r.Highest)
	b = binary.BigEndian.AppendUint32(b, uint32(r.At/time.Microsecond))
	b = binary.BigEndian.AppendUint16(b, uint16(min(max(r.Hold, 0), MaxHold)/holdUnit))
	at := r.At.Truncate(time.Microsecond)
	for _, a := range before {
		if !a.Received {
			b = append(b, 0)
			continue
		}
		gap := int64(at/time.Microsecond - a.At/time.Microsecond)
		b = binary.AppendUvarint(b, 1+(uint64(gap)<<1^uint64(gap>>63))&(1<<33-1))
		at = a.At
	}
	return b
}

// Parse reads a report into r, whose Before it reuses. near is an arrival time of an earlier report, to tell which turn of the
// 32-bit clock this is; for a first report it is 0. Errors wrap ErrFormat and leave r without meaning.
func (r *Report) Parse(b []byte, near time.Duration) error {
	if len(b) < reportHead {
		return fmt.Errorf("%w: a report of %d bytes", ErrFormat, len(b))
	}
	if b[0] != Version<<4 {
		return fmt.Errorf("%w: a report of version %d, not %d", ErrFormat, b[0]>>4, Version)
	}
	n := int(b[1])
	r.Number = binary.BigEndian.Uint16(b[2:])
	r.Decided = binary.BigEndian.Uint16(b[4:])
	copy(r.Name[:], b[6:])
	r.Held = binary.BigEndian.Uint32(b[10:])
	r.Highest = binary.BigEndian.Uint16(b[14:])
	short := binary.BigEndian.Uint32(b[16:])
	r.At = near.Truncate(time.Microsecond) + time.Duration(int32(short-uint32(near/time.Microsecond)))*time.Microsecond
	r.Hold = time.Duration(binary.BigEndian.Uint16(b[20:])) * holdUnit
	r.Before = r.Before[:0]
	at := r.At
	b = b[reportHead:]
	for range n {
		v, used := binary.Uvarint(b)
		if used <= 0 {
			return fmt.Errorf("%w: a report ends within its %d arrivals", ErrFormat, n)
		}
		b = b[used:]
		if v == 0 {
			r.Before = append(r.Before, Arrival{})
			continue
		}
		v--
		gap := time.Duration(int64(v>>1)^-int64(v&1)) * time.Microsecond
		if v >= 1<<33 || gap < -maxGap || gap > maxGap {
			return fmt.Errorf("%w: a report with arrivals %d apart", ErrFormat, v)
		}
		at -= gap
		r.Before = append(r.Before, Arrival{Received: true, At: at})
	}
	if len(b) != 0 {
		return fmt.Errorf("%w: %d bytes after a report's arrivals", ErrFormat, len(b))
	}
	return nil
}
