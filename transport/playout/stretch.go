package playout

import (
	"math"
	"time"
)

// A frame is made shorter or longer by whole periods of the voice (WSOLA): it goes on from another place, one or more periods later
// or earlier, where the wave looks the same, and the way there is a cross-fade.
//
//	shorter:  frame[0:] fades into frame[lag:]
//	longer:   frame[0:] fades into what was played lag before it, which then goes on to the frame's begin and through it once more
//
// Both end as the frame ends, so the next one follows as if nothing had been. Nothing waits in here: a Stretcher has no delay.

const (
	// Lags that are tried: a voice has periods of 2.5 to 12.5 ms (400 to 80 Hz).
	minLag = sampleRate * 25 / 10_000
	maxLag = sampleRate * 125 / 10_000
	// maxFade is the longest cross-fade, minFade the shortest.
	maxFade = sampleRate / 100
	minFade = sampleRate * 25 / 10_000
	// coarse is how many samples are taken together for the first search.
	coarse = 4

	// alike is the correlation that two places need to have. With each frame in which none is found it may be less by impatience,
	// down to alikeLeast: noise repeats nowhere, and sounds the same wherever it is cut.
	alike      = 0.9
	alikeLeast = 0.1
	impatience = 0.05
	// inaudible is how loud (RMS, of full scale) sound may be that is cut anywhere: -54 dB.
	inaudible = 0.002
)

// Sample is what sound is made of: int16, or float32 between -1 and 1.
type Sample interface{ int16 | float32 }

// Stretcher changes the length of frames at 48 kHz. All that is played has to go through it, since it goes on from there.
type Stretcher[S Sample] struct {
	channels int
	full     float32 // full scale
	history  []S     // the last maxLag samples that were played, interleaved, and then the frame
	mono     []float32
	few      []float32 // mono, coarse
	needed   float64
}

// NewStretcher returns a Stretcher for interleaved frames of that many channels.
func NewStretcher[S Sample](channels int) *Stretcher[S] {
	s := &Stretcher[S]{channels: channels, full: 1, history: make([]S, maxLag*channels), needed: alike}
	half := float32(0.5)
	if S(half) == 0 {
		s.full = 1 << 15
	}
	return s
}

// Append appends the frame to out, longer (by above 0) or shorter by that much at most, and returns by how much it is: 0 where it
// would be heard. Frames of 20 ms and more can be stretched best; one of 10 ms can be shortened by 7.5 ms at most.
func (s *Stretcher[S]) Append(out, frame []S, by time.Duration) ([]S, time.Duration) {
	begin := len(out)
	past := maxLag * s.channels
	s.history = append(s.history[:past], frame...)
	n := len(frame) / s.channels
	lag, fade, likeness := 0, 0, 0.0
	if most := int(min(samplesOf(by.Abs()), maxLag)); most >= minLag {
		lag, fade, likeness = s.find(n, most, by < 0)
	}
	if lag == 0 {
		out = append(out, frame...)
	} else {
		to := maxLag - lag // where it goes on in history
		if by < 0 {
			to = maxLag + lag
		}
		for i := range fade * s.channels {
			b := (float64(i/s.channels) + 0.5) / float64(fade)
			a := 1 - b
			// Two waves that differ are weaker together than one; the gain makes up for it.
			gain := 1 / math.Sqrt(a*a+b*b+2*a*b*likeness)
			v := gain * (a*float64(s.history[past+i]) + b*float64(s.history[to*s.channels+i]))
			out = append(out, s.sample(v))
		}
		out = append(out, s.history[(to+fade)*s.channels:]...)
	}
	// The next frame's past is the end of what was played.
	played := out[begin:]
	if keep := past - len(played); keep > 0 {
		copy(s.history, s.history[past-keep:past])
		copy(s.history[keep:past], played)
	} else {
		copy(s.history[:past], played[len(played)-past:])
	}
	if by < 0 {
		lag = -lag
	}
	return out, durationOf(int64(lag))
}

func (s *Stretcher[S]) sample(v float64) S {
	if s.full == 1 {
		return S(v)
	}
	return S(max(math.MinInt16, min(math.MaxInt16, math.Round(v))))
}

// find returns the lag at which the wave is most alike, the length of the cross-fade and the likeness, or 0.
func (s *Stretcher[S]) find(n, most int, shorter bool) (lag, fade int, likeness float64) {
	s.mix()
	var energy float64
	for _, v := range s.mono {
		energy += float64(v) * float64(v)
	}
	if energy <= inaudible*inaudible*float64(len(s.mono)) {
		if fade = fadeOf(n, most, shorter); fade >= minFade {
			return most, fade, max(0, likenessOf(s.mono, maxLag, lagged(most, shorter), fade))
		}
	}
	best := -1.0
	for l := minLag / coarse; l <= most/coarse; l++ {
		f := fadeOf(n, l*coarse, shorter)
		if f < minFade {
			continue
		}
		if like := likenessOf(s.few, maxLag/coarse, lagged(l, shorter), f/coarse); like > best {
			best, lag = like, l*coarse
		}
	}
	if lag == 0 {
		return 0, 0, 0
	}
	for l := max(minLag, lag-coarse); l <= min(most, lag+coarse); l++ {
		f := fadeOf(n, l, shorter)
		if f < minFade {
			continue
		}
		if like := likenessOf(s.mono, maxLag, lagged(l, shorter), f); fade == 0 || like > likeness {
			lag, fade, likeness = l, f, like
		}
	}
	if fade == 0 || likeness < s.needed {
		s.needed = max(alikeLeast, s.needed-impatience)
		return 0, 0, 0
	}
	s.needed = alike
	return lag, fade, min(1, likeness)
}

// mix makes mono and few from history.
func (s *Stretcher[S]) mix() {
	scale := 1 / (s.full * float32(s.channels))
	s.mono, s.few = s.mono[:0], s.few[:0]
	for i := 0; i+s.channels <= len(s.history); i += s.channels {
		var sum float32
		for _, v := range s.history[i : i+s.channels] {
			sum += float32(v)
		}
		s.mono = append(s.mono, sum*scale)
	}
	for i := 0; i+coarse <= len(s.mono); i += coarse {
		s.few = append(s.few, (s.mono[i]+s.mono[i+1]+s.mono[i+2]+s.mono[i+3])/coarse)
	}
}

// fadeOf is the length of the cross-fade for a lag in a frame of n samples.
func fadeOf(n, lag int, shorter bool) int {
	if shorter {
		return min(lag, n-lag, maxFade)
	}
	return min(lag, n, maxFade)
}

func lagged(lag int, shorter bool) int {
	if shorter {
		return lag
	}
	return -lag
}

// likenessOf is the correlation of n samples at that place with those lag after it.
func likenessOf(x []float32, at, lag, n int) float64 {
	a, b := x[at:at+n], x[at+lag:at+lag+n]
	var ab, aa, bb float32
	for i, v := range a {
		w := b[i]
		ab += v * w
		aa += v * v
		bb += w * w
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}
