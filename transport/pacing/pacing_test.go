package pacing_test

import (
	"testing"
	"time"

	"salsify/transport/bitrate"
	"salsify/transport/pacing"
)

// leave sends packets of 1250 bytes for d, each as soon as it may, and returns how many left, and how many of them at once.
func leave(p *pacing.Pacer, start time.Time, capacity bitrate.Bitrate, d time.Duration) (packets, atOnce int) {
	for now := start; now.Sub(start) < d; {
		if wait := p.Wait(now, capacity); wait > 0 {
			now = now.Add(wait)
			continue
		}
		p.Sent(1250)
		packets++
		if now.Equal(start) {
			atOnce++
		}
	}
	return packets, atOnce
}

func TestPacedALittleFasterThanTheLink(t *testing.T) {
	var p pacing.Pacer
	start := time.Unix(1000, 0)
	packets, atOnce := leave(&p, start, 10*bitrate.MbitPerSecond, time.Second) // 1000 packets a second
	if packets < 1490 || packets > 1515 {
		t.Errorf("%d packets left in a second, want %v times 1000", packets, pacing.Factor)
	}
	if atOnce < 4 || atOnce > 8 {
		t.Errorf("%d packets left at once, want a train of some", atOnce)
	}
}

func TestIdleTimeIsNotSavedUp(t *testing.T) {
	var p pacing.Pacer
	start := time.Unix(1000, 0)
	leave(&p, start, bitrate.MbitPerSecond, time.Second)
	if _, atOnce := leave(&p, start.Add(time.Hour), bitrate.MbitPerSecond, time.Second); atOnce > 8 {
		t.Errorf("%d packets left at once after an hour", atOnce)
	}
}

func TestWaitShrinksWithCapacity(t *testing.T) {
	var slow, fast pacing.Pacer
	now := time.Unix(1000, 0)
	slow.Wait(now, bitrate.MbitPerSecond)
	fast.Wait(now, bitrate.MbitPerSecond)
	for range 20 {
		slow.Sent(1250)
		fast.Sent(1250)
	}
	if s, f := slow.Wait(now, bitrate.MbitPerSecond), fast.Wait(now, 10*bitrate.MbitPerSecond); f <= 0 || s < 9*f {
		t.Errorf("waits %v at 1 Mbit/s and %v at 10", s, f)
	}
}
