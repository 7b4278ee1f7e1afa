package sound

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"salsify/capture/mic"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
	"salsify/transport/wire"
)

// end is one end of a connection that loses nothing and takes 30 ms.
type end struct {
	in, out chan flight
	done    chan struct{}
	once    *sync.Once

	lock         sync.Mutex
	video, sound rtc.Clock // theirs
	other        *end
}

type flight struct {
	at time.Time
	p  wire.Sound
}

func newEnds() (a, b *end) {
	there, back, done, once := make(chan flight, 100), make(chan flight, 100), make(chan struct{}), new(sync.Once)
	a = &end{in: back, out: there, done: done, once: once}
	b = &end{in: there, out: back, done: done, once: once, other: a}
	a.other = b
	return a, b
}

func (e *end) SendSound(p *wire.Sound) error {
	q := *p
	q.Payload = slices.Clone(p.Payload)
	e.out <- flight{at: time.Now().Add(30 * time.Millisecond), p: q}
	return nil
}

func (e *end) ReadSound(p *wire.Sound) (time.Time, error) {
	select {
	case f := <-e.in:
		time.Sleep(time.Until(f.at))
		*p = f.p
		return f.at, nil
	case <-e.done:
		return time.Time{}, e.Err()
	}
}

func (e *end) SendClocks(video, sound rtc.Clock) error {
	e.other.lock.Lock()
	defer e.other.lock.Unlock()
	e.other.video, e.other.sound = video, sound
	return nil
}

func (e *end) Clocks() (video, sound rtc.Clock) {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.video, e.sound
}

func (e *end) Done() <-chan struct{} { return e.done }
func (e *end) Err() error            { return errors.New("closed here") }
func (e *end) Close() error          { e.once.Do(func() { close(e.done) }); return nil }

// singer is a microphone that hears a tone.
type singer struct {
	number uint64
	next   time.Time
	muted  atomic.Bool
}

func (s *singer) Muted() bool { return s.muted.Load() }

func (s *singer) Next(ctx context.Context, f *mic.Frame) error {
	if s.next.IsZero() {
		s.next = time.Now()
	}
	captured := s.next
	s.next = s.next.Add(frame)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(s.next)):
	}
	*f = mic.Frame{Samples: make([]int16, int(frame*wire.SoundClock/time.Second)), Number: s.number, Captured: captured}
	s.number++
	for i := range f.Samples {
		f.Samples[i] = tone(captured.Sub(start) + time.Duration(i)*time.Second/wire.SoundClock)
	}
	return nil
}

// path counts what leaves beside the video.
type path struct{ bytes, asked atomic.Int64 }

func (p *path) Beside(size int) { p.bytes.Add(int64(size)) }
func (p *path) Sound() (bitrate.Bitrate, float64) {
	p.asked.Add(1)
	return 50 * bitrate.KbitPerSecond, 0.02
}

// Two ends that talk hear each other, one that is muted is silent, and all goroutines end with the connection.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newEnds()
		mouths := []*singer{{}, {}}
		exchanges := []*Exchange{
			{Microphone: mouths[0], Frame: frame, Latency: func() time.Duration { return latency }},
			{Microphone: mouths[1], Frame: frame, Latency: func() time.Duration { return latency }},
		}
		mouths[1].muted.Store(true)
		paths := []*path{{}, {}}
		ended := make(chan error, 2)
		ctx, stop := context.WithCancel(t.Context())
		for i, e := range []*end{a, b} {
			go func() { ended <- exchanges[i].Run(ctx, e, paths[i]) }()
		}
		loudest := func(x *Exchange, lasts time.Duration) (most int16) {
			out := make([]int16, int(period*wire.SoundClock/time.Second))
			for range int(lasts / period) {
				time.Sleep(period)
				x.Pull(out)
				most = max(most, slices.Max(out))
			}
			return most
		}
		if most := loudest(exchanges[1], 3*time.Second); most < 5000 {
			t.Errorf("who sings is heard with %d at the most", most)
		}
		if most := loudest(exchanges[0], time.Second); most > 100 {
			t.Errorf("who is muted is heard with %d", most)
		}
		s, running := exchanges[1].Stats()
		if !running || s.Received < 190 || s.Played < 100 {
			t.Errorf("running: %v, %+v", running, s)
		}
		exchanges[1].Shown(time.Now(), 0)
		if video, sound := b.Clocks(); video == (rtc.Clock{}) || sound == (rtc.Clock{}) {
			t.Errorf("clocks %v and %v", video, sound)
		}
		if rate := bitrate.Of(int(paths[0].bytes.Load()), 4*time.Second); rate > 55*bitrate.KbitPerSecond || paths[0].asked.Load() < 10 {
			t.Errorf("%v left beside the video, it was asked %d times how much may", rate, paths[0].asked.Load())
		}
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if most := loudest(exchanges[1], 100*time.Millisecond); most != 0 {
			t.Errorf("after the end it is heard with %d", most)
		}
		if s, running := exchanges[1].Stats(); running || s.Received == 0 {
			t.Errorf("after the end: running %v, %+v", running, s)
		}
	})
}

// Without a microphone, or where nothing may be sent, it only listens.
func TestExchangeOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newEnds()
		from, to := &Exchange{Microphone: &singer{}, Frame: frame}, &Exchange{Latency: func() time.Duration { return 0 }}
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		ended := make(chan error, 2)
		go func() { ended <- from.Run(ctx, a, &path{}) }()
		go func() { ended <- to.Run(ctx, b, nil) }()
		out := make([]int16, 480)
		var most int16
		for range 150 {
			time.Sleep(period)
			to.Pull(out)
			most = max(most, slices.Max(out))
		}
		if most < 5000 {
			t.Errorf("heard with %d at the most", most)
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
