package window

import (
	"errors"
	"image"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Zyko0/go-sdl3/sdl"

	"salsify/codec/convert"
	"salsify/thread"
)

func TestMain(m *testing.M) { os.Exit(thread.Main(m.Run)) }

// open opens a window of a size by SDL's driver without a screen, whose pixels can be read, and runs its loop.
func open(t testing.TB, o Options, width, height int) *Window {
	t.Helper()
	t.Setenv("SDL_VIDEO_DRIVER", "dummy")
	t.Setenv("SDL_RENDER_DRIVER", "software")
	w := run(t, o)
	w.do(func() { _ = w.sdl.window.SetSize(int32(width), int32(height)) })
	w.sdl.sized = true // keep that
	return w
}

func run(t testing.TB, o Options) *Window {
	t.Helper()
	var w *Window
	var err error
	thread.OnMain(func() { w, err = Open(o) })
	if err != nil {
		t.Fatal(err)
	}
	go thread.OnMain(func() { w.Loop(t.Context()) })
	t.Cleanup(func() { w.Close() })
	return w
}

// pixels are what the window shows.
func (w *Window) pixels(t testing.TB) *image.RGBA {
	t.Helper()
	var got *image.RGBA
	w.do(func() {
		w.sdl.paint(w.options.Overlay, time.Now()) // what is read is what was drawn last, and presenting may have changed it
		surface, err := w.sdl.renderer.ReadPixels(nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer surface.Destroy()
		rgba, err := surface.Convert(sdl.PIXELFORMAT_RGBA32)
		if err != nil {
			t.Error(err)
			return
		}
		defer rgba.Destroy()
		got = image.NewRGBA(image.Rect(0, 0, int(rgba.W), int(rgba.H)))
		for y := range int(rgba.H) {
			copy(got.Pix[y*got.Stride:], rgba.Pixels()[y*int(rgba.Pitch):][:4*rgba.W])
		}
	})
	if got == nil {
		t.FailNow()
	}
	return got
}

// squares is a picture of coloured squares, of 8x4.
func squares(width, height int) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	colours := [][3]byte{{81, 90, 240}, {145, 54, 34}, {41, 240, 110}, {210, 16, 146}, {170, 166, 16}, {106, 202, 222}, {235, 128, 128}, {16, 128, 128}}
	for y := range height {
		for x := range width {
			c := colours[(x*8/width+y*4/height)%8]
			p.Y[p.YOffset(x, y)], p.Cb[p.COffset(x, y)], p.Cr[p.COffset(x, y)] = c[0], c[1], c[2]
		}
	}
	return p
}

// rgb is the picture as codec/convert has it.
func rgb(t testing.TB, p *image.YCbCr, matrix convert.Matrix) *image.RGBA {
	t.Helper()
	want := image.NewRGBA(p.Rect)
	if err := convert.ToRGB(want.Pix, want.Stride, convert.RGBA, p, matrix); err != nil {
		t.Fatal(err)
	}
	return want
}

// mustBe compares the middles of the squares of a picture that is at r of the window.
func mustBe(t *testing.T, what string, got, want *image.RGBA, r image.Rectangle, mirror bool) {
	t.Helper()
	for row := range 4 {
		for col := range 8 {
			from := image.Pt(want.Rect.Dx()*(2*col+1)/16, want.Rect.Dy()*(2*row+1)/8)
			at := image.Pt(r.Min.X+r.Dx()*(2*col+1)/16, r.Min.Y+r.Dy()*(2*row+1)/8)
			if mirror {
				at.X = r.Max.X - 1 - (at.X - r.Min.X)
			}
			g, w := got.RGBAAt(at.X, at.Y), want.RGBAAt(from.X, from.Y)
			if far(g.R, w.R) || far(g.G, w.G) || far(g.B, w.B) {
				t.Errorf("%s: at %v there is %v, want %v", what, at, g, w)
			}
		}
	}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > 3 }

// Colours are right by both matrices, at any size of picture, and the shape is kept.
func TestColours(t *testing.T) {
	for _, matrix := range []convert.Matrix{convert.BT601, convert.BT709} {
		w := open(t, Options{Title: "test", Matrix: matrix}, 640, 480)
		for _, size := range []image.Point{{640, 360}, {640, 480}, {177, 99}, {96, 480}, {1280, 720}, {640, 360}} {
			p := squares(size.X, size.Y)
			w.Show(p, time.Now())
			r := fit(size.X, size.Y, 640, 480)
			at := image.Rect(int(r.x), int(r.y), int(r.x+r.width), int(r.y+r.height))
			got := w.pixels(t)
			mustBe(t, size.String(), got, rgb(t, p, matrix), at, false)
			if at.Min.Y > 0 {
				if c := got.RGBAAt(320, 1); c.R|c.G|c.B != 0 {
					t.Errorf("above a picture of %v there is %v", size, c)
				}
			}
		}
		if s := w.Stats(); s.Shown+s.Dropped != 6 || s.Shown == 0 {
			t.Errorf("%+v", s)
		}
		w.Close()
	}
}

// press has the loop take a key.
func (w *Window) press(k sdl.Keycode) {
	w.do(func() {
		var e sdl.Event
		e.Type = sdl.EVENT_KEY_DOWN
		setKey(&e, k)
		_ = sdl.PushEvent(&e)
	})
	w.do(func() {}) // by then it is taken
	w.do(func() {})
}

func TestKeys(t *testing.T) {
	asked := 0
	w := open(t, Options{Overlay: func() []string { asked++; return []string{"delay: 80 ms"} }}, 640, 360)
	p := squares(640, 360)
	w.Show(p, time.Now())
	want := rgb(t, p, convert.BT601)
	whole := image.Rect(0, 0, 640, 360)
	mustBe(t, "at first", w.pixels(t), want, whole, false)
	w.press(sdl.K_M)
	mustBe(t, "mirrored", w.pixels(t), want, whole, true)
	w.press(sdl.K_M)
	mustBe(t, "and back", w.pixels(t), want, whole, false)
	if asked > 0 {
		t.Error("statistics are asked for while nobody sees them")
	}
	w.press(sdl.K_S)
	if c := w.pixels(t).RGBAAt(2, 2); asked == 0 || c.R > want.RGBAAt(2, 2).R/2 {
		t.Errorf("statistics were asked for %d times, and their corner is %v", asked, c)
	}
	w.press(sdl.K_F1)
	mustBe(t, "without statistics", w.pixels(t), want, whole, false)
	w.press(sdl.K_Q)
	select {
	case <-w.ended:
	case <-time.After(5 * time.Second):
		t.Error("q does not close the window")
	}
	w.Show(p, time.Now()) // into the closed window
	if s := w.Stats(); s.Dropped == 0 {
		t.Errorf("%+v", s)
	}
}

// When nothing comes the last picture gets dark and it is said for how long; with the next picture all is well.
func TestNoSignal(t *testing.T) {
	w := open(t, Options{}, 640, 360)
	p := squares(640, 360)
	w.Show(p, time.Now())
	want := rgb(t, p, convert.BT601)
	w.pixels(t)
	w.do(func() { w.sdl.signal.last = w.sdl.signal.last.Add(-90 * time.Second) })
	got := w.pixels(t)
	if c, bright := got.RGBAAt(40, 30), want.RGBAAt(40, 30); c.R > bright.R/2 {
		t.Errorf("a corner is %v, it was %v", c, bright)
	}
	if text := strings.Join(w.sdl.notice.lines, ""); text != "no signal for 1 min 30 s" {
		t.Errorf("it says %q", text)
	}
	light := 0
	for x := 160; x < 480; x++ {
		for y := 160; y < 200; y++ {
			if c := got.RGBAAt(x, y); c.R > 220 && c.G > 220 && c.B > 220 {
				light++
			}
		}
	}
	if light < 200 {
		t.Errorf("%d pixels in the middle are letters", light)
	}
	w.Show(p, time.Now())
	mustBe(t, "after the next picture", w.pixels(t), want, image.Rect(0, 0, 640, 360), false)
}

func TestNoDesktop(t *testing.T) {
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEO_DRIVER"} {
		t.Setenv(name, "")
	}
	var err error
	thread.OnMain(func() { _, err = Open(Options{}) })
	if !errors.Is(err, ErrNoScreen) || !strings.Contains(err.Error(), "no desktop") {
		t.Errorf("%v", err)
	}
	t.Setenv("DISPLAY", ":9999")
	thread.OnMain(func() { _, err = Open(Options{}) })
	if !errors.Is(err, ErrNoScreen) {
		t.Errorf("with a desktop that is not there: %v", err)
	}
}

// The newest picture wins, and showing allocates no pictures once there is memory.
func TestNewestWins(t *testing.T) {
	w := open(t, Options{}, 320, 180)
	p := squares(320, 180)
	for range 50 {
		w.Show(p, time.Now())
	}
	w.do(func() {})
	s := w.Stats()
	if s.Shown+s.Dropped != 50 || s.Shown == 0 {
		t.Errorf("%+v of 50", s)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const count = 100
	for range count {
		w.Show(p, time.Now())
		for done := w.Stats().Shown; w.Stats().Shown == done; {
			time.Sleep(time.Millisecond)
		}
	}
	runtime.ReadMemStats(&after)
	if bytes := (after.TotalAlloc - before.TotalAlloc) / count; bytes > 10_000 { // SDL's binding takes some; a picture has 86 KB
		t.Errorf("%d bytes of garbage a picture", bytes)
	}
}
