package capture

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"salsify/capture/barcode"
	"salsify/capture/scene"
	"salsify/codec/y4m"
)

// drawn is the source "test:". A picture is drawn ahead of its time; at its time it gets its barcodes, with its number and that
// very instant, and is handed over. So Captured and the barcodes are the same moment, and drawing costs no delay.
type drawn struct {
	closing
	schedule      schedule
	scene         *scene.Scene
	pool          *pool
	width, height int
	stamped       bool // pictures are large enough for barcodes
}

// openDrawn reads what follows "test:", parameters such as seed=7 set apart by commas.
func openDrawn(parameters string, o Options, rate y4m.Rate) (Source, error) {
	for _, parameter := range strings.Split(parameters, ",") {
		if parameters == "" {
			break
		}
		name, value, _ := strings.Cut(parameter, "=")
		seed, err := strconv.ParseUint(value, 10, 64)
		if name != "seed" || err != nil {
			return nil, fmt.Errorf("%w: test:%s: the only parameter is a seed, as in test:seed=7", ErrSource, parameters)
		}
		o.Seed = seed
	}
	if o.Width == 0 {
		o.Width, o.Height = DefaultWidth, DefaultHeight
	}
	if rate == (y4m.Rate{}) {
		rate = ratio(DefaultRate)
	}
	drawing, err := scene.New(scene.Config{
		Width: o.Width, Height: o.Height, Rate: float64(rate.Num) / float64(rate.Den), Seed: o.Seed,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return &drawn{
		closing:  closing{closed: make(chan struct{})},
		schedule: schedule{rate: rate},
		scene:    drawing,
		pool:     newPool(o.Width, o.Height),
		width:    o.Width,
		height:   o.Height,
		stamped:  o.Width >= barcode.MinWidth && o.Height >= barcode.MinHeight,
	}, nil
}

func (d *drawn) Size() (width, height int) { return d.width, d.height }

func (d *drawn) Rate() y4m.Rate { return d.schedule.rate }

func (d *drawn) Next(ctx context.Context) (*Picture, error) {
	if err := d.ended(ctx); err != nil {
		return nil, err
	}
	before := d.schedule.next
	number, due := d.schedule.take(time.Now())
	p := &Picture{Image: d.pool.get(), Number: number, pool: d.pool}
	d.scene.Render(number, p.Image)
	if err := d.wait(ctx, due); err != nil {
		d.schedule.next = before // it was not given
		p.Release()
		return nil, err
	}
	p.Captured = time.Now()
	if d.stamped {
		if err := barcode.Stamp(p.Image, barcode.Value{Frame: uint32(number), Captured: p.Captured}.Pack()); err != nil {
			p.Release()
			return nil, err
		}
	}
	return p, nil
}

func (d *drawn) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}
