package capacity_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/bitrate"
	"salsify/transport/capacity"
	"salsify/transport/wire"
)

const tick = 10 * time.Millisecond

// send lets n packets of 1000 bytes leave, one a tick from the first's on, as pieces of frames of some packets each, and returns
// the instant of the last.
func send(e *capacity.Estimator, first uint64, n, perFrame int) time.Time {
	now := start
	for i := range n {
		now = start.Add(time.Duration(first+uint64(i)) * tick)
		e.Sent(now, first+uint64(i), 1000, 1+uint64(i/perFrame))
	}
	return now
}

// report tells that of the packets 1 to highest all but the missing ones have come, each 20 ms after it left.
func report(number uint16, highest uint64, missing ...uint64) *wire.Report {
	at := func(n uint64) time.Duration { return time.Duration(n)*tick + 20*time.Millisecond }
	r := &wire.Report{Number: number, Highest: uint16(highest), At: at(highest)}
	for n := highest - 1; n >= 1; n-- {
		a := wire.Arrival{Received: !slices.Contains(missing, n)}
		if a.Received {
			a.At = at(n)
		}
		r.Before = append(r.Before, a)
	}
	return r
}

func newEstimator() *capacity.Estimator {
	return capacity.New(capacity.Config{Tolerance: 100 * time.Millisecond, Initial: mbit}, start)
}

func TestLost(t *testing.T) {
	type step struct {
		highest uint64
		missing []uint64
		packets int
		frames  []uint64
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"nothing", []step{{highest: 9}}},
		{"one", []step{{12, []uint64{5}, 1, []uint64{1}}}},
		{"told once", []step{{12, []uint64{5}, 1, []uint64{1}}, {14, []uint64{5}, 0, nil}}},
		{"of several frames", []step{{35, []uint64{5, 14, 15}, 3, []uint64{1, 2, 2}}}},
		{"the next may be reordered", []step{{6, []uint64{5}, 0, nil}, {7, nil, 0, nil}}},
		{"by two", []step{{7, []uint64{5}, 0, nil}, {8, nil, 0, nil}}},
		{"it was not", []step{{7, []uint64{5}, 0, nil}, {9, []uint64{5}, 1, []uint64{1}}}},
		{"it comes all the same", []step{{12, []uint64{5}, 1, []uint64{1}}, {13, nil, 0, nil}, {14, []uint64{5}, 0, nil}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEstimator()
			now := send(e, 1, 40, 12)
			for i, s := range c.steps {
				if !e.Report(now.Add(time.Duration(i)*tick), report(uint16(i+1), s.highest, s.missing...)) {
					t.Fatalf("report %d is refused", i)
				}
				frames := slices.Clone(e.Lost())
				slices.Sort(frames)
				if !slices.Equal(frames, s.frames) || e.LostPackets() != s.packets {
					t.Errorf("report %d: frames %v and %d packets are lost, not %v and %d", i, frames, e.LostPackets(), s.frames, s.packets)
				}
			}
		})
	}
}

// A probe that is lost is a lost packet, but of no frame.
func TestLostProbe(t *testing.T) {
	e := newEstimator()
	var now time.Time
	for i := range uint64(10) {
		now = start.Add(time.Duration(i+1) * tick)
		e.Sent(now, i+1, 100, 0)
	}
	if !e.Report(now, report(1, 10, 2)) || len(e.Lost()) != 0 || e.LostPackets() != 1 {
		t.Errorf("frames %v and %d packets are lost, not none and one", e.Lost(), e.LostPackets())
	}
}

func TestInFlight(t *testing.T) {
	e := newEstimator()
	now := send(e, 1, 10, 3)
	if got := e.InFlight(); got != 10_000 {
		t.Errorf("%d bytes in flight of 10000", got)
	}
	e.Report(now, report(1, 7, 3))
	if got := e.InFlight(); got != 3000 {
		t.Errorf("%d bytes in flight, not 3000", got)
	}
	e.Report(now, report(2, 10))
	if got := e.InFlight(); got != 0 {
		t.Errorf("%d bytes in flight, not 0", got)
	}
}

func TestImpossibleReportsTeachNothing(t *testing.T) {
	e := newEstimator()
	if e.Report(start, report(1, 5)) {
		t.Error("a report is taken though nothing was sent")
	}
	now := send(e, 1, 40, 12)
	if !e.Report(now, report(100, 20, 19, 20)) {
		t.Fatal("a true report is refused")
	}
	clock := e.Clock()
	capacityBefore, queue, flight := e.Capacity(now), e.Queue(now), e.InFlight()
	for _, c := range []struct {
		name string
		r    *wire.Report
	}{
		{"of a packet to come", report(101, 41)},
		{"of packets far away", &wire.Report{Number: 101, Highest: 30_000}},
		{"of packets half the range away", &wire.Report{Number: 101, Highest: 1<<15 + 20}},
		{"of a packet before the first", &wire.Report{Number: 101, Highest: 65_535}},
		{"of packet 0", &wire.Report{Number: 101, Highest: 0}},
		{"going back", report(101, 19)},
		{"repeated", report(100, 20)},
		{"old", report(99, 30)},
	} {
		if e.Report(now, c.r) {
			t.Errorf("a report %s is taken", c.name)
		}
		if len(e.Lost()) > 0 || e.LostPackets() > 0 {
			t.Errorf("after a report %s: %v lost", c.name, e.Lost())
		}
	}
	if e.Capacity(now) != capacityBefore || e.Queue(now) != queue || e.InFlight() != flight || e.Clock() != clock {
		t.Error("an impossible report moved something")
	}
	if !e.Report(now, report(101, 30)) {
		t.Error("after impossible reports a true one is refused")
	}
}

// The numbers of reports wrap.
func TestReportNumbersWrap(t *testing.T) {
	e := newEstimator()
	now := send(e, 1, 40, 12)
	for i, number := range []uint16{65_534, 65_535, 0, 1, 30_000} {
		if !e.Report(now, report(number, uint64(10+i))) {
			t.Errorf("report %d is refused", number)
		}
	}
}

// A report may tell of more than the Estimator remembers.
func TestReportOfForgottenPackets(t *testing.T) {
	e := newEstimator()
	now := send(e, 1, 10_000, 12)
	r := report(1, 5905)
	r.Before = r.Before[:200] // the log goes back to about 5900
	if !e.Report(now, r) {
		t.Error("a report is refused")
	}
	if e.Report(now, report(2, 30)) {
		t.Error("a report of packets long forgotten is taken")
	}
}

// checkSane fails if any answer has no sense.
func checkSane(t interface{ Fatalf(string, ...any) }, e *capacity.Estimator, now time.Time, limit bitrate.Bitrate) {
	if got := e.Capacity(now); got <= 0 || got > limit {
		t.Fatalf("the estimate is %v", got)
	}
	if got := e.Queue(now); got < 0 || got > 1<<13*1500 {
		t.Fatalf("%d bytes in the queue", got)
	}
	if e.QueueDelay() < 0 || e.RTT() < 0 || e.InFlight() < 0 {
		t.Fatalf("queue delay %v, round trip %v, %d bytes in flight", e.QueueDelay(), e.RTT(), e.InFlight())
	}
	if got := e.Budget(now); got > limit.Bytes(100*time.Millisecond) {
		t.Fatalf("the budget is %d", got)
	}
	e.Stalled(now)
}

// Whatever a receiver may say, the estimator stays sane.
func TestLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 4 * (1 << 12) * 1500 * 80 * bitrate.BitPerSecond // four times all that is remembered in one bucket of 100 ms
		e := newEstimator()
		now := start
		sequence := rapid.Uint64Range(0, 1<<17).Draw(t, "first")
		number := uint16(0)
		duration := rapid.OneOf(rapid.Int64Range(-1e9, 1e9), rapid.Int64Range(math.MinInt32*1000, math.MaxInt32*1000),
			rapid.Just[int64](0))
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				for range rapid.IntRange(1, 300).Draw(t, "n") {
					e.Sent(now, sequence, rapid.IntRange(60, 1400).Draw(t, "size"), sequence/5)
					sequence++
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "ns")))
			},
			"report": func(t *rapid.T) {
				number += uint16(rapid.IntRange(0, 3).Draw(t, "step"))
				r := wire.Report{
					Number:  number,
					Highest: uint16(sequence) - uint16(rapid.IntRange(0, 400).Draw(t, "behind")),
					At:      e.Clock() + time.Duration(duration.Draw(t, "at")),
					Hold:    time.Duration(rapid.Int64Range(0, int64(wire.MaxHold)).Draw(t, "hold")),
				}
				at := r.At
				for range rapid.IntRange(0, wire.MaxArrivals).Draw(t, "before") {
					at -= time.Duration(duration.Draw(t, "gap"))
					r.Before = append(r.Before, wire.Arrival{Received: rapid.Bool().Draw(t, "received"), At: at})
				}
				sent := sequence
				if e.Report(now, &r) && uint16(sent-1)-r.Highest >= 1<<15 {
					t.Fatalf("a report of packet %d is taken, though only those before %d were sent", r.Highest, sent)
				}
			},
			"": func(t *rapid.T) { checkSane(t, e, now, limit) },
		})
	})
}

// FuzzReports feeds reports as they come from the network.
func FuzzReports(f *testing.F) {
	f.Add(report(1, 5, 3).Append(nil), report(2, 9, 3, 4).Append(nil), uint16(1))
	f.Add(report(1, 5).Append(nil), report(1, 5).Append(nil), uint16(65_533))
	f.Add((&wire.Report{Number: 9, Highest: 3, At: 1 << 31 * time.Microsecond}).Append(nil), []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, a, b []byte, first uint16) {
		const limit = 4 * (1 << 12) * 1500 * 80 * bitrate.BitPerSecond // four times all that is remembered in one bucket of 100 ms
		e := newEstimator()
		for i := range uint64(20) {
			e.Sent(start.Add(time.Duration(i)*tick), uint64(first)+i, 1000, 1+i/3)
		}
		for i, bytes := range [][]byte{a, b, a} {
			now := start.Add(time.Duration(20+i) * tick)
			var r wire.Report
			if r.Parse(bytes, e.Clock()) == nil && e.Report(now, &r) {
				if len(e.Lost()) > 20 || e.LostPackets() > 20 {
					t.Fatalf("%d packets lost of 20", e.LostPackets())
				}
			}
			checkSane(t, e, now, limit)
			e.Sent(now, uint64(first)+20+uint64(i), 1000, 9)
			checkSane(t, e, now.Add(time.Hour), limit)
		}
	})
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	e := newEstimator()
	now, sequence, number := start, uint64(1), uint16(1)
	r := &wire.Report{Before: make([]wire.Arrival, 16)}
	round := func() {
		for range 8 {
			now = now.Add(time.Millisecond)
			e.Sent(now, sequence, 1200, sequence/10)
			sequence++
			e.Capacity(now)
			e.Budget(now)
		}
		at := now.Sub(start) + 20*time.Millisecond
		*r = wire.Report{Number: number, Highest: uint16(sequence - 1), At: at, Before: r.Before}
		for i := range r.Before {
			r.Before[i] = wire.Arrival{Received: i%5 > 0, At: at - time.Duration(i+1)*time.Millisecond}
		}
		number++
		if !e.Report(now.Add(10*time.Millisecond), r) {
			t.Fatal("a report is refused")
		}
	}
	for range 10 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("%v allocations in 8 packets and a report", n)
	}
}

func BenchmarkPacket(b *testing.B) {
	e := newEstimator()
	r := &wire.Report{Before: make([]wire.Arrival, 31)}
	now := start
	for i := range r.Before {
		r.Before[i].Received = true
	}
	for sequence := uint64(1); b.Loop(); sequence++ {
		now = now.Add(time.Millisecond)
		e.Sent(now, sequence, 1200, sequence/10)
		e.Budget(now)
		if sequence%16 == 0 {
			r.Number++
			r.Highest, r.At = uint16(sequence), now.Sub(start)
			for i := range r.Before {
				r.Before[i].At = r.At - time.Duration(i+1)*time.Millisecond
			}
			e.Report(now, r)
		}
	}
}
