// Package ivf reads and writes IVF files of VP8: a header of 32 bytes, then each frame with its length and time stamp in 12.
// The format has no standard; this is what libvpx and ffmpeg write and read (FourCC "VP80", version 0, all numbers little-endian):
//
//	header: 0 "DKIF", 4 version (16 bits), 6 header length (16), 8 FourCC, 12 width (16), 14 height (16),
//	        16 rate (32), 20 scale (32), 24 frame count (32), 28 unused (32)
//	frame:  0 length (32), 4 time stamp (64), 12 data
//
// Why not the ivfreader and ivfwriter packages of pion/webrtc, which the project uses elsewhere: that reader allocates
// whatever length a frame claims, up to 4 GiB, before it has seen the data, and that writer takes RTP packets only and makes the
// time stamps itself.
package ivf

import "errors"

// MaxFrameBytes is the longest frame that is read or written, in bytes. VP8 gives the lengths of its up to eight token
// partitions in 24 bits each (RFC 6386, 9.5), so no sensible frame is longer than eight times 2^24.
const MaxFrameBytes = 8 << 24

const (
	fileHeaderBytes  = 32
	frameHeaderBytes = 12
	countOffset      = 24 // where in the file header the frame count lies

	signature = "DKIF"
	fourCC    = "VP80"
)

// The kinds of error of this package, to be tested with errors.Is. Each returned error wraps one of them with the details.
var (
	// ErrFormat: the input is not IVF, or not one that can be used.
	ErrFormat = errors.New("ivf: not a usable IVF file")
	// ErrCodec: the file holds something else than VP8.
	ErrCodec = errors.New("ivf: the file does not hold VP8")
	// ErrTruncated: the input ends within a frame.
	ErrTruncated = errors.New("ivf: the file ends within a frame")
	// ErrTooLong: a frame is longer than MaxFrameBytes.
	ErrTooLong = errors.New("ivf: frame is too long")
	// ErrSize: a width or height that the file header cannot express.
	ErrSize = errors.New("ivf: picture size does not fit 16 bits")
)

// Header is what the file header says. None of it is needed for decoding, and files exist where any of it is wrong or 0.
type Header struct {
	Width, Height int    // pixels, 0 to 65535
	Rate, Scale   uint32 // a time stamp counts units of Scale/Rate seconds
	Frames        uint32 // how many frames the file holds; 0 where the writer could not know
}
