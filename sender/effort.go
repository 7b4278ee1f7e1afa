package sender

import "time"

// The codec's effort follows the time that it takes: as high as lets the candidates be ready within a share of the time between
// two pictures. What is learned late is sent late, so not all of that time may be used; and where the network has room to spare
// for the finest pictures that are worth it, bytes need not be saved, and the least effort shows them soonest. Where even that
// takes too long, the quantizer is kept up: on a fast network most of the time goes into the noise of fine pictures. The efforts below
// are for machines that are too slow for that as well.

const (
	tooLong = 0.9 // share of the interval above which less is done: all of it would cost pictures
	// hurried is the share after which a picture should be ready though it takes longer than others, as at a cut to another scene: the
	// rest of it is coded with less effort. It is above 1, so that the controller, which goes by the mean, still sees what is too much.
	hurried = 1.5
	// finer is the share below which the least quantizer is lowered, headroom that below which the effort is raised, which
	// may take half as much time again.
	finer    = 0.75
	headroom = 0.5
	// How long the times are watched before more is done; less is done as soon as some pictures have shown it.
	finerPause    = 250 * time.Millisecond
	headroomPause = time.Second
	watched       = 4 // pictures

	// leastEffort is the least that is used while there is a quantizer to be kept up: the ones below choose modes without trying them,
	// which takes more bytes for the same picture (docs/codec.md, Efforts).
	leastEffort = 2

	minQuantizer  = 8  // below, any camera's noise takes all bytes, and nobody sees it
	maxLeast      = 32 // the least quantizer is not raised further: rather fewer pictures than that coarse ones
	quantizerStep = 3
)

// effort is the controller.
type effort struct {
	level, max int
	least      int // quantizer index: none finer is used
	times      smoothed
	changed    time.Time
	watched    int // pictures since the last change
}

func newEffort(max int) effort {
	return effort{level: min(leastEffort, max), max: max, least: minQuantizer}
}

// time is how long the candidates of a picture take.
func (e *effort) time() time.Duration { return e.times.value() }

// took learns from one picture, and whether the network had room to spare for it.
func (e *effort) took(d, interval time.Duration, spare bool, now time.Time) {
	e.times.add(d)
	e.watched++
	if e.watched < watched {
		return
	}
	share := float64(e.times.value()) / float64(interval)
	switch {
	case share > tooLong && e.level > leastEffort:
		e.level--
	case share > tooLong && e.least < maxLeast:
		e.least += quantizerStep
	case share > tooLong && e.level > 0:
		e.level--
	case share < finer && e.least > minQuantizer && e.level >= leastEffort && now.Sub(e.changed) >= finerPause:
		e.least -= quantizerStep
	case spare && e.level >= leastEffort:
		if e.level == leastEffort || now.Sub(e.changed) < finerPause {
			return
		}
		e.level--
	case share < headroom && e.level < e.max && now.Sub(e.changed) >= headroomPause:
		e.level++
	default:
		return
	}
	e.changed, e.watched = now, 0
}
