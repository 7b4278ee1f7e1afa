package oracle

import (
	"sort"
	"time"

	"salsify/testbed/link"
	"salsify/testbed/trace"
	"salsify/transport/wire"
)

// opportunities returns when the link has opportunities that lead to the other end, since its start: after that, up to a time.
func opportunities(config link.Config, until time.Duration) []time.Duration {
	start := time.Unix(1_000_000, 0)
	var times []time.Duration
	// The same capacity without anything else that happens to packets.
	full := link.New(link.Config{
		Trace: config.Trace, Start: config.Start, Outages: config.Outages, OnOff: config.OnOff, Seed: config.Seed,
		Log: func(r link.Record) {
			if at := r.Departure.Sub(start); r.Fate == link.Delivered && at <= until {
				times = append(times, at)
			}
		},
	}, start)
	// Each packet takes one opportunity, so each departure is one. The queue never gets empty.
	const waiting = 256
	for now := start; now.Sub(start) <= until; {
		for queued, _ := full.Queued(); queued < waiting; queued++ {
			full.Send(now, trace.OpportunityBytes-link.TUNHeaderBytes, nil)
		}
		now, _ = full.Next()
		full.Deliver(now)
	}
	return times
}

// between returns those after one time and up to another, that included: to a packet that comes at the instant of an opportunity,
// that one has passed.
func between(times []time.Duration, from, to time.Duration) []time.Duration {
	after := func(t time.Duration) int { return sort.Search(len(times), func(i int) bool { return times[i] > t }) }
	return times[after(from):after(to)]
}

const (
	// pieceSize is how many bytes of a frame a packet has at most, and headers what it has besides, as the link counts.
	pieceSize = wire.MaxPayload - wire.DescriptorSize
	headers   = wire.Overhead + wire.DescriptorSize + link.TUNHeaderBytes
)

// pieces is how many packets a frame takes.
func pieces(bytes int) int { return max(1, (bytes+pieceSize-1)/pieceSize) }

// wireBytes is what the packets of a frame have, with IP headers.
func wireBytes(bytes int) int { return bytes + pieces(bytes)*(headers-link.TUNHeaderBytes) }

// taken is how many opportunities a frame takes: its packets share them.
func taken(bytes int) int {
	return (bytes + pieces(bytes)*headers + trace.OpportunityBytes - 1) / trace.OpportunityBytes
}

// room is how many bytes a frame may have to take that many opportunities, 1 or more.
func room(opportunities int) int {
	all := opportunities * trace.OpportunityBytes
	// The fewest packets that can be filled.
	packets := (all + pieceSize + headers - 1) / (pieceSize + headers)
	bytes := all - packets*headers
	if full := (packets - 1) * pieceSize; bytes < full {
		bytes = full // the last packet would have nothing but headers
	}
	return bytes
}
