// Package emulator runs two emulated links (package link), one each way, in real time. Where the packets come from and where they
// go is the business of others: sockets (package relay) or network interfaces (package shell).
//
//  1. A packet comes (Send). It is copied, and enters its link with the instant at which it was read.
//  2. The delivery thread sleeps until a link has something to deliver (alarm_linux.go).
//  3. What has come out of the links is handed to the deliver function, and how late that was is counted.
//  4. The links tell what became of each packet; that goes to the log (packetlog.go) and into the delays of Stats.
//
// Before Begin the links delay and do nothing else, so that programs can be set up. Begin starts the trace, the queue's limits and
// the losses. What is on its way then arrives as it would have.
package emulator

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"salsify/testbed/link"
	"salsify/thread"
)

// Way is one of the two directions.
type Way int

// The two ways.
const (
	Up Way = iota
	Down
)

// String returns "up" or "down", as in the packet log.
func (w Way) String() string { return [...]string{"up", "down"}[w] }

// Config says what the links are like.
type Config struct {
	// Up and Down are the links. A Log of theirs is called too, from any goroutine but never from two at once; it must not call
	// the Emulator.
	Up, Down link.Config
	// PacketLog, unless nil, gets a line of CSV for each packet that came after Begin: direction, arrival_ms, departure_ms,
	// bytes, dropped. Times count from Begin, departure is from the queue (before the propagation delay, and empty if that was
	// never reached), bytes is the IP length, dropped is empty or queue, lost (on the air), waiting (at Close) or cut (see Cut; only what arrived
	// during it).
	PacketLog io.Writer
}

// Emulator is a running pair of links. Its methods may be called from any goroutine.
type Emulator struct {
	config    Config
	deliver   func(way Way, data []byte, tag any) error
	alarm     *alarm
	packetLog *packetLog     // nil: none
	running   sync.WaitGroup // all goroutines
	done      chan struct{}  // closed by Close

	mu          promptMutex
	began       time.Time // zero until Begin
	ways        [2]direction
	wakeAt      time.Time // when the delivery thread looks next; zero: when it is rung
	cut, closed bool
	stats       Stats
	lateness    histogram
}

// direction is what there is once for each way.
type direction struct {
	link     *link.Link
	earlier  *link.Link // the one from before Begin, while anything is in it; or nil
	delay    histogram  // from arrival to delivery
	recycled bool       // a packet comes out once at most, so that its memory can be used again
}

// Stats is what has happened since Begin.
type Stats struct {
	Up, Down Direction

	CutPackets  int64 // dropped by Cut, both ways
	WriteErrors int64 // packets that could not be delivered

	// Lateness is how long after its due time a packet was delivered, within 10 us: half of them were not later than P50, 99 of
	// 100 not later than P99.
	LatenessP50, LatenessP99, LatenessMax time.Duration
}

// Direction is the state of one link.
type Direction struct {
	link.Counters
	QueuedPackets int   // that wait now
	QueuedBytes   int   // their bytes, with link.TUNHeaderBytes each
	OfferedBytes  int64 // what could have left the queue until now; see link.Link.Offered
	// Delay is how long the packets that were delivered took from one end of the link to the other, within 1 ms.
	DelayP50, DelayP95, DelayMax time.Duration
}

// New starts a pair of links, which only delay until Begin. Each packet that comes out of them is given to deliver, with the tag
// that Send got, from one goroutine; data is only valid until it returns, and an error of it is counted. New's error names the
// field of config that makes no sense.
func New(config Config, deliver func(way Way, data []byte, tag any) error) (*Emulator, error) {
	if err := errors.Join(of("uplink", config.Up.Validate()), of("downlink", config.Down.Validate())); err != nil {
		return nil, err
	}
	alarm, err := newAlarm()
	if err != nil {
		return nil, fmt.Errorf("emulator: no way to wake the delivery thread: %w", err)
	}
	e := &Emulator{
		config:   config,
		deliver:  deliver,
		alarm:    alarm,
		done:     make(chan struct{}),
		lateness: newHistogram(latenessStep, latenessBuckets),
	}
	now := time.Now()
	for way, c := range e.configs() {
		e.ways[way] = direction{
			link:     link.New(link.Config{Delay: c.Delay}, now),
			delay:    newHistogram(delayStep, delayBuckets),
			recycled: c.Duplicate == 0,
		}
	}
	if config.PacketLog != nil {
		e.packetLog = newPacketLog(config.PacketLog)
		e.running.Go(func() { e.packetLog.writeUntil(e.done) })
	}
	e.running.Go(e.deliverInTime)
	return e, nil
}

func of(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("emulator: %s: %w", name, err)
}

func (e *Emulator) configs() [2]link.Config {
	return [2]link.Config{Up: e.config.Up, Down: e.config.Down}
}

// Begin starts the links as they are configured, and what Stats counts. It returns the instant at which it did: time 0 of the
// packet log and of outages, and the time in the traces that their Config.Start says. A second Begin does nothing and returns the
// same.
func (e *Emulator) Begin() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.began.IsZero() {
		return e.began
	}
	e.began = time.Now()
	e.stats = Stats{}
	e.lateness.clear()
	if e.packetLog != nil {
		e.packetLog.begin(e.began)
	}
	for way, c := range e.configs() {
		d := &e.ways[way]
		d.earlier = d.link
		d.link = e.newLink(Way(way), c)
	}
	return e.began
}

// newLink makes one of the two links, which tells us of each packet.
func (e *Emulator) newLink(way Way, config link.Config) *link.Link {
	log, delay := config.Log, &e.ways[way].delay
	config.Log = func(r link.Record) {
		if r.Fate == link.Delivered {
			delay.add(r.Delivery.Sub(r.Arrival))
		}
		if e.packetLog != nil {
			e.packetLog.add(way.String(), r)
		}
		if log != nil {
			log(r)
		}
	}
	return link.New(config, e.began)
}

// Send puts a packet into a link: one that was read at an instant, whose IP length is size. data is what deliver gets, and tag too.
// data is copied. Instants that run backwards count as the latest one.
func (e *Emulator) Send(way Way, now time.Time, size int, data []byte, tag any) {
	p := newPacket(data, tag)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	if e.cut {
		e.stats.CutPackets++
		if e.packetLog != nil && !e.began.IsZero() {
			e.packetLog.addCut(way.String(), now, size)
		}
		return
	}
	l := e.ways[way].link
	l.Send(now, size, p)
	if next, ok := l.Next(); ok && (e.wakeAt.IsZero() || next.Before(e.wakeAt)) {
		e.wakeAt = next
		e.alarm.ring()
	}
}

// Cut(true) cuts the wire: until Cut(false), packets that arrive from either side and packets that come out of the links are
// dropped.
func (e *Emulator) Cut(cut bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cut = cut
}

// IsCut says whether the wire is cut now.
func (e *Emulator) IsCut() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cut
}

// Stats returns what has happened until now.
func (e *Emulator) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	stats := e.stats
	stats.LatenessP50, stats.LatenessP99, stats.LatenessMax = e.lateness.quantile(0.5), e.lateness.quantile(0.99), e.lateness.longest
	if !e.began.IsZero() {
		now := time.Now()
		stats.Up, stats.Down = e.ways[Up].state(now), e.ways[Down].state(now)
	}
	return stats
}

func (d *direction) state(now time.Time) Direction {
	packets, bytes := d.link.Queued()
	return Direction{
		Counters: d.link.Counters(), QueuedPackets: packets, QueuedBytes: bytes, OfferedBytes: d.link.Offered(now),
		DelayP50: d.delay.quantile(0.5), DelayP95: d.delay.quantile(0.95), DelayMax: d.delay.longest,
	}
}

// Close stops the links and drops what is on its way. When it has returned, deliver is not called any more. It returns the first
// error of the packet log, if any.
func (e *Emulator) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	now := time.Now()
	for i := range e.ways {
		e.ways[i].link.End(now)
	}
	close(e.done)
	e.alarm.ring()
	e.mu.Unlock()
	e.running.Wait()
	e.alarm.close()
	if e.packetLog != nil {
		return e.packetLog.err
	}
	return nil
}

// outgoing is a packet that has crossed its link.
type outgoing struct {
	*packet
	way      Way
	due      time.Time
	late     time.Duration // how long after due it was delivered
	recycled bool
}

// deliverInTime hands on what comes out of the links, on a thread of its own, until the emulator is closed.
func (e *Emulator) deliverInTime() {
	// The thread sleeps precisely, and dies with this goroutine: it has been given a setting that others should not inherit.
	runtime.LockOSThread()
	thread.Hurry()
	var packets []outgoing
	for {
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			return
		}
		packets = e.collect(packets[:0], time.Now())
		e.wakeAt = e.nextDelivery()
		wakeAt := e.wakeAt
		e.mu.Unlock()

		if len(packets) == 0 {
			e.alarm.sleepUntil(wakeAt)
			continue
		}
		e.handOn(packets)
		clear(packets) // let go of the data
	}
}

// collect appends what has come out of the links, and drops it while the wire is cut. Under e.mu.
func (e *Emulator) collect(packets []outgoing, now time.Time) []outgoing {
	for way := range e.ways {
		d := &e.ways[way]
		if d.earlier != nil {
			packets = d.takeFrom(d.earlier, Way(way), packets, now)
			if _, more := d.earlier.Next(); !more {
				d.earlier = nil
			}
		}
		packets = d.takeFrom(d.link, Way(way), packets, now)
	}
	if e.cut {
		e.stats.CutPackets += int64(len(packets))
		return packets[:0]
	}
	return packets
}

func (d *direction) takeFrom(l *link.Link, way Way, packets []outgoing, now time.Time) []outgoing {
	for _, delivery := range l.Deliver(now) {
		packets = append(packets, outgoing{
			packet: delivery.Payload.(*packet), way: way, due: delivery.At, recycled: d.recycled,
		})
	}
	return packets
}

// nextDelivery returns the earliest instant at which a link may have something, or the zero time. Under e.mu.
func (e *Emulator) nextDelivery() (earliest time.Time) {
	for _, d := range e.ways {
		for _, l := range []*link.Link{d.link, d.earlier} {
			if l == nil {
				continue
			}
			if next, ok := l.Next(); ok && (earliest.IsZero() || next.Before(earliest)) {
				earliest = next
			}
		}
	}
	return earliest
}

// handOn gives packets to deliver.
func (e *Emulator) handOn(packets []outgoing) {
	failed := int64(0)
	for i := range packets {
		p := &packets[i]
		p.late = time.Since(p.due)
		if err := e.deliver(p.way, p.data, p.tag); err != nil {
			failed++
		}
		if p.recycled {
			p.free()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.WriteErrors += failed
	for i := range packets {
		if packets[i].due.After(e.began) {
			e.lateness.add(packets[i].late)
		}
	}
}
