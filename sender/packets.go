package sender

import (
	"time"

	"salsify/transport/wire"
)

// pieceSize is how many bytes of a frame a packet carries at most.
const pieceSize = wire.MaxPayload - wire.DescriptorSize

// pieces is how many packets a frame takes.
func pieces(bytes int) int { return max(1, (bytes+pieceSize-1)/pieceSize) }

// wireSize is what a frame takes on the wire.
func wireSize(bytes int) int {
	return bytes + pieces(bytes)*(wire.Overhead+wire.DescriptorSize)
}

// send cuts a frame into packets and puts them into the queue.
func (s *Sender) send(job *Job, c *Candidate) uint64 {
	s.frame++
	if uint16(s.frame) == 0 {
		s.frame++ // on the wire 0 stands for none
	}
	id := c.State.ID()
	s.ledger.Add(s.frame, job.source.Frame, wire.StateName(id[:]), c.State, s.config.Width*s.config.Height*3/2)
	if s.sent == len(s.queue) {
		s.queue, s.sent, s.buffer = s.queue[:0], 0, s.buffer[:0]
	}
	n := pieces(len(c.Frame))
	if cap(s.buffer)-len(s.buffer) < len(c.Frame)+n*wire.DescriptorSize {
		// Packets in the queue may still point into the old buffer.
		s.buffer = make([]byte, 0, 2*(len(c.Frame)+n*wire.DescriptorSize))
	}
	oldest := s.frame - min(s.ledger.Oldest(), job.source.Frame)
	for i := range n {
		piece := c.Frame[i*len(c.Frame)/n : (i+1)*len(c.Frame)/n]
		begin := len(s.buffer)
		s.buffer = wire.AppendDescriptor(s.buffer, uint16(s.frame), i == 0)
		s.buffer = append(s.buffer, piece...)
		s.queue = append(s.queue, wire.Packet{
			Timestamp: Timestamp(job.Picture.Captured),
			Marker:    i == n-1,
			Payload:   s.buffer[begin:],
			Fragment: wire.Fragment{
				Frame: uint16(s.frame), Source: job.source.Name, Oldest: uint8(min(oldest, 255)),
				Index: uint16(i), Count: uint16(n),
			},
		})
	}
	if c.Stats.Info.Key {
		s.stats.KeyFrames++
	}
	return s.frame
}

// Timestamp is the RTP time stamp of a picture that was captured then.
func Timestamp(t time.Time) uint32 {
	return uint32(uint64(t.Unix())*wire.VideoClock + uint64(t.Nanosecond())*wire.VideoClock/uint64(time.Second))
}

// Packet returns the packet that leaves now; it counts as sent. If there is none, it returns how long to wait before asking again, or
// a negative time if nothing is planned and only another event can change that. The packet is valid until the next call of any
// method.
func (s *Sender) Packet(now time.Time) (*wire.Packet, time.Duration) {
	if s.path.Stalled(now) {
		if s.stall.begin(now, s.path.Capacity(now)) {
			s.abandon(now)
		}
		if s.sent == len(s.queue) {
			return s.probe(now)
		}
	} else {
		s.stall.end()
	}
	if s.sent == len(s.queue) {
		return nil, -1
	}
	if wait := s.pacer.Wait(now, s.path.Capacity(now)); wait > 0 {
		return nil, wait
	}
	p := &s.queue[s.sent]
	s.sent++
	if p.Fragment.Index == 0 {
		p.Fragment.Grace = now.Sub(s.lastSent)
	}
	frame := wire.Extend(s.frame, p.Fragment.Frame)
	s.leave(now, p, frame)
	return p, 0
}

func (s *Sender) leave(now time.Time, p *wire.Packet, frame uint64) {
	p.Sequence = uint16(s.sequence)
	s.path.Sent(now, s.sequence, p.Size(), frame)
	s.pacer.Sent(p.Size())
	s.limit.send(p.Size())
	s.sequence++
	s.lastSent = now
	s.stats.Packets++
	s.stats.WireBytes += uint64(p.Size())
}

// backlog is how many bytes wait for the pacer.
func (s *Sender) backlog() int {
	n := 0
	for i := s.sent; i < len(s.queue); i++ {
		n += s.queue[i].Size()
	}
	return n
}
