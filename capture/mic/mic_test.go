package mic

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/wav"
	"salsify/sounddevice"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func open(t testing.TB, o Options) *Mic {
	t.Helper()
	m, err := Open(o)
	if errors.Is(err, sounddevice.ErrNotBuilt) {
		t.Skip("skipped: this build has no sound")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// TestFramesAreCut: whatever the pieces in which a device hands samples over, frames have them all, in order, with their instants.
func TestFramesAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		frame := time.Duration(rapid.IntRange(1, 2).Draw(t, "frame")) * 10 * time.Millisecond
		f := newFramer(frame, channels)
		var got Frame
		var sent, received int
		number := uint64(0)
		for _, chunk := range rapid.SliceOfN(rapid.IntRange(1, 2000), 1, 60).Draw(t, "chunks") {
			for chunk > 0 {
				n := min(chunk, 400)
				chunk -= n
				samples := make([]int16, n*channels)
				for i := range samples {
					samples[i] = int16(sent*channels + i)
				}
				sent += n
				f.add(samples, begin.Add(time.Duration(sent)*time.Second/Rate))
				for {
					taken, err := f.queue.take(&got)
					if err != nil {
						t.Fatal(err)
					}
					if !taken {
						break
					}
					for i, s := range got.Samples {
						if s != int16(received*channels+i) {
							t.Fatalf("frame %d has %d at %d", got.Number, s, i)
						}
					}
					want := begin.Add(time.Duration(received) * time.Second / Rate)
					if off := got.Captured.Sub(want).Abs(); off > time.Microsecond || got.Number != number {
						t.Fatalf("frame %d, want %d, captured at %v, want %v", got.Number, number, got.Captured, want)
					}
					received += len(got.Samples) / channels
					number++
				}
			}
		}
		if left := sent - received; left < 0 || left >= cap(f.partial)/channels {
			t.Fatalf("%d samples came, %d were given", sent, received)
		}
	})
}

func TestNewestWins(t *testing.T) {
	f := newFramer(20*time.Millisecond, 1)
	for n := range int16(10) {
		f.add(slices.Repeat([]int16{n}, 960), begin.Add(time.Duration(n+1)*20*time.Millisecond))
	}
	var got Frame
	for want := uint64(7); want < 10; want++ { // 60 ms of them
		if taken, err := f.queue.take(&got); !taken || err != nil || got.Number != want || got.Samples[0] != int16(want) {
			t.Fatalf("frame %d, %v; want %d", got.Number, err, want)
		}
	}
	if taken, _ := f.queue.take(&got); taken {
		t.Error("one more")
	}
	if s := f.queue.statistics(); s != (Stats{Frames: 10, Dropped: 7}) {
		t.Errorf("%+v", s)
	}
}

func TestGapIsCounted(t *testing.T) {
	f := newFramer(20*time.Millisecond, 1)
	samples := make([]int16, 480) // half a frame
	at := begin
	var frames []Frame
	for n := range 9 {
		if n == 5 {
			at = at.Add(3 * time.Second)
		}
		at = at.Add(10 * time.Millisecond)
		f.add(samples, at)
		var got Frame
		if taken, _ := f.queue.take(&got); taken {
			frames = append(frames, got)
		}
	}
	// The device was gone after two and a half frames, and gave two more.
	if len(frames) != 4 || frames[2].Number != 2+150 || frames[3].Number != 3+150 {
		t.Fatalf("%+v", frames)
	}
	if passed := frames[2].Captured.Sub(frames[0].Captured); passed < 3*time.Second || passed > 3*time.Second+60*time.Millisecond {
		t.Errorf("%v passed", passed)
	}
	if f.queue.statistics().Gaps != 1 {
		t.Errorf("%+v", f.queue.statistics())
	}
}

func TestTone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(123456789 * time.Nanosecond) // some time within a frame
		m := open(t, Options{Device: "tone:", Frame: 10 * time.Millisecond, Channels: 2})
		opened := time.Now()
		var f Frame
		beeps := 0
		for n := range uint64(250) {
			if err := m.Next(t.Context(), &f); err != nil || f.Number != n || len(f.Samples) != 960 {
				t.Fatalf("frame %d of %d samples, %v; want %d", f.Number, len(f.Samples), err, n)
			}
			if late := time.Since(f.Captured); late != 10*time.Millisecond {
				t.Fatalf("frame %d is given %v after its first sample", n, late)
			}
			for i, s := range f.Samples {
				at := f.Captured.Add(time.Duration(i/2) * time.Second / Rate)
				into := at.Sub(at.Truncate(time.Second))
				if s != 0 && into > beepLasts+time.Millisecond {
					t.Fatalf("a sound %v after the second", into)
				}
				if into < 20*time.Microsecond {
					beeps++
					if s != beepAmplitude {
						t.Fatalf("the beep begins with %d", s)
					}
				}
			}
		}
		if passed := time.Since(opened); beeps != 2*2 || passed > 2500*time.Millisecond || passed < 2490*time.Millisecond {
			t.Errorf("%d samples begin beeps, in %v", beeps, passed)
		}
		time.Sleep(time.Second) // frames are missed
		if err := m.Next(t.Context(), &f); err != nil || f.Number < 340 || m.Stats().Dropped < 90 {
			t.Errorf("frame %d, %v, %+v", f.Number, err, m.Stats())
		}
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
		if err := m.Next(t.Context(), &f); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const length = 1000 // a bit more than a frame
	w, err := wav.NewWriter(out, 1, Rate)
	samples := make([]int16, length)
	for n := range samples {
		samples[n] = int16(n + 1)
	}
	if err := errors.Join(err, w.Write(samples), w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		m := open(t, Options{Device: path})
		var f Frame
		for n := range 5 {
			if err := m.Next(t.Context(), &f); err != nil {
				t.Fatal(err)
			}
			for i, s := range f.Samples {
				if want := int16((n*960+i)%length + 1); s != want {
					t.Fatalf("frame %d has %d at %d, want %d", n, s, i, want)
				}
			}
		}
		_ = m.Close()
	})
	if _, err := Open(Options{Device: path, Channels: 2}); !errors.Is(err, ErrSource) {
		t.Errorf("a mono file in stereo: %v", err)
	}
}

func TestMuteAndLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, Options{Device: "tone"})
		var f Frame
		loudest, muted := math.Inf(-1), math.Inf(-1)
		for n := range 250 {
			if n == 75 {
				m.Mute(true)
			}
			if err := m.Next(t.Context(), &f); err != nil {
				t.Fatal(err)
			}
			if n < 75 {
				loudest = max(loudest, m.Level())
			} else if m.Muted() && slices.ContainsFunc(f.Samples, func(s int16) bool { return s != 0 }) {
				t.Fatal("sound from a muted microphone")
			}
			muted = m.Level()
		}
		if loudest < -14 || loudest > -6 || muted != sounddevice.Silence {
			t.Errorf("beeps of -6 dBFS show %v, and muted %v", loudest, muted)
		}
		_ = m.Close()
	})
}

func TestNoneAndNull(t *testing.T) {
	m := open(t, Options{Device: "none"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var f Frame
	if err := m.Next(ctx, &f); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("none gives %v", err)
	}
	waiting := make(chan error)
	go func() { waiting <- m.Next(t.Context(), &f) }()
	_ = m.Close()
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	null := open(t, Options{Device: sounddevice.NullDevice})
	for n := range uint64(10) {
		if err := null.Next(t.Context(), &f); err != nil || f.Number != n {
			t.Fatalf("frame %d, %v; want %d", f.Number, err, n)
		}
		if late := time.Since(f.Captured); late < 20*time.Millisecond || late > 2*time.Second {
			t.Errorf("frame %d is %v old", n, late)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.wav")
	if err := os.WriteFile(junk, []byte("RIFF and so on"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Frame: time.Second}, {Channels: 3}, {Device: "tone:x"}, {Device: "tone:1e9"}, {Device: "/nonexistent.wav"}, {Device: junk}} {
		if _, err := Open(o); !errors.Is(err, ErrSource) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestNothingIsAllocated in the device's thread, nor by who takes frames.
func TestNothingIsAllocated(t *testing.T) {
	f := newFramer(20*time.Millisecond, 1)
	samples := make([]int16, 480)
	var got Frame
	at := begin
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(10 * time.Millisecond)
		f.add(samples, at)
		_, _ = f.queue.take(&got)
	}); n > 0.01 { // the memory of got, once
		t.Errorf("%v allocations", n)
	}
}
