package camera

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FeedDevice does the same to a V4L2 output device, such as one of v4l2loopback. Whether anybody takes the pictures is not known.
func (c *Camera) FeedDevice(ctx context.Context, start time.Time, path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s cannot be opened: %w; load v4l2loopback (modprobe v4l2loopback), and name its device", path, err)
	}
	defer unix.Close(fd)
	if err := c.setDevice(fd); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return c.feed(ctx, start, sink{
		begin: func() error { return nil },
		write: func(frame []byte) error {
			n, err := unix.Write(fd, frame) // one write is one picture
			if err == nil && n != len(frame) {
				err = fmt.Errorf("it took %d of the %d bytes of a picture", n, len(frame))
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return nil
		},
	})
}

// setDevice tells an output device what pictures it will get.
func (c *Camera) setDevice(fd int) error {
	var has v4l2Capability
	if err := control(fd, vidiocQueryCap, unsafe.Pointer(&has)); errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return errors.New("it is no V4L2 device; name one of v4l2loopback, such as /dev/video0")
	} else if err != nil {
		return fmt.Errorf("it does not say what it can (VIDIOC_QUERYCAP): %w", err)
	}
	can := has.capabilities
	if can&capDeviceCaps != 0 {
		can = has.deviceCaps
	}
	if can&capVideoOutput == 0 || can&capReadWrite == 0 {
		return errors.New("pictures cannot be written to it; a camera cannot take them, a device of v4l2loopback can")
	}
	width, height := c.video.Size()
	want := v4l2PixFormat{
		width: uint32(width), height: uint32(height), pixelFormat: pixelFormatYUV420, field: fieldNone,
		bytesPerLine: uint32(width), sizeImage: uint32(width*height + 2*((width+1)/2)*((height+1)/2)),
	}
	format := v4l2Format{kind: bufferVideoOutput}
	*format.pixels() = want
	if err := control(fd, vidiocSetFormat, unsafe.Pointer(&format)); err != nil {
		return fmt.Errorf("it does not take pictures of %dx%d (VIDIOC_S_FMT): %w", width, height, err)
	}
	got := *format.pixels()
	if got.width != want.width || got.height != want.height || got.pixelFormat != want.pixelFormat ||
		got.bytesPerLine != want.bytesPerLine || got.sizeImage != want.sizeImage {
		return fmt.Errorf("it takes pictures of %dx%d in %d bytes, not of %dx%d in %d; end what else uses it, or choose an even size",
			got.width, got.height, got.sizeImage, want.width, want.height, want.sizeImage)
	}
	rate := v4l2StreamParm{kind: bufferVideoOutput}
	rate.output.timePerFrame = v4l2Fract{uint32(c.schedule.rate.Den), uint32(c.schedule.rate.Num)}
	// A device that cannot be told its rate has none of its own.
	if err := control(fd, vidiocSetParm, unsafe.Pointer(&rate)); err != nil && !errors.Is(err, unix.ENOTTY) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("it does not take %d/%d pictures a second (VIDIOC_S_PARM): %w", c.schedule.rate.Num, c.schedule.rate.Den, err)
	}
	return nil
}

func control(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// What of linux/videodev2.h is needed here, under its names. The test compares sizes, places and numbers with the header itself.

type v4l2Capability struct { // struct v4l2_capability
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	version      uint32
	capabilities uint32
	deviceCaps   uint32
	_            [3]uint32
}

type v4l2PixFormat struct { // struct v4l2_pix_format
	width, height, pixelFormat, field, bytesPerLine, sizeImage, colorspace, private, flags, encoding, quantization, transfer uint32
}

type v4l2Format struct { // struct v4l2_format
	kind uint32
	// A union of 200 bytes, one of whose members has pointers, which sets where it begins.
	union [200 / unsafe.Sizeof(uintptr(0))]uintptr
}

func (f *v4l2Format) pixels() *v4l2PixFormat { return (*v4l2PixFormat)(unsafe.Pointer(&f.union)) }

type v4l2Fract struct{ numerator, denominator uint32 } // struct v4l2_fract

type v4l2StreamParm struct { // struct v4l2_streamparm
	kind   uint32
	output struct { // struct v4l2_outputparm, in a union of 200 bytes
		capability, mode uint32
		timePerFrame     v4l2Fract // seconds
		extended         uint32
		writeBuffers     uint32
		_                [4]uint32
	}
	_ [200 - 40]byte
}

const (
	bufferVideoOutput = 2          // V4L2_BUF_TYPE_VIDEO_OUTPUT
	fieldNone         = 1          // V4L2_FIELD_NONE: progressive
	pixelFormatYUV420 = 0x32315559 // V4L2_PIX_FMT_YUV420, "YU12"
	capVideoOutput    = 0x00000002 // V4L2_CAP_VIDEO_OUTPUT
	capReadWrite      = 0x01000000 // V4L2_CAP_READWRITE
	capDeviceCaps     = 0x80000000 // V4L2_CAP_DEVICE_CAPS: deviceCaps is set

	// Requests (asm-generic/ioctl.h): the direction (1: in, 2: out of the kernel) in the two highest bits, the size of the argument, 'V', the
	// number, which is 0 for the first.
	vidiocQueryCap  = 2<<30 | unsafe.Sizeof(v4l2Capability{})<<16 | 'V'<<8
	vidiocSetFormat = 3<<30 | unsafe.Sizeof(v4l2Format{})<<16 | 'V'<<8 | 5
	vidiocSetParm   = 3<<30 | unsafe.Sizeof(v4l2StreamParm{})<<16 | 'V'<<8 | 22
)
