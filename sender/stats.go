package sender

import (
	"time"

	"salsify/transport/bitrate"
)

// Stats counts what a Sender did.
type Stats struct {
	Pictures    uint64    // taken
	Replaced    uint64    // pictures that a newer one replaced before they were encoded
	Sent        uint64    // frames
	KeyFrames   uint64    // of those
	Chosen      [2]uint64 // frames by which candidate left: the larger, the smaller
	NoRoom      uint64    // pictures dropped because no candidate fitted
	Silent      uint64    // because the network was silent
	LostSource  uint64    // because their source state was lost meanwhile
	Failed      uint64    // because they could not be encoded
	Packets     uint64
	LostPackets uint64
	Probes      uint64
	WireBytes   uint64 // of all packets, with IP and UDP headers
	BesideBytes uint64 // of what left on the same path besides the video
	Reports     uint64
	BadReports  uint64
}

// Snapshot is Stats and what holds now.
type Snapshot struct {
	Stats
	Capacity   bitrate.Bitrate
	Budget     int           // bytes that may leave now
	InFlight   int           // bytes that have left and are not known to have come or to be lost
	QueueDelay time.Duration // what of the newest packet's way was waiting
	RTT        time.Duration // smallest round trip
	Effort     int
	Encode     time.Duration // time of a picture's candidates, smoothed
	States     int           // kept
	Stalled    bool
	Cautious   bool
	LastReport time.Time // when the last good one came; zero before
}

// Snapshot returns it.
func (s *Sender) Snapshot(now time.Time) Snapshot {
	return Snapshot{
		Stats: s.stats, Capacity: s.path.Capacity(now), Budget: s.budget(now), InFlight: s.path.InFlight(), QueueDelay: s.path.QueueDelay(),
		RTT: s.path.RTT(), Effort: s.effort.level, Encode: s.effort.time(), States: s.ledger.Len(), Stalled: s.path.Stalled(now),
		Cautious: s.ledger.Cautious(), LastReport: s.lastOK,
	}
}

func (s *Stats) drop(reason string) {
	switch reason {
	case DroppedFull:
		s.NoRoom++
	case DroppedDead:
		s.Silent++
	case DroppedLoss:
		s.LostSource++
	case DroppedError:
		s.Failed++
	}
}

// plus adds two counts.
func (s Stats) plus(t Stats) Stats {
	s.Pictures += t.Pictures
	s.Replaced += t.Replaced
	s.Sent += t.Sent
	s.KeyFrames += t.KeyFrames
	for i := range s.Chosen {
		s.Chosen[i] += t.Chosen[i]
	}
	s.NoRoom += t.NoRoom
	s.Silent += t.Silent
	s.LostSource += t.LostSource
	s.Failed += t.Failed
	s.Packets += t.Packets
	s.LostPackets += t.LostPackets
	s.Probes += t.Probes
	s.WireBytes += t.WireBytes
	s.BesideBytes += t.BesideBytes
	s.Reports += t.Reports
	s.BadReports += t.BadReports
	return s
}
