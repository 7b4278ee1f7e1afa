//go:build !linux || !cgo

package v4l2

// Devices returns ErrNoCameras: cameras need Linux, and the kernel's headers through cgo.
func Devices() ([]Device, error) { return nil, ErrNoCameras }

func openDevice(string) (device, error) { return nil, ErrNoCameras }
