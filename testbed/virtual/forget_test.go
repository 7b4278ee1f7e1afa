package virtual

import (
	"testing"
	"time"
)

// TestForget: a receiver that loses its memory within the session gets a key frame and goes on, whatever its clock says.
func TestForget(t *testing.T) {
	t.Parallel()
	c := world(6*second, stretch{1 * mbit, 10 * second})
	c.Plan = []Event{{At: 2500 * time.Millisecond, Do: (*World).Forget}}
	r := run(t, c)
	if r.Sender.KeyFrames > 3 { // 2 were measured
		t.Errorf("%d key frames", r.Sender.KeyFrames)
	}
	check(t, r, []figure{fresh(2500*time.Millisecond, 134, 220), freeze(0, 6*second, 180, 280), delay95(3*second, 6*second, 102, 150), queue(9102, 14000)})
}
