package screen

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
	"pgregory.net/rapid"

	"salsify/codec/convert"
	"salsify/testbed/testenv"
)

const serverWidth, serverHeight = 1280, 720

// serve starts an X server and makes it that of $DISPLAY. It returns how to end it.
func serve(t testing.TB, arguments ...string) (end func()) {
	t.Helper()
	return testenv.Desktop(t, serverWidth, serverHeight, arguments...)
}

// painter draws into the root window.
type painter struct {
	t    testing.TB
	conn *xgb.Conn
	root xproto.Window
	gc   xproto.Gcontext
}

func newPainter(t testing.TB) *painter {
	t.Helper()
	conn, err := xgb.NewConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	p := &painter{t: t, conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root}
	if p.gc, err = xproto.NewGcontextId(conn); err != nil {
		t.Fatal(err)
	}
	p.check(xproto.CreateGCChecked(conn, p.gc, xproto.Drawable(p.root), 0, nil).Check())
	p.check(randr.Init(conn)) // before any Screen is there
	p.pointerAt(0, 0)
	return p
}

func (p *painter) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// rectangle fills a part of the screen with a colour 0xRRGGBB.
func (p *painter) rectangle(r image.Rectangle, colour uint32) {
	p.t.Helper()
	p.check(xproto.ChangeGCChecked(p.conn, p.gc, xproto.GcForeground, []uint32{colour}).Check())
	p.check(xproto.PolyFillRectangleChecked(p.conn, xproto.Drawable(p.root), p.gc, []xproto.Rectangle{
		{X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy())}}).Check())
}

// pointerAt moves the pointer.
func (p *painter) pointerAt(x, y int) {
	p.t.Helper()
	p.check(xproto.WarpPointerChecked(p.conn, 0, p.root, 0, 0, 0, 0, int16(x), int16(y)).Check())
}

// pointerOf gives the pointer a picture: a square of a colour, which points with its middle. 0 wide: nothing is seen.
func (p *painter) pointerOf(width int, colour uint32) {
	p.t.Helper()
	mask, err := xproto.NewPixmapId(p.conn)
	p.check(err)
	const size = 16
	p.check(xproto.CreatePixmapChecked(p.conn, 1, mask, xproto.Drawable(p.root), size, size).Check())
	gc, err := xproto.NewGcontextId(p.conn)
	p.check(err)
	p.check(xproto.CreateGCChecked(p.conn, gc, xproto.Drawable(mask), xproto.GcForeground, []uint32{0}).Check())
	p.check(xproto.PolyFillRectangleChecked(p.conn, xproto.Drawable(mask), gc, []xproto.Rectangle{{Width: size, Height: size}}).Check())
	p.check(xproto.ChangeGCChecked(p.conn, gc, xproto.GcForeground, []uint32{1}).Check())
	corner := int16(size/2 - width/2)
	p.check(xproto.PolyFillRectangleChecked(p.conn, xproto.Drawable(mask), gc,
		[]xproto.Rectangle{{X: corner, Y: corner, Width: uint16(width), Height: uint16(width)}}).Check())
	cursor, err := xproto.NewCursorId(p.conn)
	p.check(err)
	red, green, blue := uint16(colour>>16&255)*257, uint16(colour>>8&255)*257, uint16(colour&255)*257
	p.check(xproto.CreateCursorChecked(p.conn, cursor, mask, mask, red, green, blue, red, green, blue, size/2, size/2).Check())
	p.check(xproto.ChangeWindowAttributesChecked(p.conn, p.root, xproto.CwCursor, []uint32{uint32(cursor)}).Check())
}

// drawing is what is on the screen: rectangles over each other.
type drawing []struct {
	at     image.Rectangle
	colour uint32
}

func (d drawing) paint(p *painter) {
	p.t.Helper()
	for _, r := range d {
		p.rectangle(r.at, r.colour)
	}
}

// picture is what must be seen of the drawing in an area.
func (d drawing) picture(t testing.TB, area image.Rectangle) *image.YCbCr {
	t.Helper()
	pixels := make([]byte, 4*area.Dx()*area.Dy())
	for _, r := range d {
		seen := r.at.Intersect(area)
		for y := seen.Min.Y; y < seen.Max.Y; y++ {
			for x := seen.Min.X; x < seen.Max.X; x++ {
				at := 4 * ((y-area.Min.Y)*area.Dx() + x - area.Min.X)
				pixels[at], pixels[at+1], pixels[at+2] = byte(r.colour), byte(r.colour>>8), byte(r.colour>>16)
			}
		}
	}
	p := newPicture(area.Size())
	if err := convert.FromRGB(p, pixels, 4*area.Dx(), convert.BGRA, convert.BT601); err != nil {
		t.Fatal(err)
	}
	return p
}

var colours = drawing{
	{image.Rect(0, 0, serverWidth, serverHeight), 0x204060},
	{image.Rect(100, 50, 400, 300), 0xff0000},
	{image.Rect(301, 151, 777, 555), 0x00ff00},
	{image.Rect(1000, 400, 1280, 720), 0xffffff},
}

func newPicture(size image.Point) *image.YCbCr {
	return image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
}

func open(t testing.TB, area image.Rectangle) *Screen {
	t.Helper()
	s, err := Open(area)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func grab(t testing.TB, s *Screen, size image.Point) *image.YCbCr {
	t.Helper()
	p, before := newPicture(size), time.Now()
	at, err := s.Grab(p)
	if err != nil {
		t.Fatal(err)
	}
	if at.Before(before) || at.After(time.Now()) {
		t.Errorf("grabbed at %v, which is not between %v and now", at, before)
	}
	return p
}

func compare(t testing.TB, got, want *image.YCbCr) {
	t.Helper()
	if got.Rect != want.Rect {
		t.Fatalf("%v, want %v", got.Rect, want.Rect)
	}
	for i, planes := range [][2][]byte{{got.Y, want.Y}, {got.Cb, want.Cb}, {got.Cr, want.Cr}} {
		stride := []int{want.YStride, want.CStride, want.CStride}[i]
		for at := range planes[0] {
			if planes[0][at] != planes[1][at] {
				t.Fatalf("plane %d at %d,%d: %d, want %d", i, at%stride, at/stride, planes[0][at], planes[1][at])
			}
		}
	}
}

// What is drawn is what is captured, to the bit, whichever way the pixels come.
func TestPixels(t *testing.T) {
	for name, arguments := range map[string][]string{"shared memory": nil, "sent": {"-extension", "MIT-SHM"}} {
		t.Run(name, func(t *testing.T) {
			serve(t, arguments...)
			p := newPainter(t)
			p.pointerOf(0, 0)
			colours.paint(p)
			for _, area := range []image.Rectangle{
				{}, image.Rect(100, 50, 740, 410), image.Rect(299, 149, 400, 200), image.Rect(1264, 704, 1280, 720),
			} {
				s := open(t, area)
				if shares := s.shared != nil; shares != (arguments == nil) {
					t.Errorf("shares memory: %v", shares)
				}
				if area.Empty() {
					area = image.Rect(0, 0, serverWidth, serverHeight)
				}
				if width, height := s.Size(); image.Pt(width, height) != area.Size() {
					t.Errorf("%dx%d, want %v", width, height, area.Size())
				}
				compare(t, grab(t, s, area.Size()), colours.picture(t, area))
			}
		})
	}
}

// The pointer is seen where it is, at the edge too, and when it takes another shape or moves.
func TestPointer(t *testing.T) {
	serve(t)
	p := newPainter(t)
	p.pointerOf(10, 0xffff00)
	colours.paint(p)
	area := image.Rect(100, 50, 740, 410)
	s := open(t, area)
	with := func(x, y, width int, colour uint32) *image.YCbCr {
		square := image.Rect(x-width/2, y-width/2, x+width/2, y+width/2)
		return append(colours[:len(colours):len(colours)], drawing{{square, colour}}...).picture(t, area)
	}
	for _, at := range []image.Point{{300, 200}, {100, 50}, {739, 409}, {103, 407}, {50, 20}} {
		p.pointerAt(at.X, at.Y)
		compare(t, grab(t, s, area.Size()), with(at.X, at.Y, 10, 0xffff00))
	}
	p.pointerAt(400, 300)
	p.pointerOf(6, 0xff00ff)
	// Another connection's news take a moment.
	got := newPicture(area.Size())
	want := with(400, 300, 6, 0xff00ff)
	for range 200 {
		if _, err := s.Grab(got); err != nil {
			t.Fatal(err)
		}
		if string(got.Cb) == string(want.Cb) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	compare(t, got, want)
}

// A half transparent pointer lets half of the screen through.
func TestPointerIsBlended(t *testing.T) {
	p := pointer{pixels: []uint32{0x80800000, 0xff0000ff, 0, 0x40000000}, width: 2, height: 2, hot: image.Pt(1, 0)}
	for _, c := range []struct {
		at   image.Point // where it points; the area is of 3x2 pixels from 10,20 on
		want [6]uint32
	}{
		{image.Pt(11, 20), [6]uint32{0xb21932, 0x0000ff, 0x643264, 0x643264, 0x4b254b, 0x643264}},
		{image.Pt(10, 19), [6]uint32{0x4b254b, 0x643264, 0x643264, 0x643264, 0x643264, 0x643264}},
		{image.Pt(13, 21), [6]uint32{0x643264, 0x643264, 0x643264, 0x643264, 0x643264, 0xb21932}},
		{image.Pt(9, 18), [6]uint32{0x643264, 0x643264, 0x643264, 0x643264, 0x643264, 0x643264}},
	} {
		pixels := []byte(strings.Repeat("\x64\x32\x64\x00", 6))
		p.draw(pixels, 12, image.Rect(10, 20, 13, 22), c.at)
		for i, want := range c.want {
			if got := uint32(pixels[4*i+2])<<16 | uint32(pixels[4*i+1])<<8 | uint32(pixels[4*i]); got != want {
				t.Errorf("pointing at %v: pixel %d is %06x, want %06x", c.at, i, got, want)
			}
		}
	}
}

// Another size is scaled to, in the screen's proportions.
func TestScaling(t *testing.T) {
	serve(t)
	p := newPainter(t)
	p.pointerOf(0, 0)
	colours.paint(p)
	s := open(t, image.Rectangle{})
	full := colours.picture(t, image.Rect(0, 0, serverWidth, serverHeight))
	var scaler convert.Scaler
	for _, size := range []image.Point{{640, 360}, {1920, 1080}, {854, 480}, {333, 187}} {
		want := newPicture(size)
		if err := scaler.Scale(want, full); err != nil {
			t.Fatal(err)
		}
		if place := fit(full.Rect.Size(), size); place.Size() == size {
			compare(t, grab(t, s, size), want)
		}
	}
	// 4:3: bars of 60 rows above and below 640x360.
	got, want, inner := grab(t, s, image.Pt(640, 480)), newPicture(image.Pt(640, 480)), newPicture(image.Pt(640, 360))
	if err := scaler.Scale(inner, full); err != nil {
		t.Fatal(err)
	}
	blacken(want)
	copy(want.Y[60*640:], inner.Y)
	copy(want.Cb[30*320:], inner.Cb)
	copy(want.Cr[30*320:], inner.Cr)
	compare(t, got, want)
}

// The user turns the screen, or changes its size: the whole of it stays in the picture, a part that is no more is an error.
func TestResize(t *testing.T) {
	serve(t)
	p := newPainter(t)
	p.pointerOf(0, 0)
	p.resize(image.Pt(640, 360)) // the memory that is shared then is too small for the next size
	whole, part := open(t, image.Rectangle{}), open(t, image.Rect(600, 300, 640, 360))
	size := image.Pt(640, 360)
	grab(t, whole, size)
	for _, resized := range []image.Point{{960, 540}, {320, 180}} {
		p.resize(resized)
		d := drawing{{image.Rectangle{Max: resized}, 0x800000}, {image.Rectangle{Max: resized.Div(2)}, 0x00ff00}}
		d.paint(p)
		want := newPicture(size)
		if err := new(convert.Scaler).Scale(want, d.picture(t, image.Rectangle{Max: resized})); err != nil {
			t.Fatal(err)
		}
		// The news of the size may come after the answer that still fits.
		got := grab(t, whole, size)
		for deadline := time.Now().Add(5 * time.Second); string(got.Y) != string(want.Y) && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
			got = grab(t, whole, size)
		}
		compare(t, got, want)
	}
	whole.area = image.Rect(0, 0, 960, 540) // as if it had not heard of the last size yet
	grab(t, whole, size)
	if width, height := whole.Size(); width != 320 || height != 180 {
		t.Errorf("the server refuses %dx%d, and the next size is not asked for", width, height)
	}
	_, err := part.Grab(newPicture(image.Pt(40, 60)))
	if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "the screen is 320x180, and the part 40x60+600+300 is not all on it") {
		t.Errorf("a part that is no more: %v", err)
	}
}

// resize gives the screen another size, as xrandr does.
func (p *painter) resize(size image.Point) {
	p.t.Helper()
	resources, err := randr.GetScreenResources(p.conn, p.root).Reply()
	p.check(err)
	for _, crtc := range resources.Crtcs { // a screen cannot become smaller than what shows it
		_, err := randr.SetCrtcConfig(p.conn, crtc, 0, resources.ConfigTimestamp, 0, 0, 0, randr.RotationRotate0, nil).Reply()
		p.check(err)
	}
	p.check(randr.SetScreenSizeChecked(p.conn, p.root, uint16(size.X), uint16(size.Y), 300, 200).Check())
}

// Somebody logs out: an error that says so, at once and for good.
func TestServerEnds(t *testing.T) {
	end := serve(t)
	s := open(t, image.Rectangle{})
	picture := grab(t, s, image.Pt(serverWidth, serverHeight))
	end()
	for range 2 {
		if _, err := s.Grab(picture); !errors.Is(err, ErrGone) || !errors.Is(err, io.EOF) {
			t.Errorf("the server ended: %v", err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	serve(t)
	display := os.Getenv("DISPLAY")
	for _, c := range []struct{ display, wayland, want string }{
		{"", "", "DISPLAY is not set"},
		{"", "wayland-0", "wf-recorder"},
		{":987", "", "DISPLAY=:987 cannot be reached"},
		{"nonsense", "", "DISPLAY=nonsense cannot be reached"},
	} {
		t.Setenv("DISPLAY", c.display)
		t.Setenv("WAYLAND_DISPLAY", c.wayland)
		if _, err := Open(image.Rectangle{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	t.Setenv("DISPLAY", display)
	if _, err := Open(image.Rect(1000, 0, 1281, 100)); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "the screen is 1280x720") {
		t.Errorf("a part that reaches outside: %v", err)
	}
}

// A server of another depth is refused with what to do.
func TestDepth(t *testing.T) {
	serve(t, "-screen", "0", "640x480x16")
	if _, err := Open(image.Rectangle{}); err == nil || !strings.Contains(err.Error(), "depth of 16 bits") {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]image.Rectangle{
		"":                 {},
		"1280x720+100+50":  image.Rect(100, 50, 1380, 770),
		"640x480":          image.Rect(0, 0, 640, 480),
		"99999x1+99999+00": image.Rect(99999, 0, 199998, 1),
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"0x5", "5x0+1+1", "1280x720+100", "1280x720-1-1", " ", "1280", "123456x1", "x", "1x1+1+1 ", "?window=7"} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), "screen:"+text) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1280x720+100+50")
	f.Add("640x480")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err == nil && text != "" {
			again := fmt.Sprintf("%dx%d+%d+%d", r.Dx(), r.Dy(), r.Min.X, r.Min.Y)
			if s, err := Parse(again); err != nil || s != r || r.Empty() {
				t.Errorf("%q is %v, but %q is %v, %v", text, r, again, s, err)
			}
		}
	})
}

// A picture that is fitted into another touches two sides of it at least, keeps its proportions, and lies at even places.
func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(16, 4096)
		from, into := image.Pt(side.Draw(t, "width"), side.Draw(t, "height")), image.Pt(side.Draw(t, "to width"), side.Draw(t, "to height"))
		r := fit(from, into)
		if !r.In(image.Rectangle{Max: into}) || r.Empty() || r.Min.X%2 != 0 || r.Min.Y%2 != 0 {
			t.Fatalf("%v", r)
		}
		if r.Dx() != into.X && r.Dy() != into.Y {
			t.Fatalf("%v touches nothing", r)
		}
		// Within half a pixel of the exact proportions.
		if x, y := r.Dx()*from.Y, r.Dy()*from.X; 2*max(x-y, y-x) > 2*max(from.X, from.Y) {
			t.Fatalf("%v has other proportions than %v", r, from)
		}
	})
}

// The library's requests leave some small garbage, a picture's pixels none.
func TestGarbage(t *testing.T) {
	serve(t)
	s := open(t, image.Rectangle{})
	p, scaled := grab(t, s, image.Pt(serverWidth, serverHeight)), grab(t, s, image.Pt(640, 480))
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err1 := s.Grab(p)
			_, err2 := s.Grab(scaled)
			if err := errors.Join(err1, err2); err != nil {
				b.Fatal(err)
			}
		}
	})
	if bytes := result.AllocedBytesPerOp() / 2; bytes > 4096 {
		t.Errorf("%d bytes for each picture", bytes)
	}
}

func BenchmarkGrab720p(b *testing.B) {
	for _, c := range []struct {
		name      string
		arguments []string
		size      image.Point
	}{
		{"shared", nil, image.Pt(1280, 720)},
		{"shared, scaled to 640x360", nil, image.Pt(640, 360)},
		{"sent", []string{"-extension", "MIT-SHM"}, image.Pt(1280, 720)},
	} {
		b.Run(c.name, func(b *testing.B) {
			serve(b, c.arguments...)
			s, p := open(b, image.Rectangle{}), newPicture(c.size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Grab(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
