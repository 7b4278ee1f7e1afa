package main

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"

	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/codec/y4m"
)

// measureStream fills in the frames, bits and quality of a stream. It decodes with our decoder; should that fail, with vpxdec,
// and says so: a bench of the encoder ought not to stop for the decoder.
func (b *bencher) measureStream(ctx context.Context, source, stream string, m *measurement) error {
	_, frames, err := readStream(stream)
	if err != nil {
		return err
	}
	m.Frames = len(frames)
	for _, frame := range frames {
		m.Bits += 8 * int64(len(frame))
	}
	err = b.measureDecoded(ctx, source, stream, m, openOurDecoder)
	if err != nil && ctx.Err() == nil {
		b.progress.note("our decoder failed (%v); taking vpxdec", err)
		err = b.measureDecoded(ctx, source, stream, m, b.openVpxdec)
	}
	return err
}

// readStream returns the header and the frames of an IVF file.
func readStream(path string) (h ivf.Header, frames [][]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return h, nil, err
	}
	defer file.Close()
	in, err := ivf.NewReader(bufio.NewReader(file))
	if err != nil {
		return h, nil, err
	}
	for {
		frame, _, err := in.Next(nil)
		if err == io.EOF {
			return in.Header(), frames, nil
		}
		if err != nil {
			return h, nil, err
		}
		frames = append(frames, frame)
	}
}

// repeatStream writes frames several times over to an IVF file. The first must be a key frame.
func repeatStream(path string, h ivf.Header, frames [][]byte, times int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out, err := ivf.NewWriter(file, h)
	if err != nil {
		return err
	}
	for i := range times * len(frames) {
		if err := out.Write(frames[i%len(frames)], uint64(i)); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return file.Close()
}

// decoder returns one shown picture after the other, each valid until the next call, and io.EOF at the end.
type decoder struct {
	next  func() (*image.YCbCr, error)
	close func()
}

func (b *bencher) measureDecoded(ctx context.Context, source, stream string, m *measurement,
	open func(ctx context.Context, stream string) (*decoder, error)) error {
	d, err := open(ctx, stream)
	if err != nil {
		return err
	}
	defer d.close()
	score, frames, err := compareClip(ctx, source, func(*image.YCbCr) (*image.YCbCr, error) { return d.next() })
	if err != nil {
		return err
	}
	if frames != m.Frames {
		return fmt.Errorf("the stream has %d frames, the clip %d", m.Frames, frames)
	}
	m.SSIM, m.MSE = score.SSIM, score.MSE
	return nil
}

// openOurDecoder decodes a stream with vp8.Decode.
func openOurDecoder(_ context.Context, stream string) (*decoder, error) {
	return openWith(stream, vp8.DecodeOptions{})
}

// openWith decodes a stream with vp8.DecodeWith.
func openWith(stream string, o vp8.DecodeOptions) (*decoder, error) {
	file, err := os.Open(stream)
	if err != nil {
		return nil, err
	}
	in, err := ivf.NewReader(bufio.NewReader(file))
	if err != nil {
		file.Close()
		return nil, err
	}
	state, err := vp8.NewState(in.Header().Width, in.Header().Height)
	if err != nil {
		file.Close()
		return nil, err
	}
	var buf []byte
	next := func() (*image.YCbCr, error) {
		for {
			if buf, _, err = in.Next(buf); err != nil {
				return nil, err
			}
			after, picture, err := vp8.DecodeWith(state, buf, o)
			if err != nil {
				return nil, err
			}
			state.Release()
			state = after
			if picture != nil {
				return picture, nil
			}
		}
	}
	return &decoder{next: next, close: func() { file.Close() }}, nil
}

// openVpxdec decodes a stream with vpxdec, which writes raw pictures to a pipe.
func (b *bencher) openVpxdec(ctx context.Context, stream string) (*decoder, error) {
	file, err := os.Open(stream)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in, err := ivf.NewReader(file)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, b.tools["vpxdec"], "--i420", "-o", "-", stream)
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	picture := y4m.Header{Width: in.Header().Width, Height: in.Header().Height}.NewPicture()
	next := func() (*image.YCbCr, error) {
		for _, plane := range [][]byte{picture.Y, picture.Cb, picture.Cr} {
			if _, err := io.ReadFull(pipe, plane); err != nil {
				return nil, err
			}
		}
		return picture, nil
	}
	return &decoder{next: next, close: func() {
		cancel()
		_ = cmd.Wait() // it may have been stopped early; what it gave was checked by then
	}}, nil
}
