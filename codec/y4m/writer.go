package y4m

import (
	"fmt"
	"image"
	"io"
)

// Writer writes frames to a YUV4MPEG2 stream. It keeps nothing back: each frame goes out in one Write.
type Writer struct {
	out    io.Writer
	header Header
	frame  []byte // a whole frame with its marker, used again for each
}

// NewWriter writes the header, as progressive 4:2:0 (C420jpeg, the tag that every tool reads). Errors wrap ErrFormat for a
// header that cannot be written, or are those of out.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	_, err := fmt.Fprintf(out, "%s W%d H%d F%d:%d Ip C420jpeg\n", signature, h.Width, h.Height, h.Rate.Num, h.Rate.Den)
	if err != nil {
		return nil, err
	}
	return &Writer{out: out, header: h}, nil
}

// Write writes one picture, which must be 4:2:0 and of the header's size, with any stride and origin; else the error
// wraps ErrSize and nothing was written. Other errors are those of the output.
func (w *Writer) Write(picture *image.YCbCr) error {
	planes, err := w.header.planes(picture)
	if err != nil {
		return err
	}
	if w.frame == nil {
		w.frame = make([]byte, 0, len(frameMarker)+1+w.header.FrameBytes())
	}
	w.frame = append(w.frame[:0], frameMarker+"\n"...)
	for _, p := range planes {
		for y := range p.height {
			w.frame = append(w.frame, p.row(y)...)
		}
	}
	_, err = w.out.Write(w.frame)
	return err
}
