package v4l2

import (
	"context"
	"errors"
	"image"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"salsify/codec/y4m"
)

// fake is a device whose faults a test chooses. It keeps to a driver's rules, and tells where its user does not.
type fake struct {
	t       *testing.T
	modes   []Mode
	format  layout // what start gives; zero: what was chosen
	faults  chan error
	bell    chan struct{}
	mutex   sync.Mutex
	filled  []buffer
	free    []int // buffers that the driver has
	arrived chan struct{}
	closed  bool
	on      bool
}

const fakeBuffers = 4

// Modes of the fake camera.
var fakeModes = []Mode{one(YUYV, 32, 16, 30, 15), one(YUYV, 64, 32, 10), one(MJPEG, 64, 32, 30)}

// one is a mode of one size.
func one(format Format, width, height int, rates ...int) Mode {
	m := Mode{Format: format, MinWidth: width, MaxWidth: width, MinHeight: height, MaxHeight: height}
	for _, r := range rates {
		m.Rates = append(m.Rates, y4m.Rate{Num: r, Den: 1})
	}
	return m
}

func newFake(t *testing.T) *fake {
	return &fake{
		t: t, modes: fakeModes, faults: make(chan error, 1), bell: make(chan struct{}, 1), arrived: make(chan struct{}, 1),
		free: []int{0, 1, 2, 3},
	}
}

func (f *fake) describe() (Device, error) {
	return Device{Path: "/dev/video0", Name: "Fake", Modes: f.modes}, nil
}

func (f *fake) start(c Choice) (layout, error) {
	f.on = true
	if f.format.format != 0 {
		return f.format, nil
	}
	return layout{format: c.Format, width: c.Width, height: c.Height, stride: 2 * c.Width, rate: c.Rate}, nil
}

func (f *fake) wait(timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	f.mutex.Lock()
	ready := len(f.filled) > 0
	f.mutex.Unlock()
	if ready {
		return nil
	}
	select {
	case err := <-f.faults:
		return err
	case <-f.bell:
	case <-f.arrived:
	case <-timer.C:
	}
	return nil
}

func (f *fake) wake() { f.bell <- struct{}{} }

// give fills a buffer, if the driver has one, and tells whether it had.
func (f *fake) give(value byte, b buffer) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.free) == 0 {
		return false
	}
	b.index, f.free = f.free[0], f.free[1:]
	if b.data == nil {
		b.data = make([]byte, 2*32*16)
		for i := range b.data {
			b.data[i] = value
		}
	}
	b.captured = time.Now()
	f.filled = append(f.filled, b)
	select {
	case f.arrived <- struct{}{}:
	default:
	}
	return true
}

func (f *fake) dequeue() (buffer, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.filled) == 0 {
		return buffer{}, errAgain
	}
	b := f.filled[0]
	f.filled = f.filled[1:]
	return b, nil
}

func (f *fake) queue(index int) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, other := range f.free {
		if other == index {
			f.t.Errorf("buffer %d is given back twice", index)
		}
	}
	f.free = append(f.free, index)
	return nil
}

func (f *fake) close() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.closed {
		f.t.Error("closed twice")
	}
	f.closed = true
	return nil
}

func (f *fake) isClosed() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.closed
}

// had returns how many buffers the driver has now.
func (f *fake) had() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return len(f.free)
}

// bench is a camera over fakes: each opening takes the next of devices, or the error there.
type bench struct {
	*Camera
	picture *image.YCbCr
	devices chan any
	said    []string
	mutex   sync.Mutex
}

func (b *bench) opener(string) (device, error) {
	select {
	case next := <-b.devices:
		if err, ok := next.(error); ok {
			return nil, err
		}
		return next.(*fake), nil
	default:
		return nil, &fs.PathError{Op: "open", Path: "/dev/video0", Err: syscall.ENOENT}
	}
}

func (b *bench) report(line string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.said = append(b.said, line)
}

func (b *bench) reports() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return strings.Join(b.said, "\n")
}

func start32(t *testing.T, f *fake) *bench {
	t.Helper()
	b := &bench{devices: make(chan any, 10), picture: image.NewYCbCr(image.Rect(0, 0, 32, 16), image.YCbCrSubsampleRatio420)}
	b.devices <- f
	var err error
	if b.Camera, err = open("/dev/video0", Want{Width: 32, Height: 16}, b.report, b.opener); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) take(t *testing.T, value byte, number uint64) {
	t.Helper()
	shot, err := b.Next(t.Context(), b.picture)
	if err != nil || b.picture.Y[0] != value || shot.Number != number {
		t.Errorf("picture %d of %d, %v; want %d of %d", shot.Number, b.picture.Y[0], err, number, value)
	}
}

func TestNewestPictureWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		b := start32(t, f)
		for n := range 20 { // many more than there are buffers
			if !f.give(byte(n), buffer{sequence: uint32(n)}) {
				t.Fatalf("the driver has no buffer for picture %d", n)
			}
			time.Sleep(33 * time.Millisecond)
		}
		if f.had() != fakeBuffers-1 {
			t.Errorf("the driver has %d of %d buffers, want all but the one that waits", f.had(), fakeBuffers)
		}
		before := time.Now()
		shot, err := b.Next(t.Context(), b.picture)
		if err != nil || b.picture.Y[0] != 19 || !shot.Captured.Equal(before.Add(-33*time.Millisecond)) {
			t.Errorf("picture %d of %v, %v", b.picture.Y[0], shot.Captured, err)
		}
		if f.had() != fakeBuffers {
			t.Errorf("the driver has %d of %d buffers after the picture was taken", f.had(), fakeBuffers)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := b.Next(ctx, b.picture); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a picture was given twice, or %v", err)
		}
		b.Close()
		if !f.isClosed() {
			t.Error("the device is still open")
		}
	})
}

func TestDamagedPicturesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		b := start32(t, f)
		defer b.Close()
		f.give(7, buffer{sequence: 4})
		b.take(t, 7, 0)
		f.give(8, buffer{sequence: 5, damaged: true})
		f.give(9, buffer{sequence: 6, data: make([]byte, 100)}) // cut short
		go func() {
			time.Sleep(time.Second)
			f.give(10, buffer{sequence: 7})
		}()
		b.take(t, 10, 3)
		if f.had() != fakeBuffers {
			t.Errorf("the driver has %d of %d buffers", f.had(), fakeBuffers)
		}
		if got := b.reports(); !strings.Contains(got, "broken picture") || strings.Contains(got, "\n") {
			t.Errorf("reported %q, want one line about the short picture", got)
		}
	})
}

func TestOnlyBrokenPicturesAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		b := start32(t, f)
		defer b.Close()
		go func() {
			for range maxBroken + 10 {
				f.give(0, buffer{data: make([]byte, 9)})
				time.Sleep(33 * time.Millisecond)
			}
		}()
		begin := time.Now()
		if _, err := b.Next(t.Context(), b.picture); !errors.Is(err, ErrBroken) || time.Since(begin) > 6*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		time.Sleep(time.Second) // until the last is given
	})
}

// A camera of JPEGs, one of which is cut short.
func TestCameraOfJPEG(t *testing.T) {
	whole := encoded(t, 64, 32)
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		b := &bench{devices: make(chan any, 1), picture: blank(64, 32)}
		b.devices <- f
		var err error
		if b.Camera, err = open("/dev/video0", Want{Rate: y4m.Rate{Num: 30, Den: 1}, Width: 64, Height: 32}, b.report, b.opener); err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if b.Choice().Format != MJPEG {
			t.Errorf("it chose %+v", b.Choice())
		}
		f.give(0, buffer{sequence: 0, data: whole[:len(whole)-2]})
		go func() {
			time.Sleep(time.Second)
			f.give(0, buffer{sequence: 1, data: whole})
		}()
		shot, err := b.Next(t.Context(), b.picture)
		if most, _ := furthest(t, b.picture, original(t, drawing(64, 32))); err != nil || most > 12 || shot.Number != 0 {
			t.Errorf("picture %d is off by %d, %v", shot.Number, most, err)
		}
		if got := b.reports(); !strings.Contains(got, "cut short") {
			t.Errorf("reported %q", got)
		}
	})
}

func TestCameraReturns(t *testing.T) {
	for name, unplug := range map[string]func(f *fake){
		"unplugged": func(f *fake) { f.faults <- errors.New("gone") },
		"stalled":   func(f *fake) {}, // nothing comes any more
		"all damaged": func(f *fake) {
			for range 5 * 30 {
				f.give(0, buffer{damaged: true})
				time.Sleep(time.Second / 30)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, again := newFake(t), newFake(t)
				b := start32(t, f)
				defer b.Close()
				f.give(1, buffer{sequence: 100})
				b.take(t, 1, 0)
				go unplug(f)
				go func() {
					time.Sleep(8500 * time.Millisecond)
					b.devices <- again
					time.Sleep(1500 * time.Millisecond)
					again.give(2, buffer{sequence: 0})
				}()
				begin := time.Now()
				b.take(t, 2, 1)
				if waited := time.Since(begin); waited != 10*time.Second {
					t.Errorf("it came after %v", waited)
				}
				if !f.isClosed() {
					t.Error("the device that went away is still open")
				}
				said := strings.Split(b.reports(), "\n")
				if len(said) != 2 || !strings.Contains(said[0], "waiting for it to return") || !strings.Contains(said[1], "is back") {
					t.Errorf("reported %q", said)
				}
			})
		})
	}
}

func TestAnotherCameraReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := newFake(t), newFake(t)
		other.modes = []Mode{one(YUYV, 64, 32, 30)}
		b := start32(t, f)
		defer b.Close()
		b.devices <- syscall.EACCES // the node is there, but its owner is not set yet
		b.devices <- other
		f.faults <- errors.New("gone")
		for range 2 { // the error stays
			_, err := b.Next(t.Context(), b.picture)
			if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "YUYV  64x32 (30)") {
				t.Errorf("%v", err)
			}
		}
		if !other.isClosed() {
			t.Error("the other camera is still open")
		}
	})
}

// Close works in all states, and what waits ends with it.
func TestClose(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, b *bench, f *fake){
		"running": func(*testing.T, *bench, *fake) {},
		"away": func(_ *testing.T, _ *bench, f *fake) {
			f.faults <- errors.New("gone")
			time.Sleep(2500 * time.Millisecond)
		},
		"failed": func(t *testing.T, b *bench, f *fake) {
			other := newFake(t)
			other.modes = nil
			b.devices <- other
			f.faults <- errors.New("gone")
			time.Sleep(2500 * time.Millisecond)
		},
		"full": func(_ *testing.T, _ *bench, f *fake) { f.give(1, buffer{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				b := start32(t, f)
				before(t, b, f)
				synctest.Wait()
				b.Close()
				b.Close()
				if _, err := b.Next(t.Context(), b.picture); !errors.Is(err, ErrClosed) {
					t.Errorf("%v", err)
				}
				if !f.isClosed() {
					t.Error("the device is still open")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := start32(t, newFake(t))
		time.AfterFunc(time.Second, func() { b.Close() })
		if _, err := b.Next(t.Context(), b.picture); !errors.Is(err, ErrClosed) {
			t.Errorf("while waiting: %v", err)
		}
	})
}

// What a driver makes of what it is asked is checked.
func TestDriverGivesSomethingElse(t *testing.T) {
	rate := y4m.Rate{Num: 30, Den: 1}
	for name, l := range map[string]layout{
		"size":   {format: YUYV, width: 64, height: 32, stride: 128, rate: rate},
		"format": {format: UYVY, width: 32, height: 16, stride: 64, rate: rate},
		"stride": {format: YUYV, width: 32, height: 16, stride: 63, rate: rate},
		"rate":   {format: YUYV, width: 32, height: 16, stride: 64, rate: y4m.Rate{Num: 15, Den: 1}},
		"none":   {format: YUYV, width: 32, height: 16, stride: 64},
	} {
		f := newFake(t)
		f.format = l
		_, err := open("/dev/video0", Want{Width: 32, Height: 16, Rate: rate}, nil, func(string) (device, error) { return f, nil })
		if !errors.Is(err, ErrMode) || !f.isClosed() {
			t.Errorf("another %s: %v; closed: %v", name, err, f.isClosed())
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "/dev/video9", Err: syscall.EACCES}, "usermod -aG video"},
		{syscall.EBUSY, "another program"},
		{&fs.PathError{Op: "open", Path: "/dev/video9", Err: syscall.ENOENT}, "plugged in"},
		{syscall.ENODEV, "plugged in"},
		{errors.New("odd"), "odd"},
	} {
		_, err := open("/dev/video9", Want{}, nil, func(string) (device, error) { return nil, c.err })
		if !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "/dev/video9") {
			t.Errorf("%v: %v", c.err, err)
		}
	}
	if _, err := open("/dev/video9", Want{}, nil, func(string) (device, error) { return nil, ErrNoCameras }); !errors.Is(err, ErrNoCameras) {
		t.Errorf("%v", err)
	}
}

// The way of a picture allocates nothing.
func TestNextAllocatesNothing(t *testing.T) {
	f := newFake(t)
	b := start32(t, f)
	defer b.Close()
	data := make([]byte, 2*32*16)
	n := uint32(0)
	allocated := testing.AllocsPerRun(100, func() {
		n++
		index := -1
		f.mutex.Lock()
		index, f.free = f.free[0], f.free[1:]
		f.mutex.Unlock()
		if err := b.keep(f, buffer{index: index, sequence: n, data: data}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Next(context.Background(), b.picture); err != nil {
			t.Fatal(err)
		}
	})
	if allocated > 0.5 { // the list of free buffers of the fake grows now and then
		t.Errorf("%v allocations a picture", allocated)
	}
}
