package playout_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/playout"
)

// sender's clock is hours ahead of ours.
const ahead = 3 * time.Hour

const device = 30 * ms // the sound card's latency

// together plays a call with pictures, whose delay is given by when they were sent. It returns how much later than the pictures the
// sound was heard, at each frame of it, and the corrections.
type together struct {
	c        call
	pictures func(r *rand.Rand, sent time.Duration) time.Duration
	config   playout.SyncConfig
	off      bool // do not keep them together
}

type skew struct{ at, skew time.Duration }

func (g together) run(seed uint64) (skews []skew, corrections []playout.Correction) {
	r := rand.New(rand.NewPCG(seed, 9))
	s := playout.NewSync(g.config)
	var reported, corrected, next time.Duration
	var ready time.Duration // when the next picture could be shown
	var shown, sent time.Duration
	var correction playout.Correction
	begin := func() { ready = next + g.pictures(r, next) }
	begin()
	g.c.before = func(now time.Duration, b *playout.Buffer) {
		for ; reported <= now; reported += time.Second {
			captured := start.Add(reported + ahead)
			s.Report(playout.Sound, captured, firstTimestamp+uint32(reported*48/ms))
			s.Report(playout.Picture, captured, uint32(math.MaxUint32-90_000)+uint32(reported*90/ms))
		}
		for ready+correction.Picture <= now {
			shown, sent = max(shown, ready+correction.Picture), next
			s.Shown(start.Add(shown), uint32(math.MaxUint32-90_000)+uint32(next*90/ms))
			next += time.Second / 30
			begin()
		}
		if now >= corrected+100*ms && !g.off {
			corrected = now
			correction = s.Correct(start.Add(now), b.Own())
			b.KeepAtLeast(correction.Sound)
			corrections = append(corrections, correction)
		}
	}
	g.c.heard = func(h heard) {
		s.Heard(start.Add(h.at+device), h.timestamp, h.buffer.Playing)
		if shown > 0 {
			skews = append(skews, skew{h.at, (h.at + device - h.sent) - (shown - sent)})
		}
	}
	g.c.run(seed)
	return skews, corrections
}

// outside is the share of the time from then to then in which sound and picture are more than 45 ms apart, and the mean.
func outside(skews []skew, from, to time.Duration) (share float64, mean time.Duration) {
	out, n := 0, 0
	for _, s := range skews {
		if s.at >= from && s.at < to {
			n++
			mean += s.skew
			if s.skew.Abs() > 45*ms {
				out++
			}
		}
	}
	return float64(out) / float64(max(1, n)), mean / time.Duration(max(1, n))
}

// TestSkew prints a table with -v.
func TestSkew(t *testing.T) {
	jitter := func(delay, more float64) func(r *rand.Rand) func(time.Duration) (time.Duration, bool) {
		return each(func(r *rand.Rand) float64 { return delay + more*r.Float64() })
	}
	constantly := func(d time.Duration) func(*rand.Rand, time.Duration) time.Duration {
		return func(*rand.Rand, time.Duration) time.Duration { return d }
	}
	for _, c := range []struct {
		name     string
		network  func(r *rand.Rand) func(time.Duration) (time.Duration, bool)
		pictures func(r *rand.Rand, sent time.Duration) time.Duration
		most     time.Duration
		share    float64 // at most so much of the time outside of 45 ms, from 10 s on
		sender   float64
	}{
		{"constant 250 ms", jitter(40, 10), constantly(250 * ms), 0, 0, 0},
		{"constant 100 ms", jitter(40, 10), constantly(100 * ms), 0, 0, 0},
		{"random 100-150 ms", jitter(40, 10), func(r *rand.Rand, _ time.Duration) time.Duration {
			return 100*ms + time.Duration(r.Float64()*float64(50*ms))
		}, 0, 0.02, 0},
		{"swings 80-200 ms in 20 s", jitter(40, 10), func(_ *rand.Rand, sent time.Duration) time.Duration {
			return 140*ms + time.Duration(60*math.Sin(2*math.Pi*sent.Seconds()/20)*float64(ms))
		}, 0, 0.02, 0},
		{"a large picture each 2 s", jitter(40, 10), func(_ *rand.Rand, sent time.Duration) time.Duration {
			if sent%(2*time.Second) < 34*ms {
				return 180 * ms
			}
			return 110 * ms
		}, 0, 0.04, 0},
		{"sound's clock +200 ppm", jitter(40, 10), constantly(150 * ms), 0, 0, 200e-6},
		{"jittery sound, pictures early, held back", jitter(40, 150), constantly(60 * ms), 300 * ms, 0.02, 0},
	} {
		length := time.Minute
		g := together{c: call{length: length, network: c.network, sender: c.sender}, pictures: c.pictures,
			config: playout.SyncConfig{MaxPictureDelay: c.most}}
		skews, corrections := g.run(2)
		share, mean := outside(skews, 10*time.Second, length)
		g.off = true
		without, _ := g.run(2)
		before, meanBefore := outside(without, 10*time.Second, length)
		t.Logf("%-42s outside of 45 ms %5.1f %% (mean %4.0f ms); without: %5.1f %% (%4.0f ms)", c.name, 100*share, mean.Seconds()*1e3,
			100*before, meanBefore.Seconds()*1e3)
		if share > c.share {
			t.Errorf("%s: sound and picture are more than 45 ms apart in %.1f %% of the time, mean %v", c.name, 100*share, mean)
		}
		last := corrections[len(corrections)-1]
		if !last.Known || (last.Skew-mean).Abs() > 30*ms {
			t.Errorf("%s: the last correction is %+v, the mean skew is %v", c.name, last, mean)
		}
		for i, correction := range corrections[1:] {
			if correction.Picture > c.most || (correction.Picture-corrections[i].Picture).Abs() > 16*ms ||
				(correction.Sound-corrections[i].Sound).Abs() > 16*ms {
				t.Fatalf("%s: %+v comes after %+v", c.name, correction, corrections[i])
			}
		}
	}
}

// When pictures become 150 ms later, and sooner again, the sound is there within 5 s.
func TestStepOfPictures(t *testing.T) {
	g := together{
		c: call{length: time.Minute, network: lossy(0, 1, 10)},
		pictures: func(_ *rand.Rand, sent time.Duration) time.Duration {
			if sent >= 20*time.Second && sent < 40*time.Second {
				return 250 * ms
			}
			return 100 * ms
		},
	}
	skews, _ := g.run(1)
	for _, at := range []time.Duration{15, 25, 45} {
		if share, mean := outside(skews, at*time.Second, (at+5)*time.Second); share > 0 {
			t.Errorf("from %d s on %.1f %% of the time are outside of 45 ms, mean %v", at, 100*share, mean)
		}
	}
}

// Without the flag no picture waits, however late the sound is, and the skew is told.
func TestPicturesNeverWait(t *testing.T) {
	g := together{
		c:        call{length: 30 * time.Second, network: each(func(r *rand.Rand) float64 { return 40 + 200*r.Float64() })},
		pictures: func(*rand.Rand, time.Duration) time.Duration { return 50 * ms },
	}
	skews, corrections := g.run(1)
	_, mean := outside(skews, 10*time.Second, 30*time.Second)
	last := corrections[len(corrections)-1]
	if last.Picture != 0 || mean < 100*ms || (last.Skew-mean).Abs() > 40*ms {
		t.Errorf("the last correction is %+v, with a mean skew of %v", last, mean)
	}
}

// The sign: sound that is heard after its picture has a skew above 0, and needs no waiting.
func TestSignOfSkew(t *testing.T) {
	for _, late := range []time.Duration{-100 * ms, 100 * ms} {
		s := playout.NewSync(playout.SyncConfig{})
		if c := s.Correct(start, 0); c.Known {
			t.Fatalf("nothing is known, and the correction is %+v", c)
		}
		s.Report(playout.Sound, start, 48_000)
		s.Report(playout.Picture, start, 90_000)
		var c playout.Correction
		for i := range uint32(500) {
			at := start.Add(time.Duration(i) * 20 * ms)
			s.Shown(at.Add(200*ms), 90_000+i*1800)
			s.Heard(at.Add(200*ms+late), 48_000+i*960, 50*ms)
			c = s.Correct(at, 50*ms)
		}
		want := max(0, 50*ms-late)
		if c.Skew != late || (c.Sound-want).Abs() > 10*ms || c.Picture != 0 {
			t.Errorf("sound that is %v late: %+v, want it to wait %v", late, c, want)
		}
	}
}

// Nothing that a sender reports makes a correction too large or too fast.
func TestHostileReports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := time.Duration(rapid.Int64Range(0, 300).Draw(t, "most")) * ms
		s := playout.NewSync(playout.SyncConfig{MaxPictureDelay: most})
		now := start
		var last playout.Correction
		for range 100 {
			now = now.Add(time.Duration(rapid.Int64Range(0, 200).Draw(t, "wait")) * ms)
			stamp := rapid.Uint32().Draw(t, "timestamp")
			at := time.Unix(rapid.Int64Range(-1<<33, 1<<33).Draw(t, "clock"), 0)
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				s.Report(playout.Sound, at, stamp)
			case 1:
				s.Report(playout.Picture, at, stamp)
			case 2:
				s.Shown(now, stamp)
			case 3:
				s.Heard(now, stamp, 50*ms)
			}
			c := s.Correct(now, 50*ms)
			if c.Sound < 0 || c.Picture < 0 || c.Picture > most || (c.Sound-last.Sound).Abs() > 80*ms || (c.Picture-last.Picture).Abs() > 80*ms {
				t.Fatalf("%+v came after %+v, with at most %v", c, last, most)
			}
			last = c
		}
	})
}
