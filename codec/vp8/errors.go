package vp8

import "errors"

// The kinds of error that Decode, Encode and UnmarshalBinary return, to be tested with errors.Is. Each returned error wraps
// one of them with the details. After an error every State is as it was.
var (
	// ErrTruncated: the frame ends before its headers or partitions do.
	ErrTruncated = errors.New("vp8: frame is truncated")
	// ErrFormat: the frame contradicts the bitstream format.
	ErrFormat = errors.New("vp8: frame is malformed")
	// ErrNoReference: an interframe cannot be decoded or re-encoded from a State that holds no picture.
	ErrNoReference = errors.New("vp8: interframe needs a state that holds a picture")
	// ErrSize: a picture size that VP8 cannot express, or that does not match the State's.
	ErrSize = errors.New("vp8: picture size is not usable")
	// ErrOptions: an option of Encode is out of its range.
	ErrOptions = errors.New("vp8: option is out of range")
	// ErrBudget: no quantizer brings the picture under the byte budget.
	ErrBudget = errors.New("vp8: picture does not fit the byte budget")
	// ErrReleased: the State was released and may not be used any more.
	ErrReleased = errors.New("vp8: state was released")
	// ErrStateData: bytes given to UnmarshalBinary are not a marshalled State, or were damaged.
	ErrStateData = errors.New("vp8: not a marshalled state")
)
