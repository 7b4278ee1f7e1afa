package sound

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"salsify/capture/mic"
	"salsify/sender"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
	"salsify/transport/wire"
)

// room is two ends in virtual time: what is said at one end is heard at the other after a network that delays, loses and reorders.
type room struct {
	delay  time.Duration
	jitter time.Duration // up to so much more, each packet
	loss   float64
	random *rand.Rand
	offset time.Duration // of the listener's clock
	video  func(n int) time.Duration

	talker   *Talker
	listener *Listener
	heard    []int16 // from start on
	bytes    int
	packets  int
	skews    []time.Duration
}

const (
	frame   = 20 * time.Millisecond
	period  = 10 * time.Millisecond // of the speaker
	latency = 15 * time.Millisecond // of the speaker
)

var start = time.Unix(1_000_000, 0)

func newRoom(t *testing.T) *room {
	t.Helper()
	talker, err := NewTalker(frame, Channels)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := NewListener(Channels, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &room{talker: talker, listener: listener, random: rand.New(rand.NewPCG(3, 4)), delay: 40 * time.Millisecond, offset: -3 * time.Hour}
}

// run lets somebody say that for a while; say gives the sample at a time.
func (r *room) run(t *testing.T, lasts time.Duration, say func(at time.Duration) int16) {
	t.Helper()
	type flying struct {
		at time.Duration
		p  wire.Sound
	}
	var air []flying
	pcm := make([]int16, r.talker.Samples())
	out := make([]int16, int(period*wire.SoundClock/time.Second))
	for now := time.Duration(0); now < lasts; now += period {
		for i := 0; i < len(air); {
			if f := air[i]; f.at <= now {
				r.listener.Packet(start.Add(r.offset+f.at), &f.p)
				air = slices.Delete(air, i, i+1)
				continue
			}
			i++
		}
		if now%frame == 0 && now >= frame {
			captured := now - frame // the microphone gives a frame when it is whole
			for i := range pcm {
				pcm[i] = say(captured + time.Duration(i)*time.Second/wire.SoundClock)
			}
			p, err := r.talker.Frame(&mic.Frame{Samples: pcm, Number: uint64(captured / frame), Captured: start.Add(captured)}, false)
			if err != nil {
				t.Fatal(err)
			}
			r.packets++
			r.bytes += len(p.Payload)
			if r.random.Float64() >= r.loss {
				f := flying{at: now + r.delay + time.Duration(r.random.Float64()*float64(r.jitter)), p: *p}
				f.p.Payload = slices.Clone(p.Payload)
				air = append(air, f)
			}
		}
		if now%time.Second == 0 && now > 0 {
			at := start.Add(now)
			r.listener.Clocks(rtc.Clock{At: at, Timestamp: sender.Timestamp(at)}, r.talker.Clock())
		}
		if n := int(now / (40 * time.Millisecond)); r.video != nil && now%(40*time.Millisecond) == 0 {
			r.listener.Shown(start.Add(r.offset+now+r.video(n)), sender.Timestamp(start.Add(now)))
		}
		r.listener.Pull(start.Add(r.offset+now), out, latency)
		r.heard = append(r.heard, out...)
		if s := r.listener.Stats(); s.Aligned {
			r.skews = append(r.skews, s.Skew)
		}
	}
}

// voice is like a vowel: pulses 125 times a second through two resonances, in syllables.
func voice() func(time.Duration) int16 {
	var a, b [2]float64
	n := 0
	return func(at time.Duration) int16 {
		x := 0.0
		if n++; n%(wire.SoundClock/125) == 0 {
			x = 1
		}
		resonate := func(s *[2]float64, frequency float64, x float64) float64 {
			const damping = 0.995
			y := x + 2*damping*math.Cos(2*math.Pi*frequency/wire.SoundClock)*s[0] - damping*damping*s[1]
			s[0], s[1] = y, s[0]
			return y
		}
		y := resonate(&a, 700, x) + 0.5*resonate(&b, 1200, x)
		return int16(900 * y * (1.2 + math.Sin(2*math.Pi*4*at.Seconds())))
	}
}

func tone(at time.Duration) int16 { return int16(8000 * math.Sin(2*math.Pi*440*at.Seconds())) }

// click is a short loud burst at each whole second.
func click(at time.Duration) int16 {
	if in := at % time.Second; in < 5*time.Millisecond && at >= time.Second {
		return int16(20000 * math.Sin(2*math.Pi*1000*in.Seconds()))
	}
	return 0
}

// clicks finds when clicks were heard.
func clicks(heard []int16) (at []time.Duration) {
	for i := 0; i < len(heard); i++ {
		if heard[i] > 5000 || heard[i] < -5000 {
			at = append(at, time.Duration(i)*time.Second/wire.SoundClock)
			i += wire.SoundClock / 2
		}
	}
	return at
}

// Sound is heard a network's delay, a frame and the playout's delay after it was said, and stays so.
func TestDelay(t *testing.T) {
	for _, jitter := range []time.Duration{0, 20 * time.Millisecond} {
		r := newRoom(t)
		r.jitter = jitter
		r.run(t, 10*time.Second, click)
		at := clicks(r.heard)
		if len(at) < 8 {
			t.Fatalf("jitter %v: %d clicks were heard of 9", jitter, len(at))
		}
		for _, a := range at[2:] {
			delay := (a+500*time.Millisecond)%time.Second - 500*time.Millisecond
			if least, most := r.delay+frame, r.delay+2*frame+jitter+40*time.Millisecond; delay < least || delay > most {
				t.Errorf("jitter %v: the click at %v was heard %v after it, want %v to %v", jitter, a, delay, least, most)
			}
		}
		t.Logf("jitter %v: the last click was heard after %v; target %v", jitter, at[len(at)-1]%time.Second, r.listener.Stats().Target)
	}
}

// With 10 % lost, the encoder told of it, most of what is lost is heard from copies, and a voice goes on.
func TestLoss(t *testing.T) {
	r := newRoom(t)
	r.loss = 0.10
	r.talker.Allow(48*bitrate.KbitPerSecond, r.loss)
	r.run(t, 10*time.Second, voice())
	s := r.listener.Stats()
	if s.Recovered < s.Lost/2 {
		t.Errorf("%d of %d lost packets were recovered", s.Recovered, s.Lost)
	}
	quiet := 0
	const block = wire.SoundClock / 50
	for i := wire.SoundClock; i+block <= len(r.heard); i += block {
		var sum float64
		for _, v := range r.heard[i : i+block] {
			sum += float64(v) * float64(v)
		}
		if math.Sqrt(sum/block) < 100 {
			quiet++
		}
	}
	t.Logf("lost %d, recovered %d, concealed %d; %d blocks of 20 ms are quiet of %d", s.Lost, s.Recovered, s.Concealed, quiet, len(r.heard)/block)
	if quiet > len(r.heard)/block/50 {
		t.Errorf("%d blocks of %d are quiet", quiet, len(r.heard)/block)
	}
}

// Allow keeps to the rate, headers included.
func TestAllow(t *testing.T) {
	for _, rate := range []bitrate.Bitrate{32 * bitrate.KbitPerSecond, 64 * bitrate.KbitPerSecond} {
		r := newRoom(t)
		r.talker.Allow(rate, 0)
		noise := rand.New(rand.NewPCG(1, 1))
		r.run(t, 5*time.Second, func(at time.Duration) int16 { return tone(at)/2 + int16(noise.IntN(2000)) })
		if took := bitrate.Of(r.bytes+r.packets*wire.SoundOverhead, 5*time.Second); took > rate.Scale(1.1) || took < rate.Scale(0.6) {
			t.Errorf("of %v allowed, sound took %v", rate, took)
		}
	}
}

// Pictures come later than sound, by a delay that varies: sound waits for them, so that it is within 45 ms of its picture, on average.
func TestLipSync(t *testing.T) {
	r := newRoom(t)
	random := rand.New(rand.NewPCG(5, 6))
	r.video = func(int) time.Duration { return 180*time.Millisecond + time.Duration(random.IntN(60))*time.Millisecond }
	r.run(t, 15*time.Second, click)
	if len(r.skews) == 0 {
		t.Fatal("the skew is never known")
	}
	for i, skew := range r.skews[len(r.skews)/3:] {
		if skew.Abs() > 45*time.Millisecond {
			t.Fatalf("a skew of %v, %d pulls after the first third", skew, i)
		}
	}
	at := clicks(r.heard)
	last := at[len(at)-1] % time.Second
	if off := last + latency - 210*time.Millisecond; off.Abs() > 45*time.Millisecond {
		t.Errorf("the last click is heard %v after it was said, its picture is seen after 180 to 240 ms", last+latency)
	}
}

// What cannot be Opus is skipped; what comes after it is heard.
func TestHostilePackets(t *testing.T) {
	r := newRoom(t)
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 500 {
		b := make([]byte, random.IntN(60))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		at := start.Add(r.offset - time.Duration(500-i)*frame)
		r.listener.Packet(at, &wire.Sound{Sequence: 20000 + uint16(i), Timestamp: uint32(i) * 960, Payload: b})
		r.listener.Pull(at, make([]int16, 960), 0)
	}
	r.run(t, 5*time.Second, click)
	if at := clicks(r.heard); len(at) < 2 {
		t.Errorf("%d clicks were heard after nonsense", len(at))
	}
}

// A microphone that was muted, or lost frames, goes on at the right time stamps.
func TestGaps(t *testing.T) {
	talker, err := NewTalker(frame, Channels)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, talker.Samples())
	f := mic.Frame{Samples: pcm, Captured: start}
	say := func(muted bool) *wire.Sound {
		p, err := talker.Frame(&f, muted)
		if err != nil {
			t.Fatal(err)
		}
		f.Number++
		f.Captured = f.Captured.Add(frame)
		return p
	}
	first := *say(false)
	if !first.Marker {
		t.Error("the first packet is not marked")
	}
	if p := say(true); p != nil {
		t.Error("a muted frame makes a packet")
	}
	f.Number += 5 // lost at the microphone
	p := say(false)
	if p.Sequence != first.Sequence+1 || !p.Marker || p.Timestamp != first.Timestamp+960*2+4800 {
		t.Errorf("after a gap: sequence number %d after %d, time stamp %d after %d, marker %v", p.Sequence, first.Sequence, p.Timestamp, first.Timestamp, p.Marker)
	}
	if c := talker.Clock(); c.Timestamp != p.Timestamp || !c.At.Equal(f.Captured.Add(-frame)) {
		t.Errorf("the clock is %+v", c)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	r := newRoom(t)
	r.run(t, 12*time.Second, tone) // until the buffer has taken its memory
	f, out := &mic.Frame{Samples: make([]int16, r.talker.Samples())}, make([]int16, r.talker.Samples())
	at := 12 * time.Second
	if n := testing.AllocsPerRun(200, func() {
		at += frame
		f.Number, f.Captured = uint64(at/frame), start.Add(at)
		p, _ := r.talker.Frame(f, false)
		r.listener.Packet(start.Add(r.offset+at), p)
		r.listener.Pull(start.Add(r.offset+at), out, latency)
	}); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
