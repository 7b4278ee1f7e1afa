package sender

import (
	"time"

	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

// A path that is silent may be dead both ways, or only the reports' way may be. What is sent all the same waits in the link's
// queue, if there is one, and is in the way of the first fresh picture when the link is back. So:
//
//  1. What waits for the pacer is dropped.
//  2. Small probes go out, ever more rarely. Whatever comes back ends the stall.
//  3. Now and then a picture goes out as coarse as can be, from a state that the receiver is known to hold: where only the
//     reports are lost, it is seen. All of them together stay a small share of what the link could carry.

const (
	// The first probe leaves at once, the second after probeFirst, then each after twice the time, up to probeMax.
	probeFirst = 50 * time.Millisecond
	probeMax   = 400 * time.Millisecond
	// Frames may take blindShare of the capacity at the beginning of the stall, which by then is some third of what it was.
	// It gets less with time, and comes to that share of blindTime in all: so long do they delay the first fresh picture.
	blindShare = 0.10
	blindTime  = 2 * time.Second
	// blindGap is the least time between two at the beginning; it grows by as much with each second. In a minute 27 go out: a
	// report tells of 32 frames, and the state from which they all start must be one of them.
	blindGap = 150 * time.Millisecond
	// blindMax is after which time one goes out all the same, if it has at most blindFrame bytes: four packets.
	blindMax   = 2 * time.Second
	blindFrame = 4 * pieceSize
	// blindFirst is what the first of them is expected to take, in bytes.
	blindFirst = 1200
)

// stall is what goes out while the path is silent. The zero value is no stall.
type stall struct {
	since    time.Time
	probe    backoff
	packet   wire.Packet
	capacity bitrate.Bitrate // when it began
	sent     int             // bytes of frames
	expected int             // of the next frame
	last     time.Time       // when a frame went out
}

// backoff is a beat that slows down.
type backoff struct {
	next     time.Time
	interval time.Duration
}

func (b *backoff) due(now time.Time) bool { return !now.Before(b.next) }

func (b *backoff) did(now time.Time, longest time.Duration) {
	b.next = now.Add(b.interval)
	b.interval = min(2*b.interval, longest)
}

// begin notes that the path is stalled, and tells whether that is new.
func (s *stall) begin(now time.Time, capacity bitrate.Bitrate) bool {
	if !s.since.IsZero() {
		return false
	}
	*s = stall{
		since: now, probe: backoff{next: now, interval: probeFirst}, capacity: capacity, expected: blindFirst, last: now,
	}
	return true
}

func (s *stall) end() { *s = stall{} }

// left is how many bytes of frames may go out now.
func (s *stall) left(now time.Time) int {
	t := float64(now.Sub(s.since)) / float64(blindTime)
	return s.capacity.Bytes(time.Duration(blindShare*t/(1+t)*float64(blindTime))) - s.sent
}

// frameDue tells whether a frame should be encoded.
func (s *stall) frameDue(now time.Time) bool { return s.fits(now, s.expected) }

func (s *stall) fits(now time.Time, bytes int) bool {
	if s.since.IsZero() || now.Sub(s.last) < time.Duration(float64(blindGap)*(1+now.Sub(s.since).Seconds())) {
		return false
	}
	return bytes <= s.left(now) || bytes <= blindFrame && now.Sub(s.last) >= blindMax
}

// lean turns a Job into one for a single small candidate.
func (s *stall) lean(job *Job) {
	o := job.Options[len(job.Options)-1]
	o.Quantizer = maxQuantizer
	job.Options = append(job.Options[:0], o)
}

// frame tells whether a frame of that size goes out, and counts it if so.
func (s *stall) frame(now time.Time, bytes int) bool {
	s.expected = min(bytes, blindFrame)
	if !s.fits(now, bytes) {
		return false
	}
	s.sent += bytes
	s.last = now
	return true
}

// abandon drops what waits for the pacer.
func (s *Sender) abandon(now time.Time) {
	for ; s.sent < len(s.queue); s.sent++ {
		s.ledger.Lost(now, wire.Extend(s.frame, s.queue[s.sent].Fragment.Frame))
	}
}

// probe gives a probe, or how long to wait for the next.
func (s *Sender) probe(now time.Time) (*wire.Packet, time.Duration) {
	if !s.stall.probe.due(now) {
		return nil, s.stall.probe.next.Sub(now)
	}
	s.stall.probe.did(now, probeMax)
	s.stall.packet = wire.Packet{Timestamp: Timestamp(now), Fragment: wire.Fragment{Frame: uint16(s.frame)}}
	s.leave(now, &s.stall.packet, 0)
	s.stats.Probes++
	return &s.stall.packet, 0
}
