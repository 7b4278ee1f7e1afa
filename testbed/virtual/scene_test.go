package virtual

import (
	"image"
	"math/rand/v2"
	"sync"
)

// The scene of the tests: a textured wall in a pan, a bright figure that moves across it, whose texture is another in every picture, as of
// leaves in the wind, and noise as of a sensor. So there is detail to send that is no noise, and the slower links of the tests are filled.
const (
	sceneWidth, sceneHeight = 320, 180
	sceneLength             = 60 // pictures, played forth and back
	sceneNoise              = 5  // luma steps from end to end
	figureSize              = 60 // pixels: its radius
)

// scenePictures paints the scene once, for all tests.
var scenePictures = sync.OnceValue(func() []*image.YCbCr {
	random := rand.New(rand.NewPCG(1, 2))
	const wallSize = 512 // a power of two; the wall repeats
	wall := texture(random, wallSize, 150)
	coat := texture(random, wallSize, 90)
	pictures := make([]*image.YCbCr, sceneLength)
	for n := range pictures {
		p := image.NewYCbCr(image.Rect(0, 0, sceneWidth, sceneHeight), image.YCbCrSubsampleRatio420)
		figureX, figureY := sceneWidth/4+2*n, sceneHeight/2+n%16
		for y := range sceneHeight {
			for x := range sceneWidth {
				v := wall[(y+n/3)%wallSize*wallSize+(x+n)%wallSize]
				if dx, dy := x-figureX, y-figureY; dx*dx+dy*dy < figureSize*figureSize {
					v = coat[(dy+wallSize+97*n)%wallSize*wallSize+(dx+wallSize+61*n)%wallSize] + 60
				}
				p.Y[y*p.YStride+x] = uint8(min(max(v+random.IntN(sceneNoise)-sceneNoise/2, 0), 255))
			}
		}
		for y := range sceneHeight / 2 {
			for x := range sceneWidth / 2 {
				p.Cb[y*p.CStride+x] = uint8(118 + (x+n/2)/16%8)
				p.Cr[y*p.CStride+x] = uint8(130 + y/16%8)
			}
		}
		pictures[n] = p
	}
	return pictures
})

// texture paints a square of blotches of several sizes.
func texture(random *rand.Rand, size, contrast int) []int {
	t := make([]int, size*size)
	for blotch := 32; blotch >= 2; blotch /= 2 {
		of := size / blotch
		heights := make([]int, of*of)
		for i := range heights {
			heights[i] = random.IntN(contrast/2) - contrast/4
		}
		for y := range size {
			for x := range size {
				// Between the four corners the height is interpolated.
				cx, cy, fx, fy := x/blotch, y/blotch, x%blotch, y%blotch
				at := func(cx, cy int) int { return heights[cy%of*of+cx%of] }
				upper := at(cx, cy)*(blotch-fx) + at(cx+1, cy)*fx
				lower := at(cx, cy+1)*(blotch-fx) + at(cx+1, cy+1)*fx
				t[y*size+x] += (upper*(blotch-fy) + lower*fy) / (blotch * blotch)
			}
		}
	}
	for i := range t {
		t[i] = min(max(t[i]+110, 16), 235)
	}
	return t
}

// scene gives picture n, forth and back without an end.
func scene(n uint64) *image.YCbCr {
	pictures := scenePictures()
	last := uint64(len(pictures) - 1)
	i := n % (2 * last)
	if i > last {
		i = 2*last - i
	}
	return pictures[i]
}

// drawn draws pictures that are there already.
func drawn(pictures func(n uint64) *image.YCbCr) func(n uint64, picture *image.YCbCr) {
	return func(n uint64, picture *image.YCbCr) {
		from := pictures(n)
		copy(picture.Y, from.Y)
		copy(picture.Cb, from.Cb)
		copy(picture.Cr, from.Cr)
	}
}
