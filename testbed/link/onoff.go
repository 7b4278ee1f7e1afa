package link

import (
	"fmt"
	"math/rand/v2"
	"time"

	"salsify/testbed/trace"
)

// OnOff is a link that is on and off by turns, first on. The zero value is always on. ParseOnOff makes one of a text, and *OnOff is
// a pflag.Value.
//
// As with mm-intermittent and, if Random, mm-onoff of mahimahi (loss_queue.cc), what has left the queue while the link is off is
// lost, and the times are cut down to whole milliseconds. The queue does not notice: it goes on sending into the void.
type OnOff struct {
	On, Off time.Duration
	Random  bool // each time is drawn from an exponential distribution with that mean
	Hold    bool // nothing is lost: packets wait in the queue while the link is off
}

func (o OnOff) validate() error {
	if o == (OnOff{}) {
		return nil
	}
	for _, t := range []struct {
		name  string
		value time.Duration
	}{{"on", o.On}, {"off", o.Off}} {
		if t.value < time.Millisecond || t.value > trace.MaxDuration {
			return fmt.Errorf("an on-off link is %s for %v: it must be from 1ms to %v", t.name, t.value, trace.MaxDuration)
		}
	}
	return nil
}

// OffTimes returns when a link with that Seed is off, in order, from its start until a time.
func (o OnOff) OffTimes(seed uint64, until time.Duration) []Outage {
	times := newOffTimes(o, seed)
	return times.until(until)
}

// offTimes are the times at which a link is off. They are drawn when they are first asked for, and kept for Offered.
type offTimes struct {
	config OnOff
	random *rand.Rand
	drawn  time.Duration // until here
	off    []Outage      // sorted, apart from each other
}

func newOffTimes(config OnOff, seed uint64) offTimes {
	return offTimes{config: config, random: rand.New(rand.NewPCG(seed, 5))}
}

// draw draws on until all that begins at a time or before is known.
func (o *offTimes) draw(at time.Duration) {
	if o.config.Off == 0 {
		return
	}
	for o.drawn <= at {
		from := o.drawn + o.length(o.config.On)
		o.drawn = from + o.length(o.config.Off)
		if last := len(o.off) - 1; last >= 0 && from == o.off[last].To {
			o.off[last].To = o.drawn // an on time of nothing
		} else if o.drawn > from {
			o.off = append(o.off, Outage{from, o.drawn})
		}
	}
}

// length draws how long it is on or off.
func (o *offTimes) length(mean time.Duration) time.Duration {
	if o.config.Random {
		mean = time.Duration(o.random.ExpFloat64() * float64(mean))
	}
	return mean.Truncate(time.Millisecond)
}

// end returns the end of the off time in which a time lies and true, or false if the link is on.
func (o *offTimes) end(at time.Duration) (time.Duration, bool) {
	o.draw(at)
	return outageEnd(o.off, at)
}

// until returns the off times that begin at a time or before.
func (o *offTimes) until(at time.Duration) []Outage {
	o.draw(at)
	n := len(o.off)
	for n > 0 && o.off[n-1].From > at {
		n--
	}
	return o.off[:n]
}
