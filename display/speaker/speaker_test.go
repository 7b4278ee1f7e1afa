package speaker

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/wav"
	"salsify/sounddevice"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func constant(value int16) func([]int16) {
	return func(samples []int16) {
		for n := range samples {
			samples[n] = value
		}
	}
}

// TestGainHasNoSteps: whatever the volume does, neighbouring samples of a constant differ by no more than the ramp of one call, and it
// arrives.
func TestGainHasNoSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		value := rapid.Int16().Draw(t, "value")
		s := &Speaker{output: newOutput(channels, constant(value))}
		samples := make([]int16, 480*channels)
		last := float64(value)
		for _, volume := range rapid.SliceOfN(rapid.Float64Range(-1, 5), 1, 10).Draw(t, "volumes") {
			muted := rapid.Bool().Draw(t, "muted")
			s.SetVolume(volume)
			s.Mute(muted)
			before := float64(s.output.gain) / unity
			s.output.fill(samples)
			gain := min(max(volume, 0), MaxVolume)
			if muted {
				gain = 0
			}
			step := math.Abs(gain-before)*math.Abs(float64(value))/480 + 2
			for n := range 480 {
				got := float64(samples[n*channels])
				if math.Abs(got-last) > step {
					t.Fatalf("a step from %v to %v, with a gain from %v to %v", last, got, before, gain)
				}
				if channels == 2 && samples[2*n] != samples[2*n+1] {
					t.Fatal("channels differ")
				}
				last = got
			}
			want := min(max(float64(value)*gain, math.MinInt16), math.MaxInt16)
			if math.Abs(last-want) > 2 {
				t.Fatalf("it ends with %v, want %v", last, want)
			}
		}
	})
}

func TestVolumeIsBounded(t *testing.T) {
	s := &Speaker{output: newOutput(1, constant(0))}
	for volume, want := range map[float64]float64{1: 1, 0.5: 0.5, -1: 0, 99: MaxVolume, math.Inf(1): MaxVolume} {
		if s.SetVolume(volume); s.Volume() != want {
			t.Errorf("%v became %v", volume, s.Volume())
		}
	}
	if s.SetVolume(math.NaN()); s.Volume() != 0 {
		t.Errorf("no number became %v", s.Volume())
	}
}

func TestUnderruns(t *testing.T) {
	run := func(late map[int]time.Duration, drift float64) uint64 {
		o := newOutput(1, constant(0))
		o.latency.Store(int64(20 * time.Millisecond))
		shift := time.Duration(0)
		for n := range 1000 {
			at := begin.Add(time.Duration(float64(n) * 10e6 * (1 + drift))).Add(shift)
			if late[n] > 20*time.Millisecond { // the device waits, and all is later from then on
				shift += late[n] - 20*time.Millisecond
			}
			o.observe(480, at.Add(late[n]))
		}
		return o.underruns.Load()
	}
	for _, test := range []struct {
		name  string
		late  map[int]time.Duration
		drift float64
		want  uint64
	}{
		{"in time", nil, 0, 0},
		{"a slow clock", nil, 200e-6, 0},
		{"a fast clock", nil, -200e-6, 0},
		{"late, but in time", map[int]time.Duration{100: 19 * time.Millisecond, 200: 15 * time.Millisecond, 201: 5 * time.Millisecond}, 0, 0},
		{"too late", map[int]time.Duration{100: 30 * time.Millisecond}, 0, 1},
		{"too late twice", map[int]time.Duration{100: 25 * time.Millisecond, 300: 45 * time.Millisecond, 400: 18 * time.Millisecond}, 0, 2},
		{"asleep", map[int]time.Duration{100: 2 * time.Second}, 0, 1},
		{"a slow start", map[int]time.Duration{1: 2 * time.Second}, 0, 0},
	} {
		if got := run(test.late, test.drift); got != test.want {
			t.Errorf("%s: %d underruns, want %d", test.name, got, test.want)
		}
	}
}

func TestNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Device: "none", Pull: constant(3277)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := s.Stats(); got != (Stats{Samples: Rate}) {
			t.Errorf("in a second: %+v", got)
		}
		if level := s.Level(); math.Abs(level+17) > 0.1 { // a tenth of full scale, all the time, is 3 dB above a sine
			t.Errorf("%v dBFS", level)
		}
		if s.Latency() != 0 {
			t.Errorf("latency %v", s.Latency())
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	count := int16(0)
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Device: path, Channels: 2, Pull: func(samples []int16) {
			for n := range samples {
				samples[n] = count
				count++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(205 * time.Millisecond)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	info, _ := in.Stat()
	f, err := wav.Open(in, info.Size())
	if err != nil || f.Channels != 2 || f.Samples != Rate/5 {
		t.Fatalf("%+v, %v", f, err)
	}
	samples := make([]int16, 2*f.Samples)
	if n, err := f.Read(samples, 0); err != nil || int64(n) != f.Samples {
		t.Fatal(n, err)
	}
	for n, s := range samples {
		if s != int16(n) {
			t.Fatalf("sample %d is %d", n, s)
		}
	}
}

func TestNullDevice(t *testing.T) {
	pulled := make(chan int, 1000)
	s, err := Open(Options{Device: sounddevice.NullDevice, Channels: 2, Pull: func(samples []int16) {
		select {
		case pulled <- len(samples):
		default:
		}
	}})
	if errors.Is(err, sounddevice.ErrNotBuilt) {
		t.Skip("skipped: this build has no sound")
	}
	if err != nil {
		t.Fatal(err)
	}
	for total := 0; total < Rate/10*2; {
		select {
		case n := <-pulled:
			total += n
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is asked for")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, o := range []Options{{Channels: 3}, {Device: "/nonexistent/a.wav"}} {
		o.Pull = constant(0)
		if _, err := Open(o); !errors.Is(err, ErrTarget) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestNothingIsAllocated in the device's thread.
func TestNothingIsAllocated(t *testing.T) {
	s := &Speaker{output: newOutput(2, constant(1000))}
	samples := make([]int16, 960)
	at := time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(10 * time.Millisecond)
		s.SetVolume(0.5)
		s.output.fillInTime(samples, at)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
