package pulsetest_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"salsify/capture/mic"
	"salsify/display/speaker"
	"salsify/sounddevice"
	"salsify/sounddevice/pulsetest"
)

// player is what a test plays.
type player struct {
	lock     sync.Mutex
	at       int64 // samples that were pulled
	sine     float64
	every    int64 // samples between impulses; 0 is none
	impulses []time.Time
}

const amplitude = 16000 // of impulses

func (p *player) pull(samples []int16) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for n := range samples {
		samples[n] = int16(p.sine * 32767 * math.Sin(2*math.Pi*1000*float64(p.at)/speaker.Rate))
		if p.every > 0 && p.at%p.every == p.every-1 {
			samples[n] = amplitude
			p.impulses = append(p.impulses, time.Now().Add(time.Duration(n)*time.Second/speaker.Rate))
		}
		p.at++
	}
}

func (p *player) set(sine float64, every int64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.sine, p.every, p.impulses = sine, every, nil
}

func openBoth(t *testing.T, p *player, report func(string)) (*speaker.Speaker, *mic.Mic) {
	t.Helper()
	s, err := speaker.Open(speaker.Options{Pull: p.pull, Report: report})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m, err := mic.Open(mic.Options{Frame: 10 * time.Millisecond, Report: report})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return s, m
}

// next gives the next frame; it may take as long as a server needs to wake up.
func next(t *testing.T, m *mic.Mic, f *mic.Frame) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := m.Next(ctx, f); err != nil {
		t.Fatal(err)
	}
}

func loudest(samples []int16) (at int, value int16) {
	for n, s := range samples {
		if s > value {
			at, value = n, s
		}
	}
	return at, value
}

// TestDelay plays impulses and finds them in what is recorded.
func TestDelay(t *testing.T) {
	pulsetest.Start(t)
	p := &player{}
	s, m := openBoth(t, p, func(line string) { t.Errorf("reported: %s", line) })
	var f mic.Frame
	for range 50 { // until the server is awake
		next(t, m, &f)
	}
	p.set(0, speaker.Rate/8)
	const count = 16
	var whole, heard []time.Duration // from the pull to the frame in hand; to when the microphone says that it was
	var last time.Time
	for end := time.Now().Add(10 * time.Second); len(whole) < count; {
		next(t, m, &f)
		if time.Now().After(end) {
			t.Fatalf("only %d of %d impulses were heard", len(whole), count)
		}
		at, value := loudest(f.Samples)
		captured := f.Captured.Add(time.Duration(at) * time.Second / mic.Rate)
		if value < amplitude/2 || captured.Sub(last) < 50*time.Millisecond {
			continue
		}
		last = captured
		p.lock.Lock()
		pulled := p.impulses
		p.lock.Unlock()
		for _, instant := range slices.Backward(pulled) { // the newest that can be it
			if instant.Before(captured.Add(10 * time.Millisecond)) {
				whole, heard = append(whole, time.Since(instant)), append(heard, captured.Sub(instant))
				break
			}
		}
	}
	slices.Sort(whole)
	slices.Sort(heard)
	spread := heard[count*3/4] - heard[count/4]
	t.Logf("from the speaker's pull to the frame of 10 ms in hand: median %v, most %v", whole[count/2], whole[count-1])
	t.Logf("from the pull to the instant of capture: median %v, least %v, most %v, middle half within %v; the speaker's latency is said to be %v",
		heard[count/2], heard[0], heard[count-1], spread, s.Latency())
	t.Logf("microphone %+v, speaker %+v", m.Stats(), s.Stats())
	if whole[count/2] > 150*time.Millisecond {
		t.Errorf("the median delay is %v, more than 150 ms", whole[count/2])
	}
	if off := heard[count/2] - s.Latency(); off < -30*time.Millisecond || off > 30*time.Millisecond {
		t.Errorf("heard %v after the pull, said to be %v", heard[count/2], s.Latency())
	}
	if spread > 20*time.Millisecond {
		t.Errorf("the delay varies by %v", spread)
	}
}

// TestLevels plays a sine, and compares levels on both sides.
func TestLevels(t *testing.T) {
	pulsetest.Start(t)
	p := &player{sine: 0.1} // -20 dBFS
	s, m := openBoth(t, p, nil)
	var f mic.Frame
	for quiet := true; quiet; { // until it comes through
		next(t, m, &f)
		_, value := loudest(f.Samples)
		quiet = value < 1000
	}
	near := func(what string, level func() float64, want float64) { // in the end: on a busy machine there are gaps
		t.Helper()
		for n, end := 0, time.Now().Add(8*time.Second); n < 60 || math.Abs(level()-want) > 0.5; n++ { // 600 ms of the meters' 100 ms
			if next(t, m, &f); time.Now().After(end) {
				t.Errorf("%s: %.2f dBFS, want %.2f", what, level(), want)
				return
			}
		}
	}
	silent := func(what string) {
		t.Helper()
		for n, end := 0, time.Now().Add(8*time.Second); n < 20; n++ { // frames in a row
			if next(t, m, &f); slices.ContainsFunc(f.Samples, func(s int16) bool { return s != 0 }) {
				n = 0
			}
			if time.Now().After(end) {
				t.Fatalf("%s is not silent", what)
			}
		}
	}
	near("played", s.Level, -20)
	near("recorded", m.Level, -20)
	s.SetVolume(2)
	near("played louder", s.Level, -20+6.02)
	near("recorded louder", m.Level, -20+6.02)

	s.Mute(true)
	silent("a muted speaker")
	s.Mute(false)
	near("recorded after the mute", m.Level, -20+6.02)

	m.Mute(true)
	silent("a muted microphone")
	near("played beside a muted microphone", s.Level, -20+6.02)
}

// TestServerDiesAndReturns kills the server, and starts it again.
func TestServerDiesAndReturns(t *testing.T) {
	server := pulsetest.Start(t)
	p := &player{sine: 0.1}
	lines := make(chan string, 16)
	_, m := openBoth(t, p, func(line string) { lines <- line })
	var f mic.Frame
	next(t, m, &f)
	before := f.Number
	killed := time.Now()
	server.Stop()
	expect := func(part string) {
		t.Helper()
		for range 2 { // the microphone and the speaker, in any order
			select {
			case line := <-lines:
				if !strings.Contains(line, part) {
					t.Fatalf("reported %q, want %q in it", line, part)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("nothing was reported of %q", part)
			}
		}
	}
	expect("is gone")
	server.Run()
	expect("is back")
	for next(t, m, &f); f.Captured.Before(killed.Add(time.Second / 2)); { // those from before
		next(t, m, &f)
	}
	if passed, counted := f.Captured.Sub(killed), time.Duration(f.Number-before)*10*time.Millisecond; counted < passed-200*time.Millisecond {
		t.Errorf("frames are numbered as if %v had passed, it was %v", counted, passed)
	}
	if m.Stats().Gaps == 0 {
		t.Error("no gap was counted")
	}
}

func TestChoice(t *testing.T) {
	server := pulsetest.Start(t)
	server.Control("load-module", "module-null-sink", "sink_name=other", "sink_properties=device.description=OtherRoom")
	infos, err := speaker.Devices()
	if err != nil || len(infos) != 2 || infos[0].Number != 1 || infos[1].Number != 2 {
		t.Fatalf("%v, %v", infos, err)
	}
	microphones, err := mic.Devices()
	if err != nil || len(microphones) != 2 {
		t.Fatalf("%v, %v", microphones, err)
	}
	p := &player{sine: 0.1}
	s, err := speaker.Open(speaker.Options{Device: "otherroom", Pull: p.pull})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	open := func(name string) *mic.Mic {
		m, err := mic.Open(mic.Options{Device: name})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m
	}
	here, there := open("TestSpeakers"), open("OtherRoom")
	var f mic.Frame
	for quiet := true; quiet; {
		next(t, there, &f)
		_, value := loudest(f.Samples)
		quiet = value < 1000
	}
	for range 10 {
		next(t, here, &f)
		if _, value := loudest(f.Samples); value != 0 {
			t.Fatalf("%d is heard in the wrong room", value)
		}
	}
	for _, name := range []string{"kitchen", "3", "0", "Monitor of"} {
		_, err := mic.Open(mic.Options{Device: name})
		if !errors.Is(err, mic.ErrNoDevice) || !strings.Contains(err.Error(), "OtherRoom") {
			t.Errorf("%s: %v; want a list", name, err)
		}
	}
}

func TestNoServer(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:/nonexistent")
	m, err := mic.Open(mic.Options{})
	if err == nil {
		_ = m.Close()
		t.Skip("skipped: there is a sound card here, so no lack of one")
	}
	if !errors.Is(err, sounddevice.ErrNoDevice) {
		t.Errorf("%v", err)
	}
	if _, err := speaker.Open(speaker.Options{Pull: func([]int16) {}}); !errors.Is(err, speaker.ErrNoDevice) {
		t.Errorf("%v", err)
	}
	if infos, err := mic.Devices(); !errors.Is(err, mic.ErrNoDevice) {
		t.Errorf("%v, %v", infos, err)
	}
	t.Log(err)
}
