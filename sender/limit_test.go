package sender

import (
	"testing"
	"time"

	"salsify/transport/bitrate"
)

func TestLimitHolds(t *testing.T) {
	const rate = 800 * bitrate.KbitPerSecond
	now := time.Unix(1000, 0)
	l := limit{rate: rate, last: now}
	sent := 0
	for end := now.Add(10 * time.Second); now.Before(end); now = now.Add(time.Millisecond) {
		if l.left(now) >= 1000 { // frames of 1000 bytes, as many as may leave
			l.send(1000)
			sent += 1000
		}
	}
	if most := rate.Bytes(10*time.Second + limitBurst); sent > most || sent < most*95/100 {
		t.Errorf("%d bytes left in 10 s, want up to %d", sent, most)
	}
	if left := l.left(now.Add(time.Hour)); left > rate.Bytes(limitBurst) {
		t.Errorf("after an hour %d bytes may leave at once", left)
	}
}
