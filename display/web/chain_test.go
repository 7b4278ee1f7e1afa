package web

import (
	"bytes"
	"errors"
	"image"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/capture/scene"
	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/testbed/quality"
	"salsify/testbed/testenv"
)

// sender makes frames that form a tree, as Salsify's does.
type sender struct {
	t      testing.TB
	scenes map[int]*scene.Scene // by width
	width  int
	number uint64
	states []*vp8.State // that frames may start from, the newest last
}

const testSides = 2 // width over height

func newSender(t testing.TB, widths ...int) *sender {
	s := &sender{t: t, scenes: make(map[int]*scene.Scene), width: widths[0]}
	for _, width := range widths {
		drawn, err := scene.New(scene.Config{Width: width, Height: width / testSides, Rate: 30, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		s.scenes[width] = drawn
	}
	return s
}

// frame codes the next picture, from the state whose place from the end is given, or as a key frame.
func (s *sender) frame(back int, key bool, quantizer int) *waiting {
	s.t.Helper()
	drawn := s.scenes[s.width]
	picture := drawn.NewPicture()
	s.number++
	drawn.Render(s.number, picture)
	if key {
		s.states = nil
	}
	source := s.source(back)
	data, next, _, err := vp8.Encode(source, picture, vp8.Options{Quantizer: quantizer, Effort: 2, Unscored: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.states = append(s.states, next)
	state, err := next.Share()
	if err != nil {
		s.t.Fatal(err)
	}
	return &waiting{state: state, source: source.ID(), frame: data}
}

// source is the state whose place from the end is given, or a first one.
func (s *sender) source(back int) *vp8.State {
	if n := len(s.states); n > 0 {
		return s.states[n-1-min(back, n-1)]
	}
	first, err := vp8.NewState(s.width, s.width/testSides)
	if err != nil {
		s.t.Fatal(err)
	}
	return first
}

// plain is a browser's decoder: it goes from each frame to the next, from the first key frame.
type plain struct{ state *vp8.State }

func (p *plain) decode(t testing.TB, frame []byte) *image.YCbCr {
	t.Helper()
	if p.state == nil {
		width, height, key := vp8.KeyFrameSize(frame)
		if !key {
			t.Fatal("a new viewer got a frame that is no key frame first")
		}
		first, err := vp8.NewState(width, height)
		if err != nil {
			t.Fatal(err)
		}
		p.state = first
	}
	next, shown, err := vp8.Decode(p.state, frame)
	if err != nil {
		t.Fatal(err)
	}
	if shown == nil {
		t.Fatal("a frame that is not shown was sent")
	}
	p.state.Release()
	p.state = next
	return shown
}

// next is what the worker does with a picture.
func next(t testing.TB, c *chain, now time.Time, w *waiting) coded {
	t.Helper()
	if frame, ok := c.pass(now, w); ok {
		return frame
	}
	frame, err := c.code(now, w)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// leastPSNR is how near a picture that was coded anew must be to the sender's, in dB.
const leastPSNR = 40

func psnr(t testing.TB, a, b *image.YCbCr) float64 {
	t.Helper()
	var m quality.Meter
	score, err := m.Add(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return score.PSNR()
}

// samples are a picture's visible samples.
func samples(p *image.YCbCr) []byte {
	var b []byte
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		b = append(b, p.Y[p.YOffset(p.Rect.Min.X, y):][:p.Rect.Dx()]...)
	}
	for _, plane := range [][]byte{p.Cb, p.Cr} {
		for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y += 2 {
			b = append(b, plane[p.COffset(p.Rect.Min.X, y):][:(p.Rect.Dx()+1)/2]...)
		}
	}
	return b
}

// TestChain sends random trees of states through the chain, with key frames, changes of size, pictures that do not come through, viewers
// that come and viewers that lose a packet. Each viewer's plain decoder must show what the sender's state shows.
func TestChain(t *testing.T) {
	shared := newSender(t, 64, 96) // its scenes take long to paint
	rapid.Check(t, func(r *rapid.T) {
		s := &sender{t: t, scenes: shared.scenes, width: 64}
		c := &chain{goroutines: rapid.IntRange(1, 2).Draw(r, "goroutines")}
		now := time.Unix(0, 0)
		viewers := []*plain{{}}
		for range rapid.IntRange(1, 25).Draw(r, "frames") {
			now = now.Add(33 * time.Millisecond)
			key := false
			switch rapid.IntRange(0, 19).Draw(r, "event") {
			case 0: // somebody comes
				viewers = append(viewers, &plain{})
				c.want()
			case 1: // somebody has lost a packet for good
				viewers[rapid.IntRange(0, len(viewers)-1).Draw(r, "viewer")].state = nil
				c.want()
			case 2:
				key = true
			case 3:
				key = true
				s.width = 160 - s.width
			case 4: // all go, and others come
				viewers = []*plain{{}}
				c.forget()
			}
			back := 0
			if rapid.IntRange(0, 3).Draw(r, "loss") == 0 {
				back = rapid.IntRange(1, 4).Draw(r, "back")
			}
			w := s.frame(back, key, rapid.IntRange(10, 80).Draw(r, "quantizer"))
			if rapid.IntRange(0, 9).Draw(r, "late") == 0 {
				w.release() // the receiver does not show it, or it found no room in the queue
				continue
			}
			frame := next(t, c, now, w)
			if c.held.ID() == w.state.ID() != frame.passed {
				t.Fatalf("passed on: %v, but whether the browsers hold the sender's state: %v", frame.passed, !frame.passed)
			}
			for _, v := range viewers {
				if v.state == nil && !frame.key {
					continue // it waits for a key frame
				}
				shown := v.decode(t, frame.data)
				if want := w.state.Picture(); frame.passed && !bytes.Equal(samples(shown), samples(want)) {
					t.Fatal("a frame that was passed on shows another picture")
				} else if got := psnr(t, want, shown); got < leastPSNR {
					t.Fatalf("a picture that was coded anew is %.1f dB from the sender's, not %d", got, leastPSNR)
				}
			}
			w.release()
		}
	})
}

// TestChainAgainstVpxdec has another decoder decode what a viewer gets.
func TestChainAgainstVpxdec(t *testing.T) {
	vpxdec := testenv.Tool(t, "vpxdec")
	random := rand.New(rand.NewPCG(3, 0))
	s := newSender(t, 96)
	c := &chain{goroutines: 1}
	var viewer plain
	var want []byte
	var frames [][]byte
	passed := 0
	for i := range 90 {
		back, key := 0, i == 40
		if random.IntN(12) == 0 {
			back = 1 + random.IntN(5)
		}
		w := s.frame(back, key, 20+random.IntN(40))
		frame := next(t, c, time.Unix(int64(i), 0), w)
		if frame.passed {
			passed++
		}
		want = append(want, samples(viewer.decode(t, frame.data))...)
		frames = append(frames, bytes.Clone(frame.data))
		w.release()
	}
	if passed < 5 || passed > 85 {
		t.Fatalf("%d of 90 frames were passed on: both ways should have been taken", passed)
	}
	path := filepath.Join(t.TempDir(), "viewer.ivf")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ivf.NewWriter(file, ivf.Header{Width: 96, Height: 48, Rate: 30, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		if err := out.Write(frame, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(vpxdec, "--i420", "--rawvideo", "-o", "-", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("vpxdec shows other pictures: %d bytes of them, ours are %d", len(got), len(want))
	}
}

// TestChainPassesOn: without losses nothing is coded anew, also for a viewer who is there before the sender.
func TestChainPassesOn(t *testing.T) {
	s := newSender(t, 64)
	var c chain
	for i := range 30 {
		w := s.frame(0, false, 30)
		want := slices.Clone(w.frame)
		if frame := next(t, &c, time.Unix(0, 0), w); !frame.passed || !bytes.Equal(frame.data, want) {
			t.Fatalf("frame %d was not passed on as it came", i)
		}
		w.release()
	}
}

// TestChainComesBack: a key frame of the sender ends the coding.
func TestChainComesBack(t *testing.T) {
	s := newSender(t, 64)
	var c chain
	now := time.Unix(0, 0)
	for i, step := range []struct {
		back int
		key  bool
		want bool // passed on
	}{{want: true}, {want: true}, {back: 1}, {}, {}, {key: true, want: true}, {want: true}} {
		w := s.frame(step.back, step.key, 30)
		if frame := next(t, &c, now, w); frame.passed != step.want {
			t.Errorf("step %d: passed on: %v", i, frame.passed)
		}
		w.release()
	}
}

// TestChainHides: a frame that says that it is not to be shown would show nothing in a browser.
func TestChainHides(t *testing.T) {
	s := newSender(t, 64)
	var c chain
	w := s.frame(0, false, 30)
	w.frame[0] &^= showBit
	if frame := next(t, &c, time.Unix(0, 0), w); frame.passed || frame.data[0]&showBit == 0 {
		t.Error("a hidden frame was passed on")
	}
}

// TestKeyFramesAreLimited: a browser that keeps asking for key frames gets few.
func TestKeyFramesAreLimited(t *testing.T) {
	s := newSender(t, 64)
	var c chain
	now := time.Unix(0, 0)
	keys := 0
	for range 100 {
		c.want()
		now = now.Add(10 * time.Millisecond)
		w := s.frame(0, false, 30)
		if next(t, &c, now, w).key {
			keys++
		}
		w.release()
	}
	if keys != 4 {
		t.Errorf("%d key frames in a second, not 4", keys)
	}
}

// TestChainReleases: pictures do not pile up, whatever way they take.
func TestChainReleases(t *testing.T) {
	s := newSender(t, 64)
	var c chain
	var last *waiting
	var held []*vp8.State
	for i := range 8 {
		w := s.frame(i%3, false, 30)
		next(t, &c, time.Unix(0, 0), w)
		held = append(held, c.held)
		if last != nil {
			last.release()
		}
		last = w
	}
	c.forget()
	for i, state := range held {
		if _, err := state.Share(); !errors.Is(err, vp8.ErrReleased) {
			t.Errorf("the state after frame %d is still held: %v", i, err)
		}
	}
}

// benchmarkSender makes frames of 720p.
func benchmarkFrames(b *testing.B) []*waiting {
	s := newSender(b, 1440)
	var all []*waiting
	for range 10 {
		all = append(all, s.frame(0, false, 30))
	}
	return all
}

// BenchmarkPass is a picture of 1440x720 whose frame goes on as it came.
func BenchmarkPass(b *testing.B) {
	frames := benchmarkFrames(b)
	var c chain
	now := time.Unix(0, 0)
	c.pass(now, frames[0])
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w := frames[1+i%9]
		if i%9 == 0 {
			state, err := frames[0].state.Share()
			if err != nil {
				b.Fatal(err)
			}
			c.hold(state)
		}
		if _, ok := c.pass(now, w); !ok {
			b.Fatal("it was not passed on")
		}
	}
}

// BenchmarkRecode is one that is coded anew.
func BenchmarkRecode(b *testing.B) {
	frames := benchmarkFrames(b)
	for _, key := range []bool{false, true} {
		name := "inter"
		if key {
			name = "key"
		}
		b.Run(name, func(b *testing.B) {
			c := chain{goroutines: 1}
			bytes, count := 0, 0
			now := time.Unix(0, 0)
			for i := 0; b.Loop(); i++ {
				if key {
					c.want()
					now = now.Add(time.Second)
				}
				frame, err := c.code(now, frames[i%10])
				if err != nil {
					b.Fatal(err)
				}
				bytes += len(frame.data)
				count++
			}
			b.ReportMetric(float64(bytes)/float64(count), "bytes/frame")
		})
	}
}
