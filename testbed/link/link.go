// Package link is one direction of an emulated link, without a clock: packets go in with the instant at which they came, and
// come out with the instant at which they have crossed. The bottleneck behaves as mm-link of mahimahi does (Netravali et al.,
// USENIX ATC 2015; read from link_queue.cc and the queues in src/packet), the rest as mm-delay, mm-loss, mm-onoff and
// mm-intermittent:
//
//  1. A packet arrives (Send). Opportunities up to this instant, it included, have passed before it. The queue takes it, or drops
//     it or others (Queue).
//  2. At each opportunity of the trace, trace.OpportunityBytes bytes leave the queue. A packet costs its IP length and
//     TUNHeaderBytes; it may span opportunities, and several may share one. What an opportunity has left when the queue is empty
//     is lost.
//  3. What has left the queue with its last byte may be lost, having used its capacity: at random, or because the link is off
//     at that instant (OnOff).
//  4. After the propagation delay it comes out (Deliver), possibly late (reordered) or twice.
//
// mm-delay around mm-link delays the other direction before the queue rather than behind it. That comes to the same as this
// package with the trace moved: add Delay to Start.
//
// The on-off switch lies between the queue and the delay, where "mm-delay mm-onoff mm-link" has it for the uplink.
package link

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"salsify/testbed/trace"
)

// TUNHeaderBytes is what each packet costs beyond its IP length: mahimahi counts the header that its TUN device puts before it.
const TUNHeaderBytes = 4

// Delivery is a packet that has come out of the link.
type Delivery struct {
	At      time.Time // when it came out, exactly; not when Deliver was called
	Sent    time.Time // when it went in
	Size    int       // IP length in bytes
	Payload any       // as it went in
}

// Link is one direction of a link. It is not safe for concurrent use. Instants must not run backwards: one that lies before
// the latest one counts as the latest.
type Link struct {
	config  Config
	start   time.Time
	outages []Outage // sorted, apart from each other
	off     offTimes // of OnOff

	now         time.Duration // the latest instant, since start; all before is emulated
	opportunity int64         // number of the next one in the trace
	policy      policy
	queue       queue
	transit     packet // the packet of which a part has left the queue
	transitLeft int    // bytes of it that have not; 0: there is none

	loss, reorder, duplicate *rand.Rand
	burst                    bool // in the lossy state of the Gilbert model

	air      ring[Delivery] // what has left the queue, by the time at which it comes out
	airBytes int            // their IP length
	out      []Delivery     // what Deliver returned last

	counters Counters
	drop     func(packet, time.Duration)
}

// New returns an empty link that exists from start on. It panics if config.Validate finds a fault.
func New(config Config, start time.Time) *Link {
	if err := config.Validate(); err != nil {
		panic(err)
	}
	l := &Link{
		config:  config,
		start:   start,
		outages: mergeOutages(config.Outages),
		policy:  config.Queue.policy(config.Seed),
		off:     newOffTimes(config.OnOff, config.Seed),
		// A generator for each kind of fault: what one does leaves the others as they are.
		loss:      rand.New(rand.NewPCG(config.Seed, 1)),
		reorder:   rand.New(rand.NewPCG(config.Seed, 2)),
		duplicate: rand.New(rand.NewPCG(config.Seed, 3)),
	}
	if config.Trace != nil {
		l.opportunity = config.Trace.Before(config.Start)
	}
	l.drop = l.dropped
	return l
}

// mergeOutages returns outages sorted, and those that touch as one.
func mergeOutages(outages []Outage) []Outage {
	sorted := slices.SortedFunc(slices.Values(outages), func(a, b Outage) int { return cmp.Compare(a.From, b.From) })
	var merged []Outage
	for _, o := range sorted {
		if last := len(merged) - 1; last >= 0 && o.From <= merged[last].To {
			merged[last].To = max(merged[last].To, o.To)
		} else if o.To > o.From {
			merged = append(merged, o)
		}
	}
	return merged
}

// Send puts a packet of size bytes (its IP length) into the link. payload is kept until it is delivered or dropped.
func (l *Link) Send(now time.Time, size int, payload any) {
	l.advance(l.since(now))
	l.skipUnused()
	size = max(size, 0)
	l.counters.Sent.add(size)
	p := packet{payload: payload, size: size, arrival: l.now}
	if l.full(p) {
		l.dropped(p, l.now)
		return
	}
	l.policy.arrive(&l.queue, p, l.now, l.drop)
	if l.config.Trace == nil {
		l.advance(l.now) // nothing holds it back but an outage
	}
}

// full says whether the packet would exceed what a Link keeps at most.
func (l *Link) full(p packet) bool {
	return l.queue.packets.len()+l.air.len() >= MaxPackets || l.queue.bytes+l.airBytes+p.cost() > MaxBytes
}

// Next returns the earliest instant at which Deliver may have something, or false while the link is empty. There may turn out
// to be nothing at that instant, if the packet in transit needs more than one opportunity or is lost: ask again then.
func (l *Link) Next() (time.Time, bool) {
	var earliest time.Time
	if !l.idle() {
		earliest = l.start.Add(l.nextService() + l.config.Delay)
	}
	if l.air.len() > 0 && (earliest.IsZero() || l.air.at(0).At.Before(earliest)) {
		earliest = l.air.at(0).At
	}
	return earliest, !earliest.IsZero()
}

// Deliver returns what has come out until now, in the order of At. The slice is valid until the next call.
func (l *Link) Deliver(now time.Time) []Delivery {
	l.advance(l.since(now))
	clear(l.out) // let go of the payloads
	l.out = l.out[:0]
	for l.air.len() > 0 && !l.air.at(0).At.After(l.start.Add(l.now)) {
		d := l.air.pop()
		l.airBytes -= d.Size
		l.counters.Delivered.add(d.Size)
		l.out = append(l.out, d)
	}
	return l.out
}

// Queued returns how many packets wait, and their bytes with TUNHeaderBytes each. As in mahimahi, and for its limits, a packet of
// which a part has left does not count.
func (l *Link) Queued() (packets, bytes int) { return l.queue.packets.len(), l.queue.bytes }

// Counters returns what has happened up to the latest instant.
func (l *Link) Counters() Counters { return l.counters }

// Offered returns how many bytes the link could have carried from the start until an instant, that included: what Counters.Used
// is compared with for utilisation. Outages offer nothing. Neither do off times (OnOff), though where packets are not held they do
// leave the queue then: nothing of it could arrive. It is 0 for a link without a trace, which has no limit.
func (l *Link) Offered(until time.Time) int64 {
	end := until.Sub(l.start)
	if l.config.Trace == nil || end < 0 {
		return 0
	}
	count := l.numberAfter(end) - l.config.Trace.Before(l.config.Start)
	silent := l.outages
	if off := l.off.until(end); len(off) > 0 {
		silent = mergeOutages(slices.Concat(l.outages, off))
	}
	for _, o := range silent {
		if o.From <= end {
			count -= l.numberAt(min(o.To, end+1)) - l.numberAt(o.From)
		}
	}
	return count * trace.OpportunityBytes
}

// since turns an instant into time since the start, never earlier than the latest.
func (l *Link) since(now time.Time) time.Duration { return max(now.Sub(l.start), l.now) }

func (l *Link) idle() bool { return l.transitLeft == 0 && l.queue.packets.len() == 0 }

// numberAt returns the number of the first opportunity at a time since the start or later.
func (l *Link) numberAt(at time.Duration) int64 { return l.config.Trace.Before(l.config.Start + at) }

// numberAfter returns the number of the first opportunity after a time since the start.
func (l *Link) numberAfter(at time.Duration) int64 { return l.numberAt(at + 1) }

// advance emulates all until a time, that included.
func (l *Link) advance(now time.Duration) {
	for !l.idle() {
		at := l.nextService()
		if at > now {
			break
		}
		if l.afterOutages(at) > at {
			l.now = at // nextService looked no further
			continue
		}
		l.serve(at)
	}
	l.now = now
}

// serviceHorizon is how far ahead the next service is looked for: where off times hold back all opportunities for ever, as those of a
// trace with the same period do, there is none.
const serviceHorizon = time.Hour

// skipUnused passes over the opportunities that found the queue empty. Doing so when the next packet comes, and not before,
// makes a long silence cost nothing.
func (l *Link) skipUnused() {
	if l.config.Trace != nil && l.idle() {
		l.opportunity = max(l.opportunity, l.numberAfter(l.now))
	}
}

// nextService returns when the queue is served next: at the next opportunity outside of outages, or, without a trace, as soon
// as there is no outage. Where there is none within serviceHorizon, it returns a later time at which there may be none either.
func (l *Link) nextService() time.Duration {
	if l.config.Trace == nil {
		return l.afterOutages(l.now)
	}
	for {
		at := l.config.Trace.At(l.opportunity) - l.config.Start
		after := l.afterOutages(at)
		if after == at || at > l.now+serviceHorizon {
			return at
		}
		l.opportunity = l.numberAt(after)
	}
}

// afterOutages returns the earliest time, from the one given on, at which the queue is served: outside of Outages, and of OnOff if
// that holds packets back.
func (l *Link) afterOutages(at time.Duration) time.Duration {
	for {
		end, out := outageEnd(l.outages, at)
		if !out && l.config.OnOff.Hold {
			end, out = l.off.end(at)
		}
		if !out {
			return at
		}
		at = end
	}
}

// outageEnd returns the end of the outage in which a time lies and true, or false if it lies in none. The outages are sorted.
func outageEnd(outages []Outage, at time.Duration) (time.Duration, bool) {
	// The first outage that ends after the time.
	i, _ := slices.BinarySearchFunc(outages, at, func(o Outage, at time.Duration) int {
		if o.To <= at {
			return -1
		}
		return 1
	})
	if i < len(outages) && outages[i].From <= at {
		return outages[i].To, true
	}
	return 0, false
}

// serve lets one opportunity's bytes leave the queue, or all of it where there is no trace.
func (l *Link) serve(at time.Duration) {
	if l.config.Trace == nil {
		for p, ok := l.policy.next(&l.queue, at, l.drop); ok; p, ok = l.policy.next(&l.queue, at, l.drop) {
			l.depart(p, at)
		}
		return
	}
	l.opportunity++
	offered := !l.loseOff(at) // see Offered
	for credit := trace.OpportunityBytes; credit > 0; {
		if l.transitLeft == 0 {
			p, ok := l.policy.next(&l.queue, at, l.drop)
			if !ok {
				return
			}
			l.transit, l.transitLeft = p, p.cost()
		}
		used := min(credit, l.transitLeft)
		credit -= used
		if offered {
			l.counters.Used += int64(used)
		}
		l.transitLeft -= used
		if l.transitLeft == 0 {
			l.depart(l.transit, at)
			l.transit = packet{}
		}
	}
}

// depart sends a packet that has left the queue onto the air.
func (l *Link) depart(p packet, at time.Duration) {
	l.counters.Departed.add(p.size)
	lost, off := l.loses(), l.loseOff(at) // both in any case: an off time leaves the random losses as they are
	if lost || off {
		l.counters.Lost.add(p.size)
		if off {
			l.counters.Off.add(p.size)
		}
		l.log(Record{Arrival: l.start.Add(p.arrival), Departure: l.start.Add(at), Size: p.size, Fate: Lost})
		return
	}
	arrives := at + l.config.Delay
	if chance(l.reorder, l.config.Reorder) {
		l.counters.Reordered.add(p.size)
		arrives += l.config.ReorderDelay
	}
	d := Delivery{At: l.start.Add(arrives), Sent: l.start.Add(p.arrival), Size: p.size, Payload: p.payload}
	l.fly(d)
	if chance(l.duplicate, l.config.Duplicate) {
		l.counters.Duplicated.add(p.size)
		l.fly(d)
	}
	l.log(Record{Arrival: d.Sent, Departure: l.start.Add(at), Delivery: d.At, Size: p.size, Fate: Delivered})
}

// loseOff says whether what leaves the queue at a time is lost because the link is off.
func (l *Link) loseOff(at time.Duration) bool {
	if l.config.OnOff.Hold {
		return false
	}
	_, off := l.off.end(at)
	return off
}

// fly puts a packet behind all that come out at the same time or earlier. Only those that are late have to be passed.
func (l *Link) fly(d Delivery) {
	l.air.push(d)
	l.airBytes += d.Size
	for i := l.air.len() - 1; i > 0 && l.air.at(i).At.Before(l.air.at(i-1).At); i-- {
		*l.air.at(i), *l.air.at(i - 1) = *l.air.at(i - 1), *l.air.at(i)
	}
}

// loses decides whether the next packet is lost on the air. The state of the Gilbert model changes before each packet.
func (l *Link) loses() bool {
	if l.config.BurstEnter > 0 {
		if l.burst {
			l.burst = !chance(l.loss, l.config.BurstLeave)
		} else {
			l.burst = chance(l.loss, l.config.BurstEnter)
		}
	}
	return chance(l.loss, l.config.Loss) || l.burst
}

func chance(random *rand.Rand, probability float64) bool {
	return probability > 0 && random.Float64() < probability
}

// dropped notes a packet that the queue drops at a time.
func (l *Link) dropped(p packet, at time.Duration) {
	l.counters.Dropped.add(p.size)
	l.log(Record{Arrival: l.start.Add(p.arrival), Drop: l.start.Add(at), Size: p.size, Fate: Dropped})
}

// End tells Config.Log of the packets that still wait, at an instant after which the link is not used any more.
func (l *Link) End(now time.Time) {
	l.advance(l.since(now))
	waits := func(p packet) { l.log(Record{Arrival: l.start.Add(p.arrival), Size: p.size, Fate: Waiting}) }
	if l.transitLeft > 0 {
		waits(l.transit)
	}
	for i := range l.queue.packets.len() {
		waits(*l.queue.packets.at(i))
	}
}

func (l *Link) log(r Record) {
	if l.config.Log != nil {
		l.config.Log(r)
	}
}
