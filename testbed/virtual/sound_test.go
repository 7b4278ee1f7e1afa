package virtual

import (
	"slices"
	"testing"
	"time"
)

// Sound beside the video: it comes soon, and the video's delay is hardly longer than without.
func TestSoundBesideVideo(t *testing.T) {
	for _, c := range []struct {
		name              string
		video             []stretch
		median, p95, more float64 // bounds in ms: of the sound's delay, and of how much longer the video's is at its 95th
	}{
		{"steady 12 Mbit/s", []stretch{{12 * mbit, 10 * second}}, 30, 50, 10},
		{"steady 2 Mbit/s", []stretch{{2 * mbit, 10 * second}}, 40, 60, 15},
		{"steady 0.5 Mbit/s", []stretch{{500 * kbit, 10 * second}}, 70, 100, 25},
		{"steady 0.2 Mbit/s", []stretch{{200 * kbit, 10 * second}}, 125, 480, 60}, // the first pictures are for a faster link
		{"4 Mbit/s, then 1", []stretch{{4 * mbit, 3 * second}, {1 * mbit, 10 * second}}, 40, 80, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := world(6*second, c.video...)
			without := run(t, config)
			config.Sound = true
			with := run(t, config)
			delays := slices.Sorted(slices.Values(with.SoundDelays))
			if want := int(6*second/soundFrame) - 10; len(delays) < want {
				t.Fatalf("%d packets of sound came, want %d", len(delays), want)
			}
			median, p95 := milliseconds(delays[len(delays)/2]), milliseconds(delays[len(delays)*95/100])
			video, alone := milliseconds(with.delay95(second, 6*second)), milliseconds(without.delay95(second, 6*second))
			t.Logf("sound: median %.0f ms, p95 %.0f ms; video: p95 %.0f ms, alone %.0f ms; %.0f kbit/s beside %.0f", median, p95, video, alone,
				float64(with.Sender.BesideBytes)*8/6000, float64(with.Sender.WireBytes)*8/6000)
			if median > c.median || p95 > c.p95 {
				t.Errorf("the sound's delay is %.0f ms, p95 %.0f ms; bounds %.0f and %.0f", median, p95, c.median, c.p95)
			}
			if video > alone+c.more {
				t.Errorf("p95 of the video's delay is %.0f ms, alone %.0f ms, bound %.0f more", video, alone, c.more)
			}
			if rate := with.rate(second, 6*second); rate < 0.8*without.rate(second, 6*second) {
				t.Errorf("%.1f pictures a second, alone %.1f", rate, without.rate(second, 6*second))
			}
		})
	}
}

// On a link that hardly carries the sound the video makes room for it: once the first pictures are through, sound is not late.
func TestSoundGoesFirst(t *testing.T) {
	config := world(12*second, stretch{80 * kbit, 12 * second})
	config.Sound = true
	r := run(t, config)
	delays := slices.Sorted(slices.Values(r.SoundDelays[len(r.SoundDelays)/2:]))
	p95 := delays[len(delays)*95/100]
	t.Logf("p95 of the sound's delay is %v; video %.0f kbit/s, %.1f pictures a second", p95, float64(r.Sender.WireBytes)*8/12000, r.rate(6*second, 12*second))
	if came := len(r.SoundDelays); came < 550 {
		t.Errorf("only %d packets of sound came", came)
	}
	if p95 > 800*time.Millisecond {
		t.Errorf("p95 of the sound's delay is %v", p95)
	}
}
