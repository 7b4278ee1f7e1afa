package call

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"salsify/capture/mic"
	"salsify/cmd/internal/metrics"
	"salsify/display"
	"salsify/display/speaker"
	"salsify/receiver"
	"salsify/sound"
	"salsify/transport/wire"
)

// Sounding says where sound comes from and where it is heard, by flags that both programs have.
type Sounding struct {
	None            bool
	Mic, Speaker    string // as mic.Open and speaker.Open take them; "": the default ones
	Muted           bool
	Volume          float64
	Frame           time.Duration
	MaxPictureDelay time.Duration
}

// AddFlags adds the flags to a program's.
func (s *Sounding) AddFlags(set *pflag.FlagSet) {
	set.BoolVar(&s.None, "no-audio", false, "neither send nor play sound")
	set.StringVar(&s.Mic, "mic", "", "microphone `NAME`, or a part of it, or its number, of --list-devices; FILE.wav, tone: or none (default: the system's)")
	set.StringVar(&s.Speaker, "speaker", "", "speaker `NAME`, or a part of it, or its number; FILE.wav or none (default: the system's)")
	set.BoolVar(&s.Muted, "mute", false, "send no sound, but play what comes")
	set.Float64Var(&s.Volume, "volume", 1, "how loud sound is played: 0 to 4, 1 is as it came")
	set.DurationVar(&s.Frame, "audio-frame", mic.DefaultFrame, "sound in a packet: 10ms or 20ms; 10ms comes sooner and takes more")
	set.DurationVar(&s.MaxPictureDelay, "max-picture-delay", defaultPictureDelay, "how long pictures may be held back for sound that comes later; 0s is never")
}

// defaultPictureDelay is what small pictures on a fast network have to wait to be within 45 ms of their sound, which takes its packets'
// 20 ms and the buffers of two devices.
const defaultPictureDelay = 20 * time.Millisecond

// maxPictureDelay is the most that --max-picture-delay may be: nobody can talk with more.
const maxPictureDelay = time.Second

// Check finds values that make no sense.
func (s *Sounding) Check() error {
	switch {
	case s.Frame != 10*time.Millisecond && s.Frame != 20*time.Millisecond:
		return fmt.Errorf("--audio-frame is %v: give 10ms or 20ms", s.Frame)
	case !(s.Volume >= 0 && s.Volume <= speaker.MaxVolume):
		return fmt.Errorf("--volume is %v: give 0 to %v", s.Volume, float64(speaker.MaxVolume))
	case s.MaxPictureDelay < 0 || s.MaxPictureDelay > maxPictureDelay:
		return fmt.Errorf("--max-picture-delay is %v: give 0s to %v", s.MaxPictureDelay, maxPictureDelay)
	}
	return nil
}

// Sound is a program's sound. Its devices are opened when they are first needed.
type Sound struct {
	flags    *Sounding
	say      func(format string, arguments ...any)
	exchange *sound.Exchange

	lock    sync.Mutex
	speaks  bool // it was tried to open a microphone
	hears   bool // and a speaker
	mic     *mic.Mic
	speaker *speaker.Speaker
	last    sound.Stats // when Lines was called last
}

// Open returns the sound of a program that tells its user of devices by say.
func (s *Sounding) Open(say func(format string, arguments ...any)) *Sound {
	return &Sound{flags: s, say: say, exchange: &sound.Exchange{Frame: s.Frame, MaxPictureDelay: s.MaxPictureDelay}}
}

// Connection is what a call goes over, as transport/rtc has it at both ends.
type Connection interface {
	sound.Connection
	Status() (wire.Status, bool)
	Sends() bool
	Receives() bool
	Sounds() bool
}

// Run sends and plays sound over a connection, until its context ends or the connection does. path is what sound shares with our video;
// nil where we send none.
func (s *Sound) Run(ctx context.Context, c Connection, path sound.Path) {
	if s.flags.None || !c.Sounds() {
		return
	}
	s.devices(c.Sends() && path != nil, c.Receives())
	_ = s.exchange.Run(ctx, c, path) // its end is the connection's
}

// devices opens what is needed and not open yet. Where there is none, that is said once.
func (s *Sound) devices(speak, hear bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	report := func(message string) { s.say("sound: %s", message) }
	if speak && !s.speaks {
		s.speaks = true
		m, err := mic.Open(mic.Options{Device: s.flags.Mic, Frame: s.flags.Frame, Channels: sound.Channels, Report: report})
		if err == nil {
			m.Mute(s.flags.Muted)
			s.mic, s.exchange.Microphone = m, m
		} else {
			s.say("no sound is sent: %v", err)
		}
	}
	if hear && !s.hears {
		s.hears = true
		var p *speaker.Speaker
		opened := make(chan struct{}) // Pull may be called before Open returns
		s.exchange.Latency = func() time.Duration {
			select {
			case <-opened:
				return p.Latency()
			default:
				return 0
			}
		}
		var err error
		p, err = speaker.Open(speaker.Options{Device: s.flags.Speaker, Channels: sound.Channels, Pull: s.exchange.Pull, Report: report})
		if err == nil {
			close(opened)
			p.SetVolume(s.flags.Volume)
			s.speaker = p
		} else {
			s.say("no sound is played: %v", err)
		}
	}
}

// Shown takes in a picture that was handed to the display.
func (s *Sound) Shown(e receiver.Event) {
	if e.Shown && !s.flags.None {
		s.exchange.Shown(e.At.Add(s.exchange.HoldPicture()), e.Timestamp)
	}
}

// Display returns a display that holds pictures back for sound, as far as that is allowed.
func (s *Sound) Display(d display.Display) display.Display {
	if s.flags.None || s.flags.MaxPictureDelay == 0 {
		return d
	}
	return display.Hold(d, s.exchange.HoldPicture)
}

// Mute mutes the microphone, or ends that, and tells which.
func (s *Sound) Mute() (muted, possible bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.mic == nil {
		return false, false
	}
	s.mic.Mute(!s.mic.Muted())
	return s.mic.Muted(), true
}

// Lines are what an overlay shows of sound since they were last asked for.
func (s *Sound) Lines() (lines []string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.mic != nil {
		state := fmt.Sprintf("%.0f dB", s.mic.Level())
		if s.mic.Muted() {
			state = "muted"
		}
		lines = append(lines, "microphone: "+state)
	}
	now, running := s.exchange.Stats()
	if s.speaker == nil || !running || now.Received == 0 {
		return lines
	}
	of := func(now, before uint64) uint64 { return now - min(now, before) }
	line := fmt.Sprintf("sound: waits %d ms (target %d), lost %d, of these mended %d, made up %d", now.Playing.Milliseconds(), now.Target.Milliseconds(),
		of(now.Lost, s.last.Lost), of(now.Recovered, s.last.Recovered), of(now.Concealed, s.last.Concealed))
	if now.Aligned {
		line += fmt.Sprintf(", %+d ms after the picture", now.Skew.Milliseconds())
	}
	s.last = now
	return append(lines, line)
}

// Line is what the line of the last second tells of sound; empty where none is heard.
func (s *Sound) Line() string {
	now, running := s.exchange.Stats()
	if !running || now.Received == 0 {
		return ""
	}
	return fmt.Sprintf(" | sound waits %d ms", now.Playing.Milliseconds())
}

// Metric is a figure of the sound that is heard; 0 while none is.
func (s *Sound) Metric(name, help string, value func(sound.Stats) float64) metrics.Metric {
	return metrics.Metric{Name: name, Help: help, Value: func() float64 {
		now, running := s.exchange.Stats()
		if !running {
			return 0
		}
		return value(now)
	}}
}

// Close closes the devices.
func (s *Sound) Close() error {
	s.lock.Lock()
	defer s.lock.Unlock()
	var errs []error
	if s.mic != nil {
		errs = append(errs, s.mic.Close())
	}
	if s.speaker != nil {
		errs = append(errs, s.speaker.Close())
	}
	return errors.Join(errs...)
}
