package sender_test

import (
	"context"
	"errors"
	"image"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"salsify/capture/scene"
	"salsify/receiver"
	"salsify/sender"
	"salsify/transport/wire"
)

// wires joins a sender's session and a receiver's in memory. Both are paced in real time, so the tests are short.
type wires struct {
	packets chan delivery
	reports chan []byte
	done    chan struct{}
	once    sync.Once
	err     error
	closed  atomic.Int32 // times Close was called, by both sides
	broken  atomic.Bool  // each packet is an error
	payload []byte       // of the packet read last
}

type delivery struct {
	packet wire.Packet
	at     time.Time
}

func newWires() *wires {
	return &wires{packets: make(chan delivery, 1<<16), reports: make(chan []byte, 1<<12), done: make(chan struct{})}
}

func (w *wires) end(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
	})
}

func (w *wires) Done() <-chan struct{} { return w.done }

func (w *wires) Err() error {
	select {
	case <-w.done:
		return w.err
	default:
		return nil
	}
}

var errClosed = errors.New("closed")

func (w *wires) Close() error {
	w.closed.Add(1)
	w.end(errClosed)
	return nil
}

// outgoing and incoming are the two ends.
type outgoing struct{ *wires }
type incoming struct{ *wires }

func (o outgoing) Send(p *wire.Packet) error {
	if o.broken.Load() {
		return errors.New("no network")
	}
	copied := *p
	copied.Payload = append([]byte(nil), p.Payload...)
	o.packets <- delivery{copied, time.Now()}
	return nil
}

func (o outgoing) ReadReport(buf []byte) (int, time.Time, error) {
	select {
	case r := <-o.reports:
		return copy(buf, r), time.Now(), nil
	case <-o.done:
		return 0, time.Time{}, o.err
	}
}

func (i incoming) Read(p *wire.Packet) (time.Time, error) {
	for j := range i.payload { // it was valid until now
		i.payload[j] = 0xAA
	}
	select {
	case d := <-i.packets:
		*p, i.payload = d.packet, d.packet.Payload
		return d.at, nil
	case <-i.done:
		return time.Time{}, i.err
	}
}

func (i incoming) SendReport(r []byte) error {
	i.reports <- append([]byte(nil), r...)
	return nil
}

const (
	width, height = 160, 96
	rate          = 60 // pictures a second
)

// pictures feeds a session until the context ends, and tells how many of its pictures were not given back afterwards.
type pictures struct {
	fed, released atomic.Int64
	scene         *scene.Scene
}

func newPictures(t *testing.T) *pictures {
	t.Helper()
	s, err := scene.New(scene.Config{Width: width, Height: height, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	return &pictures{scene: s}
}

func (p *pictures) feed(ctx context.Context, session *sender.Session) {
	beat := time.NewTicker(time.Second / rate)
	defer beat.Stop()
	for n := uint64(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		picture := p.scene.NewPicture()
		p.scene.Render(n, picture)
		p.fed.Add(1)
		session.Feed(sender.Picture{Image: picture, Captured: time.Now(), Number: n, Release: func() { p.released.Add(1) }})
	}
}

func newSession(t *testing.T, observe func(sender.Event)) *sender.Session {
	t.Helper()
	session, err := sender.NewSession(sender.Config{Width: width, Height: height, Interval: time.Second / rate}, observe)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// Both run loops, joined: pictures are shown in order, both sides name the same states, and all goroutines end.
func TestRunLoops(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, stop := context.WithTimeout(context.Background(), 600*time.Millisecond)
	defer stop()
	w := newWires()
	p := newPictures(t)
	decided, sent, lastPicture := 0, 0, int64(-1)
	session := newSession(t, func(e sender.Event) {
		decided++
		if e.Decision.Chosen >= 0 {
			sent++
			if len(e.Candidates[e.Decision.Chosen].Frame) == 0 {
				t.Error("a frame without bytes was sent")
			}
		}
		if e.Picture.Image != nil || e.Picture.Release != nil {
			t.Error("the observer got the picture")
		}
		for _, c := range e.Candidates {
			if c.State != nil {
				t.Error("the observer got a state")
			}
		}
		if int64(e.Picture.Number) <= lastPicture {
			t.Errorf("picture %d after %d", e.Picture.Number, lastPicture)
		}
		lastPicture = int64(e.Picture.Number)
	})
	shown, lastFrame := 0, uint64(0)
	viewer := receiver.NewSession(func(picture *image.YCbCr, _ time.Time) {
		if picture.Rect.Dx() != width || picture.Rect.Dy() != height {
			t.Errorf("a picture of %v", picture.Rect)
		}
		shown++
	}, func(e receiver.Event) {
		if e.Err != nil || e.Frame <= lastFrame || e.At.Before(e.Whole) || e.Whole.Before(e.First) {
			t.Errorf("frame %d after %d: %+v", e.Frame, lastFrame, e)
		}
		lastFrame = e.Frame
	})
	var all sync.WaitGroup
	all.Go(func() {
		if err := viewer.Run(context.Background(), incoming{w}); !errors.Is(err, errClosed) {
			t.Errorf("the receiver ended with %v", err)
		}
	})
	all.Go(func() { p.feed(ctx, session) })
	if err := session.Run(ctx, outgoing{w}); err != nil {
		t.Errorf("the sender ended with %v", err)
	}
	all.Wait()

	s, r := session.Snapshot(), viewer.Stats()
	if sent == 0 || shown < sent*9/10 || s.Sent != uint64(sent) || r.Shown != uint64(shown) || s.KeyFrames != 1 || s.BadReports != 0 {
		t.Errorf("%d decided, %d sent, %d shown; %+v; %+v", decided, sent, shown, s.Stats, r)
	}
	if r.Unusable != 0 || r.Damaged != 0 || s.Failed != 0 {
		t.Errorf("frames were unusable: %+v", r)
	}
	if s.LastReport.IsZero() || s.Reports == 0 || r.Reports < s.Reports {
		t.Errorf("%d reports, %d arrived, the last at %v", r.Reports, s.Reports, s.LastReport)
	}
	if fed, released := p.fed.Load(), p.released.Load(); released != fed {
		t.Errorf("%d pictures fed, %d given back", fed, released)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// When the connection ends by itself, so does Run, with its reason, and what was on its way is given back.
func TestRunEndsWithTheConnection(t *testing.T) {
	w := newWires()
	p := newPictures(t)
	session := newSession(t, nil)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { p.feed(ctx, session) })
	crashed := errors.New("crashed")
	time.AfterFunc(150*time.Millisecond, func() { w.end(crashed) })
	began := time.Now()
	if err := session.Run(ctx, outgoing{w}); !errors.Is(err, crashed) {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ended after %v", took)
	}
	stop()
	all.Wait()
	session.Feed(sender.Picture{Number: 1 << 20, Release: func() { p.released.Add(1) }}) // too late: nobody takes it
	if fed, released := p.fed.Load(), p.released.Load(); released < fed-1 {
		t.Errorf("%d pictures fed, %d given back", fed, released)
	}
	if w.closed.Load() != 1 {
		t.Errorf("the connection was closed %d times", w.closed.Load())
	}
}

// No network is not the end: the session goes on, and says that it is silent.
func TestRunWithoutNetwork(t *testing.T) {
	w := newWires()
	w.broken.Store(true)
	p := newPictures(t)
	session := newSession(t, nil)
	ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { p.feed(ctx, session) })
	if err := session.Run(ctx, outgoing{w}); err != nil {
		t.Errorf("ended with %v", err)
	}
	all.Wait()
	if s := session.Snapshot(); !s.Stalled || s.Silent+s.Replaced == 0 || s.Reports != 0 {
		t.Errorf("the silence was not noticed: %+v", s)
	}
}
