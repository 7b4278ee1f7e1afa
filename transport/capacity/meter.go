package capacity

import (
	"math"
	"time"

	"salsify/transport/bitrate"
)

// meter is bytes through per time of service, of which older ones count less and less.
type meter struct {
	bytes   float64
	service time.Duration
}

// add counts a packet that the link worked on for that long. What lies a window of service time back counts a third.
func (m *meter) add(size int, service, window time.Duration) {
	keep := math.Exp(-float64(service) / float64(window))
	m.bytes = m.bytes*keep + float64(size)
	m.service = time.Duration(float64(m.service)*keep) + service
}

// rate is the link's rate if it has worked for some more time without a packet through.
func (m *meter) rate(more time.Duration) bitrate.Bitrate {
	return bitrate.Bitrate(m.bytes * 8 / max(m.service+more, time.Microsecond).Seconds())
}
