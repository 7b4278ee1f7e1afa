package endtoend

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"salsify/capture/mic"
	"salsify/sounddevice/pulsetest"
	"salsify/transport/bitrate"
)

// ear hears what the test's sound server plays: when beeps begin.
type ear struct {
	lock  sync.Mutex
	beeps []time.Time
}

// listen begins to hear. pulsetest.Start must have been called.
func listen(t *testing.T) *ear {
	t.Helper()
	m, err := mic.Open(mic.Options{Frame: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var f mic.Frame
		for m.Next(ctx, &f) == nil {
			e.hear(&f)
		}
	}()
	t.Cleanup(func() {
		stop()
		m.Close()
		<-ended
	})
	return e
}

// loud is well above what a codec makes of silence, and below a beep.
const loud = 4000

func (e *ear) hear(f *mic.Frame) {
	for i, v := range f.Samples {
		if v < loud && v > -loud {
			continue
		}
		at := f.Captured.Add(time.Duration(i) * time.Second / mic.Rate)
		e.lock.Lock()
		if n := len(e.beeps); n == 0 || at.Sub(e.beeps[n-1]) > 500*time.Millisecond {
			e.beeps = append(e.beeps, at)
		}
		e.lock.Unlock()
		return
	}
}

func (e *ear) heard() []time.Time {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.beeps[:len(e.beeps):len(e.beeps)]
}

// delays are how long after the full second each beep was heard. No sound is a whole second late: it waits half a second at most.
func delays(beeps []time.Time) (d []time.Duration) {
	for _, b := range beeps {
		d = append(d, time.Duration(b.Nanosecond()))
	}
	return d
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// What is said at one end is heard at the other, each second, together with its picture: directly, and over a network with delay and
// losses. The microphone is a beep at each full second, the speaker a sound server's, whose sound is recorded.
func TestSoundAndPicture(t *testing.T) {
	for _, c := range []struct {
		name        string
		delay       time.Duration
		loss        float64
		soundWithin time.Duration // the bound of the sound's delay
	}{
		{"loopback", 0, 0, 100 * time.Millisecond},
		{"2 Mbit/s, 60 ms, 3 % lost", 60 * time.Millisecond, 0.03, 220 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			pulsetest.Start(t)
			v := view(t, anywhere, "--no-audio=false")
			address := v.address
			if c.delay > 0 {
				_, address = between(t, v, 2*bitrate.MbitPerSecond, c.delay, c.loss)
			}
			e := listen(t)
			s := send(t, address, v.key, "--no-audio=false", "--mic", "tone:")
			const settling, lasts = 4 * time.Second, 12 * time.Second // until the two are together, and in all
			v.flows(10*time.Second, 5)
			began := time.Now()
			time.Sleep(lasts)
			s.mustRun()
			v.mustRun()
			var pictures []time.Duration
			for _, p := range v.pictures() {
				if p.at.Sub(began) > settling {
					pictures = append(pictures, p.at.Sub(p.captured))
				}
			}
			beeps := e.heard()
			late := slices.DeleteFunc(slices.Clone(beeps), func(b time.Time) bool { return b.Sub(began) < settling })
			if len(late) < 6 || len(pictures) < 50 {
				t.Fatalf("%d beeps were heard in all, %d of them after %v; %d pictures seen", len(beeps), len(late), settling, len(pictures))
			}
			sound, picture := median(delays(late)), median(pictures)
			skew := sound - picture
			t.Logf("%s: sound is heard after %v, its picture is seen after %v: %v apart (medians)", c.name,
				sound.Round(time.Millisecond), picture.Round(time.Millisecond), skew.Round(time.Millisecond))
			if sound > c.soundWithin {
				t.Errorf("sound is heard after %v, bound %v", sound, c.soundWithin)
			}
			if skew.Abs() > 45*time.Millisecond {
				t.Errorf("sound and picture are %v apart", skew)
			}
			if text := s.stderr.String() + v.stderr.String(); strings.Contains(text, "no sound") {
				t.Errorf("there is sound, but:\n%s", text)
			}
		})
	}
}

// Who is muted is not heard, and where one side wants no sound, none is sent; the pictures come all the same.
func TestNotHeard(t *testing.T) {
	pulsetest.Start(t)
	for _, c := range []struct {
		recv, send []string
		heard      bool
	}{
		{[]string{"--no-audio=false"}, []string{"--no-audio=false", "--mic", "tone:"}, true}, // else nobody would hear anything
		{[]string{"--no-audio=false"}, []string{"--no-audio=false", "--mic", "tone:", "--mute"}, false},
		{[]string{"--no-audio=false"}, []string{"--mic", "tone:"}, false},
		{nil, []string{"--no-audio=false", "--mic", "tone:"}, false},
	} {
		v := view(t, anywhere, c.recv...)
		time.Sleep(500 * time.Millisecond) // the sound server may still have a beep of the case before
		e := listen(t)
		s := send(t, v.address, v.key, append(c.send, "--duration", "2500ms")...)
		v.flows(5*time.Second, 25)
		s.mustEnd(5*time.Second, 0)
		if beeps := e.heard(); len(beeps) > 0 != c.heard {
			t.Errorf("recv %v, send %v: %d beeps were heard", c.recv, c.send, len(beeps))
		}
		v.signal(os.Interrupt)
		v.mustEnd(3*time.Second, 0)
	}
}

// Without a sound device each side says so once, also when the sender comes again, and the call goes on.
func TestNoSoundDevice(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(t.TempDir(), "nobody"))
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	v := view(t, anywhere, "--no-audio=false")
	s := send(t, v.address, v.key, "--no-audio=false")
	v.flows(10*time.Second, 10)
	v.says(10*time.Second, "no sound is played")
	if n := strings.Count(v.stderr.String(), "no sound is played"); n != 1 {
		t.Errorf("the receiver says %d times that there is no speaker", n)
	}
	v.kill()
	v.program = start(t, "salsify-recv", nil, "--listen", v.address, "--key", v.key, "--display", "none")
	s.says(10*time.Second, "connecting anew")
	v.says(10*time.Second, "no sound is played")
	within(t, 10*time.Second, "it is connected again", func() bool { return strings.Count(s.stderr.String(), "connected to") >= 2 })
	time.Sleep(500 * time.Millisecond)
	if n := strings.Count(s.stderr.String(), "no sound is sent"); n != 1 {
		t.Errorf("the sender says %d times that there is no microphone", n)
	}
	if n := strings.Count(v.stderr.String(), "no sound is played"); n != 1 {
		t.Errorf("the receiver says %d times that there is no speaker", n)
	}
	s.mustRun()
}

// Both ways: each hears the other.
func TestTalk(t *testing.T) {
	pulsetest.Start(t)
	v := view(t, anywhere, "--no-audio=false", "--send", "test:seed=2", "--size", "320x180", "--effort", "2", "--mic", "tone:")
	e := listen(t)
	heard := filepath.Join(t.TempDir(), "heard.wav")
	s := send(t, v.address, v.key, "--no-audio=false", "--mic", "tone:", "--speaker", heard, "--duration", "6s")
	s.mustEnd(20*time.Second, 0)
	if beeps := e.heard(); len(beeps) < 3 {
		t.Errorf("the receiver hears %d beeps in 6 s", len(beeps))
	}
	b, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	beeps, quiet := 0, 0
	for i := 44; i+1 < len(b); i += 2 { // behind the header
		quiet++
		if v := int16(uint16(b[i]) | uint16(b[i+1])<<8); v > loud || v < -loud {
			if quiet > mic.Rate/2 {
				beeps++
			}
			quiet = 0
		}
	}
	if beeps < 3 {
		t.Errorf("the sender hears %d beeps in 6 s", beeps)
	}
}
