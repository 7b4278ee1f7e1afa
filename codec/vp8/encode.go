package vp8

import (
	"errors"
	"image"
)

// Efforts of Encode.
const (
	MinEffort     = 0  // the fastest
	DefaultEffort = 5  // for real time
	MaxEffort     = 10 // the best picture for the bytes
)

// Options say how Encode encodes.
type Options struct {
	Quantizer       int  // quantizer index, 0 (best) to 127
	FrameBytes      int  // if above 0: the best picture of at most that many bytes, and Quantizer is not used
	Effort          int  // MinEffort to MaxEffort
	Goroutines      int  // how many goroutines may work at once; 0 is 1. Never changes the bytes
	TokenPartitions int  // 1, 2, 4 or 8; 0 is 1
	KeyFrame        bool // ask for a key frame
}

// Stats tell what Encode did.
type Stats struct {
	Info       FrameInfo
	SSIM       float64 // estimate of the luma SSIM, 0 to 1
	SquaredErr uint64  // sum of squared luma errors
}

// Encode encodes a picture (4:2:0, of the State's size) from state s.
func Encode(s *State, picture *image.YCbCr, o Options) (frame []byte, next *State, st Stats, err error) {
	return nil, nil, Stats{}, errors.New("stub")
}
