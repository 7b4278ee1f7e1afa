//go:build cgo && (linux || darwin || windows)

package sounddevice

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gen2brain/malgo"
)

// backendNull is miniaudio's; malgo's constant is one less, which is the custom backend.
const backendNull = malgo.BackendNull + 1

// backend is one of miniaudio's, and what to ask of it.
type backend struct {
	id malgo.Backend
	// period is how much a speaker is given at a time, and latency how long its whole buffer lasts, in periods. PulseAudio, and PipeWire
	// in its place, take the length of the period for all that they may hold, and ask for a quarter of it at a time: with 10 ms they run
	// dry whenever the encoder has the processors.
	period  time.Duration
	periods uint32
	latency time.Duration
}

// microphonePeriods is the length of a microphone's buffer in periods of Period. It costs no time: what is there is handed over each
// period, and the rest is for when that comes late.
const microphonePeriods = 10

var (
	pulseAudio = backend{malgo.BackendPulseaudio, 2 * Period, 2, 2 * Period}
	null       = backend{backendNull, Period, 2, 2 * Period}
)

func direct(id malgo.Backend) backend { return backend{id, Period, 3, 3 * Period} }

// backends are where sound comes from on this system, in the order in which they are tried. Null is not among them: miniaudio would
// take it in the end, and nobody would learn that there is no sound.
func backends(device string) []backend {
	switch {
	case device == NullDevice:
		return []backend{null}
	case runtime.GOOS == "darwin":
		return []backend{direct(malgo.BackendCoreaudio)}
	case runtime.GOOS == "windows":
		return []backend{direct(malgo.BackendWasapi), direct(malgo.BackendDsound), direct(malgo.BackendWinmm)}
	}
	if cards, _ := filepath.Glob("/dev/snd/pcm*"); len(cards) == 0 { // ALSA's library would write a page of complaints to the terminal
		return []backend{pulseAudio}
	}
	return []backend{pulseAudio, direct(malgo.BackendAlsa)}
}

// newContext connects to the system's sound, once for each stream, so that a sound server which was restarted is connected to anew.
func newContext(device string) (*malgo.AllocatedContext, backend, error) {
	var last error
	for _, b := range backends(device) {
		context, err := malgo.InitContext([]malgo.Backend{b.id}, malgo.ContextConfig{ThreadPriority: malgo.ThreadPriorityRealtime}, nil)
		if err == nil {
			return context, b, nil
		}
		last = err
	}
	return nil, backend{}, fmt.Errorf("%w: neither a sound server (PulseAudio, PipeWire) nor a sound card answers (%s)", ErrNoDevice, reason(last))
}

func freeContext(context *malgo.AllocatedContext) {
	_ = context.Uninit()
	context.Free()
}

// reason is what miniaudio says, without its name.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "miniaudio: ") }

func deviceType(kind Kind) malgo.DeviceType {
	if kind == Speaker {
		return malgo.Playback
	}
	return malgo.Capture
}

func listDevices(kind Kind) ([]Info, error) {
	context, _, err := newContext("")
	if err != nil {
		return nil, err
	}
	defer freeContext(context)
	infos, _, err := list(context, kind)
	return infos, err
}

func list(context *malgo.AllocatedContext, kind Kind) ([]Info, []malgo.DeviceInfo, error) {
	devices, err := context.Devices(deviceType(kind))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: listing them: %s", ErrNoDevice, reason(err))
	}
	infos := make([]Info, len(devices))
	for n := range devices {
		infos[n] = Info{Number: n + 1, Name: devices[n].Name(), Default: devices[n].IsDefault != 0}
	}
	return infos, devices, nil
}

// malgoStream is a stream of miniaudio's.
type malgoStream struct {
	context  *malgo.AllocatedContext
	device   *malgo.Device
	buffered time.Duration
	closing  atomic.Bool
	once     sync.Once
}

func openStream(c Config, do func([]int16), stopped func()) (stream, error) {
	context, b, err := newContext(c.Device)
	if err != nil {
		return nil, err
	}
	s := &malgoStream{context: context, buffered: b.latency}
	if err := s.open(b, c, do, stopped); err != nil {
		freeContext(context)
		return nil, err
	}
	return s, nil
}

func (s *malgoStream) open(b backend, c Config, do func([]int16), stopped func()) error {
	config := malgo.DefaultDeviceConfig(deviceType(c.Kind))
	config.SampleRate = Rate
	config.PeriodSizeInMilliseconds, config.Periods = uint32(b.period/time.Millisecond), b.periods
	config.PerformanceProfile = malgo.LowLatency
	config.NoFixedSizedCallback = 1 // else miniaudio collects a whole period first, which takes as long again
	config.Pulse.StreamNameCapture, config.Pulse.StreamNamePlayback = "Salsify", "Salsify"
	end := &config.Playback
	if c.Kind == Microphone {
		end = &config.Capture
		config.PeriodSizeInMilliseconds, config.Periods = uint32(Period/time.Millisecond), microphonePeriods
	}
	end.Format, end.Channels = malgo.FormatS16, uint32(c.Channels)

	if c.Device != "" && c.Device != NullDevice {
		infos, devices, err := list(s.context, c.Kind)
		if err != nil {
			return err
		}
		chosen, err := choose(infos, c.Kind, c.Device)
		if err != nil {
			return err
		}
		id := &devices[chosen.Number-1].ID
		var pinned runtime.Pinner // only while it is opened
		pinned.Pin(id)
		defer pinned.Unpin()
		end.DeviceID = unsafe.Pointer(id)
	}
	device, err := malgo.InitDevice(s.context.Context, config, malgo.DeviceCallbacks{
		Data: func(out, in []byte, _ uint32) {
			if c.Kind == Speaker {
				in = out
			}
			if len(in) > 0 && !s.closing.Load() {
				do(unsafe.Slice((*int16)(unsafe.Pointer(&in[0])), len(in)/2))
			}
		},
		Stop: func() {
			if !s.closing.Load() {
				stopped()
			}
		},
	})
	if err != nil {
		return fmt.Errorf("%w: it cannot be opened: %s", ErrNoDevice, reason(err))
	}
	if err := device.Start(); err != nil {
		device.Uninit()
		return fmt.Errorf("%w: it cannot be started: %s", ErrNoDevice, reason(err))
	}
	s.device = device
	return nil
}

func (s *malgoStream) close() {
	s.once.Do(func() {
		s.closing.Store(true)
		s.device.Uninit()
		freeContext(s.context)
	})
}

func (s *malgoStream) latency() time.Duration { return s.buffered }
