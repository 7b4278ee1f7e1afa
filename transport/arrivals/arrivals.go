// Package arrivals is the receiver's memory of which packets came when, and decides when to report it.
package arrivals

import (
	"time"

	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

// When a report is due:
//
//  1. There must be something to tell: a state that is newly held, a loss, or so many packets that the sender should hear of them.
//  2. minInterval must have passed since the last report.
//  3. Reports have an allowance of bytes, which grows with time and with the video. If it is spent, the report waits.
//  4. Where packets have come but none of this happened, a report goes after maxInterval.

const (
	minInterval = 5 * time.Millisecond
	maxInterval = 50 * time.Millisecond
	// packetsPerReport is how many packets may come before the sender hears of them.
	packetsPerReport = 16

	// The allowance: a share of the video's bytes, and a steady floor. At 500 kbit/s of video both together are 4.4 % of it,
	// below that rate more, since a late report costs the picture more still.
	share    = 0.024
	floor    = 10 * bitrate.KbitPerSecond
	maxSaved = 4 * 120 // bytes of allowance that can be saved up: some reports

	// memory is how many packets are remembered by sequence number.
	memory = 1 << 10
	// maxArrivals bounds a report to some 300 bytes.
	maxArrivals = 120
	// maxJump is how far ahead of the newest packet a sequence number may be. Beyond that it is a new count.
	maxJump = 1 << 14
)

// Recorder is the memory. Instants are kept as Durations since an epoch of the receiver's own.
type Recorder struct {
	epoch   time.Time
	arrival [memory]time.Duration // by sequence number
	which   [memory]uint64        // the sequence number that is there, plus 1

	highest uint64
	any     bool

	number       uint16
	allowance    float64 // bytes
	accrued      time.Time
	lastReport   time.Time
	reported     uint64 // highest in the last report
	previous     uint64 // and in the one before, from which on a report tells
	sinceReport  int    // packets
	urgent       bool   // a state or a loss to tell of
	pendingSince time.Time
	scratch      wire.Report
}

// NewRecorder returns a Recorder without memories. Its epoch is the zero of the times that it reports.
func NewRecorder(epoch time.Time) *Recorder {
	return &Recorder{epoch: epoch, allowance: maxSaved, accrued: epoch, lastReport: epoch.Add(-maxInterval)}
}

// Packet notes a packet of size bytes on the wire. It returns false for one that came before.
func (r *Recorder) Packet(arrival time.Time, sequence uint16, size int) bool {
	n := wire.Extend(r.highest, sequence)
	if !r.any || n > r.highest+maxJump {
		n += 1 << 16 // so that there is room for numbers before the first
		r.previous, r.reported = n, n
	} else if r.highest > n && r.highest-n >= memory {
		return false
	}
	if r.which[n%memory] == n+1 {
		return false
	}
	if r.any && n > r.highest+1 {
		r.urgent = true // something is missing, or will come late
	}
	r.arrival[n%memory], r.which[n%memory] = arrival.Sub(r.epoch), n+1
	if !r.any || n > r.highest {
		r.highest = n
	}
	r.any = true
	r.sinceReport++
	if r.pendingSince.IsZero() {
		r.pendingSince = arrival
	}
	r.accrue(arrival)
	r.allowance = min(maxSaved, r.allowance+share*float64(size))
	return true
}

// Urge notes that there is something that the sender should hear of soon: a state that is newly held.
func (r *Recorder) Urge(now time.Time) {
	r.urgent = true
	if r.pendingSince.IsZero() {
		r.pendingSince = now
	}
}

func (r *Recorder) accrue(now time.Time) {
	if elapsed := now.Sub(r.accrued); elapsed > 0 {
		r.allowance = min(maxSaved, r.allowance+float64(floor)/8*elapsed.Seconds())
		r.accrued = now
	}
}

// Due returns the instant at which a report should leave if nothing else happens, or false if there is nothing to tell.
func (r *Recorder) Due() (time.Time, bool) {
	if !r.any || r.pendingSince.IsZero() {
		return time.Time{}, false
	}
	due := r.lastReport.Add(maxInterval)
	if due.Before(r.pendingSince) {
		due = r.pendingSince.Add(minInterval) // the first in a while: what comes with it may come along
	}
	if r.urgent || r.sinceReport >= packetsPerReport {
		due = r.lastReport.Add(minInterval)
		if missing := float64(r.cost()) - r.allowance; missing > 0 {
			if affordable := r.accrued.Add(floor.Time(int(missing) + 1)); affordable.After(due) {
				due = affordable
			}
			if longest := r.lastReport.Add(maxInterval); due.After(longest) {
				due = longest
			}
		}
	}
	return due, true
}

// cost is about what the next report takes on the wire.
func (r *Recorder) cost() int {
	return wire.ReportOverhead + 22 + 2*int(min(r.highest-min(r.highest, r.previous), maxArrivals))
}

// Report makes the report that leaves now. The caller fills in the states held. It is valid until the next call.
func (r *Recorder) Report(now time.Time) *wire.Report {
	r.accrue(now)
	r.allowance -= float64(r.cost())
	r.number++
	out := &r.scratch
	out.Number = r.number
	out.Highest = uint16(r.highest)
	out.At = r.arrival[r.highest%memory].Truncate(time.Microsecond)
	out.Hold = max(0, now.Sub(r.epoch)-out.At)
	out.Before = out.Before[:0]
	for n := r.highest; n > r.previous && len(out.Before) < maxArrivals; {
		n--
		a := wire.Arrival{Received: r.which[n%memory] == n+1}
		if a.Received {
			a.At = r.arrival[n%memory].Truncate(time.Microsecond)
		}
		out.Before = append(out.Before, a)
	}
	r.previous, r.reported = r.reported, r.highest
	r.lastReport = now
	r.sinceReport, r.urgent, r.pendingSince = 0, false, time.Time{}
	return out
}
