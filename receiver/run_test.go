package receiver

import (
	"context"
	"errors"
	"image"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"salsify/capture/scene"
	"salsify/codec/vp8"
	"salsify/transport/wire"
)

// feedConnection gives the packets that a test puts in.
type feedConnection struct {
	packets chan wire.Packet
	reports [][]byte
	failing bool // to send reports
	once    sync.Once
	done    chan struct{}
	err     error
}

func newFeedConnection() *feedConnection {
	return &feedConnection{packets: make(chan wire.Packet, 100), done: make(chan struct{})}
}

func (c *feedConnection) end(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.done)
	})
}

func (c *feedConnection) Done() <-chan struct{} { return c.done }
func (c *feedConnection) Err() error            { return c.err }
func (c *feedConnection) Close() error          { c.end(errors.New("closed here")); return nil }

func (c *feedConnection) Read(p *wire.Packet) (time.Time, error) {
	select {
	case *p = <-c.packets:
		return time.Now(), nil
	case <-c.done:
		return time.Time{}, c.err
	}
}

func (c *feedConnection) SendReport(r []byte) error {
	c.reports = append(c.reports, append([]byte(nil), r...))
	if c.failing {
		return errors.New("no network")
	}
	return nil
}

// chain encodes pictures, each from the one before, as one packet each.
func chain(t *testing.T, count int) []wire.Packet {
	t.Helper()
	const width, height = 64, 48
	s, err := scene.New(scene.Config{Width: width, Height: height, Rate: 30})
	if err != nil {
		t.Fatal(err)
	}
	state, err := vp8.NewState(width, height)
	if err != nil {
		t.Fatal(err)
	}
	packets := make([]wire.Packet, count)
	picture := s.NewPicture()
	for i := range packets {
		s.Render(uint64(i), picture)
		source := state.ID()
		frame, next, _, err := vp8.Encode(state, picture, vp8.Options{Quantizer: 120})
		if err != nil {
			t.Fatal(err)
		}
		if len(frame) > wire.MaxPayload-wire.DescriptorSize {
			t.Fatalf("frame %d has %d bytes, more than a packet", i, len(frame))
		}
		packets[i] = wire.Packet{
			Sequence: uint16(i + 1), Timestamp: uint32(i) * 3000, Marker: true, Payload: append(wire.AppendDescriptor(nil, uint16(i+1), true), frame...),
			Fragment: wire.Fragment{Frame: uint16(i + 1), Source: wire.StateName(source[:]), Oldest: 255, Count: 1},
		}
		state = next
	}
	return packets
}

// watched notes what a session shows and tells.
type watched struct {
	shown  int
	events []Event
	states []vp8.ID // source and outcome of each frame
	bytes  []int
}

func (w *watched) show(*image.YCbCr, time.Time) { w.shown++ }

func (w *watched) observe(e Event) {
	if e.Err == nil {
		id := e.State.ID()
		w.states = append(w.states, e.Source, id)
		w.bytes = append(w.bytes, len(e.Data))
	}
	e.Picture, e.State, e.Data = nil, nil, nil
	w.events = append(w.events, e)
}

// Pictures are shown as they come, each is reported within the longest time between reports, and a frame whose source is lost is
// given up when it has waited, also if nothing more comes.
func TestRun(t *testing.T) {
	packets := chain(t, 6)
	synctest.Test(t, func(t *testing.T) {
		c := newFeedConnection()
		w := &watched{}
		session := NewSession(w.show, w.observe)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- session.Run(ctx, c) }()

		for _, p := range packets[:3] {
			c.packets <- p
			time.Sleep(33 * time.Millisecond)
		}
		synctest.Wait()
		if w.shown != 3 || len(w.events) != 3 || w.events[2].Frame != 3 || !w.events[2].Shown {
			t.Errorf("shown %d, told %+v", w.shown, w.events)
		}
		for i := 1; i < 3; i++ {
			if w.states[2*i] != w.states[2*i-1] || w.bytes[i] != len(packets[i].Payload)-wire.DescriptorSize || w.events[i].Timestamp != packets[i].Timestamp {
				t.Errorf("frame %d goes from state %v to %v after %v, has %d bytes and the time stamp %d", i+1, w.states[2*i], w.states[2*i+1],
					w.states[2*i-1], w.bytes[i], w.events[i].Timestamp)
			}
		}
		if len(c.reports) < 3 {
			t.Errorf("%d reports of three frames", len(c.reports))
		}
		c.packets <- packets[4] // the fourth is lost
		time.Sleep(maxWait / 2)
		synctest.Wait()
		if s := session.Stats(); s.Unusable != 0 || s.Frames != 4 {
			t.Errorf("at first: %+v", s)
		}
		time.Sleep(maxWait)
		synctest.Wait()
		if s := session.Stats(); s.Unusable != 1 || w.shown != 3 {
			t.Errorf("after its time: %+v", s)
		}
		var last wire.Report
		synctest.Wait()
		if err := last.Parse(c.reports[len(c.reports)-1], 0); err != nil || last.Decided != 5 {
			t.Errorf("the last report decided %d, %v", last.Decided, err)
		}

		stop()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		if c.Err() == nil {
			t.Error("the connection was left open")
		}
		if session.core.States() != 0 {
			t.Errorf("%d states are kept", session.core.States())
		}
	})
}

// The connection's end is the session's, with its reason. Reports that cannot be sent are not.
func TestRunEndsWithTheConnection(t *testing.T) {
	packets := chain(t, 2)
	synctest.Test(t, func(t *testing.T) {
		c := newFeedConnection()
		c.failing = true
		w := &watched{}
		session := NewSession(w.show, nil)
		ended := make(chan error)
		go func() { ended <- session.Run(t.Context(), c) }()
		for _, p := range packets {
			c.packets <- p
			time.Sleep(33 * time.Millisecond)
		}
		synctest.Wait()
		if w.shown != 2 {
			t.Errorf("shown %d", w.shown)
		}
		crashed := errors.New("crashed")
		c.end(crashed)
		if err := <-ended; !errors.Is(err, crashed) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A session that nothing reaches sleeps: no goroutine keeps turning.
func TestRunIdle(t *testing.T) {
	packets := chain(t, 1)
	synctest.Test(t, func(t *testing.T) {
		c := newFeedConnection()
		session := NewSession((&watched{}).show, nil)
		ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stop()
		c.packets <- packets[0]
		if err := session.Run(ctx, c); err != nil {
			t.Errorf("ended with %v", err)
		}
		t.Logf("%d reports in a day of silence", len(c.reports))
		if len(c.reports) > 10 {
			t.Errorf("%d reports in a day of silence", len(c.reports))
		}
	})
}
