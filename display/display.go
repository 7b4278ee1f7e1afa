// Package display has the places where a receiver shows its pictures. Showing never makes the receiver wait: a picture is copied,
// and a goroutine of the display's own brings it where it goes. What cannot be written in time is dropped, the oldest first.
package display

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"salsify/codec/y4m"
)

// Display shows pictures.
type Display interface {
	// Show shows a picture that became ready then. The picture is copied.
	Show(picture *image.YCbCr, at time.Time)
	// Stats returns the counts so far.
	Stats() Stats
	// Close writes what waits, and returns the first error of the display's life.
	Close() error
}

// Stats counts pictures.
type Stats struct {
	Shown   uint64 // written
	Dropped uint64 // not in time, or of a size that cannot be shown
}

// Options say how to show.
type Options struct {
	Rate   float64              // pictures a second, for the headers of files: pictures come when they come
	Stdout io.Writer            // what "-" stands for
	Report func(message string) // told what a user should know; may be nil
}

// Open opens a display: "none", "-" for YUV4MPEG2 on standard output, or the name of a file for it, ending in .y4m.
func Open(name string, o Options) (Display, error) {
	if o.Report == nil {
		o.Report = func(string) {}
	}
	switch {
	case name == "none":
		return &none{}, nil
	case name == "-":
		return newWriter(&pipe{out: o.Stdout, rate: rateOf(o.Rate), report: o.Report}, pipeQueue, o), nil
	case strings.HasSuffix(name, ".y4m"):
		f := &files{name: name, rate: rateOf(o.Rate), report: o.Report}
		if err := f.create(); err != nil { // now, while the user is looking
			return nil, err
		}
		return newWriter(f, fileQueue, o), nil
	}
	return nil, fmt.Errorf("--display is %q: write none, a FILE.y4m, or - for YUV4MPEG2 on standard output", name)
}

// rateOf is the rate as YUV4MPEG2 has it.
func rateOf(rate float64) y4m.Rate {
	const precision = 1000
	return y4m.Rate{Num: max(1, int(rate*precision+0.5)), Den: precision}
}

// none shows nothing.
type none struct {
	lock  sync.Mutex
	stats Stats
}

func (n *none) Show(*image.YCbCr, time.Time) {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.stats.Shown++
}

func (n *none) Stats() Stats {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.stats
}

func (*none) Close() error { return nil }

const (
	// fileQueue is how many pictures may wait for a disk that is slow for a moment: 0.3 s, 11 MB at 720p.
	fileQueue = 8
	// pipeQueue is how many may wait for whoever reads a pipe, besides the one being written. An older one is of no use there.
	pipeQueue = 1
)

// closing is how long the last pictures get to be written.
const closing = 2 * time.Second

// target is where a writer writes.
type target interface {
	// write writes a picture; ok is false if it cannot be shown, which was reported. An error ends the display.
	write(picture *image.YCbCr) (ok bool, err error)
	close() error
}

// writer is the queue before a target, and the goroutine behind it.
type writer struct {
	target target
	limit  int
	report func(string)
	done   chan struct{}

	lock    sync.Mutex
	wake    *sync.Cond
	waiting []*image.YCbCr
	spare   []*image.YCbCr
	closed  bool
	err     error
	stats   Stats
}

func newWriter(t target, limit int, o Options) *writer {
	w := &writer{target: t, limit: limit, report: o.Report, done: make(chan struct{})}
	w.wake = sync.NewCond(&w.lock)
	go w.run()
	return w
}

func (w *writer) Show(picture *image.YCbCr, _ time.Time) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.closed || w.err != nil {
		w.stats.Dropped++
		return
	}
	if len(w.waiting) == w.limit {
		w.spare = append(w.spare, w.waiting[0])
		w.waiting = append(w.waiting[:0], w.waiting[1:]...)
		w.stats.Dropped++
	}
	w.waiting = append(w.waiting, w.copy(picture))
	w.wake.Signal()
}

// copy copies a picture into a spare one.
func (w *writer) copy(picture *image.YCbCr) *image.YCbCr {
	var into *image.YCbCr
	if n := len(w.spare); n > 0 {
		into, w.spare = w.spare[n-1], w.spare[:n-1]
	}
	return Copy(into, picture)
}

// Copy copies a picture into the memory of another, or into fresh memory if that has not the same size or is nil, and returns that.
func Copy(into, picture *image.YCbCr) *image.YCbCr {
	width, height := picture.Rect.Dx(), picture.Rect.Dy()
	if into == nil || into.Rect.Dx() != width || into.Rect.Dy() != height {
		into = image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	}
	x, y := picture.Rect.Min.X, picture.Rect.Min.Y
	copyPlane(into.Y, into.YStride, picture.Y[picture.YOffset(x, y):], picture.YStride, width, height)
	cw, ch := (width+1)/2, (height+1)/2
	copyPlane(into.Cb, into.CStride, picture.Cb[picture.COffset(x, y):], picture.CStride, cw, ch)
	copyPlane(into.Cr, into.CStride, picture.Cr[picture.COffset(x, y):], picture.CStride, cw, ch)
	return into
}

func copyPlane(to []byte, toStride int, from []byte, fromStride, width, height int) {
	for y := range height {
		copy(to[y*toStride:][:width], from[y*fromStride:][:width])
	}
}

// run writes until Close.
func (w *writer) run() {
	defer close(w.done)
	w.lock.Lock()
	defer w.lock.Unlock()
	for {
		for len(w.waiting) == 0 && !w.closed {
			w.wake.Wait()
		}
		if len(w.waiting) == 0 || w.err != nil {
			return
		}
		picture := w.waiting[0]
		w.waiting = append(w.waiting[:0], w.waiting[1:]...)
		w.lock.Unlock()
		ok, err := w.target.write(picture)
		w.lock.Lock()
		w.spare = append(w.spare, picture)
		switch {
		case err != nil:
			w.err = err
			w.stats.Dropped++
			w.report(fmt.Sprintf("nothing is shown any more: %v", err))
		case ok:
			w.stats.Shown++
		default:
			w.stats.Dropped++
		}
	}
}

func (w *writer) Stats() Stats {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.stats
}

func (w *writer) Close() error {
	w.lock.Lock()
	w.closed = true
	w.wake.Signal()
	w.lock.Unlock()
	select {
	case <-w.done:
		return errors.Join(w.err, w.target.close())
	case <-time.After(closing):
		return errors.New("the display does not take the last pictures") // whoever reads the pipe has stopped to
	}
}

// pipe writes YUV4MPEG2 to a stream, which has one size of picture: the first one's.
type pipe struct {
	out           io.Writer
	rate          y4m.Rate
	report        func(string)
	writer        *y4m.Writer
	width, height int
	reported      bool // that another size came
}

func (p *pipe) write(picture *image.YCbCr) (ok bool, err error) {
	size := picture.Rect.Size()
	if p.writer == nil {
		p.width, p.height = size.X, size.Y
		if p.writer, err = y4m.NewWriter(p.out, y4m.Header{Width: size.X, Height: size.Y, Rate: p.rate}); err != nil {
			return false, err
		}
	}
	if size.X != p.width || size.Y != p.height {
		if !p.reported {
			p.report(fmt.Sprintf("pictures of %dx%d are left out: the stream began with %dx%d, and YUV4MPEG2 has one size only; start anew to see them",
				size.X, size.Y, p.width, p.height))
			p.reported = true
		}
		return false, nil
	}
	return true, p.writer.Write(picture)
}

func (*pipe) close() error { return nil }

// maxFiles bounds the files that a sender which keeps changing its size can make.
const maxFiles = 100

// files writes YUV4MPEG2 to a file, and to another one when the size of the pictures changes.
type files struct {
	name          string
	rate          y4m.Rate
	report        func(string)
	count         int
	file          *os.File
	writer        *y4m.Writer // nil before the first picture
	width, height int
}

// create creates the next file: NAME.y4m, NAME-2.y4m, ...
func (f *files) create() error {
	if f.count++; f.count > maxFiles {
		return fmt.Errorf("the size of the pictures has changed %d times; no more files are made", maxFiles-1)
	}
	name := f.name
	if f.count > 1 {
		name = fmt.Sprintf("%s-%d.y4m", strings.TrimSuffix(f.name, ".y4m"), f.count)
		f.report("the size of the pictures has changed; going on in " + filepath.Base(name))
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--display: %w", err)
	}
	f.file, f.writer = file, nil
	return nil
}

func (f *files) write(picture *image.YCbCr) (ok bool, err error) {
	size := picture.Rect.Size()
	if f.writer != nil && (size.X != f.width || size.Y != f.height) {
		if err := f.file.Close(); err != nil {
			return false, err
		}
		if err := f.create(); err != nil {
			return false, err
		}
	}
	if f.writer == nil {
		f.width, f.height = size.X, size.Y
		if f.writer, err = y4m.NewWriter(f.file, y4m.Header{Width: size.X, Height: size.Y, Rate: f.rate}); err != nil {
			return false, err
		}
	}
	return true, f.writer.Write(picture)
}

func (f *files) close() error { return f.file.Close() }
