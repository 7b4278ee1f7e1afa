package emulator

import "sync"

// packet is what a link carries. Its memory is used again, so that thousands a second cost the collector nothing; that of one that
// a link has dropped is left to the collector.
type packet struct {
	data []byte
	tag  any
	from *sync.Pool
}

// sizeClasses are the capacities of pooled packets in bytes: reports and acknowledgements, packets of a usual network, and the
// longest datagram. A packet takes the smallest that holds it. With link.MaxPackets of them and link.MaxBytes that bounds the
// memory: a packet of class i+1 is longer than class i.
var sizeClasses = [...]struct {
	bytes int
	pool  sync.Pool
}{{bytes: 256}, {bytes: 1536}, {bytes: 64 << 10}}

// newPacket copies data, which must not be longer than the longest IP packet, 64 KiB.
func newPacket(data []byte, tag any) *packet {
	class := 0
	for len(data) > sizeClasses[class].bytes {
		class++
	}
	pool := &sizeClasses[class].pool
	p, _ := pool.Get().(*packet)
	if p == nil {
		p = &packet{data: make([]byte, 0, sizeClasses[class].bytes), from: pool}
	}
	p.data, p.tag = append(p.data[:0], data...), tag
	return p
}

// free gives the memory back. Nobody may use the packet any more.
func (p *packet) free() {
	p.tag = nil
	p.from.Put(p)
}
