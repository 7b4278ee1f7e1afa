package y4m

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
	"strconv"
	"strings"
)

// Reading, in order:
//
//  1. NewReader reads the first line and checks every parameter that matters (parseHeader).
//  2. Read reads a FRAME line, whose parameters say nothing that is needed here.
//  3. Read fills the planes of the caller's picture, row by row or plane by plane.
//  4. Between two frames the file may end; anywhere else it is truncated.

// maxLine bounds the header line and each FRAME line, in bytes, and is the size of the read buffer. Real lines have less than
// 200 bytes; the bound keeps a file without line ends from being read into memory.
const maxLine = 64 << 10

const (
	signature   = "YUV4MPEG2"
	frameMarker = "FRAME"
)

// Reader reads frames from a YUV4MPEG2 stream.
type Reader struct {
	in     *bufio.Reader
	header Header
	frames int   // read so far
	err    error // the first error; there is no way on from it
}

// NewReader reads the header. Errors wrap ErrFormat or ErrChroma, or are those of in.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, maxLine)}
	line, err := r.line()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it ends within the header", ErrFormat)
	}
	if err != nil {
		return nil, err
	}
	r.header, err = parseHeader(line)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Header returns what the first line of the file says.
func (r *Reader) Header() Header { return r.header }

// Read reads the next frame into picture, which must be 4:2:0 and of the header's size, with any stride and origin;
// Header.NewPicture makes one. It returns io.EOF itself after the last frame. Other errors wrap ErrTruncated, ErrFormat or
// ErrSize, or are those of the input. After ErrSize nothing has been read; after any other the Reader repeats its error, and the
// picture holds part of a frame.
func (r *Reader) Read(picture *image.YCbCr) error {
	planes, err := r.header.planes(picture)
	if err != nil {
		return err
	}
	if r.err == nil {
		r.err = r.frame(planes)
	}
	return r.err
}

func (r *Reader) frame(planes [3]rows) error {
	if _, err := r.in.Peek(1); err != nil {
		return err // io.EOF between two frames
	}
	marker, err := r.line()
	if errors.Is(err, io.EOF) {
		return r.truncated()
	}
	if err != nil {
		return err
	}
	if marker != frameMarker && !strings.HasPrefix(marker, frameMarker+" ") {
		return fmt.Errorf("%w: frame %d begins with %.20q instead of %s", ErrFormat, r.frames+1, marker, frameMarker)
	}
	for _, p := range planes {
		for y := range p.height {
			if _, err := io.ReadFull(r.in, p.row(y)); err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					return r.truncated()
				}
				return err
			}
		}
	}
	r.frames++
	return nil
}

func (r *Reader) truncated() error {
	return fmt.Errorf("%w: %d whole frames were read, frame %d is cut short", ErrTruncated, r.frames, r.frames+1)
}

// line reads up to the next line end, without it. It returns io.EOF if the input ends before.
func (r *Reader) line() (string, error) {
	line, err := r.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: no line end within %d bytes", ErrFormat, maxLine)
	case err != nil:
		return "", err
	}
	if string(line) == frameMarker+"\n" {
		return frameMarker, nil // the usual line: without garbage
	}
	return string(line[:len(line)-1]), nil
}

// parseHeader reads the first line: the signature, then parameters set apart by spaces, each with a letter that tells its kind.
func parseHeader(line string) (Header, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != signature {
		return Header{}, fmt.Errorf("%w: it begins with %.20q instead of %s", ErrFormat, line, signature)
	}
	var h Header
	var err error
	for _, field := range fields[1:] {
		value := field[1:]
		switch field[0] {
		case 'W':
			h.Width, err = number(field, value)
		case 'H':
			h.Height, err = number(field, value)
		case 'F':
			h.Rate, err = rate(field, value)
		case 'C':
			err = checkChroma(value)
		}
		// Interlacing (I), pixel shape (A), comments (X) and what may be invented yet change nothing of how the samples lie.
		if err != nil {
			return Header{}, err
		}
	}
	return h, h.check()
}

func number(field, value string) (int, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: parameter %.40q needs a number", ErrFormat, field)
	}
	return int(n), nil
}

func rate(field, value string) (Rate, error) {
	num, den, found := strings.Cut(value, ":")
	if !found {
		return Rate{}, fmt.Errorf("%w: frame rate %.40q needs two numbers as in F30000:1001", ErrFormat, field)
	}
	var r Rate
	var err error
	if r.Num, err = number(field, num); err != nil {
		return Rate{}, err
	}
	r.Den, err = number(field, den)
	return r, err
}

// checkChroma accepts the tags of 8-bit 4:2:0. Others, such as 420p10, 422 and 444alpha, order or size the samples differently.
// A file without the tag is 4:2:0.
func checkChroma(tag string) error {
	switch tag {
	case "420", "420jpeg", "420paldv", "420mpeg2":
		return nil
	}
	return fmt.Errorf("%w: the file is C%.40s; convert it first, with ffmpeg: -pix_fmt yuv420p", ErrChroma, tag)
}
