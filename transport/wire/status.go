package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"salsify/transport/bitrate"
)

// Status is what a sender tells of itself once a second, for whoever looks at its pictures: nothing is decided by it.
type Status struct {
	Capacity   bitrate.Bitrate // of the path, as it is thought; in kbit/s on the wire
	Budget     int             // bytes that may leave now; 0 or more
	QueueDelay time.Duration   // what of the newest packet's way was waiting
	RTT        time.Duration   // the smallest
	Encode     time.Duration   // of a picture's candidates
	Effort     uint8           // the codec's
	Quantizers [2]uint8        // of the last picture's candidates; the second is 255 if there was one candidate
	Larger     uint8           // pictures of the last second that left as the larger candidate,
	Smaller    uint8           // as the smaller one,
	Dropped    uint8           // and that did not leave
}

const (
	statusSize = 22 // bytes
	statusUnit = 100 * time.Microsecond
)

// Append appends the status' bytes.
func (s *Status) Append(b []byte) []byte {
	tenths := func(d time.Duration) uint16 { return uint16(min(max(d, 0)/statusUnit, 1<<16-1)) }
	b = append(b, Version<<4, s.Effort)
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(s.Capacity/bitrate.KbitPerSecond, 0), 1<<32-1)))
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(s.Budget, 0), 1<<31-1)))
	b = binary.BigEndian.AppendUint16(b, tenths(s.QueueDelay))
	b = binary.BigEndian.AppendUint16(b, tenths(s.RTT))
	b = binary.BigEndian.AppendUint16(b, tenths(s.Encode))
	return append(b, s.Quantizers[0], s.Quantizers[1], s.Larger, s.Smaller, s.Dropped, 0)
}

// ParseStatus reads a status. Errors wrap ErrFormat.
func ParseStatus(b []byte) (Status, error) {
	if len(b) != statusSize || b[0] != Version<<4 {
		return Status{}, fmt.Errorf("%w: a status of %d bytes", ErrFormat, len(b))
	}
	tenths := func(at int) time.Duration { return time.Duration(binary.BigEndian.Uint16(b[at:])) * statusUnit }
	return Status{
		Effort:     b[1],
		Capacity:   bitrate.Bitrate(binary.BigEndian.Uint32(b[2:])) * bitrate.KbitPerSecond,
		Budget:     int(binary.BigEndian.Uint32(b[6:])),
		QueueDelay: tenths(10), RTT: tenths(12), Encode: tenths(14),
		Quantizers: [2]uint8{b[16], b[17]}, Larger: b[18], Smaller: b[19], Dropped: b[20],
	}, nil
}
