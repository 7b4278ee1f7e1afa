package convert_test

import (
	"fmt"
	"image"

	"salsify/codec/convert"
)

// A picture of a camera, packed 4:2:2, for an encoder of half its size.
func Example() {
	const width, height = 64, 48
	camera := make([]byte, 2*width*height)
	for i := 0; i < len(camera); i += 4 {
		copy(camera[i:], []byte{100, 90, 102, 240})
	}
	picture := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	small := image.NewYCbCr(image.Rect(0, 0, width/2, height/2), image.YCbCrSubsampleRatio420)
	var scaler convert.Scaler

	if err := convert.FromYUYV(picture, camera, 2*width); err != nil {
		fmt.Println(err)
		return
	}
	if err := scaler.Scale(small, picture); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(small.Rect.Size(), small.Y[0], small.Cb[0], small.Cr[0])
	fmt.Println(convert.FromYUYV(picture, camera, width))
	// Output:
	// (32,24) 101 90 240
	// convert: pixels are missing: pixels of YUYV: rows of 128 bytes cannot begin every 64 bytes
}

// A picture for a window.
func ExampleToRGB() {
	picture := image.NewYCbCr(image.Rect(0, 0, 2, 2), image.YCbCrSubsampleRatio420)
	red := []byte{255, 0, 0, 255, 0, 0}
	_ = convert.FromRGB(picture, append(red, red...), 6, convert.RGB24, convert.BT709)
	window := make([]byte, 2*2*4)
	err := convert.ToRGB(window, 2*4, convert.BGRA, picture, convert.BT709)
	fmt.Println(window[:4], err)
	// Output: [0 1 255 255] <nil>
}
