package main

import (
	"errors"
	"fmt"
	"image"
	"io"
	"sync"
	"time"

	"salsify/capture/barcode"
	"salsify/capture/scene"
	"salsify/codec/y4m"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
)

// watch is the eye before the receiver's screen.
type watch struct {
	source        *scene.Scene
	width, height int
	shown         []measure.Shown
	torn          int // pictures of which no barcode, or two different ones, could be read
	err           error
}

// scored is every how many pictures one is compared with its source: it takes longer than decoding it.
const scored = 4

func newWatch(o options) (*watch, error) {
	w := &watch{}
	if n, _ := fmt.Sscanf(o.size, "%dx%d", &w.width, &w.height); n != 2 {
		return nil, fmt.Errorf("--size is %q: write WIDTHxHEIGHT", o.size)
	}
	var err error
	w.source, err = scene.New(scene.Config{Width: w.width, Height: w.height, Rate: o.rate, Seed: o.seed})
	return w, err
}

// read notes when each picture came, which it is, and how it looks.
func (w *watch) read(in io.Reader) error {
	type job struct {
		index int
		image *image.YCbCr
	}
	jobs := make(chan job, 60)
	var scoring sync.WaitGroup
	scores := map[int]float64{}
	scoring.Go(func() {
		var meter quality.Meter
		original := w.source.NewPicture()
		for j := range jobs {
			p := w.shown[j.index]
			w.source.Render(p.Number, original)
			a, b := between(original), between(j.image)
			if score, err := meter.Add(a, b); err == nil {
				scores[j.index] = score.SSIM
			}
		}
	})
	w.shown = make([]measure.Shown, 0, 1<<16) // never moves, since the scorer reads it
	w.err = w.pictures(in, func(index int, picture *image.YCbCr) bool {
		select {
		case jobs <- job{index, picture}:
			return true
		default:
			return false // too busy: this one is not scored
		}
	})
	close(jobs)
	scoring.Wait()
	for i, s := range scores {
		w.shown[i].SSIM = s
	}
	return w.err
}

func (w *watch) pictures(in io.Reader, score func(int, *image.YCbCr) bool) error {
	r, err := y4m.NewReader(in)
	if err != nil {
		return fmt.Errorf("the receiver showed nothing: %w", err)
	}
	picture := r.Header().NewPicture()
	for {
		if err := r.Read(picture); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		now := time.Now()
		upper, lower := barcode.Read(picture)
		if !upper.OK || !lower.OK || upper.Value != lower.Value {
			w.torn++
			continue
		}
		value := barcode.Unpack(upper.Value, now)
		if len(w.shown) == cap(w.shown) {
			return errors.New("more pictures than were expected")
		}
		w.shown = append(w.shown, measure.Shown{Number: uint64(value.Frame), Captured: value.Captured, At: now})
		if len(w.shown)%scored == 0 && score(len(w.shown)-1, picture) {
			picture = r.Header().NewPicture()
		}
	}
}

// between is the part of a picture that has no barcode: the rows between the two.
func between(p *image.YCbCr) *image.YCbCr {
	r := p.Rect
	for _, code := range barcode.Area(p.Rect.Dx(), p.Rect.Dy()) {
		if code.Min.Y == 0 {
			r.Min.Y = code.Max.Y
		} else {
			r.Max.Y = code.Min.Y
		}
	}
	return p.SubImage(r).(*image.YCbCr)
}
