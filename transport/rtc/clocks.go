package rtc

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// Clock joins a stream's time stamps with its sender's wall clock, which is one for all of its streams: whatever bears Timestamp came
// into being at At. It is what an RTCP sender report tells (RFC 3550, section 6.4.1).
type Clock struct {
	At        time.Time
	Timestamp uint32 // of RTP
}

// clocks keeps the newest of the other side's clocks.
type clocks struct {
	lock         sync.Mutex
	video, sound Clock
}

func (c *clocks) take(b []byte, video bool) {
	var report rtcp.SenderReport
	if report.Unmarshal(b) != nil {
		return
	}
	clock := Clock{At: fromNTP(report.NTPTime), Timestamp: report.RTPTime}
	c.lock.Lock()
	defer c.lock.Unlock()
	if video {
		c.video = clock
	} else {
		c.sound = clock
	}
}

// Clocks returns what the other side last said of its clocks; the zero Clock before it has.
func (m *media) Clocks() (video, sound Clock) {
	m.clocks.lock.Lock()
	defer m.clocks.lock.Unlock()
	return m.clocks.video, m.clocks.sound
}

// SendClocks tells the other side how our time stamps belong together. One that is lost is told anew with the next; once a second is
// often enough.
func (m *media) SendClocks(video, sound Clock) error {
	return m.writeControl(
		&rtcp.SenderReport{SSRC: m.ourVideo, NTPTime: toNTP(video.At), RTPTime: video.Timestamp},
		&rtcp.SenderReport{SSRC: m.ourSound, NTPTime: toNTP(sound.At), RTPTime: sound.Timestamp})
}

// ClocksSize is what SendClocks' packet takes on the wire in bytes (IPv4), with SRTCP's index and tag.
const ClocksSize = 20 + 8 + 2*28 + 4 + 16

// ntpEpoch is 1900, from which NTP counts, in seconds before Unix time (RFC 5905, section 6).
const ntpEpoch = 2208988800

func toNTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

func fromNTP(n uint64) time.Time {
	return time.Unix(int64(n>>32)-ntpEpoch, int64((n&(1<<32-1))*uint64(time.Second)>>32))
}
