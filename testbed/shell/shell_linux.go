package shell

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"salsify/testbed/emulator"
)

// Shell is a running pair of places. Its methods may be called from any goroutine.
type Shell struct {
	emulator        *emulator.Emulator
	inside, outside *Place
	stop            int // eventfd that ends the readers
	readers         sync.WaitGroup
	closing         sync.Once
	closed          error // what Close returned
}

// Open makes both places, between which links carry packets that only delay, until Begin. ctx bounds the opening alone. An error
// says what is wrong with config, or as Missing does what the machine lacks.
func Open(ctx context.Context, config Config) (*Shell, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	s := &Shell{stop: -1}
	if err := s.open(config); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Shell) open(config Config) (err error) {
	if s.stop, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("shell: no way to end its threads: %w", err)
	}
	if s.outside, err = newPlace(config.PrivateOutside); err != nil {
		return err
	}
	if s.inside, err = newPlace(true); err != nil {
		return err
	}
	if err := s.connect(config.PrivateOutside); err != nil {
		return err
	}
	s.emulator, err = emulator.New(emulator.Config{Up: config.Up, Down: config.Down, PacketLog: config.PacketLog}, s.write)
	if err != nil {
		return fmt.Errorf("shell: %w", err)
	}
	s.readers.Go(func() { s.read(s.inside, emulator.Up) })
	s.readers.Go(func() { s.read(s.outside, emulator.Down) })
	return nil
}

// connect makes the devices. The one outside comes first: by its name it decides which addresses are ours.
func (s *Shell) connect(private bool) error {
	var chosen block
	if err := s.outside.do(func() (err error) {
		s.outside.device, chosen, err = chooseBlock()
		if err != nil {
			return err
		}
		return s.outside.device.configure(chosen.outside(), chosen.inside(), chosen.Bits(), private)
	}); err != nil {
		return err
	}
	s.outside.address, s.inside.address = chosen.outside(), chosen.inside()
	return s.inside.do(func() (err error) {
		s.inside.device, err = openDevice(insideName)
		if err != nil {
			return err
		}
		return s.inside.device.configure(chosen.inside(), chosen.outside(), chosen.Bits(), true)
	})
}

// Begin starts the links as they are configured, and returns the instant at which it did; see emulator.Emulator.Begin.
func (s *Shell) Begin() time.Time { return s.emulator.Begin() }

// Inside returns the place behind the links.
func (s *Shell) Inside() *Place { return s.inside }

// Outside returns the place before the links.
func (s *Shell) Outside() *Place { return s.outside }

// Cut(true) cuts the wire, until Cut(false); see emulator.Emulator.Cut.
func (s *Shell) Cut(cut bool) { s.emulator.Cut(cut) }

// Stats returns what has happened since Begin.
func (s *Shell) Stats() emulator.Stats { return s.emulator.Stats() }

// Close removes both devices and drops what is on its way. A namespace is gone when the last program that runs in it has ended;
// ending them is up to who started them. It returns the first error of the packet log, if any, and may be called again.
func (s *Shell) Close() error {
	s.closing.Do(func() {
		if s.stop >= 0 {
			_, _ = unix.Write(s.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // any count but 0 wakes both readers, for good
		}
		s.readers.Wait()
		if s.emulator != nil {
			s.closed = s.emulator.Close()
		}
		for _, p := range []*Place{s.inside, s.outside} {
			if p != nil {
				p.close()
			}
		}
		if s.stop >= 0 {
			_ = unix.Close(s.stop)
		}
	})
	return s.closed
}
