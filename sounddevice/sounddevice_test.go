package sounddevice

import (
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestClockFindsTheTime: a device whose clock is off hands samples over with jitter; the Clock must know when they really were.
func TestClockFindsTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drift := rapid.Float64Range(-300e-6, 300e-6).Draw(t, "drift")
		chunk := rapid.Int64Range(120, 1024).Draw(t, "chunk")
		jitter := rapid.Int64Range(0, 15).Draw(t, "jitter")
		seed := rapid.Uint64().Draw(t, "seed")
		c := NewClock(Rate)
		truth := func(n int64) time.Time {
			return begin.Add(time.Duration(float64(n) / Rate * (1 + drift) * float64(time.Second)))
		}
		before := time.Time{}
		for count := chunk; count < 20*Rate; count += chunk {
			seed = seed*6364136223846793005 + 1442695040888963407
			late := time.Duration(seed>>33) % (time.Duration(jitter)*time.Millisecond + 1)
			if _, gap := c.Observe(count, truth(count).Add(late)); gap != 0 {
				t.Fatalf("a gap of %v at %d", gap, count)
			}
			at := c.At(count - chunk)
			if !before.IsZero() && count > 2*Rate { // once it has found out
				step := at.Sub(before) - time.Duration(float64(chunk)/Rate*float64(time.Second))
				if step < -2*time.Millisecond || step > time.Millisecond {
					t.Fatalf("a step of %v at %d", step, count)
				}
				if off := at.Sub(truth(count - chunk)); off < -3*time.Millisecond || off > 4*time.Millisecond {
					t.Fatalf("off by %v at %d", off, count)
				}
			}
			before = at
		}
	})
}

func TestClockSeesGaps(t *testing.T) {
	c := NewClock(Rate)
	if !c.At(0).IsZero() {
		t.Error("it knows before it was told")
	}
	for n := range int64(100) {
		late, gap := c.Observe((n+1)*480, begin.Add(time.Duration(n+1)*10*time.Millisecond))
		if late != 0 || gap != 0 {
			t.Fatal(late, gap)
		}
	}
	if late, gap := c.Observe(101*480, begin.Add(1090*time.Millisecond)); late != 80*time.Millisecond || gap != 0 {
		t.Errorf("late by %v, a gap of %v", late, gap)
	}
	if !c.At(0).Equal(begin) {
		t.Errorf("moved by %v", c.At(0).Sub(begin))
	}
	if _, gap := c.Observe(102*480, begin.Add(5020*time.Millisecond)); gap != 4*time.Second {
		t.Errorf("a gap of %v, want 4s", gap)
	}
	if want := begin.Add(5020 * time.Millisecond); !c.At(102 * 480).Equal(want) {
		t.Errorf("the last sample at %v, want %v", c.At(102*480), want)
	}
	long := NewClock(Rate)
	long.Observe(0, begin)
	const month = 30 * 24 * time.Hour
	if got := long.At(int64(month/time.Second) * Rate); !got.Equal(begin.Add(month)) {
		t.Errorf("after a month: %v", got.Sub(begin))
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	if m.Level() != Silence {
		t.Errorf("nothing shows %v", m.Level())
	}
	sine := func(amplitude float64) []int16 {
		samples := make([]int16, 480)
		for n := range samples {
			samples[n] = int16(math.Round(amplitude * 32767 * math.Sin(2*math.Pi*1000*float64(n)/Rate)))
		}
		return samples
	}
	for _, want := range []float64{-6, -60, 0, -20} {
		samples := sine(math.Pow(10, want/20))
		for range 300 {
			m.Add(samples, 10*time.Millisecond)
		}
		if got := m.Level(); math.Abs(got-want) > 0.2 {
			t.Errorf("%v dBFS shows %.2f", want, got)
		}
	}
	m.Add(nil, 0)
	for range 300 {
		m.Add(make([]int16, 480), 10*time.Millisecond)
	}
	if m.Level() != Silence {
		t.Errorf("silence shows %v", m.Level())
	}
	m.Add([]int16{-32768, -32768}, time.Hour)
	if math.Abs(m.Level()-3.01) > 0.01 {
		t.Errorf("all of -32768 shows %v", m.Level())
	}
}

func TestChoose(t *testing.T) {
	infos := []Info{{1, "Built-in Audio", true}, {2, "USB Headset", false}, {3, "USB Camera", false}, {4, "USB", false}}
	for name, want := range map[string]int{"1": 1, "4": 4, "headset": 2, "USB Camera": 3, "usb": 4, "AUDIO": 1} {
		if got, err := choose(infos, Microphone, name); err != nil || got.Number != want {
			t.Errorf("%q: %v, %v; want number %d", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"0": "number 0", "5": "number 5", "USB ": "several", "kitchen": "named"} {
		_, err := choose(infos, Speaker, name)
		if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "\n  3  USB Camera") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := choose(nil, Speaker, "x"); !errors.Is(err, ErrNoDevice) {
		t.Error(err)
	}
}

// fakeStream is a device that the test unplugs.
type fakeStream struct {
	closed chan struct{}
	hangs  bool
}

func (f *fakeStream) close() {
	close(f.closed)
	if f.hangs {
		select {}
	}
}

func (f *fakeStream) latency() time.Duration { return 7 * time.Millisecond }

func TestADeviceIsKeptOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock sync.Mutex // of what open and Report touch
		var reports []string
		var streams []*fakeStream
		var missing bool
		var filled int
		var stop func()
		var fill func([]int16)
		open := func(_ Config, do func([]int16), stopped func()) (stream, error) {
			lock.Lock()
			defer lock.Unlock()
			if missing {
				return nil, ErrNoDevice
			}
			fill, stop = do, stopped
			streams = append(streams, &fakeStream{closed: make(chan struct{})})
			return streams[len(streams)-1], nil
		}
		report := func(line string) {
			lock.Lock()
			defer lock.Unlock()
			reports = append(reports, line)
		}
		k, err := keep(Config{Do: func([]int16, time.Time) { filled++ }, Report: report}, open)
		if err != nil {
			t.Fatal(err)
		}
		d := Device{k}
		defer d.Close()
		after := func(passed time.Duration, opened int, last string) {
			t.Helper()
			time.Sleep(passed)
			synctest.Wait()
			lock.Lock()
			defer lock.Unlock()
			if len(streams) != opened || len(reports) > 0 && !strings.Contains(reports[len(reports)-1], last) || last != "" && len(reports) == 0 {
				t.Fatalf("opened %d times, want %d; reports %q, want %q", len(streams), opened, reports, last)
			}
		}
		plug := func(in bool) {
			lock.Lock()
			missing = !in
			lock.Unlock()
		}
		for range 50 { // 5 s of a device that works
			fill(nil)
			after(100*time.Millisecond, 1, "")
		}
		if filled != 50 || d.Latency() != 7*time.Millisecond {
			t.Fatalf("filled %d times, latency %v", filled, d.Latency())
		}
		plug(false)
		stop()
		stop() // twice does nothing
		after(5*time.Second+time.Second/2, 1, "gone")
		plug(true)
		after(time.Second, 2, "back")
		after(silentTooLong, 2, "gone") // it never asks for anything
		after(time.Second, 3, "back")
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		for _, s := range streams {
			<-s.closed
		}
	})
}

// TestClosingDoesNotHang as miniaudio does.
func TestClosingDoesNotHang(t *testing.T) {
	k, err := keep(Config{}, func(Config, func([]int16), func()) (stream, error) {
		return &fakeStream{closed: make(chan struct{}), hangs: true}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	k.close()
	if took := time.Since(began); took > closeTime+time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestNullDevice opens miniaudio's own device, both ways.
func TestNullDevice(t *testing.T) {
	var taken, filled, wrong atomic.Int64
	opens := func(kind Kind, count *atomic.Int64) *Device {
		d, err := Open(Config{Kind: kind, Device: NullDevice, Channels: 2, Do: func(samples []int16, at time.Time) {
			if len(samples)%2 != 0 || time.Since(at) > time.Second {
				wrong.Add(1)
			}
			count.Add(int64(len(samples) / 2))
		}})
		if errors.Is(err, ErrNotBuilt) {
			t.Skip("skipped: this build has no sound")
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	began := time.Now()
	microphone, speaker := opens(Microphone, &taken), opens(Speaker, &filled)
	for taken.Load() < Rate/4 || filled.Load() < Rate/4 {
		time.Sleep(10 * time.Millisecond)
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%d samples taken, %d filled", taken.Load(), filled.Load())
		}
	}
	passed := time.Since(began)
	if most := int64((passed + 100*time.Millisecond).Seconds() * Rate); taken.Load() > most || filled.Load() > most {
		t.Errorf("in %v: %d samples taken, %d filled", passed, taken.Load(), filled.Load())
	}
	if speaker.Latency() <= 0 || speaker.Latency() > 100*time.Millisecond {
		t.Errorf("latency %v", speaker.Latency())
	}
	_ = microphone.Close()
	_ = speaker.Close()
	before := taken.Load() + filled.Load()
	time.Sleep(50 * time.Millisecond)
	if after := taken.Load() + filled.Load(); after != before || wrong.Load() != 0 {
		t.Errorf("%d samples after closing, %d wrong calls", after-before, wrong.Load())
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(Config{Channels: 3, Device: NullDevice}); err == nil {
		t.Error("3 channels")
	}
}
