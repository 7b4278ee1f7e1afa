package wire_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

func TestExtend(t *testing.T) {
	for _, c := range []struct {
		near  uint64
		short uint16
		want  uint64
	}{
		{0, 0, 0}, {0, 1, 1}, {0, 65535, 65535}, {65535, 0, 65536}, {65536, 65535, 65535}, {70000, 70001 - 65536, 70001},
		{40000, 65535, 65535}, {5, 40000, 40000}, {1 << 40, 65535, 1<<40 - 1},
	} {
		if got := wire.Extend(c.near, c.short); got != c.want {
			t.Errorf("Extend(%d, %d) = %d, want %d", c.near, c.short, got, c.want)
		}
	}
}

func TestExtendFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.Uint64Range(0, 1<<40).Draw(t, "near")
		step := rapid.Int64Range(-30000, 30000).Draw(t, "step")
		want := int64(near) + step
		if want < 0 {
			t.Skip("below 0")
		}
		if got := wire.Extend(near, uint16(want)); got != uint64(want) {
			t.Fatalf("Extend(%d, %d) = %d, want %d", near, uint16(want), got, want)
		}
	})
}

func drawFragment(t *rapid.T) wire.Fragment {
	f := wire.Fragment{
		Frame:  rapid.Uint16().Draw(t, "frame"),
		Oldest: rapid.Uint8().Draw(t, "oldest"),
		Count:  rapid.Uint16Range(0, wire.MaxFragments).Draw(t, "count"),
		Grace:  time.Duration(rapid.IntRange(0, 65535).Draw(t, "grace")) * 10 * time.Microsecond,
	}
	if f.Count > 0 {
		f.Index = rapid.Uint16Range(0, f.Count-1).Draw(t, "index")
	}
	copy(f.Source[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "source"))
	return f
}

func TestFragmentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawFragment(t)
		b := want.Append(nil)
		if len(b) != wire.FragmentSize {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := wire.ParseFragment(b)
		if err != nil || got != want {
			t.Fatalf("wrote %+v, read %+v, %v", want, got, err)
		}
	})
}

func TestFragmentRefused(t *testing.T) {
	good := wire.Fragment{Frame: 3, Index: 1, Count: 2}
	for what, change := range map[string]func(b []byte) []byte{
		"short":                func(b []byte) []byte { return b[:17] },
		"long":                 func(b []byte) []byte { return append(b, 0) },
		"another version":      func(b []byte) []byte { b[0] = 2 << 4; return b },
		"index beyond count":   func(b []byte) []byte { b[13] = 2; return b },
		"index of a probe":     func(b []byte) []byte { b[15] = 0; return b },
		"too many fragments":   func(b []byte) []byte { b[14] = 0xff; return b },
		"nothing":              func([]byte) []byte { return nil },
		"index far past count": func(b []byte) []byte { b[12] = 0xff; return b },
	} {
		if _, err := wire.ParseFragment(change(good.Append(nil))); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", what, err)
		}
	}
}

func TestGraceSaturates(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{-time.Second: 0, time.Hour: wire.MaxGrace} {
		f := wire.Fragment{Count: 1, Grace: given}
		got, err := wire.ParseFragment(f.Append(nil))
		if err != nil || got.Grace != want {
			t.Errorf("grace %v is read as %v, %v, want %v", given, got.Grace, err, want)
		}
	}
}

func TestDescriptor(t *testing.T) {
	b := wire.AppendDescriptor(nil, 0x1234, true)
	if want := []byte{0x90, 0x80, 0x92, 0x34}; !bytes.Equal(b, want) {
		t.Errorf("descriptor % x, want % x", b, want)
	}
	for _, c := range []struct{ payload, rest []byte }{
		{append(wire.AppendDescriptor(nil, 1, false), 7, 8), []byte{7, 8}},
		{[]byte{0x10, 7}, []byte{7}},                      // no extension
		{[]byte{0x90, 0x80, 0x11, 7}, []byte{7}},          // picture ID of 7 bits
		{[]byte{0x90, 0xf0, 0x92, 1, 2, 3, 7}, []byte{7}}, // everything
	} {
		rest, err := wire.SkipDescriptor(c.payload)
		if err != nil || !bytes.Equal(rest, c.rest) {
			t.Errorf("after the descriptor of % x: % x, %v, want % x", c.payload, rest, err, c.rest)
		}
	}
	for _, short := range [][]byte{nil, {0x10}, {0x90}, {0x90, 0x80}, {0x90, 0x80, 0x80}, {0x90, 0x80, 0x80, 1}} {
		if _, err := wire.SkipDescriptor(short); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("% x: error %v, want ErrFormat", short, err)
		}
	}
}

func TestReportRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := func(name string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Microsecond
		}
		want := wire.Report{
			Number: rapid.Uint16().Draw(t, "number"), Decided: rapid.Uint16().Draw(t, "decided"), Held: rapid.Uint32().Draw(t, "held"),
			Highest: rapid.Uint16().Draw(t, "highest"), At: us("at", 0, 1<<40), Hold: us("hold", 0, 65535) * 10,
		}
		at := want.At
		for range rapid.IntRange(0, wire.MaxArrivals).Draw(t, "arrivals") {
			if rapid.Bool().Draw(t, "received") {
				at -= us("gap", -1000, 100000)
				want.Before = append(want.Before, wire.Arrival{Received: true, At: at})
			} else {
				want.Before = append(want.Before, wire.Arrival{})
			}
		}
		near := want.At + us("since", -1<<30, 1<<30)
		got := wire.Report{Before: make([]wire.Arrival, 7)}
		if err := got.Parse(want.Append(nil), near); err != nil {
			t.Fatal(err)
		}
		if got.Number != want.Number || got.Decided != want.Decided || got.Held != want.Held || got.Highest != want.Highest ||
			got.At != want.At || got.Hold != want.Hold || len(got.Before) != len(want.Before) {
			t.Fatalf("wrote %+v, read %+v", want, got)
		}
		for i := range want.Before {
			if got.Before[i] != want.Before[i] {
				t.Fatalf("arrival %d: wrote %+v, read %+v", i, want.Before[i], got.Before[i])
			}
		}
	})
}

// A report at 500 kbit/s, with the packets of two frames and those frames again, is as short as its cost was reckoned with.
func TestReportIsShort(t *testing.T) {
	r := wire.Report{Decided: 5, At: time.Second}
	for i := range 4 {
		r.Before = append(r.Before, wire.Arrival{Received: true, At: time.Second - time.Duration(i+1)*8*time.Millisecond})
	}
	if n := len(r.Append(nil)); n > 34 {
		t.Errorf("%d bytes, want at most 34", n)
	}
}

func TestStatusRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenths := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(0, 65535).Draw(t, name)) * 100 * time.Microsecond
		}
		want := wire.Status{
			Capacity: bitrate.Bitrate(rapid.Uint32().Draw(t, "capacity")) * bitrate.KbitPerSecond, Budget: rapid.IntRange(0, 1<<31-1).Draw(t, "budget"),
			QueueDelay: tenths("queue"), RTT: tenths("rtt"), Encode: tenths("encode"), Effort: rapid.Uint8().Draw(t, "effort"),
			Quantizers: [2]uint8{rapid.Uint8().Draw(t, "first"), rapid.Uint8().Draw(t, "second")},
			Larger:     rapid.Uint8().Draw(t, "larger"), Smaller: rapid.Uint8().Draw(t, "smaller"), Dropped: rapid.Uint8().Draw(t, "dropped"),
		}
		if got, err := wire.ParseStatus(want.Append(nil)); err != nil || got != want {
			t.Fatalf("wrote %+v, read %+v, %v", want, got, err)
		}
	})
	wild := wire.Status{Capacity: -1, Budget: -5, QueueDelay: -time.Second, RTT: time.Hour}
	if got, err := wire.ParseStatus(wild.Append(nil)); err != nil || got != (wire.Status{RTT: 6553500 * time.Microsecond}) {
		t.Errorf("what does not fit is read as %+v, %v", got, err)
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add((&wire.Status{Effort: 5, Budget: 7000}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := wire.ParseStatus(b)
		if err != nil {
			if !errors.Is(err, wire.ErrFormat) {
				t.Fatalf("error %v does not wrap ErrFormat", err)
			}
			return
		}
		if again, err := wire.ParseStatus(s.Append(nil)); err != nil || again.Effort != s.Effort || again.RTT != s.RTT {
			t.Fatalf("read %+v, wrote and read %+v, %v", s, again, err)
		}
	})
}

func FuzzParseReport(f *testing.F) {
	r := wire.Report{Decided: 5, At: time.Second, Before: []wire.Arrival{{}, {Received: true, At: time.Millisecond}}}
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again wire.Report
		if err := r.Parse(b, time.Hour); err != nil {
			if !errors.Is(err, wire.ErrFormat) {
				t.Fatalf("error %v does not wrap ErrFormat", err)
			}
			return
		}
		if err := again.Parse(r.Append(nil), time.Hour); err != nil {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
		if len(again.Before) != len(r.Before) || again.At != r.At {
			t.Fatalf("read %+v, wrote and read %+v", r, again)
		}
	})
}

func FuzzParseFragment(f *testing.F) {
	good := wire.Fragment{Frame: 3, Index: 1, Count: 2}
	f.Add(good.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wire.ParseFragment(b)
		if err == nil && (got.Count > wire.MaxFragments || (got.Count > 0 && got.Index >= got.Count)) {
			t.Fatalf("fragment %d of %d was taken", got.Index, got.Count)
		}
	})
}

func FuzzSkipDescriptor(f *testing.F) {
	f.Add([]byte{0x90, 0xf0, 0x92, 1, 2, 3, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		rest, err := wire.SkipDescriptor(b)
		if (err == nil) != (len(rest) > 0) || len(rest) >= max(len(b), 1) {
			t.Fatalf("% x leaves % x, %v", b, rest, err)
		}
	})
}
