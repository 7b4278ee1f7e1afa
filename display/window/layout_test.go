package window

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFit(t *testing.T) {
	for _, c := range []struct {
		width, height, windowWidth, windowHeight int
		want                                     rectangle
	}{
		{1280, 720, 1280, 720, rectangle{0, 0, 1280, 720}},
		{1280, 720, 640, 640, rectangle{0, 140, 640, 360}},
		{720, 1280, 1280, 720, rectangle{437, 0, 405, 720}},
		{16, 16, 1000, 10, rectangle{495, 0, 10, 10}},
		{4096, 16, 100, 100, rectangle{0, 49, 100, 1}},
		{0, 0, 100, 100, rectangle{}},
		{16, 16, 0, 100, rectangle{}},
	} {
		if got := fit(c.width, c.height, c.windowWidth, c.windowHeight); got != c.want {
			t.Errorf("%dx%d in %dx%d: %v, want %v", c.width, c.height, c.windowWidth, c.windowHeight, got, c.want)
		}
	}
}

// A picture is within the window, touches it on two sides, is in the middle and keeps its shape but for a pixel.
func TestFitKeepsTheShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := func(name string) int { return rapid.IntRange(16, 4096).Draw(t, name) }
		w, h, ww, wh := side("width"), side("height"), side("window's width"), side("window's height")
		r := fit(w, h, ww, wh)
		if r.x < 0 || r.y < 0 || r.x+r.width > float32(ww) || r.y+r.height > float32(wh) {
			t.Fatalf("%v is not within %dx%d", r, ww, wh)
		}
		if r.width != float32(ww) && r.height != float32(wh) {
			t.Fatalf("%v could be larger in %dx%d", r, ww, wh)
		}
		if off := float64(r.width)*float64(h) - float64(r.height)*float64(w); off > float64(max(w, h)) || off < -float64(max(w, h)) {
			t.Fatalf("%v has not the shape of %dx%d", r, w, h)
		}
		if x := float32(ww) - r.width - 2*r.x; x < 0 || x > 1 {
			t.Fatalf("%v is not in the middle of %dx%d", r, ww, wh)
		}
	})
}

func TestSignal(t *testing.T) {
	began := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return began.Add(d) }
	for _, c := range []struct {
		last, now time.Duration // last below 0: no picture has come
		want      string
		next      time.Duration
	}{
		{-1, 0, "", missing},
		{-1, missing, "waiting for pictures: 2 s", 3 * time.Second},
		{-1, 61 * time.Second, "waiting for pictures: 61 s", 62 * time.Second},
		{10 * time.Second, 11 * time.Second, "", 12 * time.Second},
		{10 * time.Second, 12500 * time.Millisecond, "no signal for 2 s", 13 * time.Second},
		{10 * time.Second, 75 * time.Second, "no signal for 1 min 05 s", 76 * time.Second},
		{0, 3*time.Hour + 7*time.Minute, "no signal for 3 h 07 min", 3*time.Hour + 7*time.Minute + time.Second},
	} {
		s := reception{began: began}
		if c.last >= 0 {
			s.last = at(c.last)
		}
		if text, next := s.message(at(c.now)); text != c.want || !next.Equal(at(c.next)) {
			t.Errorf("last picture %v, now %v: %q until %v, want %q until %v", c.last, c.now, text, next.Sub(began), c.want, c.next)
		}
	}
}

func TestSheet(t *testing.T) {
	var s sheet
	if s.set(nil, 20) && s.image != nil {
		t.Error("no lines make an image")
	}
	if !s.set([]string{"delay: 80 ms", "rate: 1 Mbit/s"}, 20) || s.image == nil {
		t.Fatal("lines make no image")
	}
	first := s.image
	light := 0
	for i := 0; i < len(first.Pix); i += 4 {
		if first.Pix[i] > 200 {
			light++
		}
	}
	if light < 300 {
		t.Errorf("only %d pixels are letters", light)
	}
	if s.set([]string{"delay: 80 ms", "rate: 1 Mbit/s"}, 20) || s.image != first {
		t.Error("the same lines are drawn anew")
	}
	if !s.set([]string{"delay: 81 ms", "rate: 1 Mbit/s"}, 20) || s.image == first {
		t.Error("other lines are not drawn")
	}
	if !s.set(nil, 20) || s.image != nil {
		t.Error("the image stays when the lines go")
	}
}
