package assembly_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/assembly"
	"salsify/transport/wire"
)

var start = time.Unix(1_000_000, 0)

// cut gives the packets of a frame, with pieces of up to that many bytes.
func cut(number uint64, data []byte, piece int) []wire.Packet {
	n := max(1, (len(data)+piece-1)/piece)
	packets := make([]wire.Packet, n)
	for i := range packets {
		packets[i] = wire.Packet{
			Timestamp: uint32(number) * 3000,
			Marker:    i == n-1,
			Payload:   append(wire.AppendDescriptor(nil, uint16(number), i == 0), data[i*piece:min((i+1)*piece, len(data))]...),
			Fragment: wire.Fragment{
				Frame: uint16(number), Source: sourceOf(number), Oldest: 3, Index: uint16(i), Count: uint16(n),
			},
		}
	}
	return packets
}

func sourceOf(number uint64) wire.StateName {
	return wire.StateName{byte(number), byte(number >> 8), 's'}
}

// dataOf is a frame of that many bytes.
func dataOf(number uint64, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte((uint64(i) + number) * 0x9E3779B97F4A7C15 >> 32)
	}
	return data
}

// check fails unless the frame is the one that cut took apart.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, f *assembly.Frame, number uint64, data []byte, packets []wire.Packet) {
	t.Helper()
	size := 0
	for i := range packets {
		size += packets[i].Size()
	}
	if f.Number != number || f.Source != sourceOf(number) || f.Timestamp != uint32(number)*3000 || f.WireBytes != size ||
		f.Oldest != number-min(number, 3) {
		t.Fatalf("frame %d with source %v, time %d, %d bytes on the wire and oldest frame %d; want frame %d with %d bytes", f.Number,
			f.Source, f.Timestamp, f.WireBytes, f.Oldest, number, size)
	}
	if !bytes.Equal(f.Data, data) {
		t.Fatalf("frame %d has other contents", number)
	}
}

func TestFramesInOrder(t *testing.T) {
	var a assembly.Assembler
	now := start
	for number := uint64(1); number < 70_000; number++ {
		if number%(1<<16) == 0 {
			continue // on the wire 0 stands for none
		}
		data := dataOf(number, 1+int(number*number%3000))
		packets := cut(number, data, 1000)
		for i := range packets {
			now = now.Add(time.Millisecond)
			f := a.Add(now, &packets[i])
			if (f != nil) != (i == len(packets)-1) {
				t.Fatalf("frame %d: after packet %d of %d it is whole: %v", number, i+1, len(packets), f != nil)
			}
			if f != nil {
				check(t, f, number, data, packets)
				if !f.Last.Equal(now) {
					t.Fatalf("frame %d: its last packet came at %v, not %v", number, f.Last, now)
				}
			}
		}
	}
	if s := a.Stats(); s.Frames != 69_998 || s.Duplicates+s.Contrary+s.LatePackets+s.Incomplete > 0 {
		t.Errorf("the counts are %+v", s)
	}
}

// In whatever order packets come and however often, each frame comes once, when the last of its packets is there.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a assembly.Assembler
		first := rapid.SampledFrom([]uint64{1, 2, 1000, 65_530, 1<<16 + 5}).Draw(t, "first")
		piece := rapid.IntRange(1, wire.MaxPayload-wire.DescriptorSize).Draw(t, "piece")
		frames := rapid.IntRange(1, 20).Draw(t, "frames")
		type sent struct {
			number  uint64
			data    []byte
			packets []wire.Packet
			missing int
		}
		var all []*wire.Packet
		byPacket := map[*wire.Packet]*sent{}
		for i := range frames {
			number := first + uint64(i)
			if uint16(number) == 0 {
				continue
			}
			s := &sent{number: number, data: dataOf(number, rapid.IntRange(1, 12*piece).Draw(t, "bytes"))}
			s.packets = cut(number, s.data, piece)
			s.missing = len(s.packets)
			for j := range s.packets {
				all = append(all, &s.packets[j])
				byPacket[&s.packets[j]] = s
			}
		}
		order := slices.Clone(all)
		for range rapid.IntRange(0, 30).Draw(t, "repeated") {
			order = append(order, all[rapid.IntRange(0, len(all)-1).Draw(t, "which")])
		}
		order = rapid.Permutation(order).Draw(t, "order")
		// A receiver knows the number of the first packet as it is on the wire.
		i := slices.Index(order, all[0])
		order[0], order[i] = order[i], order[0]
		base := first - uint64(all[0].Fragment.Frame)

		seen := map[*wire.Packet]bool{}
		duplicates := uint64(0)
		for i, p := range order {
			f := a.Add(start.Add(time.Duration(i)*time.Millisecond), p)
			s := byPacket[p]
			if seen[p] {
				duplicates++
			} else {
				s.missing--
			}
			whole := !seen[p] && s.missing == 0
			seen[p] = true
			if (f != nil) != whole {
				t.Fatalf("frame %d: %d packets are missing, and it is whole: %v", s.number, s.missing, f != nil)
			}
			if f != nil {
				f.Number, f.Oldest = f.Number+base, f.Oldest+base
				check(t, f, s.number, s.data, s.packets)
			}
		}
		if got := a.Stats(); got.Duplicates != duplicates || got.Contrary+got.LatePackets+got.Incomplete > 0 {
			t.Fatalf("with %d packets repeated the counts are %+v", duplicates, got)
		}
	})
}

func TestMissingPackets(t *testing.T) {
	var a assembly.Assembler
	for number := uint64(1); number <= 10; number++ {
		packets := cut(number, dataOf(number, 3000), 1000)
		for i := range packets {
			if number%2 == 0 && i == int(number)%3 {
				continue
			}
			if f := a.Add(start, &packets[i]); f != nil && number%2 == 0 {
				t.Errorf("frame %d is whole with a packet missing", number)
			}
		}
	}
	if s := a.Stats(); s.Frames != 5 || s.Incomplete != 0 {
		t.Errorf("the counts are %+v", s)
	}
	if n := a.GiveUp(7); n != 3 { // 2, 4, 6
		t.Errorf("%d frames are given up, not 3", n)
	}
	packets := cut(4, dataOf(4, 3000), 1000)
	for i := range packets {
		if a.Add(start, &packets[i]) != nil {
			t.Error("a frame that was given up is whole")
		}
	}
	packets = cut(8, dataOf(8, 3000), 1000)
	if f := a.Add(start, &packets[2]); f == nil {
		t.Error("a frame that was not given up is not whole with its last packet")
	}
	if n := a.GiveUp(100); n != 1 {
		t.Errorf("%d frames are given up, not 1", n)
	}
	if s := a.Stats(); s.Frames != 6 || s.Incomplete != 4 || s.Duplicates+s.LatePackets != 3 {
		t.Errorf("the counts are %+v", s)
	}
}

func TestContraryPackets(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Packet)
	}{
		{"another count", func(p *wire.Packet) { p.Fragment.Count = 4 }},
		{"another source", func(p *wire.Packet) { p.Fragment.Source[7]++ }},
		{"another time", func(p *wire.Packet) { p.Timestamp++ }},
		{"no payload", func(p *wire.Packet) { p.Payload = nil }},
		{"only a descriptor", func(p *wire.Packet) { p.Payload = p.Payload[:wire.DescriptorSize] }},
		{"half a descriptor", func(p *wire.Packet) { p.Payload = p.Payload[:2] }},
		{"a payload longer than any", func(p *wire.Packet) { p.Payload = append(p.Payload, make([]byte, 2*wire.MaxPayload)...) }},
		{"a probe", func(p *wire.Packet) { p.Fragment.Count = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a assembly.Assembler
			data := dataOf(1, 3000)
			packets, bad := cut(1, data, 1000), cut(1, data, 1000)
			a.Add(start, &packets[0])
			c.change(&bad[1])
			if a.Add(start, &bad[1]) != nil || a.Stats().Contrary != 1 {
				t.Errorf("it is taken: %+v", a.Stats())
			}
			a.Add(start, &packets[1])
			f := a.Add(start, &packets[2])
			if f == nil {
				t.Fatal("the frame is not whole afterwards")
			}
			check(t, f, 1, data, packets)
		})
	}
}

// The first packet may say nothing of what is old.
func TestOldest(t *testing.T) {
	for _, c := range []struct {
		number uint64
		back   uint8
		want   uint64
	}{{5, 0, 5}, {5, 3, 2}, {5, 5, 0}, {5, 200, 0}, {300, 254, 46}, {300, 255, 0}} {
		var a assembly.Assembler
		p := cut(c.number, []byte{1}, 1)[0]
		p.Fragment.Oldest = c.back
		if f := a.Add(start, &p); f == nil || f.Oldest != c.want {
			t.Errorf("frame %d, %d back: %+v, want oldest frame %d", c.number, c.back, f, c.want)
		}
	}
}

// The payload is the caller's, and may change.
func TestPayloadIsCopied(t *testing.T) {
	var a assembly.Assembler
	data := dataOf(1, 2000)
	packets := cut(1, data, 1000)
	a.Add(start, &packets[0])
	clear(packets[0].Payload)
	f := a.Add(start, &packets[1])
	clear(packets[1].Payload)
	for number := uint64(2); number < 50; number++ { // buffers are used again
		for _, p := range cut(number, dataOf(number, 2000), 1000) {
			a.Add(start, &p)
		}
	}
	if f == nil || !bytes.Equal(f.Data, data) {
		t.Error("the frame has changed")
	}
}

// After a jump the old numbers are forgotten, and those of the new count go on.
func TestJump(t *testing.T) {
	var a assembly.Assembler
	whole := 0
	for _, number := range []uint64{1, 2, 20_000, 3, 20_001, 45_000, 65_535, 65_537, 65_536 + 30_000, 20_002} {
		p := cut(number, []byte{1}, 1)[0]
		if f := a.Add(start, &p); f != nil {
			whole++
			if f.Number != number {
				t.Errorf("frame %d is taken for %d", number, f.Number)
			}
		}
	}
	if s := a.Stats(); whole != 8 || s.LatePackets != 2 {
		t.Errorf("%d frames are whole; the counts are %+v", whole, s)
	}
}

// Hostile packets, each the begin of another frame or a piece of a huge one, take memory within bounds.
func TestMemoryIsBounded(t *testing.T) {
	measure := func(n int, each func(a *assembly.Assembler, random *rand.Rand, i int)) int {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		a := &assembly.Assembler{}
		random := rand.New(rand.NewPCG(1, 2))
		for i := range n {
			each(a, random, i)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(a)
		return int(after.HeapAlloc) - int(before.HeapAlloc)
	}
	payload := wire.AppendDescriptor(nil, 1, true)
	long := append(slices.Clone(payload), make([]byte, wire.MaxPayload-len(payload))...)
	for _, c := range []struct {
		name string
		n    int // packets
		each func(*assembly.Assembler, *rand.Rand, int)
	}{
		{"random fragments", 100_000, func(a *assembly.Assembler, random *rand.Rand, i int) {
			count := 1 + random.Uint32N(wire.MaxFragments)
			a.Add(start, &wire.Packet{Payload: long, Fragment: wire.Fragment{
				Frame: uint16(1 + random.Uint32N(100)), Index: uint16(random.Uint32N(count)), Count: uint16(count),
			}})
		}},
		{"huge frames", 150_000, func(a *assembly.Assembler, random *rand.Rand, i int) {
			a.Add(start, &wire.Packet{Payload: long, Fragment: wire.Fragment{
				Frame: uint16(1 + i/(wire.MaxFragments-1)), Index: uint16(i % (wire.MaxFragments - 1)), Count: wire.MaxFragments,
			}})
		}},
		{"many frames", 5000, func(a *assembly.Assembler, random *rand.Rand, i int) {
			a.Add(start, &wire.Packet{Payload: long, Fragment: wire.Fragment{Frame: uint16(1 + i), Count: wire.MaxFragments}})
		}},
		{"huge frames of short pieces", 150_000, func(a *assembly.Assembler, random *rand.Rand, i int) {
			a.Add(start, &wire.Packet{Payload: long[:wire.DescriptorSize+1], Fragment: wire.Fragment{
				Frame: uint16(1 + i/(wire.MaxFragments-1)), Index: uint16(i % (wire.MaxFragments - 1)), Count: wire.MaxFragments,
			}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := measure(c.n, c.each); got > 100<<20 {
				t.Errorf("it takes %d MB", got>>20)
			} else {
				t.Logf("it takes %d kB", got>>10)
			}
		})
	}
}

func TestOnlyTheFrameIsAllocated(t *testing.T) {
	var a assembly.Assembler
	packets := cut(1, dataOf(1, 10_000), 1000)
	number := uint16(0)
	frame := func() {
		number++
		for i := range packets {
			packets[i].Fragment.Frame = number
			packets[i].Timestamp = uint32(number)
			a.Add(start, &packets[i])
		}
	}
	frame()
	if n := testing.AllocsPerRun(100, frame); n > 5 {
		t.Errorf("%v allocations for a frame of %d packets", n, len(packets))
	}
}

// FuzzPackets feeds what the network may bring: each record is an element of the header extension and a payload.
func FuzzPackets(f *testing.F) {
	var seed []byte
	for _, number := range []uint64{1, 3, 2, 1} {
		for _, p := range cut(number, dataOf(number, 60), 30) {
			seed = append(p.Fragment.Append(append(seed, byte(len(p.Payload)))), p.Payload...)
		}
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		var a assembly.Assembler
		packets := uint64(0)
		whole := map[uint64]bool{}
		for len(b) > 1+wire.FragmentSize {
			n := min(int(b[0]), len(b)-1-wire.FragmentSize)
			fragment, err := wire.ParseFragment(b[1 : 1+wire.FragmentSize])
			payload := b[1+wire.FragmentSize:][:n]
			b = b[1+wire.FragmentSize+n:]
			if err != nil {
				continue
			}
			packets++
			frame := a.Add(start, &wire.Packet{Payload: payload, Fragment: fragment})
			if frame == nil {
				continue
			}
			if whole[frame.Number] || len(frame.Data) == 0 || frame.Number == 0 || frame.Oldest > frame.Number {
				t.Fatalf("frame %d of %d bytes, with oldest frame %d, whole before: %v", frame.Number, len(frame.Data), frame.Oldest,
					whole[frame.Number])
			}
			whole[frame.Number] = true
		}
		s := a.Stats()
		if s.Frames != uint64(len(whole)) || s.Frames+s.Duplicates+s.Contrary+s.LatePackets > packets {
			t.Fatalf("of %d packets and %d frames the counts are %+v", packets, len(whole), s)
		}
		a.GiveUp(1 << 40)
	})
}
