package vp8

import (
	"sync"
	"time"
)

// How frames are ready by a deadline:
//
//  1. Before each row of macroblocks the pace is looked at: how long a row takes, by the rows so far.
//  2. From that follows when the frames would be ready, at each effort for the rest.
//  3. The row, in all candidates of the picture, is coded with the highest effort that is in time, up to the one asked for.
//  4. What comes behind the rows is done as at the lowest effort that was needed.
//
// This is the one place where the codec reads a clock, and the one thing on which its bytes depend beside its arguments.

// rowTime is how long a row of macroblocks takes at each effort, as a multiple of effort 0, and restTime what comes behind the rows (loop
// filter, probabilities, writing), as a multiple of all rows at effort 0: medians of 720p clips with light grain, of talking heads and of
// high motion, at quantizer indices 15 and 45. Above effort 7 the rest takes twice that, a small part of the whole.
var rowTime = [MaxEffort + 1]float64{1, 1.1, 1.8, 1.9, 2.2, 2.3, 3.2, 5, 7, 10, 26}

const restTime = 0.5

// pace is shared by the goroutines that code a picture's rows.
type pace struct {
	deadline time.Time
	began    time.Time
	asked    int // the effort
	rows     int

	sync.Mutex
	begun, done float64 // rows so far, in units of a row at effort 0
	next        int     // the number of rows that were begun
	lowest      int     // effort so far
}

// set begins now, with a number of rows to code. There is no deadline if that is zero.
func (p *pace) set(deadline time.Time, asked, rows int) {
	p.deadline, p.asked, p.lowest, p.rows = deadline, asked, asked, rows
	p.begun, p.done, p.next = 0, 0, 0
	if !deadline.IsZero() {
		p.began = time.Now()
	}
}

// setFor begins now, for encoders of one picture.
func (p *pace) setFor(all []*encoder) {
	var deadline time.Time
	asked := MinEffort
	for _, e := range all {
		asked = max(asked, e.options.Effort)
		if d := e.options.Deadline; !d.IsZero() && (deadline.IsZero() || d.Before(deadline)) {
			deadline = d
		}
	}
	p.set(deadline, asked, all[0].rdo.Modes.Rows)
}

// begin gives the effort for the next row.
func (p *pace) begin() int {
	if p.deadline.IsZero() {
		return p.asked
	}
	now := time.Now()
	p.Lock()
	defer p.Unlock()
	effort := p.asked
	left := p.deadline.Sub(now).Seconds()
	if done := (p.begun + p.done) / 2; done > 0 { // what is on its way is half done, on average
		unit := now.Sub(p.began).Seconds() / done
		other := p.begun - done + float64(p.rows)*restTime
		for effort > MinEffort && unit*(float64(p.rows-p.next)*rowTime[effort]+other) > left {
			effort--
		}
	} else if left <= 0 {
		effort = MinEffort
	}
	p.next++
	p.begun += rowTime[effort]
	p.lowest = min(p.lowest, effort)
	return effort
}

// end notes that a row with that effort is done.
func (p *pace) end(effort int) {
	p.Lock()
	p.done += rowTime[effort]
	p.Unlock()
}
