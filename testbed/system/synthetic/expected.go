package synthetic

import (
	"image"
	"math/bits"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
	"salsify/testbed/quality"
)

// What the system does to each picture, and so what the testbed must report.

// Shows tells whether picture n of a video comes on the screen.
func (c Config) Shows(n uint64, rate y4m.Rate) bool {
	if n%uint64(max(c.Every, 1)) != 0 {
		return false
	}
	at := c.ShownAfter(n, rate)
	return c.FreezeFor <= 0 || at < c.FreezeAt || at >= c.FreezeAt+c.FreezeFor
}

// ShownAfter returns how long after the call's start picture n is on the screen, if it is shown: the delay after it was due.
func (c Config) ShownAfter(n uint64, rate y4m.Rate) time.Duration { return due(n, rate) + c.Delay }

// due returns how long after the start picture n is due. Rates are above 0, and n is below 2^48 (package clip).
func due(n uint64, rate y4m.Rate) time.Duration {
	high, low := bits.Mul64(n, uint64(rate.Den)*uint64(time.Second))
	if high >= uint64(rate.Num) {
		return 1<<63 - 1 // beyond 292 years
	}
	nanoseconds, _ := bits.Div64(high, low, uint64(rate.Num))
	return time.Duration(nanoseconds)
}

// Distort does to the luma of picture n what the screen gets of it: each sample goes up or down by Noise, as a coin says that was tossed for this
// picture and place, but not below 0 or above 255. So the mean squared error is Noise squared, less what was cut off. Chroma stays.
func (c Config) Distort(n uint64, p *image.YCbCr) {
	if c.Noise == 0 {
		return
	}
	// What becomes of each value, down and up.
	var moved [2][256]byte
	for value := range 256 {
		moved[0][value] = byte(max(value-c.Noise, 0))
		moved[1][value] = byte(min(value+c.Noise, 255))
	}
	width := p.Rect.Dx()
	coins := mix(n)
	for y := range p.Rect.Dy() {
		row := p.Y[p.YOffset(p.Rect.Min.X, p.Rect.Min.Y+y):][:width]
		for len(row) > 0 {
			coins = mix(coins)
			tossed := coins
			part := row[:min(64, len(row))]
			for x, value := range part {
				part[x] = moved[tossed&1][value]
				tossed >>= 1
			}
			row = row[len(part):]
		}
	}
}

// mix makes a random-looking value of another: a step of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
func mix(z uint64) uint64 {
	z += 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Score returns how picture n of the video looks on the screen.
func (c Config) Score(video *clip.Video, n uint64) (quality.Score, error) {
	original, seen := video.NewPicture(), video.NewPicture()
	video.Picture(n, original)
	video.Picture(n, seen)
	c.Distort(n, seen)
	var comparer clip.Comparer
	return comparer.Compare(original, seen)
}

// Picture is one that comes on the screen. Both times count from the call's start.
type Picture struct {
	Number      uint64
	Due, ShowAt time.Duration
}

// Pictures returns what comes on the screen in a call of that length, in order.
func (c Config) Pictures(rate y4m.Rate, length time.Duration) []Picture {
	var pictures []Picture
	for n := uint64(0); c.ShownAfter(n, rate) < length; n++ {
		if c.Shows(n, rate) {
			pictures = append(pictures, Picture{n, due(n, rate), c.ShownAfter(n, rate)})
		}
	}
	return pictures
}
