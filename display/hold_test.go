package display

import (
	"image"
	"testing"
	"testing/synctest"
	"time"
)

// noting is a display that notes what it shows and when.
type noting struct {
	none
	luma []byte
	at   []time.Duration
	from time.Time
}

func (n *noting) Show(picture *image.YCbCr, _ time.Time) {
	n.luma = append(n.luma, picture.Y[0])
	n.at = append(n.at, time.Since(n.from))
}

// Pictures are held back for as long as is asked when they come, in order, as they were when they came; and not at all by default.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &noting{from: time.Now()}
		var delay time.Duration
		h := Hold(n, func() time.Duration { return delay })
		picture := image.NewYCbCr(image.Rect(0, 0, 16, 16), image.YCbCrSubsampleRatio420)
		show := func(luma byte) {
			picture.Y[0] = luma
			h.Show(picture, time.Now())
			time.Sleep(40 * time.Millisecond)
		}
		for luma, d := range []time.Duration{0, 0, 100, 100, 30, 0, 0, 0} {
			delay = d * time.Millisecond
			show(byte(luma))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		want := []time.Duration{0, 40, 180, 220, 220, 220, 240, 280}
		for i := range want {
			if i >= len(n.at) || n.luma[i] != byte(i) || n.at[i] != want[i]*time.Millisecond {
				t.Fatalf("shown %v at %v, want %v ms", n.luma, n.at, want)
			}
		}
		delay = time.Minute
		for range heldAtMost + 5 {
			show(0)
		}
		if s := h.Stats(); s.Dropped != 5 {
			t.Errorf("%d pictures were dropped of 5 too many", s.Dropped)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if len(n.at) != 8 {
			t.Errorf("%d pictures were shown after the end", len(n.at)-8)
		}
	})
}
