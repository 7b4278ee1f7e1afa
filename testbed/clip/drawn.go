package clip

import (
	"fmt"
	"image"
	"math"
	"strconv"
	"strings"
	"sync"

	"salsify/capture"
	"salsify/capture/scene"
	"salsify/codec/y4m"
)

// drawn are the pictures of the made-up scene.
type drawn struct {
	mutex sync.Mutex // a Scene serves one goroutine at a time
	scene *scene.Scene
}

// openDrawn reads what follows "test:", which may be a seed as for the programs.
func openDrawn(parameters string, c Config) (pictures, y4m.Header, error) {
	if parameters != "" {
		digits, ok := strings.CutPrefix(parameters, "seed=")
		seed, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil {
			return nil, y4m.Header{}, fmt.Errorf("test:%s: the only parameter is a seed, as in test:seed=7", parameters)
		}
		c.Seed = seed
	}
	if c.Width == 0 {
		c.Width, c.Height = capture.DefaultWidth, capture.DefaultHeight
	}
	if c.Rate == 0 {
		c.Rate = capture.DefaultRate
	}
	rate := ratio(c.Rate)
	s, err := scene.New(scene.Config{Width: c.Width, Height: c.Height, Rate: float64(rate.Num) / float64(rate.Den), Seed: c.Seed})
	if err != nil {
		return nil, y4m.Header{}, err
	}
	return &drawn{scene: s}, y4m.Header{Width: c.Width, Height: c.Height, Rate: rate}, nil
}

func (d *drawn) period() int { return math.MaxInt32 }

func (d *drawn) draw(n uint64, into *image.YCbCr) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.scene.Render(n, into)
}

func (d *drawn) close() error { return nil }
