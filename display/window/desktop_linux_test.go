package window

import (
	"image"
	"image/color"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"salsify/codec/convert"
	"salsify/testbed/testenv"
)

// desktop is an X server without a screen, and who looks at it.
type desktop struct {
	t    testing.TB
	conn *xgb.Conn
	root xproto.Window
}

func newDesktop(t testing.TB) *desktop {
	t.Helper()
	testenv.Desktop(t, 1280, 800)
	t.Setenv("SDL_VIDEO_DRIVER", "x11")
	conn, err := xgb.NewConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return &desktop{t: t, conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root}
}

// grab takes a part of the screen.
func (d *desktop) grab(r image.Rectangle) *image.RGBA {
	d.t.Helper()
	reply, err := xproto.GetImage(d.conn, xproto.ImageFormatZPixmap, xproto.Drawable(d.root), int16(r.Min.X), int16(r.Min.Y),
		uint16(r.Dx()), uint16(r.Dy()), 0xffffffff).Reply()
	if err != nil {
		d.t.Fatal(err)
	}
	p := image.NewRGBA(image.Rectangle{Max: r.Size()})
	for i := 0; i+3 < len(p.Pix); i += 4 {
		p.Pix[i], p.Pix[i+1], p.Pix[i+2], p.Pix[i+3] = reply.Data[i+2], reply.Data[i+1], reply.Data[i], 255
	}
	return p
}

// place is where the window is on the screen.
func (d *desktop) place(w *Window) image.Rectangle {
	d.t.Helper()
	var r image.Rectangle
	w.do(func() {
		x, y, err := w.sdl.window.Position()
		if err != nil {
			d.t.Error(err)
		}
		width, height, err := w.sdl.window.SizeInPixels()
		if err != nil {
			d.t.Error(err)
		}
		r = image.Rect(int(x), int(y), int(x+width), int(y+height))
	})
	return r
}

// What is on the screen is the picture that was shown, in a window of its size, and in full screen.
func TestOnTheScreen(t *testing.T) {
	d := newDesktop(t)
	w := run(t, Options{Title: "test"})
	p := squares(640, 360)
	want := rgb(t, p, convert.BT601)
	show := func() image.Rectangle {
		for range 10 { // the window gets its size and place in steps
			w.Show(p, time.Now())
			w.do(func() {})
			time.Sleep(30 * time.Millisecond)
		}
		return d.place(w)
	}
	r := show()
	if r.Size() != p.Rect.Size() {
		t.Errorf("the window is at %v, the picture has %v", r, p.Rect.Size())
	}
	mustBe(t, "in a window", d.grab(r), want, image.Rectangle{Max: r.Size()}, false)
	// Full screen is a window manager's to give.
	manager := exec.Command(testenv.Tool(t, "openbox"), "--sm-disable")
	if err := manager.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = manager.Process.Kill()
		_ = manager.Wait()
	}()
	time.Sleep(500 * time.Millisecond) // until it has taken over
	w.do(func() { w.sdl.setFullscreen(true) })
	r = show()
	if r.Size() != image.Pt(1280, 800) {
		t.Errorf("full screen is %v", r)
	}
	got := d.grab(r)
	mustBe(t, "in full screen", got, want, image.Rect(0, 40, 1280, 760), false)
	if c := got.RGBAAt(640, 10); c != (color.RGBA{A: 255}) {
		t.Errorf("above the picture there is %v", c)
	}
}

// From Show until another colour is on the screen, at 1280x720.
func TestPictureToScreen(t *testing.T) {
	d := newDesktop(t)
	w := run(t, Options{Title: "test"})
	pictures := []*image.YCbCr{image.NewYCbCr(image.Rect(0, 0, 1280, 720), image.YCbCrSubsampleRatio420), nil}
	for i := range pictures[0].Cb {
		pictures[0].Cb[i], pictures[0].Cr[i] = 128, 128
	}
	light := *pictures[0]
	light.Y = slices.Repeat([]byte{235}, len(light.Y))
	pictures[1] = &light
	for range 20 {
		w.Show(pictures[0], time.Now())
		time.Sleep(20 * time.Millisecond)
	}
	r := d.place(w)
	spot := image.Rect(r.Min.X+r.Dx()/2, r.Min.Y+r.Dy()/2, r.Min.X+r.Dx()/2+1, r.Min.Y+r.Dy()/2+1)
	var took []time.Duration
	for i := range 60 {
		p := pictures[(i+1)%2]
		began := time.Now()
		w.Show(p, began)
		for (d.grab(spot).Pix[0] > 128) != ((i+1)%2 == 1) {
			if time.Since(began) > 2*time.Second {
				t.Fatal("the picture is not on the screen after 2 s")
			}
		}
		took = append(took, time.Since(began))
		time.Sleep(max(0, 33*time.Millisecond-time.Since(began))) // as pictures come
	}
	slices.Sort(took)
	median, p95 := took[len(took)/2], took[len(took)*95/100]
	var renderer string
	w.do(func() { renderer, _ = w.sdl.renderer.Name() })
	t.Logf("from Show to the screen, by the renderer %s: median %v, p95 %v", renderer, median, p95)
	if median > 50*time.Millisecond {
		t.Errorf("a picture is on the screen after %v in the median", median)
	}
}
