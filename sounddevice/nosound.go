//go:build !cgo || !(linux || darwin || windows)

package sounddevice

func listDevices(Kind) ([]Info, error) { return nil, ErrNotBuilt }

func openStream(Config, func([]int16), func()) (stream, error) { return nil, ErrNotBuilt }
