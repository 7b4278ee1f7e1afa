package trace

import (
	"math/rand/v2"
	"time"

	"salsify/transport/bitrate"
)

// The model of Wi-Fi. It is a model only: the structure is that of IEEE 802.11's distributed channel access, the constants without a
// source are guesses that give what one sees in a busy home or office, and none is fitted to recordings.
//
// Our station and some others contend for one channel. Each round one of them wins, all with the same probability, and sends one
// aggregate of frames (A-MPDU); or two collide, and the time is lost. All opportunities of an aggregate come at once, in the
// millisecond in which it ends, when the receiver has checked it. The rate while sending drifts, as the distance and what is in
// between change. Now and then interference makes nearly all fail for a while, or the station leaves the channel to look for others.
const (
	// 802.11, 5 GHz: what passes between two transmissions before the backoff (DIFS), a slot of the backoff, and its smallest
	// contention window in slots.
	wifiIdle   = 34 * time.Microsecond
	wifiSlot   = 9 * time.Microsecond
	wifiWindow = 16
	// Airtime of an aggregate with its acknowledgement: even from the shorter to the longer. 802.11n allows 5.484 ms at most.
	shortestAggregate, longestAggregate = 300 * time.Microsecond, 4 * time.Millisecond
	// How many others have something to send, and when that changes (mean).
	mostContenders   = 4
	contendersChange = 700 * time.Millisecond
	// Share of collided rounds for each other station.
	wifiCollision = 0.04
	// Deviation (in powers of two) and time constant of the rate while sending: walking about, and what moves in the room.
	wifiSlowDeviation, wifiSlowTime = 0.4, 8 * time.Second
	wifiFastDeviation, wifiFastTime = 0.3, 300 * time.Millisecond
	// Interference begins so often (mean), lasts evenly distributed between these, and leaves this share of the rate.
	interferenceEvery                         = 6 * time.Second
	shortestInterference, longestInterference = 40 * time.Millisecond, 300 * time.Millisecond
	interferenceRate                          = 0.08
	// A scan of other channels.
	scanEvery                 = 40 * time.Second
	shortestScan, longestScan = 60 * time.Millisecond, 150 * time.Millisecond
)

// WiFi returns a trace that behaves like a station of a busy Wi-Fi network: bursts by aggregation, gaps of some milliseconds while
// others send, a rate that drifts, short collapses by interference and scans (see the model above). At a mean rate of some
// Mbit/s and more an aggregate is several opportunities; below, several aggregates make one. The mean rate is as asked for, up to an
// opportunity, and the last opportunity lies at the end. The same seed gives the same trace on every machine. The error is as for
// Constant.
func WiFi(seed uint64, mean bitrate.Bitrate, duration time.Duration) (*Trace, error) {
	count, err := opportunitiesOf(mean, duration)
	if err != nil {
		return nil, err
	}
	// Twice through the same events, as for LTE: first for their sum, then for the opportunities.
	total := 0.0
	for channel := newWiFiChannel(seed); ; {
		at, weight := channel.next()
		if at > duration {
			break
		}
		total += weight
	}
	var b builder
	gathered := 0.0
	for channel := newWiFiChannel(seed); ; {
		at, weight := channel.next()
		if at > duration {
			break
		}
		gathered += weight
		for due := min(int(gathered/total*float64(count)), count); len(b.times) < due; {
			if err := b.add(at); err != nil {
				return nil, err
			}
		}
	}
	for len(b.times) < count { // what rounding left over, or all of a trace that is too short for an aggregate
		if err := b.add(duration); err != nil {
			return nil, err
		}
	}
	return b.trace(duration)
}

// wifiChannel draws one aggregate of ours after the other.
type wifiChannel struct {
	random     *rand.Rand
	now        time.Duration
	contenders int
	changeAt   time.Duration // of contenders
	slow, fast drift
	driftAt    time.Duration // of the next tick
	rate       float64       // while sending, relative

	interferenceAt, interferenceEnd time.Duration
	scanAt                          time.Duration
}

func newWiFiChannel(seed uint64) *wifiChannel {
	random := rand.New(rand.NewPCG(seed, 5))
	c := &wifiChannel{
		random: random, contenders: random.IntN(mostContenders + 1),
		slow: newDrift(random, wifiSlowDeviation, wifiSlowTime), fast: newDrift(random, wifiFastDeviation, wifiFastTime),
	}
	c.changeAt, c.interferenceAt, c.scanAt = c.after(contendersChange), c.after(interferenceEvery), c.after(scanEvery)
	return c
}

// next returns when our next aggregate ends, and what it carries relative to others.
func (c *wifiChannel) next() (time.Duration, float64) {
	for {
		c.observe()
		c.now += wifiIdle + time.Duration(c.random.IntN(wifiWindow)/(c.contenders+1))*wifiSlot
		airtime := even(c.random, shortestAggregate, longestAggregate)
		c.now += airtime
		collided := c.random.Float64() < wifiCollision*float64(c.contenders)
		if ours := c.random.IntN(c.contenders+1) == 0; ours && !collided {
			return c.now, float64(airtime.Seconds() * c.rate)
		}
	}
}

// observe brings what surrounds the channel up to now.
func (c *wifiChannel) observe() {
	if c.now >= c.scanAt {
		c.now += even(c.random, shortestScan, longestScan)
		c.scanAt = c.after(scanEvery)
	}
	if c.now >= c.changeAt {
		c.contenders = c.random.IntN(mostContenders + 1)
		c.changeAt = c.after(contendersChange)
	}
	if c.now >= c.interferenceAt {
		c.interferenceEnd = c.now + even(c.random, shortestInterference, longestInterference)
		c.interferenceAt = c.interferenceEnd + c.after(interferenceEvery) - c.now
	}
	for ; c.driftAt <= c.now; c.driftAt += tick {
		c.rate = powerOfTwo(c.slow.step(c.random) + c.fast.step(c.random))
	}
	if c.now < c.interferenceEnd {
		c.rate = min(c.rate, interferenceRate)
	}
}

// after returns an instant that lies an exponential time of that mean from now.
func (c *wifiChannel) after(mean time.Duration) time.Duration {
	return c.now + time.Duration(c.random.ExpFloat64()*float64(mean))
}

// even draws a time evenly from the first to the second.
func even(random *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(random.Int64N(int64(to-from)))
}
