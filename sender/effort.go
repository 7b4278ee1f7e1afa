package sender

import "time"

// The codec's effort follows the time that it takes: as high as lets the candidates be ready within a share of the time between
// two pictures. What is learned late is sent late, so not all of that time may be used.

const (
	tooLong  = 0.7 // share of the interval above which the effort is lowered
	headroom = 0.4 // and below which it is raised
	// pause is how long the effort is watched before it is raised; it is lowered at once.
	pause = time.Second
)

// effort is the controller.
type effort struct {
	level, max int
	times      smoothed
	changed    time.Time
	watched    int // pictures since the last change
}

func newEffort(max int) effort { return effort{level: min(2, max), max: max} }

// time is how long the candidates of a picture take.
func (e *effort) time() time.Duration { return e.times.value() }

// took learns from one picture.
func (e *effort) took(d, interval time.Duration, now time.Time) {
	e.times.add(d)
	e.watched++
	share := float64(e.times.value()) / float64(interval)
	switch {
	case share > tooLong && e.level > 0 && e.watched >= 4:
		e.level--
	case share < headroom && e.level < e.max && e.watched >= 4 && now.Sub(e.changed) >= pause:
		e.level++
	default:
		return
	}
	e.changed, e.watched = now, 0
}
