package sender

import (
	"time"

	"salsify/transport/bitrate"
)

// limitBurst is how long the user's limit may be saved up: a key frame or a scene cut may be larger than a frame's share, and over a
// second the limit holds.
const limitBurst = 250 * time.Millisecond

// limit keeps to Config.MaxBitrate, with everything that packets take on the wire.
type limit struct {
	rate  bitrate.Bitrate // 0: none
	spent float64         // bytes of the burst
	last  time.Time
}

// left is how many bytes may leave now.
func (l *limit) left(now time.Time) int {
	if elapsed := now.Sub(l.last); elapsed > 0 {
		l.spent = max(0, l.spent-float64(l.rate)/8*elapsed.Seconds())
		l.last = now
	}
	return l.rate.Bytes(limitBurst) - int(l.spent)
}

// send takes the bytes of a packet.
func (l *limit) send(size int) { l.spent += float64(size) }
