// Package trace is the capacity of a link over time, as a packet-delivery trace in the format of mahimahi (Netravali et al.,
// USENIX ATC 2015): a text file in which each line is a time in whole milliseconds at which OpportunityBytes bytes may leave the
// link. Times never decrease, and a time that stands on several lines is that many opportunities.
//
// A trace has no end: it repeats by adding its last time to all of them. So the period of a trace is its last time, which is
// also why that must be above 0.
package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sort"
	"strconv"
	"time"

	"salsify/transport/bitrate"
)

// OpportunityBytes is what may leave at one opportunity: an IP packet of 1500 bytes with the 4 bytes that the TUN device of
// mahimahi puts before each packet (mm-link, link_queue.hh).
const OpportunityBytes = 1504

// Bounds of what is read or made, so that a hostile file costs at most 64 MiB of memory.
const (
	// MaxOpportunities is the most opportunities (lines) of one trace: some 3 hours at 20 Mbit/s.
	MaxOpportunities = 1 << 24
	// MaxDuration is the longest period of a trace. In milliseconds it fits 32 bits.
	MaxDuration = 7 * 24 * time.Hour

	maxLineBytes = 32 // a time of MaxDuration has 9 digits
)

// ErrFormat is wrapped by every error about what a trace contains, to be tested with errors.Is.
var ErrFormat = errors.New("not a usable mahimahi trace")

// Trace is an immutable packet-delivery trace that repeats for ever. Times are counted from its start. It may be shared between
// goroutines.
type Trace struct {
	times []uint32 // of one period, in milliseconds, never decreasing; the last is above 0
}

// Load reads the trace file at path. See Read.
func Load(path string) (*Trace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Read reads a trace to its end. An error about the content wraps ErrFormat and names the line.
func Read(r io.Reader) (*Trace, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 4096)
	var times []uint32
	for lines.Scan() {
		number := len(times) + 1
		if len(lines.Bytes()) > maxLineBytes {
			return nil, formatError(number, "is too long: write one time in milliseconds a line")
		}
		text := lines.Text()
		ms, err := strconv.ParseUint(text, 10, 32)
		switch {
		case err != nil:
			return nil, formatError(number, fmt.Sprintf("%q is not a time: write one whole number of milliseconds a line", text))
		case time.Duration(ms)*time.Millisecond > MaxDuration:
			return nil, formatError(number, fmt.Sprintf("%d ms is beyond the longest trace, %v", ms, MaxDuration))
		case len(times) > 0 && uint32(ms) < times[len(times)-1]:
			return nil, formatError(number, fmt.Sprintf("%d ms comes after %d ms: sort the file by time", ms, times[len(times)-1]))
		case len(times) == MaxOpportunities:
			return nil, formatError(number, fmt.Sprintf("is one more than the %d that are read: cut the trace", MaxOpportunities))
		}
		times = append(times, uint32(ms))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, formatError(len(times)+1, "is too long: write one time in milliseconds a line")
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return fromTimes(times)
}

func formatError(line int, problem string) error {
	return fmt.Errorf("%w: line %d: %s", ErrFormat, line, problem)
}

// fromTimes makes a trace of sorted times in milliseconds.
func fromTimes(times []uint32) (*Trace, error) {
	if len(times) == 0 {
		return nil, fmt.Errorf("%w: it holds no opportunity", ErrFormat)
	}
	if times[len(times)-1] == 0 {
		return nil, fmt.Errorf("%w: its last time is 0, so it cannot repeat: end it with a time above 0", ErrFormat)
	}
	return &Trace{times: times}, nil
}

// Write writes one period of the trace in the format that Read reads.
func (t *Trace) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	var line []byte
	for _, ms := range t.times {
		line = append(strconv.AppendUint(line[:0], uint64(ms), 10), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Len returns the number of opportunities in one period.
func (t *Trace) Len() int { return len(t.times) }

// Duration returns the period: the time of the last opportunity, which the trace adds to itself when it repeats.
func (t *Trace) Duration() time.Duration { return time.Duration(t.period()) * time.Millisecond }

// period returns the period in milliseconds.
func (t *Trace) period() int64 { return int64(t.times[len(t.times)-1]) }

// At returns the time of opportunity number i of the repeated trace, counted from 0; a negative i counts as 0.
func (t *Trace) At(i int64) time.Duration {
	i = max(i, 0)
	n := int64(len(t.times))
	return time.Duration(i/n*t.period()+int64(t.times[i%n])) * time.Millisecond
}

// Before returns how many opportunities of the repeated trace lie before an instant; those at the instant are not counted.
// So it is the number of the first opportunity at the instant or later.
func (t *Trace) Before(instant time.Duration) int64 {
	if instant <= 0 {
		return 0
	}
	// Times are whole milliseconds: before 3.2 ms is before 4 ms.
	ms := int64((instant-1)/time.Millisecond) + 1
	lap, rest := ms/t.period(), ms%t.period()
	count := lap*int64(len(t.times)) + t.beforeInPeriod(rest)
	if rest == 0 {
		// The last opportunities of the lap before lie exactly at the instant, and so do not count.
		count -= int64(len(t.times)) - t.beforeInPeriod(t.period())
	}
	return count
}

// beforeInPeriod returns how many opportunities of the first period lie before a time in milliseconds.
func (t *Trace) beforeInPeriod(ms int64) int64 {
	return int64(sort.Search(len(t.times), func(i int) bool { return int64(t.times[i]) >= ms }))
}

// Opportunities yields the times of the repeated trace from an instant on, without end: break out of the loop.
func (t *Trace) Opportunities(from time.Duration) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for i := t.Before(from); yield(t.At(i)); i++ {
		}
	}
}

// Capacity returns the mean capacity of the repeated trace from one instant (included) to another (excluded), with all
// OpportunityBytes of each opportunity. It is 0 if to is not above from.
func (t *Trace) Capacity(from, to time.Duration) bitrate.Bitrate {
	if to <= from {
		return 0
	}
	opportunities := t.Before(to) - t.Before(from)
	return bitrate.Of(int(opportunities)*OpportunityBytes, to-from)
}

// Crop returns the part of the repeated trace from one instant (included) to another (excluded) as a trace that starts at 0.
// As the format knows no other end than the last opportunity, a part that ends with a pause repeats without that pause. The
// error tells that the part cannot be a trace: no opportunity lies in it after its first millisecond, or it is too large.
func (t *Trace) Crop(from, to time.Duration) (*Trace, error) {
	from = max(from, 0).Truncate(time.Millisecond)
	if to-from > MaxDuration {
		return nil, fmt.Errorf("cannot crop a trace to %v, the longest is %v", to-from, MaxDuration)
	}
	first, end := t.Before(from), t.Before(to)
	if end-first > MaxOpportunities {
		return nil, fmt.Errorf("cannot crop a trace to %d opportunities, the most is %d: choose a shorter part", end-first, MaxOpportunities)
	}
	times := make([]uint32, 0, max(end-first, 0))
	for i := first; i < end; i++ {
		times = append(times, uint32((t.At(i)-from)/time.Millisecond))
	}
	cropped, err := fromTimes(times)
	if err != nil {
		return nil, fmt.Errorf("from %v to %v: %w", from, to, err)
	}
	return cropped, nil
}
