package playout

import (
	"slices"
	"time"
)

const (
	// perPercent is what a percent of frames that come too late is worth in delay. Where it has to choose, the buffer takes the
	// delay at which both together cost least: waiting longer for the last percent has to cost less than this.
	perPercent = 20 * time.Millisecond

	// The target has two memories. The long one is what it comes down with; the short one is there to go up within some packets.
	longSpan, longMost     = 10 * time.Second, 1024
	recentSpan, recentMost = time.Second, 128
	// atLeast is how many packets are remembered, however old they are: after a pause they are better than nothing.
	atLeast = 50

	// margin is for the sound card, which asks some milliseconds sooner or later: about half of its usual period.
	margin = 5 * time.Millisecond
	// startDelay is the least target before much is known.
	startDelay = 60 * time.Millisecond
	// The target comes down by fallPerSecond, or faster if it would take longer than fallWithin.
	fallPerSecond = 20 * time.Millisecond
	fallWithin    = 3 * time.Second

	// fecMemory is over about how many packets the share of those is taken that in-band FEC could bring back.
	fecMemory = 256
)

// transit is how long a packet took, plus an unknown constant: its arrival less its time stamp.
type transit = time.Duration

// delays is what is known of the packets' transits, and the playing transit that follows from it: a sample is to be played that long
// after its time stamp. Everything is in absolute transits, so a step of the network's delay shifts nothing but the newest entries,
// and clocks that drift are followed since old entries are forgotten.
type delays struct {
	long, recent window
	newest       transit

	best       transit // without Min and what FEC needs
	known      bool
	stale      bool // packets came since best was found
	settled    time.Time
	fecShare   float64 // of packets that are missing, with a copy in the next one
	waitForFEC bool
}

func newDelays() delays {
	return delays{
		long:   window{span: longSpan, entries: make([]entry, longMost), sorted: make([]transit, 0, longMost)},
		recent: window{span: recentSpan, entries: make([]entry, recentMost), sorted: make([]transit, 0, recentMost)},
	}
}

func (d *delays) reset() {
	d.long.reset()
	d.recent.reset()
	d.known, d.stale = false, false
	d.fecShare, d.waitForFEC = 0, false
}

// add takes a packet's transit. copied is whether it has a copy of one before it that is missing.
func (d *delays) add(arrival time.Time, t transit, frame time.Duration, copied bool) {
	d.newest = t
	d.long.add(arrival, t)
	d.recent.add(arrival, t)
	d.stale = true

	share := 0.0
	if copied {
		share = 1
	}
	d.fecShare += (share - d.fecShare) / fecMemory
	// The frame more that FEC has to wait for has the same price as any delay. It takes half of the losses to give it up again.
	worth := time.Duration(d.fecShare * 100 * float64(perPercent))
	if worth > frame {
		d.waitForFEC = true
	} else if worth < frame/2 {
		d.waitForFEC = false
	}
}

// settle moves the target to where it should be now. That is not done with each packet: what a stalled link lets go all at once has to
// be judged together, since only the last of it tells that the stall is over.
func (d *delays) settle(now time.Time, c Config) {
	if !d.stale {
		return
	}
	d.stale = false
	best := min(max(d.long.cheapest(), d.recent.cheapest()), d.base()+c.Max)
	if d.known && best < d.best {
		elapsed := max(0, min(now.Sub(d.settled), time.Second)).Seconds()
		perSecond := max(float64(fallPerSecond), float64(d.best-best)/fallWithin.Seconds())
		best = max(best, d.best-time.Duration(elapsed*perSecond))
	}
	d.best, d.known, d.settled = best, true, now
}

// base is the transit of the fastest packet of late: what a delay is counted from.
func (d *delays) base() transit {
	if len(d.long.sorted) == 0 {
		return 0
	}
	return d.long.sorted[0]
}

// target is the delay over the base that is aimed at.
func (d *delays) target(c Config, frame, floor time.Duration) time.Duration {
	delay := d.best - d.base() + margin
	if len(d.long.sorted) < atLeast {
		delay = max(delay, startDelay)
	}
	if d.waitForFEC {
		delay += frame
	}
	return min(max(delay, floor, c.Min), c.Max)
}

// window is the transits of the last while, in order of arrival and of size.
type window struct {
	span    time.Duration
	entries []entry // a ring
	first   int
	sorted  []transit
}

type entry struct {
	arrival time.Time
	transit transit
}

func (w *window) reset() { w.first, w.sorted = 0, w.sorted[:0] }

func (w *window) add(arrival time.Time, t transit) {
	for n := len(w.sorted); n == len(w.entries) || n > atLeast && arrival.Sub(w.entries[w.first].arrival) > w.span; n-- {
		at, _ := slices.BinarySearch(w.sorted, w.entries[w.first].transit)
		w.sorted = slices.Delete(w.sorted, at, at+1)
		w.first = (w.first + 1) % len(w.entries)
	}
	w.entries[(w.first+len(w.sorted))%len(w.entries)] = entry{arrival, t}
	at, _ := slices.BinarySearch(w.sorted, t)
	w.sorted = slices.Insert(w.sorted, at, t)
}

// cheapest is the playing transit at which waiting, and packets that come later than it, cost least together.
func (w *window) cheapest() transit {
	n := len(w.sorted)
	best, lowest := w.sorted[n-1], w.sorted[n-1]
	each := 100 * perPercent / time.Duration(n) // of the packets that come too late
	var late time.Duration
	for i := n - 2; i >= 0; i-- {
		late += each
		if cost := w.sorted[i] + late; cost < lowest {
			best, lowest = w.sorted[i], cost
		}
	}
	return best
}
