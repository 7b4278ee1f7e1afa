package ivf

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Writing, in order:
//
//  1. NewWriter writes the file header with the frame count of 0, and notes where it lies if the output can seek.
//  2. Write writes a frame with its header in one Write, so that a reader at the other end of a pipe gets it at once.
//  3. Close goes back and writes the frame count. On a pipe it stays 0, which readers take for "unknown".

// Writer writes frames to an IVF stream. It keeps nothing back.
type Writer struct {
	out    io.Writer
	seeker io.Seeker // nil on a pipe
	start  int64     // where in the output the file begins
	frames uint32
	buf    []byte // header and data of a frame, used again for each
}

// NewWriter writes the file header. h.Frames is not used. Errors wrap ErrSize, or are those of out.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	if h.Width < 0 || h.Width > math.MaxUint16 || h.Height < 0 || h.Height > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %dx%d", ErrSize, h.Width, h.Height)
	}
	w := &Writer{out: out}
	if s, ok := out.(io.Seeker); ok {
		// A pipe that is an *os.File has a Seek, but it fails.
		if start, err := s.Seek(0, io.SeekCurrent); err == nil {
			w.seeker, w.start = s, start
		}
	}
	b := append(make([]byte, 0, fileHeaderBytes), signature...)
	b = binary.LittleEndian.AppendUint16(b, 0) // version
	b = binary.LittleEndian.AppendUint16(b, fileHeaderBytes)
	b = append(b, fourCC...)
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Width))
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Height))
	b = binary.LittleEndian.AppendUint32(b, h.Rate)
	b = binary.LittleEndian.AppendUint32(b, h.Scale)
	b = append(b, make([]byte, fileHeaderBytes-len(b))...) // frame count, unused
	if _, err := out.Write(b); err != nil {
		return nil, err
	}
	return w, nil
}

// Write writes a frame with its time stamp in the header's unit. An error wraps ErrTooLong, and then nothing was written, or is
// the output's.
func (w *Writer) Write(frame []byte, time uint64) error {
	if len(frame) > MaxFrameBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are written", ErrTooLong, len(frame), MaxFrameBytes)
	}
	w.buf = binary.LittleEndian.AppendUint32(w.buf[:0], uint32(len(frame)))
	w.buf = binary.LittleEndian.AppendUint64(w.buf, time)
	w.buf = append(w.buf, frame...)
	if _, err := w.out.Write(w.buf); err != nil {
		return err
	}
	w.frames++
	return nil
}

// Close writes the frame count into the file header if the output can seek, and leaves the output at its end. It does not close
// the output. The error is the output's.
func (w *Writer) Close() error {
	if w.seeker == nil {
		return nil
	}
	end, err := w.seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := w.seeker.Seek(w.start+countOffset, io.SeekStart); err != nil {
		return err
	}
	if _, err := w.out.Write(binary.LittleEndian.AppendUint32(nil, w.frames)); err != nil {
		return err
	}
	_, err = w.seeker.Seek(end, io.SeekStart)
	return err
}
