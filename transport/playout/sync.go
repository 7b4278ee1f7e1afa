package playout

import (
	"math"
	"time"
)

// How sound and picture are kept together:
//
//  1. The sender's RTCP reports say of both streams which RTP time stamp was which instant on the sender's one clock (Report).
//  2. Each picture shown and each frame heard gives a delay: our instant less the sender's. The clocks' offset is in both alike.
//  3. What the sound has to wait in its buffer for both to be the same is the pictures' delay less that of the sound outside the
//     buffer. It does not depend on what the buffer does now, so nothing can swing.
//  4. The sound waits that long if the buffer would not anyhow, and gets there slowly.
//  5. Where the buffer needs more than that, the pictures wait for the rest, as far as that is allowed.

const (
	// averaging is over about how long the delays are averaged: pictures come unevenly.
	averaging = time.Second
	// slewPerSecond is how fast what is asked for may move: sound must not be stretched faster either.
	slewPerSecond = 80 * time.Millisecond
	// unmoved is how far from what is best the sound stays as it is.
	unmoved = 8 * time.Millisecond
	// bearable is how much later than its picture the sound may be before the pictures have to wait for it. Together with what the
	// buffer leaves alone it has to stay below 45 ms, from which on people notice (ITU-R BT.1359).
	bearable = 20 * time.Millisecond
	// A delay that is so far from the average begins a new one: a clock was set.
	newAverage = 2 * time.Second
	// maxSkew is the most that is believed. Beyond it the two streams' clocks are not the same one.
	maxSkew = 10 * time.Second
	// maxOffset is the most that the clocks of sender and receiver may differ: some machines begin in 1970.
	maxOffset = 100 * 365 * 24 * time.Hour
)

// Stream is one of the two that Sync keeps together.
type Stream int

// The two streams.
const (
	Sound   Stream = iota // RTP time stamps of 48 kHz
	Picture               // of 90 kHz
)

// SyncConfig has the limits of a Sync.
type SyncConfig struct {
	MaxPictureDelay time.Duration // the longest that a picture may be held back; 0: never
}

// Correction is what keeps sound and picture together.
type Correction struct {
	// Skew is how much later the sound is heard than its picture is shown, on average of late. Below 0 the sound is early.
	Skew time.Duration
	// Known is false until there are reports of both streams, and sound and pictures.
	Known bool
	// Sound is for Buffer.KeepAtLeast.
	Sound time.Duration
	// Picture is how long each picture has to be held back.
	Picture time.Duration
}

// Sync finds how long sound and pictures have to wait for each other. The zero Sync never holds pictures back.
type Sync struct {
	config  SyncConfig
	reports [2]reference
	heard   average // the delay of sound
	outside average // and without that of its buffer
	shown   average // the delay of pictures
	unheld  average // and without what they were held back
	last    time.Time
	sound   time.Duration
	picture time.Duration
}

type reference struct {
	known     bool
	captured  time.Time
	timestamp uint32
}

// NewSync returns a Sync that knows nothing yet.
func NewSync(c SyncConfig) *Sync { return &Sync{config: c} }

// Report takes a sender report (RFC 3550, section 6.4.1): the stream's time stamp at that instant of the sender's clock.
func (s *Sync) Report(stream Stream, captured time.Time, timestamp uint32) {
	s.reports[stream] = reference{known: true, captured: captured, timestamp: timestamp}
}

// Captured returns when a sample or picture was captured on the sender's clock, or false before the first report.
func (s *Sync) Captured(stream Stream, timestamp uint32) (time.Time, bool) {
	r := s.reports[stream]
	if !r.known {
		return time.Time{}, false
	}
	ticks, rate := time.Duration(int32(timestamp-r.timestamp)), time.Duration(sampleRate)
	if stream == Picture {
		rate = 90_000
	}
	return r.captured.Add(ticks * time.Second / rate), true
}

// Heard takes the instant at which a sample is heard: when the player gets it, plus what it and the sound card keep. playing is what
// the buffer did to it: its Delay().Playing.
func (s *Sync) Heard(at time.Time, timestamp uint32, playing time.Duration) {
	if delay, ok := s.delay(Sound, at, timestamp); ok {
		s.heard.add(at, delay)
		s.outside.add(at, delay-playing)
	}
}

// Shown takes the instant at which a picture was shown, held back as the last Correction said.
func (s *Sync) Shown(at time.Time, timestamp uint32) {
	if delay, ok := s.delay(Picture, at, timestamp); ok {
		s.shown.add(at, delay)
		s.unheld.add(at, delay-s.picture)
	}
}

func (s *Sync) delay(stream Stream, at time.Time, timestamp uint32) (time.Duration, bool) {
	captured, ok := s.Captured(stream, timestamp)
	delay := at.Sub(captured)
	return delay, ok && delay > -maxOffset && delay < maxOffset
}

// Correct says what is to be done from now on. own is the shortest delay that the sound's buffer can have now: its Own. To be called
// some times a second.
func (s *Sync) Correct(now time.Time, own time.Duration) Correction {
	elapsed := max(0, min(now.Sub(s.last), time.Second))
	s.last = now
	skew := s.heard.value - s.shown.value
	if !s.heard.known || !s.shown.known || skew.Abs() > maxSkew {
		return Correction{Sound: s.sound, Picture: s.picture}
	}
	most := time.Duration(elapsed.Seconds() * float64(slewPerSecond))
	// wanted is how long sound has to wait in its buffer to be heard with pictures that are not held back.
	wanted := s.unheld.value - s.outside.value
	if (wanted - s.sound).Abs() > unmoved {
		s.sound = max(0, toward(s.sound, wanted, most))
	}
	if s.config.MaxPictureDelay > 0 {
		s.picture = toward(s.picture, max(0, min(own-wanted-bearable, s.config.MaxPictureDelay)), most)
	}
	return Correction{Skew: skew, Known: true, Sound: s.sound, Picture: s.picture}
}

func toward(from, to, most time.Duration) time.Duration {
	return max(from-most, min(from+most, to))
}

// average is of a value over the last while.
type average struct {
	known bool
	at    time.Time
	since time.Time
	value time.Duration
}

func (a *average) add(at time.Time, value time.Duration) {
	if !a.known || (value-a.value).Abs() > newAverage {
		*a = average{known: true, at: at, since: at, value: value}
		return
	}
	elapsed := max(0, at.Sub(a.at))
	// At first all values count alike.
	over := max(10*time.Millisecond, min(averaging, at.Sub(a.since)))
	a.value += time.Duration((1 - math.Exp(-elapsed.Seconds()/over.Seconds())) * float64(value-a.value))
	a.at = at
}
