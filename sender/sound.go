package sender

import (
	"math"
	"time"

	"salsify/transport/bitrate"
)

// Sound goes first: it leaves at once, not at the pacer's beat, and the video gets what it leaves.
//
//  1. Beside is told of what left on the same path besides the video: sound, and reports on the video that comes the other way.
//  2. The estimator counts it as waiting at the link, so that a frame which would wait behind it has less room.
//  3. Its rate of late is taken from what frames are aimed at.
//  4. SoundRate says how much of the capacity sound may take.

const (
	// besideMemory is over how long the rate beside the video is measured.
	besideMemory = time.Second

	// Sound may take soundShare of the capacity, with all headers, which are 22 kbit/s in packets of 20 ms: between soundLeast, where Opus
	// has 10 kbit/s and speech can still be understood well, and soundMost, where nobody hears a difference any more.
	soundShare = 0.10
	soundLeast = 32 * bitrate.KbitPerSecond
	soundMost  = 64 * bitrate.KbitPerSecond

	// soundPatience is how many times the tolerated delay sound waits for frames for which there is no room.
	soundPatience = 2
)

// Beside notes that so many bytes, with all headers, left now on the same path besides the video.
func (s *Sender) Beside(now time.Time, size int) {
	s.path.Beside(now, size)
	s.limit.send(size)
	s.beside.add(now, size)
	s.stats.BesideBytes += uint64(size)
}

// SoundRate is how much sound may take now, with all headers. While nothing is known of the path, or it is silent, it is the least.
func (s *Sender) SoundRate(now time.Time) bitrate.Bitrate {
	if s.stats.Reports == 0 || s.path.Stalled(now) {
		return soundLeast
	}
	capacity := s.path.Capacity(now)
	if s.limit.rate > 0 {
		capacity = min(capacity, s.limit.rate)
	}
	return max(soundLeast, min(soundMost, capacity.Scale(soundShare)))
}

// soundSpares tells whether a frame for which there is no room may leave all the same: on a link that hardly carries the sound, it
// would wait behind ever more of the picture.
func (s *Sender) soundSpares(now time.Time) bool {
	return s.beside.rate(now) == 0 || s.path.Room(now, soundPatience*s.config.Tolerance) > 0
}

// Loss is the share of packets that were lost of late, 0 to 1, which sound guards itself against.
func (s *Sender) Loss() float64 { return s.path.Loss() }

// forVideo is what the link moves, less what goes beside the video.
func (s *Sender) forVideo(now time.Time) bitrate.Bitrate {
	capacity := s.path.Capacity(now)
	return max(capacity/2, capacity-s.beside.rate(now))
}

// beside measures the rate of what leaves besides the video, of which older bytes count less and less.
type beside struct {
	bytes float64
	last  time.Time
}

func (b *beside) add(now time.Time, size int) {
	b.bytes = b.faded(now) + float64(size)
	b.last = now
}

func (b *beside) faded(now time.Time) float64 {
	return b.bytes * math.Exp(-max(0, now.Sub(b.last)).Seconds()/besideMemory.Seconds())
}

func (b *beside) rate(now time.Time) bitrate.Bitrate {
	if b.bytes == 0 {
		return 0
	}
	return bitrate.Bitrate(b.faded(now) * 8 / besideMemory.Seconds())
}
