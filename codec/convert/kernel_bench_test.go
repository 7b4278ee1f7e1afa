package convert

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"salsify/codec/internal/kerneltest"
)

// Everything is measured on whole pictures of 720p, at each level of vector instructions: the first one is the plain Go that
// defines it. Throughput is of the larger picture's pixels.

const benchWidth, benchHeight = 1280, 720

func compare(b *testing.B, name string, pixels int, run func() error) {
	kerneltest.Compare(b, name, pixels, nil, func() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkConvert720p(b *testing.B) {
	const pixels = benchWidth * benchHeight
	rng := rand.New(rand.NewPCG(1, 1))
	p, src := newPicture(rng, benchWidth, benchHeight), noise(rng, 4*pixels)
	compare(b, "YUYV", pixels, func() error { return FromYUYV(p, src, 2*benchWidth) })
	compare(b, "UYVY", pixels, func() error { return FromUYVY(p, src, 2*benchWidth) })
	compare(b, "NV12", pixels, func() error { return FromNV12(p, src, benchWidth, src[pixels:], benchWidth) })
	compare(b, "RGB24", pixels, func() error { return FromRGB(p, src, 3*benchWidth, RGB24, BT601) })
	compare(b, "BGRA", pixels, func() error { return FromRGB(p, src, 4*benchWidth, BGRA, BT601) })
	compare(b, "ToBGRA", pixels, func() error { return ToRGB(src, 4*benchWidth, BGRA, p, BT601) })
}

func BenchmarkScale(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		width, height, toWidth, toHeight int
		filter                           Filter
	}{
		{1280, 720, 640, 360, Area},
		{1280, 720, 320, 180, Area},
		{1280, 720, 854, 480, Area},
		{1280, 720, 854, 480, Bilinear},
		{1280, 720, 426, 240, Area},
		{640, 360, 1280, 720, Area},
		{1920, 1080, 1280, 720, Area},
		{1280, 720, 1920, 1080, Area},
	} {
		from, to := newPicture(rng, c.width, c.height), newPicture(rng, c.toWidth, c.toHeight)
		s := Scaler{Filter: c.filter}
		name := fmt.Sprintf("%dx%d-%dx%d-%s", c.width, c.height, c.toWidth, c.toHeight, [...]string{"area", "bilinear"}[c.filter])
		compare(b, name, max(c.width*c.height, c.toWidth*c.toHeight), func() error { return s.Scale(to, from) })
	}
}
