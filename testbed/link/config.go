package link

import (
	"fmt"
	"time"

	"salsify/testbed/trace"
)

// Bounds of what a Link keeps, in its queue and on the air together, whatever its Queue says: what exceeds them is dropped, so
// that a flood costs memory for no more than these.
const (
	MaxPackets = 1 << 18
	MaxBytes   = 256 << 20
	// MaxDelay is the longest Delay or ReorderDelay.
	MaxDelay = time.Minute
)

// Config says how a link behaves. The zero value is a perfect link: no limit, no delay, no loss.
type Config struct {
	// Trace is the capacity; nil: without limit.
	Trace *trace.Trace
	// Start is the time of the trace at which the link starts.
	Start time.Duration
	// Delay is the propagation delay, one way, behind the queue.
	Delay time.Duration
	// Queue is where packets wait for the trace.
	Queue Queue

	// Loss is the probability with which each packet is lost, independent of the others.
	Loss float64
	// BurstEnter and BurstLeave are, for each packet, the probability of entering and of leaving the state in which all packets
	// are lost (Gilbert's model). Bursts are 1/BurstLeave packets long on average.
	BurstEnter, BurstLeave float64
	// Reorder is the probability with which a packet comes ReorderDelay later than it should, so that others overtake it.
	Reorder      float64
	ReorderDelay time.Duration
	// Duplicate is the probability with which a packet comes out twice, at the same instant.
	Duplicate float64
	// Seed determines all that is random.
	Seed uint64

	// Outages are times at which nothing leaves the queue, in any order.
	Outages []Outage
	// OnOff are outages that come again and again. They lose packets, or with Hold keep them waiting as Outages do.
	OnOff OnOff

	// Log, unless nil, is told of each packet once its fate is decided. The instants are exact, though the call may come later
	// than they say: a Link emulates only when it is asked. It must not call the Link.
	Log func(Record)
}

// Outage is a time without any opportunity, counted from the start of the link: From is included, To is not.
type Outage struct{ From, To time.Duration }

// Validate returns an error that names the first field that makes no sense, or nil.
func (c Config) Validate() error {
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"Loss", c.Loss}, {"BurstEnter", c.BurstEnter}, {"BurstLeave", c.BurstLeave}, {"Reorder", c.Reorder}, {"Duplicate", c.Duplicate},
	} {
		if !(p.value >= 0 && p.value <= 1) {
			return fmt.Errorf("link: %s is %g, but a probability lies from 0 to 1", p.name, p.value)
		}
	}
	switch {
	case c.BurstEnter > 0 && c.BurstLeave == 0:
		return fmt.Errorf("link: BurstLeave is 0, so the first burst of losses would never end: set it, such as 0.2 for 5 packets")
	case c.Start < 0 || c.Start > trace.MaxDuration:
		return fmt.Errorf("link: Start is %v, but lies from 0 to %v", c.Start, trace.MaxDuration)
	case c.Delay < 0 || c.Delay > MaxDelay:
		return fmt.Errorf("link: Delay is %v, but lies from 0 to %v", c.Delay, MaxDelay)
	case c.ReorderDelay < 0 || c.ReorderDelay > MaxDelay:
		return fmt.Errorf("link: ReorderDelay is %v, but lies from 0 to %v", c.ReorderDelay, MaxDelay)
	case c.Reorder > 0 && c.ReorderDelay == 0:
		return fmt.Errorf("link: ReorderDelay is 0, so nothing could be reordered: set it, such as 10ms")
	}
	for _, o := range c.Outages {
		if o.From < 0 || o.To < o.From || o.To > trace.MaxDuration {
			return fmt.Errorf("link: an outage from %v to %v: it must begin at 0 or later, and end after that and within %v", o.From, o.To,
				trace.MaxDuration)
		}
	}
	if err := c.OnOff.validate(); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	if err := c.Queue.validate(); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// Fate is what became of a packet.
type Fate int

// The fates of a packet.
const (
	Delivered Fate = iota // it comes out
	Dropped               // by the queue: it had no place, or its policy wanted the sender to slow down
	Lost                  // behind the queue, at random or because the link was off (OnOff)
	Waiting               // still in the queue when the link was ended (End)
)

// String returns the fate as a word.
func (f Fate) String() string { return [...]string{"delivered", "dropped", "lost", "waiting"}[f] }

// Record is the way of one packet.
type Record struct {
	Arrival   time.Time // at the queue
	Departure time.Time // of its last byte from the queue; zero if Dropped
	Drop      time.Time // when the queue dropped it; zero unless Dropped
	Delivery  time.Time // at the other end; zero unless Delivered
	Size      int       // IP length in bytes
	Fate      Fate
}

// Count is a number of packets and their bytes (IP length).
type Count struct{ Packets, Bytes int64 }

func (c *Count) add(size int) {
	c.Packets++
	c.Bytes += int64(size)
}

// Cost returns the bytes of opportunities that the packets took: with TUNHeaderBytes each.
func (c Count) Cost() int64 { return c.Bytes + TUNHeaderBytes*c.Packets }

// Counters are what has happened on a link since its start. What was sent is queued, in transit, dropped or departed; what has
// departed is lost, on the air or delivered.
type Counters struct {
	Sent       Count // put in
	Dropped    Count // by the queue
	Departed   Count // left the queue
	Lost       Count // of these, behind the queue
	Off        Count // of these, because the link was off (OnOff)
	Delivered  Count // came out, duplicates included
	Reordered  Count // held back by ReorderDelay
	Duplicated Count // copies that were added
	// Used are the bytes that packets took of what Link.Offered counts, TUNHeaderBytes included: divided by that, it is the share of
	// the capacity that was used. 0 without a trace.
	Used int64
}
