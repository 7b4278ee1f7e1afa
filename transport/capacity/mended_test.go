package capacity_test

import (
	"fmt"
	"testing"
	"time"

	"salsify/transport/bitrate"
)

// 1. The receiver's clock may have run for more than 36 minutes when the first report comes.
func TestClockThatRanForLong(t *testing.T) {
	for _, offset := range []time.Duration{40 * time.Minute, time.Hour} {
		p := newPath(t, 10*mbit, mbit)
		p.offset = offset
		p.run(3*time.Second, p.video(0.8))
		p.near(0.7, 1.5)
	}
}

// 2. Some reports in a row get lost.
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
	fmt.Println(a, p.e.Capacity(p.time()))
}

// 3. Two packets a frame
func TestPairs(t *testing.T) {
	for _, b := range []int{1500, 2000, 2400, 3600, 6000} {
		p := newPath(t, 1*mbit, mbit)
		p.run(3*time.Second, p.everyFrame(func() { p.send(b, 1200) }))
		fmt.Println(b, p.e.Capacity(p.time()), "sent", bitrate.Of(b, 33*time.Millisecond))
	}
}
