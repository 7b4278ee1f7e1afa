package sender

import (
	"time"

	"salsify/transport/wire"
)

// A path that is silent may be dead both ways, or only the reports' way may be. What is sent all the same waits in the link's
// queue, if there is one, and is in the way of the first fresh picture when the link is back. So:
//
//  1. What waits for the pacer is dropped.
//  2. Small probes go out, ever more rarely. Whatever comes back ends the stall.
//  3. A frame of a packet or two goes out even more rarely, the newest picture from a state that the receiver is known to hold:
//     where only the reports are lost, it is seen.

const (
	// The first probe leaves at once, the second after probeFirst, then each after twice the time, up to probeMax.
	probeFirst = 50 * time.Millisecond
	probeMax   = 400 * time.Millisecond
	// Frames likewise. In ten seconds some 12 go out, of 1 KB or less, which at 500 kbit/s delay the first fresh one by 0.2 s.
	frameFirst = 150 * time.Millisecond
	frameMax   = time.Second
	// leanFrame is how large such a frame may be in bytes.
	leanFrame = 2 * (wire.MaxPayload - wire.DescriptorSize)
)

// stall is what goes out while the path is silent. The zero value is no stall.
type stall struct {
	probe, frames backoff
	packet        wire.Packet
}

// backoff is a beat that slows down.
type backoff struct {
	next     time.Time
	interval time.Duration
}

func (b *backoff) begin(now time.Time, first time.Duration) {
	b.next, b.interval = now, first
}

func (b *backoff) due(now time.Time) bool { return b.interval > 0 && !now.Before(b.next) }

func (b *backoff) did(now time.Time, longest time.Duration) {
	b.next = now.Add(b.interval)
	b.interval = min(2*b.interval, longest)
}

// begin notes that the path is stalled, and tells whether that is new.
func (s *stall) begin(now time.Time) bool {
	if s.probe.interval > 0 {
		return false
	}
	s.probe.begin(now, probeFirst)
	s.frames.begin(now.Add(frameFirst), 2*frameFirst)
	return true
}

func (s *stall) end() { *s = stall{} }

// frameDue tells whether a frame may go out.
func (s *stall) frameDue(now time.Time) bool { return s.frames.due(now) }

// lean turns a Job into one for a single small candidate.
func (s *stall) lean(job *Job) {
	o := job.Options[len(job.Options)-1]
	o.Quantizer = maxQuantizer
	job.Options = append(job.Options[:0], o)
}

// frame tells whether a frame of that size goes out, and counts it if so.
func (s *stall) frame(now time.Time, bytes int) bool {
	if bytes > leanFrame || !s.frames.due(now) {
		return false
	}
	s.frames.did(now, frameMax)
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
	s.stall.packet = wire.Packet{Timestamp: timestamp(now), Fragment: wire.Fragment{Frame: uint16(s.frame)}}
	s.leave(now, &s.stall.packet, 0)
	s.stats.Probes++
	return &s.stall.packet, 0
}
