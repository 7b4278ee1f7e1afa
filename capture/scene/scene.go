// Package scene draws what a camera might see: someone talking in front of a wall, a room seen in slow pans, text that must stay
// sharp, the noise of a sensor, and a cut to another place now and then. So a live video system can be tried, measured and shown
// without a camera, and it is the same video on every machine.
//
// A picture is made in these steps, each a file:
//
//  1. New paints three places and three people, once: walls and what hangs on them (room.go), heads and shoulders (person.go),
//     with brushes that know no floating point (paint.go) and letters (font.go).
//  2. Render looks up what happens at the picture's time: which place and person, where the camera looks, how the person moves
//     (motion.go). This depends on the time and the seed only, so pictures may be asked for in any order.
//  3. Render copies the place, lays shoulders and head over it, each moved by sixteenths of a pixel (layer.go), and paints eyes
//     and mouth as they are then (person.go).
//  4. Render adds noise (noise.go), eight samples at a time.
//
// All is done in integers.
package scene

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// MinSize and MaxSize are the least and the greatest width and height in pixels.
const (
	MinSize = 16
	MaxSize = 4096
)

// ErrConfig: a Config that New cannot use. Its errors wrap it.
var ErrConfig = errors.New("scene: cannot be drawn")

// Config says what to draw.
type Config struct {
	Width, Height int     // pixels, MinSize to MaxSize, even or odd
	Rate          float64 // pictures a second, above 0: picture n is of the time n/Rate seconds
	Seed          uint64  // another seed is another video of the same kind
}

// Scene is a video to be rendered. Render it from one goroutine at a time.
type Scene struct {
	config Config
	unit   int // pixels: the smaller side, which everything is measured in
	places [placeCount]place
	people [personCount]person
	noise  noise
}

const placeCount, personCount = 3, 3

// New paints what the scene is made of, which takes about as long as rendering a hundred pictures. Errors wrap ErrConfig.
func New(c Config) (*Scene, error) {
	if c.Width < MinSize || c.Width > MaxSize || c.Height < MinSize || c.Height > MaxSize {
		return nil, fmt.Errorf("%w: size %dx%d, must be %dx%d to %dx%d", ErrConfig, c.Width, c.Height, MinSize, MinSize, MaxSize, MaxSize)
	}
	if !(c.Rate > 0) || math.IsInf(c.Rate, 0) {
		return nil, fmt.Errorf("%w: %v pictures a second, must be above 0", ErrConfig, c.Rate)
	}
	s := &Scene{config: c, unit: min(c.Width, c.Height)}
	for i := range s.places {
		s.places[i] = paintPlace(i, c.Width, c.Height, s.unit, hash(c.Seed, 1, uint64(i)))
	}
	for i := range s.people {
		s.people[i] = paintPerson(i, s.unit, hash(c.Seed, 2, uint64(i)))
	}
	s.noise = newNoise(c.Width, hash(c.Seed, 3, 0))
	return s, nil
}

// NewPicture returns a picture for Render.
func (s *Scene) NewPicture() *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, s.config.Width, s.config.Height), image.YCbCrSubsampleRatio420)
}

// Render draws picture n into a 4:2:0 picture of the scene's size whose Rect begins at an even place, such as NewPicture makes.
// It panics for any other. Only n and the Config decide what is drawn.
func (s *Scene) Render(n uint64, into *image.YCbCr) {
	if into.SubsampleRatio != image.YCbCrSubsampleRatio420 || into.Rect.Dx() != s.config.Width || into.Rect.Dy() != s.config.Height ||
		(into.Rect.Min.X|into.Rect.Min.Y)&1 != 0 {
		panic(fmt.Sprintf("scene: picture is %v, %v; must be 4:2:0 and %dx%d", into.Rect, into.SubsampleRatio, s.config.Width, s.config.Height))
	}
	f := frameOf(into)
	m := s.motionAt(n)
	place, person := &s.places[m.place], &s.people[m.person]

	f.draw(&place.layer, m.camera)
	f.draw(&person.shoulders, m.shoulders)
	f.draw(&person.head, m.head)
	person.drawFace(f, m)
	s.noise.add(f, hash(s.config.Seed, 4, n))
}

// hash mixes numbers into one that looks random (the finalizer of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
func hash(values ...uint64) uint64 {
	h := uint64(0)
	for _, v := range values {
		h = (h ^ v) + 0x9E3779B97F4A7C15
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	return h
}
