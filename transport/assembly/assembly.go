// Package assembly puts the frames of a receiver together from their packets, which may come in any order, twice or never.
package assembly

import (
	"slices"
	"time"

	"salsify/transport/wire"
)

const (
	// maxFrames is how many unfinished frames are kept: more than a round trip of any sense. Of too many the oldest goes.
	maxFrames = 32
	// maxBytes bounds what unfinished frames keep in memory.
	maxBytes = 16 << 20
	// remembered is for how many frames before the newest it is known that they were finished or given up, so that late and
	// repeated packets do not begin them anew.
	remembered = 1 << 10
)

// Frame is a frame that is whole.
type Frame struct {
	Number    uint64
	Source    wire.StateName
	Oldest    uint64 // the receiver may forget the states of frames before this one; 0: keep all
	Timestamp uint32 // of RTP
	Data      []byte
	First     time.Time // arrival of the packet that came first
	Last      time.Time // and of the one that came last
	WireBytes int       // what its packets took on the wire
}

// Assembler puts frames together. The zero Assembler is ready.
type Assembler struct {
	frames []*partial // in order of numbers
	bytes  int
	newest uint64
	done   [remembered]uint64 // frame numbers that are finished or given up
	spare  [][]byte           // buffers of wire.MaxPayload bytes

	stats Stats
}

// Stats counts what became of packets and frames.
type Stats struct {
	Frames      uint64 // finished
	Incomplete  uint64 // given up with packets missing
	Duplicates  uint64 // packets that were there already, or whose frame was finished
	Contrary    uint64 // packets that contradict others of their frame, or have no sense
	LatePackets uint64 // packets of frames that were given up, or are too old
}

type partial struct {
	frame   Frame
	pieces  [][]byte
	missing int
	bytes   int
}

// Stats returns the counts so far.
func (a *Assembler) Stats() Stats { return a.stats }

// Add takes a packet that arrived then. It returns the frame that the packet completes, or nil. The packet's payload is copied.
func (a *Assembler) Add(arrival time.Time, p *wire.Packet) *Frame {
	piece, err := wire.SkipDescriptor(p.Payload)
	if err != nil || p.Fragment.Count == 0 || len(piece) > wire.MaxPayload {
		a.stats.Contrary++
		return nil
	}
	number := wire.Extend(a.newest, p.Fragment.Frame)
	if a.newest == 0 {
		number = uint64(p.Fragment.Frame)
	}
	if number == 0 || a.newest-min(a.newest, number) >= remembered {
		a.stats.LatePackets++
		return nil
	}
	if a.done[number%remembered] == number {
		a.stats.Duplicates++
		return nil
	}
	f := a.find(arrival, number, p)
	if f == nil {
		return nil
	}
	if int(p.Fragment.Count) != len(f.pieces) || p.Fragment.Source != f.frame.Source || p.Timestamp != f.frame.Timestamp {
		a.stats.Contrary++
		return nil
	}
	if f.pieces[p.Fragment.Index] != nil {
		a.stats.Duplicates++
		return nil
	}
	f.pieces[p.Fragment.Index] = append(a.buffer(), piece...)
	f.missing--
	f.bytes += len(piece)
	a.bytes += wire.MaxPayload // what its buffer takes
	f.frame.Last = arrival
	f.frame.WireBytes += p.Size()
	if f.missing > 0 {
		a.bound()
		return nil
	}
	a.stats.Frames++
	whole := f.frame
	whole.Data = make([]byte, 0, f.bytes)
	for _, piece := range f.pieces {
		whole.Data = append(whole.Data, piece...)
	}
	a.remove(number)
	return &whole
}

// GiveUp drops the unfinished frames before that number, and returns how many they were.
func (a *Assembler) GiveUp(before uint64) int {
	n := 0
	for len(a.frames) > 0 && a.frames[0].frame.Number < before {
		a.remove(a.frames[0].frame.Number)
		n++
	}
	a.stats.Incomplete += uint64(n)
	return n
}

// find returns the unfinished frame of that number, which p may begin.
func (a *Assembler) find(arrival time.Time, number uint64, p *wire.Packet) *partial {
	at := len(a.frames)
	for at > 0 && a.frames[at-1].frame.Number >= number {
		at--
	}
	if at < len(a.frames) && a.frames[at].frame.Number == number {
		return a.frames[at]
	}
	f := &partial{
		frame:   Frame{Number: number, Source: p.Fragment.Source, Timestamp: p.Timestamp, First: arrival},
		pieces:  make([][]byte, p.Fragment.Count),
		missing: int(p.Fragment.Count),
	}
	if p.Fragment.Oldest < 255 {
		f.frame.Oldest = number - min(number, uint64(p.Fragment.Oldest))
	}
	a.frames = slices.Insert(a.frames, at, f)
	a.newest = max(a.newest, number)
	a.bound()
	if at == 0 && (len(a.frames) == 0 || a.frames[0] != f) {
		return nil // it was the one too many
	}
	return f
}

func (a *Assembler) bound() {
	for len(a.frames) > maxFrames || a.bytes > maxBytes {
		a.remove(a.frames[0].frame.Number)
		a.stats.Incomplete++
	}
}

func (a *Assembler) remove(number uint64) {
	for i, f := range a.frames {
		if f.frame.Number == number {
			for _, piece := range f.pieces {
				if piece != nil && len(a.spare) < wire.MaxFragments {
					a.spare = append(a.spare, piece)
				}
			}
			a.bytes -= (len(f.pieces) - f.missing) * wire.MaxPayload
			a.frames = slices.Delete(a.frames, i, i+1)
			break
		}
	}
	a.done[number%remembered] = max(a.done[number%remembered], number)
}

func (a *Assembler) buffer() []byte {
	if n := len(a.spare); n > 0 {
		b := a.spare[n-1]
		a.spare = a.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, wire.MaxPayload)
}
