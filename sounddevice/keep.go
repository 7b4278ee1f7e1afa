package sounddevice

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// silentTooLong is how long a device may not ask or give before it counts as gone. A busy machine is late by less.
	silentTooLong = 3 * time.Second
	// retryAfter is how often a device that is gone is looked for.
	retryAfter = time.Second
	// closeTime is how long a stream may take to close. miniaudio's never does when its sound server was killed; it is left behind then,
	// with its thread, asleep.
	closeTime = time.Second
)

// stream is an open stream of the system's.
type stream interface {
	// close ends it; do is not called any more, even if close never returns.
	close()
	// latency is how long the buffer of a speaker lasts.
	latency() time.Duration
}

// opener opens a stream that calls do each period, and stopped when it ends by itself.
type opener func(c Config, do func([]int16), stopped func()) (stream, error)

// keeper keeps a device open until it is closed.
type keeper struct {
	config  Config
	open    opener
	stream  stream
	called  atomic.Int64  // how often Do was called
	latency atomic.Int64  // of the stream, in nanoseconds
	stopped chan struct{} // a stream has ended by itself
	ending  chan struct{}
	ended   chan struct{}
	once    sync.Once
}

func keep(c Config, open opener) (*keeper, error) {
	k := &keeper{config: c, open: open, stopped: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{})}
	if err := k.begin(); err != nil {
		return nil, err
	}
	go k.run()
	return k, nil
}

func (k *keeper) begin() error {
	s, err := k.open(k.config, k.do, func() {
		select {
		case k.stopped <- struct{}{}:
		default:
		}
	})
	if err == nil {
		k.stream = s
		k.latency.Store(int64(s.latency()))
	}
	return err
}

func (k *keeper) do(samples []int16) {
	k.called.Add(1)
	k.config.Do(samples, time.Now())
}

// run waits for the end of the stream, and opens it anew.
func (k *keeper) run() {
	defer close(k.ended)
	watch := time.NewTicker(silentTooLong)
	defer watch.Stop()
	called := k.called.Load()
	for {
		select {
		case <-k.ending:
			k.end()
			return
		case <-k.stopped:
		case <-watch.C:
			if before := called; before != k.called.Load() {
				called = k.called.Load()
				continue
			}
		}
		k.config.Report(fmt.Sprintf("the %v is gone; going on without, and looking for it each second", k.config.Kind))
		k.end()
		if !k.again() {
			return
		}
		k.config.Report(fmt.Sprintf("the %v is back", k.config.Kind))
		watch.Reset(silentTooLong)
		called = k.called.Load()
	}
}

// end closes the stream.
func (k *keeper) end() {
	closed := make(chan struct{})
	go func(s stream) {
		s.close()
		close(closed)
	}(k.stream)
	select {
	case <-closed:
	case <-time.After(closeTime):
	}
}

// again opens the stream as soon as that goes, and returns false if the device was closed meanwhile.
func (k *keeper) again() bool {
	retry := time.NewTicker(retryAfter)
	defer retry.Stop()
	for {
		select {
		case <-k.ending:
			return false
		case <-retry.C:
		}
		select { // what the old stream said
		case <-k.stopped:
		default:
		}
		if k.begin() == nil {
			return true
		}
	}
}

func (k *keeper) close() {
	k.once.Do(func() { close(k.ending) })
	<-k.ended
}
