package capacity_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"salsify/transport/bitrate"
)

// Sound that shares the link with the video neither hides a part of it nor shows up as more: the estimate is what it is without.
func TestSoundBesideTheVideo(t *testing.T) {
	const soundBytes = 130 // every 20 ms: 52 kbit/s
	for _, rate := range []bitrate.Bitrate{150 * kbit, 500 * kbit, 3 * mbit} {
		for _, share := range []float64{0.5, 0.8, 1} {
			t.Run(fmt.Sprintf("%v share %v", rate, share), func(t *testing.T) {
				run := func(sound bool) (estimate bitrate.Bitrate, longest time.Duration) {
					p := newPath(t, rate, mbit)
					video := p.video(share)
					var estimates []bitrate.Bitrate
					p.run(10*time.Second, func() {
						if sound && p.step%20 == 7 {
							p.beside(soundBytes)
						}
						if video(); p.step > 3000 {
							estimates = append(estimates, p.e.Capacity(p.time()))
							longest = max(longest, p.rate.Time(p.queued()))
						}
					})
					slices.Sort(estimates)
					return estimates[len(estimates)/2], longest
				}
				without, least := run(false)
				with, longest := run(true)
				if low, high := min(rate, without), max(rate, without); float64(with) < 0.8*float64(low) || float64(with) > 1.15*float64(high) {
					t.Errorf("the estimate of %v is %v with sound, %v without", rate, with, without)
				}
				if longest > max(least+20*time.Millisecond, 130*time.Millisecond) {
					t.Errorf("packets wait up to %v with sound, %v without", longest, least)
				}
			})
		}
	}
}

func TestFullLinkWithSoundIsMeasuredClosely(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{500 * kbit, 3 * mbit} {
		p := newPath(t, rate, mbit)
		full := func() {
			if p.step%20 == 7 {
				p.beside(rate.Bytes(20*time.Millisecond) / 3)
			}
			for p.queued() < rate.Bytes(30*time.Millisecond)+1200 {
				p.send(1200, 1200)
			}
		}
		p.run(2*time.Second, full)
		for range 20 {
			p.run(50*time.Millisecond, full)
			p.near(0.90, 1.10)
		}
	}
}

// What left beside the video long ago is not taken to wait.
func TestSoundAloneLeavesNoQueue(t *testing.T) {
	p := newPath(t, mbit, mbit)
	p.run(time.Second, p.video(0.8))
	p.run(5*time.Second, func() {
		if p.step%20 == 0 {
			p.beside(130)
		}
	})
	p.send(1200, 1200)
	if queue := p.e.Queue(p.time()); queue > 1200+130+130 {
		t.Errorf("%d bytes are taken to wait", queue)
	}
}
