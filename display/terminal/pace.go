package terminal

import "time"

const (
	// maxAhead is how many pictures may be on their way to the terminal. With two, it has one to draw while the answer to the other
	// travels; more would only wait in the buffers of a slow line.
	maxAhead = 2
	// patience is how long an answer is waited for. Where none comes in that time the terminal is busy, or the answer is lost; where none
	// has ever come it does not answer, and is not waited for again.
	patience = time.Second
)

// pace says when the next picture may be drawn: when the line has had time to carry those before at its rate, and the terminal has told
// that it has drawn all but the last.
type pace struct {
	bytesPerSecond float64
	free           time.Time // the line has carried everything by then
	ahead          int       // pictures that were drawn without an answer
	asked          time.Time // when the last was
	answers, mute  bool      // it has ever answered; it never did, though there was time
}

// next returns when a picture may be drawn, if no answer comes before.
func (p *pace) next() time.Time {
	if at := p.asked.Add(patience); p.ahead >= maxAhead && !p.mute && at.After(p.free) {
		return at
	}
	return p.free
}

// wrote counts what was written from one instant to another: the writer is held up where the line takes less than its rate.
func (p *pace) wrote(bytes int, began, ended time.Time) {
	if began.After(p.free) {
		p.free = began
	}
	p.free = p.free.Add(time.Duration(float64(bytes) / p.bytesPerSecond * float64(time.Second)))
	if ended.After(p.free) {
		p.free = ended
	}
}

// ask counts a picture that the terminal will answer.
func (p *pace) ask(now time.Time) {
	if p.ahead >= maxAhead { // patience has ended
		p.ahead, p.mute = 0, !p.answers
	}
	p.ahead++
	p.asked = now
}

func (p *pace) answered() {
	p.ahead, p.answers, p.mute = max(0, p.ahead-1), true, false
}
