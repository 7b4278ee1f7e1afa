// Package window shows pictures in a window, by SDL. SDL comes with the program; nothing has to be installed, and cgo is not needed.
//
// The way of a picture:
//
//  1. Show copies it, on any goroutine, and wakes the loop. One that the loop has not taken yet is replaced: the newest wins.
//  2. The loop (loop.go), on the process's first thread, puts it into a texture and draws that: its shape kept, black around it
//     (layout.go), in the colours that the pictures are meant in, and over it the statistics or that nothing comes (text.go).
//  3. SDL shows what is drawn with the screen's next refresh.
//
// No picture waits for another: with the refresh waited for (vsync), drawing is begun only when a picture is there, so it is on the
// screen with the next refresh, and the wait is over before the next picture comes, as long as the screen is no slower than the
// pictures. Without, pictures would be torn on screens that nothing composes, and be there 8 ms sooner on average at 60 Hz.
package window

import (
	"errors"
	"image"
	"sync"
	"time"

	"github.com/Zyko0/go-sdl3/sdl"

	"salsify/codec/convert"
	"salsify/display"
)

// Options for Open.
type Options struct {
	Title      string
	Mirror     bool           // left and right are swapped, as in a mirror; the key m changes it
	Fullscreen bool           // the key f and a double click change it
	Matrix     convert.Matrix // what the pictures' colours are meant in; the zero value is BT.601, which is all that VP8 knows
	// Overlay gives the lines of statistics; nil: there are none. It is called twice a second while they are shown, on the first
	// thread. The keys s and F1 show and hide them.
	Overlay func() []string
	Mute    func() // what the key a does: the microphone is muted, or on again; nil: nothing
}

// ErrNoScreen: there is nowhere to open a window.
var ErrNoScreen = errors.New("no window can be opened")

// Window is a display.Display. Show, Stats and Close may be called from any goroutine, Open and Loop only on the process's first thread.
type Window struct {
	options Options
	sdl     *handles

	lock    sync.Mutex
	newest  *image.YCbCr // not yet taken by the loop
	spare   *image.YCbCr
	stats   display.Stats
	closing bool
	gone    bool // SDL must not be called any more
	calls   []func()
	ended   chan struct{} // closed when Loop has returned
}

var _ display.Display = (*Window)(nil)

// Show shows a picture, which is copied.
func (w *Window) Show(picture *image.YCbCr, _ time.Time) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.closing {
		w.stats.Dropped++
		return
	}
	into := w.spare
	if w.newest != nil {
		into = w.newest
		w.stats.Dropped++
	}
	w.spare = nil
	w.newest = display.Copy(into, picture)
	w.wake()
}

// Stats returns the counts so far.
func (w *Window) Stats() display.Stats {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.stats
}

// Close closes the window, and returns when it is.
func (w *Window) Close() error {
	w.lock.Lock()
	w.closing = true
	w.wake()
	w.lock.Unlock()
	<-w.ended
	return nil
}

// wake makes the loop look. The lock is held, so SDL is still there.
func (w *Window) wake() {
	if !w.gone {
		var e sdl.Event
		e.Type = sdl.EVENT_USER
		_ = sdl.PushEvent(&e) // it fails if the queue is full, and then the loop is awake
	}
}

// do has the loop call f, on its thread, after it has drawn what is there; for tests.
func (w *Window) do(f func()) {
	done := make(chan struct{})
	w.lock.Lock()
	w.calls = append(w.calls, func() {
		defer close(done)
		f()
	})
	w.wake()
	w.lock.Unlock()
	select {
	case <-done:
	case <-w.ended:
	}
}
