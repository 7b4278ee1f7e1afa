package vp8

import (
	"encoding/binary"

	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/mode"
)

// FrameInfo tells what a frame is made of.
type FrameInfo struct {
	Key, Show                                 bool
	Version                                   int  // of the bitstream, 0 to 3 (RFC 6386, section 9.1)
	Width, Height                             int  // pixels
	HorizontalScale, VerticalScale            int  // scaling bits, 0 to 3, of the last key frame: reported, never applied
	Quantizer                                 int  // quantizer index, 0 to 127, of the frame; its segments may differ
	Segmentation                              bool // segments are in use
	FilterLevel, Sharpness                    int  // of the loop filter, 0 to 63 and 0 to 7
	RefreshLast, RefreshGolden, RefreshAltRef bool // whether each reference changes, to this picture or to another reference
	TokenPartitions                           int  // 1, 2, 4 or 8
	Macroblocks                               int  // of the picture
	Intra, Skipped, Split                     int  // macroblocks that are intra coded, have no coefficients, have split vectors
	FromGolden, FromAltRef                    int  // macroblocks that are predicted from there
}

// Inspect reads the headers and modes of a frame, without decoding its picture. Its errors are those of Decode, but damage in
// the coefficients is not found.
func Inspect(s *State, frame []byte) (FrameInfo, error) {
	if err := s.use(); err != nil {
		return FrameInfo{}, err
	}
	defer s.unuse()
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	if err := d.readModes(s, frame); err != nil {
		return FrameInfo{}, err
	}
	info := headerInfo(s, &d.frame)
	for row := range d.modes.Rows {
		for col := range d.modes.Cols {
			info.count(d.modes.At(col, row))
		}
	}
	return info, nil
}

// KeyFrameSize returns the size of the picture that a key frame says it holds, in pixels, and whether the frame is a key frame
// with a whole start (RFC 6386, section 9.1). A receiver can refuse a size with it before Decode takes memory.
func KeyFrameSize(frame []byte) (width, height int, key bool) {
	const start = 10 // bytes of frame tag, start code and sizes
	if len(frame) < start || frame[0]&1 != 0 {
		return 0, 0, false
	}
	return int(binary.LittleEndian.Uint16(frame[6:])) & MaxSize, int(binary.LittleEndian.Uint16(frame[8:])) & MaxSize, true
}

// count adds a macroblock.
func (info *FrameInfo) count(m *mode.Macroblock) {
	info.Macroblocks++
	switch m.Ref {
	case header.Intra:
		info.Intra++
	case header.Golden:
		info.FromGolden++
	case header.AltRef:
		info.FromAltRef++
	}
	if m.Skip {
		info.Skipped++
	}
	if m.YMode == entropy.SplitMV {
		info.Split++
	}
}

// headerInfo is what the frame header tells.
func headerInfo(s *State, f *header.Frame) FrameInfo {
	info := FrameInfo{
		Key: f.Key, Show: f.Show, Version: f.Version,
		Width: s.width, Height: s.height, HorizontalScale: s.scale[0], VerticalScale: s.scale[1],
		Quantizer: f.Quantizers.Base, Segmentation: f.Segmentation, FilterLevel: f.FilterLevel, Sharpness: f.Sharpness,
		RefreshLast:     f.RefreshLast,
		RefreshGolden:   f.RefreshGolden || f.CopyToGolden != header.CopyNone,
		RefreshAltRef:   f.RefreshAltRef || f.CopyToAltRef != header.CopyNone,
		TokenPartitions: f.Partitions,
	}
	if f.Key {
		info.Width, info.Height, info.HorizontalScale, info.VerticalScale = f.Width, f.Height, f.HorizontalScale, f.VerticalScale
	}
	return info
}
