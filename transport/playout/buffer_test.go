package playout_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/playout"
)

// player gives packets to a buffer and pulls each 20 ms.
type player struct {
	b   *playout.Buffer
	now time.Duration
}

func newPlayer(c playout.Config) *player { return &player{b: playout.New(c)} }

// packet of 20 ms, whose payload is its number, comes now.
func (p *player) packet(n int, fec bool) {
	body := []byte{1 << 3, 0, byte(n >> 8), byte(n)}
	if fec {
		body[1] = 1 << 6
	}
	p.b.Packet(start.Add(p.now), playout.Packet{Sequence: uint16(n), Timestamp: uint32(n) * 960, Duration: 20 * ms, Payload: body})
}

func (p *player) pull() playout.Action { return p.b.Pull(start.Add(p.now)) }

func numberOf(a playout.Action) int {
	if len(a.Payload) < 4 {
		return -1
	}
	return int(a.Payload[2])<<8 | int(a.Payload[3])
}

// warm plays that many packets, the last of which is first+n-1, and returns when the sound has begun.
func (p *player) warm(t *testing.T, first, n int) {
	t.Helper()
	var a playout.Action
	for i := range n {
		p.packet(first+i, false)
		p.now += 5 * ms
		a = p.pull()
		p.now += 15 * ms
	}
	if a.Kind != playout.Decode {
		t.Fatalf("after %d packets: %v", n, a.Kind)
	}
}

func TestLostPacket(t *testing.T) {
	for _, c := range []struct {
		name string
		fec  bool
		want []playout.Kind
	}{
		{"with a copy in the next", true, []playout.Kind{playout.Decode, playout.Recover, playout.Decode, playout.Decode}},
		{"without", false, []playout.Kind{playout.Decode, playout.Conceal, playout.Decode, playout.Decode}},
	} {
		p := newPlayer(playout.Config{Min: 100 * ms})
		p.warm(t, 65_500, 20)
		next := 0
		for i := 65_520; i < 65_560; i++ {
			if i != 65_540 {
				p.packet(i, c.fec)
			}
			p.now += 5 * ms
			a := p.pull()
			if a.Kind == playout.Decode && numberOf(a) == 65_539&0xffff || next > 0 {
				if next < len(c.want) && a.Kind != c.want[next] {
					t.Errorf("%s: action %d is %v, want %v", c.name, next, a.Kind, c.want[next])
				}
				if a.Kind == playout.Recover && (numberOf(a) != 65_541&0xffff || a.Timestamp%960 != 0) {
					t.Errorf("%s: the lost packet is made from packet %d", c.name, numberOf(a))
				}
				next++
			}
			p.now += 15 * ms
		}
		if next < len(c.want) {
			t.Errorf("%s: only %d actions from the packet before the loss on", c.name, next)
		}
		if s := p.b.Stats(); s.Lost != 1 || s.Recovered+s.Concealed != 1 {
			t.Errorf("%s: the counts are %+v", c.name, s)
		}
	}
}

// A packet that is late is played when it comes, and the delay has grown by what it was late.
func TestLatePacketIsWaitedFor(t *testing.T) {
	p := newPlayer(playout.Config{})
	p.warm(t, 1, 400) // down to the least delay
	before := p.b.Delay().Playing
	var kinds []playout.Kind
	var numbers []int
	for i := range 8 {
		if i == 6 { // all at once
			for n := range 7 {
				p.packet(401+n, false)
			}
		} else if i > 6 {
			p.packet(401+i, false)
		}
		p.now += 5 * ms
		a := p.pull()
		kinds, numbers = append(kinds, a.Kind), append(numbers, numberOf(a))
		p.now += 15 * ms
	}
	if i := slices.Index(kinds, playout.Decode); kinds[i] != playout.Decode || !slices.Contains(numbers, 401) || p.b.Stats().Lost > 0 {
		t.Errorf("actions %v of packets %v, counts %+v: want concealment until packet 401 is there", kinds, numbers, p.b.Stats())
	}
	if d := p.b.Delay(); d.Playing < before+35*ms || d.Target < before+35*ms {
		t.Errorf("the delay is %+v after a packet that was 120 ms late; %v before", d, before)
	}
}

// In steady rhythm a large delay comes down by a few percent of the time, and no faster.
func TestSpeedIsBounded(t *testing.T) {
	p := newPlayer(playout.Config{})
	p.b.KeepAtLeast(300 * ms)
	p.warm(t, 1, 100)
	p.b.KeepAtLeast(0)
	var sum time.Duration
	came, end := p.now, p.now+5*time.Second
	for n := 101; p.now < end; p.now += 20 * ms {
		for asks := p.now; came <= asks; n++ {
			p.now = came
			p.packet(n, false)
			p.now, came = asks, came+20*ms
		}
		if a := p.pull(); a.Stretch < 0 {
			change := max(a.Stretch, -8*ms)
			p.b.Stretched(change)
			sum -= change
			p.now += change
		}
	}
	if sum < 200*ms || sum > 500*ms {
		t.Errorf("%v of 5 s were cut, want some 280 ms", sum)
	}
	if d := p.b.Delay().Playing; d > 60*ms {
		t.Errorf("the delay is still %v", d)
	}
	if s := p.b.Stats(); s.Concealed+s.Lost > 0 || s.Accelerated != sum {
		t.Errorf("%v were cut, and the counts are %+v", sum, s)
	}
}

func TestRefused(t *testing.T) {
	p := newPlayer(playout.Config{})
	p.warm(t, 1, 20)
	for _, bad := range []playout.Packet{
		{Sequence: 21, Timestamp: 21 * 960, Duration: 20 * ms},
		{Sequence: 21, Timestamp: 21 * 960, Duration: 20 * ms, Payload: make([]byte, 1501)},
		{Sequence: 21, Timestamp: 21 * 960, Payload: []byte{8, 0}},
		{Sequence: 21, Timestamp: 21 * 960, Duration: time.Nanosecond, Payload: []byte{8, 0}},
		{Sequence: 21, Timestamp: 21 * 960, Duration: -20 * ms, Payload: []byte{8, 0}},
		{Sequence: 21, Timestamp: 21 * 960, Duration: time.Hour, Payload: []byte{8, 0}},
		{Sequence: 20_000, Timestamp: 21 * 960, Duration: 20 * ms, Payload: []byte{8, 0}},   // alone, so it is a stray one
		{Sequence: 22, Timestamp: 1<<31 + 5, Duration: 20 * ms, Payload: []byte{8, 0}},      // half a day early
		{Sequence: 40_000, Timestamp: 90_000_000, Duration: 20 * ms, Payload: []byte{8, 0}}, // another stray one
	} {
		was := p.b.Stats()
		p.b.Packet(start.Add(p.now), bad)
		if is := p.b.Stats(); is.Refused != was.Refused+1 || is.Received != was.Received || is.Restarts > 0 {
			t.Errorf("packet %d at %d of %v and %d bytes was taken", bad.Sequence, bad.Timestamp, bad.Duration, len(bad.Payload))
		}
	}
	p.warm(t, 21, 20)
}

// Whatever is lost, repeated and out of order: each packet is played at most once, in order, as it was sent, and the counts agree.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		first := uint16(rapid.IntRange(0, 65_535).Draw(t, "first"))
		stamp := rapid.Uint32().Draw(t, "timestamp")
		loss := rapid.Float64Range(0, 0.5).Draw(t, "loss")
		jitter := rapid.Float64Range(0, 200).Draw(t, "jitter, ms")
		twice := rapid.Float64Range(0, 0.5).Draw(t, "twice")
		var packets []packet
		const n = 1000
		came := map[int]bool{}
		for i := range n {
			p := playout.Packet{Sequence: first + uint16(i), Timestamp: stamp + uint32(i)*960, Duration: 20 * ms,
				Payload: append([]byte{1 << 3, byte(r.IntN(2) << 6)}, byte(i>>8), byte(i))}
			for copies := 0; copies == 0 || r.Float64() < twice; copies++ {
				if r.Float64() >= loss {
					packets = append(packets, packet{time.Duration(i)*20*ms + time.Duration(r.Float64()*jitter*float64(ms)), p})
					came[i] = true
				}
			}
		}
		slices.SortStableFunc(packets, func(a, b packet) int { return int(a.arrival - b.arrival) })
		unique, sent := len(came), len(packets)
		b := playout.New(playout.Config{})
		last := -1
		for now := time.Duration(0); now < n*20*ms+time.Second; now += 20 * ms {
			for len(packets) > 0 && packets[0].arrival <= now {
				b.Packet(start.Add(packets[0].arrival), packets[0].p)
				packets = packets[1:]
			}
			a := b.Pull(start.Add(now))
			if a.Kind != playout.Decode && a.Kind != playout.Recover {
				continue
			}
			i := numberOf(a)
			if !came[i] {
				t.Fatalf("packet %d was never sent", i)
			}
			at := i
			if a.Kind == playout.Recover {
				at--
			}
			if at <= last {
				t.Fatalf("%v of packet %d comes after packet %d", a.Kind, at, last)
			}
			if a.Timestamp != stamp+uint32(at)*960 {
				t.Fatalf("%v of packet %d has time stamp %d, want %d", a.Kind, at, a.Timestamp, stamp+uint32(at)*960)
			}
			last = at
		}
		s := b.Stats()
		if int(s.Received) != unique || int(s.Duplicates) != sent-unique || s.Refused+s.Restarts > 0 {
			t.Fatalf("%d packets were sent, %d different ones; the counts are %+v", sent, unique, s)
		}
		if s.Played+s.Late+s.Dropped != s.Received {
			t.Fatalf("all is over, and packets are neither played nor late nor dropped: %+v", s)
		}
		if s.Recovered > s.Lost || s.Lost > n {
			t.Fatalf("the counts are %+v", s)
		}
	})
}

// FuzzBuffer: packets and pulls of any kind give one action a pull that has sense, and nothing is lost count of.
func FuzzBuffer(f *testing.F) {
	seed := make([]byte, 0, 256)
	for i := range byte(16) {
		seed = append(seed, 0, 0, i, 0, 0, i*3, 192, 20, 8, 1, 20)
	}
	f.Add(seed)
	f.Add(bytes.Repeat([]byte{0, 128, 0, 255, 255, 255, 255, 3, 1, 1, 200}, 20))
	f.Fuzz(func(t *testing.T, ops []byte) {
		b := playout.New(playout.Config{Max: 200 * ms})
		now := start
		body := make([]byte, 1600)
		pulls := uint64(0)
		for len(ops) >= 11 {
			op := ops[:11]
			ops = ops[11:]
			now = now.Add(time.Duration(op[10]) * ms)
			if op[0]&1 == 0 {
				body[0], body[1] = op[8], op[9]
				b.Packet(now, playout.Packet{
					Sequence: binary.BigEndian.Uint16(op[1:]), Timestamp: binary.BigEndian.Uint32(op[3:]),
					Duration: time.Duration(int8(op[7])) * ms, Payload: body[:int(op[8])*7%1600],
				})
			}
			if op[0]&2 != 0 {
				b.Stretched(time.Duration(int8(op[8])) * ms)
				b.KeepAtLeast(time.Duration(int8(op[9])) * 10 * ms)
			}
			for range op[0] >> 2 & 3 {
				a := b.Pull(now)
				pulls++
				if a.Duration <= 0 || a.Duration > 120*ms {
					t.Fatalf("%v plays %v", a.Kind, a.Duration)
				}
				if sound := a.Kind == playout.Decode || a.Kind == playout.Recover; sound != (len(a.Payload) > 0) || !sound && a.Stretch != 0 {
					t.Fatalf("%v with %d bytes and a stretch of %v", a.Kind, len(a.Payload), a.Stretch)
				}
			}
			s := b.Stats()
			if s.Played+s.Recovered+s.Concealed+s.Silent != pulls {
				t.Fatalf("%d pulls, and the counts are %+v", pulls, s)
			}
			if waiting := s.Received - s.Played - s.Late - s.Dropped; waiting > 512 {
				t.Fatalf("%d packets are waiting: %+v", waiting, s)
			}
			if d := b.Delay(); d.Target < 10*ms || d.Target > 200*ms || d.Waiting < 0 {
				t.Fatalf("the delay is %+v", d)
			}
		}
	})
}

// After each place was used once, no packet takes memory, whatever its numbers are.
func TestMemoryIsBounded(t *testing.T) {
	b := playout.New(playout.Config{})
	r := rand.New(rand.NewPCG(1, 1))
	now := start
	body := make([]byte, 1500)
	body[0] = 8
	n, stamp := uint16(0), uint32(0)
	one := func() {
		now = now.Add(time.Duration(r.IntN(20)) * ms)
		n, stamp = n+uint16(r.IntN(3)), stamp+uint32(r.IntN(2000))
		if r.IntN(1000) == 0 {
			n, stamp = uint16(r.Uint32()), r.Uint32()
		}
		b.Packet(now, playout.Packet{Sequence: n, Timestamp: stamp, Duration: 20 * ms, Payload: body})
		if r.IntN(3) == 0 {
			b.Pull(now)
		}
	}
	for range 50_000 {
		one()
	}
	if allocs := testing.AllocsPerRun(20_000, one); allocs > 0 {
		t.Errorf("%v allocations a packet", allocs)
	}
	if b.Stats().Restarts == 0 {
		t.Error("the sender never began anew: the test has no sense")
	}
}

// TestSteadyState: a packet and its pull allocate nothing.
func TestSteadyState(t *testing.T) {
	p := newPlayer(playout.Config{})
	p.warm(t, 1, 2000)
	n := 2001
	if allocs := testing.AllocsPerRun(2000, func() {
		p.b.Packet(start.Add(p.now), playout.Packet{Sequence: uint16(n), Timestamp: uint32(n) * 960, Duration: 20 * ms, Payload: body})
		n++
		p.now += 20 * ms
		p.pull()
	}); allocs > 0 {
		t.Errorf("%v allocations a packet and pull", allocs)
	}
}

var body = []byte{8, 0, 0, 0}

func BenchmarkPacketAndPull(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	p := newPlayer(playout.Config{})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		p.b.Packet(start.Add(p.now+time.Duration(r.IntN(19))*ms), playout.Packet{
			Sequence: uint16(n), Timestamp: uint32(n) * 960, Duration: 20 * ms, Payload: body,
		})
		p.now += 20 * ms
		p.pull()
	}
}
