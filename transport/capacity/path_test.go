package capacity_test

import (
	"slices"
	"testing"
	"time"

	"salsify/transport/bitrate"
	"salsify/transport/capacity"
	"salsify/transport/wire"
)

// path is a whole path in virtual time: a serial link with a queue without end, a propagation delay, a receiver with a clock of
// its own, and a way back for its reports. It goes in steps of a millisecond; departures from the link are exact.
type path struct {
	t    testing.TB
	e    *capacity.Estimator
	now  time.Duration // since start, on the sender's clock
	step int           // count of milliseconds

	rate        bitrate.Bitrate // of the link; 0: it stands still
	there, back time.Duration   // propagation
	offset      time.Duration   // of the receiver's clock
	drift       float64         // and how much faster than the sender's it runs
	reportEvery time.Duration
	lost        func(sequence uint64) bool // on the air, behind the link
	late        func(sequence uint64) time.Duration
	lostReport  func(number uint16) bool

	sequence uint64
	frame    uint64
	queue    []packet // at the link, the first one being sent
	served   float64  // bytes of the first one that have left
	air      []packet // arrival, in order of it
	came     map[uint64]time.Duration
	highest  uint64
	any      bool
	fresh    bool // something to report
	previous uint64
	reported uint64
	number   uint16
	reports  []flying

	refused, taken int
}

type packet struct {
	sequence uint64
	size     int
	at       time.Duration // arrival, on the sender's clock
	beside   bool          // no report tells of it
}

type flying struct {
	at    time.Duration
	bytes []byte
}

var start = time.Unix(1_000_000, 0)

func newPath(t testing.TB, rate, initial bitrate.Bitrate) *path {
	return &path{
		t: t, rate: rate, there: 20 * time.Millisecond, back: 20 * time.Millisecond, reportEvery: 10 * time.Millisecond,
		e: capacity.New(capacity.Config{Tolerance: 100 * time.Millisecond, Initial: initial}, start), sequence: 1, frame: 1,
		came: map[uint64]time.Duration{},
	}
}

func (p *path) time() time.Time { return start.Add(p.now) }

// send lets packets leave now: a train of full ones, and one for what is left.
func (p *path) send(bytes, full int) {
	for bytes > 0 {
		size := min(bytes, full)
		bytes -= size
		p.e.Sent(p.time(), p.sequence, size, p.frame)
		p.queue = append(p.queue, packet{sequence: p.sequence, size: size})
		p.sequence++
	}
	p.frame++
}

// beside lets bytes leave that no report tells of.
func (p *path) beside(size int) {
	p.e.Beside(p.time(), size)
	p.queue = append(p.queue, packet{size: size, beside: true})
}

// queued is how many bytes wait at the link.
func (p *path) queued() int {
	n := -p.served
	for _, q := range p.queue {
		n += float64(q.size)
	}
	return int(n)
}

// run lets that time pass. each is called at each millisecond, before the link works.
func (p *path) run(d time.Duration, each func()) {
	for range int(d / time.Millisecond) {
		for len(p.reports) > 0 && p.reports[0].at <= p.now {
			var r wire.Report
			if err := r.Parse(p.reports[0].bytes, p.e.Clock()); err != nil {
				p.t.Fatal(err)
			}
			if p.e.Report(p.time(), &r) {
				p.taken++
			} else {
				p.refused++
			}
			p.reports = p.reports[1:]
		}
		if each != nil {
			each()
		}
		p.serve(time.Millisecond)
		p.now += time.Millisecond
		p.step++
		p.receive()
	}
}

// serve lets the link work.
func (p *path) serve(d time.Duration) {
	at, left := p.now, float64(p.rate)/8*d.Seconds()
	for len(p.queue) > 0 && left > 0 {
		q := p.queue[0]
		need := float64(q.size) - p.served
		if left < need {
			p.served += left
			return
		}
		left -= need
		at += time.Duration(need / (float64(p.rate) / 8) * float64(time.Second))
		p.served, p.queue = 0, p.queue[1:]
		q.at = at + p.there
		if q.beside {
			continue
		}
		if p.lost != nil && p.lost(q.sequence) {
			continue
		}
		if p.late != nil {
			q.at += p.late(q.sequence)
		}
		i := len(p.air)
		for i > 0 && p.air[i-1].at > q.at {
			i--
		}
		p.air = slices.Insert(p.air, i, q)
	}
}

// receive notes arrivals and reports them.
func (p *path) receive() {
	for len(p.air) > 0 && p.air[0].at <= p.now {
		q := p.air[0]
		p.air = p.air[1:]
		p.came[q.sequence] = p.clock(q.at)
		if !p.any {
			p.previous, p.reported = q.sequence, q.sequence
		}
		p.highest, p.any, p.fresh = max(p.highest, q.sequence), true, true
	}
	if !p.fresh || p.step%int(p.reportEvery/time.Millisecond) != 0 {
		return
	}
	p.fresh = false
	p.number++
	at := p.came[p.highest]
	r := wire.Report{Number: p.number, Highest: uint16(p.highest), At: at, Hold: p.clock(p.now) - at}
	for n := p.highest; n > p.previous && len(r.Before) < 120; {
		n--
		at, ok := p.came[n]
		r.Before = append(r.Before, wire.Arrival{Received: ok, At: at})
	}
	p.previous, p.reported = p.reported, p.highest
	if p.lostReport == nil || !p.lostReport(p.number) {
		p.reports = append(p.reports, flying{at: p.now + p.back, bytes: r.Append(nil)})
	}
}

// clock is the receiver's.
func (p *path) clock(at time.Duration) time.Duration {
	return p.offset + at + time.Duration(float64(at)*p.drift)
}

// everyFrame calls f at 30 frames a second.
func (p *path) everyFrame(f func()) func() {
	return func() {
		if p.step%33 == 0 {
			f()
		}
	}
}

// video sends frames that take a share of the estimated capacity, and no more than the budget; where that is less than a packet
// of some size, none.
func (p *path) video(share float64) func() {
	return p.everyFrame(func() {
		bytes, budget := p.e.Capacity(p.time()).Scale(share).Bytes(33*time.Millisecond), p.e.Budget(p.time())
		if budget >= 900 {
			p.send(min(max(bytes, 900), budget), 1200)
		}
	})
}

// near fails unless the estimate is between two multiples of the link's rate.
func (p *path) near(low, high float64) {
	p.t.Helper()
	if got := p.e.Capacity(p.time()); got < p.rate.Scale(low) || got > p.rate.Scale(high) {
		p.t.Errorf("after %v the estimate is %v of a link of %v", p.now, got, p.rate)
	}
}
