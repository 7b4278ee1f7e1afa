package capture

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"salsify/codec/y4m"
)

// pipe is the source "-". A goroutine reads, so that the program that writes is never held up by a slow taker:
//
//  1. It reads a picture.
//  2. If that came too early, it waits. The schedule has a picture due 0.999 of the header's interval after the one before, so that
//     a camera that is a little faster than its header says builds up no delay; but it never runs less than slack behind the
//     pictures, so that one that came late does not make those after it wait. A file that is piped in is held back to its rate.
//  3. It puts the picture where Next takes it. One that still lies there is dropped: the newest wins.
//
// At most two pictures are in memory, besides those that were given.
type pipe struct {
	closing
	in       io.Reader
	reader   *y4m.Reader
	rate     y4m.Rate
	interval time.Duration // the least between two pictures
	pool     *pool
	begin    sync.Once

	news    chan struct{} // has room for one: something below changed
	mutex   sync.Mutex
	waiting *Picture // for Next
	err     error    // of the reading, io.EOF at the end; given once waiting is taken
}

// slack is how many pictures may come earlier than the schedule says, in intervals.
const slack = 2

func openPipe(o Options, rate y4m.Rate) (Source, error) {
	if o.Loop {
		return nil, fmt.Errorf("%w: standard input cannot be played again; leave the loop out, or name a file", ErrSource)
	}
	p := &pipe{closing: closing{closed: make(chan struct{})}, in: o.Stdin, news: make(chan struct{}, 1)}
	if p.in == nil {
		p.in = os.Stdin
	}
	var err error
	p.reader, err = y4m.NewReader(p.in)
	if err != nil {
		return nil, fmt.Errorf("%w: standard input: %w; pipe in YUV4MPEG2, such as of: %s", ErrSource, err, cameraPipe)
	}
	header := p.reader.Header()
	p.rate, err = checkHeader("standard input", header, o, rate)
	if err != nil {
		return nil, err
	}
	timing := schedule{rate: p.rate}
	p.interval = timing.after(1) * 999 / 1000
	p.pool = newPool(header.Width, header.Height)
	return p, nil
}

func (p *pipe) Size() (width, height int) {
	h := p.reader.Header()
	return h.Width, h.Height
}

func (p *pipe) Rate() y4m.Rate { return p.rate }

// Next starts the reading when it is first called, so that no picture is lost before.
func (p *pipe) Next(ctx context.Context) (*Picture, error) {
	if err := p.ended(ctx); err != nil {
		return nil, err
	}
	p.begin.Do(func() { go p.run() })
	for {
		p.mutex.Lock()
		picture, err := p.waiting, p.err
		p.waiting = nil
		p.mutex.Unlock()
		if picture != nil {
			return picture, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-p.news:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.closed:
			return nil, ErrClosed
		}
	}
}

func (p *pipe) run() {
	var due time.Time
	for number := uint64(0); ; number++ {
		picture := &Picture{Image: p.pool.get(), Number: number, pool: p.pool}
		err := p.reader.Read(picture.Image)
		if err == nil {
			read := time.Now()
			if number == 0 {
				due = read
			}
			err = p.wait(context.Background(), due)
			due = due.Add(p.interval)
			if earliest := read.Add(p.interval - slack*p.interval); due.Before(earliest) {
				due = earliest
			}
		}
		picture.Captured = time.Now()

		p.mutex.Lock()
		if err != nil {
			p.err = err
			picture.Release()
		} else {
			p.waiting.Release()
			p.waiting = picture
		}
		p.mutex.Unlock()
		select {
		case p.news <- struct{}{}:
		default: // Next was told already
		}
		if err != nil {
			return
		}
	}
}

// Close also closes the input, if it can be closed, which ends a read that waits. One of a terminal or another input that cannot
// be interrupted ends with its next byte, or with the program.
func (p *pipe) Close() error {
	var err error
	p.once.Do(func() {
		close(p.closed)
		if closer, ok := p.in.(io.Closer); ok {
			err = closer.Close()
		}
	})
	return err
}
