// Package screen takes pictures of an X11 screen.
//
// The way of a picture:
//
//  1. Open connects to the server that $DISPLAY names, and asks how pixels are laid out there, how large the screen is, and what the
//     pointer looks like. The server tells when one of the last two changes.
//  2. Grab takes up what has changed since.
//  3. It asks where the pointer is, and has the server copy the pixels into memory that both share (MIT-SHM, memory.go), or send
//     them where that cannot be: the server is on another machine, or in another container.
//  4. The pointer, which is not among these pixels, is drawn over them (pointer.go).
//  5. The pixels become 4:2:0. Where the caller wants another size, or the screen has got one, they are scaled, with black bars where the
//     proportions differ.
package screen

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"

	"salsify/codec/convert"
)

// ErrGone: the screen cannot be read any more: its server ended, or a part of it that was asked for is outside now.
var ErrGone = errors.New("the screen is gone")

// The library says on standard error what it returns as an error too.
func init() { xgb.Logger.SetOutput(io.Discard) }

// Screen is a screen, or a part of one. It is used by one goroutine at a time.
type Screen struct {
	name       string // of the display
	connection *xgb.Conn
	root       xproto.Window
	bounds     image.Rectangle // the whole screen
	area       image.Rectangle // what is shown of it
	whole      bool            // area follows the bounds
	order      convert.Order

	shared  *memory // nil: none can be shared with the server
	pointer pointer
	pointed bool // there is a pointer to draw

	full   *image.YCbCr // the area in 4:2:0, where it must be scaled
	inner  image.YCbCr  // the part of the caller's picture that it is scaled into
	scaler convert.Scaler
}

// Open opens the screen that $DISPLAY names. area is a part of it; an empty one is the whole screen. The error says what to do. The
// library has one table of events for all connections, so no other Screen may be in use meanwhile.
func Open(area image.Rectangle) (*Screen, error) {
	name := os.Getenv("DISPLAY")
	if err := reachable(name, os.Getenv("WAYLAND_DISPLAY")); err != nil {
		return nil, err
	}
	connection, err := xgb.NewConnDisplay(name)
	if err != nil {
		return nil, fmt.Errorf("the screen DISPLAY=%s cannot be reached: %w; run this as the user who is logged in there, or set DISPLAY "+
			"(echo $DISPLAY in a terminal on that screen tells it)", name, err)
	}
	s := &Screen{name: name, connection: connection}
	if err := s.begin(area); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// reachable tells what is wrong with the environment, if it names no X11 screen.
func reachable(display, wayland string) error {
	switch {
	case display != "":
		return nil
	case wayland != "":
		return errWayland
	}
	return errors.New("there is no screen here: DISPLAY is not set; over ssh, set it to the screen of the machine (export DISPLAY=:0), " +
		"and be the user who is logged in there")
}

// errWayland says how to send a Wayland screen. wf-recorder does for compositors of the wlroots kind.
var errWayland = errors.New("screen: reads X11 screens, and this session is Wayland's, whose screen is empty for X11 programs; pipe it in " +
	"from a program that the compositor lets look, as in: wf-recorder -c rawvideo -m nut -f pipe:3 3>&1 >/dev/null | " +
	"ffmpeg -f nut -i - -r 30 -pix_fmt yuv420p -f yuv4mpegpipe - | salsify-send - HOST:PORT")

// wayland tells whether the server is Xwayland, which has X11's windows, but not their screen. It names its outputs after itself.
func (s *Screen) wayland() bool {
	if randr.Init(s.connection) != nil {
		return false
	}
	resources, err := randr.GetScreenResources(s.connection, s.root).Reply()
	if err != nil {
		return false
	}
	for _, output := range resources.Outputs {
		info, err := randr.GetOutputInfo(s.connection, output, resources.ConfigTimestamp).Reply()
		if err == nil && strings.HasPrefix(string(info.Name), "XWAYLAND") {
			return true
		}
	}
	return false
}

// begin is what Open does once there is a connection.
func (s *Screen) begin(area image.Rectangle) error {
	setup := xproto.Setup(s.connection)
	screen := setup.DefaultScreen(s.connection)
	s.root = screen.Root
	if s.wayland() {
		return errWayland
	}
	var err error
	if s.order, err = orderOf(setup, screen); err != nil {
		return err
	}
	// The extensions come before anything that makes the server send events: the table of those is not guarded.
	sharing, pointing := shm.Init(s.connection) == nil, xfixes.Init(s.connection) == nil
	// Sizes are told from now on, so that a change between this and the next line is not missed.
	err = xproto.ChangeWindowAttributesChecked(s.connection, s.root, xproto.CwEventMask, []uint32{xproto.EventMaskStructureNotify}).Check()
	if err != nil {
		return s.gone(err)
	}
	s.area, s.whole = area, area.Empty()
	if err := s.measure(); err != nil {
		return err
	}
	if sharing {
		s.shared, _ = share(s.connection, s.bytes()) // without it the pixels are sent
	}
	if pointing {
		s.followPointer()
	}
	return nil
}

// orderOf returns the order of the bytes of the screen's pixels.
func orderOf(setup *xproto.SetupInfo, screen *xproto.ScreenInfo) (convert.Order, error) {
	bits := byte(0)
	for _, format := range setup.PixmapFormats {
		if format.Depth == screen.RootDepth {
			bits = format.BitsPerPixel
		}
	}
	for _, depth := range screen.AllowedDepths {
		for _, visual := range depth.Visuals {
			if visual.VisualId != screen.RootVisual || bits != 32 || setup.ImageByteOrder != xproto.ImageOrderLSBFirst {
				continue
			}
			switch [3]uint32{visual.RedMask, visual.GreenMask, visual.BlueMask} {
			case [3]uint32{0xff0000, 0xff00, 0xff}:
				return convert.BGRA, nil
			case [3]uint32{0xff, 0xff00, 0xff0000}:
				return convert.RGBA, nil
			}
		}
	}
	return 0, fmt.Errorf("the screen's pixels have a depth of %d bits in %d; only a depth of 24 in 32 is read: set it in the server's "+
		"configuration (for Xvfb: -screen 0 1280x720x24)", screen.RootDepth, bits)
}

// followPointer asks for the pointer's picture, and to be told when it changes. A screen without one is no reason not to show it.
func (s *Screen) followPointer() {
	if _, err := xfixes.QueryVersion(s.connection, 1, 0).Reply(); err != nil {
		return
	}
	if xfixes.SelectCursorInputChecked(s.connection, s.root, xfixes.CursorNotifyMaskDisplayCursor).Check() == nil {
		s.askPointer()
	}
}

func (s *Screen) askPointer() {
	reply, err := xfixes.GetCursorImage(s.connection).Reply()
	if s.pointed = err == nil && len(reply.CursorImage) >= int(reply.Width)*int(reply.Height); !s.pointed {
		return
	}
	s.pointer = pointer{
		pixels: reply.CursorImage, width: int(reply.Width), height: int(reply.Height), hot: image.Pt(int(reply.Xhot), int(reply.Yhot)),
	}
	if s.order == convert.RGBA { // it is drawn over pixels, byte by byte
		for i, c := range s.pointer.pixels {
			s.pointer.pixels[i] = c&0xff00ff00 | c<<16&0xff0000 | c>>16&0xff
		}
	}
}

// measure asks how large the screen is.
func (s *Screen) measure() error {
	geometry, err := xproto.GetGeometry(s.connection, xproto.Drawable(s.root)).Reply()
	if err != nil {
		return s.gone(err)
	}
	return s.resize(int(geometry.Width), int(geometry.Height))
}

// resize takes up a size of the screen.
func (s *Screen) resize(width, height int) error {
	s.bounds = image.Rect(0, 0, width, height)
	if s.whole {
		s.area = s.bounds
	}
	if !s.area.In(s.bounds) {
		return fmt.Errorf("%w: the screen is %dx%d, and the part %dx%d+%d+%d is not all on it; choose one that is",
			ErrGone, width, height, s.area.Dx(), s.area.Dy(), s.area.Min.X, s.area.Min.Y)
	}
	return nil
}

// bytes is how much memory the pixels of the area take.
func (s *Screen) bytes() int { return 4 * s.area.Dx() * s.area.Dy() }

// gone is the error of a request that cannot fail while the server is there.
func (s *Screen) gone(err error) error {
	return fmt.Errorf("%w: the server of DISPLAY=%s has ended, or does not answer any more (%w); start again when it is back",
		ErrGone, s.name, err)
}

// Size returns the width and height of what is shown now, in pixels.
func (s *Screen) Size() (width, height int) { return s.area.Dx(), s.area.Dy() }

// Grab fills dst, a 4:2:0 picture of any size, with what the screen shows, and returns when that was. Errors wrap ErrGone.
func (s *Screen) Grab(dst *image.YCbCr) (time.Time, error) {
	if err := s.follow(); err != nil {
		return time.Time{}, err
	}
	pixels, at, err := s.pixels()
	if _, resized := errors.AsType[xproto.MatchError](err); resized { // in between, and the news is still on its way
		if err := s.measure(); err != nil {
			return time.Time{}, err
		}
		pixels, at, err = s.pixels()
	}
	if err != nil {
		return time.Time{}, s.gone(err)
	}
	return at, s.fill(dst, pixels)
}

// follow takes up what the server told.
func (s *Screen) follow() error {
	asked := false
	for {
		event, err := s.connection.PollForEvent()
		switch e := event.(type) {
		case xproto.ConfigureNotifyEvent:
			if e.Window == s.root {
				if err := s.resize(int(e.Width), int(e.Height)); err != nil {
					return err
				}
			}
		case xfixes.CursorNotifyEvent:
			if !asked { // the picture is the newest anyway
				s.askPointer()
				asked = true
			}
		case nil:
			if err == nil {
				return nil
			}
		}
	}
}

// pixels returns the area's pixels with the pointer, in memory that is valid until the next call, and when they were on the screen.
func (s *Screen) pixels() (pixels []byte, at time.Time, err error) {
	if s.shared != nil && len(s.shared.bytes) < s.bytes() { // the screen has grown
		s.shared.release(s.connection)
		s.shared, _ = share(s.connection, s.bytes())
	}
	at = time.Now()
	var where xproto.QueryPointerCookie
	if s.pointed { // both are on their way at once, and so of one moment
		where = xproto.QueryPointer(s.connection, s.root)
	}
	drawable, x, y := xproto.Drawable(s.root), int16(s.area.Min.X), int16(s.area.Min.Y)
	width, height := uint16(s.area.Dx()), uint16(s.area.Dy())
	const allPlanes = 0xffffffff
	if s.shared != nil {
		_, err = shm.GetImage(s.connection, drawable, x, y, width, height, allPlanes, xproto.ImageFormatZPixmap, s.shared.segment, 0).Reply()
		pixels = s.shared.bytes[:s.bytes()]
	} else {
		var reply *xproto.GetImageReply
		reply, err = xproto.GetImage(s.connection, xproto.ImageFormatZPixmap, drawable, x, y, width, height, allPlanes).Reply()
		if err == nil {
			pixels = reply.Data
		}
	}
	if err != nil {
		return nil, at, err
	}
	if s.pointed {
		position, err := where.Reply()
		if err != nil {
			return nil, at, err
		}
		if position.SameScreen {
			s.pointer.draw(pixels, 4*s.area.Dx(), s.area, image.Pt(int(position.RootX), int(position.RootY)))
		}
	}
	return pixels, at, nil
}

// fill makes the picture of the pixels.
func (s *Screen) fill(dst *image.YCbCr, pixels []byte) error {
	size := s.area.Size()
	if size == dst.Rect.Size() {
		return convert.FromRGB(dst, pixels, 4*size.X, s.order, convert.BT601)
	}
	if s.full == nil || s.full.Rect.Size() != size {
		s.full = image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	}
	if err := convert.FromRGB(s.full, pixels, 4*size.X, s.order, convert.BT601); err != nil {
		return err
	}
	place := fit(size, dst.Rect.Size())
	if place.Size() != dst.Rect.Size() {
		blacken(dst)
	}
	s.inner = image.YCbCr{
		Y: dst.Y[place.Min.Y*dst.YStride+place.Min.X:], YStride: dst.YStride,
		Cb: dst.Cb[place.Min.Y/2*dst.CStride+place.Min.X/2:], Cr: dst.Cr[place.Min.Y/2*dst.CStride+place.Min.X/2:], CStride: dst.CStride,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rectangle{Max: place.Size()},
	}
	return s.scaler.Scale(&s.inner, s.full)
}

// blacken makes a picture black, as BT.601 has it.
func blacken(p *image.YCbCr) {
	const black, neutral = 16, 128
	fillWith(p.Y, black)
	fillWith(p.Cb, neutral)
	fillWith(p.Cr, neutral)
}

func fillWith(plane []byte, value byte) {
	for i := range plane {
		plane[i] = value
	}
}

// Close ends the connection and gives the memory back.
func (s *Screen) Close() {
	s.connection.Close()
	if s.shared != nil {
		s.shared.detach()
		s.shared = nil
	}
}
