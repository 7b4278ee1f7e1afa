package vp8

import (
	"fmt"
	"image"
	"testing"
)

// BenchmarkEncode720p encodes our own moving texture, and a camera where the shared clips are there, on one core. Bytes
// allocated are those of an encoder that releases its States.
func BenchmarkEncode720p(b *testing.B) {
	for _, clip := range []struct {
		name     string
		pictures func(b *testing.B) []byte
	}{
		{"texture", func(*testing.B) []byte { return testClip(1280, 720, 12) }},
		{"camera", cameraClip},
	} {
		for _, effort := range []int{MinEffort, DefaultEffort, MaxEffort} {
			b.Run(fmt.Sprintf("%s/effort%d", clip.name, effort), func(b *testing.B) {
				benchmarkEncode(b, clip.pictures(b), effort)
			})
		}
	}
}

func benchmarkEncode(b *testing.B, pictures []byte, effort int) {
	const width, height = 1280, 720
	const luma, size = width * height, width * height * 3 / 2
	s := firstState(b, width, height)
	bytes := 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		at := pictures[i*size%len(pictures):][:size]
		src := &image.YCbCr{
			Y: at[:luma], Cb: at[luma : luma+luma/4], Cr: at[luma+luma/4:], YStride: width, CStride: width / 2,
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, width, height),
		}
		frame, next, _, err := Encode(s, src, Options{Quantizer: 40, Effort: effort})
		if err != nil {
			b.Fatal(err)
		}
		s.Release()
		s = next
		bytes += len(frame)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
	b.ReportMetric(float64(bytes)/float64(b.N), "B/frame")
}
