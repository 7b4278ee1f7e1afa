package playout_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"salsify/transport/playout"
)

const ms = time.Millisecond

var start = time.Unix(1_000_000, 0)

// firstTimestamp is a sender's; it wraps after 10 s.
const firstTimestamp uint32 = math.MaxUint32 - 48000*10

// call is some minutes of sound over a made-up network, with the sound card that plays it.
type call struct {
	name   string
	length time.Duration
	frame  time.Duration // 0: 20 ms
	config playout.Config
	fec    bool
	// network gives a packet's delay, or false if it is lost. Each call of it is one packet, sent at that time since the start.
	network func(r *rand.Rand) func(sent time.Duration) (time.Duration, bool)
	sender  float64                                    // its clock is so much too fast, as a share
	card    float64                                    // so is the receiver's sound card
	pauses  func(sent time.Duration) bool              // nothing is sent then (DTX)
	restart time.Duration                              // the sender begins new counts then; 0: never
	first   uint16                                     // sequence number
	before  func(now time.Duration, b *playout.Buffer) // each Pull
	heard   func(h heard)                              // after it, if there was something to hear
	stretch func(a playout.Action) time.Duration       // nil: as a stretcher would
}

// heard is a frame that was played.
type heard struct {
	sent, at  time.Duration // since the start
	kind      playout.Kind
	timestamp uint32
	buffer    playout.Delay
}

type result struct {
	played  []heard // Decode and Recover
	stats   playout.Stats
	pulls   int
	delays  []time.Duration // of the network, of what came
	fastest time.Duration
	silent  []time.Duration // when silence was played
	made    []time.Duration // when frames were concealed
}

type packet struct {
	arrival time.Duration
	p       playout.Packet
}

// payload is a SILK packet of 20 (or 10) ms, with or without a copy of the frame before, and when it was sent in it.
func payload(sent, frame time.Duration, fec bool) []byte {
	b := []byte{1 << 3, 0}
	if frame == 10*ms {
		b[0] = 0
	}
	if fec {
		b[1] = 1 << 6
	}
	return binary.BigEndian.AppendUint64(b, uint64(sent))
}

// run plays the call with seed.
func (c call) run(seed uint64) *result {
	r := rand.New(rand.NewPCG(seed, 1))
	network := c.network(r)
	frame := c.frame
	if frame == 0 {
		frame = 20 * ms
	}
	out := &result{fastest: math.MaxInt64}
	var packets []packet
	sequence, timestamp := c.first, firstTimestamp
	restarted := false
	for sent := time.Duration(0); sent < c.length; sent += time.Duration(float64(frame) / (1 + c.sender)) {
		if c.restart > 0 && sent >= c.restart && !restarted {
			sequence, timestamp, restarted = sequence+30_000, timestamp+1<<30, true
		}
		samples := uint32(frame * 48 / ms)
		if c.pauses != nil && c.pauses(sent) {
			if !c.pauses(sent - frame) { // the packet that says so
				last := playout.Packet{Sequence: sequence, Timestamp: timestamp, Duration: frame, Payload: []byte{1 << 3}}
				packets = append(packets, packet{sent + 20*ms, last})
				sequence++
			}
			timestamp += samples
			continue
		}
		if delay, ok := network(sent); ok {
			packets = append(packets, packet{sent + delay, playout.Packet{
				Sequence: sequence, Timestamp: timestamp, Duration: frame, Payload: payload(sent, frame, c.fec),
			}})
			out.delays = append(out.delays, delay)
			out.fastest = min(out.fastest, delay)
		}
		sequence, timestamp = sequence+1, timestamp+samples
	}
	slices.SortStableFunc(packets, func(a, b packet) int { return int(a.arrival - b.arrival) })

	b := playout.New(c.config)
	const period = 10 * ms
	ready := time.Duration(0) // what the player has decoded and not yet given to the card
	for asks := 3 * ms; asks < c.length; asks += time.Duration(float64(period) / (1 + c.card)) {
		now := asks + time.Duration(r.Float64()*float64(2*ms)) // the operating system is a little late
		for ; ready < period; out.pulls++ {
			for len(packets) > 0 && packets[0].arrival <= now {
				b.Packet(start.Add(packets[0].arrival), packets[0].p)
				packets = packets[1:]
			}
			if c.before != nil {
				c.before(now, b)
			}
			a := b.Pull(start.Add(now))
			switch a.Kind {
			case playout.Decode, playout.Recover:
				if len(a.Payload) < 10 {
					break
				}
				sent := time.Duration(binary.BigEndian.Uint64(a.Payload[2:]))
				if a.Kind == playout.Recover {
					sent -= frame
				}
				h := heard{sent, asks + ready, a.Kind, a.Timestamp, b.Delay()}
				out.played = append(out.played, h)
				if c.heard != nil {
					c.heard(h)
				}
			case playout.Conceal:
				out.made = append(out.made, now)
			case playout.Silence:
				out.silent = append(out.silent, now)
			}
			ready += a.Duration
			if c.stretch != nil {
				if change := c.stretch(a); change != 0 {
					ready += change
					b.Stretched(change)
				}
				continue
			}
			// A stretcher cuts whole periods of the voice, of 2.5 to 12.5 ms, and only where it finds some.
			if lag := time.Duration((2.5 + 10*r.Float64()) * float64(ms)); a.Stretch != 0 && lag <= a.Stretch.Abs() && r.Float64() < 0.7 {
				if a.Stretch < 0 {
					lag = -lag
				}
				ready += lag
				b.Stretched(lag)
			}
		}
		ready -= period
	}
	out.stats = b.Stats()
	return out
}

// between is the frames heard in that time.
func (r *result) between(from, to time.Duration) []heard {
	var some []heard
	for _, h := range r.played {
		if h.at >= from && h.at < to {
			some = append(some, h)
		}
	}
	return some
}

// delay returns the mean and the 95th percentile of the time from the microphone to the card, without the fastest packet's way.
func (r *result) delay(from, to time.Duration) (mean, p95 time.Duration) {
	var all []time.Duration
	for _, h := range r.between(from, to) {
		all = append(all, h.at-h.sent-r.fastest)
		mean += all[len(all)-1]
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return mean / time.Duration(len(all)), all[len(all)*95/100]
}

func (r *result) share(n uint64) float64 { return 100 * float64(n) / float64(r.pulls) }

// ideal is the constant delay over the fastest at which waiting and lateness cost least, with all that comes known beforehand.
func (r *result) ideal() time.Duration {
	all := slices.Clone(r.delays)
	slices.Sort(all)
	best := time.Duration(math.MaxInt64)
	at := time.Duration(0)
	for i, d := range all {
		late := len(all) - 1 - i
		if cost := d + time.Duration(float64(late)*100/float64(len(all))*20*float64(ms)); cost < best {
			best, at = cost, d
		}
	}
	return at - r.fastest
}

func each(delay func(r *rand.Rand) float64) func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
	return func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
		return func(time.Duration) (time.Duration, bool) { return time.Duration(delay(r) * float64(ms)), true }
	}
}

func constant(*rand.Rand) float64 { return 40 }

// lossy loses that share of packets, in bursts of that many on average.
func lossy(share, burst float64, jitter float64) func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
	return func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
		bad := false
		return func(time.Duration) (time.Duration, bool) {
			if bad {
				bad = r.Float64() >= 1/burst
			} else {
				bad = r.Float64() < share/(1-share)/burst
			}
			return time.Duration((40 + jitter*r.Float64()) * float64(ms)), !bad
		}
	}
}

// stalls is a link that stands still now and then: what came meanwhile goes out at once after it.
func stalls(every, length time.Duration) func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
	return func(*rand.Rand) func(time.Duration) (time.Duration, bool) {
		return func(sent time.Duration) (time.Duration, bool) {
			return 40*ms + max(0, length-sent%every), true
		}
	}
}

func step(from, to time.Duration) func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
	return func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
		return func(sent time.Duration) (time.Duration, bool) {
			delay := time.Duration((40 + 10*r.Float64()) * float64(ms))
			if sent >= from && sent < to {
				delay += 200 * ms
			}
			return delay, true
		}
	}
}

func outage(from, to time.Duration) func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
	return func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
		return func(sent time.Duration) (time.Duration, bool) {
			return time.Duration((40 + 10*r.Float64()) * float64(ms)), sent < from || sent >= to
		}
	}
}

// calls is all networks, with bounds on what is heard.
var calls = []struct {
	call
	above     time.Duration // mean delay less the ideal one, at most
	concealed float64       // percent of frames, at most
	recovered float64       // percent of frames, at least
}{
	{call{name: "constant", length: 2 * time.Minute, network: each(constant)}, 25 * ms, 0.1, 0},
	{call{name: "constant, 10 ms", length: 2 * time.Minute, frame: 10 * ms, network: each(constant)}, 25 * ms, 0.1, 0},
	{call{name: "uniform 0-40 ms", length: 2 * time.Minute,
		network: each(func(r *rand.Rand) float64 { return 40 + 40*r.Float64() })}, 25 * ms, 0.5, 0},
	{call{name: "gaussian, 10 ms", length: 2 * time.Minute,
		network: each(func(r *rand.Rand) float64 { return max(40, 80+10*r.NormFloat64()) })}, 25 * ms, 1, 0},
	{call{name: "gaussian, 30 ms", length: 2 * time.Minute,
		network: each(func(r *rand.Rand) float64 { return max(40, 160+30*r.NormFloat64()) })}, 30 * ms, 2, 0},
	{call{name: "heavy tail (Pareto 2)", length: 2 * time.Minute,
		network: each(func(r *rand.Rand) float64 { return 40 + 10*(math.Pow(1-r.Float64(), -0.5)-1) })}, 30 * ms, 3, 0},
	{call{name: "+200 ms from 40 to 80 s", length: 2 * time.Minute, network: step(40*time.Second, 80*time.Second)}, 80 * ms, 0.5, 0},
	// Here waiting for the stalls costs as much as losing what they hold up: both are right.
	{call{name: "stalls of 100 ms each 2 s", length: 2 * time.Minute, network: stalls(2*time.Second, 100*ms)}, 120 * ms, 1, 0},
	{call{name: "5 % loss, FEC", length: 2 * time.Minute, fec: true, network: lossy(0.05, 1, 10)}, 50 * ms, 1.5, 4},
	{call{name: "10 % loss, FEC", length: 2 * time.Minute, fec: true, network: lossy(0.10, 1, 10)}, 50 * ms, 2.5, 8},
	{call{name: "20 % loss, FEC", length: 2 * time.Minute, fec: true, network: lossy(0.20, 1.25, 10)}, 50 * ms, 7, 13},
	{call{name: "10 % loss, no FEC", length: 2 * time.Minute, network: lossy(0.10, 1, 10)}, 30 * ms, 12, 0},
	{call{name: "10 % loss in bursts of 4, FEC", length: 2 * time.Minute, fec: true, network: lossy(0.10, 4, 10)}, 50 * ms, 9.5, 1.5},
	{call{name: "10 % reordered by 25-45 ms", length: 2 * time.Minute, network: each(func(r *rand.Rand) float64 {
		if r.Float64() < 0.1 {
			return 65 + 20*r.Float64()
		}
		return 40
	})}, 30 * ms, 0.5, 0},
	{call{name: "sender +200 ppm, 10 min", length: 10 * time.Minute, sender: 200e-6, network: lossy(0, 1, 10)}, 25 * ms, 0.2, 0},
	{call{name: "sender -200 ppm, 10 min", length: 10 * time.Minute, sender: -200e-6, network: lossy(0, 1, 10)}, 25 * ms, 0.2, 0},
	{call{name: "card +200 ppm, 10 min", length: 10 * time.Minute, card: 200e-6, network: lossy(0, 1, 10)}, 25 * ms, 0.2, 0},
	{call{name: "card -200 ppm, 10 min", length: 10 * time.Minute, card: -200e-6, network: lossy(0, 1, 10)}, 25 * ms, 0.2, 0},
	{call{name: "outage of 5 s", length: 2 * time.Minute, network: outage(60*time.Second, 65*time.Second)}, 25 * ms, 0.3, 0},
	{call{name: "sender restarts", length: 2 * time.Minute, restart: 60 * time.Second, network: lossy(0, 1, 10)}, 25 * ms, 0.3, 0},
	{call{name: "DTX, 2 s of 5", length: 2 * time.Minute, network: lossy(0, 1, 10), first: 65_000,
		pauses: func(sent time.Duration) bool { return sent%(5*time.Second) >= 3*time.Second }}, 25 * ms, 0.2, 0},
}

// TestNetworks prints the table of what each network costs, with -v.
func TestNetworks(t *testing.T) {
	w := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "network\tideal\tmean delay\t95th\tconcealed %\trecovered %\tlate %\tstretched %")
	for _, c := range calls {
		r := c.run(7)
		mean, p95 := r.delay(5*time.Second, c.length)
		s := r.stats
		fmt.Fprintf(w, "%s\t%.0f ms\t%.0f ms\t%.0f ms\t%.2f\t%.2f\t%.2f\t%.2f\n", c.name, r.ideal().Seconds()*1e3, mean.Seconds()*1e3,
			p95.Seconds()*1e3, r.share(s.Concealed), r.share(s.Recovered), r.share(s.Late),
			100*(s.Expanded+s.Accelerated).Seconds()/c.length.Seconds())
		if above := mean - r.ideal(); above > c.above {
			t.Errorf("%s: the mean delay is %v, %v above the ideal; at most %v wanted", c.name, mean, above, c.above)
		}
		if share := r.share(s.Concealed); share > c.concealed {
			t.Errorf("%s: %.2f %% of the frames are concealed, want at most %v %%", c.name, share, c.concealed)
		}
		if share := r.share(s.Recovered); share < c.recovered {
			t.Errorf("%s: %.2f %% of the frames are recovered by FEC, want at least %v %%", c.name, share, c.recovered)
		}
	}
}

// A step of the network's delay is a hole of 200 ms in what comes, and after it all is whole. Back again it takes some seconds.
func TestStepOfDelay(t *testing.T) {
	c := call{length: 2 * time.Minute, network: step(40*time.Second, 80*time.Second)}
	r := c.run(1)
	for _, at := range append(r.made, r.silent...) {
		if at > time.Second && (at < 40*time.Second || at > 40500*ms) {
			t.Errorf("something is missing at %v", at)
		}
	}
	if n := len(r.made) + len(r.silent); n > 25 {
		t.Errorf("%d frames are missing, want some 10 for the step and some at the start", n)
	}
	if mean, _ := r.delay(41*time.Second, 79*time.Second); mean < 205*ms || mean > 235*ms {
		t.Errorf("the delay is %v during the step, want some 220 ms", mean)
	}
	for _, after := range []time.Duration{20, 30} {
		if mean, _ := r.delay((80+after)*time.Second, (85+after)*time.Second); mean > 35*ms {
			t.Errorf("the delay is %v %d s after the step, want less than 35 ms", mean, after)
		}
	}
}

// Clocks that drift move the delay nowhere: it is the same in the first minute and in the last.
func TestDriftOfClocks(t *testing.T) {
	for _, c := range []call{{sender: 200e-6}, {sender: -200e-6}, {card: 200e-6}, {card: -200e-6}, {sender: 200e-6, card: -200e-6}} {
		c.length = 10 * time.Minute
		c.network = each(func(r *rand.Rand) float64 { return max(40, 70+8*r.NormFloat64()) })
		r := c.run(3)
		early, _ := r.delay(time.Minute, 2*time.Minute)
		late, _ := r.delay(9*time.Minute, 10*time.Minute)
		if d := (late - early).Abs(); d > 12*ms {
			t.Errorf("sender %v, card %v: the delay is %v at first and %v in the end", c.sender, c.card, early, late)
		}
		if s := r.share(r.stats.Concealed); s > 0.5 {
			t.Errorf("sender %v, card %v: %.2f %% concealed", c.sender, c.card, s)
		}
		// 200 ppm of 10 minutes are 120 ms; no more should be stretched than that, and what the target moves.
		if s := r.stats.Expanded + r.stats.Accelerated; s > 900*ms {
			t.Errorf("sender %v, card %v: %v were stretched", c.sender, c.card, s)
		}
	}
}

// After an outage sound is back with the first packet, as late as before; during it there is concealment and then silence.
func TestOutage(t *testing.T) {
	for _, frame := range []time.Duration{10 * ms, 20 * ms} {
		c := call{length: time.Minute, frame: frame, network: outage(30*time.Second, 35*time.Second)}
		r := c.run(5)
		mean, _ := r.delay(20*time.Second, 30*time.Second)
		again, _ := r.delay(35*time.Second, 36*time.Second)
		if (again - mean).Abs() > 30*ms {
			t.Errorf("%v: the delay is %v before the outage and %v after it", frame, mean, again)
		}
		if first := r.between(35*time.Second, 36*time.Second)[0]; first.at > 35150*ms {
			t.Errorf("%v: the first frame after the outage plays at %v", frame, first.at)
		}
		if made := time.Duration(len(r.made)) * frame; made > 160*ms {
			t.Errorf("%v: %v of sound are made up", frame, made)
		}
		for _, at := range r.silent {
			if at > time.Second && at < 30*time.Second || at > 35200*ms {
				t.Errorf("%v: silence at %v", frame, at)
			}
		}
	}
}

// The sound of an outage that comes all at once after it is not played: it would be seconds late.
func TestOutageThatQueued(t *testing.T) {
	c := call{length: time.Minute, network: stalls(31*time.Second, 3*time.Second)} // it stands still at 0 and at 31 s
	r := c.run(5)
	if mean, p95 := r.delay(35*time.Second, 40*time.Second); mean > 60*ms || p95 > 100*ms {
		t.Errorf("a second after the stall the delay is %v, 95th percentile %v", mean, p95)
	}
	if s := r.stats; s.Late+s.Dropped < 200 {
		t.Errorf("%d packets were late and %d dropped; want nearly all of 2 x 150", s.Late, s.Dropped)
	}
}

// A sender that begins anew is heard again with its second packet; a stray packet changes nothing.
func TestRestart(t *testing.T) {
	c := call{length: 40 * time.Second, restart: 20 * time.Second, network: lossy(0, 1, 10)}
	r := c.run(1)
	if r.stats.Restarts != 1 || r.stats.Refused != 1 || r.stats.Lost > 1 {
		t.Errorf("the counts are %+v, want one restart and the one packet before it refused", r.stats)
	}
	if n := len(r.between(20200*ms, 40*time.Second)); n < 985 {
		t.Errorf("%d frames were heard after the restart, want 990", n)
	}
}

// The delay stays between Min and Max, whatever the network does.
func TestBounds(t *testing.T) {
	wild := each(func(r *rand.Rand) float64 { return 40 + 200*r.Float64() })
	c := call{length: time.Minute, network: wild, config: playout.Config{Min: 20 * ms, Max: 150 * ms}}
	r := c.run(1)
	if mean, p95 := r.delay(5*time.Second, time.Minute); mean > 165*ms || p95 > 185*ms {
		t.Errorf("with at most 150 ms the delay is %v, 95th percentile %v", mean, p95)
	}
	c = call{length: time.Minute, network: each(constant), config: playout.Config{Min: 120 * ms}}
	r = c.run(1)
	if mean, _ := r.delay(5*time.Second, time.Minute); mean < 115*ms || mean > 145*ms {
		t.Errorf("with at least 120 ms the delay is %v", mean)
	}
}

// In pauses nothing is made up for long, nothing counts as lost, and what comes after is whole.
func TestPauses(t *testing.T) {
	c := call{length: time.Minute, network: lossy(0, 1, 10), first: 65_500,
		pauses: func(sent time.Duration) bool { return sent%(5*time.Second) >= 3*time.Second }}
	r := c.run(1)
	s := r.stats
	if s.Lost+s.Concealed+s.Late+s.Dropped > 0 || s.Played != s.Received {
		t.Errorf("the counts are %+v: want nothing lost, concealed, late or dropped", s)
	}
	if share := float64(s.Silent) / float64(r.pulls); share < 0.35 || share > 0.45 {
		t.Errorf("%.0f %% of the frames are silent, want 40 %%", 100*share)
	}
}

// With the real stretcher and a voice, the delay moves where it has to within seconds, in both directions.
func TestVoiceIsStretched(t *testing.T) {
	s := playout.NewStretcher[int16](1)
	sound := pcm(voice(140, 960*250)) // again and again
	out, frame := make([]int16, 0, 2*960), 0
	c := call{length: time.Minute, network: lossy(0, 1, 10)}
	c.before = func(now time.Duration, b *playout.Buffer) {
		b.KeepAtLeast(0)
		if now > 20*time.Second && now < 40*time.Second {
			b.KeepAtLeast(200 * ms)
		}
	}
	c.stretch = func(a playout.Action) time.Duration {
		var change time.Duration
		out, change = s.Append(out[:0], sound[frame%250*960:][:960], a.Stretch)
		frame++
		return change
	}
	r := c.run(1)
	for _, w := range []struct{ from, least, most time.Duration }{{15, 15 * ms, 40 * ms}, {25, 190 * ms, 225 * ms}, {45, 15 * ms, 45 * ms}} {
		if mean, _ := r.delay(w.from*time.Second, (w.from+5)*time.Second); mean < w.least || mean > w.most {
			t.Errorf("from %d s on the delay is %v, want %v to %v", w.from, mean, w.least, w.most)
		}
	}
	if r.stats.Concealed+r.stats.Lost > 0 {
		t.Errorf("the counts are %+v", r.stats)
	}
}
