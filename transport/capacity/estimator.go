// Package capacity tells how many bytes the network takes now. It reads no clock: instants come with each call.
//
// What is measured is the time that the narrowest link of the path spent on each packet:
//
//	service time = arrival - max(arrival of the packet before, departure + base delay)
//
// A packet that left before the one ahead of it was through had to wait for that one, so the gap between the two arrivals is the
// link's own work. A packet that left later found the link idle, and the sender's pause before it does not count. The base delay
// is the smallest one-way delay of late; the offset between the two clocks is part of it and cancels out.
package capacity

import (
	"math"
	"time"

	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

// The way of a packet and of what is learned from it:
//
//  1. Sent notes when each packet left, Beside what left between them that no report tells of.
//  2. Report matches arrivals to departures, in the order of sequence numbers: the base delay (base.go), the service time, and
//     with it the estimate, bytes through per time of service, of which the last window counts.
//  3. Report also finds the packets that are lost.
//  4. Queue replays what has left since the newest packet that is known to have come: what of it still waits at the link.
//  5. Budget is what the link moves in the tolerated delay, minus what is in flight.
//  6. Silence lowers the estimate as it lasts, and in the end the path counts as Stalled.

// Config says what a session allows itself.
type Config struct {
	Tolerance time.Duration   // one-way delay on the network that a frame may have
	Initial   bitrate.Bitrate // estimate before anything is measured
}

const (
	// window is how much time of service the estimate looks back on. Cellular capacity keeps about 100 ms; fewer packets make
	// the estimate noisy on links that serve in bursts.
	window = 120 * time.Millisecond
	// quickWindow is a shorter look back, which counts where it gives less and packets have waited longer than quickDelay: then
	// the link has become slower, and each frame that is too large makes it worse.
	quickWindow = 50 * time.Millisecond
	quickDelay  = 50 * time.Millisecond
	// priorWeight is how much time of service the first estimate stands for, so that one packet does not overthrow it.
	priorWeight = 10 * time.Millisecond
	// telling is the least size of a packet that finds the link idle and still counts: a link that serves in turns makes short
	// packets wait for theirs as long as full ones, so their bytes by their wait would be far too little.
	telling = 600
	// longestService is what one packet's wait counts at most. A longer one is an outage, not the link's speed, and must not
	// outweigh all that was known.
	longestService = 100 * time.Millisecond

	// The estimate may be carriedFactor times what was carried in the best carriedBucket of the last carriedBuckets. A link
	// that is never filled shows no speed: without the bound, short frames on an idle link would be taken for an endless one.
	carriedFactor  = 4
	carriedBucket  = 100 * time.Millisecond
	carriedBuckets = 20

	// smallest keeps some budget, so that the next frame shows whether the link is still that slow.
	smallest = 20 * bitrate.KbitPerSecond

	// reordered is how many later packets must have come before a missing one counts as lost (RFC 9002, 6.1.1). One that
	// comes after all is held, not lost: see package ledger.
	reordered = 3

	// lossMemory is over how many packets the share of losses is smoothed.
	lossMemory = 100

	// anew is how far back the count of reports must go to be that of another receiver, and not of a report that is late.
	anew = 64

	// Silence: feedback is late after the usual time for it and lateMargin, and the path stalled after stallMargin more.
	lateMargin  = 15 * time.Millisecond
	stallMargin = 120 * time.Millisecond
	// usualFirst is the usual time before any feedback has come.
	usualFirst = 250 * time.Millisecond
)

// Estimator is the measure of one path.
type Estimator struct {
	config Config
	epoch  time.Time // instants are kept as Durations since here
	log    sentLog
	base   baseDelay

	meter   meter // over window
	quick   meter // over quickWindow
	carried carried

	highest        uint64        // newest packet by sequence number that has come
	lastArrival    time.Duration // latest arrival, on the receiver's clock
	lastDelay      time.Duration // one-way delay of that packet, with the clocks' offset
	reports        int
	gap, restarted bool          // nothing is known of the packets before the next one; the receiver's clock is another one
	number         uint16        // of the newest report
	unwrap         time.Duration // an arrival time seen before

	usual     time.Duration // from when a packet leaves the link to when the sender hears of it, smoothed
	deviation time.Duration // its mean deviation
	rtt       time.Duration // smallest round trip

	lost        []uint64 // frames with lost packets, of the last Report
	lostPackets int
	loss        float64 // share of packets lost, smoothed
}

// New returns an Estimator that knows nothing yet.
func New(config Config, now time.Time) *Estimator {
	prior := meter{bytes: float64(config.Initial.Bytes(time.Second)) * priorWeight.Seconds(), service: priorWeight}
	return &Estimator{config: config, epoch: now, meter: prior, quick: prior}
}

// Sent notes that a packet of size bytes, with all headers, left now. Sequence numbers follow each other, from any first one;
// frame is the number of the frame that the packet is a piece of, 0 for none.
func (e *Estimator) Sent(now time.Time, sequence uint64, size int, frame uint64) {
	e.log.add(sequence, now.Sub(e.epoch), size, frame, e.besideRate(now))
}

// Beside notes that bytes left now on the same path which no report will tell of, such as sound. They take their time at the link.
func (e *Estimator) Beside(now time.Time, size int) {
	e.log.beside.add(now.Sub(e.epoch), size, e.besideRate(now))
}

// besideRate is the rate at which the link works on what left beside the packets; where nothing did, it does not matter.
func (e *Estimator) besideRate(now time.Time) bitrate.Bitrate {
	if e.log.beside.bytes == 0 {
		return 0
	}
	return e.Capacity(now)
}

// Report takes in what a report tells of arrivals. It returns false, and learns nothing, if the report cannot be true: it tells
// of packets that were never sent, or is older than one before.
func (e *Estimator) Report(now time.Time, r *wire.Report) bool {
	e.lost, e.lostPackets = e.lost[:0], 0
	if e.log.empty() {
		return false
	}
	highest := wire.Extend(max(e.highest, e.log.first), r.Highest)
	if highest < e.log.first || highest >= e.log.next || highest < e.highest {
		return false
	}
	if e.reports > 0 {
		switch since := int16(r.Number - e.number); {
		case since > 0:
		case since > -anew:
			return false
		default: // another receiver, with another clock
			e.base, e.carried, e.lastArrival = baseDelay{}, carried{}, math.MinInt64/2
			e.usual, e.deviation = 0, 0
			e.restarted = true
		}
	}
	e.number = r.Number
	news := e.reports == 0 || highest > e.highest
	e.unwrap = r.At
	e.gap = e.restarted || e.reports > 0 && highest-min(highest, uint64(len(r.Before))) > e.highest+1
	for i := len(r.Before) - 1; i >= 0; i-- {
		if r.Before[i].Received && highest > uint64(i) {
			e.arrived(highest-1-uint64(i), r.Before[i].At)
		}
	}
	e.arrived(highest, r.At)
	e.highest = highest
	e.findLost(r)
	if news {
		e.timing(now, r)
	}
	e.reports++
	return true
}

// Clock gives an arrival time that wire.Report.Parse can unwrap the next report's times with.
func (e *Estimator) Clock() time.Duration { return e.unwrap }

// Lost returns the frames of which the last Report showed packets to be lost, each once or more, valid until the next.
func (e *Estimator) Lost() []uint64 { return e.lost }

// LostPackets is how many packets the last Report showed to be lost.
func (e *Estimator) LostPackets() int { return e.lostPackets }

func (e *Estimator) arrived(sequence uint64, at time.Duration) {
	p := e.log.get(sequence)
	if p == nil || p.fate == received {
		return
	}
	p.fate = received
	e.loss -= e.loss / lossMemory
	delay := at - p.at
	if e.reports == 0 && e.base.empty() {
		e.lastArrival = at // nothing came before, so nothing was waited for
	}
	e.base.add(p.at, delay)
	idle := p.at + e.base.delay()
	if e.gap { // of those before it nothing is known, so it is not known what the link worked on
		e.gap, e.restarted = false, false
	} else if idle < e.lastArrival || p.size >= telling {
		size := p.size + p.still
		if idle < e.lastArrival {
			size = p.size + p.ahead
		}
		service := min(max(at-max(e.lastArrival, idle), 0), longestService)
		e.meter.add(size, service, window)
		e.quick.add(size, service, quickWindow)
	}
	e.carried.add(at, p.size+p.ahead)
	if at >= e.lastArrival {
		e.lastArrival = at
	}
	if sequence >= e.highest {
		e.lastDelay = delay
	}
}

// findLost settles the packets that the report says are missing, and those that are too old for it to tell of.
func (e *Estimator) findLost(r *wire.Report) {
	oldest := e.highest - min(e.highest, uint64(len(r.Before))) // the report tells of all packets from here on
	later := 1                                                  // packets received after the one looked at
	newest := e.log.get(e.highest)
	for i, a := range r.Before {
		if uint64(i) >= e.highest {
			break
		}
		p := e.log.get(e.highest - 1 - uint64(i))
		if p == nil {
			break
		}
		if a.Received {
			later++
		} else if p.fate == unknown && (later >= reordered || newest != nil && (newest.frame == 0 || newest.frame > p.frame)) {
			e.lose(p)
		}
	}
	for n := e.log.first; e.reports == 0 && n < oldest; n++ { // the first packets of all never came
		if p := e.log.get(n); p.fate == unknown {
			e.lose(p)
		}
	}
	e.log.forget(oldest)
}

func (e *Estimator) lose(p *sentPacket) {
	p.fate = lost
	e.lostPackets++
	e.loss += (1 - e.loss) / lossMemory
	if p.frame != 0 {
		e.lost = append(e.lost, p.frame)
	}
}

// timing learns how long feedback takes.
func (e *Estimator) timing(now time.Time, r *wire.Report) {
	newest := e.log.get(e.highest)
	if newest == nil {
		return
	}
	at := now.Sub(e.epoch)
	if rtt := at - newest.at - r.Hold; rtt > 0 && (e.rtt == 0 || rtt < e.rtt) {
		e.rtt = rtt
	}
	usual := max(0, at-e.exit(e.lastArrival))
	if e.usual == 0 {
		e.usual, e.deviation = usual, usual/2
		return
	}
	off := usual - e.usual
	e.usual += off / 8
	e.deviation += (off.Abs() - e.deviation) / 4
}

// exit tells when a packet that arrived then had left the link, on the sender's clock and without the way from there.
func (e *Estimator) exit(arrival time.Duration) time.Duration { return arrival - e.base.delay() }

// late is how long after a packet can have left the link the sender should have heard of it.
func (e *Estimator) late() time.Duration {
	if e.usual == 0 {
		return usualFirst
	}
	return min(e.usual+4*e.deviation+lateMargin, usualFirst)
}

// waiting returns since when packets wait for an answer: when the first that is not accounted for can have left the link.
func (e *Estimator) waiting() (since time.Duration, any bool) {
	p := e.log.get(max(e.highest+1, e.log.first))
	if p == nil {
		return 0, false
	}
	if e.reports == 0 {
		return p.at, true
	}
	return max(p.at, e.exit(e.lastArrival)), true
}

// Capacity is what the link moves, as far as is known now.
func (e *Estimator) Capacity(now time.Time) bitrate.Bitrate {
	var overdue time.Duration
	if since, any := e.waiting(); any {
		// While feedback is overdue the link has worked on the next packet all that time.
		overdue = min(max(0, now.Sub(e.epoch)-since-e.late()), 2*window)
	}
	rate := e.meter.rate(overdue)
	if e.QueueDelay() > quickDelay {
		rate = min(rate, e.quick.rate(overdue))
	}
	rate = min(rate, max(e.config.Initial, e.carried.peak().Scale(carriedFactor)))
	return max(rate, smallest)
}

// InFlight is how many bytes have left and are not known to have come or to be lost.
func (e *Estimator) InFlight() int {
	if e.reports == 0 {
		return e.log.bytesFrom(e.log.first)
	}
	return e.log.bytesFrom(e.highest + 1)
}

// Queue is how many bytes wait at the link now. It replays what left since the newest packet that came, at the capacity's pace,
// and credits the link with no work that the sender should have heard of.
func (e *Estimator) Queue(now time.Time) int {
	since, any := e.waiting()
	if !any {
		return 0
	}
	return e.log.replay(max(e.highest+1, e.log.first), since, min(now.Sub(e.epoch), since+e.late()), e.Capacity(now))
}

// Room is how many bytes that leave now are through the link after d, behind what waits there already. It is below 0 when that
// alone takes longer.
func (e *Estimator) Room(now time.Time, d time.Duration) int {
	return e.Capacity(now).Bytes(d) - e.Queue(now)
}

// Budget is how many bytes may leave now: the room in the tolerated delay, less the way to the receiver. It is 0 or below when
// nothing may.
func (e *Estimator) Budget(now time.Time) int {
	if e.Stalled(now) {
		return 0
	}
	return e.Room(now, max(e.config.Tolerance-e.rtt/2, e.config.Tolerance/3))
}

// Stalled tells that the path has been silent for longer than can be explained: nothing but probes should leave.
func (e *Estimator) Stalled(now time.Time) bool {
	since, any := e.waiting()
	return any && now.Sub(e.epoch)-since > e.late()+stallMargin
}

// Loss is the share of packets that were lost of late, 0 to 1.
func (e *Estimator) Loss() float64 { return e.loss }

// RTT is the smallest round trip seen, 0 before the first.
func (e *Estimator) RTT() time.Duration { return e.rtt }

// QueueDelay is how much longer than the base delay the newest packet that came was on its way.
func (e *Estimator) QueueDelay() time.Duration {
	if e.reports == 0 {
		return 0
	}
	return max(0, e.lastDelay-e.base.delay())
}
