// Package v4l2 takes pictures from a camera through the kernel's Video4Linux2 interface.
//
// The way of a picture:
//
//  1. Open asks the camera what it has (device_linux.go, mode.go), chooses the format, size and rate (choose.go) and starts it. The
//     driver fills buffers that are mapped into our memory.
//  2. A goroutine waits for filled buffers. It keeps the newest and gives all others back at once: the newest picture wins, and
//     the driver never runs out of buffers because nobody takes pictures. Those that the driver says are damaged are dropped.
//  3. Next converts the picture from the mapped buffer into the caller's 4:2:0 picture (layout.go, jpeg.go), gives the buffer back,
//     and says when the kernel had the picture (clock.go).
//  4. A camera that goes away is told of through report, and looked for once a second. When it is back, pictures go on at the same
//     size and rate, or Next has an error.
//
// What talks to the kernel is behind the interface device, so that tests can have one that fails at will.
package v4l2

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"time"

	"salsify/codec/y4m"
)

// The kinds of error of this package, to be tested with errors.Is. The message says what to do.
var (
	// ErrNoCameras: this build cannot use cameras.
	ErrNoCameras = errors.New("this program was built without cameras")
	// ErrOpen: the camera is not there, or may not be used, or is used by another program.
	ErrOpen = errors.New("camera cannot be opened")
	// ErrMode: the camera does not have the size, rate or format that was asked for.
	ErrMode = errors.New("camera does not have what was asked for")
	// ErrBroken: for a long time no picture of the camera could be used.
	ErrBroken = errors.New("camera gives broken pictures")
	// ErrClosed: the camera was closed.
	ErrClosed = errors.New("camera is closed")
)

// Times of a camera that fails.
const (
	// retryInterval is how often a camera that went away is looked for.
	retryInterval = time.Second
	// stall is how long a camera may give no good picture. Some need two seconds for their first.
	stall = 5 * time.Second
	// maxBroken is how many pictures in a row may be impossible to convert, before that is an error: 5 s at 30 pictures a second.
	maxBroken = 150
)

// device is an open camera as the kernel shows it.
type device interface {
	// describe returns what the camera is and has.
	describe() (Device, error)
	// start sets the mode, maps the buffers, gives them to the driver, and begins.
	start(Choice) (layout, error)
	// wait returns when a buffer is filled, after the timeout, or after wake. An error says that no more will come.
	wait(timeout time.Duration) error
	// wake ends a wait, at once or when it begins.
	wake()
	// dequeue takes a filled buffer; errAgain if there is none.
	dequeue() (buffer, error)
	// queue gives a buffer back to the driver.
	queue(index int) error
	// close stops the camera and unmaps the buffers. No other method may be running.
	close() error
}

// errAgain is what dequeue says when no buffer is filled.
var errAgain = errors.New("no picture is there yet")

// buffer is one that the driver filled.
type buffer struct {
	index    int
	data     []byte // mapped memory, as much of it as was filled; not to be touched after queue
	damaged  bool   // the driver says that something is missing
	sequence uint32 // of the picture; counts those that the driver had no buffer for too
	captured time.Time
}

// Camera is an open camera. Next may be called from one goroutine at a time, Close from any.
type Camera struct {
	path   string
	open   func(path string) (device, error)
	report func(string)
	choice Choice

	news   chan struct{} // has room for one: something below changed
	closed chan struct{}
	once   sync.Once
	ended  chan struct{} // run has returned

	mutex     sync.Mutex // also held while a buffer is read, so that it cannot be unmapped
	device    device     // nil while the camera is away
	layout    layout
	newest    buffer
	waiting   bool // newest is there to be taken
	err       error
	numbering numbering
	broken    int // pictures in a row that could not be converted
}

// Open starts a camera, such as /dev/video0, with what is wanted. report is told, in one line each, when the camera goes away or
// comes back and when a picture is broken; nil is no one. It is called from any goroutine, and must not wait for the camera.
func Open(path string, want Want, report func(string)) (*Camera, error) {
	return open(path, want, report, openDevice)
}

func open(path string, want Want, report func(string), opener func(string) (device, error)) (*Camera, error) {
	if report == nil {
		report = func(string) {}
	}
	c := &Camera{
		path: path, open: opener, report: report,
		news: make(chan struct{}, 1), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := c.begin(want); err != nil {
		return nil, err
	}
	go c.run(c.device)
	return c, nil
}

// begin opens the device and starts it with what is wanted.
func (c *Camera) begin(want Want) error {
	d, err := c.open(c.path)
	if err != nil {
		return explain(c.path, err)
	}
	choice, layout, err := start(d, want)
	if err != nil {
		d.close()
		return explain(c.path, err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.device, c.choice, c.layout, c.broken = d, choice, layout, 0
	c.numbering.restart()
	return nil
}

func start(d device, want Want) (Choice, layout, error) {
	described, err := d.describe()
	if err != nil {
		return Choice{}, layout{}, err
	}
	choice, err := choose(described, want)
	if err != nil {
		return Choice{}, layout{}, err
	}
	l, err := d.start(choice)
	if err != nil {
		return Choice{}, layout{}, err
	}
	choice.Rate = l.rate
	if err := l.check(choice); err != nil {
		return Choice{}, layout{}, err
	}
	if want.Rate != (y4m.Rate{}) && !sameRate(l.rate, want.Rate) {
		return Choice{}, layout{}, fmt.Errorf("%w: it was set to %s pictures a second, but gives %s; it has:\n%v",
			ErrMode, rateText(want.Rate), rateText(l.rate), described)
	}
	return choice, l, nil
}

// Choice returns the format, size and rate that were chosen.
func (c *Camera) Choice() Choice {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.choice
}

// run does steps 2 and 4.
func (c *Camera) run(d device) {
	defer close(c.ended)
	for {
		err := c.watch(d)
		c.end()
		if c.isClosed() {
			return
		}
		c.report(fmt.Sprintf("%s: %v; waiting for it to return", c.path, err))
		if d, err = c.reopen(); err != nil {
			c.mutex.Lock()
			c.err = err
			c.mutex.Unlock()
			c.tell()
			return
		}
		if d == nil {
			return
		}
		c.report(fmt.Sprintf("%s: the camera is back", c.path))
	}
}

// watch takes buffers from the driver until there will be no more, and returns why.
func (c *Camera) watch(d device) error {
	good := time.Now()
	for {
		if c.isClosed() { // before the device was there to be woken
			return ErrClosed
		}
		err := d.wait(stall - time.Since(good))
		if c.isClosed() {
			return ErrClosed
		}
		if err != nil {
			return err
		}
		for {
			b, err := d.dequeue()
			if errors.Is(err, errAgain) {
				break
			}
			if err == nil && !b.damaged {
				good = time.Now()
			}
			if err == nil {
				err = c.keep(d, b)
			}
			if err != nil {
				return err
			}
		}
		if time.Since(good) >= stall {
			return fmt.Errorf("no good picture came for %v", stall)
		}
	}
}

// keep makes a buffer the newest, and gives the one before back, or this one if it is damaged.
func (c *Camera) keep(d device, b buffer) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if b.damaged {
		return d.queue(b.index)
	}
	old, hadOld := c.newest, c.waiting
	c.newest, c.waiting = b, true
	c.tell()
	if hadOld {
		return d.queue(old.index)
	}
	return nil
}

// end closes the device. What was not taken is gone with it.
func (c *Camera) end() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.waiting = false
	c.device.close() // its error would say only that the camera is gone
	c.device = nil
}

// reopen waits until the camera is back. It returns nil when Close was called, and an error if the camera is not what it was.
func (c *Camera) reopen() (device, error) {
	was := c.Choice()
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.closed:
			return nil, nil
		case <-ticker.C:
		}
		err := c.begin(Want{Width: was.Width, Height: was.Height, Rate: was.Rate})
		if err == nil {
			return c.device, nil
		}
		if errors.Is(err, ErrMode) {
			return nil, fmt.Errorf("another camera returned: %w", err)
		}
	}
}

// Shot says which picture it is and when it was taken.
type Shot struct {
	Number   uint64    // from 0; it jumps where pictures were not taken
	Captured time.Time // when the kernel had it
}

// Next waits for the next picture and fills dst, a 4:2:0 picture of the camera's size. Who comes late gets the newest picture. It
// returns ErrClosed after Close, the context's error when that ends first, or why there will be no more pictures. While the camera
// is away it waits.
func (c *Camera) Next(ctx context.Context, dst *image.YCbCr) (Shot, error) {
	for {
		if c.isClosed() {
			return Shot{}, ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return Shot{}, err
		}
		if shot, taken, err := c.take(dst); taken || err != nil {
			return shot, err
		}
		select {
		case <-c.news:
		case <-ctx.Done():
		case <-c.closed:
		}
	}
}

// take converts the newest picture, if there is one that was not taken yet.
func (c *Camera) take(dst *image.YCbCr) (shot Shot, taken bool, err error) {
	c.mutex.Lock()
	if !c.waiting {
		err = c.err
		c.mutex.Unlock()
		return Shot{}, false, err
	}
	c.waiting = false
	b := c.newest
	broken := c.layout.fill(dst, b.data)
	_ = c.device.queue(b.index) // if it cannot be given back, the camera is gone, which watch will be told
	if broken == nil {
		c.broken = 0
		shot = Shot{Number: c.numbering.number(b.sequence), Captured: b.captured}
		c.mutex.Unlock()
		return shot, true, nil
	}
	c.broken++
	row := c.broken
	c.mutex.Unlock()
	switch row {
	case 1:
		c.report(fmt.Sprintf("%s: a broken picture was dropped: %v", c.path, broken))
	case maxBroken:
		err = fmt.Errorf("%w: %s: %d in a row; the last: %w", ErrBroken, c.path, row, broken)
	}
	return Shot{}, false, err
}

// tell wakes Next.
func (c *Camera) tell() {
	select {
	case c.news <- struct{}{}:
	default: // it was told already
	}
}

func (c *Camera) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// Close stops the camera and ends a waiting Next. The camera is free for others when it returns. A second Close does nothing.
func (c *Camera) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.mutex.Lock()
		if c.device != nil {
			c.device.wake()
		}
		c.mutex.Unlock()
		<-c.ended
	})
	return nil
}
