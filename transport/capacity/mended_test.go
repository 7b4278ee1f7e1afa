package capacity_test

import (
	"testing"
	"time"
)

// The receiver's clock may have run for more than 36 minutes when the first report comes.
func TestClockThatRanForLong(t *testing.T) {
	for _, offset := range []time.Duration{40 * time.Minute, time.Hour} {
		p := newPath(t, 10*mbit, mbit)
		p.offset = offset
		p.run(3*time.Second, p.video(0.8))
		p.near(0.7, 1.5)
	}
}

// Some reports in a row get lost.
func TestRunsOfLostReports(t *testing.T) {
	for _, share := range []float64{0.8, 1} {
		p := newPath(t, 5*mbit, mbit)
		p.lostReport = func(number uint16) bool { return number%5 > 1 }
		p.run(3*time.Second, p.video(share))
		for range 10 {
			p.run(100*time.Millisecond, p.video(share))
			p.near(0.8, 1.4)
		}
	}
	// a single outage of reports
	p := newPath(t, 5*mbit, mbit)
	p.run(3*time.Second, p.video(1))
	a := p.e.Capacity(p.time())
	p.lostReport = func(number uint16) bool { return true }
	p.run(60*time.Millisecond, p.video(1))
	p.lostReport = nil
	p.run(45*time.Millisecond, p.video(1))
	if got := p.e.Capacity(p.time()); got < a.Scale(0.8) || got > a.Scale(1.3) {
		t.Errorf("the estimate goes from %v to %v when some reports are lost", a, got)
	}
}
