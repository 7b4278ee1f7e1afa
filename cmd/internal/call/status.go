package call

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"salsify/receiver"
	"salsify/sender"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
	"salsify/transport/wire"
)

// beat is how often each side tells the other of its sending, and how much time the figures of an overlay look back on.
const beat = time.Second

// Telling sums up what a sender does, and tells the other side.
type Telling struct {
	lock   sync.Mutex
	status wire.Status
}

// Observe takes in what became of a picture.
func (t *Telling) Observe(e sender.Event) {
	t.lock.Lock()
	defer t.lock.Unlock()
	s := &t.status
	s.Quantizers = [2]uint8{255, 255}
	for i, c := range e.Candidates[:min(len(e.Candidates), 2)] {
		if c.Err == nil {
			s.Quantizers[i] = uint8(c.Stats.Info.Quantizer)
		}
	}
	count := &s.Dropped
	switch e.Decision.Chosen {
	case 0:
		count = &s.Larger
	case 1:
		count = &s.Smaller
	}
	*count = min(*count+1, 254)
}

// take returns the status of the time since it was last taken.
func (t *Telling) take(now sender.Snapshot) wire.Status {
	t.lock.Lock()
	defer t.lock.Unlock()
	s := t.status
	s.Capacity, s.Budget, s.QueueDelay, s.RTT = now.Capacity, now.Budget, now.QueueDelay, now.RTT
	s.Encode, s.Effort = now.Encode, uint8(now.Effort)
	t.status = wire.Status{Quantizers: t.status.Quantizers}
	return s
}

// Run tells the other side of a session, until the context ends.
func (t *Telling) Run(ctx context.Context, c interface{ SendStatus(wire.Status) error }, session *sender.Session) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			session.Beside(rtc.StatusSize)
			_ = c.SendStatus(t.take(session.Snapshot())) // lost if it does not leave: the next one says more
		}
	}
}

// Watching sums up what is seen of the other side's video, for overlays.
type Watching struct {
	lock   sync.Mutex
	status func() (wire.Status, bool) // what the other side last told of its sending; false where it has not
	begun  time.Time                  // of the second that is counted
	shown  int
	decode time.Duration // longest
	gap    time.Duration // longest between two pictures
	last   time.Time     // of the last picture
	ages   ages
	stats  receiver.Stats // at the begin of the second, and now
	now    receiver.Stats
	lines  []string // of the last whole second
}

// Begin begins anew, for another sender.
func (w *Watching) Begin(status func() (wire.Status, bool)) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.begun, w.shown, w.decode, w.gap, w.last = time.Time{}, 0, 0, 0, time.Time{}
	w.ages, w.stats, w.now, w.lines = ages{}, receiver.Stats{}, receiver.Stats{}, nil
	w.status = status
}

// Observe takes in a frame.
func (w *Watching) Observe(e receiver.Event) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.begun.IsZero() {
		w.begun, w.stats = e.At, e.Stats
	}
	w.now = e.Stats
	w.decode = max(w.decode, e.Decode)
	if e.Shown {
		if w.shown++; !w.last.IsZero() {
			w.gap = max(w.gap, e.At.Sub(w.last))
		}
		w.last = e.At
		w.ages.add(e.Timestamp, e.At)
	}
	if took := e.At.Sub(w.begun); took >= beat {
		w.lines = w.sum(took)
		w.begun, w.stats, w.shown, w.decode, w.gap = e.At, e.Stats, 0, 0, 0
	}
}

// Lines are what an overlay shows, each a name, a colon and a value.
func (w *Watching) Lines() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return slices.Clone(w.lines)
}

func (w *Watching) sum(took time.Duration) []string {
	of := func(now, before uint64) uint64 { return now - min(now, before) }
	wait := w.ages.take()
	lines := []string{
		fmt.Sprintf("rate: %v", bitrate.Of(int(of(w.now.WireBytes, w.stats.WireBytes)), took)),
		fmt.Sprintf("pictures: %.0f a second, longest gap %d ms", float64(w.shown)/took.Seconds(), w.gap.Milliseconds()),
	}
	status, told := w.status()
	if told {
		lines = append(lines, fmt.Sprintf("delay: about %d ms, of which %d ms of waiting", (wait+status.Encode+status.RTT/2+w.decode).Milliseconds(), wait.Milliseconds()))
	} else {
		lines = append(lines, fmt.Sprintf("delay: %d ms of waiting", wait.Milliseconds()))
	}
	lines = append(lines,
		fmt.Sprintf("decoding: up to %d ms", w.decode.Milliseconds()),
		fmt.Sprintf("not shown: %d incomplete, %d without source, %d late, %d damaged", of(w.now.Incomplete, w.stats.Incomplete),
			of(w.now.Unusable, w.stats.Unusable), of(w.now.Late, w.stats.Late), of(w.now.Damaged, w.stats.Damaged)))
	if told {
		lines = append(lines,
			fmt.Sprintf("network: carries %v, budget %.1f kB, queue %d ms, round trip %d ms", status.Capacity, float64(status.Budget)/1000,
				status.QueueDelay.Milliseconds(), status.RTT.Milliseconds()),
			fmt.Sprintf("candidates: %s, larger %d, smaller %d, none %d", quantizers(status.Quantizers), status.Larger, status.Smaller, status.Dropped),
			fmt.Sprintf("encoding: %d ms, effort %d", status.Encode.Milliseconds(), status.Effort))
	}
	return lines
}

func quantizers(q [2]uint8) string {
	if q[1] == 255 {
		return fmt.Sprintf("quantizer %d", q[0])
	}
	return fmt.Sprintf("quantizers %d and %d", q[0], q[1])
}

// ages tells how much longer than the soonest pictures of late were under way. The clocks of the two sides are not compared.
type ages struct {
	any           bool
	first         uint32        // time stamp that the others are counted from
	began         time.Time     // when that was shown
	least, before time.Duration // of this window and the one before
	since         time.Time
	sum           time.Duration
	count         int
}

// agesWindow is for how long the soonest picture counts: clocks drift.
const agesWindow = 30 * time.Second

func (a *ages) add(timestamp uint32, at time.Time) {
	if !a.any {
		*a = ages{any: true, first: timestamp, began: at, since: at}
	}
	age := at.Sub(a.began) - time.Duration(int32(timestamp-a.first))*time.Second/wire.VideoClock
	if at.Sub(a.since) > agesWindow {
		a.since, a.before, a.least = at, a.least, age
	}
	a.least = min(a.least, age)
	a.sum += age - min(a.least, a.before)
	a.count++
}

// take returns the mean since it was last taken.
func (a *ages) take() time.Duration {
	if a.count == 0 {
		return 0
	}
	mean := a.sum / time.Duration(a.count)
	a.sum, a.count = 0, 0
	return max(0, mean)
}
