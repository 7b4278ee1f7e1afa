// Package sounddevice opens microphones and speakers: what capture/mic and display/speaker have in common.
//
// The way of sound through a device:
//
//  1. Open makes a Device of what the user named, and a goroutine that keeps it open (keep.go).
//  2. The system's thread calls Do each Period with samples to take or to fill (malgo.go; nosound.go in a build without it).
//  3. When the device goes away, Report says so, and the goroutine tries to open it again, until Close.
//
// Pure parts: Clock (when a sample was, or will be), Meter (how loud it is).
package sounddevice

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is the number of samples a second of each channel; what a device has else is converted by the system.
const Rate = 48000

// Period is how much sound a device gives at a time, about.
const Period = 10 * time.Millisecond

// Kind is what a device is for.
type Kind int

// The kinds of device.
const (
	Microphone Kind = iota
	Speaker
)

func (k Kind) String() string { return [2]string{"microphone", "speaker"}[k] }

// The kinds of error of this package, to be tested with errors.Is.
var (
	// ErrNoDevice: there is no sound device here, or none of that name. A program says so and goes on without sound.
	ErrNoDevice = errors.New("no sound device")
	// ErrNotBuilt: this build of the program has no sound at all. It is an ErrNoDevice as well.
	ErrNotBuilt = fmt.Errorf("%w: this build has no sound: build it with cgo (CGO_ENABLED=1 and a C compiler)", ErrNoDevice)
)

// Info tells of a device.
type Info struct {
	Number  int    // from 1, as the user may name it
	Name    string // as the user may name it, or a part of it
	Default bool   // what is used if the user names none
}

// Config for Open.
type Config struct {
	Kind     Kind
	Device   string // a number or a part of the name of Devices; "" is the default; NullDevice
	Channels int    // 1 or 2
	// Do takes the samples of a microphone, or fills those of a speaker, at an instant; channels alternate. It is called by the
	// system's thread for sound, so it must not block nor allocate.
	Do func(samples []int16, at time.Time)
	// Report is told, in a line, of a device that goes away or comes back. It may be nil.
	Report func(string)
}

// NullDevice is a device that is always there: silence as a microphone, nobody hears it as a speaker. It is for tests.
const NullDevice = "null"

// Device is an open device.
type Device struct {
	keeper *keeper
}

// Open opens a device. Where there is none the error is an ErrNoDevice, which lists those that there are.
func Open(c Config) (*Device, error) {
	if c.Channels != 1 && c.Channels != 2 {
		return nil, fmt.Errorf("%v: %d channels; use 1 or 2", c.Kind, c.Channels)
	}
	if c.Report == nil {
		c.Report = func(string) {}
	}
	k, err := keep(c, openStream)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c.Kind, err)
	}
	return &Device{k}, nil
}

// Latency is how long it takes until the samples that Do fills now are heard, as far as the system tells: the length of its buffer. What
// the hardware adds, up to 10 ms for a sound card and 200 ms for a Bluetooth headset, is not known.
func (d *Device) Latency() time.Duration { return time.Duration(d.keeper.latency.Load()) }

// Close stops the device; Do is not called any more once it returns. A second Close does nothing.
func (d *Device) Close() error {
	d.keeper.close()
	return nil
}

// Devices lists the microphones or the speakers. It is an ErrNoDevice where there are none.
func Devices(kind Kind) ([]Info, error) {
	infos, err := listDevices(kind)
	if err == nil && len(infos) == 0 {
		err = fmt.Errorf("%w: this machine has no %v", ErrNoDevice, kind)
	}
	return infos, err
}

// choose finds the device that the user named: by its number, its whole name, or a part of it that no other has.
func choose(infos []Info, kind Kind, name string) (Info, error) {
	if number, err := strconv.Atoi(name); err == nil {
		if number < 1 || number > len(infos) {
			return Info{}, fmt.Errorf("%w with number %d.%s", ErrNoDevice, number, listing(infos, kind))
		}
		return infos[number-1], nil
	}
	var found []Info
	for _, info := range infos {
		if strings.EqualFold(info.Name, name) {
			return info, nil
		}
		if strings.Contains(strings.ToLower(info.Name), strings.ToLower(name)) {
			found = append(found, info)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Info{}, fmt.Errorf("%w is named %q.%s", ErrNoDevice, name, listing(infos, kind))
	}
	return Info{}, fmt.Errorf("%w: %q is several; use the number.%s", ErrNoDevice, name, listing(found, kind))
}

// listing gives a line for each device, after what an error says.
func listing(infos []Info, kind Kind) string {
	if len(infos) == 0 {
		return fmt.Sprintf(" This machine has no %v", kind)
	}
	var text strings.Builder
	fmt.Fprintf(&text, " The %vs are:", kind)
	for _, info := range infos {
		text.WriteString("\n  " + info.String())
	}
	return text.String()
}

// String is a line for a list of devices.
func (i Info) String() string {
	line := fmt.Sprintf("%d  %s", i.Number, i.Name)
	if i.Default {
		line += "  (default)"
	}
	return line
}
