package main

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/codec/y4m"
)

// stream is an IVF file and the state of its decoding.
type stream struct {
	name    string
	closer  io.Closer
	file    *ivf.Reader
	state   *vp8.State // from which the next frame is decoded
	options vp8.DecodeOptions
	number  int // of the frame that was read last; the first is 1
	frame   []byte
	pending bool // frame was read already, to find the size, and is still to be handed out
}

// openStream opens an IVF file. Its first state is the one in the file stateIn if that is not empty, else a new one of the size in
// the header, else, where the header has none, of the size in the first frame.
func (s *session) openStream(name, stateIn string) (*stream, error) {
	in, err := s.open(name)
	if err != nil {
		return nil, err
	}
	v := &stream{name: name, closer: in}
	if err := v.begin(in, stateIn); err != nil {
		in.Close()
		return nil, err
	}
	return v, nil
}

func (v *stream) begin(in io.Reader, stateIn string) (err error) {
	if v.file, err = ivf.NewReader(bufio.NewReader(in)); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	if stateIn != "" {
		v.state, err = loadState(stateIn)
		return err
	}
	h := v.file.Header()
	if v.state, err = vp8.NewState(h.Width, h.Height); err == nil {
		return nil
	}
	if _, err := v.next(); err == io.EOF {
		return fmt.Errorf("%s: it has no frames, and no size in its header", v.name)
	} else if err != nil {
		return err
	}
	v.pending = true
	any, err := vp8.NewState(1, 1) // a key frame can be inspected from every state
	if err != nil {
		return err
	}
	info, err := vp8.Inspect(any, v.frame)
	if err != nil {
		return v.explain(err)
	}
	v.state, err = vp8.NewState(info.Width, info.Height)
	return err
}

// next reads the next frame. It is valid until the next call. At the end it returns io.EOF itself.
func (v *stream) next() ([]byte, error) {
	if v.pending {
		v.pending = false
		return v.frame, nil
	}
	frame, _, err := v.file.Next(v.frame)
	if err == io.EOF {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	v.frame = frame
	v.number++
	return frame, nil
}

// decode decodes the frame that next returned and goes on to the state it leads to. The picture is nil if it is not to be shown,
// and valid until the next call.
func (v *stream) decode(frame []byte) (*image.YCbCr, error) {
	next, picture, err := vp8.DecodeWith(v.state, frame, v.options)
	if err != nil {
		return nil, v.explain(err)
	}
	v.state.Release()
	v.state = next
	return picture, nil
}

// explain says which frame an error of the codec is about, and what can be done.
func (v *stream) explain(err error) error {
	if errors.Is(err, vp8.ErrNoReference) {
		err = fmt.Errorf("%w: the video must begin with a key frame, or go on from --state-in", err)
	}
	return fmt.Errorf("%s: frame %d: %w", v.name, v.number, err)
}

// rate returns the frame rate as far as an IVF file tells it: one frame for each unit of its time stamps.
func (v *stream) rate() y4m.Rate {
	h := v.file.Header()
	if h.Rate == 0 || h.Scale == 0 || h.Rate > math.MaxInt32 || h.Scale > math.MaxInt32 {
		return y4m.Rate{}
	}
	return y4m.Rate{Num: int(h.Rate), Den: int(h.Scale)}
}

func (v *stream) close() { v.closer.Close() }
