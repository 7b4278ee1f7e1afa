package vp8_test

import (
	"fmt"
	"image"
	"io"
	"os"
	"testing"

	"salsify/codec/vp8"
	"salsify/codec/y4m"
)

func BenchmarkEncodeFile(b *testing.B) {
	path := os.Getenv("CLIP")
	if path == "" {
		b.Skip("CLIP is not set")
	}
	in, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	r, err := y4m.NewReader(in)
	if err != nil {
		b.Fatal(err)
	}
	var pics []*image.YCbCr
	for len(pics) < 30 {
		p := image.NewYCbCr(image.Rect(0, 0, r.Header().Width, r.Header().Height), image.YCbCrSubsampleRatio420)
		if err := r.Read(p); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
		pics = append(pics, p)
	}
	for _, effort := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10} {
		b.Run(fmt.Sprint(effort), func(b *testing.B) {
			b.ReportAllocs()
			s, _ := vp8.NewState(r.Header().Width, r.Header().Height)
			bytes := 0
			i := 0
			for b.Loop() {
				frame, next, _, err := vp8.Encode(s, pics[i%len(pics)], vp8.Options{Quantizer: 40, Effort: effort})
				if err != nil {
					b.Fatal(err)
				}
				s.Release()
				s = next
				bytes += len(frame)
				i++
			}
			b.ReportMetric(float64(bytes)/float64(i), "bytes/frame")
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(i), "ms/frame")
		})
	}
}
