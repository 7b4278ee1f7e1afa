package camera

import (
	"slices"
	"time"
)

// notes are the pictures that a system played itself.
//
// A code of a file that is played again and again says the picture's number modulo the file's length. Between two notes the source went on at
// its rate; so the number meant is that one of the code which is nearest to where the source has come since the last note. Notes may
// be missing: those of half a file's length, and more, if the source kept its rate.
type notes struct {
	interval time.Duration // between two pictures of the source
	loop     uint64        // pictures of the file; 0: it does not repeat
	pictures []Captured    // by number, and so by time
	last     Captured      // the last that was noted
}

// farthest is how far from where the source should be a code may say that it is; more is no picture of this video.
const farthest = 10 * time.Minute

// add notes a code. One that contradicts the others, such as a later picture at an earlier time, is left out.
func (n *notes) add(code uint64, at time.Time) {
	number := code
	if len(n.pictures) > 0 {
		if n.loop > 0 && code >= n.loop {
			return
		}
		expected := float64(n.last.Number) + float64(at.Sub(n.last.At))/float64(n.interval)
		if n.loop > 0 {
			// How many times round, to the nearest.
			rounds := (expected - float64(code)) / float64(n.loop)
			if rounds > 0 {
				number += uint64(rounds+0.5) * n.loop
			}
		}
		if off := float64(number) - expected; max(off, -off) > float64(farthest/n.interval) {
			return
		}
	}
	picture := Captured{Number: number, At: at, Taken: at}
	index, known := slices.BinarySearchFunc(n.pictures, number, func(p Captured, number uint64) int {
		if p.Number < number {
			return -1
		}
		return int(min(p.Number-number, 1))
	})
	switch {
	case known,
		index > 0 && n.pictures[index-1].At.After(at),
		index < len(n.pictures) && n.pictures[index].At.Before(at):
		return
	}
	n.pictures = slices.Insert(n.pictures, index, picture)
	n.last = picture
}

// captured returns what was noted before an instant, and what lies between.
func (n *notes) captured(until time.Time) []Captured {
	var all []Captured
	for i, p := range n.pictures {
		if i > 0 {
			before := n.pictures[i-1]
			for number := before.Number + 1; number < p.Number; number++ {
				if at := between(before, p, number); at.Before(until) {
					all = append(all, Captured{Number: number, At: at})
				}
			}
		}
		if !p.At.Before(until) {
			break
		}
		all = append(all, p)
	}
	return all
}

// between returns when a picture was there that nobody noted, from the two around it.
func between(before, after Captured, number uint64) time.Time {
	share := float64(number-before.Number) / float64(after.Number-before.Number)
	return before.At.Add(time.Duration(share * float64(after.At.Sub(before.At))))
}

// resolve returns the newest picture of a code that was captured before an instant.
func (n *notes) resolve(code uint64, at time.Time) (number uint64, ok bool) {
	// The first noted at the instant or later.
	next, _ := slices.BinarySearchFunc(n.pictures, at, func(p Captured, at time.Time) int { return p.At.Compare(at) })
	if next == 0 {
		return 0, false
	}
	// The newest captured before, whether it was noted or lies between.
	newest := n.pictures[next-1].Number
	if next < len(n.pictures) {
		for after := n.pictures[next]; newest+1 < after.Number && between(n.pictures[next-1], after, newest+1).Before(at); {
			newest++
		}
	}
	number = code
	if n.loop > 0 {
		if code >= n.loop || newest < code {
			return 0, false
		}
		number = newest - (newest-code)%n.loop
	}
	return number, number >= n.pictures[0].Number && number <= newest
}
