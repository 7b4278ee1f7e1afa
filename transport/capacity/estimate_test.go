package capacity_test

import (
	"fmt"
	"testing"
	"time"

	"salsify/transport/bitrate"
)

const (
	kbit = bitrate.KbitPerSecond
	mbit = bitrate.MbitPerSecond
)

func TestEstimateConverges(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{200 * kbit, mbit, 5 * mbit, 20 * mbit} {
		for _, initial := range []bitrate.Bitrate{max(rate/10, 100*kbit), rate, 5 * rate} {
			for _, share := range []float64{0.8, 1} {
				t.Run(fmt.Sprintf("%v from %v share %v", rate, initial, share), func(t *testing.T) {
					p := newPath(t, rate, initial)
					p.run(3*time.Second, p.video(share))
					for range 6 {
						p.run(333*time.Millisecond, p.video(share))
						p.near(0.75, 1.5)
						if delay := p.rate.Time(p.queued()); delay > 130*time.Millisecond {
							t.Errorf("%d bytes wait at the link, which take it %v", p.queued(), delay)
						}
					}
					if p.refused > 0 || p.taken == 0 {
						t.Errorf("%d reports taken, %d refused", p.taken, p.refused)
					}
				})
			}
		}
	}
}

func TestFullLinkIsMeasuredClosely(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{500 * kbit, 3 * mbit, 30 * mbit} {
		p := newPath(t, rate, mbit)
		full := func() {
			for p.queued() < rate.Bytes(30*time.Millisecond)+1200 {
				p.send(1200, 1200)
			}
		}
		p.run(2*time.Second, full)
		for range 20 {
			p.run(50*time.Millisecond, full)
			p.near(0.93, 1.07)
		}
	}
}

func TestEstimateFollowsTheLink(t *testing.T) {
	p := newPath(t, 5*mbit, mbit)
	p.run(3*time.Second, p.video(0.8))
	for range 3 {
		p.rate = mbit
		p.run(time.Second, p.video(0.8))
		p.near(0.7, 1.6)
		p.rate = 5 * mbit
		p.run(2*time.Second, p.video(0.8))
		p.near(0.7, 1.5)
	}
}

// The sender's pauses are not the link's work.
func TestPausesDoNotLowerTheEstimate(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause int // ms
		bytes int
	}{
		{"a train now and then", 400, 12_000}, {"a pair of packets", 100, 2400}, {"single packets", 200, 1200}, {"tiny packets", 40, 150},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPath(t, 5*mbit, mbit)
			p.run(3*time.Second, p.video(1))
			// What the estimate may be is bound to what was carried of late, so only the next second counts.
			for range 10 {
				p.run(100*time.Millisecond, func() {
					if p.step%c.pause == 0 {
						p.send(c.bytes, 1200)
					}
				})
				p.near(0.8, 1.5)
			}
			p.run(10*time.Second, nil)
			p.near(0.8, 1.5)
			if p.e.Stalled(p.time()) || p.e.Queue(p.time()) != 0 || p.e.InFlight() != 0 {
				t.Errorf("after a pause: stalled %v, %d bytes in the queue, %d in flight", p.e.Stalled(p.time()), p.e.Queue(p.time()),
					p.e.InFlight())
			}
		})
	}
}

func TestPausesOfAFullTrainKeepTheEstimate(t *testing.T) {
	p := newPath(t, 5*mbit, mbit)
	p.run(3*time.Second, p.video(1))
	for range 20 {
		p.run(500*time.Millisecond, func() {
			if p.step%250 == 0 {
				p.send(60_000, 1200)
			}
		})
		p.near(0.85, 1.3)
	}
}

// The clocks' offset cancels out, wherever their 32 bits wrap, and so do the numbers of packets.
func TestOffsetOfClocksAndWrapsDoNotMatter(t *testing.T) {
	measure := func(offset time.Duration, sequence uint64) (estimates []bitrate.Bitrate) {
		p := newPath(t, 3*mbit, mbit)
		p.offset, p.sequence = offset, sequence
		for range 3 {
			for range 20 {
				p.run(100*time.Millisecond, p.video(0.8))
				estimates = append(estimates, p.e.Capacity(p.time()))
			}
			p.now += 25 * time.Minute // three of these exceed the clock's 71.6 minutes
		}
		if p.refused > 0 {
			t.Errorf("offset %v, first sequence number %d: %d reports refused", offset, sequence, p.refused)
		}
		return estimates
	}
	want := measure(0, 1)
	for _, c := range []struct {
		offset   time.Duration
		sequence uint64
	}{
		{time.Hour/2 + 3*time.Microsecond, 1}, {1<<31*time.Microsecond - 3*time.Second, 0}, {0, 65500}, {0, 1<<16 - 1}, {0, 1 << 16},
		{0, 1<<32 - 20},
	} {
		for i, got := range measure(c.offset, c.sequence) {
			if float64(got) < 0.99*float64(want[i]) || float64(got) > 1.01*float64(want[i]) {
				t.Fatalf("offset %v, first sequence number %d: estimate %d is %v, without them %v", c.offset, c.sequence, i, got, want[i])
			}
		}
	}
}

func TestDriftOfClocks(t *testing.T) {
	for _, drift := range []float64{-50e-6, 50e-6} {
		p := newPath(t, 5*mbit, mbit)
		p.drift = drift
		p.run(3*time.Second, p.video(0.8))
		for range 57 {
			p.run(time.Second, p.video(0.8))
			p.near(0.8, 1.4)
		}
		// A packet a frame never waits, so all that is seen of a queue is the drift within the base delay's windows.
		for range 60 {
			p.run(time.Second, p.everyFrame(func() { p.send(1200, 1200) }))
			if q := p.e.QueueDelay(); q > 5*time.Millisecond {
				t.Errorf("drift %v: after %v a queue of %v is seen on an idle link", drift, p.now, q)
			}
		}
	}
}

// Short frames show no speed, so they must not be taken for an endless link.
func TestIdleLinkIsNotTakenForAnEndlessOne(t *testing.T) {
	for _, bytes := range []int{100, 700, 1200, 5000} {
		p := newPath(t, 1000*mbit, mbit)
		sent := bitrate.Of(bytes, 33*time.Millisecond)
		for range 60 {
			p.run(time.Second, p.everyFrame(func() { p.send(bytes, 1200) }))
			limit := max(mbit, sent.Scale(10))
			if got := p.e.Capacity(p.time()); got > limit {
				t.Fatalf("frames of %d bytes, after %v: the estimate is %v of %v sent", bytes, p.now, got, sent)
			}
			if got := p.e.Budget(p.time()); got > limit.Bytes(100*time.Millisecond) {
				t.Fatalf("frames of %d bytes, after %v: the budget is %d bytes", bytes, p.now, got)
			}
		}
	}
}

// An endless link leaves no memory that would make the estimate slow when the link becomes narrow.
func TestNarrowAfterEndless(t *testing.T) {
	p := newPath(t, 1000*mbit, mbit)
	p.run(60*time.Second, p.everyFrame(func() { p.send(20_000, 1200) }))
	p.rate = 2 * mbit
	p.run(2*time.Second, p.video(0.8))
	p.near(0.7, 1.6)
}

func TestLossesOnTheAirLeaveTheEstimate(t *testing.T) {
	p := newPath(t, 5*mbit, mbit)
	p.lost = func(sequence uint64) bool { return sequence*2654435761>>7%100 < 5 }
	lost := 0
	p.run(3*time.Second, p.video(0.8))
	for range 20 {
		p.run(100*time.Millisecond, func() {
			p.video(0.8)()
			lost += p.e.LostPackets()
		})
		p.near(0.7, 1.5)
	}
	if lost == 0 {
		t.Error("no loss was noticed")
	}
}

// Each report says what the one before it said, so single lost ones change nothing.
func TestLostReports(t *testing.T) {
	p := newPath(t, 5*mbit, mbit)
	p.lostReport = func(number uint16) bool { return number%2 == 1 }
	p.run(3*time.Second, p.video(0.8))
	for range 20 {
		p.run(100*time.Millisecond, p.video(0.8))
		p.near(0.75, 1.4)
	}
}

func TestQueueIsTheLinks(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{mbit, 5 * mbit, 20 * mbit} {
		p := newPath(t, rate, mbit)
		p.run(3*time.Second, p.video(1))
		check := func() {
			got, want := p.e.Queue(p.time()), p.queued()
			if off := 3*1200 + want/3; got < want-off || got > want+off {
				t.Errorf("%v, after %v: the queue has %d bytes, %d are told", rate, p.now, want, got)
			}
		}
		video := p.video(1)
		p.run(2*time.Second, func() { video(); check() })
		p.send(rate.Bytes(150*time.Millisecond), 1200)
		p.run(300*time.Millisecond, check)
	}
}

// A queue of our own making is taken off the budget, and comes back as the link moves it.
func TestQueueShrinksTheBudget(t *testing.T) {
	p := newPath(t, 5*mbit, mbit)
	p.run(3*time.Second, p.video(1))
	p.run(500*time.Millisecond, nil)
	free := p.e.Budget(p.time())
	if free < p.rate.Bytes(50*time.Millisecond) || free > p.rate.Bytes(130*time.Millisecond) {
		t.Fatalf("on an idle link of %v the budget is %d", p.rate, free)
	}
	if room := p.e.Room(p.time(), 100*time.Millisecond); room < free {
		t.Errorf("the budget is %d, but the room in the whole tolerance %d", free, room)
	}
	p.send(2*free, 1200)
	if got := p.e.Budget(p.time()); got > -free*8/10 || got < -free*12/10 {
		t.Errorf("a budget of %d is %d after twice that has left", free, got)
	}
	if got, want := p.e.Capacity(p.time()).Time(p.e.Queue(p.time())), p.rate.Time(2*free); got < want*7/10 || got > want*14/10 {
		t.Errorf("a byte that leaves now waits %v, the estimator says %v", want, got)
	}
	half := p.rate.Time(free)
	p.run(half, nil)
	if got := p.e.Budget(p.time()); got < -free/3 || got > free/3 {
		t.Errorf("after %v the budget is %d of %d", half, got, free)
	}
	p.run(half+100*time.Millisecond, nil)
	if got := p.e.Budget(p.time()); got < free*8/10 || got > free*13/10 {
		t.Errorf("after all is through the budget is %d of %d", got, free)
	}
}

func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name      string
		dead, fix func(p *path)
	}{
		{"the link stands still", func(p *path) { p.rate = 0 }, func(p *path) { p.rate = 5 * mbit }},
		{"all is lost", func(p *path) { p.lost = func(uint64) bool { return true } }, func(p *path) { p.lost = nil }},
		{"reports are lost", func(p *path) { p.lostReport = func(uint16) bool { return true } }, func(p *path) { p.lostReport = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPath(t, 5*mbit, mbit)
			p.run(3*time.Second, p.video(0.8))
			for range 3 {
				before := p.e.Capacity(p.time())
				c.dead(p)
				p.run(60*time.Millisecond, p.video(0.8))
				if p.e.Stalled(p.time()) {
					t.Fatal("stalled after 60 ms")
				}
				last := before.Scale(1.3)
				for range 10 {
					p.run(50*time.Millisecond, p.video(0.8))
					now := p.e.Capacity(p.time())
					if now > last {
						t.Errorf("in the silence the estimate rises from %v to %v", last, now)
					}
					last = now
				}
				if last > before.Scale(0.7) {
					t.Errorf("after 0.5 s of silence the estimate is %v, and was %v", last, before)
				}
				if !p.e.Stalled(p.time()) || p.e.Budget(p.time()) > 0 {
					t.Errorf("after 0.5 s of silence: stalled %v, budget %d", p.e.Stalled(p.time()), p.e.Budget(p.time()))
				}
				probe := func() {
					if p.e.Stalled(p.time()) && p.step%100 == 0 {
						p.send(100, 1200)
					}
				}
				p.run(5*time.Second, probe)
				if !p.e.Stalled(p.time()) {
					t.Error("no longer stalled")
				}
				c.fix(p)
				p.run(500*time.Millisecond, probe)
				if p.e.Stalled(p.time()) {
					t.Errorf("still stalled 0.5 s after the end")
				}
				p.run(2*time.Second, p.video(0.8))
				p.near(0.7, 1.5)
			}
		})
	}
}

// Before any report, silence counts from when the first packet left.
func TestSilenceFromTheStart(t *testing.T) {
	p := newPath(t, 0, mbit)
	if p.e.Stalled(p.time()) || p.e.Capacity(p.time()) != mbit {
		t.Errorf("at the start: stalled %v, %v", p.e.Stalled(p.time()), p.e.Capacity(p.time()))
	}
	p.run(time.Second, nil)
	if p.e.Stalled(p.time()) {
		t.Error("stalled though nothing was sent")
	}
	p.send(5000, 1200)
	if got := p.e.InFlight(); got != 5000 {
		t.Errorf("%d bytes in flight of 5000", got)
	}
	p.run(200*time.Millisecond, nil)
	if p.e.Stalled(p.time()) {
		t.Error("stalled after 200 ms: a round trip may take that")
	}
	p.run(800*time.Millisecond, nil)
	if !p.e.Stalled(p.time()) {
		t.Error("not stalled after a second without any answer")
	}
}

func TestRoundTrip(t *testing.T) {
	p := newPath(t, 5*mbit, mbit)
	p.offset = 12345 * time.Second / 10
	if p.e.RTT() != 0 {
		t.Errorf("a round trip of %v before any", p.e.RTT())
	}
	p.run(3*time.Second, p.video(0.8))
	// 40 ms, the packet's time on the link, and the millisecond of the model's steps.
	if rtt := p.e.RTT(); rtt < 40*time.Millisecond || rtt > 44*time.Millisecond {
		t.Errorf("the round trip is %v, not 40 ms", rtt)
	}
}
