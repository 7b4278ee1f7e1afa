package sounddevice_test

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"salsify/capture/mic"
	"salsify/display/speaker"
	"salsify/sounddevice"
	"salsify/testbed/guest"
)

// What is played into one side of the kernel's loopback sound card comes out of the other, by ALSA.
func TestInGuest(t *testing.T) {
	guest.Test(t, guest.Options{
		Run: "^TestDevice", Modules: []guest.Module{{Name: "snd-aloop", Parameters: "pcm_substreams=1"}},
		Libraries: []string{"libasound.so.2"}, Folders: []string{"/usr/share/alsa"},
	})
}

// The loopback's two sides have one name; by number the second and third of the list are they.
const playing, recording = "2", "3"

func TestDeviceList(t *testing.T) {
	guest.Inside(t)
	microphones, err := mic.Devices()
	if err != nil {
		t.Fatal(err)
	}
	speakers, err := speaker.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for what, list := range map[string][]sounddevice.Info{"microphones": microphones, "speakers": speakers} {
		if len(list) != 3 || list[1].Name != "Loopback, Loopback PCM" || list[2].Name != list[1].Name {
			t.Errorf("the %s are %+v", what, list)
		}
	}
}

// voice plays a sine of a quarter of full scale, and each second an impulse.
type voice struct {
	samples atomic.Int64
	pulled  [64]time.Time // when each impulse was asked for
}

const amplitude = 8192

func (v *voice) pull(out []int16) {
	n := v.samples.Load()
	for i := range out {
		at := n + int64(i)
		out[i] = int16(amplitude * math.Sin(2*math.Pi*400*float64(at)/speaker.Rate))
		if at%speaker.Rate == speaker.Rate/2 {
			v.pulled[at/speaker.Rate%64] = time.Now()
			out[i] = math.MaxInt16
		}
	}
	v.samples.Store(n + int64(len(out)))
}

// Sound goes through whole: as loud as it was, without gaps, each impulse once a second and soon.
func TestDeviceLoopback(t *testing.T) {
	guest.Inside(t)
	m, err := mic.Open(mic.Options{Device: recording, Frame: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	v := &voice{}
	s, err := speaker.Open(speaker.Options{Device: playing, Pull: v.pull})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var f mic.Frame
	var impulses []time.Time
	var sum float64
	loud, quiet := 0, 0
	const settling, lasts = 2 * time.Second, 8 * time.Second
	for began := time.Now(); time.Since(began) < lasts; {
		if err := m.Next(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) < settling {
			continue
		}
		var frame float64
		for i, v := range f.Samples {
			frame += float64(v) * float64(v)
			if v > 2*amplitude {
				impulses = append(impulses, f.Captured.Add(time.Duration(i)*time.Second/mic.Rate))
			}
		}
		if rms := math.Sqrt(frame / float64(len(f.Samples))); rms > amplitude/4 {
			loud++
			sum += rms
		} else {
			quiet++
		}
	}
	mean := sum / float64(max(1, loud))
	t.Logf("%d frames with sound of %.0f RMS, %d without; %d impulses; %+v", loud, mean, quiet, len(impulses), s.Stats())
	if loud < 500 || quiet > loud/20 {
		t.Errorf("%d frames have the sound, %d have not", loud, quiet)
	}
	if want := amplitude / math.Sqrt2; mean < 0.9*want || mean > 1.15*want {
		t.Errorf("the sound's RMS is %.0f, played were %.0f", mean, want)
	}
	if len(impulses) < 4 {
		t.Fatalf("%d impulses came in %v", len(impulses), lasts-settling)
	}
	if err := s.Close(); err != nil { // and nothing is pulled any more
		t.Error(err)
	}
	var delays []time.Duration
	for _, at := range impulses {
		nearest := time.Hour
		for _, pulled := range v.pulled {
			if d := at.Sub(pulled); d > 0 && d < nearest {
				nearest = d
			}
		}
		delays = append(delays, nearest)
	}
	slices.Sort(delays)
	median := delays[len(delays)/2]
	t.Logf("from the speaker's asking to the instant of capture: median %v", median)
	if median > 200*time.Millisecond {
		t.Errorf("an impulse takes %v through the loopback", median)
	}
}

// A card that is gone is an error that says so; one that is back can be used.
func TestDeviceUnplug(t *testing.T) {
	guest.Inside(t)
	if err := guest.Unload("snd-aloop"); err != nil {
		t.Fatal(err)
	}
	if _, err := mic.Open(mic.Options{}); !errors.Is(err, mic.ErrNoDevice) {
		t.Errorf("without a card: %v", err)
	}
	if err := guest.Load(guest.Module{Name: "snd-aloop", Parameters: "pcm_substreams=1"}); err != nil {
		t.Fatal(err)
	}
	m, err := mic.Open(mic.Options{Device: recording})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
