package mic

import (
	"context"
	"sync"
	"time"
)

// maxWaiting is how much sound may wait for who is late: a little, since each drop is heard, unlike that of a picture.
const maxWaiting = 60 * time.Millisecond

// queue holds the newest frames.
type queue struct {
	wake chan struct{} // something is new

	lock    sync.Mutex // held for the copy of a frame only: the device's thread waits for it
	frames  []Frame    // a ring; its memory is all there from the beginning
	first   int        // the oldest
	waiting int
	closed  bool
	stats   Stats
}

func newQueue(frame time.Duration, samples int) *queue {
	q := &queue{wake: make(chan struct{}, 1), frames: make([]Frame, maxWaiting/frame)}
	for n := range q.frames {
		q.frames[n].Samples = make([]int16, samples)
	}
	return q
}

func (q *queue) put(samples []int16, number uint64, captured time.Time) {
	q.lock.Lock()
	q.stats.Frames++
	if q.waiting == len(q.frames) {
		q.first, q.waiting = (q.first+1)%len(q.frames), q.waiting-1
		q.stats.Dropped++
	}
	f := &q.frames[(q.first+q.waiting)%len(q.frames)]
	copy(f.Samples, samples)
	f.Number, f.Captured = number, captured
	q.waiting++
	q.lock.Unlock()
	q.signal()
}

func (q *queue) gap() {
	q.lock.Lock()
	q.stats.Gaps++
	q.lock.Unlock()
}

func (q *queue) close() {
	q.lock.Lock()
	q.closed = true
	q.lock.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) next(ctx context.Context, f *Frame) error {
	for {
		if taken, err := q.take(f); taken || err != nil {
			return err
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take copies the oldest frame that waits, if there is one.
func (q *queue) take(f *Frame) (bool, error) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if q.closed {
		q.signal() // for the next who asks
		return false, ErrClosed
	}
	if q.waiting == 0 {
		return false, nil
	}
	oldest := &q.frames[q.first]
	f.Samples = append(f.Samples[:0], oldest.Samples...)
	f.Number, f.Captured = oldest.Number, oldest.Captured
	q.first, q.waiting = (q.first+1)%len(q.frames), q.waiting-1
	return true, nil
}

func (q *queue) statistics() Stats {
	q.lock.Lock()
	defer q.lock.Unlock()
	return q.stats
}
