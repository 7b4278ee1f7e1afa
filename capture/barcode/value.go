package barcode

import "time"

// The two parts of a packed Value, in bits.
const (
	frameBits = 24
	timeBits  = 64 - frameBits
)

// MaxFrame is the largest frame number that a Value holds; at 30 pictures a second it is reached after 6 days.
const MaxFrame = 1<<frameBits - 1

// TimeWrap is after how long the packed time begins again: 2^40 microseconds, nearly 13 days.
const TimeWrap = (1 << timeBits) * time.Microsecond

// Value is what the codes of a live picture say.
type Value struct {
	Frame    uint32    // number of the picture, modulo MaxFrame+1
	Captured time.Time // to the microsecond
}

// Pack puts the frame number (24 bits) above the microseconds of wall-clock time since 1970 (40 bits); each is cut to its bits.
func (v Value) Pack() uint64 {
	return uint64(v.Frame)<<timeBits | uint64(v.Captured.UnixMicro())&(1<<timeBits-1)
}

// Unpack is the inverse of Pack. The time is taken to be the one nearest to reference, so reference must lie within TimeWrap/2
// of it, 6 days; the present will do.
func Unpack(packed uint64, reference time.Time) Value {
	// The difference of two times modulo 2^40, shifted up so that its sign is the sign of an int64.
	ahead := int64((packed-uint64(reference.UnixMicro()))<<frameBits) >> frameBits
	return Value{
		Frame:    uint32(packed >> timeBits),
		Captured: time.UnixMicro(reference.UnixMicro() + ahead),
	}
}
