//go:build cgo

package v4l2

// #include <linux/videodev2.h>
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	kernel "github.com/vladimirvivien/go4vl/v4l2"
	"golang.org/x/sys/unix"

	"salsify/codec/y4m"
)

// wantedBuffers is how many buffers the driver is asked for: one with the newest picture, one that is being converted, and two that
// it fills by turns.
const wantedBuffers = 4

// node is an open /dev/videoN. Setting it up goes through go4vl. Its calls for each picture are not used: they allocate memory, and
// keep pointers to the stack as numbers, which a stack that grows in between would make wrong (see room).
type node struct {
	kernel.StreamingDevice // not set: go4vl asks only for what is below
	fd                     uintptr
	path                   string
	mapped                 [][]byte
	on                     bool                  // streaming
	bell                   int                   // an eventfd that wake writes to
	taken, given           *C.struct_v4l2_buffer // what the kernel is told; on the heap, where it does not move
	polled                 [2]unix.PollFd
}

func (n *node) Fd() uintptr                { return n.fd }
func (n *node) BufferType() kernel.BufType { return kernel.BufTypeVideoCapture }
func (n *node) MemIOType() kernel.IOType   { return kernel.IOTypeMMAP }
func (n *node) BufferCount() uint32        { return wantedBuffers }

// room makes the stack large enough that no call of go4vl makes it grow, for then it would move.
//
//go:noinline
func room() byte {
	var stack [32 << 10]byte
	for i := range stack {
		stack[i] = byte(i)
	}
	return stack[len(stack)/2]
}

func openDevice(path string) (device, error) { return openNode(path) }

func openNode(path string) (*node, error) {
	room()
	fd, err := kernel.OpenDevice(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(int(fd))
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	n := &node{fd: fd, path: path, bell: bell, taken: new(C.struct_v4l2_buffer), given: new(C.struct_v4l2_buffer)}
	n.polled = [2]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(bell), Events: unix.POLLIN}}
	return n, nil
}

// errNotCamera: the node is of another kind, as cameras have for metadata beside their own.
var errNotCamera = errors.New("it gives no pictures; the camera is another of /dev/video*")

// Devices returns the cameras that are there, and may be used by this user.
func Devices() ([]Device, error) {
	paths, err := filepath.Glob("/dev/video*")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(paths, func(a, b string) int { // video2 before video10
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if a < b {
			return -1
		}
		return 1
	})
	var all []Device
	var errs []error
	for _, path := range paths {
		d, err := describe(path)
		switch {
		case err == nil:
			all = append(all, d)
		case !errors.Is(err, errNotCamera):
			errs = append(errs, explain(path, err))
		}
	}
	return all, errors.Join(errs...)
}

func describe(path string) (Device, error) {
	n, err := openNode(path)
	if err != nil {
		return Device{}, err
	}
	defer n.close()
	return n.describe()
}

func (n *node) describe() (Device, error) {
	room()
	capability, err := kernel.GetCapability(n.fd)
	if err != nil {
		return Device{}, err
	}
	const needed = canCapture | canStream
	if have := capability.GetCapabilities(); have&needed != needed {
		return Device{}, errNotCamera
	}
	d := Device{Path: n.path, Name: capability.Card}
	formats, err := kernel.GetAllFormatDescriptions(n.fd)
	if err != nil {
		return Device{}, err
	}
	for _, f := range formats {
		d.Modes = append(d.Modes, n.modes(f.PixelFormat)...)
	}
	return d, nil
}

// What a camera must be able to do.
const (
	canCapture = C.V4L2_CAP_VIDEO_CAPTURE
	canStream  = C.V4L2_CAP_STREAMING
)

// maxListed bounds what a driver can make us list of one kind.
const maxListed = 256

// modes lists the sizes of a format. A driver that does not say has the size that it is set to.
func (n *node) modes(format kernel.FourCCType) (all []Mode) {
	sizes, err := kernel.GetFormatFrameSizes(n.fd, format)
	if err != nil {
		now, err := kernel.GetPixFormat(n.fd)
		if err != nil {
			return nil
		}
		w, h := int(now.Width), int(now.Height)
		return []Mode{{Format: Format(format), MinWidth: w, MaxWidth: w, MinHeight: h, MaxHeight: h}}
	}
	for _, s := range sizes[:min(len(sizes), maxListed)] {
		m := Mode{
			Format:   Format(format),
			MinWidth: int(s.Size.MinWidth), MaxWidth: int(s.Size.MaxWidth), StepWidth: int(s.Size.StepWidth),
			MinHeight: int(s.Size.MinHeight), MaxHeight: int(s.Size.MaxHeight), StepHeight: int(s.Size.StepHeight),
		}
		if s.Type == kernel.FrameSizeTypeDiscrete {
			m.Rates = n.rates(format, s.Size.MinWidth, s.Size.MinHeight)
		}
		all = append(all, m)
	}
	return all
}

// rates lists the rates of a format at a size, or none if there is a range of them: go4vl v0.3.0 reads those wrongly.
func (n *node) rates(format kernel.FourCCType, width, height uint32) (all []y4m.Rate) {
	for i := range uint32(maxListed) {
		each, err := kernel.GetFormatFrameInterval(n.fd, i, format, width, height)
		if err != nil || each.Type != kernel.FrameIntervalTypeDiscrete {
			break
		}
		if r := interval(each.Interval.Min.Numerator, each.Interval.Min.Denominator); r.Num > 0 {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b y4m.Rate) int { return b.Num*a.Den - a.Num*b.Den })
	return all
}

func (n *node) start(c Choice) (layout, error) {
	room()
	err := kernel.SetPixFormat(n.fd, kernel.PixFormat{
		Width: uint32(c.Width), Height: uint32(c.Height), PixelFormat: kernel.FourCCType(c.Format), Field: kernel.FieldNone,
	})
	if err != nil {
		return layout{}, err
	}
	now, err := kernel.GetPixFormat(n.fd) // what was set is not told
	if err != nil {
		return layout{}, err
	}
	if !progressive(now.Field) {
		return layout{}, fmt.Errorf("%w: its pictures are interlaced; pipe them in through ffmpeg's filter yadif", ErrMode)
	}
	rate, err := n.setRate(c.Rate)
	if err != nil {
		return layout{}, err
	}
	l := layout{
		format: Format(now.PixelFormat), width: int(now.Width), height: int(now.Height), stride: int(now.BytesPerLine),
		fullRange: fullRange(now), rate: rate,
	}
	return l, n.stream()
}

// setRate sets the rate, and returns what the driver made of it. A driver that has no rates to set keeps what it has, and so it is
// believed to have what was asked for.
func (n *node) setRate(want y4m.Rate) (y4m.Rate, error) {
	parameters := kernel.StreamParam{Capture: kernel.CaptureParam{
		TimePerFrame: kernel.Fract{Numerator: uint32(want.Den), Denominator: uint32(want.Num)},
	}}
	err := kernel.SetStreamParam(n.fd, n.BufferType(), parameters)
	if errors.Is(err, kernel.ErrorUnsupported) {
		return want, nil
	}
	if err != nil {
		return want, err
	}
	now, err := kernel.GetStreamParam(n.fd, n.BufferType())
	if err != nil {
		return want, err
	}
	got := interval(now.Capture.TimePerFrame.Numerator, now.Capture.TimePerFrame.Denominator)
	if got.Num == 0 {
		return want, nil
	}
	return got, nil
}

// stream maps buffers, gives them to the driver, and begins.
func (n *node) stream() error {
	granted, err := kernel.InitBuffers(n)
	if err != nil {
		return err
	}
	for i := range granted.Count {
		b, err := kernel.GetBuffer(n, i)
		if err != nil {
			return err
		}
		data, err := unix.Mmap(int(n.fd), int64(b.Info.Offset), int(b.Length), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return fmt.Errorf("mapping a buffer: %w", err)
		}
		n.mapped = append(n.mapped, data)
		if err := n.queue(int(i)); err != nil {
			return err
		}
	}
	if err := kernel.StreamOn(n); err != nil {
		return err
	}
	n.on = true
	return nil
}

// progressive tells whether pictures are whole. Both fields of one picture in one buffer are taken as they are.
func progressive(field kernel.FieldType) bool {
	switch field {
	case kernel.FieldAny, kernel.FieldNone, kernel.FieldInterlaced, kernel.FieldInterlacedTopBottom, kernel.FieldInterlacedBottomTop:
		return true
	}
	return false
}

// fullRange tells whether pixels of Y, Cb and Cr use all of 0 to 255. By default only those of JPEG's colours do (the kernel's
// V4L2_MAP_QUANTIZATION_DEFAULT).
func fullRange(f kernel.PixFormat) bool {
	if f.Quantization == kernel.QuantizationDefault {
		return f.Colorspace == kernel.ColorspaceJPEG
	}
	return f.Quantization == kernel.QuantizationFullRange
}

// errGone: the kernel says that no picture will come any more.
var errGone = errors.New("the camera was unplugged or has failed")

func (n *node) wait(timeout time.Duration) error {
	n.polled[0].Revents, n.polled[1].Revents = 0, 0
	milliseconds := int(max(timeout, 0)/time.Millisecond) + 1
	if _, err := unix.Poll(n.polled[:], milliseconds); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("poll: %w", err)
	}
	if n.polled[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
		return errGone
	}
	return nil
}

func (n *node) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(n.bell, one[:])
}

func (n *node) dequeue() (buffer, error) {
	b := n.taken
	*b = C.struct_v4l2_buffer{_type: C.V4L2_BUF_TYPE_VIDEO_CAPTURE, memory: C.V4L2_MEMORY_MMAP}
	switch err := n.control(C.VIDIOC_DQBUF, b); err {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		return buffer{}, errAgain
	case unix.ENODEV, unix.EIO:
		return buffer{}, errGone
	default:
		return buffer{}, fmt.Errorf("taking a picture: %w", err)
	}
	if int(b.index) >= len(n.mapped) {
		return buffer{}, fmt.Errorf("taking a picture: the driver filled buffer %d of %d", b.index, len(n.mapped))
	}
	memory := n.mapped[b.index]
	now := time.Now()
	stamp := time.Duration(b.timestamp.tv_sec)*time.Second + time.Duration(b.timestamp.tv_usec)*time.Microsecond
	captured := now
	if b.flags&C.V4L2_BUF_FLAG_TIMESTAMP_MASK == C.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC {
		captured = capturedAt(stamp, monotonic(), now)
	}
	return buffer{
		index:    int(b.index),
		data:     memory[:min(int(b.bytesused), len(memory))],
		damaged:  b.flags&C.V4L2_BUF_FLAG_ERROR != 0 || !progressive(kernel.FieldType(b.field)),
		sequence: uint32(b.sequence),
		captured: captured,
	}, nil
}

func (n *node) queue(index int) error {
	b := n.given
	*b = C.struct_v4l2_buffer{_type: C.V4L2_BUF_TYPE_VIDEO_CAPTURE, memory: C.V4L2_MEMORY_MMAP, index: C.uint(index)}
	switch err := n.control(C.VIDIOC_QBUF, b); err {
	case 0:
		return nil
	case unix.ENODEV, unix.EIO:
		return errGone
	default:
		return fmt.Errorf("giving a buffer back: %w", err)
	}
}

func (n *node) control(request uintptr, b *C.struct_v4l2_buffer) unix.Errno {
	_, _, err := unix.Syscall(unix.SYS_IOCTL, n.fd, request, uintptr(unsafe.Pointer(b)))
	return err
}

// monotonic is the clock of the kernel's time stamps.
func monotonic() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0 // which makes stamps unusable
	}
	return time.Duration(now.Nano())
}

func (n *node) close() error {
	room()
	var errs []error
	if n.on {
		errs = append(errs, kernel.StreamOff(n))
	}
	for _, memory := range n.mapped {
		errs = append(errs, unix.Munmap(memory))
	}
	if n.mapped != nil {
		_, err := kernel.ResetBuffers(n)
		errs = append(errs, err)
	}
	errs = append(errs, unix.Close(int(n.fd)), unix.Close(n.bell))
	return errors.Join(errs...)
}
