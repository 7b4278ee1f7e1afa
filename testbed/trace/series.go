package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of a time series.
const (
	maxSeriesLineBytes = 256
	maxSeriesLines     = 1 << 24
	maxSeriesMbit      = 1e5 // Mbit/s: more is surely another unit
	maxSeriesSeconds   = 1e11
)

// ErrSeries is wrapped by every error about what a time series contains, to be tested with errors.Is.
var ErrSeries = errors.New("not a usable time series")

// FromSeries reads a time series of the capacity to its end and returns a trace of it. A line has either two columns, a time in
// seconds and the rate in Mbit/s from then until the next line, the last one for as long as the one before it; or one column, the
// rate in Mbit/s for one step after the other. Columns are divided by spaces, a tab, a comma or a semicolon. The first line may be a
// heading; empty lines and those that begin with # do not count. The times need not begin at 0: the trace does.
//
// Within a step the opportunities are evenly distributed. The trace has all bytes of the series, up to half an opportunity, and
// its last opportunity lies at the end. An error about the content wraps ErrSeries and names the line.
func FromSeries(r io.Reader, step time.Duration) (*Trace, error) {
	if step < time.Millisecond || step > MaxDuration {
		return nil, fmt.Errorf("the step of a time series is %v, but lies from 1ms to %v", step, MaxDuration)
	}
	// 1. Each line ends the step that the line before began.
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 4096)
	s := series{step: step}
	number := 0
	for lines.Scan() {
		if number++; number > maxSeriesLines {
			return nil, seriesError(number, fmt.Sprintf("is one more than the %d that are read", maxSeriesLines))
		}
		if err := s.line(number, lines.Text()); err != nil {
			return nil, err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, seriesError(number+1, "is too long: write a time in seconds and a rate in Mbit/s")
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	// 2. The last step, and what rounding left over.
	return s.end(number)
}

func seriesError(line int, problem string) error {
	return fmt.Errorf("%w: line %d: %s", ErrSeries, line, problem)
}

// series is what has been read of a time series.
type series struct {
	step     time.Duration // how long the last line lasts
	columns  int           // 0: no line with numbers yet
	heading  bool          // one was skipped
	first    float64       // time of the first line, in seconds
	began    time.Duration // of this step, since the first line
	rate     float64       // in it, in bit/s
	gathered float64       // bits that no opportunity has taken yet
	out      builder
}

func (s *series) line(number int, text string) error {
	if len(text) > maxSeriesLineBytes {
		return seriesError(number, "is too long: write a time in seconds and a rate in Mbit/s")
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r,;", r) })
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	var values [2]float64
	var bad error
	for i, field := range fields {
		if i == len(values) {
			return seriesError(number, fmt.Sprintf("has %d columns: write a time in seconds and a rate in Mbit/s, or the rate alone", len(fields)))
		}
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			bad = seriesError(number, fmt.Sprintf("%q is not a number", field))
		}
		values[i] = v
	}
	switch {
	case bad != nil && s.columns == 0 && !s.heading:
		s.heading = true
		return nil
	case bad != nil:
		return bad
	case s.columns != 0 && s.columns != len(fields):
		return seriesError(number, fmt.Sprintf("has %d columns where lines before have %d", len(fields), s.columns))
	}
	rate := values[len(fields)-1]
	if !(rate >= 0 && rate <= maxSeriesMbit) {
		return seriesError(number, fmt.Sprintf("%g Mbit/s is not a capacity: it lies from 0 to %g (give Mbit/s, not bit/s)", rate, maxSeriesMbit))
	}
	if s.columns != 0 {
		end := s.began + s.step
		if len(fields) == 2 {
			seconds := values[0] - s.first
			// Microseconds are what a float64 has of the seconds since 1970.
			end = time.Duration(min(max(seconds, -1), MaxDuration.Seconds()+1) * float64(time.Second)).Round(time.Microsecond)
			if end <= s.began {
				return seriesError(number, fmt.Sprintf("%g s does not come after the line before: sort the lines by time", values[0]))
			}
			s.step = end - s.began
		}
		if err := s.advance(number, end); err != nil {
			return err
		}
	} else if len(fields) == 2 {
		if math.Abs(values[0]) > maxSeriesSeconds {
			return seriesError(number, fmt.Sprintf("%g s is not a time: give seconds", values[0]))
		}
		s.first = values[0]
	}
	s.columns, s.rate = len(fields), rate*1e6
	return nil
}

// advance ends a step, with all opportunities in it.
func (s *series) advance(line int, end time.Duration) error {
	if end > MaxDuration {
		return seriesError(line, fmt.Sprintf("lies beyond the longest trace, %v", MaxDuration))
	}
	const opportunity = 8 * OpportunityBytes // bits
	bits := float64(s.rate * (end - s.began).Seconds())
	if (s.gathered+bits)/opportunity > float64(MaxOpportunities-len(s.out.times)) {
		return seriesError(line, fmt.Sprintf("the series has more than %d opportunities by here: make it shorter or slower", MaxOpportunities))
	}
	for at := max(opportunity-s.gathered, 0); s.rate > 0 && at <= bits; at += opportunity {
		instant := min(s.began+time.Duration(at/s.rate*float64(time.Second)), end)
		if err := s.out.add(instant); err != nil {
			return seriesError(line, err.Error())
		}
		s.gathered -= opportunity
	}
	s.gathered += bits
	s.began = end
	return nil
}

func (s *series) end(line int) (*Trace, error) {
	if s.columns == 0 {
		return nil, fmt.Errorf("%w: it holds no line with a rate", ErrSeries)
	}
	if err := s.advance(line, s.began+s.step); err != nil {
		return nil, err
	}
	if s.gathered >= 8*OpportunityBytes/2 {
		if err := s.out.add(s.began); err != nil {
			return nil, seriesError(line, err.Error())
		}
	}
	if len(s.out.times) == 0 {
		return nil, fmt.Errorf("%w: all of it carries less than one packet of %d bytes", ErrSeries, OpportunityBytes)
	}
	if s.began < time.Millisecond {
		return nil, fmt.Errorf("%w: all of it lasts less than a millisecond", ErrSeries)
	}
	return s.out.trace(s.began)
}
