package capacity

import (
	"time"

	"salsify/transport/bitrate"
)

// logSize is how many packets the log remembers: over a second at 40 Mbit/s.
const logSize = 1 << 12

// fate is what became of a packet.
type fate uint8

const (
	unknown fate = iota
	received
	lost
)

// sentPacket is what the sender remembers of a packet that left.
type sentPacket struct {
	at    time.Duration
	total uint64 // bytes that had left when it had
	frame uint64
	size  int
	ahead int // bytes of other packets that left between the packet before and this one
	still int // what of that can have been at the link still when this one left, if the link was idle before
	fate  fate
}

// sentLog is a ring of the packets that left last, by sequence number.
type sentLog struct {
	packets     [logSize]sentPacket
	first, next uint64 // sequence numbers of the oldest packet that is remembered and of the one to come
	total       uint64
	beside      beside
}

// beside is what left since the last packet and is none of them: no report tells of it.
type beside struct {
	bytes int
	still float64       // what of it can be at the link, if that was idle before
	at    time.Duration // when that held
}

// left is what of it can still be at the link at a later time.
func (b *beside) left(at time.Duration, rate bitrate.Bitrate) float64 {
	return max(0, b.still-float64(rate)/8*(at-b.at).Seconds())
}

func (b *beside) add(at time.Duration, size int, rate bitrate.Bitrate) {
	b.still = b.left(at, rate) + float64(size)
	b.bytes += size
	b.at = at
}

func (l *sentLog) empty() bool { return l.first == l.next }

func (l *sentLog) add(sequence uint64, at time.Duration, size int, frame uint64, rate bitrate.Bitrate) {
	if sequence != l.next {
		l.first = sequence // the first packet, or a new count
	}
	l.next = sequence + 1
	if l.next-l.first > logSize {
		l.first = l.next - logSize
	}
	l.total += uint64(l.beside.bytes + size)
	l.packets[sequence%logSize] = sentPacket{
		at: at, total: l.total, frame: frame, size: size, ahead: l.beside.bytes, still: int(l.beside.left(at, rate)),
	}
	l.beside = beside{}
}

// get returns a packet that is remembered, or nil.
func (l *sentLog) get(sequence uint64) *sentPacket {
	if sequence < l.first || sequence >= l.next {
		return nil
	}
	return &l.packets[sequence%logSize]
}

// forget drops the packets before that one.
func (l *sentLog) forget(before uint64) {
	if before > l.first {
		l.first = min(before, l.next)
	}
}

// bytesFrom is how many bytes left with that packet and after it.
func (l *sentLog) bytesFrom(sequence uint64) int {
	p := l.get(max(sequence, l.first))
	if p == nil {
		return 0
	}
	return int(l.total-p.total) + p.size + l.beside.bytes
}

// replay moves the packets from that one on through a link of that rate, which is free at an instant, and returns how many
// bytes still wait at another.
func (l *sentLog) replay(sequence uint64, free, until time.Duration, rate bitrate.Bitrate) int {
	bytesPerSecond := float64(rate) / 8
	var queue float64
	t := free
	for ; ; sequence++ {
		p := l.get(sequence)
		if p == nil {
			break
		}
		if p.at > t {
			queue = max(0, queue-bytesPerSecond*(min(p.at, max(until, t))-t).Seconds())
			t = p.at
		}
		if queue > 0 {
			queue += float64(p.ahead)
		} else {
			queue += float64(p.still)
		}
		queue += float64(p.size)
	}
	queue += float64(l.beside.bytes)
	if until > t {
		queue = max(0, queue-bytesPerSecond*(until-t).Seconds())
	}
	return int(queue)
}

// carried remembers how many bytes came in each carriedBucket.
type carried struct {
	bytes [carriedBuckets]int
	index [carriedBuckets]int64 // which bucket since the first arrival that is
	last  int64
	first time.Duration
	any   bool
}

func (c *carried) add(at time.Duration, size int) {
	if !c.any {
		c.any, c.first = true, at
	}
	index := int64((at - c.first) / carriedBucket)
	slot := &c.bytes[uint64(index)%carriedBuckets]
	if c.index[uint64(index)%carriedBuckets] != index {
		c.index[uint64(index)%carriedBuckets] = index
		*slot = 0
	}
	*slot += size
	c.last = max(c.last, index)
}

// peak is the best bucket's rate, of the last carriedBuckets before the newest arrival.
func (c *carried) peak() bitrate.Bitrate {
	best := 0
	for i, bytes := range c.bytes {
		if c.last-c.index[i] < carriedBuckets {
			best = max(best, bytes)
		}
	}
	return bitrate.Of(best, carriedBucket)
}
