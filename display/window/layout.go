package window

import (
	"fmt"
	"time"
)

// rectangle is a part of the window, in its pixels.
type rectangle struct{ x, y, width, height float32 }

// fit places a picture of that size in the middle of a window, as large as it can be with its shape kept.
func fit(width, height, windowWidth, windowHeight int) rectangle {
	if width <= 0 || height <= 0 || windowWidth <= 0 || windowHeight <= 0 {
		return rectangle{}
	}
	w, h := windowWidth, windowHeight
	if width*windowHeight > height*windowWidth { // it is wider than the window
		h = max(1, (windowWidth*height+width/2)/width)
	} else {
		w = max(1, (windowHeight*width+height/2)/height)
	}
	return rectangle{x: float32((windowWidth - w) / 2), y: float32((windowHeight - h) / 2), width: float32(w), height: float32(h)}
}

// missing is after how long without a picture the window says so.
const missing = 2 * time.Second

// reception tells whether pictures come.
type reception struct {
	began time.Time // when the window was opened
	last  time.Time // when the last picture came; zero: none yet
}

// message is what the window says at that moment; empty while pictures come, and for the first moments. next is when it will be another.
func (s *reception) message(now time.Time) (text string, next time.Time) {
	since := s.last
	if since.IsZero() {
		since = s.began
	}
	quiet := now.Sub(since)
	if quiet < missing {
		return "", since.Add(missing)
	}
	seconds := quiet / time.Second
	next = since.Add((seconds + 1) * time.Second)
	if s.last.IsZero() {
		return fmt.Sprintf("waiting for pictures: %d s", seconds), next
	}
	return fmt.Sprintf("no signal for %s", spoken(quiet)), next
}

// spoken gives a time as people read it.
func spoken(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}

// help is the last line of the statistics.
const help = "s: statistics  f: full screen  m: mirror  a: microphone on and off  q: quit"
