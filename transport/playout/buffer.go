// Package playout is the receiving side of sound, without sound card, clock and goroutine: which packet is played when (Buffer), how
// a frame is made longer or shorter unnoticed (Stretcher), and how sound and picture are kept together (Sync).
package playout

import "time"

// The way of a packet:
//
//  1. Packet puts it in its place by its sequence number, and its transit (arrival less time stamp) into the statistics.
//  2. From those follows the target: the delay at which waiting and late packets cost least together (delays.go).
//  3. Before the first packet, after a pause of the sender and after a long outage all is silent, and the next packet is played
//     when it is due by the target: here the delay can change for nothing.
//  4. Then each Pull plays the packet at the position. The player calls it in the sound card's rhythm.
//  5. If that one is missing but a later one is there, it is lost: its copy in the next one is played, or it is concealed.
//  6. If there is nothing at all, it may be late rather than lost. A concealed frame is put in, and what comes next decides which
//     of both it was: a packet at the position is played then, so the delay has grown; one behind takes the concealed time for the
//     lost one's.
//  7. Where the delay is off its target, the action asks to play the frame a little longer or shorter. That also follows the
//     drift of the two clocks, of the sender's sound card and of ours.

const (
	// sampleRate is the unit of time stamps: Opus has 48 kHz, always (RFC 7587, section 4.1).
	sampleRate = 48000

	// maxPackets is how many packets are kept, and how far from the newest a number may be: 10 s at 20 ms. Memory for their payloads is
	// taken once, as they come, and never more than some 800 KB.
	maxPackets = 512
	// maxPayload is the longest packet that is taken: what fits into a datagram.
	maxPayload = 1500
	// maxDuration is the longest that an Opus packet plays (RFC 6716, section 3.2.5).
	maxDuration = 120 * time.Millisecond
	// maxJump is how much a transit may differ from the one before. Beyond it the sender has begun a new count.
	maxJump = 10 * time.Second

	// concealFor is how long missing sound is made up. A decoder has nothing left to say after that.
	concealFor = 120 * time.Millisecond

	// The delay is left alone between tooShort below the target and tooLong above it: a stretched frame is worse than some
	// milliseconds.
	tooShort = 3 * time.Millisecond
	tooLong  = 10 * time.Millisecond
	// The speed is changed by gentle as a rule, and by firm if the delay is farther off than farOff.
	gentle = 0.05
	firm   = 0.10
	farOff = 60 * time.Millisecond
	// smoothing is over about how many pulls the delay is averaged: a sound card asks in an uneven rhythm.
	smoothing = 8
)

// Config has the limits of a Buffer.
type Config struct {
	Min time.Duration // least delay over that of the fastest packets; 0: 10 ms
	Max time.Duration // most; 0: 500 ms
}

// Packet is an Opus packet from the network.
type Packet struct {
	Sequence  uint16        // of RTP
	Timestamp uint32        // of RTP, in 1/48000 s: of the first sample
	Duration  time.Duration // how long it plays, as the payload's first bytes say
	Payload   []byte
}

// Kind is what to do for the next frame.
type Kind int

// What a player is told to do.
const (
	Silence Kind = iota // nothing to play: before the start, where the sender pauses, and in long outages
	Decode              // decode Payload
	Recover             // the packet is lost: decode its copy, which is in Payload, the packet after it
	Conceal             // make up a frame: the packet is lost, or not here yet
)

// String gives the name.
func (k Kind) String() string {
	switch k {
	case Silence:
		return "silence"
	case Decode:
		return "decode"
	case Recover:
		return "recover"
	case Conceal:
		return "conceal"
	default:
		return "unknown"
	}
}

// Action is what to play next. A player makes the frame that Kind says, puts it through its Stretcher with Stretch, tells Stretched
// what came out, and pulls again when the sound card needs more than it has.
type Action struct {
	Kind      Kind
	Payload   []byte        // of Decode and Recover; valid until the next Pull
	Duration  time.Duration // how long the frame is before it is stretched
	Timestamp uint32        // of Decode and Recover: of the frame's first sample, for Sync
	// Stretch asks to make the frame longer (above 0) or shorter (below 0), by that much at most. The player does what can be done
	// unnoticed and tells it with Stretched.
	Stretch time.Duration
}

// Stats counts packets and frames.
type Stats struct {
	Received    uint64 // packets, without duplicates and refused ones
	Duplicates  uint64
	Late        uint64 // packets that came after their time; they are in Lost too
	Refused     uint64 // packets that make no sense, or whose numbers are far from all others
	Dropped     uint64 // packets that were there and skipped: the delay was far too long, or the sender began a new count
	Restarts    uint64 // times that the sender began a new count
	Played      uint64 // frames decoded
	Lost        uint64 // packets not there when they were to be played
	Recovered   uint64 // of them, by in-band FEC
	Concealed   uint64 // frames made up
	Silent      uint64 // frames of silence
	Expanded    time.Duration
	Accelerated time.Duration
}

// Delay is how long sound waits, over the transit of the fastest packets.
type Delay struct {
	Target  time.Duration // what is aimed at
	Playing time.Duration // between the arrival of a packet that came as fast as any, and its play
	Waiting time.Duration // how much sound there is in the buffer
}

// Buffer keeps packets until they are to be played. It is not safe for use by several goroutines.
type Buffer struct {
	config Config
	floor  time.Duration
	epoch  time.Time
	slots  [maxPackets]slot
	out    []byte
	delays delays

	any       bool
	highest   int64 // sequence number
	highestAt int64 // its time stamp

	candidate struct { // the packet of far-away numbers that came last: another like it makes a restart
		any       bool
		sequence  uint16
		timestamp uint32
		arrival   time.Time
	}

	fresh    bool  // nothing of this count was played
	playing  bool  // not silent
	last     int64 // sequence number that was played or passed last
	position int64 // time stamp of the next sample
	frame    int64 // samples in the frame played last
	quiet    bool  // the packet played last said that the sender falls silent
	held     int64 // samples concealed that are not known to be lost
	faded    int64 // samples concealed since a packet
	level    time.Duration
	settled  bool  // level goes on from the pulls before
	wait     int64 // samples to play before the next stretch
	far      bool  // the last Stretch was asked for because the delay was far off

	stats Stats
}

type slot struct {
	used     bool // seen
	waiting  bool // and not yet played
	sequence int64
	at       int64 // time stamp
	samples  int64
	payload  []byte
}

// New returns an empty Buffer.
func New(c Config) *Buffer {
	if c.Min <= 0 {
		c.Min = 10 * time.Millisecond
	}
	if c.Max <= 0 {
		c.Max = 500 * time.Millisecond
	}
	c.Max = max(c.Max, c.Min)
	return &Buffer{config: c, delays: newDelays(), frame: samplesOf(20 * time.Millisecond), out: make([]byte, 0, maxPayload)}
}

// Stats returns the counts so far.
func (b *Buffer) Stats() Stats { return b.stats }

// Delay returns how long sound waits now.
func (b *Buffer) Delay() Delay {
	d := Delay{Target: b.target(b.floor)}
	if b.playing {
		d.Playing = b.level - b.delays.base()
		d.Waiting = durationOf(max(0, b.highestAt-b.position))
		if s := b.slot(b.highest); s.waiting {
			d.Waiting += durationOf(s.samples)
		}
	}
	return d
}

// Own returns the target without what KeepAtLeast asks for: the shortest delay that the network allows.
func (b *Buffer) Own() time.Duration { return b.target(0) }

func (b *Buffer) target(floor time.Duration) time.Duration {
	return b.delays.target(b.config, durationOf(b.frame), floor)
}

// KeepAtLeast makes the target no less than that, within Max: for pictures that come later than their sound.
func (b *Buffer) KeepAtLeast(delay time.Duration) { b.floor = max(0, delay) }

// Packet takes a packet that came then. The payload is copied.
func (b *Buffer) Packet(arrival time.Time, p Packet) {
	if len(p.Payload) == 0 || len(p.Payload) > maxPayload || samplesOf(p.Duration) <= 0 || p.Duration > maxDuration {
		b.stats.Refused++
		return
	}
	if !b.any {
		b.restart(arrival, p)
	}
	n := b.highest + int64(int16(p.Sequence-uint16(b.highest)))
	at := b.highestAt + int64(int32(p.Timestamp-uint32(b.highestAt)))
	t := b.transit(arrival, at)
	if n <= b.highest-maxPackets || n >= b.highest+maxPackets || (t-b.delays.newest).Abs() > maxJump && len(b.delays.long.sorted) > 0 {
		if !b.follows(arrival, p) {
			b.stats.Refused++
			return
		}
		b.stats.Restarts++
		b.restart(arrival, p)
		n, at = b.highest, b.highestAt
		t = b.transit(arrival, at)
	}
	b.candidate.any = false
	s := b.slot(n)
	if s.used && s.sequence == n {
		b.stats.Duplicates++
		return
	}
	b.stats.Received++
	before := b.slot(n - 1)
	b.delays.add(arrival, t, p.Duration, n > b.highest && !(before.used && before.sequence == n-1) && hasFEC(p.Payload))
	if n > b.highest {
		b.highest, b.highestAt = n, at
	}
	if s.waiting { // for so long that its place is needed
		b.stats.Dropped++
	}
	samples := samplesOf(p.Duration)
	*s = slot{used: true, sequence: n, at: at, samples: samples, payload: s.payload}
	if n <= b.last || at+samples <= b.position {
		b.stats.Late++
		return
	}
	s.waiting = true
	s.payload = append(s.payload[:0], p.Payload...)
}

// follows reports whether a packet of far-away numbers goes on where the one before it was. A stray one alone changes nothing.
func (b *Buffer) follows(arrival time.Time, p Packet) bool {
	c := &b.candidate
	ahead := int16(p.Sequence - c.sequence)
	step := durationOf(int64(int32(p.Timestamp - c.timestamp)))
	yes := c.any && ahead > 0 && ahead < 100 && (arrival.Sub(c.arrival)-step).Abs() < time.Second
	c.any, c.sequence, c.timestamp, c.arrival = true, p.Sequence, p.Timestamp, arrival
	return yes
}

// restart begins a new count with the packet.
func (b *Buffer) restart(arrival time.Time, p Packet) {
	for i := range b.slots {
		if b.slots[i].waiting {
			b.stats.Dropped++
		}
		b.slots[i].used, b.slots[i].waiting = false, false
	}
	b.any = true
	b.epoch = arrival
	b.delays.reset()
	// So that there is room for packets that were sent before this one.
	b.highest, b.highestAt = int64(p.Sequence)+1<<16, int64(p.Timestamp)+1<<32
	b.last = b.highest - maxPackets
	b.position = b.highestAt - 1<<31
	b.fresh = true
	b.silence()
}

// Pull says what to play next. now is when the player asks.
func (b *Buffer) Pull(now time.Time) Action {
	b.delays.settle(now, b.config)
	if !b.playing {
		return b.begin(now)
	}
	s := b.next()
	if s == nil {
		return b.starve()
	}
	if skip := min(b.held, s.at-b.position); skip > 0 {
		b.position += skip // what was concealed was this
	}
	b.held = 0
	for b.transit(now, s.at) > b.delays.base()+b.config.Max+durationOf(s.samples) {
		after := b.following(s)
		if after == nil {
			break
		}
		b.drop(s)
		s, b.settled = after, false
		b.position = s.at
	}
	gap := s.at - b.position
	switch {
	case gap <= 0:
		return b.play(now, s)
	case s.sequence == b.last+1: // nothing is missing: the sender paused
		b.silence()
		return b.begin(now)
	case gap <= s.samples && hasFEC(s.payload):
		return b.recover(now, s)
	}
	return b.lose(now, gap)
}

// begin waits in silence for the next packet to be due.
func (b *Buffer) begin(now time.Time) Action {
	for s := b.next(); s != nil; s = b.next() {
		last := b.last
		if b.fresh {
			last = s.sequence - 1 // what was before it is not lost
		}
		// Not before the newest packet's own transit: the network may have become slower than the target knows.
		want := max(b.delays.base()+b.target(b.floor), min(b.delays.newest+margin, b.delays.base()+b.config.Max))
		frame := durationOf(s.samples)
		is := b.transit(now, s.at)
		if is < want-frame/2 {
			break
		}
		b.last, b.fresh = last, false
		if is > want+frame && b.following(s) != nil {
			b.drop(s)
			continue
		}
		b.playing, b.settled = true, false
		return b.play(now, s)
	}
	b.stats.Silent++
	return Action{Kind: Silence, Duration: durationOf(b.frame)}
}

// play takes the packet.
func (b *Buffer) play(now time.Time, s *slot) Action {
	b.stats.Played++
	b.stats.Lost += uint64(s.sequence - b.last - 1)
	b.position, b.last, b.frame = s.at, s.sequence, s.samples
	b.quiet = isQuiet(s.payload)
	s.waiting = false
	return b.sound(now, Decode, s)
}

// recover takes the copy of the lost packet before the waiting one.
func (b *Buffer) recover(now time.Time, s *slot) Action {
	b.stats.Recovered++
	b.stats.Lost += uint64(s.sequence - b.last - 1)
	b.position, b.last, b.frame = s.at-s.samples, s.sequence-1, s.samples
	return b.sound(now, Recover, s)
}

func (b *Buffer) sound(now time.Time, kind Kind, s *slot) Action {
	b.out = append(b.out[:0], s.payload...)
	a := Action{Kind: kind, Payload: b.out, Duration: durationOf(b.frame), Timestamp: uint32(b.position)}
	is := b.transit(now, b.position)
	if b.settled && b.faded == 0 {
		b.level += (is - b.level) / smoothing
	} else {
		b.level, b.settled = is, true
	}
	b.faded = 0
	b.position += b.frame
	a.Stretch = b.stretch()
	return a
}

// stretch is by how much the delay should change now.
func (b *Buffer) stretch() time.Duration {
	b.wait = max(0, b.wait-b.frame)
	if b.wait > 0 {
		return 0
	}
	above := b.level - b.delays.base() - b.target(b.floor)
	b.far = above.Abs() > farOff
	switch {
	case above > tooLong:
		return -above
	case above < -tooShort:
		return tooLong - above
	default:
		return 0
	}
}

// Stretched tells by how much a frame became longer (above 0) or shorter.
func (b *Buffer) Stretched(change time.Duration) {
	b.level += change
	if change > 0 {
		b.stats.Expanded += change
	} else {
		b.stats.Accelerated -= change
	}
	speed := gentle
	if b.far {
		speed = firm
	}
	b.wait = int64(float64(samplesOf(min(change.Abs(), maxDuration))) / speed)
}

// lose makes up for a packet that is lost, with a later one there.
func (b *Buffer) lose(now time.Time, gap int64) Action {
	if b.faded >= samplesOf(concealFor) {
		b.silence()
		return b.begin(now)
	}
	b.position += min(gap, b.frame)
	return b.conceal()
}

// starve makes up for what is late or lost.
func (b *Buffer) starve() Action {
	if b.quiet || b.faded >= samplesOf(concealFor) {
		b.silence()
		b.stats.Silent++
		return Action{Kind: Silence, Duration: durationOf(b.frame)}
	}
	b.held += b.frame
	return b.conceal()
}

func (b *Buffer) conceal() Action {
	b.stats.Concealed++
	b.faded += b.frame
	return Action{Kind: Conceal, Duration: durationOf(b.frame)}
}

// silence waits for the next packet to be due.
func (b *Buffer) silence() { b.playing, b.held, b.faded, b.wait, b.quiet = false, 0, 0, 0, false }

func (b *Buffer) drop(s *slot) {
	b.stats.Dropped++
	b.stats.Lost += uint64(s.sequence - b.last - 1)
	s.waiting = false
	b.last = s.sequence
}

// next returns the waiting packet of the lowest number, or nil.
func (b *Buffer) next() *slot { return b.after(b.last) }

// following returns the waiting packet after s, or nil.
func (b *Buffer) following(s *slot) *slot { return b.after(s.sequence) }

func (b *Buffer) after(n int64) *slot {
	if !b.any {
		return nil
	}
	for n = max(n+1, b.highest-maxPackets+1); n <= b.highest; n++ {
		if s := b.slot(n); s.waiting && s.sequence == n {
			return s
		}
	}
	return nil
}

func (b *Buffer) slot(n int64) *slot { return &b.slots[uint64(n)%maxPackets] }

// transit is how long after its time stamp a sample is there.
func (b *Buffer) transit(at time.Time, timestamp int64) transit {
	return at.Sub(b.epoch) - durationOf(timestamp-1<<32)
}

func samplesOf(d time.Duration) int64 {
	return int64(d) * (sampleRate / 1000) / int64(time.Millisecond)
}

func durationOf(samples int64) time.Duration {
	return time.Duration(samples) * time.Millisecond / (sampleRate / 1000)
}
