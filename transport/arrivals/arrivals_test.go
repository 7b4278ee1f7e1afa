package arrivals_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/arrivals"
	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

var epoch = time.Unix(1_000_000, 0)

// overhead is what a report has on the wire besides its own bytes: IP and UDP 28, RTCP APP 16, SRTCP 20.
const overhead = 28 + 16 + 20

// sent is a report that left.
type sent struct {
	at     time.Time
	report wire.Report
	bytes  int // on the wire
}

// receiver sends reports whenever they are due.
type receiver struct {
	r       *arrivals.Recorder
	now     time.Time
	reports []sent
}

func newReceiver() *receiver { return &receiver{r: arrivals.NewRecorder(epoch), now: epoch} }

// until sends the reports that are due until then.
func (r *receiver) until(now time.Time) {
	for {
		due, ok := r.r.Due()
		if !ok || due.After(now) {
			break
		}
		if due.After(r.now) { // else something has happened that made it due at once
			r.now = due
		}
		r.send(r.now)
	}
	if now.After(r.now) {
		r.now = now
	}
}

func (r *receiver) send(now time.Time) {
	report := *r.r.Report(now)
	report.Before = slices.Clone(report.Before)
	r.reports = append(r.reports, sent{at: now, report: report, bytes: len(report.Append(nil)) + overhead})
}

// packet is one of some number, that many milliseconds after the epoch. The report that it makes due leaves at the same instant.
func (r *receiver) packet(ms float64, sequence uint16) bool {
	now := epoch.Add(time.Duration(ms * 1e6))
	r.until(now)
	ok := r.r.Packet(now, sequence, 1200)
	r.until(now)
	return ok
}

// numbers gives the packets that a report tells to have come, and those that it tells to be missing.
func numbers(r *wire.Report) (received, missing []uint16) {
	received = append(received, r.Highest)
	for i, a := range r.Before {
		if a.Received {
			received = append(received, r.Highest-1-uint16(i))
		} else {
			missing = append(missing, r.Highest-1-uint16(i))
		}
	}
	return received, missing
}

func TestNothingIsDueWithoutNews(t *testing.T) {
	r := arrivals.NewRecorder(epoch)
	if due, ok := r.Due(); ok {
		t.Errorf("a report is due at %v before anything came", due)
	}
	r.Packet(epoch.Add(time.Second), 1, 1200)
	due, ok := r.Due()
	if !ok || due.Before(epoch.Add(time.Second)) || due.After(epoch.Add(1060*time.Millisecond)) {
		t.Fatalf("after a packet at 1 s a report is due at %v", due.Sub(epoch))
	}
	r.Report(due)
	if due, ok := r.Due(); ok {
		t.Errorf("another report is due at %v", due.Sub(epoch))
	}
	r.Packet(epoch.Add(2*time.Second), 1, 1200)
	if due, ok := r.Due(); ok {
		t.Errorf("after a packet that came twice a report is due at %v", due.Sub(epoch))
	}
}

func TestWhatIsUrgentIsDueSoon(t *testing.T) {
	for _, c := range []struct {
		name string
		tell func(r *arrivals.Recorder, now time.Time)
	}{
		{"a state", func(r *arrivals.Recorder, now time.Time) { r.Urge(now) }},
		{"a gap", func(r *arrivals.Recorder, now time.Time) { r.Packet(now, 4, 1200) }},
		{"many packets", func(r *arrivals.Recorder, now time.Time) {
			for i := range uint16(40) {
				r.Packet(now, 3+i, 1200)
			}
		}},
	} {
		r := arrivals.NewRecorder(epoch)
		r.Packet(epoch, 1, 1200)
		r.Report(epoch)
		now := epoch.Add(20 * time.Millisecond)
		r.Packet(now, 2, 1200)
		before, _ := r.Due()
		c.tell(r, now)
		if due, ok := r.Due(); !ok || due.After(now.Add(6*time.Millisecond)) || !due.Before(before) {
			t.Errorf("%s: due at %v, and at %v before", c.name, due.Sub(epoch), before.Sub(epoch))
		}
	}
}

// What came and what is missing is told, and each of it twice, so that one report may be lost. Only the newest packet of a report
// may be told more often: it is the one that others are counted from.
func TestEveryPacketIsInTwoReports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newReceiver()
		first := rapid.SampledFrom([]uint16{0, 1, 5, 30_000, 65_530, 65_535}).Draw(t, "first")
		n := rapid.IntRange(1, 400).Draw(t, "n")
		gap := rapid.Float64Range(0.3, 40).Draw(t, "gap")
		came := map[uint16]time.Duration{}
		now, inARow := rapid.Float64Range(0, 1e7).Draw(t, "start"), 0
		for i := range n {
			now += gap * rapid.Float64Range(0, 2).Draw(t, "factor")
			sequence := first + uint16(i)
			if i > 0 && inARow < 10 && rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
				inARow++
				continue
			}
			inARow = 0
			came[sequence] = time.Duration(now * 1e6).Truncate(time.Microsecond)
			if !r.packet(now, sequence) {
				t.Fatalf("packet %d is said to have come before", sequence)
			}
			if rapid.IntRange(0, 5).Draw(t, "urge") == 0 {
				r.r.Urge(epoch.Add(time.Duration(now * 1e6)))
			}
		}
		r.until(epoch.Add(time.Duration(now*1e6) + time.Second))
		last := r.reports[len(r.reports)-1].report
		told, toldMissing, border := map[uint16]int{}, map[uint16]int{}, map[uint16]bool{}
		for i, s := range r.reports {
			if s.report.Number != uint16(i+1) {
				t.Fatalf("report %d has number %d", i+1, s.report.Number)
			}
			border[s.report.Highest] = true
			received, missing := numbers(&s.report)
			for i, sequence := range received {
				told[sequence]++
				at, ok := came[sequence]
				if !ok {
					t.Fatalf("packet %d was lost, but is told to have come", sequence)
				}
				if i == 0 && (s.report.At != at || s.report.Hold != s.at.Sub(epoch)-at) {
					t.Fatalf("packet %d came at %v and is told for %v, held for %v until %v", sequence, at, s.report.At, s.report.Hold,
						s.at.Sub(epoch))
				}
			}
			for _, sequence := range missing {
				toldMissing[sequence]++
				if _, ok := came[sequence]; ok {
					t.Fatalf("packet %d came in order, but is told to be missing", sequence)
				}
			}
			for i, a := range s.report.Before {
				if sequence := s.report.Highest - 1 - uint16(i); a.Received && a.At != came[sequence] {
					t.Fatalf("packet %d came at %v and is told for %v", sequence, came[sequence], a.At)
				}
			}
		}
		secondLast := first - 1
		if n := len(r.reports); n > 1 {
			secondLast = r.reports[n-2].report.Highest
		}
		for i := range uint16(n) {
			sequence := first + i
			if int16(sequence-last.Highest) > 0 {
				continue // lost, and nothing came after it
			}
			times := told[sequence] + toldMissing[sequence]
			old := int16(sequence-secondLast) <= 0 // there were two reports since
			if times == 0 || times < 2 && old || times > 2 && !border[sequence] {
				t.Fatalf("packet %d of %d to %d is told %d times in %d reports", sequence, first, last.Highest, times, len(r.reports))
			}
		}
	})
}

// A packet that is late comes with the next report, in its place.
func TestReordered(t *testing.T) {
	r := newReceiver()
	for _, p := range []struct {
		ms       float64
		sequence uint16
	}{{0, 1}, {100, 2}, {101, 4}, {102, 5}, {140, 3}, {200, 6}} {
		if !r.packet(p.ms, p.sequence) {
			t.Errorf("packet %d is said to have come before", p.sequence)
		}
	}
	r.until(epoch.Add(time.Second))
	state := "" // of packet 3
	for _, s := range r.reports {
		received, missing := numbers(&s.report)
		switch {
		case slices.Contains(received, 3):
			state += "+"
		case slices.Contains(missing, 3):
			state += "-"
		}
	}
	if state != "-+" && state != "-++" {
		t.Errorf("packet 3 is told as %q", state)
	}
}

func TestRepeatedPackets(t *testing.T) {
	r := newReceiver()
	for _, sequence := range []uint16{65_534, 65_535, 0, 1, 2, 5} {
		if !r.packet(1, sequence) || r.packet(2, sequence) {
			t.Errorf("packet %d: first said to have come before, or the second not", sequence)
		}
	}
	for _, sequence := range []uint16{65_534, 65_535, 0, 1, 2, 5} {
		if r.packet(3, sequence) {
			t.Errorf("packet %d is said not to have come before", sequence)
		}
	}
	if !r.packet(3, 4) || !r.packet(3, 3) || !r.packet(3, 65_533) {
		t.Error("a late packet is said to have come before")
	}
}

func TestJumps(t *testing.T) {
	for _, jump := range []uint16{100, 119, 120, 121, 1000, 1024, 5000, 16_000, 17_000, 30_000} {
		r := newReceiver()
		sequence := uint16(60_000)
		ms := 0.0
		for range 3 {
			for range 50 {
				if ms += 3; !r.packet(ms, sequence) {
					t.Errorf("jumps of %d: packet %d is said to have come before", jump, sequence)
				}
				sequence++
			}
			sequence += jump
		}
		r.until(epoch.Add(time.Hour))
		for _, s := range r.reports {
			if len(s.report.Before) > 150 || s.bytes > 150*5+overhead+22 {
				t.Errorf("jumps of %d: a report tells of %d packets, in %d bytes", jump, len(s.report.Before), s.bytes)
			}
		}
		if last := r.reports[len(r.reports)-1].report; last.Highest != sequence-jump-1 {
			t.Errorf("jumps of %d: the newest packet is %d, not %d", jump, last.Highest, sequence-jump-1)
		}
	}
}

// video lets video come for 10 s: frames at 30 a second, of packets of 1200 bytes, back to back on a link of twice the rate, and
// after each frame a state to tell of. Of each hundred packets some are lost.
func video(rate bitrate.Bitrate, lost int) (r *receiver, wireBytes int) {
	r = newReceiver()
	sequence, saved := uint16(1), 0.0
	for frame := range 300 {
		at := float64(frame) * 1000 / 30
		saved += float64(rate) / 8 / 30
		for ; saved >= 1200; saved -= 1200 {
			at += 1200 * 8 / (2 * float64(rate)) * 1000
			if wireBytes += 1200; int(uint32(sequence)*2654435761>>8%100) >= lost {
				r.packet(at, sequence)
			}
			sequence++
		}
		r.until(epoch.Add(time.Duration((at + 4) * 1e6)))
		r.r.Urge(epoch.Add(time.Duration((at + 4) * 1e6))) // it took 4 ms to decode
	}
	r.until(epoch.Add(10 * time.Second))
	return r, wireBytes
}

func TestCostOfReports(t *testing.T) {
	for _, c := range []struct {
		rate    bitrate.Bitrate
		lost    int           // percent
		cost    float64       // of the video, at most
		longest time.Duration // between two
	}{
		{500 * bitrate.KbitPerSecond, 0, 0.05, 60 * time.Millisecond},
		{bitrate.MbitPerSecond, 0, 0.05, 60 * time.Millisecond},
		{bitrate.MbitPerSecond, 3, 0.06, 60 * time.Millisecond},
		{10 * bitrate.MbitPerSecond, 0, 0.05, 35 * time.Millisecond},
		{10 * bitrate.MbitPerSecond, 3, 0.05, 35 * time.Millisecond},
		{50 * bitrate.MbitPerSecond, 0, 0.05, 35 * time.Millisecond},
	} {
		r, wireBytes := video(c.rate, c.lost)
		bytes, longest, shortest := 0, time.Duration(0), time.Hour
		for i, s := range r.reports {
			bytes += s.bytes
			if i > 0 {
				d := s.at.Sub(r.reports[i-1].at)
				longest, shortest = max(longest, d), min(shortest, d)
			}
		}
		cost := float64(bytes) / float64(wireBytes)
		t.Logf("%v, %d %% lost: %d reports, %.1f %% of the video, %v to %v apart", c.rate, c.lost, len(r.reports), 100*cost, shortest,
			longest)
		if cost > c.cost || longest > c.longest || shortest < 5*time.Millisecond-time.Microsecond {
			t.Errorf("%v, %d %% lost: reports cost %.1f %% of the video, and are %v to %v apart", c.rate, c.lost, 100*cost, shortest, longest)
		}
	}
}

// Where all is urgent all the time, the allowance is what bounds the reports.
func TestAllowance(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{500 * bitrate.KbitPerSecond, 2 * bitrate.MbitPerSecond, 10 * bitrate.MbitPerSecond} {
		r := newReceiver()
		bytes := 0
		for i := range uint16(2000) {
			ms := float64(i) * float64(rate.Time(1200)) / 1e6
			r.packet(ms, i*2+1) // every second one is lost
			bytes += 2400
		}
		took := rate.Time(1200 * 2000)
		cost := 0
		for _, s := range r.reports {
			cost += s.bytes
		}
		t.Logf("%v: %v, and %.1f %%", rate, bitrate.Of(cost, took), 100*float64(cost)/float64(1200*2000))
		if got := bitrate.Of(cost, took); got > max(50*bitrate.KbitPerSecond, rate.Scale(0.08)) {
			t.Errorf("%v: reports take %v", rate, got)
		}
	}
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	r := arrivals.NewRecorder(epoch)
	now, sequence := epoch, uint16(0)
	round := func() {
		for range 20 {
			now = now.Add(time.Millisecond)
			sequence++
			r.Packet(now, sequence, 1200)
			r.Due()
		}
		r.Report(now)
	}
	for range 10 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("%v allocations in 20 packets and a report", n)
	}
}

// FuzzPackets feeds what the network may bring: for each packet how much later it comes, and by how much its number differs
// from the next. The receiver reports when it is due.
func FuzzPackets(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 5, 1, 0, 0})
	f.Add([]byte{0, 1, 0xff, 0xff, 200, 1, 0x40, 0, 5, 1, 0xbf, 0xff, 0, 1, 0x80, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newReceiver()
		now, sequence := epoch, uint16(0)
		for ; len(b) >= 4; b = b[4:] {
			now = now.Add(time.Duration(b[0]) * 100 * time.Microsecond)
			sequence += uint16(b[2])<<8 | uint16(b[3]) + 1
			r.until(now)
			r.r.Packet(now, sequence, int(b[1])*8)
			if b[1] == 0 {
				r.r.Urge(now)
			}
			due, ok := r.r.Due()
			if ok && due.After(now.Add(time.Second)) {
				t.Fatalf("a report is due only in %v", due.Sub(now))
			}
			r.until(now)
		}
		r.until(now.Add(time.Hour))
		if _, ok := r.r.Due(); ok {
			t.Fatal("after an hour a report is still due")
		}
		for i, s := range r.reports {
			var parsed wire.Report
			if err := parsed.Parse(s.report.Append(nil), s.report.At); err != nil {
				t.Fatalf("report %d cannot be read: %v", i, err)
			}
			if len(parsed.Before) != len(s.report.Before) || len(parsed.Before) > 150 {
				t.Fatalf("report %d tells of %d packets, read as %d", i, len(s.report.Before), len(parsed.Before))
			}
			if i > 0 && s.at.Sub(r.reports[i-1].at) < time.Millisecond {
				t.Fatalf("reports %d and %d leave %v apart", i-1, i, s.at.Sub(r.reports[i-1].at))
			}
		}
	})
}
