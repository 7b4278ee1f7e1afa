package camera

import (
	"context"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
)

func newCamera(t testing.TB, rate float64) *Camera {
	t.Helper()
	v, err := clip.Open(t.Context(), clip.Config{Source: "test:", Width: 160, Height: 120, Rate: rate}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return New(v)
}

func at(ms float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(ms * float64(time.Millisecond)))
}

func TestSchedule(t *testing.T) {
	for _, test := range []struct {
		rate y4m.Rate
		n    uint64
		want time.Duration
	}{
		{y4m.Rate{Num: 25, Den: 1}, 0, 0},
		{y4m.Rate{Num: 25, Den: 1}, 3, 120 * time.Millisecond},
		{y4m.Rate{Num: 60000, Den: 1001}, 60000, 1001 * time.Second},
		{y4m.Rate{Num: 30, Den: 1}, 1, 33333333},
		{y4m.Rate{Num: 1, Den: 1}, 1 << 63, 1<<63 - 1},
	} {
		if got := (schedule{test.rate}).due(test.n); got != test.want {
			t.Errorf("%v: picture %d is due after %v, want %v", test.rate, test.n, got, test.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := schedule{y4m.Rate{Num: rapid.IntRange(1000, 240_000).Draw(t, "num"), Den: rapid.IntRange(1, 1001).Draw(t, "den")}}
		elapsed := time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "elapsed"))
		n := s.count(elapsed)
		if s.due(n) < elapsed || n > 0 && s.due(n-1) >= elapsed {
			t.Fatalf("%d pictures before %v: they are due at %v", n, elapsed, s.due(n))
		}
	})
}

// What was noted becomes numbers of the endless video, whatever notes are missing; and what was seen is resolved to them.
func TestNotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const rate = 25
		loop := uint64(rapid.IntRange(50, 400).Draw(t, "loop"))
		n := &notes{interval: time.Second / rate, loop: loop}
		first := uint64(rapid.IntRange(0, int(loop)-1).Draw(t, "first"))
		count := uint64(rapid.IntRange(1, 1000).Draw(t, "pictures"))
		rate0 := rapid.Float64Range(0.98, 1.02).Draw(t, "speed")
		times := map[uint64]time.Time{}
		noted := map[uint64]bool{first: true, first + count - 1: true}
		dense := rapid.Float64Range(0.01, 1).Draw(t, "share noted")
		jitter := rapid.Float64Range(0, 15).Draw(t, "jitter, ms")
		for number := first; number < first+count; number++ {
			times[number] = at(float64(number)*40*rate0 + rapid.Float64Range(0, jitter).Draw(t, "late"))
			if noted[number] || rapid.Float64Range(0, 1).Draw(t, "noted") < dense {
				noted[number] = true
				n.add(number%loop, times[number])
				if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
					n.add(number%loop, times[number].Add(5*time.Millisecond))
				}
			}
		}
		all := n.captured(at(1e9))
		if uint64(len(all)) != count {
			t.Fatalf("%d pictures, want %d", len(all), count)
		}
		for i, p := range all {
			number := first + uint64(i)
			off := p.At.Sub(times[number])
			if p.Number != number || noted[number] != !p.Taken.IsZero() || noted[number] && off != 0 {
				t.Fatalf("%d: %+v, was captured at %v", number, p, times[number])
			}
			// Seen a while later.
			delay := time.Duration(rapid.IntRange(20, 1900).Draw(t, "delay")) * time.Millisecond
			if got, ok := n.resolve(number%loop, p.At.Add(delay)); !ok || got != number {
				t.Fatalf("%d seen after %v is resolved to %d, %v", number, delay, got, ok)
			}
		}
		// Until an instant.
		middle := all[len(all)/2].At
		if got := n.captured(middle); len(got) != len(all)/2 {
			t.Fatalf("%d before the middle of %d", len(got), len(all))
		}
	})
}

func TestNotesOddities(t *testing.T) {
	c := newCamera(t, 25)
	if _, ok := c.Resolve(0, at(0)); ok || len(c.Captured(at(1e6))) != 0 {
		t.Error("a picture was found before there was one")
	}
	c.SetLoop(100)
	c.Note(10, at(400))
	c.Note(12, at(480))
	c.Note(11, at(440))    // late
	c.Note(15, at(590))    // 13 and 14 are missing
	c.Note(14, at(700))    // contradicts 15
	c.Note(100, at(610))   // not in the file
	c.Note(16, at(640))    // goes on
	c.Note(15, at(641))    // noted twice
	c.Note(10, at(4400.5)) // next time round
	var got []uint64
	for _, p := range c.Captured(at(1e6))[:8] {
		got = append(got, p.Number)
	}
	if want := []uint64{10, 11, 12, 13, 14, 15, 16, 17}; !slices.Equal(got, want) {
		t.Errorf("captured %v, want %v", got, want)
	}
	for _, test := range []struct {
		code   uint64
		ms     float64
		number uint64
		ok     bool
	}{
		{10, 399, 0, false},
		{10, 401, 10, true},
		{11, 430, 0, false}, // not captured yet, nor the time before
		{11, 1000, 11, true},
		{13, 590, 13, true}, // was not noted
		{10, 4400, 10, true},
		{10, 4401, 110, true},
		{11, 4500, 11, true},
		{9, 4500, 109, true},
		{200, 4500, 0, false},
	} {
		number, ok := c.Resolve(test.code, at(test.ms))
		if ok != test.ok || ok && number != test.number {
			t.Errorf("code %d at %v ms is %d, %v; want %d, %v", test.code, test.ms, number, ok, test.number, test.ok)
		}
	}
	// Without a loop a code is the number; one far off is none.
	c = newCamera(t, 25)
	c.Note(5, at(200))
	c.Note(1<<40, at(240))
	c.Note(7, at(280))
	if all := c.Captured(at(1e6)); len(all) != 3 {
		t.Errorf("%+v", all)
	}
	if _, ok := c.Resolve(8, at(1e6)); ok {
		t.Error("a picture that was never captured is resolved")
	}
}

// A reader that keeps up gets every picture at its time; one that does not loses pictures, never time. This takes real time.
func TestFeed(t *testing.T) {
	for _, test := range []struct {
		name string
		slow time.Duration // by which the reader is slow to read a picture
	}{{"fast", 0}, {"slow", 50 * time.Millisecond}} {
		t.Run(test.name, func(t *testing.T) {
			const rate = 50
			c := newCamera(t, rate)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 600*time.Millisecond)
			defer stop()
			start := time.Now().Add(20 * time.Millisecond)
			fed := make(chan error)
			go func() { fed <- c.Feed(ctx, start, w) }()
			in, err := y4m.NewReader(r)
			if err != nil {
				t.Fatal(err)
			}
			var read []Captured
			picture := in.Header().NewPicture()
			for time.Since(start) < 500*time.Millisecond {
				if err := in.Read(picture); err != nil {
					t.Fatal(err)
				}
				s := clip.Number(picture)
				if !s.OK {
					t.Fatalf("%+v", s)
				}
				read = append(read, Captured{Number: s.Number, At: time.Now()})
				time.Sleep(test.slow)
			}
			if err := <-fed; err != nil {
				t.Error(err)
			}
			_, _ = w.Close(), r.Close()
			captured := c.Captured(start.Add(500 * time.Millisecond))
			if len(captured) != 25 {
				t.Errorf("%d captured", len(captured))
			}
			var late, handed []time.Duration
			taken := map[uint64]Captured{}
			for i, p := range captured {
				if p.Number != uint64(i) || p.At.Before(start.Add(c.schedule.due(p.Number))) {
					t.Errorf("%d: %+v", i, p)
				}
				if !p.Taken.IsZero() {
					taken[p.Number] = p
					late = append(late, p.At.Sub(start.Add(c.schedule.due(p.Number))))
				}
			}
			for i, p := range read {
				if i > 0 && p.Number <= read[i-1].Number {
					t.Errorf("picture %d was read after %d", p.Number, read[i-1].Number)
				}
				if from, ok := taken[p.Number]; ok {
					handed = append(handed, p.At.Sub(from.At))
				}
			}
			if test.slow > 0 && (len(taken) > 12 || len(taken) < 4) {
				t.Errorf("%d taken by a slow reader", len(taken))
			}
			if test.slow == 0 && len(taken) < 15 {
				t.Errorf("%d taken by a fast reader", len(taken))
			}
			slices.Sort(late)
			slices.Sort(handed)
			t.Logf("%d taken, late by %v (median) to %v; read after %v to %v",
				len(taken), late[len(late)/2], late[len(late)-1], handed[len(handed)/2], handed[len(handed)-1])
			if late[len(late)/2] > 5*time.Millisecond {
				t.Errorf("written %v late", late[len(late)/2])
			}
			if got, ok := c.Resolve(3, start.Add(100*time.Millisecond)); !ok || got != 3 {
				t.Errorf("picture 3 is resolved to %d, %v", got, ok)
			}
			if _, ok := c.Resolve(3, start.Add(50*time.Millisecond)); ok {
				t.Error("picture 3 is resolved before it was captured")
			}
		})
	}
}

// A writer that waits for its reader ends with the context.
func TestFeedEnds(t *testing.T) {
	c := newCamera(t, 50)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := c.Feed(ctx, time.Now(), w); err != nil {
		t.Error(err)
	}
	if err := c.Feed(ctx, time.Now(), w); err != nil {
		t.Logf("a second time: %v", err)
	}
	// A reader that goes is an error, before the end.
	c = newCamera(t, 50)
	r, w, err = os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if err := c.Feed(t.Context(), time.Now(), w); err == nil {
		t.Error("nobody reads, and that is no error")
	}
	if err := c.Feed(t.Context(), time.Now(), io.Discard); err == nil {
		t.Error("it feeds twice")
	}
}
