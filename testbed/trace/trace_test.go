package trace

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/bitrate"
)

const ms = time.Millisecond

// read returns the trace of a text in which spaces stand for line ends.
func read(t testing.TB, text string) *Trace {
	t.Helper()
	trace, err := Read(strings.NewReader(strings.ReplaceAll(text, " ", "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []uint32
	}{
		"a line":             {"1\n", []uint32{1}},
		"no end of line":     {"1\n7", []uint32{1, 7}},
		"carriage returns":   {"1\r\n7\r\n", []uint32{1, 7}},
		"several at a time":  {"0\n0\n3\n3\n3\n", []uint32{0, 0, 3, 3, 3}},
		"the longest period": {"604800000\n", []uint32{604800000}},
	} {
		got, err := Read(iotest.OneByteReader(strings.NewReader(c.text)))
		if err != nil || !slices.Equal(got.times, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "no opportunity"},
		"an empty line":     {"1\n\n2\n", "line 2"},
		"a word":            {"1\n2\nfast\n", "line 3"},
		"a fraction":        {"1.5\n", "line 1"},
		"a negative time":   {"-1\n", "line 1"},
		"a sign":            {"+1\n", "line 1"},
		"a space":           {"1\n 2\n", "line 2"},
		"a step back":       {"1\n5\n4\n", "line 3: 4 ms comes after 5 ms"},
		"a week and 1 ms":   {"604800001\n", "line 1"},
		"more than 32 bits": {"1\n4294967297\n", "line 2"},
		"only zeros":        {"0\n0\n", "last time is 0"},
		"a long line":       {"1\n" + strings.Repeat("0", 100) + "\n", "line 2"},
		"a very long line":  {"1\n" + strings.Repeat("0", 1<<20) + "\n", "line 2"},
	} {
		got, err := Read(strings.NewReader(c.text))
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want an ErrFormat with %q", name, got, err, c.want)
		}
	}
	broken := errors.New("the disk broke")
	if _, err := Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a failing reader: %v", err)
	}
	if _, err := Read(&endless{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "16777217") {
		t.Errorf("an endless trace: %v, want the line after the last that is read", err)
	}
}

// endless is a reader of lines "1" without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	n := len(p) &^ 1
	for i := 0; i < n; i += 2 {
		p[i], p[i+1] = '1', '\n'
	}
	return n, nil
}

func TestRepetition(t *testing.T) {
	// mahimahi, link_queue.cc: when the list is used up, its last time is added to its base. So 0 falls onto the last time.
	trace := read(t, "0 2 2 5")
	want := []time.Duration{0, 2 * ms, 2 * ms, 5 * ms, 5 * ms, 7 * ms, 7 * ms, 10 * ms, 10 * ms, 12 * ms}
	for i, at := range want {
		if got := trace.At(int64(i)); got != at {
			t.Errorf("At(%d) = %v, want %v", i, got, at)
		}
	}
	var got []time.Duration
	for at := range trace.Opportunities(1500 * time.Microsecond) {
		if got = append(got, at); len(got) == len(want)-1 {
			break
		}
	}
	if !slices.Equal(got, want[1:]) {
		t.Errorf("Opportunities from 1.5 ms: %v, want %v", got, want[1:])
	}
	for instant, want := range map[time.Duration]int64{
		-ms: 0, 0: 0, 1: 1, 2 * ms: 1, 2*ms + 1: 3, 5 * ms: 3, 5*ms + 1: 5, 10 * ms: 7, 10*ms + 1: 9,
	} {
		if got := trace.Before(instant); got != want {
			t.Errorf("Before(%v) = %d, want %d", instant, got, want)
		}
	}
	if trace.Before(math.MaxInt64) <= 0 {
		t.Error("Before the end of time overflows")
	}
}

func anyTrace(t *rapid.T) *Trace {
	times := rapid.SliceOfN(rapid.Uint32Range(0, 40), 1, 30).Draw(t, "times")
	slices.Sort(times)
	times[len(times)-1] = max(times[len(times)-1], 1)
	trace, err := fromTimes(times)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestBeforeCountsWhatAtLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := anyTrace(t)
		instant := time.Duration(rapid.Int64Range(0, int64(150*ms)).Draw(t, "instant"))
		if rapid.Bool().Draw(t, "whole milliseconds") {
			instant = instant.Round(ms)
		}
		want := int64(0)
		for trace.At(want) < instant {
			want++
		}
		if got := trace.Before(instant); got != want {
			t.Fatalf("Before(%v) = %d, want %d", instant, got, want)
		}
	})
}

func TestWriteAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := anyTrace(t)
		var file bytes.Buffer
		if err := trace.Write(&file); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&file)
		if err != nil || !slices.Equal(again.times, trace.times) {
			t.Fatalf("%v came back as %v, %v", trace.times, again, err)
		}
	})
}

func TestCapacity(t *testing.T) {
	trace := read(t, "1 2 2 10")
	opportunity := bitrate.Bitrate(OpportunityBytes * 8)
	for _, c := range []struct {
		from, to time.Duration
		want     bitrate.Bitrate
	}{
		{0, ms, 0},                               // the end is excluded
		{ms, 2 * ms, 1000 * opportunity},         // the start is included
		{0, 10 * ms, 300 * opportunity},          // three in 10 ms
		{10 * ms, 20 * ms, 400 * opportunity},    // the last one of the period before, and three
		{0, time.Hour, 400*opportunity - 4},      // all but the last one of the hour
		{5 * ms, 5 * ms, 0}, {5 * ms, 4 * ms, 0}, // no window
		{2*ms + ms/2, 11*ms + ms/2, 2 * OpportunityBytes * 8 * 1000 / 9}, // 10 and 11
	} {
		if got := trace.Capacity(c.from, c.to); got != c.want {
			t.Errorf("Capacity(%v, %v) = %d, want %d", c.from, c.to, int64(got), int64(c.want))
		}
	}
}

func TestCrop(t *testing.T) {
	trace := read(t, "0 2 2 5")
	for _, c := range []struct {
		from, to time.Duration
		want     []uint32
	}{
		{0, 6 * ms, []uint32{0, 2, 2, 5, 5}}, {0, 5 * ms, []uint32{0, 2, 2}}, {2 * ms, 3 * ms, nil}, {3 * ms, 5 * ms, nil},
		{1 * ms, 11 * ms, []uint32{1, 1, 4, 4, 6, 6, 9, 9}}, {5 * ms, 8 * ms, []uint32{0, 0, 2, 2}}, {8 * ms, 1 * ms, nil},
		{0, MaxDuration + 1, nil},
	} {
		got, err := trace.Crop(c.from, c.to)
		if (err != nil) != (c.want == nil) || err == nil && !slices.Equal(got.times, c.want) {
			t.Errorf("Crop(%v, %v) = %v, %v, want %v", c.from, c.to, got, err, c.want)
		}
	}
	if _, err := read(t, strings.Repeat("1 ", 100)+"1").Crop(0, MaxDuration); err == nil {
		t.Error("a crop of 60 thousand million opportunities was made")
	}
}

func TestConstant(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{50_000, 1_000_000, 12_032_000, 100_000_000} {
		trace, err := Constant(rate, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got := bitrate.Of(trace.Len()*OpportunityBytes, trace.Duration())
		if off := math.Abs(float64(got)/float64(rate) - 1); off > 0.0001 {
			t.Errorf("%v became %v", rate, got)
		}
		// Nowhere is it a packet and a millisecond ahead of or behind the rate.
		for i := range int64(3 * trace.Len()) {
			exact := got.Time(int(i+1) * OpportunityBytes)
			if at := trace.At(i); (at - exact).Abs() > ms+ms/10 {
				t.Fatalf("%v: opportunity %d at %v, want near %v", rate, i, at, exact)
			}
		}
	}
	if trace, err := Constant(1e9, ms); err != nil || trace.Duration() != ms {
		t.Errorf("1 ms of 1 Gbit/s: %v, %v", trace, err)
	}
	for name, c := range map[string]struct {
		rate     bitrate.Bitrate
		duration time.Duration
	}{
		"no rate": {0, time.Second}, "a negative rate": {-5, time.Second}, "no duration": {1e6, 0},
		"too long": {1e6, MaxDuration + 1}, "too many": {1e9, MaxDuration},
	} {
		if _, err := Constant(c.rate, c.duration); err == nil {
			t.Errorf("Constant: %s was accepted", name)
		}
		if _, err := LTE(1, c.rate, c.duration); err == nil {
			t.Errorf("LTE: %s was accepted", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"1\n", "0\n0\n5\n", "5\n4\n", "", "\n", "99999999999\n", "1\r\n2"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		n := int64(trace.Len())
		if trace.At(n-1) != trace.Duration() || trace.At(2*n-1) != 2*trace.Duration() || trace.Before(trace.Duration()+1) < n {
			t.Errorf("a trace of %v and %d opportunities does not repeat", trace.Duration(), n)
		}
		var file bytes.Buffer
		if err := trace.Write(&file); err != nil {
			t.Fatal(err)
		}
		if again, err := Read(&file); err != nil || !slices.Equal(again.times, trace.times) {
			t.Errorf("written and read back: %v", err)
		}
	})
}
