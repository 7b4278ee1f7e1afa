package window

import (
	"unsafe"

	"github.com/Zyko0/go-sdl3/sdl"
)

// setKey makes an event one of that key: SDL's events are unions.
func setKey(e *sdl.Event, k sdl.Keycode) {
	*(*sdl.KeyboardEvent)(unsafe.Pointer(e)) = sdl.KeyboardEvent{Type: sdl.EVENT_KEY_DOWN, Key: k, Down: true}
}
