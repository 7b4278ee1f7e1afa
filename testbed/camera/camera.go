// Package camera plays a test video to a system under test, picture by picture at their time, and knows when each of them was there.
//
// A system gets its pictures in one of three ways:
//
//  1. Through a pipe: Feed writes each picture when it is due (feed.go, schedule.go).
//  2. From a V4L2 device: FeedDevice does (device_linux.go).
//  3. From a file that the system plays itself, again and again: the system's adapter tells by Note which picture entered the system when,
//     and from that and the file's length follows which picture of the endless video it was (notes.go).
package camera

import (
	"sync"
	"time"

	"salsify/testbed/clip"
)

// Camera is what a system under test sees. Its methods may be called from any goroutine.
type Camera struct {
	video    *clip.Video
	schedule schedule

	mutex sync.Mutex
	// For what is fed: when picture 0 was due, and what was written.
	start  time.Time // zero: nothing is fed
	ended  time.Time // zero: still being fed
	taken  []Captured
	played notes // what a system plays itself
}

// New returns a camera for a video.
func New(video *clip.Video) *Camera {
	s := schedule{rate: video.Rate()}
	return &Camera{video: video, schedule: s, played: notes{interval: s.due(1)}}
}

// Captured is when a picture of the source was there to be taken.
type Captured struct {
	Number uint64
	At     time.Time
	Taken  time.Time // when the system had read all of it; zero: it never took it, or that is not known
}

// Note tells that a picture with a number entered the system at an instant, for systems that play a file of the video themselves (clip.Video.WriteFile). Such
// a file repeats after `loop` pictures (SetLoop): the numbers in the codes are those in the file, and become numbers of the video in the order in
// which they are noted. A picture that is noted twice entered when it was noted first. A file should play for some seconds: what tells one
// time round from the next is how long ago the note before was.
func (c *Camera) Note(code uint64, at time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.played.add(code, at)
}

// SetLoop tells that the numbers in the codes repeat after so many pictures; 0, as at first: they do not. It is to be called before Note.
func (c *Camera) SetLoop(pictures int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.played.loop = uint64(max(0, pictures))
}

// Resolve returns the number of the video's picture whose code was seen at an instant: the newest one of that code which was captured before.
func (c *Camera) Resolve(code uint64, at time.Time) (number uint64, ok bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.start.IsZero() {
		return c.played.resolve(code, at)
	}
	count := c.schedule.count(c.until(at))
	return code, code < count
}

// Captured returns all pictures of the source in order, from the first that was due or noted, before an instant. Numbers that nobody noted, between others, are
// filled in at even distances: the system missed them, not the source.
func (c *Camera) Captured(until time.Time) []Captured {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.start.IsZero() {
		return c.played.captured(until)
	}
	all := make([]Captured, 0, c.schedule.count(c.until(until)))
	next := 0
	for n := range uint64(cap(all)) {
		picture := Captured{Number: n, At: c.start.Add(c.schedule.due(n))}
		if next < len(c.taken) && c.taken[next].Number == n {
			picture = c.taken[next]
			next++
		}
		if !picture.At.Before(until) {
			break
		}
		all = append(all, picture)
	}
	return all
}

// until returns how long after the start an instant, or the end of the feeding if that was before, is.
func (c *Camera) until(at time.Time) time.Duration {
	if !c.ended.IsZero() && c.ended.Before(at) {
		at = c.ended
	}
	return at.Sub(c.start)
}
