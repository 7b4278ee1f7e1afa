package ivf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Reading, in order:
//
//  1. NewReader reads the file header, and skips what the header length field says it has beyond 32 bytes.
//  2. Next reads a frame header and refuses a length above MaxFrameBytes.
//  3. Next reads the data piece by piece, so that memory grows only as data really comes.
//  4. Between two frames the file may end; anywhere else it is truncated. The frame count of the header is not relied on.

// pieceBytes is how much memory is added at a time while a frame is read. Most frames of a video call are shorter.
const pieceBytes = 64 << 10

// Reader reads frames from an IVF stream. It reads no further than the frame that was asked for.
type Reader struct {
	in     io.Reader
	header Header
	frames int
	err    error // the first error; there is no way on from it
}

// NewReader reads the file header. Errors wrap ErrFormat or ErrCodec, or are those of in.
func NewReader(in io.Reader) (*Reader, error) {
	var b [fileHeaderBytes]byte
	n, err := io.ReadFull(in, b[:])
	if ended(err) {
		return nil, fmt.Errorf("%w: it has %d bytes, the header alone takes %d", ErrFormat, n, fileHeaderBytes)
	}
	if err != nil {
		return nil, err
	}
	if string(b[:4]) != signature {
		return nil, fmt.Errorf("%w: it begins with %q instead of %q", ErrFormat, b[:4], signature)
	}
	if version := binary.LittleEndian.Uint16(b[4:]); version != 0 {
		return nil, fmt.Errorf("%w: version %d, only version 0 is known", ErrFormat, version)
	}
	if codec := b[8:12]; string(codec) != fourCC {
		return nil, fmt.Errorf("%w: its FourCC is %q, must be %q", ErrCodec, codec, fourCC)
	}
	length := int64(binary.LittleEndian.Uint16(b[6:]))
	if length < fileHeaderBytes {
		return nil, fmt.Errorf("%w: header length %d, must be at least %d", ErrFormat, length, fileHeaderBytes)
	}
	if _, err := io.CopyN(io.Discard, in, length-fileHeaderBytes); ended(err) {
		return nil, fmt.Errorf("%w: it ends within its header of %d bytes", ErrFormat, length)
	} else if err != nil {
		return nil, err
	}
	return &Reader{in: in, header: Header{
		Width:  int(binary.LittleEndian.Uint16(b[12:])),
		Height: int(binary.LittleEndian.Uint16(b[14:])),
		Rate:   binary.LittleEndian.Uint32(b[16:]),
		Scale:  binary.LittleEndian.Uint32(b[20:]),
		Frames: binary.LittleEndian.Uint32(b[countOffset:]),
	}}, nil
}

// Header returns what the file header says.
func (r *Reader) Header() Header { return r.header }

// Next reads the next frame into buf, which it makes longer as needed, and returns its data and its time stamp in the header's
// unit. Pass the last frame to use its memory again, or nil. A frame may be empty: some encoders write that for a dropped
// picture.
//
// It returns io.EOF itself after the last frame. Other errors wrap ErrTruncated or ErrTooLong, or are those of the input; after
// one the Reader repeats it.
func (r *Reader) Next(buf []byte) (frame []byte, time uint64, err error) {
	if r.err != nil {
		return nil, 0, r.err
	}
	frame, time, r.err = r.next(buf[:0])
	if r.err != nil {
		return nil, 0, r.err
	}
	r.frames++
	return frame, time, nil
}

func (r *Reader) next(frame []byte) ([]byte, uint64, error) {
	// The header goes through buf too, since a local array would move to the heap for every frame.
	frame = slices.Grow(frame, frameHeaderBytes)[:frameHeaderBytes]
	if _, err := io.ReadFull(r.in, frame); errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, r.truncated()
	} else if err != nil {
		return nil, 0, err // io.EOF between two frames
	}
	length := binary.LittleEndian.Uint32(frame)
	time := binary.LittleEndian.Uint64(frame[4:])
	if length > MaxFrameBytes {
		return nil, 0, fmt.Errorf("%w: frame %d claims %d bytes, at most %d are read", ErrTooLong, r.frames+1, length, MaxFrameBytes)
	}
	frame = frame[:0]
	for left := int(length); left > 0; {
		piece := min(left, max(pieceBytes, cap(frame)-len(frame)))
		start := len(frame)
		frame = slices.Grow(frame, piece)[:start+piece]
		if _, err := io.ReadFull(r.in, frame[start:]); ended(err) {
			return nil, 0, r.truncated()
		} else if err != nil {
			return nil, 0, err
		}
		left -= piece
	}
	return frame, time, nil
}

func (r *Reader) truncated() error {
	return fmt.Errorf("%w: %d whole frames were read, frame %d is cut short", ErrTruncated, r.frames, r.frames+1)
}

// ended tells whether a read failed for want of data.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
