package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"salsify/codec/y4m"
)

// file is the source FILE.y4m. Where its frames lie is looked up once; then each is read when its time comes, which the system
// mostly serves from memory. Captured is the moment of handing over.
type file struct {
	closing
	schedule schedule
	in       *os.File
	header   y4m.Header
	offsets  []int64 // of the samples of each frame
	loop     bool
	pool     *pool
}

func openFile(path string, o Options, rate y4m.Rate) (Source, error) {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no file %s; check the name, or try the scene, test: without a name", ErrSource, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be opened: %w", ErrSource, path, reason(err))
	}
	f := &file{closing: closing{closed: make(chan struct{})}, in: in, loop: o.Loop}
	if err := f.open(path, o, rate); err != nil {
		_ = in.Close()
		return nil, err
	}
	return f, nil
}

func (f *file) open(path string, o Options, rate y4m.Rate) error {
	info, err := f.in.Stat()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, path, reason(err))
	}
	if info.IsDir() {
		return fmt.Errorf("%w: %s is a directory; name a file in it", ErrSource, path)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file; give a pipe as standard input: - < %s", ErrSource, path, path)
	}
	r, err := y4m.NewReader(io.NewSectionReader(f.in, 0, info.Size()))
	if err != nil {
		return fmt.Errorf("%w: %s: %w; if it is a video, convert it: ffmpeg -i %s -pix_fmt yuv420p OUT.y4m", ErrSource, path, err, path)
	}
	f.header = r.Header()
	f.schedule.rate, err = checkHeader(path, f.header, o, rate)
	if err != nil {
		return err
	}
	f.offsets, err = frameOffsets(f.in, info.Size(), int64(f.header.FrameBytes()))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, path, err)
	}
	if len(f.offsets) == 0 {
		return fmt.Errorf("%w: %s has a header, but no pictures; make it again", ErrSource, path)
	}
	f.pool = newPool(f.header.Width, f.header.Height)
	return nil
}

// frameOffsets finds where the samples of each frame begin: after the header's line, and after each line that begins with FRAME.
func frameOffsets(in io.ReaderAt, size, frameBytes int64) ([]int64, error) {
	const marker = "FRAME"
	at, err := lineEnd(in, 0)
	if err != nil {
		return nil, err
	}
	var offsets []int64
	for at < size {
		var begin [len(marker)]byte
		if _, err := in.ReadAt(begin[:], at); err != nil && !errors.Is(err, io.EOF) {
			return nil, reason(err)
		} else if err == nil && string(begin[:]) != marker {
			return nil, fmt.Errorf("%w: frame %d begins with %q instead of %s", y4m.ErrFormat, len(offsets)+1, begin, marker)
		}
		begins, err := lineEnd(in, at)
		if errors.Is(err, io.EOF) || err == nil && begins+frameBytes > size {
			return nil, fmt.Errorf("%w: frame %d is cut short; cut it off: ffmpeg -i IN -frames:v %d OUT.y4m",
				y4m.ErrTruncated, len(offsets)+1, len(offsets))
		}
		if err != nil {
			return nil, err
		}
		offsets = append(offsets, begins)
		at = begins + frameBytes
	}
	return offsets, nil
}

// lineEnd returns where the line that begins at an offset ends, after its end mark; io.EOF if the file ends before.
func lineEnd(in io.ReaderAt, at int64) (int64, error) {
	// Nearly all lines are "FRAME\n" or a header of less than 200 bytes. The bound is that of package y4m.
	const piece, maxLine = 256, 64 << 10
	var buffer [piece]byte
	for from := at; from < at+maxLine; from += piece {
		n, err := in.ReadAt(buffer[:], from)
		if end := bytes.IndexByte(buffer[:n], '\n'); end >= 0 {
			return from + int64(end) + 1, nil
		}
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, reason(err)
		}
	}
	return 0, fmt.Errorf("%w: no line end within %d bytes", y4m.ErrFormat, maxLine)
}

func (f *file) Size() (width, height int) { return f.header.Width, f.header.Height }

func (f *file) Rate() y4m.Rate { return f.schedule.rate }

func (f *file) Next(ctx context.Context) (*Picture, error) {
	if err := f.ended(ctx); err != nil {
		return nil, err
	}
	before := f.schedule.next
	number, due := f.schedule.take(time.Now())
	index := number
	if f.loop {
		index = pingPong(number, uint64(len(f.offsets)))
	} else if number >= uint64(len(f.offsets)) {
		return nil, io.EOF
	}
	p := &Picture{Image: f.pool.get(), Number: number, pool: f.pool}
	err := f.read(p, f.offsets[index])
	if err == nil {
		err = f.wait(ctx, due)
	}
	if err != nil {
		f.schedule.next = before // it was not given
		p.Release()
		return nil, err
	}
	p.Captured = time.Now()
	return p, nil
}

// pingPong returns which of count frames is the n-th when they are played forwards and backwards for ever: of three, 0 1 2 1 0 1.
func pingPong(n, count uint64) uint64 {
	if count == 1 {
		return 0
	}
	there := 2 * (count - 1)
	n %= there
	return min(n, there-n)
}

// read reads the samples at an offset into the picture, whose planes have no gaps.
func (f *file) read(p *Picture, at int64) error {
	for _, plane := range [][]byte{p.Image.Y, p.Image.Cb, p.Image.Cr} {
		if _, err := f.in.ReadAt(plane, at); err != nil {
			if errors.Is(err, fs.ErrClosed) {
				return ErrClosed
			}
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("capture: %s has become shorter while it is played", f.in.Name())
			}
			return fmt.Errorf("capture: %s cannot be read: %w", f.in.Name(), reason(err))
		}
		at += int64(len(plane))
	}
	return nil
}

func (f *file) Close() error {
	var err error
	f.once.Do(func() {
		close(f.closed)
		err = f.in.Close()
	})
	return err
}
