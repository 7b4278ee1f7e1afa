package window

import (
	"context"
	"fmt"
	"image"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/Zyko0/go-sdl3/bin/binsdl"
	"github.com/Zyko0/go-sdl3/sdl"

	"salsify/codec/convert"
)

const (
	// firstWidth and firstHeight are the window's until a picture is there, and the most that it takes by itself.
	firstWidth, firstHeight = 1280, 720
	// refreshing is how often the statistics are asked for.
	refreshing = 500 * time.Millisecond
	// textShare is the height of the statistics' letters as a share of the window's, noticeShare that of a notice's.
	textShare, noticeShare = 1.0 / 45, 1.0 / 18
	smallestText           = 12 // pixels
	// dark is how bright the last picture is behind a notice, of 255.
	dark = 80
)

// Names of SDL's properties of a texture (SDL_CreateTextureWithProperties).
const (
	propertyFormat     = "SDL.texture.create.format"
	propertyAccess     = "SDL.texture.create.access"
	propertyWidth      = "SDL.texture.create.width"
	propertyHeight     = "SDL.texture.create.height"
	propertyColorspace = "SDL.texture.create.colorspace"
)

// handles are what SDL gave, for its thread.
type handles struct {
	window   *sdl.Window
	renderer *sdl.Renderer

	picture       *sdl.Texture
	width, height int // of the picture

	overlay, notice   sheet
	overlayT, noticeT *sdl.Texture

	signal     reception
	fullscreen bool
	mirror     bool
	showing    bool // statistics
	asked      time.Time
	sized      bool // the window has got its first picture's size
}

// load loads SDL, which is a part of the program, by way of a file. Its binding leaves that behind, ends the process where it cannot be
// written, and takes SIGQUIT for itself; here it has a folder of its own that goes at once, and SIGQUIT is given back.
var load = sync.OnceValue(func() error {
	folder, err := os.MkdirTemp("", "salsify-sdl-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	before, set := os.LookupEnv(temporary)
	os.Setenv(temporary, folder)
	binsdl.Load()
	if os.Unsetenv(temporary); set {
		os.Setenv(temporary, before)
	}
	signal.Reset(syscall.SIGQUIT)
	return nil
})

const (
	temporary = "TMPDIR"           // names the folder for temporary files
	driver    = "SDL_VIDEO_DRIVER" // names SDL's way to the screen, such as x11, wayland or dummy
)

// Open opens a window. Errors wrap ErrNoScreen.
func Open(o Options) (*Window, error) {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" && os.Getenv(driver) == "" {
		return nil, fmt.Errorf("%w: there is no desktop here ($DISPLAY and $WAYLAND_DISPLAY are not set)", ErrNoScreen)
	}
	if err := load(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoScreen, err)
	}
	if name := os.Getenv(driver); name != "" { // SDL remembers what that was at the first time
		_ = sdl.SetHintWithPriority(sdl.HINT_VIDEO_DRIVER, name, sdl.HINT_OVERRIDE)
	} else {
		_ = sdl.ResetHint(sdl.HINT_VIDEO_DRIVER)
	}
	if err := sdl.Init(sdl.INIT_VIDEO); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoScreen, err)
	}
	flags := sdl.WINDOW_RESIZABLE | sdl.WINDOW_HIGH_PIXEL_DENSITY
	if o.Fullscreen {
		flags |= sdl.WINDOW_FULLSCREEN
	}
	window, err := sdl.CreateWindow(o.Title, firstWidth, firstHeight, flags)
	if err != nil {
		sdl.Quit()
		return nil, fmt.Errorf("%w: %w", ErrNoScreen, err)
	}
	renderer, err := window.CreateRenderer("")
	if err != nil {
		window.Destroy()
		sdl.Quit()
		return nil, fmt.Errorf("%w: %w", ErrNoScreen, err)
	}
	_ = renderer.SetVSync(1) // where it is not to be had, pictures are shown at once
	return &Window{
		options: o, ended: make(chan struct{}),
		sdl: &handles{window: window, renderer: renderer, fullscreen: o.Fullscreen, mirror: o.Mirror, signal: reception{began: time.Now()}},
	}, nil
}

// Loop draws until the user closes the window, Close is called or the context ends.
func (w *Window) Loop(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		w.lock.Lock()
		defer w.lock.Unlock()
		w.closing = true
		w.wake()
	})
	defer stop()
	for w.draw() {
		var e sdl.Event
		got := sdl.WaitEventTimeout(&e, int32(w.idle(time.Now())/time.Millisecond)+1)
		for ; got; got = sdl.PollEvent(&e) {
			w.event(&e)
		}
	}
	w.lock.Lock()
	w.closing, w.gone = true, true
	w.lock.Unlock()
	w.sdl.release()
	close(w.ended)
}

// idle is for how long nothing changes by itself.
func (w *Window) idle(now time.Time) time.Duration {
	_, next := w.sdl.signal.message(now)
	if w.sdl.showing {
		if refresh := w.sdl.asked.Add(refreshing); refresh.Before(next) {
			next = refresh
		}
	}
	return max(0, next.Sub(now))
}

func (w *Window) event(e *sdl.Event) {
	h := w.sdl
	switch e.Type {
	case sdl.EVENT_QUIT, sdl.EVENT_WINDOW_CLOSE_REQUESTED:
		w.quit()
	case sdl.EVENT_MOUSE_BUTTON_DOWN:
		if b := e.MouseButtonEvent(); b.Button == 1 && b.Clicks == 2 {
			h.setFullscreen(!h.fullscreen)
		}
	case sdl.EVENT_KEY_DOWN:
		k := e.KeyboardEvent()
		if k.Repeat {
			return
		}
		switch k.Key {
		case sdl.K_Q:
			w.quit()
		case sdl.K_F:
			h.setFullscreen(!h.fullscreen)
		case sdl.K_ESCAPE:
			h.setFullscreen(false)
		case sdl.K_M:
			h.mirror = !h.mirror
		case sdl.K_A:
			if w.options.Mute != nil {
				w.options.Mute()
			}
		case sdl.K_S, sdl.K_F1:
			h.showing = !h.showing
			h.asked = time.Time{}
		}
	}
}

func (w *Window) quit() {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.closing = true
}

func (h *handles) setFullscreen(on bool) {
	if h.window.SetFullscreen(on) == nil {
		h.fullscreen = on
	}
}

// draw draws what is there now. It returns false when the window is to be closed.
func (w *Window) draw() bool {
	w.lock.Lock()
	picture, closing, calls := w.newest, w.closing, w.calls
	w.newest, w.calls = nil, nil
	w.lock.Unlock()
	defer func() {
		for _, call := range calls {
			call()
		}
	}()
	if closing {
		return false
	}
	h, now := w.sdl, time.Now()
	shown := picture != nil && h.take(picture, w.options.Matrix) == nil
	if shown {
		h.signal.last = now
	}
	h.paint(w.options.Overlay, now)
	if picture != nil {
		w.lock.Lock()
		w.spare = picture
		if shown {
			w.stats.Shown++
		} else {
			w.stats.Dropped++
		}
		w.lock.Unlock()
	}
	return true
}

// take puts a picture into its texture.
func (h *handles) take(p *image.YCbCr, matrix convert.Matrix) error {
	width, height := p.Rect.Dx(), p.Rect.Dy()
	if h.picture == nil || width != h.width || height != h.height {
		if h.picture != nil {
			h.picture.Destroy()
		}
		var err error
		if h.picture, err = h.newPicture(width, height, matrix); err != nil {
			h.picture = nil
			return err
		}
		h.width, h.height = width, height
		if !h.sized && !h.fullscreen {
			h.sized = true
			r := fit(width, height, min(width, firstWidth), min(height, firstHeight))
			_ = h.window.SetSize(int32(r.width), int32(r.height))
		}
	}
	return h.picture.UpdateYUV(nil, p.Y, int32(p.YStride), p.Cb, int32(p.CStride), p.Cr, int32(p.CStride))
}

// newPicture makes a texture of 4:2:0 pictures in limited range, with colours of that matrix.
func (h *handles) newPicture(width, height int, matrix convert.Matrix) (*sdl.Texture, error) {
	colorspace := sdl.COLORSPACE_BT601_LIMITED
	if matrix == convert.BT709 {
		colorspace = sdl.COLORSPACE_BT709_LIMITED
	}
	properties, err := sdl.CreateProperties()
	if err != nil {
		return nil, err
	}
	defer properties.Destroy()
	for _, p := range []struct {
		name  string
		value int64
	}{
		{propertyFormat, int64(sdl.PIXELFORMAT_IYUV)}, {propertyAccess, int64(sdl.TEXTUREACCESS_STREAMING)},
		{propertyWidth, int64(width)}, {propertyHeight, int64(height)}, {propertyColorspace, int64(colorspace)},
	} {
		if err := properties.SetNumberProperty(p.name, p.value); err != nil {
			return nil, err
		}
	}
	return h.renderer.CreateTextureWithProperties(properties)
}

// paint draws the window. What SDL cannot draw is left out: the next picture tries again.
func (h *handles) paint(overlay func() []string, now time.Time) {
	w, ht, err := h.renderer.CurrentOutputSize()
	if err != nil {
		return
	}
	width, height := int(w), int(ht)
	_ = h.renderer.SetDrawColor(0, 0, 0, 255)
	_ = h.renderer.Clear()
	message, _ := h.signal.message(now)
	if h.picture != nil {
		bright := uint8(255)
		if message != "" {
			bright = dark
		}
		_ = h.picture.SetColorMod(bright, bright, bright)
		r := fit(h.width, h.height, width, height)
		flip := sdl.FLIP_NONE
		if h.mirror {
			flip = sdl.FLIP_HORIZONTAL
		}
		_ = h.renderer.RenderTextureRotated(h.picture, nil, &sdl.FRect{X: r.x, Y: r.y, W: r.width, H: r.height}, 0, nil, flip)
	}
	h.words(overlay, message, now, width, height)
	_ = h.renderer.Present()
}

// words draws the notice and the statistics.
func (h *handles) words(overlay func() []string, message string, now time.Time, width, height int) {
	var notice, lines []string
	if message != "" {
		notice = []string{message}
	}
	h.noticeT = h.texture(&h.notice, h.noticeT, notice, max(smallestText, float64(height)*noticeShare))
	if h.noticeT != nil {
		b := h.notice.image.Rect
		h.place(h.noticeT, b, (width-b.Dx())/2, (height-b.Dy())/2)
	}
	lines = h.overlay.lines
	if !h.showing {
		lines = nil
	} else if now.Sub(h.asked) >= refreshing {
		h.asked = now
		if lines = nil; overlay != nil {
			lines = overlay()
		}
		lines = append(lines, help)
	}
	h.overlayT = h.texture(&h.overlay, h.overlayT, lines, max(smallestText, float64(height)*textShare))
	if h.overlayT != nil {
		h.place(h.overlayT, h.overlay.image.Rect, 0, 0)
	}
}

// texture has the lines in a texture, which it makes anew if they are others; nil if there are none.
func (h *handles) texture(s *sheet, t *sdl.Texture, lines []string, size float64) *sdl.Texture {
	if !s.set(lines, size) {
		return t
	}
	if t != nil {
		t.Destroy()
	}
	if s.image == nil {
		return nil
	}
	b := s.image.Rect
	t, err := h.renderer.CreateTexture(sdl.PIXELFORMAT_RGBA32, sdl.TEXTUREACCESS_STREAMING, b.Dx(), b.Dy())
	if err != nil {
		return nil
	}
	_ = t.SetBlendMode(sdl.BLENDMODE_BLEND)
	_ = t.Update(nil, s.image.Pix, int32(s.image.Stride))
	return t
}

func (h *handles) place(t *sdl.Texture, b image.Rectangle, x, y int) {
	_ = h.renderer.RenderTexture(t, nil, &sdl.FRect{X: float32(x), Y: float32(y), W: float32(b.Dx()), H: float32(b.Dy())})
}

// release gives everything back to SDL.
func (h *handles) release() {
	for _, t := range []*sdl.Texture{h.picture, h.overlayT, h.noticeT} {
		if t != nil {
			t.Destroy()
		}
	}
	h.renderer.Destroy()
	h.window.Destroy()
	sdl.Quit()
}
