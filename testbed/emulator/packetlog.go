package emulator

import (
	"errors"
	"io"
	"strconv"
	"time"

	"salsify/testbed/link"
)

const (
	packetLogHeader = "direction,arrival_ms,departure_ms,bytes,dropped\n"
	// packetLogPeriod is how often lines are written out. Between, they are kept, so that a slow disk delays no packet.
	packetLogPeriod = 200 * time.Millisecond
	// maxPacketLogBytes is the most that is kept: over a million lines.
	maxPacketLogBytes = 64 << 20
)

// packetLog writes a line of CSV for each packet.
type packetLog struct {
	out io.Writer
	err error // the first; read it when writeUntil has returned

	mu    promptMutex
	start time.Time
	lines []byte
	lost  bool // some did not fit
}

func newPacketLog(out io.Writer) *packetLog {
	return &packetLog{out: out, lines: []byte(packetLogHeader)}
}

// begin sets the instant from which all others are counted. No packet may be added before.
func (l *packetLog) begin(start time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = start
}

// add takes a packet whose fate a link has decided.
func (l *packetLog) add(direction string, r link.Record) {
	dropped := [...]string{link.Delivered: "", link.Dropped: "queue", link.Lost: "lost", link.Waiting: "waiting"}[r.Fate]
	l.addLine(direction, r.Arrival, r.Departure, r.Size, dropped)
}

// addCut takes a packet that came while the wire was cut.
func (l *packetLog) addCut(direction string, arrival time.Time, size int) {
	l.addLine(direction, arrival, time.Time{}, size, "cut")
}

func (l *packetLog) addLine(direction string, arrival, departure time.Time, size int, dropped string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) > maxPacketLogBytes {
		l.lost = true
		return
	}
	line := append(l.lines, direction...)
	line = l.appendInstant(append(line, ','), arrival)
	line = append(line, ',')
	if !departure.IsZero() {
		line = l.appendInstant(line, departure)
	}
	line = strconv.AppendInt(append(line, ','), int64(size), 10)
	line = append(append(line, ','), dropped...)
	l.lines = append(line, '\n')
}

// appendInstant appends an instant in milliseconds since the start, to the microsecond.
func (l *packetLog) appendInstant(line []byte, instant time.Time) []byte {
	return strconv.AppendFloat(line, instant.Sub(l.start).Seconds()*1000, 'f', 3, 64)
}

// writeUntil writes lines out until done is closed, and then what is left.
func (l *packetLog) writeUntil(done <-chan struct{}) {
	ticks := time.NewTicker(packetLogPeriod)
	defer ticks.Stop()
	var spare []byte
	for finished := false; !finished; {
		select {
		case <-ticks.C:
		case <-done:
			finished = true
		}
		l.mu.Lock()
		lines, lost := l.lines, l.lost
		l.lines = spare[:0]
		l.mu.Unlock()
		if _, err := l.out.Write(lines); err != nil && l.err == nil {
			l.err = err
		}
		if lost && l.err == nil {
			l.err = errors.New("emulator: the packet log was written too slowly, lines are missing")
		}
		spare = lines
	}
}
