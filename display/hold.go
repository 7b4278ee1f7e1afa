package display

import (
	"image"
	"sync"
	"time"
)

// Hold holds pictures back, as long as delay says when they come, before it shows them: for sound that cannot be heard sooner. While
// delay is 0 they are shown at once. Close shows none that waits.
func Hold(d Display, delay func() time.Duration) Display {
	h := &holder{Display: d, delay: delay, wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go h.run()
	return h
}

// heldAtMost is how many pictures may wait: a second of them. With more the oldest goes.
const heldAtMost = 60

// holder is the queue before a display, and the goroutine that empties it.
type holder struct {
	Display
	delay         func() time.Duration
	wake          chan struct{} // holds one token: there is something new
	stop, stopped chan struct{}

	lock    sync.Mutex
	waiting []held
	spare   []*image.YCbCr
	showing bool // the goroutine shows one
	dropped uint64
}

type held struct {
	picture *image.YCbCr
	at, due time.Time
}

func (h *holder) Show(picture *image.YCbCr, at time.Time) {
	delay := h.delay()
	h.lock.Lock()
	if delay <= 0 && len(h.waiting) == 0 && !h.showing {
		h.lock.Unlock()
		h.Display.Show(picture, at)
		return
	}
	defer h.lock.Unlock()
	if len(h.waiting) == heldAtMost {
		h.spare = append(h.spare, h.waiting[0].picture)
		h.waiting = append(h.waiting[:0], h.waiting[1:]...)
		h.dropped++
	}
	var into *image.YCbCr
	if n := len(h.spare); n > 0 {
		into, h.spare = h.spare[n-1], h.spare[:n-1]
	}
	h.waiting = append(h.waiting, held{picture: Copy(into, picture), at: at, due: at.Add(delay)})
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *holder) run() {
	defer close(h.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		h.lock.Lock()
		var first held
		if len(h.waiting) > 0 {
			first = h.waiting[0]
		}
		wait := time.Until(first.due)
		ready := first.picture != nil && wait <= 0
		if h.showing = ready; ready {
			h.waiting = append(h.waiting[:0], h.waiting[1:]...)
		}
		h.lock.Unlock()
		if ready {
			h.Display.Show(first.picture, first.at)
			h.lock.Lock()
			h.spare = append(h.spare, first.picture)
			h.lock.Unlock()
			continue
		}
		if first.picture == nil {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-h.stop:
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

func (h *holder) Stats() Stats {
	h.lock.Lock()
	dropped := h.dropped
	h.lock.Unlock()
	s := h.Display.Stats()
	s.Dropped += dropped
	return s
}

func (h *holder) Close() error {
	close(h.stop)
	<-h.stopped
	return h.Display.Close()
}
